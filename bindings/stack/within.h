/*
 * within: what a layer of the user's calls as its inner application.
 *
 * The compiler puts a Within at junctions of the application's middleware (see
 * python/fastrapi/compile/junctions.py). Python sees a callable that stands for the next
 * one: attributes, its class and its repr are the next one's. A Within that is not bound
 * only hands requests on.
 */
#ifndef BINDINGS_STACK_WITHIN_H
#define BINDINGS_STACK_WITHIN_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/app.h"

struct pyb_within {
	PyObject_HEAD
	struct pyb_module_state *st;
	PyObject *next;			/* what stands here without fastrd */
	PyObject *instead;		/* see bind_layer(); NULL when not bound */
	/* See bind_within(); all NULL when not bound. */
	struct pyb_app *app;
	struct pyb_binding *binding;	/* that `places` belongs to */
	PyObject *places;		/* tuple by route: what enter.h needs, or None; and the router's
					 * own, or None */
	bool scoped;			/* a layer outside may put a cancel scope around the task
					 * while it waits */
	vectorcallfunc call;
};

/* Create the type; new reference, NULL with an exception set. */
PyTypeObject *pyb_within_type_new(PyObject *module) MUST_CHECK;

/* Add bind_within() and bind_layer() to the module. 0, or -1 with an exception set. */
int pyb_within_register(PyObject *module) MUST_CHECK;

#endif
