/*
 * coro: a coroutine whose body is a C step function.
 *
 * Python sees an awaitable with send(), throw() and close(), which asyncio.Task, anyio
 * and code that looks for these methods accept. The step function is called once to
 * start, and again each time the object that it asked to await is done. Waiting itself
 * (passing send() and throw() to the inner awaitable) is done here, for plans, for
 * receive() and send() and for the run of an ASGI application.
 */
#ifndef BINDINGS_CORO_H
#define BINDINGS_CORO_H

#include <Python.h>
#include <stdbool.h>

#include "base/attr.h"

struct pyb_module_state;

enum pyb_coro_verdict {
	PYB_CORO_RETURN,	/* *out: the result, new reference */
	PYB_CORO_AWAIT,		/* *out: an awaitable, new reference */
	PYB_CORO_ERROR		/* an exception is set */
};

/* `value` is borrowed: None at the start, later the result of the awaited object. NULL
 * with an exception set: the awaited object raised, or throw() was called. */
typedef enum pyb_coro_verdict pyb_coro_step_f(void *arg, PyObject *value, PyObject **out);

struct pyb_coro_class {
	const char *name;		/* for repr(), e.g. "request" */
	pyb_coro_step_f *step;
	void (*release)(void *arg);	/* called once, at the coroutine's end or before */
	int (*traverse)(void *arg, visitproc visit, void *varg);	/* may be NULL */
};

/* `release` and `traverse` of a class whose `arg` is a Python object. */
static inline void
pyb_coro_release_object(void *arg)
{
	Py_DECREF((PyObject *)arg);
}

static inline int
pyb_coro_traverse_object(void *arg, visitproc visit, void *varg)
{
	return visit((PyObject *)arg, varg);
}

/* A new coroutine, which owns `arg` from now on. NULL with an exception set: `arg` has
 * been released. */
PyObject *pyb_coro_new(struct pyb_module_state *st, const struct pyb_coro_class *class,
    void *arg) MUST_CHECK;

/* The same of one that user code gets in the place of a coroutine of Python's: it says that it is one,
 * and warns when nobody has awaited it. */
PyObject *pyb_coro_new_like(struct pyb_module_state *st, const struct pyb_coro_class *class,
    void *arg) MUST_CHECK;

/* `value` (stolen) is what the suspended coroutine has yielded: who resumes it next gets that
 * again, as if nobody had seen it. */
void pyb_coro_put_back(PyObject *coro, PyObject *value);

/* Has it come to its end, or been dropped before? */
bool pyb_coro_is_finished(PyObject *coro);

/* Create the type. New reference, NULL with an exception set. */
PyTypeObject *pyb_coro_type_new(PyObject *module) MUST_CHECK;

#endif
