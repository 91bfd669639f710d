/*
 * standin: the current task of user code that has no task of its own yet.
 *
 * Called by local.c, which has the outermost one of its loop, by late_task.c, by plan/ for plans
 * that cannot suspend, and by stack/, which asks for its name.
 */
#include "bindings/loop/standin.h"

#include "base/must.h"
#include "bindings/compat.h"
#include "bindings/loop/local.h"
#include "bindings/loop/loop.h"
#include "bindings/loop/retry.h"

static PyObject *
weak_head(PyObject *task)
{
	return *PyObject_GET_WEAKREFS_LISTPTR(task);
}

static bool
is_touched(const struct pyb_standin *s)
{
	return Py_REFCNT(s->task) != s->refs || weak_head(s->task) != s->weak;
}

/* A new task, whose coroutine waits already. 0, or -1 with an exception set. */
static int
renew(struct pyb_loop_local *h, struct pyb_standin *s)
{
	struct pyb_module_state *st = h->st;
	PyObject *coro = PyObject_CallOneArg(st->request_coroutine, h->loop);
	/* Not that of the request: its variables would stay as long as the task. */
	PyObject *context = coro != NULL ? PyContext_New() : NULL, *task = NULL;

	if (context != NULL)
		task = pyb_eager_task_of(h->loop, st->request_task, coro, context,
		    st->t_fastrapi_request);
	Py_XDECREF(context);
	Py_XDECREF(coro);
	if (task != NULL && PyObject_SetAttr(task, st->n__log_destroy_pending, Py_False) < 0)
		Py_CLEAR(task);
	if (task == NULL)
		return -1;
	s->refs = Py_REFCNT(task);
	s->weak = weak_head(task);
	Py_XSETREF(s->task, task);
	return 0;
}

/* The one to be entered next. NULL with an exception set. */
static struct pyb_standin *
next_of(struct pyb_loop_local *h)
{
	struct pyb_standin *outer = h->entered, *s = outer == NULL ? &h->standin : outer->inner;

	if (s == NULL) {
		s = PyMem_Calloc(1, sizeof(*s));
		if (s == NULL) {
			PyErr_NoMemory();
			return NULL;
		}
		s->outer = outer;
		outer->inner = s;
	}
	/* Between two requests somebody may have cancelled all tasks. */
	if ((s->task == NULL || is_touched(s)) && renew(h, s) < 0)
		return NULL;
	return s;
}

/* What enter_task() does when the loop has no current task. False: it has one, or an error
 * must be raised. */
static bool
entered_at_once(struct pyb_loop_local *h, PyObject *task)
{
	PyObject *tasks = h->st->current_tasks;
	Py_ssize_t n = tasks != NULL ? PyDict_GET_SIZE(tasks) : 0;

	if (tasks == NULL || PyDict_SetDefault(tasks, h->loop, task) == NULL) {
		PyErr_Clear();
		return false;
	}
	return PyDict_GET_SIZE(tasks) > n;
}

/* What leave_task() does when `task` is the current task. */
static bool
left_at_once(struct pyb_loop_local *h, PyObject *task)
{
	PyObject *tasks = h->st->current_tasks;
	bool left = tasks != NULL && PyDict_GetItemWithError(tasks, h->loop) == task &&
	    PyDict_DelItem(tasks, h->loop) == 0;

	if (!left)
		PyErr_Clear();
	return left;
}

int
pyb_standin_enter(struct pyb_loop_local *h, PyObject *context, PyObject *name)
{
	struct pyb_standin *s;
	PyObject *args[2], *done;

	must(h->loop != NULL);
	s = next_of(h);
	if (s == NULL)
		return -1;
	if (!entered_at_once(h, s->task)) {
		args[0] = h->loop;
		args[1] = s->task;
		done = PyObject_Vectorcall(h->st->enter_task, args, 2, NULL);
		if (done == NULL)
			return -1;
		Py_DECREF(done);
	}
	s->context = context;
	s->name = name;
	h->entered = s;
	return 0;
}

PyObject *
pyb_standin_leave(struct pyb_loop_local *h)
{
	PyObject *pending = PyErr_GetRaisedException();
	struct pyb_standin *s = h->entered;
	PyObject *task, *done;

	must(s != NULL && s->task != NULL);
	if (!left_at_once(h, s->task)) {
		PyObject *args[2] = { h->loop, s->task };

		done = PyObject_Vectorcall(h->st->leave_task, args, 2, NULL);
		if (done == NULL)
			PyErr_WriteUnraisable(s->task);
		Py_XDECREF(done);
	}
	h->entered = s->outer;
	s->context = s->name = NULL;
	task = is_touched(s) ? s->task : NULL;
	if (task != NULL)
		s->task = NULL;
	if (pending != NULL)
		PyErr_SetRaisedException(pending);
	return task;
}

/* Call what gives a stand-in its coroutine, or its end. Who waits for the task would wait for
 * ever: where there was no memory, it is tried once more. 0, or -1 with an exception set. */
static int
told(PyObject *function, PyObject *const *args, size_t n)
{
	PyObject *done = PyObject_Vectorcall(function, args, n, NULL);

	if (pyb_retry_is_due(done))
		done = PyObject_Vectorcall(function, args, n, NULL);
	Py_XDECREF(done);
	return done == NULL ? -1 : 0;
}

void
pyb_standin_end(struct pyb_loop_local *h, PyObject *task, PyObject *exc)
{
	PyObject *args[] = { task, exc != NULL ? exc : Py_None }, *pending;

	if (task == NULL)
		return;
	pending = PyErr_GetRaisedException();
	if (told(h->st->end_request_task, args, 2) < 0)
		pyb_eager_task_raised((struct pyb_loop *)h->loop, task);
	Py_DECREF(task);
	if (pending != NULL)
		PyErr_SetRaisedException(pending);
}

int
pyb_standin_adopt(struct pyb_loop_local *h, PyObject *task, PyObject *coro, PyObject *context,
    PyObject *name, PyObject *value)
{
	PyObject *args[] = { task, coro, context, name != NULL ? name : Py_None, value };

	return told(h->st->adopt_request_task, args, 5);
}

const struct pyb_standin *
pyb_standin_of(const struct pyb_loop_local *h, PyObject *task)
{
	const struct pyb_standin *s = h->entered;

	while (s != NULL && s->task != task)
		s = s->outer;
	return s;
}

int
pyb_standin_traverse(struct pyb_standin *s, visitproc visit, void *arg)
{
	for (; s != NULL; s = s->inner)
		Py_VISIT(s->task);
	return 0;
}

void
pyb_standin_clear(struct pyb_standin *s)
{
	struct pyb_standin *inner = s->inner, *next;

	s->inner = NULL;
	Py_CLEAR(s->task);
	for (; inner != NULL; inner = next) {
		next = inner->inner;
		Py_CLEAR(inner->task);
		PyMem_Free(inner);
	}
}
