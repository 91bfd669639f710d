/*
 * scope: the ASGI http scope of an exchange.
 */
#ifndef BINDINGS_ASGI_SCOPE_H
#define BINDINGS_ASGI_SCOPE_H

#include <Python.h>

#include "bindings/app.h"
#include "http/exchange.h"

/* The scope dict uvicorn would make of this request (ASGI 3.0, HTTP spec 2.3):
 * all values are Python objects of their own, independent of the exchange.
 * New reference, NULL with an exception set. */
PyObject *pyb_scope_new(struct pyb_app *app, struct hx_exchange *x);

#endif
