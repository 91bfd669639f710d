/*
 * unrouted: a request behind layers that no route takes.
 */
#ifndef BINDINGS_STACK_UNROUTED_H
#define BINDINGS_STACK_UNROUTED_H

#include "base/attr.h"
#include "bindings/stack/find.h"
#include "bindings/stack/internal.h"

/* Answer as the router does; found->verdict says how. A step of the coroutine. */
enum pyb_coro_verdict pyb_unrouted_begin(struct pyb_inner *c, const struct pyb_found *found,
    PyObject **out) MUST_CHECK;

#endif
