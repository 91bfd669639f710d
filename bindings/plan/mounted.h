/*
 * mounted: requests below a mount of files.
 */
#ifndef BINDINGS_PLAN_MOUNTED_H
#define BINDINGS_PLAN_MOUNTED_H

#include "base/attr.h"
#include "bindings/app.h"
#include "http/exchange.h"

/* Answer x, which has matched the route of that mount, as its StaticFiles would, and give it
 * back. False: nothing was sent; the application must answer. Leaves no exception. */
bool pyb_mounted_answer(struct pyb_app *app, struct hx_exchange *x, struct pyb_mount *mount)
    MUST_CHECK;

#endif
