/*
 * websocket: a WebSocket given to an ASGI 3 application.
 *
 * One Python object per WebSocket holds scope, receive and send, from the handshake to the end. It
 * lets go of the exchange as soon as one side has closed: the application may run on, and learns
 * from receive() how it ended.
 */
#ifndef BINDINGS_WEBSOCKET_WEBSOCKET_H
#define BINDINGS_WEBSOCKET_WEBSOCKET_H

#include "base/attr.h"
#include "http/exchange.h"

struct pyb_app;

/* [gil] Run the application for a handshake, in a task of its own. `planned`: it is entered at its own
 * layers, the binding's `outer`, where its plan runs; inside the layers that stand around any application
 * it finds that itself. The first step runs before this returns. Leaves no
 * exception. */
void pyb_websocket_start(struct pyb_app *app, struct hx_exchange *x, bool planned);

/* [gil] A part of a message has come. Runs no user code. 0; else the code to close with: its text is no
 * UTF-8, or there is no memory. */
unsigned pyb_websocket_message(struct hx_exchange *x, const struct hx_part *part) MUST_CHECK;

/* [gil] It was closed, not by the application. The exchange is released before this returns. No-op when the
 * application has let go of it. */
void pyb_websocket_closed(struct hx_exchange *x, const struct hx_closing *why);

/* [gil] See pyb_request_cancel(), pyb_request_content() and pyb_request_writable(). */
void pyb_websocket_cancel(struct hx_exchange *x);
void pyb_websocket_content(struct hx_exchange *x);
void pyb_websocket_writable(struct hx_exchange *x);

#endif
