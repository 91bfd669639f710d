/*
 * request: one entrance for every request.
 *
 * Called by worker/, engine/testclient.c, decide.c and front.c. A request goes to its compiled plan,
 * mounted files, the router's own answers or the application's ASGI interface, as was decided, and plan/
 * and asgi/asgi.c do the work. Nothing may wait; only pyb_request_start() runs user code.
 */
#include "bindings/request.h"

#include "base/must.h"
#include "bindings/app.h"
#include "bindings/asgi/asgi.h"
#include "bindings/asgi/observer.h"
#include "bindings/content.h"
#include "bindings/decide.h"
#include "bindings/front.h"
#include "bindings/plan/alone.h"
#include "bindings/plan/cancel.h"
#include "bindings/plan/mounted.h"
#include "bindings/plan/router.h"
#include "bindings/websocket/websocket.h"
#include "middleware/exchange.h"
#include "shm/method.h"
#include "shm/route.h"

/* shm_route_match() fills an exchange. */
_Static_assert(HX_NO_ROUTE == SHM_NONE, "the same word for no route");
_Static_assert((int)HX_MAX_PARAMS == (int)SHM_MAX_PARAMS, "room for a match");

/* A plan's content has this much room at first, or its own length where that is less. Nothing
 * of the room is in memory before the content is; more of it is copied as it doubles. */
enum { FIRST_ROOM = 8 * 1024 * 1024 };

void
pyb_request_match(struct pyb_app *app, struct hx_exchange *x)
{
	x->route = HX_NO_ROUTE;
	x->n_params = 0;
	x->route_epoch = app->epoch;
	if (app->binding != NULL)
		shm_route_match(&app->binding->table,
		    x->handshake ? SHM_METHOD_WEBSOCKET : x->req.method, x->req.path, &x->route,
		    x->params, &x->n_params);
}

struct slice
pyb_request_route(const struct pyb_app *app, const struct hx_exchange *x)
{
	if (app->binding == NULL || x->route == HX_NO_ROUTE || x->route_epoch != app->epoch)
		return SLICE_NULL;
	return shm_table_text(&app->binding->table, pyb_decide_route(app->binding, x)->path);
}

bool
pyb_request_wants_content(const struct pyb_app *app, const struct hx_exchange *x)
{
	struct pyb_decision d = pyb_decide_table(app, x);

	return d.plan != NULL && app->binding->direct && (d.plan->flags & SHM_PLAN_F_BODY) &&
	    !(d.plan->flags & SHM_PLAN_F_LAYERED) && !pyb_decide_is_large(d.plan, x) &&
	    !mw_exchange_stops(&app->edge.chain, x) &&
	    (d.chain == NULL || !mw_exchange_stops(d.chain, x));
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

/* Give the request to `callable`: the application, or what stands for it. `plan`: what the
 * layers lead to, or NULL. `replayed`: the plan was tried, and the Seam must not try it
 * again. */
static void
asgi_start(struct pyb_app *app, struct hx_exchange *x, const struct shm_plan *plan,
    PyObject *callable, bool replayed)
{
	struct pyb_binding *b = (struct pyb_binding *)Py_XNewRef((PyObject *)app->binding);
	struct pyb_asgi *asgi = pyb_asgi_new(app, x);

	if (asgi == NULL) {
		pyb_asgi_lost(app, x);
	} else {
		if (replayed && PyDict_SetItem(pyb_asgi_scope(asgi), app->st->t_replay, Py_True) < 0)
			PyErr_Clear();	/* only costs a second try of the plan, by the seam */
		pyb_asgi_start(asgi, x->upper.local,
		    plan != NULL ? pyb_binding_late(b, plan) : &app->late, callable, NULL, NULL);
	}
	Py_XDECREF((PyObject *)b);
}

/* Let the native layers look at the request. True: one of them has answered it. Else they stand in front
 * of the answer if it is made here; in front of the application's own stack they have no place. */
static bool
layers_begin(struct pyb_app *app, struct hx_exchange *x, struct pyb_decision *d)
{
	enum mw_verdict verdict = pyb_front_inside(app, x);

	if ((d->way == PYB_WAY_ALONE || d->way == PYB_WAY_ARRIVING) && verdict == MW_UNSURE)
		d->way = PYB_WAY_NESTED;
	if (verdict == MW_UNSURE && (d->way == PYB_WAY_ROUTER || d->way == PYB_WAY_FILES))
		d->way = PYB_WAY_ASGI;
	if (d->way == PYB_WAY_NESTED || d->way == PYB_WAY_ASGI)
		mw_exchange_leave(x);
	return verdict == MW_ANSWER;
}

/* Let the layers that stand around any application look at the request. False: there is
 * nothing more to do for it here. */
static bool
edge_begin(struct pyb_app *app, struct hx_exchange *x)
{
	switch (pyb_front_edge(app, x)) {
	case MW_PASS:
		return true;
	case MW_ANSWER:
		shm_board_add(app->board, SHM_COUNT_compiled, 1);
		return false;
	case MW_UNSURE:
		break;
	}
	count_asgi(app, x, "Starlette's own layers are needed");
	asgi_start(app, x, NULL, app->behind, false);
	return false;
}

static void
start(struct pyb_app *app, struct hx_exchange *x)
{
	struct pyb_replay replay = { .final = false };
	struct pyb_decision d;

	must(!pyb_request_active(x));
	if (!edge_begin(app, x))
		return;
	/* Bind at the first request if nobody has done so before (no lifespan ran). */
	if (!app->bound && app->rebind != NULL)
		pyb_app_rebind(app);
	d = pyb_decide(app, x);
	if (d.chain != NULL && layers_begin(app, x, &d)) {
		shm_board_add(app->board, SHM_COUNT_compiled, 1);
		return;
	}
	switch (d.way) {
	case PYB_WAY_ALONE:
		if (pyb_alone_start(app, x, d.plan, &replay)) {
			shm_board_add(app->board, SHM_COUNT_compiled, 1);
			return;
		}
		mw_exchange_leave(x);
		count_replayed(app, x, replay.reason);
		break;
	case PYB_WAY_ARRIVING:
		if (pyb_alone_arriving(app, x, d.plan))
			return;		/* it counts itself */
		mw_exchange_leave(x);
		break;
	case PYB_WAY_FILES:
	case PYB_WAY_ROUTER:
		if (d.way == PYB_WAY_FILES ? pyb_mounted_answer(app, x, d.mount, x->params[x->n_params - 1]) :
		    pyb_router_answer(app, x)) {
			shm_board_add(app->board, SHM_COUNT_compiled, 1);
			return;
		}
		mw_exchange_leave(x);
		count_asgi(app, x, d.reason);
		break;
	case PYB_WAY_NESTED:
		break;	/* stack/inner.c or plan/nested.c counts it */
	case PYB_WAY_ASGI:
		count_asgi(app, x, d.reason);
		break;
	}
	asgi_start(app, x, d.plan, d.outer != NULL ? d.outer : app->asgi, replay.final);
}

/* Run the application for a handshake: entered at its own layers, where stack/inner.c finds the plan, if
 * there is one. */
static void
websocket_start(struct pyb_app *app, struct hx_exchange *x)
{
	struct pyb_decision d;
	bool planned;

	must(!pyb_request_active(x));
	if (!app->bound && app->rebind != NULL)
		pyb_app_rebind(app);
	d = pyb_decide(app, x);
	planned = d.plan != NULL && d.outer != NULL;
	if (!planned)
		count_asgi(app, x, d.reason);
	pyb_websocket_start(app, x, planned);
}

void
pyb_request_room(struct hx_exchange *x)
{
	size_t room = x->content.cap < FIRST_ROOM / 2 ? FIRST_ROOM : x->content.cap * 2;

	if (room > x->req.content_length)
		room = (size_t)x->req.content_length;
	if (room > x->content.len)
		pyb_content_room(x, room);
}

void
pyb_request_start(struct pyb_app *app, struct hx_exchange *x)
{
	PyObject *context = pyb_observer_enter(x->upper.observer);

	(x->handshake ? websocket_start : start)(app, x);
	pyb_observer_leave(context);
}

void
pyb_request_content(struct hx_exchange *x)
{
	/* Nobody else tells a chain that there will never be room for what it has. */
	if (x->content.aborted && mw_exchange_is_busy(x))
		mw_exchange_writable(x);
	if (x->upper.asgi != NULL)
		pyb_asgi_content(x->upper.asgi);
	else if (x->upper.websocket != NULL)
		pyb_websocket_content(x);
}

void
pyb_request_cancel(struct hx_exchange *x)
{
	if (x->upper.websocket != NULL)
		pyb_websocket_cancel(x);
	else
		pyb_cancel_run(x);
}

void
pyb_request_writable(struct hx_exchange *x)
{
	if (mw_exchange_is_busy(x))
		mw_exchange_writable(x);
	else if (x->upper.asgi != NULL)
		pyb_asgi_writable(x->upper.asgi);
	else if (x->upper.websocket != NULL)
		pyb_websocket_writable(x);
}

bool
pyb_request_active(const struct hx_exchange *x)
{
	return x->upper.run != NULL || x->upper.asgi != NULL || x->upper.websocket != NULL ||
	    mw_exchange_is_busy(x);
}
