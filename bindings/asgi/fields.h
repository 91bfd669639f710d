/*
 * fields: the header fields of an application's answer, from Python objects.
 */
#ifndef BINDINGS_ASGI_FIELDS_H
#define BINDINGS_ASGI_FIELDS_H

#include <Python.h>

#include "base/arena.h"
#include "base/attr.h"
#include "http/exchange.h"

struct pyb_fields {
	struct hx_header *all;	/* in the arena; NULL until read */
	size_t n;
	PyObject *keep;		/* owns the bytes that the fields point into */
	PyObject *failed;	/* what a pair behind the n-th has raised, or NULL */
};

/* Take an iterable of (name, value) pairs, which may run user code. 0, or -1 with an exception
 * set. In both cases the caller calls pyb_fields_fini(), after which the fields must not be
 * used. */
int pyb_fields_take(struct pyb_fields *f, PyObject *pairs) MUST_CHECK;

/* Read what was taken, which runs no user code. Names become lower case (copied into the arena),
 * as uvicorn sends them. 0. -1 with an exception set: RuntimeError for an invalid name or value,
 * as with uvicorn; TypeError or ValueError for what is not pairs of bytes or buffers. */
int pyb_fields_read(struct pyb_fields *f, struct arena *arena) MUST_CHECK;
void pyb_fields_fini(struct pyb_fields *f);

/* May a field name be sent unchanged? It may when uvicorn accepts each of its bytes and
 * none is in upper case. uvicorn accepts more bytes than a token has (RFC 9110 section
 * 5.6.2). */
bool pyb_field_name_plain(struct slice name);

#endif
