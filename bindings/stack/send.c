/*
 * send: send_no_error() of Starlette's BaseHTTPMiddleware.
 *
 * Called by sink.c and reply.c. A message goes at once to whoever waits for one. Otherwise its
 * sender waits until it is taken: an application is never more than one message ahead. After its
 * last message it waits until the outer answer has gone out.
 */
#include "bindings/stack/send.h"

#include "bindings/coro.h"
#include "bindings/loop/turn.h"
#include "bindings/plan/chunks.h"
#include "bindings/stack/sink.h"

struct send {
	struct pyb_passage *p;		/* strong */
	PyObject *message;
	PyObject *waiter;		/* what is waited for, or NULL */
	enum { NEW, TURN, CLOSED, WAITING } phase;
	bool last;			/* the application's last message */
	bool yielded;			/* has taken a turn */
};

static enum pyb_coro_verdict
done(PyObject **out)
{
	*out = Py_NewRef(Py_None);
	return PYB_CORO_RETURN;
}

static enum pyb_coro_verdict
turn(struct send *s, int phase, PyObject **out)
{
	s->phase = phase;
	s->yielded = true;
	*out = pyb_turn_new(s->p->layer->st);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

/* Wait: with `offered`, until the message is taken; the last one, until the outer answer
 * has gone out. */
static enum pyb_coro_verdict
wait(struct send *s, bool offered, PyObject **out)
{
	struct pyb_passage *p = s->p;

	s->phase = WAITING;
	s->waiter = pyb_passage_future(p);
	if (s->waiter == NULL || (s->last && pyb_passage_add(&p->parked, s->waiter) < 0) ||
	    (offered && pyb_passage_offer(p, s->message, s->waiter) < 0))
		return PYB_CORO_ERROR;
	*out = Py_NewRef(s->waiter);
	return PYB_CORO_AWAIT;
}

/* Nobody reads any more. */
static enum pyb_coro_verdict
closed(struct send *s, PyObject **out)
{
	if (!s->yielded)
		return turn(s, CLOSED, out);
	if (s->p->open)
		return done(out);
	PyErr_SetNone(s->p->layer->closed);
	return PYB_CORO_ERROR;
}

static enum pyb_coro_verdict
deliver(struct send *s, PyObject **out)
{
	struct pyb_passage *p = s->p;
	int given;

	if (p->sent || !p->open)
		return closed(s, out);
	if (p->hungry) {
		p->hungry = 0;
		p->answered = 1;
		Py_XSETREF(p->inbox, Py_NewRef(s->message));
		return s->last ? wait(s, false, out) : done(out);
	}
	given = pyb_passage_give(p, s->message);
	if (given < 0)
		return PYB_CORO_ERROR;
	if (given > 0)
		return s->last ? wait(s, false, out) : done(out);
	return s->last || s->yielded ? wait(s, true, out) : turn(s, TURN, out);
}

int
pyb_send_is_last(struct pyb_module_state *st, PyObject *message)
{
	PyObject *value;
	int is;

	if (Py_TYPE(message) == st->chunks_type)
		return !((struct pyb_chunks *)message)->more;
	value = PyObject_GetItem(message, st->n_type);
	if (value == NULL)
		return -1;
	is = pyb_sink_is_text(value, st->t_http_response_pathsend);
	if (!is && pyb_sink_is_text(value, st->t_http_response_body)) {
		Py_SETREF(value, PyObject_GetItem(message, st->n_more_body));
		if (value != NULL) {
			is = PyObject_Not(value);
		} else if (PyErr_ExceptionMatches(PyExc_KeyError)) {
			PyErr_Clear();
			is = 1;
		} else {
			is = -1;
		}
	}
	Py_XDECREF(value);
	return is;
}

static enum pyb_coro_verdict
begin(struct send *s, PyObject **out)
{
	int last = pyb_send_is_last(s->p->layer->st, s->message);
	int turns = last < 0 ? -1 : s->p->exact || !s->p->eager;

	/* In the original every message takes a turn first. Nobody can tell while the
	 * application makes its first step. Later another task may cancel it in that turn. */
	if (turns == 0)
		turns = pyb_passage_is_cancelled(s->p);
	if (turns < 0)
		return PYB_CORO_ERROR;
	s->last = last > 0;
	return turns ? turn(s, TURN, out) : deliver(s, out);
}

static enum pyb_coro_verdict
send_step(void *arg, PyObject *value, PyObject **out)
{
	struct send *s = arg;

	if (value == NULL)
		return PYB_CORO_ERROR;
	switch (s->phase) {
	case NEW:
		return begin(s, out);
	case TURN:
		return deliver(s, out);
	case CLOSED:
		return closed(s, out);
	case WAITING:
		break;
	}
	return done(out);
}

static void
send_release(void *arg)
{
	struct send *s = arg;

	if (s->waiter != NULL)
		pyb_passage_forget(s->p, s->waiter);
	Py_CLEAR(s->waiter);
	Py_CLEAR(s->message);
	Py_CLEAR(s->p);
	PyMem_Free(s);
}

static int
send_traverse(void *own, visitproc visit, void *arg)
{
	struct send *s = own;

	Py_VISIT(s->waiter);
	Py_VISIT(s->message);
	return visit((PyObject *)s->p, arg);
}

PyObject *
pyb_send_new(struct pyb_passage *p, PyObject *message)
{
	static const struct pyb_coro_class class = {
		"send", send_step, send_release, send_traverse
	};
	struct send *s = PyMem_Calloc(1, sizeof(*s));

	if (s == NULL)
		return PyErr_NoMemory();
	s->p = (struct pyb_passage *)Py_NewRef((PyObject *)p);
	s->message = Py_NewRef(message);
	return pyb_coro_new(p->layer->st, &class, s);
}
