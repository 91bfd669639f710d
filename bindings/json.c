/*
 * json: the encoder for endpoints that return plain data.
 *
 * Called by plan/result.c, plan/messages.c, binding.c and app.c, which owns the buffer. Nothing
 * here may run Python code: it takes exact builtin types only and makes no conversion that calls
 * back. That is why borrowed references are enough. Nesting deeper than MAX_DEPTH is left to
 * Python.
 */
#include "bindings/json.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/word.h"
#include "shm/plan.h"

enum {
	MAX_DEPTH = 100,
	KEEP_BYTES = 64 * 1024,
	FIRST_BYTES = 1024
};

/* Make room for `more` bytes. False: there is no memory. */
static bool
reserve(struct pyb_json *j, size_t more)
{
	size_t cap = j->cap == 0 ? FIRST_BYTES : j->cap;
	char *grown;

	if (more <= j->cap - j->len)
		return true;
	if (more > SIZE_MAX / 4 || j->len > SIZE_MAX / 4)
		return false;
	while (cap - j->len < more)
		cap *= 2;
	grown = realloc(j->bytes, cap);
	if (grown == NULL)
		return false;
	j->bytes = grown;
	j->cap = cap;
	return true;
}

static inline bool
put(struct pyb_json *j, const char *bytes, size_t n)
{
	if (!reserve(j, n))
		return false;
	memcpy(j->bytes + j->len, bytes, n);
	j->len += n;
	return true;
}

/* Does json.dumps(ensure_ascii=False) copy this byte as it is? It escapes control bytes,
 * '"' and '\'. */
static inline bool
plain(unsigned char c)
{
	return c >= 0x20 && c != '"' && c != '\\';
}

/* The length of the plain prefix, rounded down to whole words. */
static size_t
plain_words(const char *text, size_t n)
{
	size_t i = 0;

	for (; n - i >= WORD_BYTES; i += WORD_BYTES) {
		uint64_t word = word_load(text + i);

		if ((word_below(word, 0x20) | word_equal(word, '"') |
		    word_equal(word, '\\')) != 0)
			break;
	}
	return i;
}

static bool
put_escaped(struct pyb_json *j, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char text[6] = { '\\', 'u', '0', '0', 0, 0 };

	switch (c) {
	case '"':
		return put(j, "\\\"", 2);
	case '\\':
		return put(j, "\\\\", 2);
	case '\n':
		return put(j, "\\n", 2);
	case '\r':
		return put(j, "\\r", 2);
	case '\t':
		return put(j, "\\t", 2);
	case '\f':
		return put(j, "\\f", 2);
	case '\b':
		return put(j, "\\b", 2);
	default:
		text[4] = hex[c >> 4];
		text[5] = hex[c & 15];
		return put(j, text, 6);
	}
}

static bool
put_text(struct pyb_json *j, const char *text, size_t n)
{
	size_t from = 0;

	if (!reserve(j, n + 2))
		return false;
	j->bytes[j->len++] = '"';
	for (size_t i = plain_words(text, n); i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (plain(c))
			continue;
		if (!put(j, text + from, i - from) || !put_escaped(j, c))
			return false;
		from = i + 1;
	}
	return put(j, text + from, n - from) && put(j, "\"", 1);
}

/* The UTF-8 of a str. NULL when it has lone surrogates: json.dumps copies them, and
 * Python then fails to encode the content. */
static const char *
utf8_of(PyObject *text, size_t *n)
{
	Py_ssize_t len = 0;
	const char *bytes;

	if (PyUnicode_IS_COMPACT_ASCII(text)) {
		*n = (size_t)PyUnicode_GET_LENGTH(text);
		return (const char *)PyUnicode_1BYTE_DATA(text);
	}
	bytes = PyUnicode_AsUTF8AndSize(text, &len);
	if (bytes == NULL)
		PyErr_Clear();
	*n = (size_t)len;
	return bytes;
}

static bool
put_str(struct pyb_json *j, PyObject *text)
{
	size_t n;
	const char *bytes = utf8_of(text, &n);

	return bytes != NULL && put_text(j, bytes, n);
}

static bool
put_int(struct pyb_json *j, PyObject *value)
{
	int overflow;
	long long v = PyLong_AsLongLongAndOverflow(value, &overflow);
	char text[1 + DECIMAL_MAX];
	size_t n = 0;

	if (overflow != 0)
		return false;
	if (v < 0)
		text[n++] = '-';
	n += decimal_put(text + n, v < 0 ? -(uint64_t)v : (uint64_t)v);
	return put(j, text, n);
}

/* Do json.dumps and pydantic-core write the number alike? Outside this range one of them
 * puts an exponent, each in a form of its own. */
static bool
float_is_common(double v)
{
	return v == 0 || (fabs(v) >= 1e-4 && fabs(v) < 1e16);
}

static bool
put_float(struct pyb_json *j, PyObject *value)
{
	double v = PyFloat_AS_DOUBLE(value);
	char *text;
	bool ok;

	if (!isfinite(v) || (j->as_pydantic && !float_is_common(v)))
		return false;
	text = PyOS_double_to_string(v, 'r', 0, Py_DTSF_ADD_DOT_0, NULL);
	if (text == NULL) {
		PyErr_Clear();
		return false;
	}
	ok = put(j, text, strlen(text));
	PyMem_Free(text);
	return ok;
}

static bool encode(struct pyb_json *j, PyObject *value, const char *shape, int depth);

/* jsonable_encoder drops keys that begin with "_sa" (sqlalchemy_safe). */
static bool
key_dropped(const char *key, size_t n)
{
	return n >= 3 && key[0] == '_' && key[1] == 's' && key[2] == 'a';
}

static bool
encode_dict(struct pyb_json *j, PyObject *dict, const char *shape, int depth)
{
	PyObject *key, *value;
	Py_ssize_t at = 0;
	bool first = true;

	if (!put(j, "{", 1))
		return false;
	while (PyDict_Next(dict, &at, &key, &value)) {
		const char *text;
		size_t n;

		if (!PyUnicode_CheckExact(key))
			return false;
		text = utf8_of(key, &n);
		if (text == NULL)
			return false;
		if (!j->as_pydantic && key_dropped(text, n))
			continue;
		if (!first && !put(j, ",", 1))
			return false;
		first = false;
		if (!put_text(j, text, n) || !put(j, ":", 1) ||
		    !encode(j, value, shape, depth + 1))
			return false;
	}
	return put(j, "}", 1);
}

static bool
encode_sequence(struct pyb_json *j, PyObject *seq, const char *shape, int depth)
{
	Py_ssize_t n = PySequence_Fast_GET_SIZE(seq);

	if (!put(j, "[", 1))
		return false;
	for (Py_ssize_t i = 0; i < n; i++)
		if ((i > 0 && !put(j, ",", 1)) ||
		    !encode(j, PySequence_Fast_GET_ITEM(seq, i), shape, depth + 1))
			return false;
	return put(j, "]", 1);
}

/* The kinds of a value that a shape may ask for; ANY for a tuple, which only ANY has. 0: the
 * encoder does not know the type. */
static unsigned
kind_of(PyObject *value)
{
	PyTypeObject *type = Py_TYPE(value);

	if (type == &PyUnicode_Type)
		return SHM_KIND_STR;
	if (type == &PyLong_Type)
		return SHM_KIND_INT;
	if (type == &PyDict_Type)
		return SHM_KIND_DICT;
	if (type == &PyList_Type)
		return SHM_KIND_LIST;
	if (type == &PyTuple_Type)
		return SHM_KIND_ANY;
	if (value == Py_None)
		return SHM_KIND_NONE;
	if (type == &PyBool_Type)
		return SHM_KIND_BOOL;
	return type == &PyFloat_Type ? SHM_KIND_FLOAT : 0;
}

/* Depth is bounded, so this recursion cannot follow the data without end. */
static bool
encode(struct pyb_json *j, PyObject *value, const char *shape, int depth)
{
	unsigned allowed = (unsigned char)*shape, kind = kind_of(value);
	const char *items = allowed == SHM_KIND_ANY ? shape : shape + 1;

	if (depth > MAX_DEPTH || (kind & ~allowed) != 0)
		return false;
	switch (kind) {
	case SHM_KIND_STR:
		return put_str(j, value);
	case SHM_KIND_INT:
		return put_int(j, value);
	case SHM_KIND_DICT:
		return encode_dict(j, value, items, depth);
	case SHM_KIND_LIST:
	case SHM_KIND_ANY:
		return encode_sequence(j, value, items, depth);
	case SHM_KIND_NONE:
		return put(j, "null", 4);
	case SHM_KIND_BOOL:
		return value == Py_True ? put(j, "true", 4) : put(j, "false", 5);
	case SHM_KIND_FLOAT:
		return put_float(j, value);
	default:
		return false;
	}
}

enum pyb_json_verdict
pyb_json_encode(struct pyb_json *j, PyObject *value)
{
	static const char any[] = { (char)SHM_KIND_ANY };

	j->len = 0;
	j->as_pydantic = false;
	return encode(j, value, any, 0) ? PYB_JSON_OK : PYB_JSON_LEAVE;
}

bool
pyb_json_is_shape(PyObject *shape)
{
	const unsigned more = SHM_KIND_LIST | SHM_KIND_DICT;
	Py_ssize_t n, at = 0;

	if (!PyBytes_CheckExact(shape))
		return false;
	n = PyBytes_GET_SIZE(shape);
	while (at < n && (unsigned char)PyBytes_AS_STRING(shape)[at] != SHM_KIND_ANY &&
	    ((unsigned char)PyBytes_AS_STRING(shape)[at] & more) != 0)
		at++;
	return at == n - 1 && n <= SHM_MAX_SHAPE;
}

enum pyb_json_verdict
pyb_json_encode_shape(struct pyb_json *j, PyObject *value, PyObject *shape)
{
	j->len = 0;
	j->as_pydantic = true;
	return encode(j, value, PyBytes_AS_STRING(shape), 0) ? PYB_JSON_OK : PYB_JSON_LEAVE;
}

void
pyb_json_trim(struct pyb_json *j)
{
	if (j->cap > KEEP_BYTES)
		pyb_json_fini(j);
}

void
pyb_json_fini(struct pyb_json *j)
{
	free(j->bytes);
	*j = (struct pyb_json){ .bytes = NULL };
}
