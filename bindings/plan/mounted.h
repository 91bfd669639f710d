/*
 * mounted: requests below a mount of files.
 */
#ifndef BINDINGS_PLAN_MOUNTED_H
#define BINDINGS_PLAN_MOUNTED_H

#include "base/attr.h"
#include "bindings/app.h"
#include "http/exchange.h"

/* Is the mount's directory there, and are answers in the place of its files FastAPI's own? At
 * its first request StaticFiles looks, and raises if there is none. Leaves no exception. */
bool pyb_mounted_ready(const struct pyb_binding *b, struct pyb_mount *mount) MUST_CHECK;

/* The Response of FastAPI's or Starlette's own handler to what StaticFiles raises with that
 * verdict, MISSING or NOT_ALLOWED; other requests get it, too. Borrowed; NULL: it is not known. */
PyObject *pyb_mounted_exception(const struct pyb_binding *b, const struct pyb_mount *mount,
    enum files_verdict verdict) MUST_CHECK;

/* Answer x, whose path continues with `rest` behind that of the mount, as its StaticFiles would,
 * and give it back. False: nothing was sent; the application must answer. Leaves no exception. */
bool pyb_mounted_answer(struct pyb_app *app, struct hx_exchange *x, struct pyb_mount *mount,
    struct slice rest) MUST_CHECK;

#endif
