/*
 * drain: the coroutine.
 *
 * Called by file.c, for a run that stands alone and has given its file to the exchange. The run
 * keeps the exchange meanwhile.
 */
#include "bindings/plan/drain.h"

#include "bindings/coro.h"

struct drain {
	struct pyb_asgi *asgi;		/* strong */
	PyObject *path;			/* strong, or NULL */
};

static enum pyb_coro_verdict
drain_step(void *arg, PyObject *value, PyObject **out)
{
	struct drain *d = arg;
	int drained = value != NULL ? pyb_asgi_drain(d->asgi, out) : -1;

	if (drained == 0)
		return PYB_CORO_AWAIT;
	if (drained > 0) {
		*out = Py_NewRef(Py_None);
		return PYB_CORO_RETURN;
	}
	if (value != NULL && d->path != NULL && PyErr_ExceptionMatches(PyExc_RuntimeError))
		PyErr_Format(PyExc_RuntimeError, "File at path %S is shorter than expected.",
		    d->path);
	return PYB_CORO_ERROR;
}

static void
drain_release(void *arg)
{
	struct drain *d = arg;

	Py_CLEAR(d->asgi);
	Py_CLEAR(d->path);
	PyMem_Free(d);
}

static int
drain_traverse(void *arg, visitproc visit, void *varg)
{
	return visit((PyObject *)((struct drain *)arg)->asgi, varg);
}

PyObject *
pyb_drain_new(struct pyb_module_state *st, struct pyb_asgi *asgi, PyObject *path)
{
	static const struct pyb_coro_class class = {
		"drain", drain_step, drain_release, drain_traverse
	};
	struct drain *d = PyMem_Calloc(1, sizeof(*d));

	if (d == NULL)
		return PyErr_NoMemory();
	d->asgi = (struct pyb_asgi *)Py_NewRef((PyObject *)asgi);
	d->path = Py_XNewRef(path);
	return pyb_coro_new(st, &class, d);
}
