/*
 * run: the life of a run, and the objects that are made once for it.
 *
 * Called by the rest of plan/. alone.c and nested.c make a run and clear it. The Request
 * is made when the first step needs it.
 */
#include "bindings/plan/run.h"

#include "base/must.h"
#include "bindings/text.h"

struct pyb_run *
pyb_run_new(struct pyb_app *app, struct pyb_binding *b, const struct shm_plan *plan,
    struct arena *arena)
{
	struct pyb_run *r = arena_alloc(arena, sizeof(*r));
	PyObject **slots = arena_alloc(arena, (plan->n_slots + 1) * sizeof(*slots));

	must(plan >= b->table.plans && plan < b->table.plans + b->table.n_plans);
	if (r == NULL || slots == NULL)
		return NULL;
	memset(r, 0, sizeof(*r));
	memset(slots, 0, (plan->n_slots + 1) * sizeof(*slots));
	r->app = (struct pyb_app *)Py_NewRef((PyObject *)app);
	r->binding = (struct pyb_binding *)Py_NewRef((PyObject *)b);
	r->plan = plan;
	r->steps = b->table.steps + plan->first_step;
	r->slots = slots;
	r->phase = PYB_RUN_STEPS;
	return r;
}

void
pyb_run_clear(struct pyb_run *r)
{
	for (uint32_t i = 0; i < r->plan->n_slots; i++)
		Py_CLEAR(r->slots[i]);
	Py_CLEAR(r->result);
	Py_CLEAR(r->request);
	Py_CLEAR(r->response);
	Py_CLEAR(r->background);
	Py_CLEAR(r->body);
	Py_CLEAR(r->form);
	Py_CLEAR(r->seen);
	Py_CLEAR(r->seen_pairs);
	Py_CLEAR(r->seen_cookies);
	Py_CLEAR(r->seen_params);
	Py_CLEAR(r->errors);
	Py_CLEAR(r->context);
	Py_CLEAR(r->task);
	Py_CLEAR(r->fallback);
	Py_CLEAR(r->outcome);
	Py_CLEAR(r->asgi);
	Py_CLEAR(r->local);
	Py_CLEAR(r->binding);
	Py_CLEAR(r->app);
	r->phase = PYB_RUN_ENDED;
}

/* helper.fill_scope(scope, values) adds the entries that user code finds in the scope
 * of a Request beside the server's own. 0, or -1 with an exception set. */
static int
scope_fill(struct pyb_run *r)
{
	PyObject *helper = pyb_run_helper(r);
	PyObject *values = pyb_text_tuple(r->source.params, r->source.n_params), *done = NULL;

	if (values != NULL)
		done = PyObject_CallMethodObjArgs(helper, r->app->st->n_fill_scope,
		    pyb_asgi_scope(r->asgi), values, NULL);
	Py_XDECREF(values);
	Py_XDECREF(done);
	return done != NULL ? 0 : -1;
}

/* Request(scope, receive, send). It gets the content, which FastAPI would have read
 * through this very object (Request.body() and Request.json() keep it). */
static PyObject *
request_new(struct pyb_run *r)
{
	struct pyb_module_state *st = r->app->st;
	PyObject *receive = NULL, *send = NULL, *request = NULL;

	must(r->x != NULL);
	if (r->asgi == NULL && (r->asgi = pyb_asgi_new(r->app, r->x)) == NULL)
		return NULL;
	if ((r->plan->flags & SHM_PLAN_F_SCOPE) && scope_fill(r) < 0)
		return NULL;
	receive = pyb_asgi_receive(r->asgi);
	send = pyb_asgi_send(r->asgi);
	if (receive != NULL && send != NULL)
		request = PyObject_CallFunctionObjArgs(st->request_class,
		    pyb_asgi_scope(r->asgi), receive, send, NULL);
	Py_XDECREF(receive);
	Py_XDECREF(send);
	if (request != NULL && r->body != NULL &&
	    PyObject_SetAttr(request, st->n__body, r->body) < 0)
		Py_CLEAR(request);
	return request;
}

PyObject *
pyb_run_method(struct pyb_run *r)
{
	must(r->x != NULL || r->request != NULL);
	if (r->x != NULL)
		return pyb_text_latin1(r->x->req.method_name);
	return PyObject_GetAttr(r->request, r->app->st->n_method);
}

PyObject *
pyb_run_request(struct pyb_run *r)
{
	if (r->request == NULL)
		r->request = request_new(r);
	return r->request;
}
