/*
 * thread_call: steps of a plan, and the exits of plain generators, on a pool thread.
 *
 * Called by call.c and exits.c, on the loop's thread. What it does on the pool thread must keep
 * to what pyb_hop.next says.
 */
#include "bindings/plan/thread_call.h"

#include "base/must.h"
#include "bindings/plan/call.h"
#include "bindings/plan/exits.h"
#include "bindings/plan/plain.h"
#include "bindings/plan/stacks.h"

bool
pyb_thread_call_takes(const struct pyb_run *r, const struct shm_step *step)
{
	if (!(step->flags & SHM_STEP_F_SYNC))
		return false;
	switch (step->op) {
	case SHM_STEP_CALL:
		return true;
	case SHM_STEP_ENDPOINT:
		return r->errors == NULL;
	case SHM_STEP_ENTER:
		return r->mode == PYB_RUN_TASK;
	default:
		return false;
	}
}

/* r->entering has given `value` (stolen). Where user code has used FastAPI's stacks, or may
 * have, the loop's thread has more to do. */
static bool
entered(struct pyb_hop *h, PyObject *value)
{
	struct pyb_run *r = h->run;

	must(r->entering != NULL && r->awaited == h->step);
	if ((r->scope == NULL && pyb_stacks_stand_in(r)) || pyb_stacks_used(r) != 0) {
		PyErr_Clear();
		h->value = value;
		return false;
	}
	pyb_exits_note(r, h->step);
	r->awaited = NULL;
	pyb_call_keep(r, h->step, value);
	return true;
}

/* Enter `manager` (stolen), which the step has made. Its place among what must be left is there
 * before. */
static bool
enter(struct pyb_hop *h, const struct shm_step *step, PyObject *manager)
{
	struct pyb_exit *exit = arena_alloc(h->run->arena, sizeof(*exit));
	PyObject *value = NULL;

	if (exit == NULL)
		PyErr_NoMemory();
	else
		value = PyObject_CallMethodNoArgs(manager, h->st->n___enter__);
	if (value == NULL)
		pyb_plain_raised();
	if (value == NULL || h->run == NULL) {
		Py_DECREF(manager);
		Py_XDECREF(value);
		return false;
	}
	*exit = (struct pyb_exit){ NULL, manager, PYB_EXIT_PLAIN };
	h->run->entering = exit;
	h->run->awaited = h->step = step;
	return entered(h, value);
}

/* The plan's next step. */
static bool
step_next(struct pyb_hop *h)
{
	struct pyb_run *r = h->run;
	const struct shm_step *step;
	PyObject *value;

	while (r->pc < r->plan->n_steps && pyb_call_injects(&r->steps[r->pc]))
		r->pc++;
	if (r->pc == r->plan->n_steps || !pyb_thread_call_takes(r, &r->steps[r->pc]))
		return false;
	step = &r->steps[r->pc++];
	if (pyb_call_lacks(r, step))
		return true;
	value = pyb_call_function(r, step);
	if (value != NULL && h->run != NULL) {
		if (step->op == SHM_STEP_ENTER)
			return enter(h, step, value);
		pyb_call_keep(r, step, value);
		return true;
	}
	Py_XDECREF(value);
	return false;
}

/* The first function has returned. */
static bool
took(struct pyb_hop *h, PyObject *value)
{
	struct pyb_run *r = h->run;

	must(r->awaited == h->step);
	r->awaited = NULL;
	pyb_call_keep(r, h->step, value);
	return true;
}

/* Copy the step's arguments, by name or by position. 0, or -1 with an exception set. */
static int
arguments_take(struct pyb_run *r, const struct shm_step *step, struct pyb_hop_first *first)
{
	const uint32_t *slots = r->binding->table.args + step->first;
	PyObject *names = step->object2 != SHM_NONE ?
	    PyTuple_GET_ITEM(r->binding->objects, step->object2) : NULL;

	first->named = PyDict_New();
	first->args = PyTuple_New(names == NULL ? (Py_ssize_t)step->count : 0);
	if (first->named == NULL || first->args == NULL)
		return -1;
	for (uint32_t i = 0; i < step->count; i++) {
		PyObject *value = r->slots[slots[i]];

		must(value != NULL);
		if (names == NULL)
			PyTuple_SET_ITEM(first->args, i, Py_NewRef(value));
		else if (PyDict_SetItem(first->named, PyTuple_GET_ITEM(names, i), value) < 0)
			return -1;
	}
	return 0;
}

PyObject *
pyb_thread_call(struct pyb_run *r, const struct shm_step *step)
{
	struct pyb_hop_first first = {
		.callable = PyTuple_GET_ITEM(r->binding->objects, step->object),
		.step = step, .took = took, .next = step_next
	};
	PyObject *awaited = NULL;

	if (arguments_take(r, step, &first) == 0) {
		r->awaited = step;
		awaited = pyb_hop_begin(r, &first);
	}
	Py_XDECREF(first.args);
	Py_XDECREF(first.named);
	return awaited;
}

PyObject *
pyb_thread_call_enter(struct pyb_run *r, const struct shm_step *step, PyObject *manager)
{
	struct pyb_hop_first first = { .step = step, .took = entered, .next = step_next };
	PyObject *awaited = NULL;

	must(r->awaited == step);
	first.args = PyTuple_New(0);
	first.callable = PyObject_GetAttr(manager, r->app->st->n___enter__);
	if (first.args != NULL && first.callable != NULL)
		awaited = pyb_hop_begin(r, &first);
	Py_XDECREF(first.callable);
	Py_XDECREF(first.args);
	return awaited;
}

/* An exit has returned. */
static bool
left(struct pyb_hop *Py_UNUSED(h), PyObject *value)
{
	Py_DECREF(value);
	return true;
}

/* Leave the next one, if it is a plain generator, and nothing else comes before it. */
static bool
exit_next(struct pyb_hop *h)
{
	struct pyb_run *r = h->run;
	struct pyb_exit **list = r->phase == PYB_RUN_EARLY ? &r->early : &r->late;
	PyObject *manager, *done;

	if (*list == NULL || (*list)->kind != PYB_EXIT_PLAIN ||
	    (r->phase == PYB_RUN_LATE && pyb_stacks_late_is_used(r) != 0)) {
		PyErr_Clear();
		return false;
	}
	manager = (*list)->manager;
	(*list)->manager = NULL;
	*list = (*list)->next;
	done = PyObject_CallMethodObjArgs(manager, h->st->n___exit__, Py_None, Py_None, Py_None,
	    NULL);
	Py_DECREF(manager);
	Py_XDECREF(done);
	return done != NULL;
}

PyObject *
pyb_thread_call_leave(struct pyb_run *r, PyObject *manager, PyObject *args)
{
	struct pyb_hop_first first = {
		.args = args, .took = left, .next = exit_next, .exit = true
	};
	PyObject *awaited = NULL;

	first.callable = PyObject_GetAttr(manager, r->app->st->n___exit__);
	if (first.callable != NULL)
		awaited = pyb_hop_begin(r, &first);
	Py_XDECREF(first.callable);
	return awaited;
}
