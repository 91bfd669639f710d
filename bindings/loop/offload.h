/*
 * offload: work in C for other threads, without the interpreter.
 *
 * It runs on the threads of the loop's pool, beside the plain functions and not counted among
 * them. Not more of it runs at a time than a machine has use for.
 */
#ifndef BINDINGS_LOOP_OFFLOAD_H
#define BINDINGS_LOOP_OFFLOAD_H

#include "base/attr.h"
#include "bindings/loop/local.h"

/* [gil] Run run(arg) on another thread without the interpreter, and then done(arg) on the loop's
 * with it. When the loop is closed before a thread has begun, only done(arg) is called; when
 * it is closed meanwhile, only run(arg). 0, or -1 when it cannot be
 * done; leaves no exception. */
int pyb_offload(struct pyb_loop_local *local, void (*run)(void *arg), void (*done)(void *arg),
    void *arg) MUST_CHECK;

/* [gil] The loop is being closed, and its pool is gone: nothing that waits is run. */
void pyb_offload_close(struct pyb_loop_local *local);

#endif
