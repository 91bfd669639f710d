/*
 * work: a piece of content that another thread compresses for a filter.
 *
 * A filter has at most one. Who sends another message meanwhile waits until it is over.
 */
#ifndef BINDINGS_STACK_WORK_H
#define BINDINGS_STACK_WORK_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/stack/filter.h"

struct pyb_work;

/* The layers of `f`, which has no work yet, have found the piece heavy, whose bytes are those of
 * `bytes`. It becomes f->work. 0, or -1 with an exception set. */
int pyb_work_new(struct pyb_filter *f, PyObject *bytes, bool last) MUST_CHECK;

/* Have the work of `f` done. 1: it is done; 0: await *out; -1 with an exception set. */
int pyb_work_begin(struct pyb_filter *f, PyObject **out) MUST_CHECK;

/* What is awaited by who sends another message. New reference; NULL with an exception set. */
PyObject *pyb_work_wait(struct pyb_filter *f) MUST_CHECK;

/* The piece after the work, which is over: the caller releases it. Afterwards f->work is NULL. 0,
 * or -1 with MemoryError set: there is no piece. */
int pyb_work_take(struct pyb_filter *f, struct hx_piece *piece) MUST_CHECK;

/* What a filter visits of its work for the garbage collector. */
int pyb_work_traverse(const struct pyb_work *w, visitproc visit, void *arg);

/* Whoever had it done goes away without the piece, which is lost. The filter is kept while a
 * thread works. Keeps a pending exception. */
void pyb_work_leave(struct pyb_filter *f);

#endif
