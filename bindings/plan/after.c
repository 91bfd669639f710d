/*
 * after: the run without its exchange.
 *
 * Called by finish.c when the answer was given, by stream.c when it was sent, and by alone.c at
 * the end. Should something
 * raise, the application's stack needs a scope, which is made of the exchange: so a copy of
 * it is kept. Nothing here calls user code.
 */
#include "bindings/plan/after.h"

#include "base/must.h"
#include "bindings/asgi/observer.h"

void
pyb_after_begin(struct pyb_run *r)
{
	struct hx_exchange *x = r->x;
	PyObject *task = r->task;

	must(x->upper.run == r && !r->answered && r->arena == &r->own);
	r->answered = true;
	pyb_app_run_begin(r->app);
	r->observer = x->upper.observer;
	if (r->observer != NULL) {
		r->observer_owner = Py_NewRef(r->observer->owner);
		pyb_observer_run_begin(r->observer);
	}
	if (r->asgi == NULL)
		r->kept = hx_exchange_keep(x, r->arena);
	pyb_source_leave(&r->source);
	r->task = NULL;
	if (task != NULL)
		pyb_after_task(r, task);
	Py_XDECREF(task);
	r->x = NULL;
	x->upper.run = NULL;
	if (x->upper.asgi == NULL)
		x->calls->released(x);
	else
		pyb_asgi_answered(r->asgi);
}

void
pyb_after_task(struct pyb_run *r, PyObject *task)
{
	must(r->task == NULL);
	if (pyb_local_keep(r->local, task) == 0)
		r->task = Py_NewRef(task);
	else
		PyErr_WriteUnraisable(task);
}

void
pyb_after_end(struct pyb_run *r)
{
	struct pyb_observer *seen = r->observer;

	must(r->answered);
	r->answered = false;
	r->observer = NULL;
	if (r->task != NULL)
		pyb_local_keep_no_more(r->local, r->task);
	if (seen != NULL)
		pyb_observer_run_end(seen);
	pyb_app_run_end(r->app);
}
