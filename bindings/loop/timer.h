/*
 * timer: a callback that waits for its time.
 *
 * The Python type TimerHandle, and the deadlines of a loop. Everything here is called
 * with the interpreter held; the loop asks for the due timers after each poll.
 */
#ifndef BINDINGS_LOOP_TIMER_H
#define BINDINGS_LOOP_TIMER_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/loop/handle.h"
#include "io/deadlines.h"

struct pyb_timer {
	struct pyb_handle handle;
	struct io_deadline deadline;	/* the loop's heap holds a reference while it waits */
};

/* Let `h`, a new handle of the timer type, fire at loop time `when` (seconds). 0, or -1
 * with an exception set. */
int pyb_timer_start(struct pyb_handle *h, double when) MUST_CHECK;

/* Append the due timers to the FIFO, in the order of their times. */
void pyb_timers_queue(struct pyb_loop *loop);

/* The loop is being closed: drop every timer. */
void pyb_timers_clear(struct pyb_loop *loop);

/* Visit every waiting timer. */
int pyb_timers_traverse(struct pyb_loop *loop, visitproc visit, void *arg);

/* Create the type, which derives from `base`, the handle type. New reference; NULL with an
 * exception set. */
PyTypeObject *pyb_timer_type_new(PyObject *module, PyTypeObject *base) MUST_CHECK;

#endif
