/*
 * local: what the bindings keep for one event loop.
 *
 * Called by offload.c, subtask.c, asgi/, plan/, stack/, websocket/ and engine/. The local is an attribute of
 * its loop: EventLoop.close() closes it, and nobody may use it afterwards.
 */
#include "bindings/loop/local.h"

#include "base/must.h"
#include "bindings/compat.h"
#include "bindings/loop/loop.h"
#include "bindings/loop/offload.h"
#include "bindings/loop/pool.h"

int
pyb_local_keep(struct pyb_loop_local *h, PyObject *task)
{
	if (h->kept == NULL && (h->kept = PySet_New(NULL)) == NULL)
		return -1;
	return PySet_Add(h->kept, task);
}

void
pyb_local_keep_no_more(struct pyb_loop_local *h, PyObject *task)
{
	PyObject *pending = PyErr_GetRaisedException();

	if (h->kept != NULL && PySet_Discard(h->kept, task) < 0)
		PyErr_WriteUnraisable(task);
	if (pending != NULL)
		PyErr_SetRaisedException(pending);
}

struct pyb_pool *
pyb_local_pool(struct pyb_loop_local *h)
{
	must(h->loop != NULL);
	if (h->pool == NULL)
		h->pool = pyb_pool_new(h->st, h->loop, h->turn);
	return h->pool;
}

PyObject *
pyb_local_thread_context(struct pyb_loop_local *h)
{
	if (h->thread_context == NULL)
		h->thread_context = PyObject_CallNoArgs(h->st->pool_context);
	return h->thread_context != NULL ? PyContext_Copy(h->thread_context) : NULL;
}

struct pyb_loop_local *
pyb_local_get(struct pyb_module_state *st, PyObject *loop)
{
	struct pyb_loop_local *h = (struct pyb_loop_local *)PyObject_GetAttr(loop, st->n__fastrapi_local);
	struct io_turn *turn;

	if (h != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError))
		return h;
	PyErr_Clear();
	turn = pyb_loop_turn(loop);
	if (turn == NULL)
		return NULL;
	h = PyObject_GC_New(struct pyb_loop_local, st->local_type);
	if (h == NULL)
		return NULL;
	h->st = st;
	h->loop = Py_NewRef(loop);
	h->turn = turn;
	h->standin = (struct pyb_standin){ .task = NULL };
	h->entered = NULL;
	h->kept = h->thread_context = NULL;
	h->pool = NULL;
	list_init(&h->offload.waiting);
	h->offload.running = 0;
	PyObject_GC_Track((PyObject *)h);
	if (PyObject_SetAttr(loop, st->n__fastrapi_local, (PyObject *)h) < 0)
		Py_CLEAR(h);
	return h;
}

static int
local_traverse(PyObject *self, visitproc visit, void *arg)
{
	struct pyb_loop_local *h = (struct pyb_loop_local *)self;

	Py_VISIT(Py_TYPE(self));
	Py_VISIT(h->loop);
	Py_VISIT(h->kept);
	Py_VISIT(h->thread_context);
	return pyb_standin_traverse(&h->standin, visit, arg);
}

static int
local_clear(PyObject *self)
{
	struct pyb_loop_local *h = (struct pyb_loop_local *)self;
	struct pyb_pool *pool = h->pool;

	h->pool = NULL;		/* nobody submits to it any more */
	if (pool != NULL)
		pyb_pool_free(pool);
	pyb_offload_close(h);
	pyb_standin_clear(&h->standin);
	Py_CLEAR(h->kept);
	Py_CLEAR(h->thread_context);
	Py_CLEAR(h->loop);
	return 0;
}

static void
local_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	local_clear(self);
	type->tp_free(self);
	Py_DECREF(type);
}

/* close(): EventLoop.close() calls it, before the loop's turn is freed. */
static PyObject *
local_close(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	local_clear(self);
	Py_RETURN_NONE;
}

/* entered(task) -> (context, name or None), if it is the stand-in of code that runs now; else
 * None */
static PyObject *
local_entered(PyObject *self, PyObject *task)
{
	const struct pyb_standin *s = pyb_standin_of((struct pyb_loop_local *)self, task);

	if (s == NULL)
		Py_RETURN_NONE;
	return PyTuple_Pack(2, s->context, s->name != NULL ? s->name : Py_None);
}

static PyMethodDef local_methods[] = {
	{ "close", local_close, METH_NOARGS,
	    "Stop the pool's threads and drop the loop." },
	{ "entered", local_entered, METH_O, "(context, name) of the code that runs for a stand-in." },
	{ NULL, NULL, 0, NULL }
};

static PyType_Slot local_slots[] = {
	{ Py_tp_dealloc, local_dealloc },
	{ Py_tp_traverse, local_traverse },
	{ Py_tp_clear, local_clear },
	{ Py_tp_methods, local_methods },
	{ 0, NULL }
};

static PyType_Spec local_spec = {
	.name = "fastrapi._engine.LoopLocal",
	.basicsize = sizeof(struct pyb_loop_local),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
	    Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
	.slots = local_slots,
};

PyTypeObject *
pyb_local_type_new(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &local_spec, NULL);
}
