/*
 * fields: header fields of an answer, from Python objects.
 */
#ifndef BINDINGS_ASGI_FIELDS_H
#define BINDINGS_ASGI_FIELDS_H

#include <Python.h>

#include "base/arena.h"
#include "http/exchange.h"

struct pyb_fields {
	struct hx_header *all;
	size_t n;
	PyObject *keep;		/* owns the bytes the fields point into */
};

/* Read an iterable of (name, value) pairs of bytes. Names are made lower case
 * (copied into the arena when they are not), as uvicorn sends them. 0; -1 with
 * an exception set: what uvicorn raises for invalid names and values
 * (RuntimeError), TypeError for anything that is not pairs of bytes. */
int pyb_fields_read(struct pyb_fields *f, PyObject *pairs, struct arena *arena);
void pyb_fields_fini(struct pyb_fields *f);

/* May these go out as they are? Name: a lower case RFC 9110 token as uvicorn
 * checks it; value: no control byte but HTAB. */
bool pyb_field_name_plain(struct slice name);
bool pyb_field_value_plain(struct slice value);

#endif
