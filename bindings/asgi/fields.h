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

/* May a name go out as it is: has it only bytes that uvicorn lets pass, which are more
 * than those of a token, and none in upper case? */
bool pyb_field_name_plain(struct slice name);

#endif
