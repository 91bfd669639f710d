/*
 * app: one application as this process serves it.
 *
 * The Python type App holds the ASGI callable and, for a FastAPI application
 * that could be compiled, the binding: the table, the objects its indexes
 * mean, and the guards under which it is true. A binding is replaced as a
 * whole when the application changed; requests in flight keep theirs.
 */
#ifndef BINDINGS_APP_H
#define BINDINGS_APP_H

#include <Python.h>
#include <stdbool.h>

#include "bindings/guards.h"
#include "bindings/json.h"
#include "bindings/plan/params.h"
#include "bindings/module_state.h"
#include "bindings/loop/sync_mode.h"
#include "http/exchange.h"
#include "shm/table.h"

enum pyb_force { PYB_FORCE_NONE, PYB_FORCE_COMPILED, PYB_FORCE_ASGI };

struct pyb_binding {
	PyObject_HEAD
	struct shm_table table;
	PyObject *memory;	/* keeps a private table's bytes; NULL: mapped */
	PyObject *objects;	/* tuple */
	PyObject *resume;	/* compile.runtime.resume, see plan/finish.c */
	struct pyb_guards guards;
	struct pyb_sync_stat *sync;	/* one per plan */
	bool direct;		/* nothing of the user's stands before the router */
};

struct pyb_app {
	PyObject_HEAD
	struct pyb_state *st;
	PyObject *asgi;
	PyObject *state;	/* what the lifespan put into scope["state"] */
	PyObject *rebind;	/* hooks: called when a guard tripped */
	struct pyb_binding *binding;	/* NULL: everything goes through ASGI */
	bool bound;		/* bind() was called, or tried at the first request */
	uint32_t epoch;		/* counts bindings */
	int64_t checked_s;	/* second of the last full guard check */
	enum pyb_force force;
	enum pyb_sync sync;
	struct pyb_json json;	/* scratch for one answer at a time */
	uint64_t compiled, replayed, through_asgi;
	size_t running;		/* runs of `asgi` under way, also after their answer */
	void (*idle)(void *arg);	/* [gil] `running` has become 0; or NULL */
	void *idle_arg;
};

/* The objects view a binding gives to the parameter steps. */
static inline struct pyb_objects
pyb_binding_objects(const struct pyb_binding *b)
{
	return (struct pyb_objects){ &b->table, &PyTuple_GET_ITEM(b->objects, 0) };
}

/* Types App and Binding; new references, NULL with an exception set. */
PyTypeObject *pyb_app_type_new(PyObject *module);
PyTypeObject *pyb_binding_type_new(PyObject *module);

#endif
