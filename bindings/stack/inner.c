/*
 * inner: a plan behind the innermost layer of the user's.
 *
 * Called by within.c. The plan reads the scope that the layer passed on, and its answer
 * goes to the layer's `send`. FastAPI's and Starlette's own layers, router and
 * request_response are positions here: on success none of their Python runs, and for
 * everything else there is leave.c. User code must never run twice.
 */
#include "bindings/stack/inner.h"

#include "base/must.h"
#include "bindings/asgi/scope.h"
#include "bindings/compat.h"
#include "bindings/plan/exits.h"
#include "bindings/plan/finish.h"
#include "bindings/plan/form.h"
#include "bindings/plan/phases.h"
#include "bindings/plan/raised.h"
#include "bindings/plan/read.h"
#include "bindings/plan/reread.h"
#include "bindings/plan/upload.h"
#include "bindings/stack/answer.h"
#include "bindings/stack/body.h"
#include "bindings/stack/deliver.h"
#include "bindings/stack/descend.h"
#include "bindings/stack/edit.h"
#include "bindings/stack/enter.h"
#include "bindings/stack/find.h"
#include "bindings/stack/internal.h"
#include "bindings/stack/mount.h"
#include "bindings/stack/sink.h"
#include "bindings/stack/unrouted.h"

enum { ARENA_BYTES = 2048 };

/* The answer is complete, and nothing follows it: a dispatch layer may take all of it. */
static bool
sink_take(struct pyb_run *r)
{
	return r->phase == PYB_RUN_SEND && r->messages.start != NULL && r->tasks == NULL &&
	    r->source.files == NULL && !pyb_exits_open(r) &&
	    pyb_sink_fill(r->app->st, r->send, &r->messages, r->stacks, r->handled != NULL);
}

/* The answer is a file: begin to send it. Nothing has been sent until then. 0, or -1 with an
 * exception set. */
static int
file_begin(struct pyb_run *r)
{
	struct pyb_chunks *chunks = (struct pyb_chunks *)r->chunks;
	int rc;

	if (chunks == NULL)
		return 0;
	must(r->phase == PYB_RUN_SEND);
	r->chunks = NULL;
	r->answered = false;
	rc = pyb_deliver(chunks, r->receive, r->send, &r->messages, &r->stream);
	r->answered = rc == 0;
	r->streams = r->stream != NULL;
	return rc;
}

/* The native layers around the plan edit its answer before it goes out. 0, or -1 with an
 * exception set. */
static int
answer_edit(struct pyb_run *r)
{
	return r->phase == PYB_RUN_SEND && r->messages.start != NULL ?
	    pyb_edit_whole(r->app->st, &r->send, &r->messages) : 0;
}

/* Run the phases that are left. */
static enum pyb_coro_verdict
phases_run(struct pyb_inner *c, PyObject *value, PyObject **out)
{
	struct pyb_run *r = c->run;

	while (pyb_phases_left(r)) {
		enum pyb_coro_verdict verdict = PYB_CORO_ERROR;

		if (file_begin(r) == 0 && answer_edit(r) == 0) {
			if (sink_take(r))
				break;
			verdict = pyb_phases_run(r, value, out);
		}
		if (verdict == PYB_CORO_AWAIT)
			return verdict;
		pyb_finish_phase(r, verdict == PYB_CORO_RETURN);
		value = Py_None;
	}
	if (r->outcome != NULL)
		return pyb_leave_outcome(c, out);
	pyb_finish_files(r);
	*out = Py_NewRef(Py_None);
	return PYB_CORO_RETURN;
}

/* Let the scope be what user code finds inside FastAPI's router, and make the Request if
 * the plan rereads it. 0, or -1 with an exception set. */
static int
scope_enter(struct pyb_inner *c)
{
	struct pyb_run *r = c->run;

	if (pyb_enter_is_inside(c->place) &&
	    pyb_enter_remember(r->app->st, c->scope, &c->before) < 0)
		return -1;
	if (pyb_enter_scope(r, c->place) < 0)
		return -1;
	if (!(r->plan->flags & SHM_PLAN_F_REREADS))
		return 0;
	return pyb_run_request(r) == NULL ? -1 : pyb_reread_remember(r, c->scope);
}

/* Let the plan read the form that was read. False: it cannot. */
static bool
form_give(struct pyb_run *r)
{
	if (r->form != NULL)
		return pyb_form_take(r, r->form) == 0;
	if (r->body != NULL)
		r->source.content = (struct slice){
			PyBytes_AS_STRING(r->body), (size_t)PyBytes_GET_SIZE(r->body)
		};
	if (r->plan->flags & SHM_PLAN_F_MULTIPART)
		r->source.st = r->app->st;
	return pyb_form_limit(r) == 0;
}

static enum pyb_coro_verdict
steps_begin(struct pyb_inner *c, PyObject **out)
{
	struct pyb_module_state *st = pyb_stack_state(c);
	struct pyb_run *r = c->run;
	const struct slice *params = r->source.params;
	size_t n_params = r->source.n_params;

	if (pyb_source_scope(&r->source, c->scope, &c->arena, st->n_headers,
	    st->n_query_string) < 0)
		return pyb_leave_replay(c, r->body, out);
	r->source.params = params;
	r->source.n_params = n_params;
	if ((r->plan->flags & SHM_PLAN_F_FORM) && !form_give(r))
		return pyb_leave_replay(c, r->body, out);
	if (!pyb_read_steps(r))
		return pyb_leave_replay(c, r->body, out);
	if (r->plan->flags & SHM_PLAN_F_BODY ? pyb_run_was_read(r) < 0 : scope_enter(c) < 0) {
		PyErr_Clear();
		return pyb_leave_replay(c, r->body, out);
	}
	if (pyb_read_is_final(r)) {
		if (!pyb_raised_errors(r))
			return pyb_leave_replay(c, r->body, out);
		pyb_finish_handled(r, Py_NewRef(Py_None));
	}
	c->phase = PYB_INNER_RUN;
	shm_board_add(r->app->board, SHM_COUNT_compiled, 1);
	return phases_run(c, Py_None, out);
}

/* Reading the content has raised. FastAPI's handler gets the same exception when it reads in
 * turn. */
static enum pyb_coro_verdict
content_failed(struct pyb_inner *c, PyObject **out)
{
	enum pyb_coro_verdict verdict;
	PyObject *exc;

	if (!PyErr_ExceptionMatches(PyExc_Exception))
		return PYB_CORO_ERROR;
	exc = PyErr_GetRaisedException();
	verdict = pyb_leave_replay(c, exc, out);
	Py_DECREF(exc);
	return verdict;
}

/* Have the form read while it arrives. */
static enum pyb_coro_verdict
form_read(struct pyb_inner *c, PyObject **out)
{
	c->phase = PYB_INNER_FORM;
	c->run->replay_final = true;	/* nothing else reads it better */
	*out = pyb_form_read(c->run);
	return *out != NULL ? PYB_CORO_AWAIT : content_failed(c, out);
}

/* The form was read; NULL: reading it has raised. */
static enum pyb_coro_verdict
form_took(struct pyb_inner *c, PyObject *form, PyObject **out)
{
	if (form == NULL)
		return content_failed(c, out);
	c->run->form = Py_NewRef(form);
	return steps_begin(c, out);
}

/* Read the content, then begin with the steps. */
static enum pyb_coro_verdict
content_read(struct pyb_inner *c, PyObject *value, PyObject **out)
{
	enum pyb_coro_verdict verdict = pyb_body_read(c, value, out);

	if (verdict == PYB_CORO_AWAIT)
		return verdict;
	if (verdict == PYB_CORO_RETURN) {
		c->run->body = *out;
		*out = NULL;
		return steps_begin(c, out);
	}
	return content_failed(c, out);
}

/* Take what was found into a run. False: there is no memory, and no exception set. */
static bool
run_make(struct pyb_inner *c, const struct pyb_found *found)
{
	struct pyb_within *w = c->within;
	size_t bytes = found->n_params * sizeof(*found->params);
	struct slice *params = arena_alloc(&c->arena, bytes);
	struct pyb_run *r = pyb_run_new(w->app, w->binding, found->plan, &c->arena);

	if (params == NULL || r == NULL) {
		if (r != NULL)
			pyb_run_clear(r);
		return false;
	}
	if (bytes > 0)
		memcpy(params, found->params, bytes);
	r->source.params = params;
	r->source.n_params = found->n_params;
	r->mode = PYB_RUN_TASK;
	r->scoped = w->scoped;
	r->scope = Py_NewRef(c->scope);
	r->receive = Py_NewRef(c->receive);
	r->send = Py_NewRef(c->send);
	c->run = r;
	c->path = Py_NewRef(found->path);
	c->place = Py_NewRef(found->place);
	return true;
}

/* How the plan's content is read. */
enum reading { NOTHING, AT_ONCE, ARRIVING };

static enum reading
reading_of(struct pyb_inner *c, const struct shm_plan *plan)
{
	struct pyb_module_state *st = pyb_stack_state(c);
	struct pyb_source source;
	struct slice type;

	if (!(plan->flags & SHM_PLAN_F_FORM))
		return plan->flags & SHM_PLAN_F_BODY ? AT_ONCE : NOTHING;
	if (pyb_source_scope(&source, c->scope, &c->arena, st->n_headers, st->n_query_string) < 0)
		return ARRIVING;
	/* Starlette takes a form of no type for an empty one, and leaves the content. */
	type = pyb_source_content_type(&source);
	if (type.len == 0)
		return NOTHING;
	/* It leaves the content of another type, too, and where no boundary is said. */
	if (!pyb_upload_is_read(&c->arena, type))
		return ARRIVING;
	return pyb_upload_is_small(source.headers, source.n_headers) ? AT_ONCE : ARRIVING;
}

static enum pyb_coro_verdict
begin(struct pyb_inner *c, PyObject **out)
{
	struct pyb_found found;
	enum reading reading;

	pyb_find_plan(c->within, c->scope, &c->arena, &found);
	if (found.verdict != PYB_ROUTER_UNSURE)
		return pyb_unrouted_begin(c, &found, out);
	if (found.layers != NULL)
		return pyb_descend_begin(c, &found, out);
	if (found.mount != NULL)
		return pyb_mount_begin(c, &found, out);
	if (found.plan == NULL || !run_make(c, &found))
		return pyb_leave_on(c, c->receive, c->send, out);
	if (!(found.plan->flags & SHM_PLAN_F_BODY))
		return steps_begin(c, out);
	reading = reading_of(c, found.plan);
	/* Where it is not known how Starlette reads a form, that reads it. */
	if (reading == ARRIVING && !(found.plan->flags & SHM_PLAN_F_MULTIPART))
		return pyb_leave_on(c, c->receive, c->send, out);
	/* A layer's receive() may look into the scope. */
	if (scope_enter(c) < 0) {
		PyErr_Clear();
		return pyb_leave_on(c, c->receive, c->send, out);
	}
	if (reading == NOTHING)
		return steps_begin(c, out);
	return reading == ARRIVING ? form_read(c, out) : content_read(c, Py_None, out);
}

static enum pyb_coro_verdict
inner_step(void *arg, PyObject *value, PyObject **out)
{
	struct pyb_inner *c = arg;

	switch (c->phase) {
	case PYB_INNER_NEW:
		return value == NULL ? PYB_CORO_ERROR : begin(c, out);
	case PYB_INNER_CONTENT:
		return content_read(c, value, out);
	case PYB_INNER_FORM:
		return form_took(c, value, out);
	case PYB_INNER_ANSWER:
		return pyb_answer_run(c, value, out);
	case PYB_INNER_LAYERS:
		return pyb_descend_end(c, value, out);
	case PYB_INNER_RUN:
		return phases_run(c, value, out);
	case PYB_INNER_NEXT:
		break;
	}
	*out = Py_XNewRef(value);
	return value == NULL ? PYB_CORO_ERROR : PYB_CORO_RETURN;
}

static void
inner_release(void *arg)
{
	struct pyb_inner *c = arg;

	if (c->phase == PYB_INNER_NEXT)
		pyb_scope_outcome_drop(pyb_stack_state(c), c->scope);
	if (c->run != NULL) {
		pyb_finish_files(c->run);
		pyb_run_clear(c->run);
	}
	Py_CLEAR(c->messages.start);
	Py_CLEAR(c->messages.body);
	Py_CLEAR(c->stream);
	Py_CLEAR(c->outermost);
	Py_CLEAR(c->chunks);
	Py_CLEAR(c->watched);
	Py_CLEAR(c->before.app_root);
	Py_CLEAR(c->place);
	Py_CLEAR(c->path);
	Py_CLEAR(c->scope);
	Py_CLEAR(c->receive);
	Py_CLEAR(c->send);
	Py_CLEAR(c->within);
	arena_fini(&c->arena);
	PyMem_Free(c);
}

static int
inner_traverse(void *arg, visitproc visit, void *varg)
{
	struct pyb_inner *c = arg;
	PyObject *all[] = {
		(PyObject *)c->within, c->scope, c->receive, c->send, c->place, c->outermost,
		c->stream, c->watched, c->before.app_root
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] != NULL && visit(all[i], varg) != 0)
			return 1;
	return c->run != NULL ? pyb_run_traverse(c->run, visit, varg) : 0;
}

PyObject *
pyb_inner_new(struct pyb_within *w, PyObject *scope, PyObject *receive, PyObject *send)
{
	static const struct pyb_coro_class class = {
		"layer", inner_step, inner_release, inner_traverse
	};
	struct pyb_inner *c = PyMem_Calloc(1, sizeof(*c));

	if (c == NULL)
		return PyErr_NoMemory();
	arena_init(&c->arena, ARENA_BYTES);
	c->within = (struct pyb_within *)Py_NewRef((PyObject *)w);
	c->scope = Py_NewRef(scope);
	c->receive = Py_NewRef(receive);
	c->send = Py_NewRef(send);
	return pyb_coro_new(w->st, &class, c);
}
