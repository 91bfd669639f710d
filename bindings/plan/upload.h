/*
 * upload: the parts of a multipart form, as Starlette's Request.form() gives them.
 */
#ifndef BINDINGS_PLAN_UPLOAD_H
#define BINDINGS_PLAN_UPLOAD_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/plan/source.h"

/* More than this is left to Starlette, which writes it to a file on the disk as it comes. */
enum { PYB_UPLOAD_MOST = 1024 * 1024 };

/* Does the form belong into the plan, which needs all of its content at once? By the fields of
 * the request. */
bool pyb_upload_is_small(const struct hx_header *fields, size_t n);

/* Does Starlette's Request.form() read the content of a form of this type? It leaves that of a type
 * that is no form's, and raises before it reads when there is no boundary. False also for what
 * is unusual. */
bool pyb_upload_is_read(struct arena *a, struct slice type);

/* Add the parts of the source's content to `pairs`: texts, and Starlette's UploadFile for
 * files, which src->files keeps. 0; -1 when the content is malformed or unusual, exceeds
 * Starlette's limits, or when there is no memory (no exception is set). */
int pyb_upload_load(struct pyb_source *src, struct slice type, struct pyb_pairs *pairs)
    MUST_CHECK;

#endif
