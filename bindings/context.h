/*
 * context: leaving a contextvars.Context that C entered with PyContext_Enter().
 */
#ifndef BINDINGS_CONTEXT_H
#define BINDINGS_CONTEXT_H

#include <Python.h>

/* Leave `context`. User code that ran within may have entered another one and not left
 * it (an extension can, and greenlets do): that is said through sys.unraisablehook. A
 * pending exception stays pending. */
void pyb_context_leave(PyObject *context);

#endif
