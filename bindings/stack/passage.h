/*
 * passage: what passes between the user's dispatch() and the application that its layer
 * wraps, for one request.
 *
 * The Python type Passage is dispatch's `call_next`. It stands for the memory stream, the
 * event and the flags inside Starlette's BaseHTTPMiddleware.__call__, and keeps their
 * order of events and their errors. One call of call_next() runs the application in a
 * task of its own. That task's messages wait in `inbox`, for the call that has just begun
 * it, or in `senders`.
 */
#ifndef BINDINGS_STACK_PASSAGE_H
#define BINDINGS_STACK_PASSAGE_H

#include <Python.h>
#include <stdbool.h>

#include "base/attr.h"
#include "bindings/stack/dispatch.h"

struct pyb_passage {
	PyObject_HEAD
	struct pyb_dispatch *layer;	/* strong, as all below */
	PyObject *app, *scope, *receive, *send;	/* of the layer; what is outside of it */
	PyObject *request, *loop;
	PyObject *host;			/* the task that dispatch runs in */
	PyObject *inbox;		/* the first message of an application that has just begun */
	PyObject *answer;		/* a Sink with the complete answer of a plan */
	PyObject *response, *chunks;	/* call_next()'s own, and its content */
	PyObject *app_exc;		/* what the application has raised */
	PyObject *joiner;		/* a future: somebody waits for the applications to end */
	PyObject *cancel_scope;		/* anyio's, entered by the host: one stands around it. NULL or
					 * None: none does, or it was left */
	/* Lists, or NULL: */
	PyObject *senders;		/* (message, the future its sender waits for), not taken yet */
	PyObject *receivers;		/* futures of those who wait for a message */
	PyObject *parked;		/* futures of applications that have sent their last message */
	PyObject *races;		/* what receive() of the applications waits for, see race.h */
	PyObject *tasks;		/* applications that run */
	PyObject *fatal;		/* what they raised that is no Exception */
	Py_ssize_t live;		/* how many applications run */
	char open;			/* no application has ended */
	char eager;			/* an application makes its first step */
	char hungry;			/* a call_next() that has just begun takes the next message */
	char sent;			/* the outer answer has gone out */
	char exact;			/* applications run beside each other */
	char answered;			/* call_next() has had a message */
	char listened;			/* a stream listens: its turns decide what it still sends */
	char begun;			/* somebody reads the response's content */
	char raised;			/* app_exc has come out of call_next() */
	char ended;			/* nothing runs any more */
	char aborting;			/* the applications are being cancelled */
	char revoked;			/* an application has cancelled the host */
	vectorcallfunc call;
};

/* New reference; NULL with an exception set. The references are borrowed. */
struct pyb_passage *pyb_passage_new(struct pyb_dispatch *layer, PyObject *const outer[3],
    PyObject *request, PyObject *loop, PyObject *host) MUST_CHECK;

/* All of these return 0, or -1 with an exception set. */

/* Append `item` to a list that is made when it is missing. */
int pyb_passage_add(PyObject **list, PyObject *item) MUST_CHECK;

/* Put a message where the next receiver takes it; its sender waits for `waiter`. */
int pyb_passage_offer(struct pyb_passage *p, PyObject *message, PyObject *waiter) MUST_CHECK;

/* An application has ended, and with it the stream that all share. */
int pyb_passage_close(struct pyb_passage *p) MUST_CHECK;

/* The outer answer has gone out. */
int pyb_passage_finish(struct pyb_passage *p) MUST_CHECK;

/* Let the applications go on that have sent their last message. */
int pyb_passage_resume(struct pyb_passage *p) MUST_CHECK;

/* Take the first of the messages that were offered, a new reference. Its sender goes on,
 * unless it was the application's last. 1: done; 0: there is none. */
int pyb_passage_take(struct pyb_passage *p, PyObject **message) MUST_CHECK;

/* Hand `message` to somebody who waits for one. 1: done; 0: nobody waits. */
int pyb_passage_give(struct pyb_passage *p, PyObject *message) MUST_CHECK;

/* Set the result None of a future if it is not done. */
int pyb_passage_wake(struct pyb_passage *p, PyObject *waiter) MUST_CHECK;

/* `waiter` is not waited for any more. */
void pyb_passage_forget(struct pyb_passage *p, PyObject *waiter);

/* Has the host entered a scope of anyio's for the applications? */
static inline bool
pyb_passage_is_scoped(const struct pyb_passage *p)
{
	return p->cancel_scope != NULL && p->cancel_scope != Py_None;
}

/* Where there is p->cancel_scope: dispatch_ends.<name>(p). 0, or -1 with an exception set. */
int pyb_passage_scope(struct pyb_passage *p, PyObject *name) MUST_CHECK;

/* Is it one of those in the list (may be NULL)? */
bool pyb_passage_has(PyObject *list, PyObject *item);

/* Would a checkpoint of the current task raise? 1 or 0. */
int pyb_passage_is_cancelled(struct pyb_passage *p) MUST_CHECK;

/* The same for the host, which is the current task. Outside of cancel scopes it is cancelled by
 * itself only. */
int pyb_passage_host_is_cancelled(struct pyb_passage *p) MUST_CHECK;

/* A future of the loop. New reference; NULL with an exception set. */
PyObject *pyb_passage_future(struct pyb_passage *p) MUST_CHECK;

/* Nothing runs any more. What refers to the passage is let go of, so that no garbage
 * collector is needed. */
void pyb_passage_end(struct pyb_passage *p);

/* Create the type; new reference, NULL with an exception set. */
PyTypeObject *pyb_passage_type_new(PyObject *module) MUST_CHECK;

#endif
