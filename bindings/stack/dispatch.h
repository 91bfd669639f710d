/*
 * dispatch: the application in the place of one dispatch layer.
 *
 * The Python type Dispatch(layer, ends) does what Starlette's BaseHTTPMiddleware.__call__
 * does for `layer`, without its task group, memory stream and event. `ends` is the module
 * fastrapi.compile.dispatch_ends: what must be Python, and what happens when something
 * goes wrong.
 */
#ifndef BINDINGS_STACK_DISPATCH_H
#define BINDINGS_STACK_DISPATCH_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/loop/late_task.h"
#include "bindings/module_state.h"

struct pyb_dispatch {
	PyObject_HEAD
	struct pyb_module_state *st;
	PyObject *layer, *ends;
	/* Of `ends`: */
	PyObject *original;		/* BaseHTTPMiddleware.__call__ */
	PyObject *request_class;	/* _CachedRequest */
	PyObject *wrapped_receive, *stream;	/* its methods that C stands for */
	PyObject *response_class;	/* _StreamingResponse */
	PyObject *body;			/* the content of a response, an asynchronous generator */
	PyObject *likeness;		/* a call_next() of Python: names, markers, signature */
	PyObject *closed, *end_of_stream;	/* anyio's exceptions */
	struct pyb_late late;		/* of the application's tasks */
	vectorcallfunc call;
};

/* Create the type; new reference, NULL with an exception set. */
PyTypeObject *pyb_dispatch_type_new(PyObject *module) MUST_CHECK;

#endif
