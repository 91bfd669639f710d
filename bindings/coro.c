/*
 * coro: the Python type Coroutine, PEP 492 around a C step function.
 *
 * Called by asgi/, plan/, stack/ and websocket/, whose coroutines it makes, by loop/late_task.c, and by
 * coro_type.c, whose type has these methods. It knows nothing of what a step does. It keeps the iterator
 * of the awaited object, passes send(), throw() and close() to it, and calls the step when it ends. A
 * coroutine runs once from its start to its end, on one thread; it cannot be started again.
 */
#include "bindings/coro.h"

#include "bindings/awaitable.h"
#include "bindings/compat.h"
#include "bindings/coro_body.h"
#include "bindings/module_state.h"

void
pyb_coro_finish(struct pyb_coro *c)
{
	bool finished = c->finished;

	/* Finished before the awaited object is freed: its destructor may look here. */
	c->finished = true;
	Py_CLEAR(c->again);
	Py_CLEAR(c->inner);
	if (!finished)
		c->class->release(c->arg);
}

/* Run steps until one awaits an object that is not ready. `value` (stolen) is what the
 * awaited iterator returned; NULL: it raised, an exception is set. */
static PySendResult
coro_advance(struct pyb_coro *c, PyObject *value, PyObject **result)
{
	for (;;) {
		PyObject *out = NULL;
		enum pyb_coro_verdict verdict;
		PySendResult sent;

		verdict = c->class->step(c->arg, value, &out);
		Py_CLEAR(value);
		if (verdict == PYB_CORO_RETURN) {
			*result = out;
			pyb_coro_finish(c);
			return PYGEN_RETURN;
		}
		if (verdict == PYB_CORO_ERROR) {
			PyObject *exc = PyErr_GetRaisedException();

			pyb_coro_finish(c);
			PyErr_SetRaisedException(exc);
			*result = NULL;
			return PYGEN_ERROR;
		}
		c->inner = pyb_awaitable_iterator(out);
		Py_DECREF(out);
		if (c->inner == NULL)
			continue;	/* with value NULL: the step gets the exception */
		sent = PyIter_Send(c->inner, Py_None, &value);
		if (sent == PYGEN_NEXT) {
			*result = value;
			return PYGEN_NEXT;
		}
		Py_CLEAR(c->inner);
		if (sent == PYGEN_ERROR)
			value = NULL;
	}
}

static bool
coro_enter(struct pyb_coro *c)
{
	if (c->running) {
		PyErr_SetString(PyExc_ValueError, "coroutine already executing");
		return false;
	}
	if (c->finished) {
		PyErr_SetString(PyExc_RuntimeError,
		    "cannot reuse already awaited coroutine");
		return false;
	}
	c->running = true;
	return true;
}

PySendResult
pyb_coro_am_send(PyObject *self, PyObject *arg, PyObject **result)
{
	struct pyb_coro *c = (struct pyb_coro *)self;
	PySendResult sent;
	PyObject *value = NULL;

	*result = NULL;
	if (!coro_enter(c))
		return PYGEN_ERROR;
	if (c->again != NULL) {
		*result = c->again;
		c->again = NULL;
		c->running = false;
		return PYGEN_NEXT;
	}
	if (c->inner != NULL) {
		sent = PyIter_Send(c->inner, arg, &value);
		if (sent == PYGEN_NEXT) {
			*result = value;
			c->running = false;
			return sent;
		}
		Py_CLEAR(c->inner);
		if (sent == PYGEN_ERROR)
			value = NULL;
	} else {
		value = Py_NewRef(Py_None);
	}
	sent = coro_advance(c, value, result);
	c->running = false;
	return sent;
}

static PyObject *
coro_send(PyObject *self, PyObject *arg)
{
	PyObject *result;
	PySendResult sent = pyb_coro_am_send(self, arg, &result);

	return pyb_awaitable_method(sent, result);
}

PyObject *
pyb_coro_next(PyObject *self)
{
	return coro_send(self, Py_None);
}

/* Has the iterator throw()? An error, as where there is no memory to look, throw() has again. */
static bool
has_throw(PyObject *iterator, PyObject *name)
{
	PyObject *method;
	bool has = PyObject_GetOptionalAttr(iterator, name, &method) != 0;

	PyErr_Clear();
	Py_XDECREF(method);
	return has;
}

static PySendResult
coro_throw_exc(struct pyb_coro *c, PyObject *exc, PyObject **result)
{
	struct pyb_module_state *st = PyType_GetModuleState(Py_TYPE((PyObject *)c));
	PySendResult sent;
	PyObject *value = NULL;

	*result = NULL;
	if (!coro_enter(c))
		return PYGEN_ERROR;
	Py_CLEAR(c->again);
	if (c->inner != NULL && has_throw(c->inner, st->n_throw)) {
		sent = pyb_awaitable_throw(c->inner, st->n_throw, exc, &value);
		if (sent == PYGEN_NEXT) {
			*result = value;
			c->running = false;
			return sent;
		}
		Py_CLEAR(c->inner);
	} else {
		Py_CLEAR(c->inner);
		PyErr_SetObject((PyObject *)Py_TYPE(exc), exc);
	}
	sent = coro_advance(c, value, result);
	c->running = false;
	return sent;
}

/* throw(value) or the old throw(type[, value[, traceback]]). */
static PyObject *
coro_throw(PyObject *self, PyObject *args)
{
	PyObject *type, *value = NULL, *traceback = NULL, *exc, *result;
	PySendResult sent;

	if (!PyArg_ParseTuple(args, "O|OO:throw", &type, &value, &traceback))
		return NULL;
	if (PyExceptionInstance_Check(type))
		exc = Py_NewRef(type);
	else if (value != NULL && PyExceptionInstance_Check(value))
		exc = Py_NewRef(value);
	else if (PyExceptionClass_Check(type))
		exc = value == NULL || value == Py_None ? PyObject_CallNoArgs(type) :
		    PyObject_CallOneArg(type, value);
	else
		exc = PyErr_Format(PyExc_TypeError,
		    "exceptions must be classes or instances deriving from BaseException");
	if (exc == NULL)
		return NULL;
	if (traceback != NULL && traceback != Py_None &&
	    PyException_SetTraceback(exc, traceback) < 0) {
		Py_DECREF(exc);
		return NULL;
	}
	sent = coro_throw_exc((struct pyb_coro *)self, exc, &result);
	Py_DECREF(exc);
	return pyb_awaitable_method(sent, result);
}

static PyObject *
coro_close(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	struct pyb_coro *c = (struct pyb_coro *)self;
	PyObject *exc, *result;
	PySendResult sent;

	if (c->finished)
		Py_RETURN_NONE;
	if (pyb_coro_body_is_new(c)) {
		pyb_coro_finish(c);
		Py_RETURN_NONE;
	}
	exc = PyObject_CallNoArgs(PyExc_GeneratorExit);
	if (exc == NULL)
		return NULL;
	sent = coro_throw_exc(c, exc, &result);
	Py_DECREF(exc);
	Py_XDECREF(result);
	if (sent == PYGEN_NEXT)
		return PyErr_Format(PyExc_RuntimeError,
		    "coroutine ignored GeneratorExit");
	if (sent == PYGEN_ERROR) {
		if (!PyErr_ExceptionMatches(PyExc_GeneratorExit) &&
		    !PyErr_ExceptionMatches(PyExc_StopIteration))
			return NULL;
		PyErr_Clear();
	}
	Py_RETURN_NONE;
}

PyMethodDef pyb_coro_methods[] = {
	{ "send", coro_send, METH_O, "Resume with a value." },
	{ "throw", coro_throw, METH_VARARGS, "Raise inside the coroutine." },
	{ "close", coro_close, METH_NOARGS, "Stop the coroutine." },
	{ NULL, NULL, 0, NULL }
};

PyObject *
pyb_coro_new(struct pyb_module_state *st, const struct pyb_coro_class *class, void *arg)
{
	struct pyb_coro *c = PyObject_GC_New(struct pyb_coro, st->coro_type);

	if (c == NULL) {
		PyObject *failed = PyErr_GetRaisedException();

		class->release(arg);
		PyErr_SetRaisedException(failed);
		return NULL;
	}
	c->class = class;
	c->arg = arg;
	c->inner = c->again = NULL;
	c->running = c->finished = c->like = false;
	PyObject_GC_Track((PyObject *)c);
	return (PyObject *)c;
}

PyObject *
pyb_coro_new_like(struct pyb_module_state *st, const struct pyb_coro_class *class, void *arg)
{
	PyObject *coro = pyb_coro_new(st, class, arg);

	if (coro != NULL)
		((struct pyb_coro *)coro)->like = true;
	return coro;
}

void
pyb_coro_put_back(PyObject *coro, PyObject *value)
{
	((struct pyb_coro *)coro)->again = value;
}

bool
pyb_coro_is_finished(PyObject *coro)
{
	return ((struct pyb_coro *)coro)->finished;
}
