/*
 * run: one execution of a plan.
 *
 * A run that stands alone answers an exchange: no code of the user's stands before
 * the router. A nested run is the handler inside FastAPI's own request_response (user
 * middleware, yield dependencies) and returns a Response. Both have the same steps.
 * The struct lives in the arena it was made in and is cleared before that arena is
 * reset.
 */
#ifndef BINDINGS_PLAN_RUN_H
#define BINDINGS_PLAN_RUN_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/app.h"
#include "bindings/asgi/asgi.h"
#include "bindings/coro.h"
#include "bindings/loop/local.h"
#include "bindings/loop/pool.h"
#include "bindings/plan/source.h"

enum pyb_run_phase {
	PYB_RUN_NEW,		/* nested: not begun */
	PYB_RUN_STEPS,		/* calling dependencies and the endpoint */
	PYB_RUN_BODY,		/* nested: waiting for request.body() */
	PYB_RUN_FALLBACK,	/* nested: FastAPI's handler has taken over */
	PYB_RUN_RESUME,		/* task: the application's stack finishes the request */
	PYB_RUN_ENDED
};

/* Where the steps run. */
enum pyb_run_mode {
	PYB_RUN_INLINE,		/* on the loop's thread, outside any task */
	PYB_RUN_THREAD,		/* on a pool thread, from the first call to the last */
	PYB_RUN_TASK,		/* in a task of its own */
	PYB_RUN_NESTED		/* inside request_response, in the task of the caller */
};

struct pyb_run {
	enum pyb_run_mode mode;
	struct pyb_app *app;		/* strong */
	struct pyb_binding *binding;	/* strong */
	struct pyb_loop_local *local;	/* strong; NULL when nested */
	const struct shm_plan *plan;
	const struct shm_step *steps;
	struct hx_exchange *x;		/* alone, else NULL */
	struct pyb_asgi *asgi;		/* alone, when Python needed a scope */
	struct pyb_source source;
	enum pyb_run_phase phase;
	uint32_t pc;
	const struct shm_step *awaited;	/* the step that waits for its value, or NULL */
	PyObject **slots;
	PyObject *result;
	PyObject *request, *response, *background;
	PyObject *body;			/* bytes of the content, NULL: not read */
	PyObject *form;			/* nested: the FormData */
	PyObject *seen, *seen_pairs, *seen_cookies, *seen_params;	/* see reread.c */
	PyObject *errors;		/* list of (step, ValidationError) */
	PyObject *context;		/* alone */
	PyObject *task;			/* alone, in a task */
	PyObject *fallback;		/* nested: FastAPI's own handler */
	const char *replay_reason;
	bool replay_final;		/* alone: the Seam must not try the plan again */
	struct pyb_job job;		/* alone, on the pool */
	PyObject *outcome;		/* exception or Response for the application's stack */
};

/* Make a run for `plan` in `arena`. NULL when out of memory (no exception). */
struct pyb_run *pyb_run_new(struct pyb_app *app, struct pyb_binding *b,
    const struct shm_plan *plan, struct arena *arena) MUST_CHECK;

/* The Python side of the plan's route, borrowed from the binding. */
static inline PyObject *
pyb_run_helper(const struct pyb_run *r)
{
	return PyTuple_GET_ITEM(r->binding->objects, r->plan->helper);
}

/* Drop every reference. The memory stays with the arena. */
void pyb_run_clear(struct pyb_run *r);

/* The request's method as a new str; NULL with an exception set. */
PyObject *pyb_run_method(struct pyb_run *r) MUST_CHECK;

/* The Request that user code sees, made on first use. Borrowed; NULL with an
 * exception set. */
PyObject *pyb_run_request(struct pyb_run *r) MUST_CHECK;

#endif
