/*
 * direct: compiled plans that answer their exchange themselves.
 */
#ifndef BINDINGS_DIRECT_H
#define BINDINGS_DIRECT_H

#include "bindings/run.h"

/* [gil] Run `plan` for x. True: the request is being answered. False: nothing
 * of the user's has run, *reason says why the application itself must answer
 * (a static text). */
bool pyb_direct_start(struct pyb_app *app, struct hx_exchange *x,
    const struct shm_plan *plan, const char **reason);

#endif
