/*
 * guards: is the application still the one that was compiled?
 *
 * The compiler names the dictionaries (of modules, classes, instances) whose
 * change might matter, the lists whose length must stay and the dictionaries
 * that must stay empty. Looking whether any was touched costs a few loads per
 * request; only when one was, the compiler's own check decides whether the
 * change means anything.
 */
#ifndef BINDINGS_GUARDS_H
#define BINDINGS_GUARDS_H

#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

struct pyb_guard_dict {
	PyObject *dict;		/* strong */
	uint64_t version;
};

struct pyb_guard_list {
	PyObject *list;		/* strong */
	Py_ssize_t len;
};

struct pyb_guards {
	PyObject *check;	/* () -> None or the reason, str */
	struct pyb_guard_dict *dicts;
	size_t n_dicts;
	struct pyb_guard_list *lists;
	size_t n_lists;
	PyObject **empties;	/* strong; dicts that must be empty */
	size_t n_empties;
};

enum pyb_guard_verdict {
	PYB_GUARD_HOLDS,
	PYB_GUARD_OVERRIDDEN,	/* a dict that must be empty is not */
	PYB_GUARD_TRIPPED	/* the application changed: compile again */
};

/* Take the guards from the compiler's object: attributes check (callable),
 * dicts (dicts or classes), lists, empties. 0, or -1 with an exception set. */
int pyb_guards_init(struct pyb_guards *g, PyObject *source);
void pyb_guards_fini(struct pyb_guards *g);
int pyb_guards_traverse(struct pyb_guards *g, visitproc visit, void *arg);

/* [gil] `full`: run the compiler's check even when nothing was touched (things
 * no dictionary shows, once a second). Leaves no exception. */
enum pyb_guard_verdict pyb_guards_look(struct pyb_guards *g, bool full);

#endif
