/*
 * alone: plans that answer their exchange themselves, without any ASGI.
 *
 * Called by bindings/request.c on the loop's thread. There are three ways to run such a
 * plan. When no coroutine of it can suspend, the plan runs at once, with the stand-in as
 * the current task. When one may suspend, the plan gets a task of its own, whose first
 * step runs at once. When all its functions are plain, one pool thread runs them all.
 * Each request has a context of its own. Once user code has begun, nothing here may
 * replay the request.
 */
#include "bindings/plan/alone.h"

#include "base/must.h"
#include "bindings/awaitable.h"
#include "bindings/compat.h"
#include "bindings/loop/loop.h"
#include "bindings/plan/call.h"
#include "bindings/plan/finish.h"
#include "bindings/plan/read.h"
#include "bindings/plan/reread.h"

/* The run is over: drop it and give the exchange back. The exchange may begin its next
 * request before this returns. */
static void
run_end(struct pyb_run *r)
{
	struct hx_exchange *x = r->x;
	struct pyb_asgi *asgi = (struct pyb_asgi *)Py_XNewRef((PyObject *)r->asgi);

	must(x->upper.run == r);
	pyb_run_clear(r);
	x->upper.run = NULL;
	if (x->upper.asgi == NULL) {
		x->calls->released(x);
	} else {
		must(asgi != NULL);	/* only the run makes the exchange's ASGI side */
		pyb_asgi_answered(asgi);
	}
	Py_XDECREF((PyObject *)asgi);
}

/* Await `coro` (stolen), which cannot suspend. New reference to its result; NULL with
 * an exception set. */
static PyObject *
step_through(PyObject *coro)
{
	PyObject *iterator = pyb_awaitable_iterator(coro), *value = NULL;
	PySendResult sent;

	Py_DECREF(coro);
	if (iterator == NULL)
		return NULL;
	sent = PyIter_Send(iterator, Py_None, &value);
	if (sent == PYGEN_NEXT) {
		/* Only a function whose code was replaced after compiling suspends. */
		Py_CLEAR(value);
		value = PyObject_CallMethod(iterator, "close", NULL);
		Py_XDECREF(value);
		value = NULL;
		PyErr_SetString(PyExc_RuntimeError,
		    "a coroutine function was changed after the application was compiled");
	}
	Py_DECREF(iterator);
	return value;
}

/* Run all steps on this thread. True: r->result is set. False: an exception is set. */
static bool
steps_drive(struct pyb_run *r)
{
	PyObject *value = Py_NewRef(Py_None), *out;

	for (;;) {
		enum pyb_coro_verdict verdict = pyb_call_steps(r, value, &out);

		Py_XDECREF(value);
		if (verdict != PYB_CORO_AWAIT)
			return verdict == PYB_CORO_RETURN;
		value = step_through(out);
	}
}

static struct pyb_sync_stat *
sync_stat(struct pyb_run *r)
{
	return &r->binding->sync[r->plan - r->binding->table.plans];
}

/* The same, measured for sync = auto when the plan may run on either thread. */
static bool
steps_measured(struct pyb_run *r, bool pooled)
{
	struct pyb_sync_probe probe;
	bool returned;

	if (r->app->sync != PYB_SYNC_AUTO || !(r->plan->flags & SHM_PLAN_F_THREAD))
		return steps_drive(r);
	pyb_sync_mode_begin(&probe, pooled);
	returned = steps_drive(r);
	pyb_sync_mode_end(sync_stat(r), &probe, pooled);
	return returned;
}

/* Enter the request's context and make the stand-in the current task. False: the
 * exception has become the outcome. */
static bool
user_enter(struct pyb_run *r)
{
	bool inside = PyContext_Enter(r->context) == 0;

	if (inside && pyb_local_enter(r->local) == 0)
		return true;
	r->outcome = PyErr_GetRaisedException();
	if (inside)
		PyContext_Exit(r->context);
	return false;
}

static void
user_leave(struct pyb_run *r)
{
	pyb_local_leave(r->local);
	PyContext_Exit(r->context);
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

/* Run the steps on the loop's thread, then answer. */
static void
run_inline(struct pyb_run *r)
{
	if (user_enter(r)) {
		pyb_finish_answer(r, steps_measured(r, false));
		user_leave(r);
	}
	run_finish(r);
}

static void
job_work(struct pyb_job *job)
{
	struct pyb_run *r = container_of(job, struct pyb_run, job);

	if (!steps_measured(r, true))
		r->outcome = PyErr_GetRaisedException();
}

/* A pool thread has run the steps: answer. */
static void
job_done(struct pyb_job *job)
{
	struct pyb_run *r = container_of(job, struct pyb_run, job);

	if (r->outcome == NULL && user_enter(r)) {
		pyb_finish_answer(r, true);
		user_leave(r);
	}
	run_finish(r);
}

/* The run as a coroutine: the steps, the answer, and perhaps the application's stack. */
static enum pyb_coro_verdict
task_step(void *arg, PyObject *value, PyObject **out)
{
	struct pyb_run *r = arg;
	enum pyb_coro_verdict verdict;

	if (r->phase == PYB_RUN_STEPS) {
		verdict = pyb_call_steps(r, value, out);
		if (verdict == PYB_CORO_AWAIT)
			return verdict;
		pyb_finish_answer(r, verdict == PYB_CORO_RETURN);
		pyb_finish_late(r);
		if (r->outcome != NULL) {
			r->phase = PYB_RUN_RESUME;
			*out = pyb_finish_resume(r);
			if (*out != NULL)
				return PYB_CORO_AWAIT;
			pyb_finish_resumed(r, NULL);
		}
	} else {
		must(r->phase == PYB_RUN_RESUME);
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

	if (r->phase != PYB_RUN_ENDED)
		r->x->calls->abort(r->x);
	run_end(r);
}

static int
task_traverse(void *arg, visitproc visit, void *varg)
{
	struct pyb_run *r = arg;

	for (uint32_t i = 0; i < r->plan->n_slots; i++)
		if (r->slots[i] != NULL && visit(r->slots[i], varg) != 0)
			return 1;
	return r->request != NULL ? visit(r->request, varg) : 0;
}

static void
task_start(struct pyb_run *r)
{
	static const struct pyb_coro_class class = {
		"request", task_step, task_release, task_traverse
	};
	struct hx_exchange *x = r->x;
	PyObject *context = Py_NewRef(r->context), *loop = Py_NewRef(r->local->loop);
	PyObject *coro = pyb_coro_new(r->app->st, &class, r);
	PyObject *task = coro != NULL ? pyb_eager_task(loop, coro, context) : NULL;

	if (task == NULL)
		PyErr_WriteUnraisable(loop);
	/* The run may have ended already. If it waits, its task must not be collected. */
	if (task != NULL && x->upper.run == r)
		Py_XSETREF(r->task, Py_NewRef(task));
	Py_XDECREF(task);
	Py_XDECREF(coro);
	Py_DECREF(loop);
	Py_DECREF(context);
}

/* Run the leading validators that are user code on the loop's thread, as FastAPI does.
 * False: the exception has become the outcome. */
static bool
validators_run(struct pyb_run *r)
{
	if (r->steps[r->pc].op != SHM_STEP_VALIDATE)
		return true;
	if (user_enter(r)) {
		if (!pyb_call_validators(r))
			r->outcome = PyErr_GetRaisedException();
		user_leave(r);
	}
	return r->outcome == NULL;
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
	struct pyb_pool *pool = NULL;

	if (validators_run(r)) {
		pool = pyb_local_pool(r->local);
		if (pool == NULL)
			r->outcome = PyErr_GetRaisedException();
	}
	if (pool == NULL) {
		run_finish(r);
		return;
	}
	r->mode = PYB_RUN_THREAD;
	r->job.work = job_work;
	r->job.done = job_done;
	pyb_pool_submit(pool, &r->job);
}

bool
pyb_alone_start(struct pyb_app *app, struct hx_exchange *x, const struct shm_plan *plan,
    struct pyb_replay *replay)
{
	struct pyb_run *r = pyb_run_new(app, app->binding, plan, &x->arena);

	must(x->upper.run == NULL && x->upper.local != NULL);
	*replay = (struct pyb_replay){ "out of memory", false };
	if (r == NULL)
		return false;
	r->x = x;
	r->local = (struct pyb_loop_local *)Py_NewRef((PyObject *)x->upper.local);
	pyb_source_exchange(&r->source, x);
	if (!pyb_read_steps(r)) {
		*replay = (struct pyb_replay){ r->replay_reason, r->replay_final };
		pyb_run_clear(r);
		return false;
	}
	/* A pool thread gets the context of a fresh call. A run that may stay on the loop's
	 * thread, if only for its leading validators, gets a copy of the loop's. */
	r->context = (plan->flags & SHM_PLAN_F_THREAD) && app->sync == PYB_SYNC_THREADS &&
	    r->steps[r->pc].op != SHM_STEP_VALIDATE ?
	    pyb_local_thread_context(r->local) : PyContext_CopyCurrent();
	if (r->context == NULL) {
		PyErr_Clear();
		pyb_run_clear(r);
		return false;
	}
	x->upper.run = r;
	if (!request_make(r)) {
		run_finish(r);
	} else if (plan->flags & SHM_PLAN_F_SUSPENDS) {
		r->mode = PYB_RUN_TASK;
		task_start(r);
	} else if ((plan->flags & SHM_PLAN_F_THREAD) &&
	    !pyb_sync_mode_inline(app->sync, sync_stat(r))) {
		pool_start(r);
	} else {
		run_inline(r);
	}
	return true;
}
