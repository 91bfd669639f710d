/*
 * run: one execution of a plan.
 *
 * A run that stands alone answers an exchange: no code of the user's stands before
 * the router. One behind a layer of the user's (stack/) reads the scope that the layer
 * passes on, and sends messages to it. A nested run returns a Response to FastAPI's own
 * request_response. All have the same steps.
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
	PYB_RUN_NEW,		/* nested, or with a form that arrives: not begun */
	PYB_RUN_STEPS,		/* calling dependencies and the endpoint */
	PYB_RUN_BODY,		/* of these: waiting for the content */
	PYB_RUN_FALLBACK,	/* nested: FastAPI's handler has taken over */
	PYB_RUN_EARLY,		/* leaving dependencies before the answer is sent */
	PYB_RUN_SEND,		/* behind a layer: the messages of the answer go to it; a stream */
	PYB_RUN_BACKGROUND,	/* background tasks, after the answer */
	PYB_RUN_LATE,		/* leaving the other dependencies, after those */
	PYB_RUN_RESUME,		/* task: the application's stack finishes the request */
	PYB_RUN_ENDED
};

/* Where the steps run. */
enum pyb_run_mode {
	PYB_RUN_INLINE,		/* on the loop's thread, outside any task */
	PYB_RUN_THREAD,		/* on a pool thread, from the first call to the last */
	PYB_RUN_TASK,		/* in a task of its own, or in that of the layer before it */
	PYB_RUN_NESTED		/* inside request_response, in the task of the caller */
};

struct pyb_hop;

/* What must be left. */
enum pyb_exit_kind {
	PYB_EXIT_ASYNC,		/* contextlib's manager of an asynchronous generator */
	PYB_EXIT_PLAIN,		/* of a plain one */
	PYB_EXIT_CLEANUP	/* r->cleanup */
};

/* A dependency with `yield` that is entered, in the run's arena. */
struct pyb_exit {
	struct pyb_exit *next;		/* the one entered before it, to be left after it */
	PyObject *manager;		/* strong */
	enum pyb_exit_kind kind;
};

/* The exit stacks that FastAPI keeps in the scope, outermost first. */
enum { PYB_STACK_OUTER, PYB_STACK_LATE, PYB_STACK_EARLY, PYB_EXIT_STACKS };

/* An answer on its way to a layer. */
struct pyb_messages {
	PyObject *start, *body;		/* strong, or NULL: made or sent */
};

struct pyb_run {
	enum pyb_run_mode mode;
	struct arena *arena;		/* the exchange's or the caller's, or `own` */
	struct arena own;		/* of a run that may outlive its exchange */
	struct pyb_app *app;		/* strong */
	struct pyb_binding *binding;	/* strong */
	struct pyb_loop_local *local;	/* strong; behind a layer NULL, until
					 * pyb_run_local() */
	const struct shm_plan *plan;
	const struct shm_step *steps;
	struct hx_exchange *x;		/* alone, until it is given back; else NULL */
	PyObject *scope, *receive, *send;	/* behind a layer: what it has passed on. Alone, the last
					 * two for a stream; else NULL */
	PyObject *stacks[PYB_EXIT_STACKS];	/* behind a layer: those in the scope, once it was
						 * entered */
	struct pyb_messages messages;	/* behind a layer */
	bool streams;			/* the answer goes out piece by piece; see stream.h */
	PyObject *stream;		/* the coroutine that sends it, until it is awaited */
	PyObject *chunks;		/* behind a layer: the FileContent of an answer that is to be
					 * sent; or NULL */
	bool scoped;			/* a cancel scope of anyio's may reach the run's task */
	PyObject *cleanup;		/* behind a layer: FastAPI's cancel scope around asynchronous
					 * dependencies, borrowed from its entry in `late`; or NULL */
	struct pyb_asgi *asgi;		/* alone, when Python needed a scope */
	struct pyb_source source;
	enum pyb_run_phase phase;
	uint32_t pc;
	const struct shm_step *awaited;	/* the step that waits for its value, or NULL */
	struct pyb_exit *entering;	/* the dependency of that step, or NULL */
	struct pyb_hop *hop;		/* plain functions run on a pool thread; or NULL */
	bool checked;			/* no cancel scope ends the run before the next function */
	struct pyb_exit *early, *late;	/* those to be left, by phase */
	bool unsettled;			/* an asynchronous one was left just now */
	PyObject *handled;		/* behind a layer: the exception whose handler gave the answer,
					 * which is sent when request_response is left. None: it was
					 * not made. NULL: it is the endpoint's answer */
	bool answered;			/* the answer was given, or has begun to be sent. Alone, what
					 * follows counts as a run of the application; see after.h */
	struct hx_exchange *kept;	/* what is left of the exchange then, or NULL */
	struct pyb_observer *observer;	/* and its observer, or NULL */
	PyObject *observer_owner;	/* strong: keeps `observer` */
	PyObject **slots;
	uint32_t *names;		/* by slot: the ALIAS step under whose name its value was
					 * found, or 0; NULL: there is none */
	PyObject *result;
	PyObject *encoded;		/* what a response model has made of it: bytes, or its
					 * ValidationError; NULL: it was not asked */
	PyObject *made;			/* the Response, while EARLY, and of a stream */
	PyObject *tasks;		/* background tasks that are run here, or NULL */
	PyObject *tasks_left;		/* iterator over them, or NULL */
	PyObject *request, *response, *background;
	PyObject *body;			/* bytes of the content, NULL: not read */
	PyObject *form;			/* the FormData that was awaited, or NULL */
	PyObject *seen, *seen_pairs, *seen_cookies, *seen_params;	/* see reread.c */
	PyObject *errors;		/* list of (step, ValidationError, or None: missing), and of
					 * (None, list of FastAPI's errors) */
	bool broken;			/* the error is the content's, and the only one */
	PyObject *context;		/* alone */
	PyObject *task;			/* alone, in a task */
	PyObject *fallback;		/* nested: FastAPI's own handler */
	const char *replay_reason;
	bool replay_final;		/* alone: the Seam must not try the plan again */
	struct pyb_job job;		/* alone, on the pool */
	PyObject *outcome;		/* exception or Response for the application's stack */
};

/* Make a run for `plan` in `arena`, or in an arena of its own (NULL). NULL when out of
 * memory (no exception). */
struct pyb_run *pyb_run_new(struct pyb_app *app, struct pyb_binding *b,
    const struct shm_plan *plan, struct arena *arena) MUST_CHECK;

/* The Python side of the plan's route, borrowed from the binding. */
static inline PyObject *
pyb_run_helper(const struct pyb_run *r)
{
	return PyTuple_GET_ITEM(r->binding->objects, r->plan->helper);
}

/* Alone: has user code begun an answer, through the `send` of its Request? */
bool pyb_run_has_begun(const struct pyb_run *r);

/* What a coroutine that has the run visits for the garbage collector. */
int pyb_run_traverse(struct pyb_run *r, visitproc visit, void *arg);

/* Drop every reference. The memory stays with the arena that the caller gave; the run's
 * own goes. */
void pyb_run_clear(struct pyb_run *r);

/* The local of the loop that the run is on; behind a layer it is found at first use. To be called
 * on the loop's thread. Borrowed; NULL with an exception set. */
struct pyb_loop_local *pyb_run_local(struct pyb_run *r) MUST_CHECK;

/* The request's method as a new str, that of a WebSocket as FastAPI writes it. NULL with an exception
 * set. */
PyObject *pyb_run_method(struct pyb_run *r) MUST_CHECK;

/* The Request or WebSocket that user code sees, made on first use. Borrowed; NULL with an
 * exception set. */
PyObject *pyb_run_request(struct pyb_run *r) MUST_CHECK;

/* The content was read. If the Request was made before, it keeps what FastAPI's would have.
 * 0, or -1 with an exception set. */
int pyb_run_was_read(struct pyb_run *r) MUST_CHECK;

#endif
