/*
 * json: one pass from Python's own plain types to the text JSONResponse sends.
 *
 * Reproduces jsonable_encoder() followed by json.dumps(ensure_ascii=False,
 * allow_nan=False, separators=(",", ":")) for exactly dict, list, tuple, str,
 * int, float, bool and None. Anything else, and every value json.dumps would
 * refuse, is left to Python.
 *
 * With a shape it reproduces validate_python() and to_json() of pydantic-core, for types
 * whose values of exactly these builtin types both leave as they are. All others, and what
 * the two write in forms of their own, are left to pydantic-core.
 */
#ifndef BINDINGS_JSON_H
#define BINDINGS_JSON_H

#include <Python.h>
#include <stdbool.h>

#include "base/attr.h"

/* A growing byte buffer. Zeroed at first; its owner keeps it from one answer to the
 * next. */
struct pyb_json {
	char *bytes;
	size_t len, cap;
	bool as_pydantic;	/* else as json.dumps() */
};

enum pyb_json_verdict {
	PYB_JSON_OK,		/* j->bytes[0 .. j->len) is the text */
	PYB_JSON_LEAVE		/* not for this encoder; no exception set */
};

/* Encode `value`, replacing what j holds. Runs no Python code. */
enum pyb_json_verdict pyb_json_encode(struct pyb_json *j, PyObject *value) MUST_CHECK;

/* Is it a shape as shm/plan.h describes it? */
bool pyb_json_is_shape(PyObject *shape) MUST_CHECK;

/* The same for a value of this shape, as pydantic-core writes it. */
enum pyb_json_verdict pyb_json_encode_shape(struct pyb_json *j, PyObject *value,
    PyObject *shape) MUST_CHECK;

/* Free the buffer if it has become too large to keep. */
void pyb_json_trim(struct pyb_json *j);
void pyb_json_fini(struct pyb_json *j);

#endif
