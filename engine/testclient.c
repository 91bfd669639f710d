/*
 * testclient: the Python type MemoryConnection.
 *
 * Called by module.c (the type). One HTTP connection whose bytes come from and go to
 * Python, on the very same code as a socket's: worker/conn, conductor, reply. It must
 * live on a running fastrapi event loop.
 */
#include "engine/testclient.h"

#include <errno.h>
#include <stdlib.h>
#include <structmember.h>
#include <sys/uio.h>

#include "bindings/app.h"
#include "bindings/asgi/observer.h"
#include "bindings/loop/local.h"
#include "bindings/request.h"
#include "engine/settings.h"
#include "worker/conn.h"
#include "worker/worker.h"

struct memory {
	PyObject_HEAD
	struct pyb_app *app;		/* strong */
	struct pyb_loop_local *local;		/* strong */
	struct worker *w;		/* as long as its connection */
	struct worker_conn *c;		/* NULL once freed; until then it holds this object */
	struct pyb_observer seen;
	PyObject *settings;		/* owns the texts of the worker's options */
	PyObject *waiter;		/* future of read(), or NULL */
	char *out;
	size_t out_len, out_cap;
	bool gone;			/* the client is: answers are dropped */
	struct io_job wake_job;
};

/* The loop may be closed before this object is gone. */
static bool
is_open(const struct memory *m)
{
	return m->c != NULL && m->local->loop != NULL;
}

static void
wake(struct memory *m)
{
	if (m->local->loop != NULL)
		io_turn_push(m->local->turn, &m->wake_job);
}

/* FIFO: output has come, or the end; the reader looks again. */
static void
wake_run(struct io_job *job)
{
	struct memory *m = container_of(job, struct memory, wake_job);
	PyObject *waiter = m->waiter, *done;
	struct pyb_module_state *st = m->app->st;

	m->waiter = NULL;
	if (waiter == NULL)
		return;
	done = PyObject_CallMethodNoArgs(waiter, st->n_done);
	if (done == Py_False)
		Py_XSETREF(done, PyObject_CallMethodOneArg(waiter, st->n_set_result, Py_None));
	if (done == NULL)
		PyErr_WriteUnraisable((PyObject *)m);
	Py_XDECREF(done);
	Py_DECREF(waiter);
}

static ssize_t
memory_write(void *to, const struct iovec *iov, int n, bool more)
{
	struct memory *m = to;
	size_t total = 0;

	(void)more;
	for (int i = 0; m->gone && i < n; i++)
		total += iov[i].iov_len;
	if (m->gone)
		return (ssize_t)total;
	if (m->out_len >= WORKER_HIGH_WATER) {
		errno = EAGAIN;
		return -1;
	}
	for (int i = 0; i < n; i++) {
		size_t want = m->out_len + iov[i].iov_len;

		if (want > m->out_cap) {
			char *grown = realloc(m->out, want * 2);

			if (grown == NULL) {
				errno = EPIPE;
				return -1;
			}
			m->out = grown;
			m->out_cap = want * 2;
		}
		memcpy(m->out + m->out_len, iov[i].iov_base, iov[i].iov_len);
		m->out_len = want;
		total += iov[i].iov_len;
	}
	wake(m);
	return (ssize_t)total;
}

/* Python feeds when it likes and takes when it likes: nothing to switch. */
static void
memory_reading(void *to, bool on)
{
	(void)to;
	(void)on;
}

/* take() flushes again. */
static void
memory_want_write(void *to)
{
	(void)to;
}

/* There is no reset that could destroy the answer: close at once. */
static bool
memory_linger(void *to)
{
	(void)to;
	return false;
}

static void
memory_closed(void *to, bool reset)
{
	(void)reset;
	wake(to);
}

static const struct worker_transport memory_transport = {
	.peer = { .write = memory_write },
	.reading = memory_reading,
	.want_write = memory_want_write,
	.linger = memory_linger,
	.close = memory_closed,
};

/* The connection is freed, and no longer keeps this object. */
static void
on_empty(void *arg)
{
	struct memory *m = arg;

	m->c = NULL;
	worker_free(m->w);
	m->w = NULL;
	wake(m);
	Py_DECREF((PyObject *)m);
}

static void
on_idle(PyObject *self)
{
	wake((struct memory *)self);
}

/* MemoryConnection(app, loop, client, server, scheme, state, settings) */
static PyObject *
memory_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
	struct pyb_module_state *st = PyType_GetModuleState(type);
	PyObject *app, *loop, *client, *server, *state, *settings;
	struct worker_options options;
	const char *scheme;
	struct memory *m;

	if (!PyArg_ParseTuple(args, "O!OOOsOO!:MemoryConnection", st->app_type, &app, &loop,
	    &client, &server, &scheme, &state, &PyDict_Type, &settings))
		return NULL;
	m = (struct memory *)type->tp_alloc(type, 0);
	if (m == NULL)
		return NULL;
	m->wake_job.run = wake_run;
	m->app = (struct pyb_app *)Py_NewRef(app);
	worker_options_init(&options);
	if (engine_settings_read(settings, &options.conf, &m->settings) < 0 ||
	    pyb_observer_init(&m->seen, (PyObject *)m, on_idle, client, server, state) < 0 ||
	    (m->local = pyb_local_get(st, loop)) == NULL)
		goto failed;
	options.conf.proxy_headers = false;	/* the test says itself who asks */
	options.scheme = strcmp(scheme, "https") == 0 ? "https" : "http";
	m->w = worker_new(m->local->turn, m->app, m->local, &options);
	m->c = m->w != NULL ? worker_conn_new_over(m->w, &memory_transport, m) : NULL;
	if (m->c == NULL) {
		PyErr_NoMemory();
		goto failed;
	}
	m->c->x.upper.observer = &m->seen;
	m->c->x.root_in_path = true;	/* Starlette's TestClient adds nothing to the path */
	worker_on_empty(m->w, on_empty, Py_NewRef((PyObject *)m));
	return (PyObject *)m;
failed:
	Py_DECREF(m);
	return NULL;
}

static PyObject *
memory_feed(PyObject *self, PyObject *arg)
{
	struct memory *m = (struct memory *)self;
	PyObject *context = PyContext_CopyCurrent();
	Py_buffer bytes;

	if (context == NULL)
		return NULL;
	Py_XSETREF(m->seen.context, context);
	if (PyObject_GetBuffer(arg, &bytes, PyBUF_SIMPLE) < 0)
		return NULL;
	if (is_open(m))
		worker_conn_feed(m->c, bytes.buf, (size_t)bytes.len);
	PyBuffer_Release(&bytes);
	Py_RETURN_NONE;
}

/* The client is gone. An application that runs is told; a request that arrived
 * whole but has not begun still runs, as it would behind a socket. */
static PyObject *
memory_eof(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	struct memory *m = (struct memory *)self;

	m->gone = true;
	if (is_open(m) && m->c->state != CONN_DEAD)
		worker_conn_eof(m->c, pyb_request_active(&m->c->x));
	Py_RETURN_NONE;
}

/* Whatever runs, the connection is over; for the end of a test. */
static PyObject *
memory_close(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	struct memory *m = (struct memory *)self;

	if (is_open(m)) {
		worker_conn_kill(m->c);
		worker_conn_bury(m->c);
	}
	Py_RETURN_NONE;
}

/* take() -> bytes; b"" at the end, when no code of the application runs any more;
 * None: nothing yet. */
static PyObject *
memory_take(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	struct memory *m = (struct memory *)self;
	PyObject *bytes;

	if (m->out_len == 0 && (m->c != NULL || m->seen.running > 0))
		Py_RETURN_NONE;
	bytes = PyBytes_FromStringAndSize(m->out, (Py_ssize_t)m->out_len);
	if (bytes == NULL)
		return NULL;
	m->out_len = 0;
	if (is_open(m) && m->c->out.backlog > 0)
		worker_conn_dirty(m->c);
	return bytes;
}

/* wait(future): it is resolved when take() may have something. */
static PyObject *
memory_wait(PyObject *self, PyObject *future)
{
	struct memory *m = (struct memory *)self;

	Py_XSETREF(m->waiter, Py_NewRef(future));
	Py_RETURN_NONE;
}

static int
memory_traverse(PyObject *self, visitproc visit, void *arg)
{
	struct memory *m = (struct memory *)self;

	Py_VISIT(Py_TYPE(self));
	Py_VISIT(m->app);
	Py_VISIT(m->local);
	Py_VISIT(m->waiter);
	return pyb_observer_traverse(&m->seen, visit, arg);
}

static int
memory_clear(PyObject *self)
{
	struct memory *m = (struct memory *)self;

	Py_CLEAR(m->waiter);
	pyb_observer_clear(&m->seen);
	return 0;
}

static void
memory_dealloc(PyObject *self)
{
	struct memory *m = (struct memory *)self;
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	if (m->local != NULL && m->local->loop != NULL)
		io_turn_remove(&m->wake_job);
	if (m->w != NULL)
		worker_free(m->w);
	memory_clear(self);
	free(m->out);
	Py_XDECREF(m->settings);
	Py_XDECREF(m->app);
	Py_XDECREF(m->local);
	type->tp_free(self);
	Py_DECREF(type);
}

static PyMethodDef memory_methods[] = {
	{ "feed", memory_feed, METH_O, "Bytes from the client." },
	{ "eof", memory_eof, METH_NOARGS, "The client is gone." },
	{ "close", memory_close, METH_NOARGS, "Cut the connection and free it when nothing runs." },
	{ "take", memory_take, METH_NOARGS, "Answer bytes so far; None: none yet." },
	{ "wait", memory_wait, METH_O, "Resolve this future when take() may have more." },
	{ NULL, NULL, 0, NULL }
};

static PyMemberDef memory_members[] = {
	{ "exceptions", T_OBJECT, offsetof(struct memory, seen.exceptions), READONLY, NULL },
	{ "reasons", T_OBJECT, offsetof(struct memory, seen.reasons), READONLY, NULL },
	{ "asgi", T_ULONGLONG, offsetof(struct memory, seen.asgi), READONLY, NULL },
	{ NULL, 0, 0, 0, NULL }
};

static PyType_Slot memory_slots[] = {
	{ Py_tp_new, memory_new },
	{ Py_tp_dealloc, memory_dealloc },
	{ Py_tp_traverse, memory_traverse },
	{ Py_tp_clear, memory_clear },
	{ Py_tp_methods, memory_methods },
	{ Py_tp_members, memory_members },
	{ 0, NULL }
};

static PyType_Spec memory_spec = {
	.name = "fastrapi._engine.MemoryConnection",
	.basicsize = sizeof(struct memory),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
	.slots = memory_slots,
};

int
engine_testclient_register(PyObject *module)
{
	PyObject *type = PyType_FromModuleAndSpec(module, &memory_spec, NULL);
	int rc = type == NULL ? -1 : PyModule_AddType(module, (PyTypeObject *)type);

	Py_XDECREF(type);
	return rc;
}
