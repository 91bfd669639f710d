/*
 * timer: a callback that waits for its time.
 *
 * TimerHandle, and the loop's deadlines. Everything here belongs to who holds
 * the interpreter: the loop asks for what is due after each poll.
 */
#ifndef BINDINGS_LOOP_TIMER_H
#define BINDINGS_LOOP_TIMER_H

#include <Python.h>

#include "bindings/loop/handle.h"
#include "io/deadlines.h"

struct pyb_timer {
	struct pyb_handle handle;
	struct io_deadline deadline;	/* holds a reference while it waits */
};

/* Let a new handle of the timer type fire at loop time `when`. 0, or -1 with an
 * exception set. */
int pyb_timer_start(struct pyb_handle *h, double when);

/* Append to the FIFO what is due, in order. */
void pyb_timers_queue(struct pyb_loop *loop);

/* Forget every timer of the loop (close). */
void pyb_timers_clear(struct pyb_loop *loop);

int pyb_timers_traverse(struct pyb_loop *loop, visitproc visit, void *arg);

PyTypeObject *pyb_timer_type_new(PyObject *module, PyTypeObject *base);

#endif
