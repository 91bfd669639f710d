/*
 * answer: from the router's position to the layer.
 *
 * Called by inner.c, unrouted.c and mount.c. No user code may run here but the layer's `send`, and
 * its `receive` while a file is sent.
 */
#include "bindings/stack/answer.h"

#include "bindings/compat.h"
#include "bindings/plan/messages.h"
#include "bindings/stack/edit.h"
#include "bindings/stack/sink.h"

/* All is sent, or `failure` (stolen; NULL: none) was raised. */
static enum pyb_coro_verdict
over(struct pyb_inner *c, PyObject *failure, PyObject **out)
{
	return pyb_leave_is_due(c, failure, c->outermost != NULL) ?
	    pyb_leave_handled(c, failure, out) : pyb_leave_none(failure, out);
}

enum pyb_coro_verdict
pyb_answer_fail(struct pyb_inner *c, PyObject **out)
{
	return over(c, PyErr_GetRaisedException(), out);
}

/* A complete answer: give it to a dispatch layer at once, or begin to send it. */
static enum pyb_coro_verdict
messages_begin(struct pyb_inner *c, PyObject **out)
{
	struct pyb_module_state *st = pyb_stack_state(c);
	PyObject *stacks[PYB_EXIT_STACKS] = { NULL };

	if (pyb_edit_whole(st, &c->send, &c->messages) < 0)
		return pyb_answer_fail(c, out);
	stacks[PYB_STACK_OUTER] = c->outermost;
	if (pyb_sink_fill(st, c->send, &c->messages, stacks, true)) {
		c->outermost = NULL;
		*out = Py_NewRef(Py_None);
		return PYB_CORO_RETURN;
	}
	return pyb_answer_run(c, Py_None, out);
}

enum pyb_coro_verdict
pyb_answer_begin(struct pyb_inner *c, PyObject **out)
{
	c->phase = PYB_INNER_ANSWER;
	shm_board_add(c->within->app->board, SHM_COUNT_compiled, 1);
	if (c->stream == NULL)
		return messages_begin(c, out);
	*out = c->stream;
	c->stream = NULL;
	return PYB_CORO_AWAIT;
}

enum pyb_coro_verdict
pyb_answer_run(struct pyb_inner *c, PyObject *value, PyObject **out)
{
	enum pyb_coro_verdict verdict = pyb_messages_send(&c->messages, c->send, value, out);

	if (verdict == PYB_CORO_AWAIT)
		return verdict;
	return over(c, verdict == PYB_CORO_ERROR ? PyErr_GetRaisedException() : NULL, out);
}
