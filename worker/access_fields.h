/*
 * access_fields: what fields of a request say that a log wants to know.
 */
#ifndef WORKER_ACCESS_FIELDS_H
#define WORKER_ACCESS_FIELDS_H

#include "base/slice.h"

enum { WORKER_ACCESS_FIELDS_USER = 64 };

/* The name in an Authorization of kind Basic, which is decoded into `name` and cut to it; empty
 * when there is none. */
struct slice worker_access_fields_user(struct slice authorization,
    char name[WORKER_ACCESS_FIELDS_USER]);

/* The trace's id in a traceparent (W3C Trace Context); empty when it is none. */
struct slice worker_access_fields_trace(struct slice traceparent);

#endif
