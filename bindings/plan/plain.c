/*
 * plain: a copied context and no running loop.
 *
 * Called by call.c (dependencies, endpoints) and exits.c (plain generators). It never
 * calls user code itself, and a function on another thread than the run's is
 * thread_call.c's.
 */
#include "bindings/plan/plain.h"

#include "base/must.h"
#include "bindings/compat.h"
#include "bindings/context.h"

/* Make `loop` (None: no loop) the running loop of this thread. A pending exception
 * stays. */
static void
running_loop_set(struct pyb_module_state *st, PyObject *loop)
{
	PyObject *pending = PyErr_GetRaisedException();
	PyObject *done = PyObject_CallOneArg(st->set_running_loop, loop);

	if (done == NULL)
		PyErr_WriteUnraisable(loop);
	Py_XDECREF(done);
	if (pending != NULL)
		PyErr_SetRaisedException(pending);
}

PyObject *
pyb_plain_enter(struct pyb_run *r)
{
	PyObject *context = PyContext_Copy(r->context);

	must(r->mode == PYB_RUN_INLINE || r->mode == PYB_RUN_THREAD);
	if (context == NULL || PyContext_Enter(context) < 0) {
		Py_XDECREF(context);
		return NULL;
	}
	if (r->mode == PYB_RUN_INLINE)
		running_loop_set(r->app->st, Py_None);
	return context;
}

void
pyb_plain_leave(struct pyb_run *r, PyObject *context)
{
	if (r->mode == PYB_RUN_INLINE)
		running_loop_set(r->app->st, r->local->loop);
	pyb_context_leave(context);
	Py_DECREF(context);
}
