/*
 * binding: an application as it was compiled.
 *
 * The table, the Python objects its indexes mean, and the guards under which it
 * is true. It never changes: when the application did, it is replaced as a whole,
 * and requests in flight keep theirs.
 */
#ifndef BINDINGS_BINDING_H
#define BINDINGS_BINDING_H

#include <Python.h>
#include <stdbool.h>

#include "bindings/guards.h"
#include "bindings/loop/sync_mode.h"
#include "shm/table.h"

struct pyb_binding {
	PyObject_HEAD
	struct shm_table table;
	PyObject *memory;	/* keeps a private table's bytes; NULL: mapped */
	PyObject *objects;	/* tuple */
	PyObject *resume;	/* compile.seam.Resume, see plan/finish.c */
	struct pyb_guards guards;
	struct pyb_sync_stat *sync;	/* one per plan */
	bool direct;		/* nothing of the user's stands before the router */
};

/* Create the type; new reference, NULL with an exception set. */
PyTypeObject *pyb_binding_type_new(PyObject *module);

#endif
