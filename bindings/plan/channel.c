/*
 * channel: two futures and the items between them.
 *
 * Called by event_tasks.c and events.c. The order of events is that of
 * MemoryObjectSendStream.send() and MemoryObjectReceiveStream.receive(): each takes a turn of the
 * loop first.
 */
#include "bindings/plan/channel.h"

#include "bindings/compat.h"
#include "bindings/loop/future.h"
#include "bindings/loop/turn.h"

/* Let who waits for the future (taken out of *future, may be NULL) go on. 1: done; 0: nobody
 * waits any more; -1 with an exception set. */
static int
wake(struct pyb_module_state *st, PyObject **future)
{
	PyObject *waiter = *future;
	int rc;

	*future = NULL;
	if (waiter == NULL)
		return 0;
	rc = pyb_future_resolve(st, waiter, st->n_set_result, Py_None);
	Py_DECREF(waiter);
	return rc;
}

/* Await a new future in *future. */
static enum pyb_coro_verdict
wait(struct pyb_module_state *st, PyObject *loop, enum pyb_channel_at *at, PyObject **future,
    PyObject **out)
{
	PyObject *waiter = PyObject_CallMethodNoArgs(loop, st->n_create_future);

	if (waiter == NULL)
		return PYB_CORO_ERROR;
	*at = PYB_CHANNEL_WAIT;
	Py_XSETREF(*future, Py_NewRef(waiter));
	*out = waiter;
	return PYB_CORO_AWAIT;
}

static enum pyb_coro_verdict
turn(struct pyb_module_state *st, enum pyb_channel_at *at, PyObject **out)
{
	*at = PYB_CHANNEL_TURN;
	*out = pyb_turn_new(st);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

static enum pyb_coro_verdict
refuse(PyObject *class)
{
	PyErr_SetNone(class);
	return PYB_CORO_ERROR;
}

/* Send, or begin to wait. */
static enum pyb_coro_verdict
offer(struct pyb_channel *c, struct pyb_module_state *st, PyObject *loop,
    enum pyb_channel_at *at, PyObject *item, PyObject **out)
{
	int handed;

	if (c->no_receiver)
		return refuse(st->broken_resource);
	handed = wake(st, &c->receiver);
	if (handed < 0)
		return PYB_CORO_ERROR;
	if (handed == 0 && c->held != NULL) {
		Py_XSETREF(c->offered, Py_NewRef(item));
		return wait(st, loop, at, &c->sender, out);
	}
	if (handed > 0)
		Py_XSETREF(c->handed, Py_NewRef(item));
	else
		c->held = Py_NewRef(item);
	return PYB_CORO_RETURN;
}

/* Who has waited to send goes on; `value` NULL: it was cancelled. */
static enum pyb_coro_verdict
offered(struct pyb_channel *c, struct pyb_module_state *st, PyObject *value)
{
	bool taken = c->offered == NULL;

	Py_CLEAR(c->offered);
	Py_CLEAR(c->sender);
	if (value == NULL)
		return PYB_CORO_ERROR;
	return taken ? PYB_CORO_RETURN : refuse(st->broken_resource);
}

enum pyb_coro_verdict
pyb_channel_send(struct pyb_channel *c, struct pyb_module_state *st, PyObject *loop,
    enum pyb_channel_at *at, PyObject *item, PyObject *value, PyObject **out)
{
	if (*at == PYB_CHANNEL_WAIT)
		return offered(c, st, value);
	if (value == NULL)
		return PYB_CORO_ERROR;
	return *at == PYB_CHANNEL_NEW ? turn(st, at, out) : offer(c, st, loop, at, item, out);
}

/* Receive, or begin to wait. */
static enum pyb_coro_verdict
take(struct pyb_channel *c, struct pyb_module_state *st, PyObject *loop,
    enum pyb_channel_at *at, PyObject **out)
{
	if (c->no_receiver)
		return refuse(st->closed_resource);
	if (c->held == NULL)
		return c->no_sender ? PYB_CORO_RETURN : wait(st, loop, at, &c->receiver, out);
	*out = c->held;
	c->held = c->offered;
	c->offered = NULL;
	if (c->held == NULL || wake(st, &c->sender) >= 0)
		return PYB_CORO_RETURN;
	Py_CLEAR(*out);
	return PYB_CORO_ERROR;
}

/* Who has waited to receive goes on; `value` NULL: it was cancelled, and what it was given is
 * lost. */
static enum pyb_coro_verdict
taken(struct pyb_channel *c, struct pyb_module_state *st, PyObject *value, PyObject **out)
{
	PyObject *item = c->handed;

	c->handed = NULL;
	Py_CLEAR(c->receiver);
	if (value == NULL)
		Py_CLEAR(item);
	*out = item;
	if (value == NULL)
		return PYB_CORO_ERROR;
	return item == NULL && c->no_receiver ? refuse(st->closed_resource) : PYB_CORO_RETURN;
}

enum pyb_coro_verdict
pyb_channel_receive(struct pyb_channel *c, struct pyb_module_state *st, PyObject *loop,
    enum pyb_channel_at *at, PyObject *value, PyObject **out)
{
	if (*at == PYB_CHANNEL_WAIT)
		return taken(c, st, value, out);
	if (value == NULL)
		return PYB_CORO_ERROR;
	return *at == PYB_CHANNEL_NEW ? turn(st, at, out) : take(c, st, loop, at, out);
}

int
pyb_channel_interrupt(struct pyb_channel *c, struct pyb_module_state *st)
{
	return wake(st, &c->receiver);
}

int
pyb_channel_close_sender(struct pyb_channel *c, struct pyb_module_state *st)
{
	c->no_sender = true;
	return wake(st, &c->receiver) < 0 ? -1 : 0;
}

int
pyb_channel_close_receiver(struct pyb_channel *c, struct pyb_module_state *st)
{
	int sender, receiver;

	c->no_receiver = true;
	sender = wake(st, &c->sender);
	receiver = sender < 0 ? -1 : wake(st, &c->receiver);
	return receiver < 0 ? -1 : 0;
}

int
pyb_channel_traverse(struct pyb_channel *c, visitproc visit, void *arg)
{
	PyObject *all[] = { c->held, c->offered, c->handed, c->sender, c->receiver };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] != NULL && visit(all[i], arg) != 0)
			return 1;
	return 0;
}

void
pyb_channel_clear(struct pyb_channel *c)
{
	Py_CLEAR(c->held);
	Py_CLEAR(c->offered);
	Py_CLEAR(c->handed);
	Py_CLEAR(c->sender);
	Py_CLEAR(c->receiver);
}
