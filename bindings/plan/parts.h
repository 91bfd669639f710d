/*
 * parts: the Python type Parts, a multipart form that is read piece by piece.
 *
 *	Parts(boundary, (files, fields, part_bytes), make_file)
 *		the limits are those of Starlette's MultiPartParser; make_file(headers, filename)
 *		makes the file of a part. ValueError: no boundary is so long.
 *	feed(piece) -> list of (file, data)
 *		what the piece brings for files, in its order: a buffer to write, or None where the
 *		file is complete. Raises MultiPartException.
 *	items
 *		the fields and files that have come, a list of (name, value)
 */
#ifndef BINDINGS_PLAN_PARTS_H
#define BINDINGS_PLAN_PARTS_H

#include <Python.h>

#include "base/attr.h"
#include "base/slice.h"
#include "http/multipart.h"

/* The field lines of the part in hand, as a list of (name, value). New reference; NULL with an
 * exception set. */
PyObject *pyb_parts_headers(const struct hx_multipart *m) MUST_CHECK;

/* Create the type; new reference, NULL with an exception set. */
PyTypeObject *pyb_parts_type_new(PyObject *module) MUST_CHECK;

#endif
