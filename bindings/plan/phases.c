/*
 * phases: one phase of a plan, here or in the manner of a coroutine.
 *
 * Called by alone.c and by stack/, on the loop's thread or on a pool thread. There nothing
 * here may touch the exchange. What follows a phase is not decided here.
 */
#include "bindings/plan/phases.h"

#include "bindings/awaitable.h"
#include "bindings/plan/call.h"
#include "bindings/plan/exits.h"
#include "bindings/plan/hop.h"
#include "bindings/plan/messages.h"
#include "bindings/plan/plain.h"
#include "bindings/plan/stream.h"
#include "bindings/plan/tasks.h"

static enum pyb_coro_verdict
phase_step(struct pyb_run *r, PyObject *value, PyObject **out)
{
	if (r->phase == PYB_RUN_STEPS)
		return pyb_call_steps(r, value, out);
	if (r->phase == PYB_RUN_BACKGROUND)
		return pyb_tasks_run(r, value, out);
	if (r->phase == PYB_RUN_SEND && r->streams)
		return pyb_stream_send(r, value, out);
	if (r->phase == PYB_RUN_SEND)
		return pyb_messages_send(&r->messages, r->send, value, out);
	return pyb_exits_leave(r, value, out);
}

enum pyb_coro_verdict
pyb_phases_run(struct pyb_run *r, PyObject *value, PyObject **out)
{
	bool calls = r->phase != PYB_RUN_BACKGROUND && r->phase != PYB_RUN_SEND;
	struct pyb_sync_stat *stat = calls && r->mode == PYB_RUN_TASK && pyb_plain_inline(r) ?
	    pyb_plain_stat(r) : NULL;
	struct pyb_sync_probe probe;
	enum pyb_coro_verdict verdict;

	/* What the thread may have done last is over. */
	pyb_hop_leave(r);
	if (stat == NULL)
		return phase_step(r, value, out);
	pyb_sync_mode_begin(&probe, false);
	verdict = phase_step(r, value, out);
	pyb_sync_mode_end(stat, &probe, false);
	return verdict;
}

bool
pyb_phases_left(const struct pyb_run *r)
{
	return r->outcome == NULL && r->phase != PYB_RUN_ENDED;
}

bool
pyb_phases_want_task(const struct pyb_run *r)
{
	return pyb_phases_left(r) && r->mode != PYB_RUN_TASK &&
	    (r->phase == PYB_RUN_BACKGROUND || r->phase == PYB_RUN_SEND);
}

/* Await `coro` (stolen), which cannot suspend. New reference to its result; NULL with
 * an exception set. */
static PyObject *
step_through(PyObject *coro)
{
	PyObject *iterator = pyb_awaitable_iterator(coro), *value = NULL;
	PySendResult sent;

	Py_DECREF(coro);
	if (iterator == NULL)
		return NULL;
	sent = PyIter_Send(iterator, Py_None, &value);
	if (sent == PYGEN_NEXT) {
		/* Only a function whose code was replaced after compiling suspends. */
		Py_CLEAR(value);
		value = PyObject_CallMethod(iterator, "close", NULL);
		Py_XDECREF(value);
		value = NULL;
		PyErr_SetString(PyExc_RuntimeError,
		    "a coroutine function was changed after the application was compiled");
	}
	Py_DECREF(iterator);
	return value;
}

/* Run the phase on this thread. False: an exception is set. */
static bool
phase_drive(struct pyb_run *r)
{
	PyObject *value = Py_NewRef(Py_None), *out;

	for (;;) {
		enum pyb_coro_verdict verdict = pyb_phases_run(r, value, &out);

		Py_XDECREF(value);
		if (verdict != PYB_CORO_AWAIT)
			return verdict == PYB_CORO_RETURN;
		value = step_through(out);
	}
}

bool
pyb_phases_drive(struct pyb_run *r, bool pooled)
{
	struct pyb_sync_stat *stat = pyb_plain_stat(r);
	struct pyb_sync_probe probe;
	bool returned;

	if (stat == NULL)
		return phase_drive(r);
	pyb_sync_mode_begin(&probe, pooled);
	returned = phase_drive(r);
	pyb_sync_mode_end(stat, &probe, pooled);
	return returned;
}
