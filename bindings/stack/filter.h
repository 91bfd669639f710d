/*
 * filter: one request on its way through a stretch of native layers.
 *
 * To what stands inside the stretch the Python type Filter is its `send`: the layers edit
 * the messages that come (edit.h), and these go on outward. What Starlette's own class must
 * edit goes to a relay, from the answer's first message on.
 */
#ifndef BINDINGS_STACK_FILTER_H
#define BINDINGS_STACK_FILTER_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/plan/messages.h"
#include "bindings/stack/stretch.h"
#include "bindings/stack/view.h"

struct pyb_work;

struct pyb_filter {
	PyObject_HEAD
	struct pyb_stretch *stretch;	/* strong */
	PyObject *send;
	PyObject *fields;		/* of the request: what the layers' states point into */
	PyObject *list;			/* the scope's own list of them */
	PyObject *scope;
	struct arena arena;
	struct mw_pass pass;
	struct pyb_view_head head;	/* of the answer, once its start has come */
	PyObject *held;			/* that start, while a layer holds it */
	PyObject *relay;		/* called with messages; NULL: the layers have them */
	struct pyb_work *work;		/* a piece that a thread compresses, see work.h; or NULL */
	bool started;			/* a start has come */
	bool begun;			/* something has gone on */
	bool held_back;			/* and that was a start which a layer had held */
	bool over;			/* the last of the content has */
	vectorcallfunc call;
};

/* A filter that sends to `send`. New reference; NULL with an exception set. */
struct pyb_filter *pyb_filter_new(struct pyb_stretch *s, PyObject *send) MUST_CHECK;

/* Do its layers leave the content of the answer alone that has begun? */
bool pyb_filter_is_bare(const struct pyb_filter *f);

/* Take the request of this scope forward. MW_ANSWER: the two messages are a layer's answer.
 * MW_UNSURE: nothing has happened. Leaves no exception. */
enum mw_verdict pyb_filter_forward(struct pyb_filter *f, PyObject *scope,
    struct pyb_messages *answer) MUST_CHECK;

/* Create the type; new reference, NULL with an exception set. */
PyTypeObject *pyb_filter_type_new(PyObject *module) MUST_CHECK;

#endif
