/*
 * layers: the native middleware of a binding.
 */
#ifndef BINDINGS_LAYERS_H
#define BINDINGS_LAYERS_H

#include <Python.h>

#include "base/arena.h"
#include "base/attr.h"
#include "bindings/module_state.h"
#include "middleware/chain.h"

struct pyb_layers {
	struct pyb_module_state *st;
	PyObject *source;	/* strong: the settings point into it */
	struct arena arena;	/* of the chain */
	struct mw_chain chain;	/* without layers: the application has no middleware */
};

/* Make the chain of `source`, a tuple of pairs from python/fastrapi/compile/layers.py, outermost
 * first: the name of Starlette's class, and a dict of its settings. NULL: there are none. 0, or
 * -1 with an exception set; call pyb_layers_fini() in both cases. */
int pyb_layers_init(struct pyb_layers *l, struct pyb_module_state *st, PyObject *source)
    MUST_CHECK;
void pyb_layers_fini(struct pyb_layers *l);
int pyb_layers_traverse(struct pyb_layers *l, visitproc visit, void *arg);

#endif
