/*
 * call: the steps that call user code, in FastAPI's order.
 *
 * Called by phases.c (phase STEPS: at once, in a task or on a pool thread), by alone.c (the leading
 * validators), by nested.c (in the task of request_response) and by thread_call.c (hops). It must
 * never send anything: when the endpoint has returned, what gives the answer is not its concern.
 */
#include "bindings/plan/call.h"

#include "base/must.h"
#include "bindings/compat.h"
#include "bindings/plan/exits.h"
#include "bindings/plan/plain.h"
#include "bindings/plan/read.h"
#include "bindings/plan/reread.h"
#include "bindings/plan/thread_call.h"

enum { STACK_ARGS = 16 };

bool
pyb_call_lacks(const struct pyb_run *r, const struct shm_step *step)
{
	const uint32_t *slots = r->binding->table.args + step->first;

	for (uint32_t i = 0; r->errors != NULL && i < step->count; i++)
		if (r->slots[slots[i]] == NULL)
			return true;
	return false;
}

/* Call `callable` with the values of the step's slots, behind `first` (NULL: nothing). No
 * slot is empty: see shm/check_plan.c and pyb_call_lacks(). */
static PyObject *
call_object(struct pyb_run *r, const struct shm_step *step, PyObject *callable, PyObject *first)
{
	const uint32_t *slots = r->binding->table.args + step->first;
	PyObject *stack[STACK_ARGS + 2], **args = stack, **values, *result;
	PyObject *names = step->object2 != SHM_NONE ?
	    PyTuple_GET_ITEM(r->binding->objects, step->object2) : NULL;
	size_t n_first = first != NULL ? 1 : 0;

	if (step->count > STACK_ARGS) {
		args = PyMem_Malloc((step->count + 2) * sizeof(*args));
		if (args == NULL)
			return PyErr_NoMemory();
	}
	args[1] = first;
	values = args + 1 + n_first;
	for (uint32_t i = 0; i < step->count; i++) {
		must(r->slots[slots[i]] != NULL);
		values[i] = Py_NewRef(r->slots[slots[i]]);
	}
	Py_INCREF(callable);
	result = PyObject_Vectorcall(callable, args + 1, (n_first +
	    (names == NULL ? step->count : 0)) | PY_VECTORCALL_ARGUMENTS_OFFSET, names);
	Py_DECREF(callable);
	for (uint32_t i = 0; i < step->count; i++)
		Py_DECREF(values[i]);
	if (args != stack)
		PyMem_Free(args);
	return result;
}

PyObject *
pyb_call_function(struct pyb_run *r, const struct shm_step *step)
{
	return call_object(r, step, PyTuple_GET_ITEM(r->binding->objects, step->object), NULL);
}

/* Call a plain function on this thread. */
static PyObject *
call_sync(struct pyb_run *r, const struct shm_step *step)
{
	PyObject *context = pyb_plain_enter(r), *value;

	if (context == NULL)
		return NULL;
	value = pyb_call_function(r, step);
	pyb_plain_leave(r, context);
	return value;
}

/* The Response that FastAPI injects has no content-length, and status None. */
static PyObject *
response_new(struct pyb_run *r)
{
	struct pyb_module_state *st = r->app->st;
	PyObject *response = PyObject_CallNoArgs(st->response_base), *raw = NULL;

	if (response == NULL)
		return NULL;
	raw = PyList_New(0);
	if (raw == NULL || PyObject_SetAttr(response, st->n_raw_headers, raw) < 0 ||
	    PyObject_SetAttr(response, st->n_status_code, Py_None) < 0)
		Py_CLEAR(response);
	Py_XDECREF(raw);
	return response;
}

/* The object that the step injects. Request, Response and BackgroundTasks are made once
 * per run. New reference; NULL with an exception set. */
static PyObject *
injected(struct pyb_run *r, const struct shm_step *step)
{
	struct pyb_module_state *st = r->app->st;

	switch (step->op) {
	case SHM_STEP_REQUEST:
		return Py_XNewRef(pyb_run_request(r));
	case SHM_STEP_RESPONSE:
		if (r->response == NULL)
			r->response = response_new(r);
		return Py_XNewRef(r->response);
	case SHM_STEP_BACKGROUND:
		if (r->background == NULL)
			r->background = PyObject_CallNoArgs(st->background_class);
		return Py_XNewRef(r->background);
	default:
		return PyObject_CallNoArgs(PyTuple_GET_ITEM(r->binding->objects,
		    step->object));
	}
}

void
pyb_call_keep(struct pyb_run *r, const struct shm_step *step, PyObject *value)
{
	if (step->op == SHM_STEP_ENDPOINT)
		Py_XSETREF(r->result, value);
	else if (step->slot != SHM_NONE)
		Py_XSETREF(r->slots[step->slot], value);
	else
		Py_XDECREF(value);
}

/* Run a validator that is user code. Its ValidationError joins r->errors, because
 * FastAPI reports all errors of a request together. 0; -1 with an exception set. */
static int
validator_step(struct pyb_run *r, const struct shm_step *step)
{
	PyObject *value = NULL;
	enum pyb_param_verdict verdict = pyb_read_step(r, step, &value);

	if (verdict == PYB_PARAM_OK) {
		pyb_call_keep(r, step, value);
		return 0;
	}
	/* The step that looked for the value has said so. */
	if (verdict == PYB_PARAM_MISSING && r->errors != NULL)
		return 0;
	if (verdict != PYB_PARAM_INVALID ||
	    !PyErr_ExceptionMatches(r->app->st->validation_error)) {
		if (!PyErr_Occurred())
			PyErr_SetString(PyExc_SystemError, "a plan lacks a value");
		return -1;
	}
	return pyb_read_error(r, step, PyErr_GetRaisedException());
}

bool
pyb_call_validators(struct pyb_run *r)
{
	while (r->steps[r->pc].op == SHM_STEP_VALIDATE)
		if (validator_step(r, &r->steps[r->pc++]) < 0)
			return false;
	return true;
}

/* The content as FastAPI gives it to RequestValidationError: the form's fields, the
 * parsed JSON, or None. New reference; NULL with an exception set. */
static PyObject *
content_read(struct pyb_run *r)
{
	if (r->plan->flags & SHM_PLAN_F_FORM)
		return r->form != NULL ? Py_NewRef(r->form) : pyb_source_form_items(&r->source);
	for (uint32_t i = 0; i < r->plan->n_pure; i++)
		if (r->steps[i].op == SHM_STEP_BODY_PARSE &&
		    r->slots[r->steps[i].slot] != NULL)
			return Py_NewRef(r->slots[r->steps[i].slot]);
	Py_RETURN_NONE;
}

/* helper.raise_request_errors(errors, content, method) never returns: an exception is
 * set afterwards. */
static void
errors_raise(struct pyb_run *r)
{
	PyObject *helper = pyb_run_helper(r);
	PyObject *content = content_read(r), *method = pyb_run_method(r), *got = NULL;

	if (content != NULL && method != NULL)
		got = PyObject_CallMethodObjArgs(helper,
		    r->app->st->n_raise_request_errors, r->errors, content, method, NULL);
	Py_XDECREF(content);
	Py_XDECREF(method);
	if (got != NULL) {
		Py_DECREF(got);
		PyErr_SetString(PyExc_SystemError, "raise_request_errors returned");
	}
}

/* AWAIT: *out is a new reference. What it gives is the value of r->awaited, if that is set. */
enum step_verdict { STEP_DONE, STEP_AWAIT, STEP_FAILED };

bool
pyb_call_injects(const struct shm_step *step)
{
	return step->op == SHM_STEP_REQUEST || step->op == SHM_STEP_RESPONSE ||
	    step->op == SHM_STEP_BACKGROUND || step->op == SHM_STEP_FRESH;
}

static enum step_verdict
inject_step(struct pyb_run *r, const struct shm_step *step)
{
	PyObject *value = injected(r, step);

	if (value == NULL)
		return STEP_FAILED;
	pyb_call_keep(r, step, value);
	return STEP_DONE;
}

/* A plain function is the next. In a cancel scope of anyio's that was cancelled it is not
 * called. AWAIT: the step comes once more. */
static enum step_verdict
scopes_look(struct pyb_run *r, PyObject **out)
{
	bool checked = r->checked || (r->mode != PYB_RUN_TASK && r->mode != PYB_RUN_NESTED);

	r->checked = false;
	*out = checked ? NULL : pyb_hop_checkpoint(r);
	if (*out == NULL)
		return PyErr_Occurred() ? STEP_FAILED : STEP_DONE;
	r->checked = true;
	r->pc--;
	return STEP_AWAIT;
}

/* A hop is about to begin: make what its steps inject. */
static enum step_verdict
hop_prepare(struct pyb_run *r)
{
	for (uint32_t pc = r->pc; pc < r->plan->n_steps; pc++) {
		const struct shm_step *step = &r->steps[pc];

		if (pyb_call_injects(step)) {
			if (inject_step(r, step) == STEP_FAILED)
				return STEP_FAILED;
		} else if (!pyb_thread_call_takes(r, step)) {
			break;
		}
	}
	return STEP_DONE;
}

/* Call a dependency or the endpoint. */
static enum step_verdict
call_step(struct pyb_run *r, const struct shm_step *step, PyObject **out)
{
	PyObject *value;

	if (step->op == SHM_STEP_ENDPOINT && r->errors != NULL) {
		errors_raise(r);
		return STEP_FAILED;
	}
	if (pyb_call_lacks(r, step))
		return STEP_DONE;
	if (step->flags & SHM_STEP_F_SYNC) {
		enum step_verdict verdict = scopes_look(r, out);

		if (verdict != STEP_DONE)
			return verdict;
		if (!pyb_plain_here(r)) {
			if (hop_prepare(r) == STEP_DONE)
				*out = pyb_thread_call(r, step);
			return *out == NULL ? STEP_FAILED : STEP_AWAIT;
		}
		value = call_sync(r, step);
	} else {
		value = pyb_call_function(r, step);
	}
	if (value == NULL)
		return STEP_FAILED;
	if (step->flags & SHM_STEP_F_AWAIT) {
		*out = value;
		r->awaited = step;
		return STEP_AWAIT;
	}
	pyb_call_keep(r, step, value);
	return STEP_DONE;
}

/* Enter a dependency with `yield`; inside request_response its exit stack does. */
static enum step_verdict
enter_step(struct pyb_run *r, const struct shm_step *step, PyObject **out)
{
	bool plain = (step->flags & SHM_STEP_F_SYNC) != 0;
	enum step_verdict verdict = STEP_DONE;
	PyObject *manager;

	if (pyb_call_lacks(r, step))
		return STEP_DONE;
	r->awaited = step;
	if (r->mode == PYB_RUN_NESTED) {
		*out = call_object(r, step, PyTuple_GET_ITEM(r->binding->objects, step->key),
		    r->request);
		return *out == NULL ? STEP_FAILED : STEP_AWAIT;
	}
	if (plain)
		verdict = scopes_look(r, out);
	if (verdict == STEP_DONE && plain && !pyb_plain_here(r))
		verdict = hop_prepare(r);
	if (verdict != STEP_DONE) {
		r->awaited = NULL;
		return verdict;
	}
	manager = pyb_call_function(r, step);
	if (manager == NULL)
		return STEP_FAILED;
	switch (pyb_exits_enter(r, step, manager, out)) {
	case PYB_CORO_AWAIT:
		return STEP_AWAIT;
	case PYB_CORO_ERROR:
		return STEP_FAILED;
	default:
		r->awaited = NULL;
		pyb_call_keep(r, step, *out);
		*out = NULL;
		return STEP_DONE;
	}
}

static enum step_verdict
step_one(struct pyb_run *r, const struct shm_step *step, PyObject **out)
{
	switch (step->op) {
	case SHM_STEP_CALL:
	case SHM_STEP_ENDPOINT:
		return call_step(r, step, out);
	case SHM_STEP_ENTER:
		return enter_step(r, step, out);
	case SHM_STEP_REQUEST:
	case SHM_STEP_RESPONSE:
	case SHM_STEP_BACKGROUND:
	case SHM_STEP_FRESH:
		return inject_step(r, step);
	case SHM_STEP_REREAD:
		return pyb_reread_step(r, step) < 0 ? STEP_FAILED : STEP_DONE;
	default:
		must(step->op == SHM_STEP_VALIDATE);
		return validator_step(r, step) < 0 ? STEP_FAILED : STEP_DONE;
	}
}

enum pyb_coro_verdict
pyb_call_steps(struct pyb_run *r, PyObject *value, PyObject **out)
{
	must(r->phase == PYB_RUN_STEPS);
	*out = NULL;
	if (value == NULL) {
		pyb_exits_refused(r);
		return PYB_CORO_ERROR;
	}
	if (r->entering != NULL && pyb_exits_entered(r, r->awaited) < 0)
		return PYB_CORO_ERROR;
	if (r->awaited != NULL)
		pyb_call_keep(r, r->awaited, Py_NewRef(value));
	r->awaited = NULL;
	while (r->pc < r->plan->n_steps) {
		const struct shm_step *step = &r->steps[r->pc++];

		switch (step_one(r, step, out)) {
		case STEP_DONE:
			continue;
		case STEP_AWAIT:
			return PYB_CORO_AWAIT;
		case STEP_FAILED:
			return PYB_CORO_ERROR;
		}
	}
	return PYB_CORO_RETURN;
}
