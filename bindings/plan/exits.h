/*
 * exits: the dependencies with `yield` of a plan, alone or behind a layer.
 *
 * Each is a context manager of contextlib's, made of the user's generator function. The
 * run notes those that are entered, in two lists: early ones (scope="function") are left
 * before the answer is sent, late ones (scope="request") after it, each list from its end.
 * When something raises, what is still entered goes to FastAPI's own exit stacks.
 */
#ifndef BINDINGS_PLAN_EXITS_H
#define BINDINGS_PLAN_EXITS_H

#include "base/attr.h"
#include "bindings/coro.h"
#include "bindings/plan/run.h"

/* Enter `manager` (stolen), which an ENTER step has made. RETURN: *out is the value that it
 * yielded, new reference. AWAIT: pass the result of awaiting *out to pyb_exits_entered().
 * ERROR: an exception is set, and it is not entered. */
enum pyb_coro_verdict pyb_exits_enter(struct pyb_run *r, const struct shm_step *step,
    PyObject *manager, PyObject **out) MUST_CHECK;

/* r->entering, which the step has made, is entered: note it in its list. */
void pyb_exits_note(struct pyb_run *r, const struct shm_step *step);

/* What was awaited is done, and r->entering is entered. 0, or -1 with an exception set. */
int pyb_exits_entered(struct pyb_run *r, const struct shm_step *step) MUST_CHECK;

/* What was awaited raised: r->entering was not entered. A pending exception stays. */
void pyb_exits_refused(struct pyb_run *r);

/* Leave all of the list that r->phase names (EARLY, LATE), and before it what user code has put
 * on the late stack, in the manner of pyb_call_steps(). ERROR: the one that raised counts as
 * left, and the others of both lists are still entered. */
enum pyb_coro_verdict pyb_exits_leave(struct pyb_run *r, PyObject *value, PyObject **out)
    MUST_CHECK;

/* Is anything entered? */
static inline bool
pyb_exits_open(const struct pyb_run *r)
{
	return r->early != NULL || r->late != NULL;
}

/* Forget what is entered. The run has handed it on, or is over. */
void pyb_exits_drop(struct pyb_run *r);

/* The outcome with which FastAPI's own stacks leave what is entered, which the run then
 * forgets: helper.unwind(). `response` is what the endpoint has returned (NULL: it did
 * not); `failure` what was raised (NULL: nothing). New reference; NULL with an exception
 * set. */
PyObject *pyb_exits_unwinding(struct pyb_run *r, PyObject *response, PyObject *failure)
    MUST_CHECK;

#endif
