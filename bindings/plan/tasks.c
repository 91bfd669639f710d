/*
 * tasks: what user code has put off until the client has its answer.
 *
 * Called by finish.c (which tasks there are) and phases.c (phase BACKGROUND). The order is
 * that of BackgroundTasks.__call__, which goes through the list as it is then: a task may
 * add another. It must leave alone what it does not know to the letter.
 */
#include "bindings/plan/tasks.h"

#include "base/must.h"
#include "bindings/compat.h"
#include "bindings/plan/give.h"
#include "bindings/plan/hop.h"

/* Is it exactly of one of Starlette's and FastAPI's own classes, and is that class called as
 * they define it? Leaves no exception. */
static bool
is_known(struct pyb_module_state *st, PyObject *tasks)
{
	PyObject *type = (PyObject *)Py_TYPE(tasks), *call, *own;
	bool known;

	own = PyDict_GetItemWithError(st->background_calls, type);
	if (own == NULL) {
		PyErr_Clear();
		return false;
	}
	call = PyObject_GetAttr(type, st->n___call__);
	known = call == own;
	PyErr_Clear();
	Py_XDECREF(call);
	return known;
}

/* Has the request nothing to run in the background after all? */
static bool
is_empty(struct pyb_module_state *st, PyObject *tasks)
{
	PyObject *list;
	bool empty;

	if ((PyObject *)Py_TYPE(tasks) == st->background_task)
		return false;
	list = PyObject_GetAttr(tasks, st->n_tasks);
	empty = list != NULL && PyList_CheckExact(list) && PyList_GET_SIZE(list) == 0;
	PyErr_Clear();
	Py_XDECREF(list);
	return empty;
}

/* May the run outlive its exchange? */
static bool
can_wait(const struct pyb_run *r)
{
	return r->x == NULL || r->arena == &r->own;
}

void
pyb_tasks_take(struct pyb_run *r)
{
	struct pyb_module_state *st = r->app->st;

	must(r->tasks == NULL);
	if (r->background == NULL || !can_wait(r) || is_empty(st, r->background) ||
	    !is_known(st, r->background) ||
	    PyObject_TypeCheck(r->result, (PyTypeObject *)st->response_base))
		return;
	r->tasks = r->background;
	r->background = NULL;
}

void
pyb_tasks_back(struct pyb_run *r)
{
	if (r->tasks == NULL)
		return;
	must(r->background == NULL);
	r->background = r->tasks;
	r->tasks = NULL;
}

int
pyb_tasks_return(struct pyb_run *r, PyObject *response)
{
	PyObject *tasks = r->tasks;
	int rc = 0;

	r->tasks = NULL;
	if (tasks != NULL)
		rc = PyObject_SetAttr(response, r->app->st->n_background, tasks);
	Py_XDECREF(tasks);
	return rc;
}

bool
pyb_tasks_send(struct pyb_run *r, PyObject *response)
{
	PyObject *name = r->app->st->n_background, *tasks;
	bool sent;

	tasks = can_wait(r) ? PyObject_GetAttr(response, name) : NULL;
	if (tasks == NULL || tasks == Py_None || is_empty(r->app->st, tasks) ||
	    !is_known(r->app->st, tasks) ||
	    PyObject_SetAttr(response, name, Py_None) < 0) {
		PyErr_Clear();
		Py_XDECREF(tasks);
		return pyb_give_response(r, response, false);
	}
	sent = pyb_give_response(r, response, true);
	if (PyObject_SetAttr(response, name, tasks) < 0)
		PyErr_WriteUnraisable(response);
	if (sent)
		Py_XSETREF(r->tasks, Py_NewRef(tasks));
	Py_DECREF(tasks);
	return sent;
}

/* The next task, new reference; NULL when there is none, or with an exception set. A task that
 * gives the tasks another list changes nothing, as in a `for` of Python. */
static PyObject *
next_take(struct pyb_run *r)
{
	struct pyb_module_state *st = r->app->st;
	PyObject *list;

	if ((PyObject *)Py_TYPE(r->tasks) == st->background_task) {
		if (r->tasks_left != NULL)
			return NULL;
		r->tasks_left = Py_NewRef(Py_None);
		return Py_NewRef(r->tasks);
	}
	if (r->tasks_left == NULL) {
		list = PyObject_GetAttr(r->tasks, st->n_tasks);
		r->tasks_left = list != NULL ? PyObject_GetIter(list) : NULL;
		Py_XDECREF(list);
	}
	return r->tasks_left != NULL ? PyIter_Next(r->tasks_left) : NULL;
}

/* What to await for a task: the function's coroutine, a thread, or for a task of another
 * class what that makes of itself. NULL with an exception set. */
static PyObject *
task_begin(struct pyb_run *r, PyObject *task)
{
	struct pyb_module_state *st = r->app->st;
	PyObject *function = NULL, *args = NULL, *named = NULL, *is_async = NULL, *out = NULL;

	if ((PyObject *)Py_TYPE(task) != st->background_task || !is_known(st, task))
		return PyObject_CallNoArgs(task);
	function = PyObject_GetAttr(task, st->n_func);
	args = PyObject_GetAttr(task, st->n_args);
	named = PyObject_GetAttr(task, st->n_kwargs);
	is_async = PyObject_GetAttr(task, st->n_is_async);
	if (function == NULL || args == NULL || named == NULL || is_async == NULL)
		goto done;
	if (!PyTuple_CheckExact(args) || !PyDict_CheckExact(named) || !PyBool_Check(is_async))
		out = PyObject_CallNoArgs(task);
	else if (is_async == Py_True)
		out = PyObject_Call(function, args, named);
	else
		out = pyb_hop_begin(r, &(struct pyb_hop_first){
		    .callable = function, .args = args, .named = named });
done:
	Py_XDECREF(function);
	Py_XDECREF(args);
	Py_XDECREF(named);
	Py_XDECREF(is_async);
	return out;
}

enum pyb_coro_verdict
pyb_tasks_run(struct pyb_run *r, PyObject *value, PyObject **out)
{
	PyObject *task;

	must(r->mode == PYB_RUN_TASK && r->tasks != NULL);
	*out = NULL;
	if (value == NULL)
		return PYB_CORO_ERROR;
	task = next_take(r);
	if (task == NULL)
		return PyErr_Occurred() ? PYB_CORO_ERROR : PYB_CORO_RETURN;
	*out = task_begin(r, task);
	Py_DECREF(task);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}
