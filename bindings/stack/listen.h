/*
 * listen: what FileResponse first receives.
 *
 * While it sends a file it waits for http.disconnect, so that it receives the content of the
 * request. A dispatch layer's request shows that afterwards.
 */
#ifndef BINDINGS_STACK_LISTEN_H
#define BINDINGS_STACK_LISTEN_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/module_state.h"

/* Receive the content with `receive`, where all of it is there, and nobody would see that one
 * waits for http.disconnect afterwards. 1: done; 0: FileResponse itself must listen, to the same
 * `receive`; -1 with an exception set, which FileResponse would have raised. */
int pyb_listen(struct pyb_module_state *st, PyObject *receive) MUST_CHECK;

#endif
