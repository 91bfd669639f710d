/*
 * guards: is the application still the one that was compiled?
 *
 * The compiler names the dictionaries (of modules, classes, instances) whose change might
 * matter, the lists whose length must stay, the dictionaries that must stay empty, and
 * lists and sets with what they must contain. To see whether any of them was changed
 * costs a few loads per request. Only after a change of a dictionary the compiler's own
 * check is called, which decides whether the change matters.
 */
#ifndef BINDINGS_GUARDS_H
#define BINDINGS_GUARDS_H

#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct pyb_guard_dict {
	PyObject *dict;		/* strong */
	uint64_t version;	/* when the check was last called, see version_of() */
};

struct pyb_guard_list {
	PyObject *list;		/* strong */
	Py_ssize_t len;
};

/* A list, or a set, and what it must contain: a tuple of the same objects, or an equal
 * set. */
struct pyb_guard_content {
	PyObject *now, *then;	/* strong */
};

struct pyb_guards {
	PyObject *check;	/* () -> None or the reason, str */
	struct pyb_guard_dict *dicts;
	size_t n_dicts;
	struct pyb_guard_list *lists;
	size_t n_lists;
	PyObject **empties;	/* strong; dicts that must be empty */
	size_t n_empties;
	struct pyb_guard_content *contents;
	size_t n_contents;
	bool tripped;		/* the last check found a change that matters */
};

enum pyb_guard_verdict {
	PYB_GUARD_HOLDS,
	PYB_GUARD_OVERRIDDEN,	/* a dict that must be empty is not */
	PYB_GUARD_TRIPPED,	/* the application changed: compile again */
	PYB_GUARD_UNSURE	/* there was no memory to look: not for this request */
};

/* Take the guards from the compiler's object (compile/guards.py): its attributes
 * check (a callable), dicts (dicts or classes), lists, empties (dicts) and contents
 * (pairs of list and tuple, or of set and frozenset). 0, or -1 with an exception set;
 * call pyb_guards_fini() in both cases. */
int pyb_guards_init(struct pyb_guards *g, PyObject *source) MUST_CHECK;
void pyb_guards_fini(struct pyb_guards *g);
int pyb_guards_traverse(struct pyb_guards *g, visitproc visit, void *arg);

/* [gil] May call the compiler's check, which runs Python but no user code. `full`:
 * call it even when no dictionary was changed, because it also sees changes that
 * no dictionary shows. Leaves no exception. */
enum pyb_guard_verdict pyb_guards_look(struct pyb_guards *g, bool full) MUST_CHECK;

#endif
