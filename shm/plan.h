/*
 * plan: the compiled form of one route, as records in the sealed table.
 *
 * A plan is a flat list of steps over numbered value slots. The first `n_pure`
 * steps run no user code: they read parameters and content and validate them.
 * What they find missing or invalid becomes FastAPI's errors. When one of them finds
 * anything unusual, or when the plan cannot make the errors, the request is replayed
 * through the application itself. The steps after them run in the order
 * in which FastAPI would call the dependencies and the endpoint.
 *
 * Records hold indexes only. An object index is a place in the tuple of Python
 * objects that every process makes for itself; the compiler returns that tuple
 * beside the table. A string offset is a place in the table's string section.
 *
 * The compiler (python/fastrapi/compile) makes the records through shm/builder,
 * shm/check_plan verifies every index, bindings/plan/read.c and
 * bindings/plan/call.c run the steps. Python gets the numbers below from
 * plan_constants(), so each is written down once; their order means nothing.
 */
#ifndef SHM_PLAN_H
#define SHM_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#define SHM_NONE UINT32_MAX	/* "no object", "no slot", "no plan" */

/* Passed to a list X below: the number of its rows, and the union of its flags. The
 * numbers of a list go from 0 without a gap, so that every number below the count has a
 * row; shm/check_plan refuses all others. */
#define SHM_ROW_COUNT(name, value) + 1
#define SHM_ROW_OR(name, value) | (value)

/* Operation and number. Words in quotation marks are members of struct shm_step. */
#define SHM_STEP_OPS(X) \
	/* Read `name` from `source`, validate the text with `object` (SHM_NONE: keep \
	 * the text), put the value into `slot`. Absent: `object2` is the default. */ \
	X(PARAM, 0) \
	/* Parameter model. The `count` PARAM_FIELD and ALIAS steps behind it name its \
	 * fields. Validate with `object` a dict of the fields that are present and all \
	 * other entries of the source: FastAPI passes those too. An ALIAS that belongs to \
	 * no PARAM_FIELD is a name that makes an OPTIONAL_MODEL present. */ \
	X(PARAM_MODEL, 1) \
	/* One field of the PARAM_MODEL before it: look `name` up, `object` is its key \
	 * (str) in the dict. */ \
	X(PARAM_FIELD, 2) \
	/* Parse the content as JSON into `slot`, unvalidated. Without content the slot \
	 * stays empty. */ \
	X(BODY_PARSE, 3) \
	/* Validate with `object` the value of slot `first`, which a BODY_PARSE step or a \
	 * step with the flag RAW has put there. The slot is empty: as PARAM when absent. */ \
	X(VALIDATE, 4) \
	/* As VALIDATE, for the member of the JSON object in slot `first` whose name is \
	 * object `key`. */ \
	X(BODY_FIELD, 5) \
	/* Call `object` with the values of the slots args[first .. first + count) under \
	 * the keyword names of tuple `object2` (SHM_NONE: by position); the result goes \
	 * into `slot`. */ \
	X(CALL, 6) \
	/* Put the request's Request, Response or BackgroundTasks into `slot`. */ \
	X(REQUEST, 7) \
	X(RESPONSE, 8) \
	X(BACKGROUND, 9) \
	/* Call `object` without arguments; the result goes into `slot`. */ \
	X(FRESH, 10) \
	/* The endpoint, always the last step. As CALL, but the plan's response mode \
	 * gets the result. */ \
	X(ENDPOINT, 11) \
	/* User code has had the Request. If it changed what parameters are read from, \
	 * call `object`(request) for (values, errors), put the values named in tuple \
	 * `object2` into the slots args[first .. first + count), and skip the `key` \
	 * VALIDATE steps behind this one. */ \
	X(REREAD, 12) \
	/* Enter a dependency with `yield`. As CALL, but `object` makes a context manager, \
	 * and what that yields goes into `slot`. Inside request_response object `key` is \
	 * awaited instead, with the Request before the other arguments: it enters the \
	 * dependency on FastAPI's exit stack. */ \
	X(ENTER, 13) \
	/* Another name of the PARAM, PARAM_FIELD or BODY_FIELD before it, which has `count` \
	 * of them. The first name counts that the request has. `object` and `key` are \
	 * those of PARAM_FIELD and BODY_FIELD under this name. */ \
	X(ALIAS, 14)

#define SHM_ENUM_OP(name, value) SHM_STEP_##name = (value),
enum shm_step_op { SHM_STEP_OPS(SHM_ENUM_OP) SHM_STEP_OP_COUNT = 0 SHM_STEP_OPS(SHM_ROW_COUNT) };

#define SHM_SOURCES(X) X(PATH, 0) X(QUERY, 1) X(HEADER, 2) X(COOKIE, 3) X(FORM, 4) X(BODY, 5) \
	/* As FORM, but files are bytes. */ \
	X(FILE, 6)
#define SHM_ENUM_SOURCE(name, value) SHM_SOURCE_##name = (value),
enum shm_source { SHM_SOURCES(SHM_ENUM_SOURCE) SHM_SOURCE_COUNT = 0 SHM_SOURCES(SHM_ROW_COUNT) };

/* Flags of a step. */
#define SHM_STEP_FLAGS(X) \
	X(REQUIRED, 1)		/* absent: an error */ \
	X(LIST, 2)		/* all occurrences, as a list; an empty list counts as absent */ \
	X(DEFAULT_COPY, 4)	/* the default is deep-copied for each request */ \
	X(DEFAULT_VALIDATE, 8)	/* the default goes through the validator */ \
	X(IMPURE, 16)		/* VALIDATE that runs user code: stands after the pure steps, its \
				 * errors become a RequestValidationError, never a replay */ \
	X(SYNC, 32)		/* CALL, ENDPOINT, ENTER: a plain function, for the thread pool */ \
	X(AWAIT, 64)		/* CALL, ENDPOINT: returns a coroutine */ \
	X(SUSPENDS, 128)	/* AWAIT, or ENTER: may suspend, needs a task of its own */ \
	X(EARLY, 256)		/* ENTER: left before the answer is sent, not after it */ \
	X(RAW, 512)		/* keep the value unvalidated; absent and not REQUIRED: the slot \
				 * stays empty */ \
	X(INT, 1024)		/* PATH: convertor int; the text becomes a Python int first */ \
	X(FLOAT, 2048)		/* PATH: convertor float */ \
	X(UUID, 4096)		/* PATH: convertor uuid */ \
	X(EXTRAS_SUPPLY, 8192)	/* OPTIONAL_MODEL: any entry of the source counts as present */ \
	X(OPTIONAL_MODEL, 16384) /* PARAM_MODEL: none of its names present: use the default */ \
	X(DEFAULT_FACTORY, 32768) /* the default is made by calling `object2` */

#define SHM_ENUM_FLAG(name, value) SHM_STEP_F_##name = (value),
enum shm_step_flag { SHM_STEP_FLAGS(SHM_ENUM_FLAG) SHM_STEP_F_ALL = 0 SHM_STEP_FLAGS(SHM_ROW_OR) };

struct shm_step {
	uint8_t op;
	uint8_t source;
	uint16_t flags;
	uint32_t slot;		/* destination; SHM_NONE: the value is dropped */
	uint32_t name;		/* offset into the strings; header names in lower case */
	uint32_t name_len;
	uint32_t object;
	uint32_t object2;
	uint32_t first;		/* first argument, or the slot to read */
	uint32_t count;		/* arguments, or PARAM_FIELD and ALIAS steps */
	uint32_t key;		/* BODY_FIELD, ENTER: object; PATH: position in the path; FILE and
				 * LIST: called with the list of bytes, or SHM_NONE; REREAD */
};

/* How an endpoint's result that is no Response becomes the answer. */
#define SHM_RESPONSE_MODES(X) \
	/* response_field and default class: validate, serializer.to_json; the C encoder \
	 * for results of the plan's shape */ \
	X(MODEL_JSON, 0) \
	/* no response_field, default class: the C encoder, else Python */ \
	X(PLAIN_JSON, 1) \
	/* anything else: helper.encode(result, response, background, method), a plain \
	 * call that returns a Response (it raises what FastAPI would raise) */ \
	X(HELPER, 2)

#define SHM_ENUM_MODE(name, value) SHM_RESPONSE_##name = (value),
enum shm_response_mode {
	SHM_RESPONSE_MODES(SHM_ENUM_MODE)
	SHM_RESPONSE_MODE_COUNT = 0 SHM_RESPONSE_MODES(SHM_ROW_COUNT)
};

/* The shape of results that pydantic-core writes as they stand: a bytes object. One byte is
 * the set of types that a value may have, exactly. LIST and DICT are followed by the shape of
 * the items; the keys of a dictionary are str. ANY stands for all the way down. */
#define SHM_KINDS(X) \
	X(STR, 1) \
	X(INT, 2) \
	X(BOOL, 4) \
	X(NONE, 8) \
	X(FLOAT, 16) \
	X(LIST, 32) \
	X(DICT, 64) \
	X(ANY, 255)

#define SHM_ENUM_KIND(name, value) SHM_KIND_##name = (value),
enum shm_kind {
	SHM_KINDS(SHM_ENUM_KIND)
	SHM_MAX_SHAPE = 16	/* bytes */
};

#define SHM_PLAN_FLAGS(X) \
	X(BODY, 1)		/* the content is needed before the plan starts */ \
	X(SUSPENDS, 2)		/* some step may suspend: run in a task */ \
	X(THREAD, 4)		/* every call is SYNC: one hop to the pool runs the plan */ \
	X(STACKS, 8)		/* runs inside FastAPI's request_response only: needs its exit \
				 * stacks */ \
	X(SCOPE, 16)		/* user code gets the Request: build the whole scope */ \
	X(FORM, 32)		/* the content is read as a form */ \
	X(REREADS, 64)		/* has REREAD steps */ \
	X(ERRORS, 128)		/* what its pure steps find missing or invalid need not be \
				 * replayed: its helper makes FastAPI's errors of it */ \
	X(EXITS, 256)		/* has ENTER steps */ \
	X(MULTIPART, 512)	/* FORM: files are known, too */ \
	X(BACKGROUND, 1024)	/* has BACKGROUND steps */ \
	X(LIMITS, 2048)		/* FORM: its limits are not Starlette's own but helper.form_limits */ \
	X(LAX, 4096)		/* content without a content-type is JSON, too */ \
	X(FOREIGN, 8192)	/* others handle its exceptions than request_response with the \
				 * application's handlers: no exception is answered here */ \
	X(LAYERED, 16384)	/* of a mounted application with middleware: runs behind that only */ \
	X(WEBSOCKET, 32768)	/* begins with a handshake, and its result goes nowhere */

#define SHM_ENUM_PLAN_FLAG(name, value) SHM_PLAN_F_##name = (value),
enum shm_plan_flag {
	SHM_PLAN_FLAGS(SHM_ENUM_PLAN_FLAG)
	SHM_PLAN_F_ALL = 0 SHM_PLAN_FLAGS(SHM_ROW_OR)
};

/* Is it a step that only reads and validates? Its place is among the pure steps,
 * unless it is IMPURE. */
static inline bool
shm_plan_step_reads(const struct shm_step *s)
{
	switch ((enum shm_step_op)s->op) {
	case SHM_STEP_PARAM:
	case SHM_STEP_PARAM_MODEL:
	case SHM_STEP_PARAM_FIELD:
	case SHM_STEP_BODY_PARSE:
	case SHM_STEP_VALIDATE:
	case SHM_STEP_BODY_FIELD:
	case SHM_STEP_ALIAS:
		return true;
	default:
		return false;
	}
}

/* Do the step's `first` and `count` name slots in the table's args? */
static inline bool
shm_plan_step_has_args(const struct shm_step *s)
{
	return s->op == SHM_STEP_CALL || s->op == SHM_STEP_ENDPOINT ||
	    s->op == SHM_STEP_REREAD || s->op == SHM_STEP_ENTER;
}

struct shm_plan {
	uint32_t first_step;
	uint32_t n_steps;
	uint32_t n_pure;
	uint32_t n_slots;
	uint32_t flags;
	uint32_t status;		/* the decorator's status code; 0: 200 */
	uint32_t response_mode;
	uint32_t response_validator;	/* bound validate_python, or SHM_NONE */
	uint32_t response_serializer;	/* bound to_json */
	uint32_t response_kwargs;	/* tuple of keyword names for to_json, or SHM_NONE */
	uint32_t response_values;	/* tuple of their values */
	uint32_t response_shape;	/* a shape, or SHM_NONE: pydantic-core writes all results */
	uint32_t helper;		/* the route's helper, see compile/route_helper.py */
};

#endif
