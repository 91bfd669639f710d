/*
 * answers: what FastAPI itself answers in the place of an endpoint.
 *
 * An application whose router and exception handlers are FastAPI's own answers the same
 * to every path of no route, to every method that a route does not take, and to every
 * HTTPException of the same values. python/fastrapi/compile/answers.py says what these
 * answers are, or how they are made, and what they depend on.
 */
#ifndef BINDINGS_ANSWERS_H
#define BINDINGS_ANSWERS_H

#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct pyb_answers {
	/* Where Starlette's ExceptionMiddleware looks for handlers: the application's own
	 * dicts, by class and by status. */
	PyObject *exception_handlers, *status_handlers;
	PyObject *http_exception;	/* Starlette's class */
	PyObject *http_handler;		/* FastAPI's handler of it */
	PyObject *validation_error;	/* FastAPI's class RequestValidationError */
	PyObject *validation_handler;	/* FastAPI's handler of it */
	PyObject *handled;		/* (handler, exception) -> the Response of one of the two */
	PyObject *json_text;		/* True: http_handler writes a text as JSONResponse does */
	PyObject *forgets_traceback;	/* True: a handled exception loses its traceback */
	PyObject *not_found;		/* the Response to a path of no route, or None */
	PyObject *not_allowed;		/* tuple by route: to a method it does not take, or None */
	PyObject *redirect;		/* (scope) -> the Response that redirects to the path with
					 * its slash added or removed; None: there is no such */
	PyObject *within;		/* (mount, route or None) -> the Response of what is mounted
					 * to a method that the route does not take, or to the path
					 * of no route; None: it has one of its own */
	struct pyb_inside *inside;	/* by route */
};

/* What a mount leads to. */
struct pyb_inside {
	uint32_t first;		/* of the routes inside, which stand before the mount */
	bool known;		/* they are all that there is */
	bool layered;		/* layers of the user's stand between */
	bool redirects;		/* a path of none may have a slash too much or too little */
};

/* Take the answers from the compiler's object, whose attributes have the members' names.
 * None: no answer is known, and all members are NULL. `n_routes` is the table's. 0, or -1
 * with an exception set; call pyb_answers_fini() in both cases. */
int pyb_answers_init(struct pyb_answers *a, PyObject *source, uint32_t n_routes) MUST_CHECK;
void pyb_answers_fini(struct pyb_answers *a);
int pyb_answers_traverse(struct pyb_answers *a, visitproc visit, void *arg);

/* The mount that a route is, when the answers of what it mounts are known; else NULL. */
static inline const struct pyb_inside *
pyb_answers_inside(const struct pyb_answers *a, uint32_t route)
{
	return a->inside != NULL && a->inside[route].known ? &a->inside[route] : NULL;
}

/* Is it one whose answers need no layers of the user's? */
static inline bool
pyb_answers_alone(const struct pyb_answers *a, uint32_t route)
{
	const struct pyb_inside *inside = pyb_answers_inside(a, route);

	return inside != NULL && !inside->layered;
}

/* The handler that Starlette would call for an exception of that class. `status` is that
 * of an HTTPException; NULL: it is none. Borrowed from the application's dicts; NULL when
 * there is none, or when it cannot be told. Leaves no exception. */
PyObject *pyb_answers_handler(const struct pyb_answers *a, PyTypeObject *class,
    PyObject *status);

/* Does FastAPI's own handler answer Starlette's HTTPException of that status? */
bool pyb_answers_http(const struct pyb_answers *a, long status);

/* Does FastAPI's own handler answer its RequestValidationError? */
bool pyb_answers_invalid(const struct pyb_answers *a);

#endif
