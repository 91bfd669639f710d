/*
 * json: one pass from Python's own plain types to the text JSONResponse sends.
 *
 * Reproduces jsonable_encoder() followed by json.dumps(ensure_ascii=False,
 * allow_nan=False, separators=(",", ":")) for exactly dict, list, tuple, str,
 * int, float, bool and None. Anything else, and every value json.dumps would
 * refuse, is left to Python. Answers with a response model never come here:
 * pydantic-core writes them.
 */
#ifndef BINDINGS_JSON_H
#define BINDINGS_JSON_H

#include <Python.h>

#include "base/attr.h"

/* A growing byte buffer. Zeroed at first; its owner keeps it from one answer to the
 * next. */
struct pyb_json {
	char *bytes;
	size_t len, cap;
};

enum pyb_json_verdict {
	PYB_JSON_OK,		/* j->bytes[0 .. j->len) is the text */
	PYB_JSON_LEAVE		/* not for this encoder; no exception set */
};

/* Encode `value`, replacing what j holds. Runs no Python code. */
enum pyb_json_verdict pyb_json_encode(struct pyb_json *j, PyObject *value) MUST_CHECK;

/* Free the buffer if it has become too large to keep. */
void pyb_json_trim(struct pyb_json *j);
void pyb_json_fini(struct pyb_json *j);

#endif
