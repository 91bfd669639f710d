/*
 * coro: the Python type Coroutine, PEP 492 around a C step function.
 *
 * Called by asgi/, plan/, stack/ and websocket/, whose coroutines it makes, by loop/late_task.c, and by
 * engine/module.c (the type). It knows nothing of what a step does. It keeps the iterator of the
 * awaited object, passes send(), throw() and close() to it, and calls the step when it ends. A
 * coroutine runs once from its start to its end, on one thread; it cannot be started again.
 */
#include "bindings/coro.h"

#include <structmember.h>

#include "bindings/awaitable.h"
#include "bindings/compat.h"
#include "bindings/module_state.h"

struct pyb_coro {
	PyObject_HEAD
	const struct pyb_coro_class *class;	/* NULL: finished */
	void *arg;
	PyObject *inner;		/* iterator being awaited */
	PyObject *again;		/* what it has yielded, to be yielded again; or NULL */
	bool running;
};

static void
coro_finish(struct pyb_coro *c)
{
	const struct pyb_coro_class *class = c->class;

	/* Finished before the awaited object is freed: its destructor may look here. */
	c->class = NULL;
	Py_CLEAR(c->again);
	Py_CLEAR(c->inner);
	if (class != NULL)
		class->release(c->arg);
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
			coro_finish(c);
			return PYGEN_RETURN;
		}
		if (verdict == PYB_CORO_ERROR) {
			PyObject *exc = PyErr_GetRaisedException();

			coro_finish(c);
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
	if (c->class == NULL) {
		PyErr_SetString(PyExc_RuntimeError,
		    "cannot reuse already awaited coroutine");
		return false;
	}
	c->running = true;
	return true;
}

static PySendResult
coro_am_send(PyObject *self, PyObject *arg, PyObject **result)
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
	PySendResult sent = coro_am_send(self, arg, &result);

	return pyb_awaitable_method(sent, result);
}

static PyObject *
coro_next(PyObject *self)
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

	if (c->class == NULL)
		Py_RETURN_NONE;
	if (c->inner == NULL && !c->running) {
		coro_finish(c);
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

static PyObject *
coro_self(PyObject *self)
{
	return Py_NewRef(self);
}

static PyObject *
coro_repr(PyObject *self)
{
	struct pyb_coro *c = (struct pyb_coro *)self;

	return PyUnicode_FromFormat("<fastrapi %s coroutine at %p>",
	    c->class != NULL ? c->class->name : "finished", self);
}

static int
coro_traverse(PyObject *self, visitproc visit, void *arg)
{
	struct pyb_coro *c = (struct pyb_coro *)self;

	Py_VISIT(Py_TYPE(self));
	Py_VISIT(c->inner);
	Py_VISIT(c->again);
	if (c->class != NULL && c->class->traverse != NULL)
		return c->class->traverse(c->arg, visit, arg);
	return 0;
}

static int
coro_clear(PyObject *self)
{
	struct pyb_coro *c = (struct pyb_coro *)self;

	if (!c->running)
		coro_finish(c);
	return 0;
}

static void
coro_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	PyObject *pending;

	PyObject_GC_UnTrack(self);
	pending = PyErr_GetRaisedException();
	coro_finish((struct pyb_coro *)self);
	if (pending != NULL)
		PyErr_SetRaisedException(pending);
	type->tp_free(self);
	Py_DECREF(type);
}

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
	c->running = false;
	PyObject_GC_Track((PyObject *)c);
	return (PyObject *)c;
}

void
pyb_coro_put_back(PyObject *coro, PyObject *value)
{
	((struct pyb_coro *)coro)->again = value;
}

bool
pyb_coro_is_finished(PyObject *coro)
{
	return ((struct pyb_coro *)coro)->class == NULL;
}

static PyObject *
coro_suspended(PyObject *self, void *Py_UNUSED(closure))
{
	struct pyb_coro *c = (struct pyb_coro *)self;

	return PyBool_FromLong(!c->running && c->inner != NULL);
}

static PyObject *
coro_frame(PyObject *Py_UNUSED(self), void *Py_UNUSED(closure))
{
	Py_RETURN_NONE;
}

/* The state, as inspect.getcoroutinestate() reads it: anyio asks before it cancels a task. */
static PyGetSetDef coro_getset[] = {
	{ "cr_suspended", coro_suspended, NULL, NULL, NULL },
	{ "cr_frame", coro_frame, NULL, NULL, NULL },
	{ NULL, NULL, NULL, NULL, NULL }
};

static PyMemberDef coro_members[] = {
	{ "cr_running", T_BOOL, offsetof(struct pyb_coro, running), READONLY, NULL },
	{ "cr_await", T_OBJECT, offsetof(struct pyb_coro, inner), READONLY, NULL },
	{ NULL, 0, 0, 0, NULL }
};

static PyMethodDef coro_methods[] = {
	{ "send", coro_send, METH_O, "Resume with a value." },
	{ "throw", coro_throw, METH_VARARGS, "Raise inside the coroutine." },
	{ "close", coro_close, METH_NOARGS, "Stop the coroutine." },
	{ NULL, NULL, 0, NULL }
};

static PyType_Slot coro_slots[] = {
	{ Py_tp_dealloc, coro_dealloc },
	{ Py_tp_traverse, coro_traverse },
	{ Py_tp_clear, coro_clear },
	{ Py_tp_repr, coro_repr },
	{ Py_tp_iter, coro_self },
	{ Py_tp_iternext, coro_next },
	{ Py_tp_methods, coro_methods },
	{ Py_tp_getset, coro_getset },
	{ Py_tp_members, coro_members },
	{ Py_am_await, coro_self },
	{ Py_am_send, coro_am_send },
	{ 0, NULL }
};

static PyType_Spec coro_spec = {
	.name = "fastrapi._engine.Coroutine",
	.basicsize = sizeof(struct pyb_coro),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
	    Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
	.slots = coro_slots,
};

PyTypeObject *
pyb_coro_type_new(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &coro_spec, NULL);
}
