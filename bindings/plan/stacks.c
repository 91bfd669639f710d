/*
 * stacks: FastAPI's exit stacks as user code finds them in the scope.
 *
 * Called by exits.c, thread_call.c, finish.c and stack/. Behind a layer they are in the scope that
 * the layer has passed on; alone in that of a Request, if one was made.
 */
#include "bindings/plan/stacks.h"

#include "bindings/truth.h"

bool
pyb_stacks_stand_in(const struct pyb_run *r)
{
	return (r->plan->flags & SHM_PLAN_F_SCOPE) && r->request != NULL;
}

int
pyb_stacks_is_used(struct pyb_module_state *st, PyObject *stack)
{
	return pyb_truth_of(stack, st->n__exit_callbacks);
}

/* Of the stacks in the scope that a layer has passed on. */
static int
scope_stacks_used(struct pyb_run *r)
{
	int used, all = 0;

	for (int i = 0; i < PYB_EXIT_STACKS; i++) {
		used = r->stacks[i] != NULL ? pyb_stacks_is_used(r->app->st, r->stacks[i]) : 0;
		if (used < 0)
			return -1;
		all |= used << i;
	}
	return all;
}

int
pyb_stacks_used(struct pyb_run *r)
{
	PyObject *used;
	long all;

	if (r->scope != NULL)
		return scope_stacks_used(r);
	if (!pyb_stacks_stand_in(r))
		return 0;
	used = PyObject_CallMethodOneArg(pyb_run_helper(r), r->app->st->n_stacks_used,
	    pyb_asgi_scope(r->asgi));
	all = used != NULL ? PyLong_AsLong(used) : -1;
	Py_XDECREF(used);
	return (int)all;
}

/* FastAPI's late stack in the scope, or its stand-in, if something is on it: 1, and *stack is it, a
 * new reference. 0; -1 with an exception set. */
static int
late_stack(struct pyb_run *r, PyObject **stack)
{
	PyObject *found = r->stacks[PYB_STACK_LATE];
	int used;

	if (r->scope == NULL)
		found = pyb_stacks_stand_in(r) ? PyDict_GetItemWithError(
		    pyb_asgi_scope(r->asgi), r->app->st->late_stack) : NULL;
	if (found == NULL)
		return PyErr_Occurred() ? -1 : 0;
	*stack = Py_NewRef(found);
	used = pyb_stacks_is_used(r->app->st, *stack);
	if (used <= 0)
		Py_CLEAR(*stack);
	return used;
}

int
pyb_stacks_late_is_used(struct pyb_run *r)
{
	PyObject *stack = NULL;
	int used = late_stack(r, &stack);

	Py_XDECREF(stack);
	return used;
}

int
pyb_stacks_leave_late(struct pyb_run *r, PyObject **out)
{
	PyObject *stack = NULL;
	int used = late_stack(r, &stack);

	if (used <= 0)
		return used;
	*out = PyObject_CallMethodObjArgs(stack, r->app->st->n___aexit__, Py_None, Py_None, Py_None,
	    NULL);
	Py_DECREF(stack);
	return *out != NULL ? 1 : -1;
}
