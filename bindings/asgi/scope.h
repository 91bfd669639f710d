/*
 * scope: the ASGI http scope of an exchange.
 */
#ifndef BINDINGS_ASGI_SCOPE_H
#define BINDINGS_ASGI_SCOPE_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/app.h"
#include "http/exchange.h"

/* The scope dict that uvicorn would make of this request (ASGI 3.0, HTTP spec 2.3). Its
 * values are copies, independent of the exchange. New reference; NULL with an exception
 * set. */
PyObject *pyb_scope_new(struct pyb_app *app, struct hx_exchange *x) MUST_CHECK;

/* The same of a WebSocket's handshake (WebSocket spec 2.4). */
PyObject *pyb_scope_new_websocket(struct pyb_app *app, struct hx_exchange *x) MUST_CHECK;

/* [gil] The request is over. An outcome that is still in its scope has not reached the Seam:
 * nobody else drops what is entered in it. An exception may be pending, and stays. */
void pyb_scope_outcome_drop(struct pyb_module_state *st, PyObject *scope);

#endif
