/*
 * channel: a memory stream of anyio's with room for one item, between two tasks.
 *
 * Turn for turn, and with the same ends: what is sent last before somebody is cancelled may be
 * lost here where it is lost there. It belongs to what embeds it.
 */
#ifndef BINDINGS_PLAN_CHANNEL_H
#define BINDINGS_PLAN_CHANNEL_H

#include <Python.h>
#include <stdbool.h>

#include "base/attr.h"
#include "bindings/coro.h"
#include "bindings/module_state.h"

struct pyb_channel {
	PyObject *held;			/* the item in it, or NULL */
	PyObject *offered;		/* that of who waits to send, or NULL */
	PyObject *handed;		/* the item that who waits to receive goes on with, or NULL */
	PyObject *sender, *receiver;	/* futures of those who wait, or NULL */
	bool no_sender, no_receiver;	/* closed from that end */
};

/* How far a coroutine is in one of these. Zeroed before each. */
enum pyb_channel_at { PYB_CHANNEL_NEW, PYB_CHANNEL_TURN, PYB_CHANNEL_WAIT };

/* Steps of a coroutine, in the manner of pyb_call_steps(): `value` NULL: what was awaited has
 * raised. `loop` is that of both tasks. */

/* Send `item` (borrowed). RETURN: it is sent, *out is NULL. */
enum pyb_coro_verdict pyb_channel_send(struct pyb_channel *c, struct pyb_module_state *st,
    PyObject *loop, enum pyb_channel_at *at, PyObject *item, PyObject *value,
    PyObject **out) MUST_CHECK;

/* Receive. RETURN: *out is the item, a new reference; NULL: there are no more, or
 * pyb_channel_interrupt() was called. */
enum pyb_coro_verdict pyb_channel_receive(struct pyb_channel *c, struct pyb_module_state *st,
    PyObject *loop, enum pyb_channel_at *at, PyObject *value, PyObject **out) MUST_CHECK;

/* Let who waits to receive go on without an item. 1: done; 0: nobody waits, or has got one; -1
 * with an exception set. */
int pyb_channel_interrupt(struct pyb_channel *c, struct pyb_module_state *st) MUST_CHECK;

/* Nobody sends any more, or nobody receives. 0, or -1 with an exception set. */
int pyb_channel_close_sender(struct pyb_channel *c, struct pyb_module_state *st) MUST_CHECK;
int pyb_channel_close_receiver(struct pyb_channel *c, struct pyb_module_state *st) MUST_CHECK;

int pyb_channel_traverse(struct pyb_channel *c, visitproc visit, void *arg);
void pyb_channel_clear(struct pyb_channel *c);

#endif
