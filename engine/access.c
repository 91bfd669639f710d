/*
 * access: who gets the lines of the access log.
 *
 * Called by serve.c. As a rule C writes them, and Python hears nothing of it. About once a
 * second python/fastrapi/access.py looks whether the application has changed the logger
 * `uvicorn.access`; if so, it gets each request, and says whether C is to write the line all
 * the same, or another one.
 */
#include "engine/access.h"

#include <stdlib.h>
#include <string.h>

#include "base/access.h"
#include "base/log.h"
#include "worker/access_line.h"
#include "worker/worker.h"

enum { RECORDS_MAX = 10000 };	/* that wait for Python; more are lost */

/* What look() says of the logger. */
enum { LOOK_UNCHANGED, LOOK_CHANGED, LOOK_ASKED, LOOK_DISABLED };

/* A request for Python: its texts, one behind the other. */
struct record {
	struct list_node node;
	int status, minor;
	int64_t port;
	size_t host, method, target, line;	/* bytes of each */
	char texts[];
};

static bool
on_take(void *arg, const struct worker_access_facts *f, const char *line, size_t len)
{
	struct engine_access *a = arg;
	const struct hx_request *req = &f->x->req;
	size_t host = f->origin->host.len, method = req->method_name.len, target = req->target.len;
	struct record *r = a->n_records < RECORDS_MAX ?
	    malloc(sizeof(*r) + host + method + target + len) : NULL;
	char *to;

	if (r == NULL)
		return false;
	*r = (struct record){ .status = f->status, .minor = req->h1.minor, .port = f->origin->port,
		.host = host, .method = method, .target = target, .line = len };
	to = r->texts;
	if (host > 0)
		memcpy(to, f->origin->host.ptr, host);
	if (method > 0)
		memcpy(to + host, req->method_name.ptr, method);
	if (target > 0)
		memcpy(to + host + method, req->target.ptr, target);
	memcpy(to + host + method + target, line, len);
	list_append(&a->records, &r->node);
	a->n_records++;
	io_turn_push(a->turn, &a->job);
	return true;
}

static void
on_look(void *arg)
{
	struct engine_access *a = arg;

	a->look_due = true;
	io_turn_push(a->turn, &a->job);
}

/* What Python says: a number, 0 when it fails. */
static long
number_take(PyObject *said, PyObject *who)
{
	long n = said != NULL ? PyLong_AsLong(said) : -1;

	Py_XDECREF(said);
	if (n >= 0 || !PyErr_Occurred())
		return n;
	PyErr_WriteUnraisable(who);
	return 0;
}

static void
record_tell(struct engine_access *a, const struct record *r)
{
	const char *method = r->texts + r->host, *target = method + r->method;
	const char *line = target + r->target;
	PyObject *said = PyObject_CallFunction(a->take, "y#Liiy#y#", r->texts,
	    (Py_ssize_t)r->host, (long long)r->port, r->minor, r->status, method,
	    (Py_ssize_t)r->method, target, (Py_ssize_t)r->target);

	if (said != NULL && PyBytes_Check(said)) {
		worker_access_write(a->log, PyBytes_AS_STRING(said), (size_t)PyBytes_GET_SIZE(said));
		Py_DECREF(said);
	} else if (number_take(said, a->take) != 0) {
		worker_access_write(a->log, line, r->line);
	}
}

/* Does Python get the requests, when look() has said that? Loggers are often disabled by
 * mistake, by a dictConfig() that does not mention them: that does not count where a setting
 * asks for the log. */
static bool
is_taken(const struct engine_access *a, long said)
{
	return said != LOOK_UNCHANGED && !(said == LOOK_DISABLED && a->asked);
}

static void
records_tell(struct engine_access *a)
{
	struct list_node *node;

	while ((node = list_take(&a->records)) != NULL) {
		struct record *r = container_of(node, struct record, node);

		a->n_records--;
		record_tell(a, r);
		free(r);
	}
}

static void
on_job(struct io_job *job)
{
	struct engine_access *a = container_of(job, struct engine_access, job);

	if (a->log == NULL)
		return;
	records_tell(a);
	if (a->look_due)
		worker_access_take(a->log,
		    is_taken(a, number_take(PyObject_CallNoArgs(a->look), a->look)));
	a->look_due = false;
}

int
engine_access_begin(struct engine_access *a, struct worker *w, unsigned generation,
    PyObject *look, PyObject *take)
{
	const struct worker_access_hand hand = { on_take, on_look, a };
	char why[WORKER_ACCESS_WHY_BYTES];
	long said;

	list_init(&a->records);
	a->turn = w->turn;
	a->job.run = on_job;
	Py_XSETREF(a->look, Py_NewRef(look));
	Py_XSETREF(a->take, Py_NewRef(take));
	a->asked = worker_access_wanted(&w->options.conf, false);
	said = number_take(PyObject_CallNoArgs(look), look);
	if (!worker_access_wanted(&w->options.conf, said == LOOK_ASKED))
		return 0;
	a->log = worker_access_new(&w->options.conf, log_name(), generation, why);
	if (a->log == NULL) {
		PyErr_SetString(PyExc_RuntimeError, why);
		return -1;
	}
	worker_access_hand_over(a->log, &hand);
	worker_access_take(a->log, is_taken(a, said));
	worker_access_attach(a->log, w);
	return 0;
}

void
engine_access_end(struct engine_access *a)
{
	struct worker_access *log = a->log;

	if (log != NULL) {
		records_tell(a);
		io_turn_remove(&a->job);
		a->log = NULL;
		Py_BEGIN_ALLOW_THREADS
		worker_access_free(log);
		Py_END_ALLOW_THREADS
	}
	Py_CLEAR(a->look);
	Py_CLEAR(a->take);
}

void
engine_access_reopen(struct engine_access *a)
{
	if (a->log != NULL)
		worker_access_reopen(a->log);
}
