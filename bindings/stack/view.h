/*
 * view: a scope, and the head of an answer in a message, as native layers see them.
 *
 * Only what the server itself makes, or what is like it, has a view: exact dicts, lists,
 * pairs of bytes. What an object of a view points into is kept beside it.
 */
#ifndef BINDINGS_STACK_VIEW_H
#define BINDINGS_STACK_VIEW_H

#include <Python.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/attr.h"
#include "bindings/module_state.h"
#include "middleware/middleware.h"

enum { PYB_VIEW_TEXTS = 5 };

struct pyb_view {
	struct mw_request r;
	PyObject *fields;	/* strong: tuple of the pairs that r.fields are */
	PyObject *texts[PYB_VIEW_TEXTS];	/* strong: what the other slices point into */
};

/* The view of a scope; its fields are in the arena. False: it has none. Call
 * pyb_view_close() in both cases. Leaves no exception. */
bool pyb_view_open(struct pyb_module_state *st, PyObject *scope, struct arena *arena,
    struct pyb_view *v) MUST_CHECK;
void pyb_view_close(struct pyb_view *v);

/* The head of an answer, while layers edit it. */
struct pyb_view_head {
	PyObject *list;		/* strong: the message's own list */
	PyObject *pairs;	/* strong: tuple of what was in it */
	struct mw_answer answer;	/* in the arena; it points into `pairs` */
};

/* The head in the message http.response.start. False: it is an unusual one, or there is no
 * memory. Call pyb_view_head_drop() in both cases. Leaves no exception. */
bool pyb_view_head_read(struct pyb_module_state *st, PyObject *message, struct arena *arena,
    struct pyb_view_head *h) MUST_CHECK;
void pyb_view_head_drop(struct pyb_view_head *h);

/* Has the message still that list, and the list the same pairs? */
bool pyb_view_head_holds(struct pyb_module_state *st, PyObject *message,
    const struct pyb_view_head *h);

/* Is `list` (borrowed) a list of the very objects in `pairs`? */
bool pyb_view_same(PyObject *list, PyObject *pairs);

/* New pairs of bytes for the fields of an answer, but for those that `pairs` (NULL: none)
 * has already. A list, new reference; NULL with an exception set. */
PyObject *pyb_view_fields(const struct mw_answer *a, PyObject *pairs) MUST_CHECK;

/* Put the edited fields into the message: a new list if `replace`, else into the list that
 * it has. 0, or -1 with an exception set. */
int pyb_view_head_write(struct pyb_module_state *st, PyObject *message,
    const struct pyb_view_head *h, bool replace) MUST_CHECK;

#endif
