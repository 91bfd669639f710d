/*
 * internal: what the files share that answer one request behind the innermost layer.
 */
#ifndef BINDINGS_STACK_INTERNAL_H
#define BINDINGS_STACK_INTERNAL_H

#include "base/attr.h"
#include "bindings/coro.h"
#include "bindings/plan/run.h"
#include "bindings/stack/enter.h"
#include "bindings/stack/within.h"

enum pyb_inner_phase {
	PYB_INNER_NEW,		/* nothing was done */
	PYB_INNER_CONTENT,	/* waits for a message of the content */
	PYB_INNER_FORM,		/* waits for a form that arrives */
	PYB_INNER_ANSWER,	/* an answer without a plan is sent */
	PYB_INNER_LAYERS,	/* those of a mounted application have it */
	PYB_INNER_RUN,		/* user code has begun: r->phase says more */
	PYB_INNER_NEXT		/* the next application ends the request */
};

/* One request behind the innermost layer. */
struct pyb_inner {
	struct arena arena;
	struct pyb_within *within;	/* strong */
	PyObject *scope, *receive, *send;
	enum pyb_inner_phase phase;
	/* Once a plan was found: */
	struct pyb_run *run;
	PyObject *place;
	struct pyb_mounts_before before;
	PyObject *chunks;		/* list of what has come of the content, or NULL */
	PyObject *path;			/* strong: keeps the texts of the path parameters */
	/* When layers of a mounted application have it: */
	PyObject *watched;		/* their `send`, see started.h */
	/* When it is answered without a plan: */
	struct pyb_messages messages;
	PyObject *stream;		/* a coroutine that sends the answer, or NULL */
	PyObject *outermost;		/* the exit stack in the scope, until it is left; or NULL */
};

static inline struct pyb_module_state *
pyb_stack_state(const struct pyb_inner *c)
{
	return c->within->st;
}

/* All is sent, or `failure` was raised: must FastAPI's own layers end the request? They do when
 * something stands on the exit stack that was put into the scope and, where one of them `handles`
 * exceptions, for those that are an Exception. Leaves no exception. */
bool pyb_leave_is_due(const struct pyb_inner *c, PyObject *failure, bool handles);

/* They need not: a step that raises `failure` (stolen), or ends. */
enum pyb_coro_verdict pyb_leave_none(PyObject *failure, PyObject **out) MUST_CHECK;

/* Each of these is a step of the coroutine: it lets the next application go on with the
 * request, and returns what the step returns. */

/* With what is left untouched. */
enum pyb_coro_verdict pyb_leave_on(struct pyb_inner *c, PyObject *receive, PyObject *send,
    PyObject **out) MUST_CHECK;

/* With all of the request. No user code has run. `content` (borrowed) is what was read of
 * it, or the exception that reading it raised; NULL: nothing was read, or a form while it
 * arrived, which FastAPI gets. */
enum pyb_coro_verdict pyb_leave_replay(struct pyb_inner *c, PyObject *content,
    PyObject **out) MUST_CHECK;

/* With `failure` (stolen), or NULL, after an answer that was given outside of
 * request_response. */
enum pyb_coro_verdict pyb_leave_handled(struct pyb_inner *c, PyObject *failure, PyObject **out)
    MUST_CHECK;

/* With the outcome of the run (moved out of it). */
enum pyb_coro_verdict pyb_leave_outcome(struct pyb_inner *c, PyObject **out) MUST_CHECK;

#endif
