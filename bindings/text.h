/*
 * text: slices as Python's str and bytes, and str as slices.
 *
 * Nothing here runs Python code.
 */
#ifndef BINDINGS_TEXT_H
#define BINDINGS_TEXT_H

#include <Python.h>

#include "base/attr.h"
#include "base/slice.h"

/* A new str from UTF-8. NULL with an exception set: the bytes are no UTF-8, or there is
 * no memory. */
static inline PyObject *
pyb_text_utf8(struct slice s)
{
	return PyUnicode_DecodeUTF8(s.ptr, (Py_ssize_t)s.len, NULL);
}

/* A new str with one character for each byte. NULL with an exception set. */
static inline PyObject *
pyb_text_latin1(struct slice s)
{
	return PyUnicode_DecodeLatin1(s.ptr, (Py_ssize_t)s.len, NULL);
}

/* New bytes. NULL with an exception set. */
static inline PyObject *
pyb_text_bytes(struct slice s)
{
	return PyBytes_FromStringAndSize(s.ptr, (Py_ssize_t)s.len);
}

/* A new tuple of n str, each from UTF-8. NULL with an exception set. */
PyObject *pyb_text_tuple(const struct slice *texts, size_t n) MUST_CHECK;

/* The UTF-8 of a str; the slice is valid as long as the str. 0; -1 with an exception
 * set: `text` is no str, or has lone surrogates. */
int pyb_text_slice(PyObject *text, struct slice *out) MUST_CHECK;

#endif
