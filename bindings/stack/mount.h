/*
 * mount: a request behind layers for a mounted directory of files.
 */
#ifndef BINDINGS_STACK_MOUNT_H
#define BINDINGS_STACK_MOUNT_H

#include "base/attr.h"
#include "bindings/stack/find.h"
#include "bindings/stack/internal.h"

/* Answer as StaticFiles does; found->mount says which. A step of the coroutine. */
enum pyb_coro_verdict pyb_mount_begin(struct pyb_inner *c, const struct pyb_found *found,
    PyObject **out) MUST_CHECK;

#endif
