/*
 * timer: the Python type TimerHandle.
 *
 * Called by schedule.c (start), loop.c (the due timers) and engine/ (the type). asyncio
 * keeps cancelled timers in its heap and removes them now and then; here a timer leaves
 * the heap when it is cancelled.
 */
#include "bindings/loop/timer.h"

#include <stddef.h>
#include <structmember.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/must.h"
#include "bindings/loop/loop.h"

/* As asyncio's: a timer that is due within this time (seconds) is due. */
static const double CLOCK_RESOLUTION = 1e-9;

static struct pyb_timer *
timer_of(struct io_deadline *deadline)
{
	return container_of(deadline, struct pyb_timer, deadline);
}

int
pyb_timer_start(struct pyb_handle *h, double when)
{
	struct pyb_timer *t = (struct pyb_timer *)h;

	must(!io_deadline_waits(&t->deadline));
	if (io_deadlines_add(&h->loop->deadlines, &t->deadline, when) < 0) {
		PyErr_NoMemory();
		return -1;
	}
	Py_INCREF(h);
	return 0;
}

void
pyb_timers_queue(struct pyb_loop *loop)
{
	struct io_deadline *first = io_deadlines_first(&loop->deadlines);
	double end;

	if (first == NULL)
		return;
	end = clock_monotonic_s() + CLOCK_RESOLUTION;
	for (; first != NULL && first->when < end; first = io_deadlines_first(&loop->deadlines)) {
		struct pyb_handle *h = &timer_of(first)->handle;

		io_deadlines_remove(&loop->deadlines, first);
		pyb_handle_push(h);
		Py_DECREF(h);
	}
}

void
pyb_timers_clear(struct pyb_loop *loop)
{
	struct io_deadline *first;

	while ((first = io_deadlines_first(&loop->deadlines)) != NULL) {
		io_deadlines_remove(&loop->deadlines, first);
		Py_DECREF(&timer_of(first)->handle);
	}
}

int
pyb_timers_traverse(struct pyb_loop *loop, visitproc visit, void *arg)
{
	for (size_t i = 0; i < loop->deadlines.n; i++)
		Py_VISIT(&timer_of(loop->deadlines.heap[i])->handle);
	return 0;
}

static PyObject *
timer_cancel(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	struct pyb_timer *t = (struct pyb_timer *)self;

	if (io_deadline_waits(&t->deadline)) {
		io_deadlines_remove(&t->handle.loop->deadlines, &t->deadline);
		Py_DECREF(self);	/* the heap's; the caller has its own */
	}
	pyb_handle_cancel(&t->handle);
	Py_RETURN_NONE;
}

static PyObject *
timer_when(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	return PyFloat_FromDouble(((struct pyb_timer *)self)->deadline.when);
}

static PyMethodDef timer_methods[] = {
	{ "cancel", timer_cancel, METH_NOARGS, "Do not call it any more." },
	{ "when", timer_when, METH_NOARGS, "The loop time at which it is due." },
	{ NULL, NULL, 0, NULL }
};

static PyMemberDef timer_members[] = {
	{ "_when", T_DOUBLE, offsetof(struct pyb_timer, deadline.when), READONLY, NULL },
	{ NULL, 0, 0, 0, NULL }
};

static PyGetSetDef timer_getset[] = {
	{ "__class__", pyb_handle_class, NULL, NULL, "TimerHandle" },
	{ NULL, NULL, NULL, NULL, NULL }
};

static PyType_Slot timer_slots[] = {
	{ Py_tp_dealloc, pyb_handle_dealloc },
	{ Py_tp_traverse, pyb_handle_traverse },
	{ Py_tp_clear, pyb_handle_clear },
	{ Py_tp_methods, timer_methods },
	{ Py_tp_members, timer_members },
	{ Py_tp_getset, timer_getset },
	{ 0, NULL }
};

static PyType_Spec timer_spec = {
	.name = "fastrapi._engine.TimerHandle",
	.basicsize = sizeof(struct pyb_timer),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
	.slots = timer_slots,
};

PyTypeObject *
pyb_timer_type_new(PyObject *module, PyTypeObject *base)
{
	static const char *const methods[] = {
		"_repr_info", "__hash__", "__lt__", "__le__", "__gt__", "__ge__", "__eq__", NULL
	};
	PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &timer_spec,
	    (PyObject *)base);

	if (type != NULL && pyb_handle_borrow(type, "TimerHandle", methods) < 0)
		Py_CLEAR(type);
	return type;
}
