/*
 * stretch: native layers that stand next to each other, between layers of Python.
 *
 * The Python type Stretch(app, layers, original, next, relay, copies, replaces) is called in
 * the place of the outermost of them. `layers` are their names and settings, as Binding
 * takes them, of which one at most edits answers. `original` is the outermost layer itself,
 * which takes what C does not; `next` is what stands inside the innermost. `relay` makes
 * what edits an answer instead of C (python/fastrapi/compile/relay.py). `copies` is the number
 * of the first layer that makes the scope's list of fields a new one. `replaces`: an answer
 * gets a new list of fields, instead of being edited in its own.
 */
#ifndef BINDINGS_STACK_STRETCH_H
#define BINDINGS_STACK_STRETCH_H

#include <Python.h>
#include <stdbool.h>

#include "base/attr.h"
#include "bindings/app.h"
#include "bindings/layers.h"

struct pyb_stretch {
	PyObject_HEAD
	struct pyb_module_state *st;
	struct pyb_app *app;
	struct pyb_binding *binding;	/* whose guards it needs */
	struct pyb_layers layers;
	PyObject *original, *next, *relay;
	int copies;
	bool replaces;
	bool holds;			/* a layer of it looks at content */
	vectorcallfunc call;
};

/* Create the type; new reference, NULL with an exception set. */
PyTypeObject *pyb_stretch_type_new(PyObject *module) MUST_CHECK;

#endif
