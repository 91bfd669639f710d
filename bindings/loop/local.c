/*
 * local: what the bindings keep for one event loop.
 *
 * Called by loop.c, offload.c, asgi/, plan/, stack/ and engine/. The local is an attribute of its loop:
 * EventLoop.close() closes it, and nobody may use it afterwards.
 */
#include "bindings/loop/local.h"

#include "base/must.h"
#include "bindings/compat.h"
#include "bindings/loop/loop.h"
#include "bindings/loop/pool.h"

static PyObject *
weak_head(PyObject *task)
{
	return *PyObject_GET_WEAKREFS_LISTPTR(task);
}

static int
standin_renew(struct pyb_loop_local *h)
{
	PyObject *task = PyObject_CallOneArg(h->st->new_request_task, h->loop);

	if (task == NULL)
		return -1;
	Py_XSETREF(h->standin.task, task);
	h->standin.refs = Py_REFCNT(task);
	h->standin.weak = weak_head(task);
	return 0;
}

/* What enter_task() does when the loop has no current task. False: it has one, or an error
 * must be raised. */
static bool
entered_at_once(struct pyb_loop_local *h)
{
	PyObject *tasks = h->st->current_tasks;
	Py_ssize_t n = tasks != NULL ? PyDict_GET_SIZE(tasks) : 0;

	if (tasks == NULL || PyDict_SetDefault(tasks, h->loop, h->standin.task) == NULL) {
		PyErr_Clear();
		return false;
	}
	return PyDict_GET_SIZE(tasks) > n;
}

/* What leave_task() does when the stand-in is the current task. */
static bool
left_at_once(struct pyb_loop_local *h)
{
	PyObject *tasks = h->st->current_tasks;
	bool left = tasks != NULL &&
	    PyDict_GetItemWithError(tasks, h->loop) == h->standin.task &&
	    PyDict_DelItem(tasks, h->loop) == 0;

	if (!left)
		PyErr_Clear();
	return left;
}

int
pyb_local_enter(struct pyb_loop_local *h)
{
	PyObject *args[2], *done;

	must(h->loop != NULL);
	if (h->standin.task == NULL && standin_renew(h) < 0)
		return -1;
	if (entered_at_once(h))
		return 0;
	args[0] = h->loop;
	args[1] = h->standin.task;
	done = PyObject_Vectorcall(h->st->enter_task, args, 2, NULL);
	Py_XDECREF(done);
	return done == NULL ? -1 : 0;
}

void
pyb_local_leave(struct pyb_loop_local *h)
{
	PyObject *pending = PyErr_GetRaisedException();
	PyObject *args[2] = { h->loop, h->standin.task };
	PyObject *done;

	must(h->standin.task != NULL);
	if (!left_at_once(h)) {
		done = PyObject_Vectorcall(h->st->leave_task, args, 2, NULL);
		if (done == NULL)
			PyErr_WriteUnraisable(h->standin.task);
		Py_XDECREF(done);
	}
	if (Py_REFCNT(h->standin.task) != h->standin.refs ||
	    weak_head(h->standin.task) != h->standin.weak)
		Py_CLEAR(h->standin.task);
	if (pending != NULL)
		PyErr_SetRaisedException(pending);
}

int
pyb_local_set_aside(struct pyb_loop *loop, struct pyb_standin *outer)
{
	struct pyb_loop_local *h = pyb_local_get(loop->st, (PyObject *)loop);

	if (h == NULL)
		return -1;
	*outer = h->standin;
	outer->of = h;
	h->standin = (struct pyb_standin){ .task = NULL };
	return 0;
}

void
pyb_local_put_back(struct pyb_standin *outer)
{
	struct pyb_loop_local *h = outer->of;
	PyObject *pending = PyErr_GetRaisedException();

	outer->of = NULL;
	Py_CLEAR(h->standin.task);
	h->standin = *outer;
	Py_DECREF((PyObject *)h);
	if (pending != NULL)
		PyErr_SetRaisedException(pending);
}

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
	Py_VISIT(h->standin.task);
	Py_VISIT(h->kept);
	Py_VISIT(h->thread_context);
	return 0;
}

static int
local_clear(PyObject *self)
{
	struct pyb_loop_local *h = (struct pyb_loop_local *)self;

	if (h->pool != NULL) {
		pyb_pool_free(h->pool);
		h->pool = NULL;
	}
	Py_CLEAR(h->standin.task);
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

static PyMethodDef local_methods[] = {
	{ "close", local_close, METH_NOARGS,
	    "Stop the pool's threads and drop the loop." },
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
