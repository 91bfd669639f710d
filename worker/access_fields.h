/*
 * access_fields: what fields of a request and of its answer say that a log wants to know.
 */
#ifndef WORKER_ACCESS_FIELDS_H
#define WORKER_ACCESS_FIELDS_H

#include <stddef.h>

#include "base/arena.h"
#include "base/atoms.h"
#include "base/slice.h"
#include "http/exchange.h"

enum { WORKER_ACCESS_FIELDS_USER = 64 };

/* The name in an Authorization of kind Basic, which is decoded into `name` and cut to it; empty
 * when there is none. */
struct slice worker_access_fields_user(struct slice authorization,
    char name[WORKER_ACCESS_FIELDS_USER]);

/* The trace's id in a traceparent (W3C Trace Context); empty when it is none. */
struct slice worker_access_fields_trace(struct slice traceparent);

/* What the format wants of an answer's fields, in the arena: of those that are sent, `fields`, or else of
 * the `head`, to which the server has added its own. NULL: no memory for it. */
const struct slice *worker_access_fields_keep(const struct atoms *atoms, struct arena *arena,
    const struct hx_header *fields, size_t n, struct slice head);

#endif
