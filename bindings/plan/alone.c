/*
 * alone: plans that answer their exchange themselves, without any ASGI.
 *
 * Called by bindings/request.c on the loop's thread. There are three ways to run such a
 * plan. When no coroutine of it can suspend, the plan runs at once, with the stand-in as
 * the current task. When one may suspend, the plan gets a task of its own as soon as one does
 * (loop/late_task.c). When all its functions are plain, one pool thread runs them all.
 * Each request has a context of its own. Once user code has begun, nothing here may
 * replay the request.
 */
#include "bindings/plan/alone.h"

#include "base/must.h"
#include "bindings/compat.h"
#include "bindings/context.h"
#include "bindings/loop/late_task.h"
#include "bindings/plan/after.h"
#include "bindings/plan/call.h"
#include "bindings/plan/finish.h"
#include "bindings/plan/form.h"
#include "bindings/plan/phases.h"
#include "bindings/plan/plain.h"
#include "bindings/plan/raised.h"
#include "bindings/plan/read.h"
#include "bindings/plan/reread.h"

/* The run is over: drop it, and give the exchange back unless that was done. The exchange may
 * begin its next request before this returns. */
static void
run_end(struct pyb_run *r)
{
	struct hx_exchange *x = r->x;
	struct pyb_asgi *asgi;
	bool streams = r->streams;

	pyb_finish_files(r);
	if (r->answered) {
		pyb_after_end(r);
		pyb_run_clear(r);
		return;
	}
	must(x->upper.run == r);
	asgi = (struct pyb_asgi *)Py_XNewRef((PyObject *)r->asgi);
	pyb_run_clear(r);
	x->upper.run = NULL;
	must(x->upper.asgi == NULL || asgi != NULL);	/* only the run makes its ASGI side */
	if (x->upper.asgi == NULL)
		x->calls->released(x);
	else if (streams)	/* not to its end */
		pyb_asgi_finish(asgi, Py_None);
	else
		pyb_asgi_answered(asgi);
	Py_XDECREF((PyObject *)asgi);
}

/* Enter the request's context and make the stand-in the current task. False: the
 * exception has become the outcome. */
static bool
user_enter(struct pyb_run *r)
{
	bool inside = PyContext_Enter(r->context) == 0;

	if (inside && pyb_standin_enter(r->local, r->context, NULL) == 0)
		return true;
	r->outcome = PyErr_GetRaisedException();
	if (inside)
		pyb_context_leave(r->context);
	return false;
}

static void
user_leave(struct pyb_run *r)
{
	PyObject *touched = pyb_standin_leave(r->local);

	pyb_context_leave(r->context);
	pyb_standin_end(r->local, touched, NULL);
}

/* The steps are over, and the run has answered or left an outcome. Give the outcome to
 * the application's stack, then end the run. */
static void
run_finish(struct pyb_run *r)
{
	pyb_finish_late(r);
	if (r->outcome != NULL)
		pyb_finish_resume_start(r);
	run_end(r);
}

static void task_start(struct pyb_run *r);

/* Run all phases on the loop's thread, but those that want a task. */
static void
run_inline(struct pyb_run *r)
{
	if (user_enter(r)) {
		while (pyb_phases_left(r) && !pyb_phases_want_task(r))
			pyb_finish_phase(r, pyb_phases_drive(r, false));
		user_leave(r);
	}
	if (pyb_phases_want_task(r))
		task_start(r);
	else
		run_finish(r);
}

static void
job_work(struct pyb_job *job)
{
	struct pyb_run *r = container_of(job, struct pyb_run, job);

	if (!pyb_phases_drive(r, true))
		r->outcome = PyErr_GetRaisedException();
}

static void job_done(struct pyb_job *job);

/* Let a pool thread run the phase. Exits give back what the steps of others may wait for. */
static void
job_submit(struct pyb_run *r)
{
	struct pyb_pool *pool = pyb_local_pool(r->local);

	if (pool == NULL) {
		r->outcome = PyErr_GetRaisedException();
		run_finish(r);
		return;
	}
	r->job = (struct pyb_job){
		.work = job_work, .done = job_done, .beyond = r->phase != PYB_RUN_STEPS
	};
	pyb_pool_submit(pool, &r->job);
}

/* A pool thread has run a phase: answer, or whatever follows. */
static void
job_done(struct pyb_job *job)
{
	struct pyb_run *r = container_of(job, struct pyb_run, job);
	PyObject *raised = r->outcome;

	r->outcome = NULL;
	if (user_enter(r)) {
		if (raised != NULL)
			PyErr_SetRaisedException(raised);
		pyb_finish_phase(r, raised == NULL);
		user_leave(r);
	} else {
		Py_XDECREF(raised);
	}
	if (pyb_phases_want_task(r))
		task_start(r);
	else if (pyb_phases_left(r))
		job_submit(r);
	else
		run_finish(r);
}

/* The run as a coroutine: all phases, and perhaps the application's stack. */
static enum pyb_coro_verdict
task_step(void *arg, PyObject *value, PyObject **out)
{
	struct pyb_run *r = arg;
	enum pyb_coro_verdict verdict;

	if (r->phase != PYB_RUN_RESUME) {
		if (r->phase == PYB_RUN_NEW || r->phase == PYB_RUN_BODY) {
			verdict = pyb_form_step(r, value, out);
			if (verdict == PYB_CORO_AWAIT)
				return verdict;
			value = Py_None;
		}
		while (pyb_phases_left(r)) {
			verdict = pyb_phases_run(r, value, out);
			if (verdict == PYB_CORO_AWAIT)
				return verdict;
			pyb_finish_phase(r, verdict == PYB_CORO_RETURN);
			value = Py_None;
		}
		pyb_finish_late(r);
		if (r->outcome != NULL) {
			r->phase = PYB_RUN_RESUME;
			*out = pyb_finish_resume(r);
			if (*out != NULL)
				return PYB_CORO_AWAIT;
			pyb_finish_resumed(r, NULL);
		}
	} else {
		pyb_finish_resumed(r, value);
	}
	r->phase = PYB_RUN_ENDED;
	*out = Py_NewRef(Py_None);
	return PYB_CORO_RETURN;
}

/* The coroutine has finished, or was dropped before (its loop was closed). */
static void
task_release(void *arg)
{
	struct pyb_run *r = arg;

	if (r->phase != PYB_RUN_ENDED && r->x != NULL)
		r->x->calls->abort(r->x);
	run_end(r);
}

static int
task_traverse(void *arg, visitproc visit, void *varg)
{
	struct pyb_run *r = arg;

	/* With an exchange the task stays, whoever else refers to it. */
	if (r->x == NULL && r->task != NULL && visit(r->task, varg) != 0)
		return 1;
	return pyb_run_traverse(r, visit, varg);
}

static void
task_start(struct pyb_run *r)
{
	static const struct pyb_coro_class class = {
		"request", task_step, task_release, task_traverse
	};
	struct pyb_loop_local *local = (struct pyb_loop_local *)Py_NewRef((PyObject *)r->local);
	struct pyb_binding *b = (struct pyb_binding *)Py_NewRef((PyObject *)r->binding);
	struct pyb_late *late = pyb_binding_late(b, r->plan);
	PyObject *context = Py_NewRef(r->context);
	PyObject *coro, *task = NULL;

	r->mode = PYB_RUN_TASK;
	coro = pyb_coro_new(r->app->st, &class, r);
	if (coro != NULL)
		task = pyb_late_task(local, late, coro, context, NULL);
	if (task == NULL)
		PyErr_WriteUnraisable(local->loop);
	/* The run may have ended already. If it waits, its task must not be collected. */
	if (task != NULL && !pyb_coro_is_finished(coro)) {
		if (r->x != NULL)
			r->task = Py_NewRef(task);
		else
			pyb_after_task(r, task);
	}
	Py_XDECREF(task);
	Py_XDECREF(coro);
	Py_DECREF((PyObject *)b);
	Py_DECREF((PyObject *)local);
	Py_DECREF(context);
}

/* Run the leading validators that are user code on the loop's thread, as FastAPI does.
 * False: the exception was answered, or has become the outcome. */
static bool
validators_run(struct pyb_run *r)
{
	bool valid;

	if (r->steps[r->pc].op != SHM_STEP_VALIDATE)
		return true;
	if (!user_enter(r))
		return false;
	valid = pyb_call_validators(r);
	if (!valid)
		pyb_finish_phase(r, false);
	user_leave(r);
	return valid;
}

/* Make the Request now if the plan rereads it or runs on a pool thread. False: the
 * exception has become the outcome. */
static bool
request_make(struct pyb_run *r)
{
	uint32_t flags = r->plan->flags;

	if (!(flags & SHM_PLAN_F_SCOPE) ||
	    !(flags & (SHM_PLAN_F_REREADS | SHM_PLAN_F_THREAD)))
		return true;
	if (pyb_run_request(r) == NULL || ((flags & SHM_PLAN_F_REREADS) &&
	    pyb_reread_remember(r, pyb_asgi_scope(r->asgi)) < 0))
		r->outcome = PyErr_GetRaisedException();
	return r->outcome == NULL;
}

/* Run the steps on a pool thread. */
static void
pool_start(struct pyb_run *r)
{
	if (!validators_run(r)) {
		run_finish(r);
		return;
	}
	r->mode = PYB_RUN_THREAD;
	job_submit(r);
}

/* The request's context. A pool thread gets that of a fresh call, which is the same for
 * all but the requests of test clients. A run that may stay on the loop's thread, if only
 * for its leading validators, gets a copy of the current one. NULL with an exception
 * set. */
static PyObject *
context_new(struct pyb_run *r)
{
	if (!(r->plan->flags & SHM_PLAN_F_THREAD) || r->app->sync != PYB_SYNC_THREADS ||
	    r->steps[r->pc].op == SHM_STEP_VALIDATE)
		return PyContext_CopyCurrent();
	if (r->x->upper.observer != NULL)
		return PyObject_CallNoArgs(r->app->st->pool_context);
	return pyb_local_thread_context(r->local);
}

/* Nobody has seen anything of the run. */
static void
run_drop(struct pyb_run *r)
{
	pyb_finish_files(r);
	pyb_run_clear(r);
}

/* A run of `plan` for the exchange. NULL: no memory. */
static struct pyb_run *
run_make(struct pyb_app *app, struct hx_exchange *x, const struct shm_plan *plan)
{
	struct pyb_run *r = pyb_run_new(app, app->binding, plan,
	    plan->flags & (SHM_PLAN_F_EXITS | SHM_PLAN_F_BACKGROUND) ? NULL : &x->arena);

	must(x->upper.run == NULL && x->upper.local != NULL);
	if (r != NULL) {
		r->x = x;
		r->local = (struct pyb_loop_local *)Py_NewRef((PyObject *)x->upper.local);
		pyb_source_exchange(&r->source, x);
	}
	return r;
}

bool
pyb_alone_arriving(struct pyb_app *app, struct hx_exchange *x, const struct shm_plan *plan)
{
	struct pyb_run *r = run_make(app, x, plan);

	if (r == NULL)
		return false;
	r->context = PyContext_CopyCurrent();
	if (r->context == NULL) {
		PyErr_Clear();
		run_drop(r);
		return false;
	}
	r->phase = PYB_RUN_NEW;
	x->upper.run = r;
	task_start(r);
	return true;
}

bool
pyb_alone_start(struct pyb_app *app, struct hx_exchange *x, const struct shm_plan *plan,
    struct pyb_replay *replay)
{
	struct pyb_run *r = run_make(app, x, plan);

	*replay = (struct pyb_replay){ "out of memory", false };
	if (r == NULL)
		return false;
	if (plan->flags & SHM_PLAN_F_MULTIPART)
		r->source.st = app->st;
	r->replay_reason = replay->reason;
	if (pyb_form_limit(r) < 0 || !pyb_read_steps(r)) {
		*replay = (struct pyb_replay){ r->replay_reason, r->replay_final };
		run_drop(r);
		return false;
	}
	if (pyb_read_is_final(r)) {
		bool answered = pyb_raised_errors(r);

		*replay = (struct pyb_replay){ "errors that are no JSON", true };
		run_drop(r);
		if (answered)
			x->calls->released(x);
		return answered;
	}
	r->context = context_new(r);
	if (r->context == NULL) {
		PyErr_Clear();
		run_drop(r);
		return false;
	}
	x->upper.run = r;
	if (!request_make(r)) {
		run_finish(r);
	} else if (plan->flags & SHM_PLAN_F_SUSPENDS) {
		task_start(r);
	} else if ((plan->flags & SHM_PLAN_F_THREAD) &&
	    !pyb_plain_inline(r)) {
		pool_start(r);
	} else {
		run_inline(r);
	}
	return true;
}
