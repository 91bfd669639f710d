/*
 * request: one entrance for every request.
 *
 * Called by worker/conductor.c and the test client. Decides, with the guards,
 * between the compiled plan and the application's ASGI interface; what happens
 * then is plan/alone.c's and asgi/request.c's.
 */
#include "bindings/request.h"

#include "base/clock.h"
#include "bindings/app.h"
#include "bindings/asgi/request.h"
#include "bindings/plan/alone.h"
#include "bindings/loop/local.h"
#include "bindings/asgi/observer.h"
#include "shm/route.h"

/* Match in the table in force. True when a full match was found. */
static bool
match(struct pyb_app *app, struct hx_exchange *x)
{
	x->route = UINT32_MAX;
	x->n_params = 0;
	x->route_epoch = app->epoch;
	return app->binding != NULL && shm_route_match(&app->binding->table,
	    x->req.method, x->req.path, &x->route, x->params, &x->n_params);
}

/* The plan of the matched route; NULL with the reason when there is none. */
static const struct shm_plan *
plan_of(struct pyb_app *app, const struct hx_exchange *x, const char **reason)
{
	const struct shm_route *route;

	*reason = "no route matches";
	if (app->binding == NULL) {
		*reason = "application is not compiled";
		return NULL;
	}
	if (app->force == PYB_FORCE_ASGI) {
		*reason = "forced";
		return NULL;
	}
	if (x->route == UINT32_MAX)
		return NULL;
	route = &app->binding->table.routes[x->route];
	if (route->plan == SHM_NONE) {
		*reason = app->binding->table.strings + route->reason.offset;
		return NULL;
	}
	return &app->binding->table.plans[route->plan];
}

bool
pyb_request_wants_content(struct pyb_app *app, struct hx_exchange *x)
{
	const struct shm_plan *plan;
	const char *reason;

	match(app, x);
	plan = plan_of(app, x, &reason);
	return plan != NULL && app->binding->direct && (plan->flags & SHM_PLAN_F_BODY);
}

/* The application changed: let it be compiled again. A binding that nobody replaced
 * is dropped, because it is true no longer. */
static void
binding_renew(struct pyb_app *app)
{
	PyObject *tripped = Py_NewRef((PyObject *)app->binding), *done = NULL;

	if (app->rebind != NULL) {
		done = PyObject_CallOneArg(app->rebind, (PyObject *)app);
		if (done == NULL)
			PyErr_WriteUnraisable(app->asgi);
		Py_XDECREF(done);
	}
	if ((PyObject *)app->binding == tripped) {
		Py_CLEAR(app->binding);
		app->epoch++;
	}
	Py_DECREF(tripped);
}

/* The guards, and what follows when one tripped: the application is compiled
 * again, or served through ASGI. NULL: the binding holds. */
static const char *
guards_look(struct pyb_app *app)
{
	int64_t now_s = clock_unix_s();
	bool full = now_s != app->checked_s;
	enum pyb_guard_verdict verdict;

	app->checked_s = now_s;
	verdict = pyb_guards_look(&app->binding->guards, full);
	if (verdict == PYB_GUARD_TRIPPED) {
		binding_renew(app);
		if (app->binding != NULL)
			verdict = pyb_guards_look(&app->binding->guards, false);
	}
	if (verdict == PYB_GUARD_HOLDS)
		return NULL;
	return verdict == PYB_GUARD_OVERRIDDEN ? "dependency_overrides" :
	    "application changed while serving";
}

static void
count(struct pyb_app *app, struct hx_exchange *x, const char *reason, bool replayed)
{
	struct pyb_observer *seen = x->upper.observer;
	PyObject *old, *one;

	if (reason == NULL)
		app->compiled++;
	else if (replayed)
		app->replayed++;
	else
		app->through_asgi++;
	if (seen == NULL || reason == NULL)
		return;
	if (!replayed)
		seen->asgi++;
	old = PyDict_GetItemString(seen->reasons, reason);
	one = PyLong_FromLong(old != NULL ? PyLong_AsLong(old) + 1 : 1);
	if (one == NULL || PyDict_SetItemString(seen->reasons, reason, one) < 0)
		PyErr_Clear();
	Py_XDECREF(one);
}

/* Bind on the first request when nobody has done so (no lifespan ran). */
static void
bind_first(struct pyb_app *app)
{
	PyObject *done;

	if (app->bound || app->rebind == NULL)
		return;
	app->bound = true;
	done = PyObject_CallOneArg(app->rebind, (PyObject *)app);
	if (done == NULL)
		PyErr_WriteUnraisable(app->asgi);
	Py_XDECREF(done);
}

void
pyb_request_start(struct pyb_app *app, struct hx_exchange *x)
{
	const struct shm_plan *plan;
	const char *reason, *guard = NULL;
	struct pyb_asgi *asgi;
	struct pyb_replay replay = { NULL, false };

	bind_first(app);
	if (app->binding != NULL)
		guard = guards_look(app);
	if (x->route_epoch != app->epoch)
		match(app, x);
	plan = plan_of(app, x, &reason);
	if (plan != NULL && guard != NULL)
		reason = guard;
	else if (plan != NULL && !app->binding->direct)
		reason = NULL;	/* plan/nested.c counts: the shim runs the plan */
	else if (plan != NULL && (plan->flags & SHM_PLAN_F_STACKS))
		reason = NULL;
	else if (plan != NULL && (plan->flags & SHM_PLAN_F_BODY) && !x->content.complete)
		reason = "content not complete";
	else if (plan != NULL) {
		if (pyb_alone_start(app, x, plan, &replay)) {
			count(app, x, NULL, false);
			return;
		}
		reason = replay.reason;
	}
	if (reason != NULL)
		count(app, x, reason, replay.reason != NULL);
	asgi = pyb_asgi_new(app, x);
	if (asgi != NULL && replay.over && PyDict_SetItem(pyb_asgi_scope(asgi),
	    app->st->t_replay, Py_True) < 0)
		PyErr_Clear();	/* the Seam tries the plan again */
	if (asgi != NULL)
		pyb_asgi_start(asgi, app->asgi, NULL, NULL);
	else
		pyb_asgi_lost(app, x);
}

void
pyb_request_content(struct hx_exchange *x)
{
	if (x->upper.asgi != NULL)
		pyb_asgi_content(x->upper.asgi);
}

void
pyb_request_writable(struct hx_exchange *x)
{
	if (x->upper.asgi != NULL)
		pyb_asgi_writable(x->upper.asgi);
}

bool
pyb_request_active(const struct hx_exchange *x)
{
	return x->upper.run != NULL || x->upper.asgi != NULL;
}
