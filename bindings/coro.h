/*
 * coro: a coroutine whose body is a C step function.
 *
 * What Python sees is an awaitable with send(), throw() and close(), accepted
 * by asyncio.Task, anyio and inspect-by-duck code alike. The step function is
 * called to start, and again each time something it asked to await is done;
 * waiting itself (delegating send and throw to the inner awaitable) happens
 * here, once for all users: plans, receive(), send(), the ASGI runner.
 */
#ifndef BINDINGS_CORO_H
#define BINDINGS_CORO_H

#include <Python.h>

struct pyb_module_state;

enum pyb_coro_verdict {
	PYB_CORO_RETURN,	/* *out: the result, new reference */
	PYB_CORO_AWAIT,		/* *out: an awaitable, new reference */
	PYB_CORO_ERROR		/* an exception is set */
};

/* `value` is borrowed: None at the start, then the result of what was awaited,
 * or NULL with an exception set when that failed (or throw() was called). */
typedef enum pyb_coro_verdict pyb_coro_step_f(void *arg, PyObject *value, PyObject **out);

struct pyb_coro_class {
	const char *name;		/* for repr, e.g. "plan" */
	pyb_coro_step_f *step;
	void (*release)(void *arg);	/* once, when the coroutine is finished or dropped */
	int (*traverse)(void *arg, visitproc visit, void *varg);	/* may be NULL */
};

/* New coroutine; it owns `arg` from now on, also when NULL is returned with an
 * exception set (release is called). */
PyObject *pyb_coro_new(struct pyb_module_state *st, const struct pyb_coro_class *class, void *arg);

/* Create the type. New reference, NULL with an exception set. */
PyTypeObject *pyb_coro_type_new(PyObject *module);

#endif
