/*
 * decide: the table, the guards and the content say which way a request goes.
 *
 * Called by request.c. Only the guards run user code here.
 */
#include "bindings/decide.h"

#include "base/clock.h"
#include "base/must.h"
#include "bindings/plan/upload.h"
#include "bindings/request.h"

const struct shm_route *
pyb_decide_route(const struct pyb_binding *b, const struct hx_exchange *x)
{
	must(x->route < b->table.n_routes);
	return &b->table.routes[x->route];
}

/* The native layers that a request meets before all Python; NULL: there are none. */
static const struct mw_chain *
chain_of(const struct pyb_app *app)
{
	const struct pyb_binding *b = app->binding;

	return b != NULL && app->force != PYB_FORCE_ASGI && b->layers.chain.n > 0 ?
	    &b->layers.chain : NULL;
}

struct pyb_decision
pyb_decide_table(const struct pyb_app *app, const struct hx_exchange *x)
{
	const struct pyb_binding *b = app->binding;
	const struct shm_route *route;
	struct pyb_decision d = { .way = PYB_WAY_ASGI, .chain = chain_of(app) };

	if (b == NULL) {
		d.reason = "application is not compiled";
	} else if (app->force == PYB_FORCE_ASGI) {
		d.reason = "forced";
	} else if (b->hosts.n > 0 && pyb_hosts_claim(&b->hosts, x->route,
	    hx_exchange_known(x, HX_HOST))) {
		d.reason = "a Host route may take it";
	} else if (x->route == HX_NO_ROUTE) {
		d.way = b->direct ? PYB_WAY_ROUTER : PYB_WAY_ASGI;
		d.reason = "no route matches";
	} else if ((route = pyb_decide_route(b, x))->plan == SHM_NONE) {
		d.mount = b->direct ? pyb_mounts_alone(&b->mounts, x->route) : NULL;
		d.way = d.mount != NULL ? PYB_WAY_FILES : b->direct &&
		    pyb_answers_alone(&b->answers, x->route) ? PYB_WAY_ROUTER : PYB_WAY_ASGI;
		d.reason = b->table.strings + route->reason.offset;
	} else {
		d.plan = &b->table.plans[route->plan];
		d.way = b->direct && !(d.plan->flags & (SHM_PLAN_F_STACKS | SHM_PLAN_F_LAYERED)) ?
		    PYB_WAY_ALONE : PYB_WAY_NESTED;
	}
	return d;
}

bool
pyb_decide_is_large(const struct shm_plan *plan, const struct hx_exchange *x)
{
	return (plan->flags & SHM_PLAN_F_FORM) &&
	    !pyb_upload_is_small(x->req.headers, x->req.n_headers);
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

/* The way of a request whose plan stands alone and reads content that is not complete, or a form
 * that is too large to be read at once. */
static struct pyb_decision
not_at_once(const struct pyb_decision *d, const struct hx_exchange *x)
{
	struct pyb_decision other = { .way = PYB_WAY_ASGI, .chain = d->chain };

	if (!pyb_decide_is_large(d->plan, x)) {
		other.reason = "content not complete";
		return other;
	}
	/* Where it is not known how Starlette reads a form, that reads it. */
	other.way = d->plan->flags & SHM_PLAN_F_MULTIPART ? PYB_WAY_ARRIVING : PYB_WAY_NESTED;
	other.plan = d->plan;
	return other;
}

struct pyb_decision
pyb_decide(struct pyb_app *app, struct hx_exchange *x)
{
	const char *tripped = app->binding != NULL ? guards_look(app) : NULL;
	struct pyb_decision d;

	if (x->route_epoch != app->epoch)
		pyb_request_match(app, x);
	d = pyb_decide_table(app, x);
	if (tripped != NULL)
		d.chain = NULL;
	if (d.way != PYB_WAY_ASGI && tripped != NULL)
		d = (struct pyb_decision){ .way = PYB_WAY_ASGI, .reason = tripped };
	else if (d.way == PYB_WAY_ALONE && (d.plan->flags & SHM_PLAN_F_BODY) &&
	    (!x->content.complete || (x->content.len > PYB_UPLOAD_MOST && pyb_decide_is_large(d.plan, x))))
		d = not_at_once(&d, x);
	if (tripped == NULL && app->binding != NULL && app->force != PYB_FORCE_ASGI)
		d.outer = app->binding->outer;
	return d;
}
