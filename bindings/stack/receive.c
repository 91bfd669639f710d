/*
 * receive: receive_or_disconnect() of Starlette's BaseHTTPMiddleware.
 *
 * Called by application.c and listen.c. What the client sends comes by wrapped_receive() of the
 * layer's request. It is awaited in the application's own task, but ends when the outer
 * answer has gone out.
 */
#include "bindings/stack/receive.h"

#include "base/must.h"
#include "bindings/compat.h"
#include "bindings/coro.h"
#include "bindings/loop/turn.h"
#include "bindings/stack/race.h"
#include "bindings/stack/wrapped.h"

/* Turns that the group inside the original takes after a message. Where the message has not
 * been waited for, its other task begins in the first of them. */
enum { WAITED_TURNS = 2, READY_TURNS = 4 };

struct receive {
	struct pyb_passage *p;		/* strong */
	PyObject *race;			/* what it awaits, or NULL */
	PyObject *message;		/* NULL until it has come */
	PyObject *failure;		/* what the race has raised, until the group is through */
	enum { NEW, RACE, GROUP } phase;
	int turns;			/* still to take */
};

static enum pyb_coro_verdict
give(struct receive *r, PyObject **out)
{
	*out = r->p->sent ? pyb_wrapped_disconnect(r->p->layer->st) : Py_NewRef(r->message);
	return *out != NULL ? PYB_CORO_RETURN : PYB_CORO_ERROR;
}

static enum pyb_coro_verdict
begin(struct receive *r, PyObject **out)
{
	struct pyb_passage *p = r->p;
	PyObject *coroutine;

	r->phase = RACE;
	if (p->sent)
		return give(r, out);
	coroutine = pyb_wrapped_receive(p->layer, p->request);
	if (coroutine != NULL)
		r->race = pyb_race_new(p, coroutine);
	Py_XDECREF(coroutine);
	*out = Py_XNewRef(r->race);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

/* A group of tasks raises a group of exceptions. */
static enum pyb_coro_verdict
failed(struct receive *r)
{
	PyObject *exc = r->failure, *never;

	r->failure = NULL;
	PyErr_Clear();
	never = PyObject_CallMethodOneArg(r->p->layer->ends, r->p->layer->st->n_grouped, exc);
	Py_DECREF(exc);
	must(never == NULL);
	return PYB_CORO_ERROR;
}

static enum pyb_coro_verdict
turn(struct receive *r, PyObject **out)
{
	if (r->turns-- <= 0)
		return r->failure != NULL ? failed(r) : give(r, out);
	*out = pyb_turn_new(r->p->layer->st);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

/* The race has ended. A host in a cancel scope hears of its cancellation before it hears of a
 * failure. */
static enum pyb_coro_verdict
ended(struct receive *r, PyObject **out)
{
	struct pyb_passage *p = r->p;
	bool turns = r->failure == NULL && (p->exact || p->answered || p->listened);
	int cancelled = turns ? 1 : r->failure != NULL && !pyb_passage_is_scoped(p) ? 0 :
	    pyb_passage_is_cancelled(p);

	if (cancelled < 0)
		return PYB_CORO_ERROR;
	r->phase = GROUP;
	r->turns = !cancelled ? 0 : pyb_race_has_waited(r->race) ? WAITED_TURNS : READY_TURNS;
	Py_CLEAR(r->race);
	return turn(r, out);
}

/* The race has raised. */
static enum pyb_coro_verdict
raised(struct receive *r, PyObject **out)
{
	struct pyb_module_state *st = r->p->layer->st;

	if (PyErr_ExceptionMatches(PyExc_GeneratorExit))
		return PYB_CORO_ERROR;
	if (PyErr_ExceptionMatches(st->cancelled_error)) {
		if (!r->p->sent)
			return PYB_CORO_ERROR;
		PyErr_Clear();
		return ended(r, out);
	}
	r->failure = PyErr_GetRaisedException();
	return ended(r, out);
}

static enum pyb_coro_verdict
receive_step(void *arg, PyObject *value, PyObject **out)
{
	struct receive *r = arg;

	switch (r->phase) {
	case NEW:
		return value == NULL ? PYB_CORO_ERROR : begin(r, out);
	case RACE:
		r->message = Py_XNewRef(value);
		return value == NULL ? raised(r, out) : ended(r, out);
	case GROUP:
		break;
	}
	if (value == NULL && r->failure != NULL && !PyErr_ExceptionMatches(PyExc_GeneratorExit))
		return failed(r);
	return value == NULL ? PYB_CORO_ERROR : turn(r, out);
}

static void
receive_release(void *arg)
{
	struct receive *r = arg;

	Py_CLEAR(r->race);
	Py_CLEAR(r->message);
	Py_CLEAR(r->failure);
	Py_CLEAR(r->p);
	PyMem_Free(r);
}

static int
receive_traverse(void *own, visitproc visit, void *arg)
{
	struct receive *r = own;

	Py_VISIT(r->race);
	Py_VISIT(r->message);
	Py_VISIT(r->failure);
	return visit((PyObject *)r->p, arg);
}

/* receive() */
static PyObject *
receive_call(PyObject *passage, PyObject *Py_UNUSED(ignored))
{
	static const struct pyb_coro_class class = {
		"receive", receive_step, receive_release, receive_traverse
	};
	struct pyb_passage *p = (struct pyb_passage *)passage;
	struct receive *r = PyMem_Calloc(1, sizeof(*r));

	if (r == NULL)
		return PyErr_NoMemory();
	r->p = (struct pyb_passage *)Py_NewRef(passage);
	return pyb_coro_new(p->layer->st, &class, r);
}

PyObject *
pyb_receive_function(struct pyb_passage *p)
{
	static PyMethodDef function = { "receive", receive_call, METH_NOARGS, NULL };

	return PyCFunction_New(&function, (PyObject *)p);
}

struct pyb_passage *
pyb_receive_passage(PyObject *function)
{
	return PyCFunction_Check(function) && PyCFunction_GET_FUNCTION(function) == receive_call ?
	    (struct pyb_passage *)PyCFunction_GET_SELF(function) : NULL;
}
