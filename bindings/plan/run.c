/*
 * run: the life of a run, and the objects that are made once for it.
 *
 * Called by the rest of plan/ and by stack/. alone.c, nested.c and stack/ make a run and
 * clear it. The Request is made when the first step needs it.
 */
#include "bindings/plan/run.h"

#include "base/must.h"
#include "bindings/plan/exits.h"
#include "bindings/plan/hop.h"
#include "bindings/session.h"
#include "bindings/text.h"
#include "middleware/exchange.h"

/* Of a run that has memory of its own: what the allocator gives out quickly. */
enum { OWN_BYTES = 960 };

struct pyb_run *
pyb_run_new(struct pyb_app *app, struct pyb_binding *b, const struct shm_plan *plan,
    struct arena *arena)
{
	struct arena own;
	struct pyb_run *r;
	PyObject **slots;

	must(plan >= b->table.plans && plan < b->table.plans + b->table.n_plans);
	arena_init(&own, OWN_BYTES);
	r = arena_alloc(arena != NULL ? arena : &own, sizeof(*r));
	slots = arena_alloc(arena != NULL ? arena : &own, (plan->n_slots + 1) * sizeof(*slots));
	if (r == NULL || slots == NULL) {
		arena_fini(&own);
		return NULL;
	}
	memset(r, 0, sizeof(*r));
	r->own = own;
	r->arena = arena != NULL ? arena : &r->own;
	memset(slots, 0, (plan->n_slots + 1) * sizeof(*slots));
	r->app = (struct pyb_app *)Py_NewRef((PyObject *)app);
	r->binding = (struct pyb_binding *)Py_NewRef((PyObject *)b);
	r->plan = plan;
	r->steps = b->table.steps + plan->first_step;
	r->slots = slots;
	r->phase = PYB_RUN_STEPS;
	return r;
}

/* What a run refers to beside its slots, its exits and its task, the last ones last. */
#define RUN_OBJECTS(X) \
	X(stream) X(chunks) X(messages.start) X(messages.body) X(result) X(encoded) X(scope) \
	X(receive) X(send) X(made) X(handled) X(tasks) X(tasks_left) X(request) X(response) \
	X(background) X(body) X(form) X(source.files) X(source.items) X(seen) X(seen_pairs) \
	X(seen_cookies) X(seen_params) X(errors) X(context) X(fallback) X(outcome) X(asgi) \
	X(local) X(binding) X(app) X(observer_owner)

/* Not the task: who has the run knows whether the task has it. */
int
pyb_run_traverse(struct pyb_run *r, visitproc visit, void *arg)
{
	const struct pyb_exit *lists[] = { r->early, r->late };

	for (uint32_t i = 0; i < r->plan->n_slots; i++)
		Py_VISIT(r->slots[i]);
	if (r->entering != NULL)
		Py_VISIT(r->entering->manager);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const struct pyb_exit *exit = lists[i]; exit != NULL; exit = exit->next)
			Py_VISIT(exit->manager);
	for (int i = 0; i < PYB_EXIT_STACKS; i++)
		Py_VISIT(r->stacks[i]);
#define X(member) Py_VISIT(r->member);
	RUN_OBJECTS(X)
#undef X
	return 0;
}

void
pyb_run_clear(struct pyb_run *r)
{
	struct arena own;

	pyb_hop_leave(r);
	if (r->entering != NULL)
		Py_CLEAR(r->entering->manager);
	r->entering = NULL;
	pyb_exits_drop(r);
	for (int i = 0; i < PYB_EXIT_STACKS; i++)
		Py_CLEAR(r->stacks[i]);
	for (uint32_t i = 0; i < r->plan->n_slots; i++)
		Py_CLEAR(r->slots[i]);
	Py_CLEAR(r->task);
#define X(member) Py_CLEAR(r->member);
	RUN_OBJECTS(X)
#undef X
	r->phase = PYB_RUN_ENDED;
	own = r->own;
	if (r->arena == &r->own)
		arena_fini(&own);
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

/* The session that a native layer has for user code, where Starlette's class puts it: behind
 * the application, before all that stands inside the layers. 0, or -1 with an exception
 * set. */
static int
session_fill(struct pyb_run *r)
{
	struct pyb_module_state *st = r->app->st;
	void *session = mw_exchange_session(r->x, MW_INSIDE);
	PyObject *scope = pyb_asgi_scope(r->asgi);

	if (session == NULL)
		return 0;
	return PyDict_SetItem(scope, st->n_app, r->app->asgi) < 0 ||
	    pyb_session_show(st, session, scope) < 0 ? -1 : 0;
}

/* The Request of a run that stands alone. */
static PyObject *
request_of_exchange(struct pyb_run *r)
{
	struct pyb_module_state *st = r->app->st;
	PyObject *receive = NULL, *send = NULL, *request = NULL;

	must(r->x != NULL);
	if (r->asgi == NULL && (r->asgi = pyb_asgi_new(r->app, r->x)) == NULL)
		return NULL;
	if ((r->plan->flags & SHM_PLAN_F_SCOPE) && (session_fill(r) < 0 || scope_fill(r) < 0))
		return NULL;
	receive = pyb_asgi_receive(r->asgi);
	send = pyb_asgi_send(r->asgi);
	if (receive != NULL && send != NULL)
		request = PyObject_CallFunctionObjArgs(st->request_class,
		    pyb_asgi_scope(r->asgi), receive, send, NULL);
	Py_XDECREF(receive);
	Py_XDECREF(send);
	return request;
}

struct pyb_loop_local *
pyb_run_local(struct pyb_run *r)
{
	PyObject *loop;

	if (r->local != NULL)
		return r->local;
	loop = PyObject_CallNoArgs(r->app->st->get_running_loop);
	if (loop != NULL)
		r->local = pyb_local_get(r->app->st, loop);
	Py_XDECREF(loop);
	return r->local;
}

PyObject *
pyb_run_method(struct pyb_run *r)
{
	if (r->x != NULL)
		return pyb_text_latin1(r->x->req.method_name);
	if (r->plan->flags & SHM_PLAN_F_WEBSOCKET)
		return Py_NewRef(r->app->st->t_WS);
	if (r->request != NULL)
		return PyObject_GetAttr(r->request, r->app->st->n_method);
	must(r->scope != NULL);
	return PyObject_GetItem(r->scope, r->app->st->n_method);
}

/* The Request, or WebSocket, of a run behind a layer, from what the layer has passed on. */
static PyObject *
request_of_scope(struct pyb_run *r)
{
	struct pyb_module_state *st = r->app->st;
	bool websocket = (r->plan->flags & SHM_PLAN_F_WEBSOCKET) != 0;

	return PyObject_CallFunctionObjArgs(websocket ? st->websocket_class : st->request_class,
	    r->scope, r->receive, r->send, NULL);
}

/* request._form, of what the plan has read. 1; 0: it has read none; -1 with an exception
 * set. */
static int
form_keep(struct pyb_run *r, PyObject *request)
{
	struct pyb_module_state *st = r->app->st;
	PyObject *items;

	if (!r->source.form_pairs.loaded)
		return 0;
	if (r->form == NULL) {
		items = pyb_source_form_items(&r->source);
		if (items != NULL)
			r->form = PyObject_CallOneArg(st->form_class, items);
		Py_XDECREF(items);
	}
	return r->form == NULL || PyObject_SetAttr(request, st->n__form, r->form) < 0 ? -1 :
	    r->source.form_typed;
}

/* FastAPI would have read the content through this very object, which keeps it. Where a
 * form has no content type, it reads nothing. 0, or -1 with an exception set. */
static int
content_keep(struct pyb_run *r, PyObject *request)
{
	struct pyb_module_state *st = r->app->st;
	int read;

	if (r->plan->flags & SHM_PLAN_F_FORM)
		read = form_keep(r, request);
	else if (r->body != NULL)
		read = PyObject_SetAttr(request, st->n__body, r->body) < 0 ? -1 : 1;
	else
		read = 0;
	if (read > 0 && r->asgi != NULL)
		pyb_asgi_was_read(r->asgi);
	return read <= 0 ? read : PyObject_SetAttr(request, st->n__stream_consumed, Py_True);
}

PyObject *
pyb_run_request(struct pyb_run *r)
{
	PyObject *made;

	if (r->request != NULL)
		return r->request;
	made = r->scope != NULL ? request_of_scope(r) : request_of_exchange(r);
	if (made != NULL && content_keep(r, made) < 0)
		Py_CLEAR(made);
	r->request = made;
	return made;
}

int
pyb_run_was_read(struct pyb_run *r)
{
	return r->request != NULL ? content_keep(r, r->request) : 0;
}

bool
pyb_run_has_begun(const struct pyb_run *r)
{
	must(r->x != NULL);
	return r->x->state != HX_RUNNING || (r->asgi != NULL && pyb_asgi_has_begun(r->asgi));
}
