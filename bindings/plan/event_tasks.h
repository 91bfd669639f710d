/*
 * event_tasks: what makes server-sent events, and puts in a ping where the endpoint is silent.
 */
#ifndef BINDINGS_PLAN_EVENT_TASKS_H
#define BINDINGS_PLAN_EVENT_TASKS_H

#include <Python.h>
#include <stdbool.h>

#include "base/attr.h"
#include "bindings/plan/channel.h"

/* The Python type Events; see events.h. */
struct pyb_events {
	PyObject_HEAD
	struct pyb_module_state *st;
	PyObject *loop, *items, *serialize, *ping;	/* strong */
	double interval;		/* between pings, seconds */
	struct pyb_channel made, sent;	/* from produce() to insert(), and from there */
	PyObject *timer;		/* of the next ping, or NULL */
	double silent_s;		/* since when insert() has waited for an event */
	bool waits;			/* it does */
	bool due;			/* a ping is */
	bool begun;			/* the first event was asked for */
};

/* produce() -> a coroutine that asks the endpoint for its events. New reference; NULL with an
 * exception set. */
PyObject *pyb_event_tasks_produce(PyObject *events) MUST_CHECK;

/* insert() -> a coroutine that hands them on, with a ping after each silence. New reference; NULL
 * with an exception set. */
PyObject *pyb_event_tasks_insert(PyObject *events) MUST_CHECK;

/* The timer has fired: a ping is due, or insert() has not waited as long. It is not set anew with
 * each event. 0, or -1 with an exception set. */
int pyb_event_tasks_ring(struct pyb_events *e) MUST_CHECK;

#endif
