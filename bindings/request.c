/*
 * request: one entrance for every request.
 *
 * Called by worker/ and engine/testclient.c. It decides, with the guards, between the
 * compiled plan and the application's ASGI interface; plan/alone.c and asgi/asgi.c then
 * do the work. Nothing here may wait, and only pyb_request_start() may run user code.
 */
#include "bindings/request.h"

#include "base/clock.h"
#include "base/must.h"
#include "bindings/app.h"
#include "bindings/asgi/asgi.h"
#include "bindings/asgi/observer.h"
#include "bindings/plan/alone.h"
#include "shm/route.h"

/* shm_route_match() fills an exchange. */
_Static_assert(HX_NO_ROUTE == SHM_NONE, "the same word for no route");
_Static_assert((int)HX_MAX_PARAMS == (int)SHM_MAX_PARAMS, "room for a match");

/* Which way a request goes. */
enum way {
	WAY_ALONE,	/* its plan answers it */
	WAY_NESTED,	/* through ASGI; its plan runs inside request_response */
	WAY_ASGI	/* through ASGI, without its plan */
};

struct decision {
	enum way way;
	const struct shm_plan *plan;	/* NULL with WAY_ASGI */
	const char *reason;		/* with WAY_ASGI; static text, or the table's */
};

void
pyb_request_match(struct pyb_app *app, struct hx_exchange *x)
{
	x->route = HX_NO_ROUTE;
	x->n_params = 0;
	x->route_epoch = app->epoch;
	if (app->binding != NULL)
		shm_route_match(&app->binding->table, x->req.method, x->req.path, &x->route,
		    x->params, &x->n_params);
}

/* The record of the matched route. The caller has made sure that it was matched in this
 * binding's table: x->route_epoch is the application's. */
static const struct shm_route *
route_of(const struct pyb_binding *b, const struct hx_exchange *x)
{
	must(x->route < b->table.n_routes);
	return &b->table.routes[x->route];
}

/* The way of the matched route by the table alone, without the guards. */
static struct decision
decide(const struct pyb_app *app, const struct hx_exchange *x)
{
	const struct pyb_binding *b = app->binding;
	const struct shm_route *route;
	struct decision d = { WAY_ASGI, NULL, NULL };

	if (b == NULL) {
		d.reason = "application is not compiled";
	} else if (app->force == PYB_FORCE_ASGI) {
		d.reason = "forced";
	} else if (x->route == HX_NO_ROUTE) {
		d.reason = "no route matches";
	} else if ((route = route_of(b, x))->plan == SHM_NONE) {
		d.reason = b->table.strings + route->reason.offset;
	} else {
		d.plan = &b->table.plans[route->plan];
		d.way = b->direct && !(d.plan->flags & SHM_PLAN_F_STACKS) ?
		    WAY_ALONE : WAY_NESTED;
	}
	return d;
}

bool
pyb_request_wants_content(const struct pyb_app *app, const struct hx_exchange *x)
{
	struct decision d = decide(app, x);

	return d.plan != NULL && app->binding->direct && (d.plan->flags & SHM_PLAN_F_BODY);
}

/* The application has changed: have it compiled again. If no other binding takes the
 * place of the present one, drop it: it is no longer true. */
static void
binding_renew(struct pyb_app *app)
{
	PyObject *tripped = Py_NewRef((PyObject *)app->binding), *done = NULL;

	if (app->rebind != NULL) {
		shm_board_add(app->board, SHM_COUNT_rebinds, 1);
		done = PyObject_CallOneArg(app->rebind, (PyObject *)app);
		if (done == NULL)
			PyErr_WriteUnraisable(app->asgi);
		Py_XDECREF(done);
	}
	if ((PyObject *)app->binding == tripped)
		pyb_app_set_binding(app, NULL);
	Py_DECREF(tripped);
}

/* Check the guards. When one has tripped, the application is compiled again. NULL: the
 * binding may be used. Else the reason why it may not. */
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
count_replayed(struct pyb_app *app, const struct hx_exchange *x, const char *reason)
{
	shm_board_add(app->board, SHM_COUNT_replayed, 1);
	if (x->upper.observer != NULL)
		pyb_observer_replayed(x->upper.observer, reason);
}

static void
count_asgi(struct pyb_app *app, const struct hx_exchange *x, const char *reason)
{
	shm_board_add(app->board, SHM_COUNT_asgi, 1);
	if (x->upper.observer != NULL)
		pyb_observer_asgi(x->upper.observer, reason);
}

/* Bind at the first request if nobody has done so before (no lifespan ran). */
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

/* The way of the request, with the guards and the content looked at. */
static struct decision
decide_guarded(struct pyb_app *app, struct hx_exchange *x)
{
	const char *tripped = app->binding != NULL ? guards_look(app) : NULL;
	struct decision d;

	if (x->route_epoch != app->epoch)
		pyb_request_match(app, x);
	d = decide(app, x);
	if (d.plan != NULL && tripped != NULL)
		d = (struct decision){ WAY_ASGI, NULL, tripped };
	else if (d.way == WAY_ALONE && (d.plan->flags & SHM_PLAN_F_BODY) &&
	    !x->content.complete)
		d = (struct decision){ WAY_ASGI, NULL, "content not complete" };
	return d;
}

/* Give the request to the application's ASGI interface. `replayed`: the plan was tried,
 * and the Seam must not try it again. */
static void
asgi_start(struct pyb_app *app, struct hx_exchange *x, bool replayed)
{
	struct pyb_asgi *asgi = pyb_asgi_new(app, x);

	if (asgi == NULL) {
		pyb_asgi_lost(app, x);
		return;
	}
	if (replayed && PyDict_SetItem(pyb_asgi_scope(asgi), app->st->t_replay, Py_True) < 0)
		PyErr_Clear();	/* only costs a second try of the plan, by the seam */
	pyb_asgi_start(asgi, x->upper.local, app->asgi, NULL, NULL);
}

void
pyb_request_start(struct pyb_app *app, struct hx_exchange *x)
{
	struct pyb_replay replay = { .final = false };
	struct decision d;

	must(!pyb_request_active(x));
	bind_first(app);
	d = decide_guarded(app, x);
	switch (d.way) {
	case WAY_ALONE:
		if (pyb_alone_start(app, x, d.plan, &replay)) {
			shm_board_add(app->board, SHM_COUNT_compiled, 1);
			return;
		}
		count_replayed(app, x, replay.reason);
		break;
	case WAY_NESTED:
		break;	/* plan/nested.c counts it */
	case WAY_ASGI:
		count_asgi(app, x, d.reason);
		break;
	}
	asgi_start(app, x, replay.final);
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
