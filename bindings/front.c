/*
 * front: what the room middleware asks of this one.
 *
 * Called by request.c when a request begins. Long work goes to the threads of the loop's pool. The
 * owner of a chain is the Python object that has its settings.
 */
#include "bindings/front.h"

#include "bindings/loop/offload.h"
#include "bindings/request.h"

static int
work_elsewhere(struct hx_exchange *x, void (*run)(void *arg), void (*done)(void *arg), void *arg)
{
	return pyb_offload(x->upper.local, run, done, arg);
}

static void
owner_hold(void *owner)
{
	Py_INCREF((PyObject *)owner);
}

static void
owner_let_go(void *owner)
{
	Py_DECREF((PyObject *)owner);
}

static const struct mw_means means = {
	work_elsewhere, pyb_request_writable, owner_hold, owner_let_go
};

enum mw_verdict
pyb_front_edge(struct pyb_app *app, struct hx_exchange *x)
{
	struct mw_front front = { &app->edge.chain, &means, app };

	return front.chain->n == 0 ? MW_PASS :
	    mw_exchange_begin(MW_EDGE, &front, x, x->upper.observer == NULL);
}

enum mw_verdict
pyb_front_inside(struct pyb_app *app, struct hx_exchange *x)
{
	struct mw_front front = { &app->binding->layers.chain, &means, app->binding };

	return mw_exchange_begin(MW_INSIDE, &front, x, x->upper.observer == NULL);
}
