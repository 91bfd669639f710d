/*
 * binding: an application as it was compiled.
 *
 * The table, the Python objects that its indexes mean, and the guards under which both
 * are true. A Binding never changes. When the application has changed, another Binding
 * takes its place; requests that run keep the one that they began with.
 */
#ifndef BINDINGS_BINDING_H
#define BINDINGS_BINDING_H

#include <Python.h>
#include <stdbool.h>

#include "base/attr.h"
#include "base/must.h"
#include "bindings/answers.h"
#include "bindings/guards.h"
#include "bindings/hosts.h"
#include "bindings/layers.h"
#include "bindings/loop/late_task.h"
#include "bindings/loop/sync_mode.h"
#include "bindings/mounts.h"
#include "shm/table.h"

struct pyb_binding {
	PyObject_HEAD
	struct shm_table table;
	PyObject *memory;	/* owns the bytes of a private table; NULL: mapped */
	PyObject *objects;	/* tuple: what the table's object indexes mean */
	PyObject *resume;	/* compile.seam.Resume, see plan/finish.h */
	PyObject *outer;	/* what requests enter the user's layers by, see stack/outer.h; NULL:
				 * through the whole application */
	struct pyb_answers answers;	/* FastAPI's own; empty: none is known */
	struct pyb_guards guards;
	struct pyb_sync_stat *sync;	/* one per plan */
	struct pyb_late *late;		/* one per plan */
	struct pyb_layers layers;	/* native ones before all Python */
	struct pyb_mounts mounts;	/* of files */
	struct pyb_hosts hosts;	/* routes that are not in the table */
	bool direct;		/* no code of the user's stands before the router */
};

/* What is known of the tasks of a plan's requests. Owned by the binding. */
static inline struct pyb_late *
pyb_binding_late(struct pyb_binding *b, const struct shm_plan *plan)
{
	must(plan >= b->table.plans && plan < b->table.plans + b->table.n_plans);
	return &b->late[plan - b->table.plans];
}

/* Create the type; new reference, NULL with an exception set. */
PyTypeObject *pyb_binding_type_new(PyObject *module) MUST_CHECK;

#endif
