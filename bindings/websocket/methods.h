/*
 * methods: those of Starlette's WebSocket.
 *
 * receive_text(), send_json() and their like are coroutines of Starlette's around coroutines of
 * Starlette's around the server's receive() and send(). Here each is one coroutine in C, and no message is
 * made. It does only what has nothing unusual about it: where the socket, its state, its `_receive` and
 * `_send`, or what is given or comes is not as it is nearly always, Starlette's own function is called.
 */
#ifndef BINDINGS_WEBSOCKET_METHODS_H
#define BINDINGS_WEBSOCKET_METHODS_H

#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "bindings/coro.h"
#include "bindings/module_state.h"

struct pyb_websocket;

enum pyb_method {
	PYB_METHOD_RECEIVE,
	PYB_METHOD_RECEIVE_TEXT,
	PYB_METHOD_RECEIVE_BYTES,
	PYB_METHOD_RECEIVE_JSON,
	PYB_METHOD_SEND,
	PYB_METHOD_SEND_TEXT,
	PYB_METHOD_SEND_BYTES,
	PYB_METHOD_SEND_JSON,
	PYB_METHODS
};

/* Of one class; the Python type WebSocketMethods. */
struct pyb_methods {
	PyObject_HEAD
	struct pyb_module_state *st;
	PyTypeObject *class;		/* Starlette's WebSocket */
	PyObject *own[PYB_METHODS];	/* its functions, whose code calls this, */
	PyObject *original[PYB_METHODS];	/* and functions with the code that they had */
	PyObject *asks;			/* another one, _raise_on_disconnect() */
	PyObject *connected, *disconnected;	/* its states */
	PyObject *disconnect;		/* Starlette's WebSocketDisconnect */
	PyObject *relay;		/* the code of Starlette's function that stands before a `send`, */
	Py_ssize_t relayed;		/* and which of its cells holds that */
	PyObject *globals;		/* of Starlette's functions */
	uint64_t done, handed_on;	/* calls: those that C did, those that it left to Starlette */
};

/* One call of a method: what its coroutine holds. */
struct pyb_method_call {
	struct pyb_methods *m;		/* strong, as all of these */
	enum pyb_method method;
	bool handed_on;			/* Starlette's own coroutine does it */
	PyObject *socket;
	PyObject *data;			/* what is to be sent; NULL: nothing is */
	struct pyb_websocket *w;	/* the engine's side of it; NULL: it has not begun */
};

/* Is it one of those that receive? */
bool pyb_method_takes(enum pyb_method method);

/* Is `value` the attribute of `object`? May run user code; leaves no exception. */
bool pyb_method_has(PyObject *object, PyObject *name, PyObject *value);

/* Is the attribute `name` of a socket its own method with this function? May run user code; leaves no
 * exception. */
bool pyb_method_is(PyObject *socket, PyObject *name, PyObject *function);

/* The engine's side of a socket whose receive() or send(), `own`, is `callable`, also behind functions of
 * Starlette's whose code is `relay` and whose cell `relayed` holds what they call. Borrowed from it; NULL: it
 * is another one's. */
struct pyb_websocket *pyb_method_server(PyObject *callable, PyCFunction own, PyObject *relay,
    Py_ssize_t relayed);

/* The engine's side of a socket, a new reference: where its `_receive`, or its `_send`, is the engine's.
 * NULL: it is not. May run user code; leaves no exception. */
struct pyb_websocket *pyb_method_websocket(const struct pyb_methods *m, enum pyb_method method,
    PyObject *socket);

/* The engine's side of the socket of a call, a new reference, when all is as it is nearly always.
 * NULL: it is not, Starlette is to do it. May run user code; leaves no exception. */
struct pyb_websocket *pyb_method_usable(const struct pyb_method_call *call);

/* Does the socket ask Starlette's own function whether a message is the end? May run user code; leaves no
 * exception. */
bool pyb_method_asks_itself(const struct pyb_method_call *call);

/* Have Starlette do it. The verdict for the step. */
enum pyb_coro_verdict pyb_method_hand_on(struct pyb_method_call *call, PyObject **out);

/* The step once Starlette does it: its coroutine has returned `value`, or raised (NULL). */
enum pyb_coro_verdict pyb_method_handed_on(PyObject *value, PyObject **out);

/* json.name(), as Starlette finds it: of the module that its own module calls json. New reference; NULL
 * with an exception set. */
PyObject *pyb_method_json(struct pyb_methods *m, PyObject *name) MUST_CHECK;

/* The steps of those that receive and of those that send. */
enum pyb_coro_verdict pyb_take_step(void *call, PyObject *value, PyObject **out);
enum pyb_coro_verdict pyb_give_step(void *call, PyObject *value, PyObject **out);

/* Create the type; new reference, NULL with an exception set. */
PyTypeObject *pyb_methods_type_new(PyObject *module) MUST_CHECK;

#endif
