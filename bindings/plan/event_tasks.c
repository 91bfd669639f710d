/*
 * event_tasks: the tasks behind a stream of server-sent events.
 *
 * Called by events.c. The coroutines stand for _producer() and _keepalive_inserter() in FastAPI's
 * handler. They end as those do, by whatever ends them, and close their ends of the channels.
 */
#include "bindings/plan/event_tasks.h"

#include "base/clock.h"
#include "bindings/compat.h"
#include "bindings/coro.h"
#include "bindings/plan/iterate.h"

/* One of the coroutines. */
struct part {
	struct pyb_events *e;		/* strong */
	PyObject *iterator;		/* of the endpoint's items, or NULL */
	PyObject *event;		/* the one that is sent, or NULL */
	enum { NEW, ASK, RECEIVE, SEND } phase;
	enum pyb_channel_at at;		/* while RECEIVE or SEND */
};

/* A coroutine with a part. */
static PyObject *
part_new(PyObject *events, const struct pyb_coro_class *class)
{
	struct part *p = PyMem_Calloc(1, sizeof(*p));

	if (p == NULL)
		return PyErr_NoMemory();
	p->e = (struct pyb_events *)Py_NewRef(events);
	return pyb_coro_new(p->e->st, class, p);
}

static void
part_release(void *arg)
{
	struct part *p = arg;

	Py_CLEAR(p->event);
	Py_CLEAR(p->iterator);
	Py_CLEAR(p->e);
	PyMem_Free(p);
}

static int
part_traverse(void *own, visitproc visit, void *arg)
{
	struct part *p = own;

	Py_VISIT(p->event);
	Py_VISIT(p->iterator);
	return visit((PyObject *)p->e, arg);
}

static enum pyb_coro_verdict
done(PyObject **out)
{
	*out = Py_NewRef(Py_None);
	return PYB_CORO_RETURN;
}

/* Begin to send an event (stolen). */
static void
send_begin(struct part *p, PyObject *event)
{
	Py_XSETREF(p->event, event);
	p->phase = SEND;
	p->at = PYB_CHANNEL_NEW;
}

/* The end of a coroutine closes its ends of the channels: `closed` is what that has come to. */
static enum pyb_coro_verdict
closing(enum pyb_coro_verdict verdict, int closed, PyObject *failure, PyObject **out)
{
	if (failure != NULL) {
		PyErr_Clear();
		PyErr_SetRaisedException(failure);
	} else if (closed < 0) {
		Py_CLEAR(*out);
		verdict = PYB_CORO_ERROR;
	}
	return verdict;
}

/* The endpoint has given an item; NULL: it has raised. */
static enum pyb_coro_verdict
asked(struct part *p, PyObject *item, PyObject **out)
{
	PyObject *event;

	if (item == NULL) {
		if (!PyErr_ExceptionMatches(PyExc_StopAsyncIteration))
			return PYB_CORO_ERROR;
		PyErr_Clear();
		return done(out);
	}
	event = PyObject_CallOneArg(p->e->serialize, item);
	if (event == NULL)
		return PYB_CORO_ERROR;
	send_begin(p, event);
	return pyb_channel_send(&p->e->made, p->e->st, p->e->loop, &p->at, event, Py_None, out);
}

static enum pyb_coro_verdict
ask(struct part *p, PyObject **out)
{
	if (p->iterator == NULL && (p->iterator = pyb_iterate_begin(p->e->items)) == NULL)
		return PYB_CORO_ERROR;
	p->phase = ASK;
	*out = pyb_iterate_next(p->iterator);
	return *out != NULL ? PYB_CORO_AWAIT : asked(p, NULL, out);
}

static enum pyb_coro_verdict
produce_run(struct part *p, PyObject *value, PyObject **out)
{
	enum pyb_coro_verdict verdict;

	if (p->phase == ASK)
		return asked(p, value, out);
	if (p->phase == NEW)
		return value != NULL ? ask(p, out) : PYB_CORO_ERROR;
	verdict = pyb_channel_send(&p->e->made, p->e->st, p->e->loop, &p->at, p->event, value, out);
	return verdict == PYB_CORO_RETURN ? ask(p, out) : verdict;
}

static enum pyb_coro_verdict
produce_step(void *arg, PyObject *value, PyObject **out)
{
	struct part *p = arg;
	enum pyb_coro_verdict verdict = produce_run(p, value, out);
	PyObject *failure;

	if (verdict == PYB_CORO_AWAIT)
		return verdict;
	failure = PyErr_GetRaisedException();
	return closing(verdict, pyb_channel_close_sender(&p->e->made, p->e->st), failure, out);
}

PyObject *
pyb_event_tasks_produce(PyObject *events)
{
	static const struct pyb_coro_class class = {
		"producer", produce_step, part_release, part_traverse
	};

	return part_new(events, &class);
}

/* Call ring() in so many seconds. 0, or -1 with an exception set. */
static int
timer_start(struct pyb_events *e, double seconds)
{
	PyObject *delay = PyFloat_FromDouble(seconds), *ring = NULL;

	if (delay != NULL)
		ring = PyObject_GetAttr((PyObject *)e, e->st->n_ring);
	if (ring != NULL)
		e->timer = PyObject_CallMethodObjArgs(e->loop, e->st->n_call_later, delay, ring,
		    NULL);
	Py_XDECREF(ring);
	Py_XDECREF(delay);
	return e->timer != NULL ? 0 : -1;
}

/* 0, or -1 with an exception set. */
static int
timer_stop(struct pyb_events *e)
{
	PyObject *timer = e->timer, *cancelled;

	e->timer = NULL;
	if (timer == NULL)
		return 0;
	cancelled = PyObject_CallMethodNoArgs(timer, e->st->n_cancel);
	Py_XDECREF(cancelled);
	Py_DECREF(timer);
	return cancelled != NULL ? 0 : -1;
}

int
pyb_event_tasks_ring(struct pyb_events *e)
{
	double left = e->silent_s + e->interval - clock_monotonic_s();
	int rc = 0;

	Py_CLEAR(e->timer);
	if (e->waits && left > 0) {
		rc = timer_start(e, left);
	} else if (e->waits && e->made.handed == NULL) {
		e->due = true;
		rc = pyb_channel_interrupt(&e->made, e->st);
	}
	return rc;
}

/* Wait for an event, and for the time of a ping. */
static enum pyb_coro_verdict
receive_begin(struct part *p, PyObject **out)
{
	struct pyb_events *e = p->e;

	p->phase = RECEIVE;
	p->at = PYB_CHANNEL_NEW;
	e->waits = true;
	e->due = false;
	e->silent_s = clock_monotonic_s();
	if (e->timer == NULL && timer_start(e, e->interval) < 0)
		return PYB_CORO_ERROR;
	return pyb_channel_receive(&e->made, e->st, e->loop, &p->at, Py_None, out);
}

/* Send what was received (stolen); NULL: a ping is due, or there is nothing more. */
static enum pyb_coro_verdict
received(struct part *p, PyObject *event, PyObject **out)
{
	struct pyb_events *e = p->e;

	*out = NULL;
	e->waits = false;
	if (event == NULL && !e->due)
		return done(out);
	send_begin(p, event != NULL ? event : Py_NewRef(e->ping));
	return pyb_channel_send(&e->sent, e->st, e->loop, &p->at, p->event, Py_None, out);
}

static enum pyb_coro_verdict
insert_run(struct part *p, PyObject *value, PyObject **out)
{
	struct pyb_events *e = p->e;
	enum pyb_coro_verdict verdict;

	if (p->phase == NEW)
		return value != NULL ? receive_begin(p, out) : PYB_CORO_ERROR;
	if (p->phase == SEND) {
		verdict = pyb_channel_send(&e->sent, e->st, e->loop, &p->at, p->event, value, out);
		return verdict == PYB_CORO_RETURN ? receive_begin(p, out) : verdict;
	}
	if (e->due && p->at == PYB_CHANNEL_TURN && value != NULL)
		return received(p, NULL, out);
	verdict = pyb_channel_receive(&e->made, e->st, e->loop, &p->at, value, out);
	return verdict == PYB_CORO_RETURN ? received(p, *out, out) : verdict;
}

static enum pyb_coro_verdict
insert_step(void *arg, PyObject *value, PyObject **out)
{
	struct part *p = arg;
	struct pyb_events *e = p->e;
	enum pyb_coro_verdict verdict = insert_run(p, value, out);
	PyObject *failure;
	int closed;

	if (verdict == PYB_CORO_AWAIT)
		return verdict;
	failure = PyErr_GetRaisedException();
	e->waits = false;
	closed = pyb_channel_close_receiver(&e->made, e->st);
	if (closed == 0)
		closed = pyb_channel_close_sender(&e->sent, e->st);
	if (closed == 0)
		closed = timer_stop(e);
	return closing(verdict, closed, failure, out);
}

PyObject *
pyb_event_tasks_insert(PyObject *events)
{
	static const struct pyb_coro_class class = {
		"inserter", insert_step, part_release, part_traverse
	};

	return part_new(events, &class);
}
