/*
 * plain: a copied context and no running loop.
 *
 * Called by call.c (dependencies, endpoints), exits.c and thread_call.c (plain generators), by
 * alone.c, phases.c and hop.c. It never calls user code itself, and a function on another thread than the
 * run's is hop.c's.
 */
#include "bindings/plan/plain.h"

#include "bindings/compat.h"
#include "bindings/context.h"
#include "bindings/loop/sync_mode.h"

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

static struct pyb_sync_stat *
stat_of(const struct pyb_run *r)
{
	return &r->binding->sync[r->plan - r->binding->table.plans];
}

bool
pyb_plain_inline(const struct pyb_run *r)
{
	return (r->plan->flags & SHM_PLAN_F_THREAD) &&
	    pyb_sync_mode_inline(r->app->sync, stat_of(r));
}

bool
pyb_plain_here(const struct pyb_run *r)
{
	return r->mode == PYB_RUN_INLINE || r->mode == PYB_RUN_THREAD ||
	    (r->mode == PYB_RUN_TASK && pyb_plain_inline(r));
}

struct pyb_sync_stat *
pyb_plain_stat(const struct pyb_run *r)
{
	return r->app->sync == PYB_SYNC_AUTO && (r->plan->flags & SHM_PLAN_F_THREAD) ?
	    stat_of(r) : NULL;
}

PyObject *
pyb_plain_enter(struct pyb_run *r)
{
	PyObject *context;

	if (r->mode != PYB_RUN_THREAD && pyb_run_local(r) == NULL)
		return NULL;
	context = r->mode == PYB_RUN_TASK ? PyContext_CopyCurrent() : PyContext_Copy(r->context);
	if (context == NULL || PyContext_Enter(context) < 0) {
		Py_XDECREF(context);
		return NULL;
	}
	if (r->mode != PYB_RUN_THREAD)
		running_loop_set(r->app->st, Py_None);
	return context;
}

void
pyb_plain_leave(struct pyb_run *r, PyObject *context)
{
	if (r->mode != PYB_RUN_THREAD)
		running_loop_set(r->app->st, r->local->loop);
	pyb_context_leave(context);
	Py_DECREF(context);
}

void
pyb_plain_raised(void)
{
	PyObject *exc, *made;

	if (!PyErr_ExceptionMatches(PyExc_StopAsyncIteration))
		return;
	exc = PyErr_GetRaisedException();
	PyErr_SetString(PyExc_RuntimeError, "async generator raised StopAsyncIteration");
	made = PyErr_GetRaisedException();
	PyException_SetContext(made, Py_NewRef(exc));
	PyException_SetCause(made, exc);
	PyErr_SetRaisedException(made);
}
