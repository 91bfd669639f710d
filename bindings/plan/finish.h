/*
 * finish: how a run ends, alone or behind a layer.
 *
 * Most results become the answer at once, or when early dependencies with `yield` are
 * left, and so do exceptions that FastAPI's own handlers answer. For any other exception,
 * a streaming response or background tasks, Python must finish the request: the binding's
 * `resume` runs the application's own middleware stack. In the place of the router, the
 * stack then finds the outcome of the run: the exception is raised there, or the Response
 * is sent.
 */
#ifndef BINDINGS_PLAN_FINISH_H
#define BINDINGS_PLAN_FINISH_H

#include "base/attr.h"
#include "bindings/plan/run.h"

/* The phase that r->phase names is over: STEPS (`returned`: r->result holds the endpoint's
 * result) or a later one. Not `returned`: an exception is set. Gives the answer when its
 * time has come. Afterwards r->phase is the next one or ENDED; or r->outcome holds what the
 * application's stack must finish. No exception is set then. */
void pyb_finish_phase(struct pyb_run *r, bool returned);

/* The answer was given, by FastAPI's handler of `exc` (stolen), which is None when it was not
 * made. Nothing is entered. */
void pyb_finish_handled(struct pyb_run *r, PyObject *exc);

/* The run is over: close what was uploaded, unless the application's stack will. */
void pyb_finish_files(struct pyb_run *r);

/* The application's stack, which gets `scope`, ends the request: it closes the files, and its
 * handlers find the form that user code has seen. 0, or -1 with an exception set. */
int pyb_finish_give_files(struct pyb_run *r, PyObject *scope) MUST_CHECK;

/* User code may have sent the whole answer itself, through the `send` of its Request. An
 * exception that it raised afterwards is then reported here, and r->outcome cleared: the
 * application's stack could only answer a second time. */
void pyb_finish_late(struct pyb_run *r);

/* Call resume(scope, receive, send, outcome) with r->outcome, which is cleared. Returns
 * the coroutine that ends the request inside the application's stack, for the run's own
 * task to await: new reference, NULL with an exception set. The caller passes the
 * result of awaiting it to pyb_finish_resumed(). */
PyObject *pyb_finish_resume(struct pyb_run *r) MUST_CHECK;

/* The same for a run without a task: the coroutine gets a task of its own. */
void pyb_finish_resume_start(struct pyb_run *r);

/* The coroutine of pyb_finish_resume() returned `value` (NULL: it raised, or could not
 * be made; an exception is set, and cleared here). */
void pyb_finish_resumed(struct pyb_run *r, PyObject *value);

#endif
