/*
 * nested: a plan as the handler inside FastAPI's request_response.
 *
 * Called by engine/, which registers run_nested(). The compiler's seam
 * (python/fastrapi/compile/seam.py) calls it in the place of FastAPI's own handler,
 * behind user middleware and around yield dependencies. Exit stacks, exception handlers
 * and the sending of the answer are therefore FastAPI's, and this file must never touch
 * the exchange. The plan reads from the scope, and so sees what middleware has changed
 * there.
 */
#include "bindings/plan/nested.h"

#include "base/must.h"
#include "bindings/compat.h"
#include "bindings/plan/call.h"
#include "bindings/plan/hop.h"
#include "bindings/plan/read.h"
#include "bindings/plan/reread.h"
#include "bindings/plan/result.h"
#include "bindings/text.h"

enum { ARENA_BYTES = 2048 };

struct nested {
	struct arena arena;
	struct pyb_run *run;
	PyObject *scope;	/* strong: the source points into it */
	PyObject *values;	/* strong: path parameters */
	bool has_files;		/* the form has */
};

static void
nested_release(void *arg)
{
	struct nested *c = arg;

	if (c->run != NULL)
		pyb_run_clear(c->run);
	Py_CLEAR(c->scope);
	Py_CLEAR(c->values);
	arena_fini(&c->arena);
	PyMem_Free(c);
}

/* Let FastAPI's own handler take the request over. */
static enum pyb_coro_verdict
fall_back(struct pyb_run *r, PyObject **out)
{
	r->phase = PYB_RUN_FALLBACK;
	shm_board_add(r->app->board, SHM_COUNT_replayed, 1);
	*out = PyObject_CallOneArg(r->fallback, r->request);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

/* The fields of the form. False: they are not plain. */
static bool
form_take(struct nested *c)
{
	struct pyb_run *r = c->run;
	int got = pyb_source_form_data(&r->source, r->form, r->app->st);

	c->has_files = got > 0;
	return got >= 0;
}

/* Have the files closed when FastAPI would close them. 0, or -1 with an exception set. */
static int
files_keep(struct nested *c)
{
	struct pyb_run *r = c->run;
	PyObject *done;

	if (!c->has_files)
		return 0;
	done = PyObject_CallMethodObjArgs(pyb_run_helper(r), r->app->st->n_keep_files, c->scope,
	    r->form, NULL);
	Py_XDECREF(done);
	return done != NULL ? 0 : -1;
}

/* Make the source of the scope, the form and the matched path parameters. False: one of
 * them has a form that the plan cannot read; no exception is set. */
static bool
source_make(struct nested *c)
{
	struct pyb_run *r = c->run;
	struct pyb_module_state *st = r->app->st;
	Py_ssize_t n = PyTuple_GET_SIZE(c->values);
	struct slice *params = arena_alloc(&c->arena, ((size_t)n + 1) * sizeof(*params));

	if (params == NULL || pyb_source_scope(&r->source, c->scope, &c->arena,
	    st->n_headers, st->n_query_string) < 0 ||
	    (r->form != NULL && !form_take(c)))
		return false;
	if ((r->plan->flags & SHM_PLAN_F_REREADS) && pyb_reread_remember(r, c->scope) < 0) {
		PyErr_Clear();
		return false;
	}
	for (Py_ssize_t i = 0; i < n; i++)
		if (pyb_text_slice(PyTuple_GET_ITEM(c->values, i), &params[i]) < 0) {
			PyErr_Clear();
			return false;
		}
	r->source.params = params;
	r->source.n_params = (size_t)n;
	return true;
}

static enum pyb_coro_verdict
steps_run(struct nested *c, PyObject *value, PyObject **out)
{
	struct pyb_run *r = c->run;
	enum pyb_coro_verdict verdict;

	pyb_hop_leave(r);
	verdict = pyb_call_steps(r, value, out);
	if (verdict != PYB_CORO_RETURN)
		return verdict;
	r->phase = PYB_RUN_ENDED;
	*out = pyb_result_response(r);
	return *out != NULL ? PYB_CORO_RETURN : PYB_CORO_ERROR;
}

static enum pyb_coro_verdict
steps_begin(struct nested *c, PyObject **out)
{
	struct pyb_run *r = c->run;

	if (!source_make(c) || !pyb_read_steps(r))
		return fall_back(r, out);
	if (files_keep(c) < 0)
		return PYB_CORO_ERROR;
	r->phase = PYB_RUN_STEPS;
	shm_board_add(r->app->board, SHM_COUNT_compiled, 1);
	return steps_run(c, Py_None, out);
}

/* Reading the content raised, and what had been read of it is lost. Let FastAPI's
 * handler get the same exception when it reads the content in turn. */
static enum pyb_coro_verdict
content_failed(struct nested *c, PyObject **out)
{
	struct pyb_run *r = c->run;
	PyObject *exc, *helper, *done;

	if (!PyErr_ExceptionMatches(PyExc_Exception))
		return PYB_CORO_ERROR;
	exc = PyErr_GetRaisedException();
	helper = pyb_run_helper(r);
	done = PyObject_CallMethodObjArgs(helper, r->app->st->n_fail_content, r->request,
	    exc, NULL);
	Py_DECREF(exc);
	if (done == NULL)
		return PYB_CORO_ERROR;
	Py_DECREF(done);
	return fall_back(r, out);
}

/* The coroutine that reads the content; NULL with an exception set. */
static PyObject *
content_read(struct pyb_run *r)
{
	struct pyb_module_state *st = r->app->st;

	if (r->plan->flags & SHM_PLAN_F_FORM)
		return PyObject_CallMethodOneArg(pyb_run_helper(r), st->n_read_form, r->request);
	return PyObject_CallMethodNoArgs(r->request, st->n_body);
}

/* `value` is the content: the bytes of request.body() or the FormData of
 * request.form(). */
static enum pyb_coro_verdict
content_take(struct nested *c, PyObject *value, PyObject **out)
{
	struct pyb_run *r = c->run;

	if (r->plan->flags & SHM_PLAN_F_FORM) {
		r->form = Py_NewRef(value);
	} else {
		if (!PyBytes_CheckExact(value))
			return fall_back(r, out);
		r->body = Py_NewRef(value);
	}
	return steps_begin(c, out);
}

static enum pyb_coro_verdict
nested_step(void *arg, PyObject *value, PyObject **out)
{
	struct nested *c = arg;
	struct pyb_run *r = c->run;

	if (r->phase == PYB_RUN_STEPS)
		return steps_run(c, value, out);
	if (value == NULL && r->phase == PYB_RUN_BODY)
		return content_failed(c, out);
	if (value == NULL)
		return PYB_CORO_ERROR;
	if (r->phase == PYB_RUN_FALLBACK) {
		*out = Py_NewRef(value);
		return PYB_CORO_RETURN;
	}
	if (r->phase == PYB_RUN_BODY)
		return content_take(c, value, out);
	must(r->phase == PYB_RUN_NEW);
	if (!(r->plan->flags & SHM_PLAN_F_BODY))
		return steps_begin(c, out);
	r->phase = PYB_RUN_BODY;
	*out = content_read(r);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

static int
nested_traverse(void *arg, visitproc visit, void *varg)
{
	struct nested *c = arg;

	if (visit(c->scope, varg) != 0 || visit(c->values, varg) != 0)
		return 1;
	return pyb_run_traverse(c->run, visit, varg);
}

static PyObject *
handler_new(struct pyb_app *app, const struct shm_plan *plan, PyObject *request,
    PyObject *values, PyObject *fallback)
{
	static const struct pyb_coro_class class = {
		"handler", nested_step, nested_release, nested_traverse
	};
	struct nested *c = PyMem_Calloc(1, sizeof(*c));

	if (c == NULL)
		return PyErr_NoMemory();
	arena_init(&c->arena, ARENA_BYTES);
	c->scope = PyObject_GetAttr(request, app->st->n_scope);
	c->values = Py_NewRef(values);
	c->run = pyb_run_new(app, app->binding, plan, &c->arena);
	if (c->run == NULL || c->scope == NULL || !PyDict_CheckExact(c->scope)) {
		if (c->run == NULL)
			PyErr_NoMemory();
		else if (c->scope != NULL)
			PyErr_SetString(PyExc_TypeError, "request.scope is no dict");
		nested_release(c);
		return NULL;
	}
	c->run->mode = PYB_RUN_NESTED;
	c->run->phase = PYB_RUN_NEW;
	c->run->request = Py_NewRef(request);
	c->run->fallback = Py_NewRef(fallback);
	return pyb_coro_new(app->st, &class, c);
}

/* run_nested(app, route, request, values, fallback) */
static PyObject *
run_nested(PyObject *module, PyObject *args)
{
	struct pyb_module_state *st = PyModule_GetState(module);
	PyObject *request, *values, *fallback;
	const struct shm_table *t;
	struct pyb_app *app;
	unsigned route;

	if (!PyArg_ParseTuple(args, "O!IOO!O:run_nested", st->app_type, &app, &route, &request,
	    &PyTuple_Type, &values, &fallback))
		return NULL;
	t = app->binding != NULL ? &app->binding->table : NULL;
	if (t == NULL || route >= t->n_routes || t->routes[route].plan == SHM_NONE)
		return PyObject_CallOneArg(fallback, request);
	return handler_new(app, &t->plans[t->routes[route].plan], request, values, fallback);
}

int
pyb_nested_register(PyObject *module)
{
	static PyMethodDef functions[] = {
		{ "run_nested", run_nested, METH_VARARGS,
		    "run_nested(app, route, request, values, fallback) -> "
		    "coroutine of a Response" },
		{ NULL, NULL, 0, NULL }
	};

	return PyModule_AddFunctions(module, functions);
}
