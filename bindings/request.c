/*
 * request: one entrance for every request.
 *
 * Called by worker/, engine/testclient.c and front.c. It decides, with the guards, between the
 * compiled plan, mounted files, the router's own answers and the application's ASGI interface;
 * plan/ and asgi/asgi.c do the work. Nothing may wait; only pyb_request_start() runs user code.
 */
#include "bindings/request.h"

#include "base/clock.h"
#include "base/must.h"
#include "bindings/app.h"
#include "bindings/asgi/asgi.h"
#include "bindings/asgi/observer.h"
#include "bindings/content.h"
#include "bindings/front.h"
#include "bindings/plan/alone.h"
#include "bindings/plan/cancel.h"
#include "bindings/plan/mounted.h"
#include "bindings/plan/router.h"
#include "bindings/plan/upload.h"
#include "bindings/websocket/websocket.h"
#include "middleware/exchange.h"
#include "shm/route.h"

/* shm_route_match() fills an exchange. */
_Static_assert(HX_NO_ROUTE == SHM_NONE, "the same word for no route");
_Static_assert((int)HX_MAX_PARAMS == (int)SHM_MAX_PARAMS, "room for a match");

/* A plan's content has this much room at first, or its own length where that is less. Nothing
 * of the room is in memory before the content is; more of it is copied as it doubles. */
enum { FIRST_ROOM = 8 * 1024 * 1024 };

/* Which way a request goes. */
enum way {
	WAY_ALONE,	/* its plan answers it */
	WAY_ARRIVING,	/* the same, but its plan reads the form while it arrives */
	WAY_FILES,	/* its route is a directory of files, from which it is answered */
	WAY_ROUTER,	/* no route takes it: it is answered as FastAPI's router does */
	WAY_NESTED,	/* through ASGI; its plan runs behind the user's layers, or inside
			 * request_response */
	WAY_ASGI	/* through ASGI, without its plan */
};

struct decision {
	enum way way;
	const struct shm_plan *plan;	/* with ALONE, ARRIVING and NESTED, else NULL */
	const char *reason;		/* why there is none; static text, or the table's */
	PyObject *outer;		/* with NESTED and ASGI: enter the user's layers by it; NULL:
					 * through the whole application. Borrowed from the binding */
	struct pyb_mount *mount;	/* with WAY_FILES, else NULL */
	const struct mw_chain *chain;	/* native middleware that the request meets, or NULL */
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

struct slice
pyb_request_route(const struct pyb_app *app, const struct hx_exchange *x)
{
	if (app->binding == NULL || x->route == HX_NO_ROUTE || x->route_epoch != app->epoch)
		return SLICE_NULL;
	return shm_table_text(&app->binding->table, route_of(app->binding, x)->path);
}

/* The native layers that a request meets before all Python; NULL: there are none. */
static const struct mw_chain *
chain_of(const struct pyb_app *app)
{
	const struct pyb_binding *b = app->binding;

	return b != NULL && app->force != PYB_FORCE_ASGI && b->layers.chain.n > 0 ?
	    &b->layers.chain : NULL;
}

/* The way of the matched route by the table alone, without the guards. */
static struct decision
decide(const struct pyb_app *app, const struct hx_exchange *x)
{
	const struct pyb_binding *b = app->binding;
	const struct shm_route *route;
	struct decision d = { .way = WAY_ASGI, .chain = chain_of(app) };

	if (b == NULL) {
		d.reason = "application is not compiled";
	} else if (app->force == PYB_FORCE_ASGI) {
		d.reason = "forced";
	} else if (b->hosts.n > 0 && pyb_hosts_claim(&b->hosts, x->route,
	    hx_exchange_known(x, HX_HOST))) {
		d.reason = "a Host route may take it";
	} else if (x->route == HX_NO_ROUTE) {
		d.way = b->direct ? WAY_ROUTER : WAY_ASGI;
		d.reason = "no route matches";
	} else if ((route = route_of(b, x))->plan == SHM_NONE) {
		d.mount = b->direct ? pyb_mounts_alone(&b->mounts, x->route) : NULL;
		d.way = d.mount != NULL ? WAY_FILES : b->direct &&
		    pyb_answers_alone(&b->answers, x->route) ? WAY_ROUTER : WAY_ASGI;
		d.reason = b->table.strings + route->reason.offset;
	} else {
		d.plan = &b->table.plans[route->plan];
		d.way = b->direct && !(d.plan->flags & (SHM_PLAN_F_STACKS | SHM_PLAN_F_LAYERED)) ?
		    WAY_ALONE : WAY_NESTED;
	}
	return d;
}

/* Must the content be read while it arrives? */
static bool
large_upload(const struct shm_plan *plan, const struct hx_exchange *x)
{
	return (plan->flags & SHM_PLAN_F_FORM) &&
	    !pyb_upload_is_small(x->req.headers, x->req.n_headers);
}

bool
pyb_request_wants_content(const struct pyb_app *app, const struct hx_exchange *x)
{
	struct decision d = decide(app, x);

	return d.plan != NULL && app->binding->direct && (d.plan->flags & SHM_PLAN_F_BODY) &&
	    !(d.plan->flags & SHM_PLAN_F_LAYERED) && !large_upload(d.plan, x) &&
	    !mw_exchange_stops(&app->edge.chain, x) &&
	    (d.chain == NULL || !mw_exchange_stops(d.chain, x));
}

/* The application has changed: have it compiled again. If no other binding takes the
 * place of the present one, drop it: it is no longer true. */
static void
binding_renew(struct pyb_app *app)
{
	PyObject *tripped = Py_NewRef((PyObject *)app->binding);

	if (app->rebind != NULL) {
		shm_board_add(app->board, SHM_COUNT_rebinds, 1);
		pyb_app_rebind(app);
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
	    verdict == PYB_GUARD_UNSURE ? "no memory to look for changes" :
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

/* The way of a request whose plan stands alone and reads content that is not complete, or a form
 * that is too large to be read at once. */
static struct decision
not_at_once(const struct decision *d, const struct hx_exchange *x)
{
	struct decision other = { .way = WAY_ASGI, .chain = d->chain };

	if (!large_upload(d->plan, x)) {
		other.reason = "content not complete";
		return other;
	}
	/* Where it is not known how Starlette reads a form, that reads it. */
	other.way = d->plan->flags & SHM_PLAN_F_MULTIPART ? WAY_ARRIVING : WAY_NESTED;
	other.plan = d->plan;
	return other;
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
	if (tripped != NULL)
		d.chain = NULL;
	if (d.way != WAY_ASGI && tripped != NULL)
		d = (struct decision){ .way = WAY_ASGI, .reason = tripped };
	else if (d.way == WAY_ALONE && (d.plan->flags & SHM_PLAN_F_BODY) &&
	    (!x->content.complete || (x->content.len > PYB_UPLOAD_MOST && large_upload(d.plan, x))))
		d = not_at_once(&d, x);
	if (tripped == NULL && app->binding != NULL && app->force != PYB_FORCE_ASGI)
		d.outer = app->binding->outer;
	return d;
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
layers_begin(struct pyb_app *app, struct hx_exchange *x, struct decision *d)
{
	enum mw_verdict verdict = pyb_front_inside(app, x);

	if ((d->way == WAY_ALONE || d->way == WAY_ARRIVING) && verdict == MW_UNSURE)
		d->way = WAY_NESTED;
	if (verdict == MW_UNSURE && (d->way == WAY_ROUTER || d->way == WAY_FILES))
		d->way = WAY_ASGI;
	if (d->way == WAY_NESTED || d->way == WAY_ASGI)
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
	struct decision d;

	must(!pyb_request_active(x));
	if (!edge_begin(app, x))
		return;
	/* Bind at the first request if nobody has done so before (no lifespan ran). */
	if (!app->bound && app->rebind != NULL)
		pyb_app_rebind(app);
	d = decide_guarded(app, x);
	if (d.chain != NULL && layers_begin(app, x, &d)) {
		shm_board_add(app->board, SHM_COUNT_compiled, 1);
		return;
	}
	switch (d.way) {
	case WAY_ALONE:
		if (pyb_alone_start(app, x, d.plan, &replay)) {
			shm_board_add(app->board, SHM_COUNT_compiled, 1);
			return;
		}
		mw_exchange_leave(x);
		count_replayed(app, x, replay.reason);
		break;
	case WAY_ARRIVING:
		if (pyb_alone_arriving(app, x, d.plan))
			return;		/* it counts itself */
		mw_exchange_leave(x);
		break;
	case WAY_FILES:
	case WAY_ROUTER:
		if (d.way == WAY_FILES ? pyb_mounted_answer(app, x, d.mount, x->params[x->n_params - 1]) :
		    pyb_router_answer(app, x)) {
			shm_board_add(app->board, SHM_COUNT_compiled, 1);
			return;
		}
		mw_exchange_leave(x);
		count_asgi(app, x, d.reason);
		break;
	case WAY_NESTED:
		break;	/* stack/inner.c or plan/nested.c counts it */
	case WAY_ASGI:
		count_asgi(app, x, d.reason);
		break;
	}
	asgi_start(app, x, d.plan, d.outer != NULL ? d.outer : app->asgi, replay.final);
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

	(x->handshake ? pyb_websocket_start : start)(app, x);
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
