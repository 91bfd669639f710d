/*
 * exits: dependencies with `yield` are entered and left.
 *
 * Called by call.c and thread_call.c (ENTER steps), phases.c (phases EARLY and LATE), finish.c,
 * run.c and stack/ (what is left open). An entry is noted when it has succeeded, and forgotten
 * before it is left, as AsyncExitStack does: whatever happens meanwhile, it is left once. The
 * objects' own methods run the user's code; nothing here may look into a generator.
 */
#include "bindings/plan/exits.h"

#include "base/must.h"
#include "bindings/compat.h"
#include "bindings/loop/retry.h"
#include "bindings/plan/plain.h"
#include "bindings/plan/stacks.h"
#include "bindings/plan/stream.h"
#include "bindings/plan/thread_call.h"

/* manager.name(*args) here, as a plain function. */
static PyObject *
call_here(struct pyb_run *r, PyObject *manager, PyObject *name, PyObject *args)
{
	PyObject *context = pyb_plain_enter(r), *method, *value = NULL;

	if (context == NULL)
		return NULL;
	method = PyObject_GetAttr(manager, name);
	if (method != NULL)
		value = PyObject_Call(method, args, NULL);
	Py_XDECREF(method);
	pyb_plain_leave(r, context);
	return value;
}

/* The scope of the run, if Python has one. Borrowed. */
static PyObject *
scope_of(const struct pyb_run *r)
{
	return r->scope != NULL ? r->scope : pyb_asgi_scope(r->asgi);
}

/* Add to what must be left late: FastAPI's cancel scope around asynchronous dependencies,
 * which shields their exits. 1; 0: there is no need of it; -1 with an exception set. */
static int
cleanup_add(struct pyb_run *r)
{
	struct pyb_exit *exit = arena_alloc(r->arena, sizeof(*exit));
	PyObject *scoped = r->scoped ? Py_True : Py_False, *made;

	if (exit == NULL) {
		PyErr_NoMemory();
		return -1;
	}
	made = PyObject_CallFunctionObjArgs(r->app->st->enter_cleanup, r->scope, scoped, NULL);
	if (made == NULL || made == Py_None) {
		Py_XDECREF(made);
		return made == NULL ? -1 : 0;
	}
	*exit = (struct pyb_exit){ r->late, made, PYB_EXIT_CLEANUP };
	r->late = exit;
	r->cleanup = made;
	return 1;
}

/* An asynchronous dependency is about to be entered behind a layer. What FastAPI keeps for
 * all of them is in the scope, and is a cancel scope where one of the application's may reach
 * the task. 0, or -1 with an exception set. */
static int
cleanup_begin(struct pyb_run *r)
{
	struct pyb_module_state *st = r->app->st;
	PyObject *made;
	int rc = 0;

	if (r->scope == NULL || r->cleanup != NULL || st->cleanup_scopes == Py_None)
		return 0;
	if (r->scoped || PyDict_GET_SIZE(st->cancel_scopes) > 0)
		rc = cleanup_add(r);
	if (rc != 0)
		return rc;
	made = PyDict_New();
	rc = -1;
	if (made != NULL && PyDict_SetDefault(r->scope, st->cleanup_scopes, made) != NULL)
		rc = 0;
	Py_XDECREF(made);
	return rc;
}

/* Let the cancel scope shield what runs in it, or no longer. A pending exception stays. 0, or
 * -1 with an exception set. */
static int
shield_set(struct pyb_run *r, bool on)
{
	PyObject *pending;
	int rc;

	if (r->cleanup == NULL)
		return 0;
	pending = PyErr_GetRaisedException();
	rc = PyObject_SetAttr(r->cleanup, r->app->st->n_shield, on ? Py_True : Py_False);
	if (pending != NULL) {
		if (rc < 0)
			PyErr_Clear();
		PyErr_SetRaisedException(pending);
	}
	return rc;
}

void
pyb_exits_note(struct pyb_run *r, const struct shm_step *step)
{
	bool early = (step->flags & SHM_STEP_F_EARLY) != 0;

	struct pyb_exit **list = early ? &r->early : &r->late;

	r->entering->next = *list;
	*list = r->entering;
	r->entering = NULL;
}

static enum pyb_coro_verdict
manager_enter(struct pyb_run *r, const struct shm_step *step, struct pyb_exit *exit,
    PyObject **out)
{
	struct pyb_module_state *st = r->app->st;
	PyObject *none;

	if (exit->kind == PYB_EXIT_ASYNC) {
		if (cleanup_begin(r) < 0)
			return PYB_CORO_ERROR;
		*out = PyObject_CallMethodNoArgs(exit->manager, st->n___aenter__);
		return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
	}
	if (!pyb_plain_here(r)) {
		*out = pyb_thread_call_enter(r, step, exit->manager);
		return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
	}
	none = PyTuple_New(0);
	if (none == NULL)
		return PYB_CORO_ERROR;
	*out = call_here(r, exit->manager, st->n___enter__, none);
	Py_DECREF(none);
	return *out != NULL ? PYB_CORO_RETURN : PYB_CORO_ERROR;
}

/* The cancel scope would stay around the task: where there was no memory to leave it, it is
 * tried once more. New reference; NULL with an exception set. */
static PyObject *
cleanup_leave(struct pyb_module_state *st, PyObject *cleanup)
{
	PyObject *left = PyObject_CallMethodObjArgs(cleanup, st->n___exit__, Py_None, Py_None,
	    Py_None, NULL);

	if (pyb_retry_is_due(left))
		left = PyObject_CallMethodObjArgs(cleanup, st->n___exit__, Py_None, Py_None,
		    Py_None, NULL);
	return left;
}

static enum pyb_coro_verdict
manager_leave(struct pyb_run *r, PyObject *manager, enum pyb_exit_kind kind, PyObject **out)
{
	struct pyb_module_state *st = r->app->st;
	bool here = pyb_plain_here(r);
	PyObject *nothing;

	if (kind == PYB_EXIT_ASYNC) {
		if (shield_set(r, true) < 0)
			return PYB_CORO_ERROR;
		*out = PyObject_CallMethodObjArgs(manager, st->n___aexit__, Py_None, Py_None,
		    Py_None, NULL);
		return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
	}
	if (kind == PYB_EXIT_CLEANUP) {
		r->cleanup = NULL;
		*out = cleanup_leave(st, manager);
		return *out != NULL ? PYB_CORO_RETURN : PYB_CORO_ERROR;
	}
	nothing = PyTuple_Pack(3, Py_None, Py_None, Py_None);
	if (nothing == NULL)
		return PYB_CORO_ERROR;
	*out = here ? call_here(r, manager, st->n___exit__, nothing) :
	    pyb_thread_call_leave(r, manager, nothing);
	Py_DECREF(nothing);
	if (*out == NULL)
		return PYB_CORO_ERROR;
	return here ? PYB_CORO_RETURN : PYB_CORO_AWAIT;
}

enum pyb_coro_verdict
pyb_exits_enter(struct pyb_run *r, const struct shm_step *step, PyObject *manager,
    PyObject **out)
{
	struct pyb_exit *exit = arena_alloc(r->arena, sizeof(*exit));
	enum pyb_coro_verdict verdict;

	must(r->entering == NULL);
	*out = NULL;
	if (exit == NULL) {
		Py_DECREF(manager);
		PyErr_NoMemory();
		return PYB_CORO_ERROR;
	}
	*exit = (struct pyb_exit){ NULL, manager,
	    step->flags & SHM_STEP_F_SYNC ? PYB_EXIT_PLAIN : PYB_EXIT_ASYNC };
	r->entering = exit;
	verdict = manager_enter(r, step, exit, out);
	if (verdict == PYB_CORO_RETURN && pyb_exits_entered(r, step) < 0) {
		Py_CLEAR(*out);
		verdict = PYB_CORO_ERROR;
	}
	if (verdict == PYB_CORO_ERROR)
		pyb_exits_refused(r);
	return verdict;
}

/* helper.adopt(scope, manager, early) */
static int
stack_push(struct pyb_run *r, PyObject *manager, bool early)
{
	PyObject *done = PyObject_CallMethodObjArgs(pyb_run_helper(r), r->app->st->n_adopt,
	    scope_of(r), manager, early ? Py_True : Py_False, NULL);

	Py_XDECREF(done);
	return done != NULL ? 0 : -1;
}

int
pyb_exits_entered(struct pyb_run *r, const struct shm_step *step)
{
	struct pyb_exit *exit = r->entering;
	bool early = (step->flags & SHM_STEP_F_EARLY) != 0;
	int used = pyb_stacks_used(r), rc = used;

	must(exit != NULL);
	if (used > 0) {
		rc = stack_push(r, exit->manager, early);
		if (rc == 0)
			pyb_exits_refused(r);
		return rc;
	}
	/* Entered it is, even when that could not be found out. */
	pyb_exits_note(r, step);
	return rc;
}

void
pyb_exits_refused(struct pyb_run *r)
{
	PyObject *pending;

	if (r->entering != NULL && r->entering->kind == PYB_EXIT_PLAIN && PyErr_Occurred())
		pyb_plain_raised();
	pending = PyErr_GetRaisedException();

	if (r->entering != NULL)
		Py_CLEAR(r->entering->manager);
	r->entering = NULL;
	if (pending != NULL)
		PyErr_SetRaisedException(pending);
}

/* Leave the last one of the list. */
static enum pyb_coro_verdict
last_leave(struct pyb_run *r, struct pyb_exit **list, PyObject **out)
{
	PyObject *manager = (*list)->manager;
	enum pyb_exit_kind kind = (*list)->kind;
	enum pyb_coro_verdict verdict;

	(*list)->manager = NULL;
	*list = (*list)->next;
	r->unsettled = kind == PYB_EXIT_ASYNC;
	verdict = manager_leave(r, manager, kind, out);
	Py_DECREF(manager);
	return verdict;
}

enum pyb_coro_verdict
pyb_exits_leave(struct pyb_run *r, PyObject *value, PyObject **out)
{
	struct pyb_module_state *st = r->app->st;
	struct pyb_exit **list = r->phase == PYB_RUN_EARLY ? &r->early : &r->late;
	enum pyb_coro_verdict verdict = value != NULL ? PYB_CORO_RETURN : PYB_CORO_ERROR;
	int used;

	must(r->phase == PYB_RUN_EARLY || r->phase == PYB_RUN_LATE);
	*out = NULL;
	while (verdict == PYB_CORO_RETURN) {
		bool unsettled = r->unsettled;

		Py_CLEAR(*out);
		r->unsettled = false;
		if (unsettled && shield_set(r, false) < 0)
			return PYB_CORO_ERROR;
		if (unsettled && PyDict_GET_SIZE(st->cancel_scopes) > 0) {
			*out = PyObject_CallNoArgs(st->checkpoint);
			return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
		}
		used = r->phase == PYB_RUN_LATE ? pyb_stacks_leave_late(r, out) : 0;
		if (used != 0)
			return used > 0 ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
		if (*list == NULL)
			break;
		verdict = last_leave(r, list, out);
	}
	if (verdict != PYB_CORO_ERROR)
		return verdict;
	if (!r->unsettled)
		pyb_plain_raised();
	else if (shield_set(r, false) < 0)
		must(PyErr_Occurred());
	r->unsettled = false;
	return verdict;
}

static void
list_drop(struct pyb_exit **list)
{
	struct pyb_exit *exit = *list;

	*list = NULL;
	for (; exit != NULL; exit = exit->next)
		Py_CLEAR(exit->manager);
}

void
pyb_exits_drop(struct pyb_run *r)
{
	PyObject *pending = PyErr_GetRaisedException();

	list_drop(&r->early);
	list_drop(&r->late);
	r->cleanup = NULL;
	if (pending != NULL)
		PyErr_SetRaisedException(pending);
}

/* The managers of a list, the one entered first at the beginning, where AsyncExitStack wants
 * it. New reference; NULL with an exception set. */
static PyObject *
managers_of(const struct pyb_exit *list)
{
	Py_ssize_t n = 0;
	PyObject *all;

	for (const struct pyb_exit *exit = list; exit != NULL; exit = exit->next)
		n++;
	all = PyList_New(n);
	for (const struct pyb_exit *exit = list; all != NULL && exit != NULL; exit = exit->next)
		PyList_SET_ITEM(all, --n, Py_NewRef(exit->manager));
	return all;
}

/* helper.unwind() of what is entered. New reference; NULL with an exception set. */
static PyObject *
unwinding_make(struct pyb_run *r, PyObject *response, PyObject *failure)
{
	bool stands_in = r->scope != NULL || pyb_stacks_stand_in(r);
	bool answered = r->answered || (r->streams && pyb_stream_has_begun(r));
	PyObject *late = managers_of(r->late), *early = managers_of(r->early), *unwinding = NULL;

	if (late != NULL && early != NULL)
		unwinding = PyObject_CallMethodObjArgs(pyb_run_helper(r), r->app->st->n_unwind,
		    stands_in ? scope_of(r) : Py_None, late, early,
		    response != NULL ? response : Py_None,
		    failure != NULL ? failure : Py_None,
		    answered ? Py_True : Py_False,
		    failure != NULL && (r->phase == PYB_RUN_SEND ||
		    r->phase == PYB_RUN_BACKGROUND) ? Py_True : Py_False, NULL);
	Py_XDECREF(late);
	Py_XDECREF(early);
	return unwinding;
}

/* Nobody leaves what is entered but this: where there was no memory, it is tried once more,
 * because the first try has given back what it had. */
PyObject *
pyb_exits_unwinding(struct pyb_run *r, PyObject *response, PyObject *failure)
{
	PyObject *unwinding = unwinding_make(r, response, failure);

	if (pyb_retry_is_due(unwinding))
		unwinding = unwinding_make(r, response, failure);
	pyb_exits_drop(r);
	return unwinding;
}
