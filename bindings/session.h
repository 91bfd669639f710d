/*
 * session: the sessions of native middleware as user code sees them.
 */
#ifndef BINDINGS_SESSION_H
#define BINDINGS_SESSION_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/module_state.h"
#include "middleware/session.h"

/* A keeper for a layer's settings. `source` is a tuple, which outlives the keeper: the class of
 * a session (None: a plain dict, as in older versions of Starlette), json.loads, json.dumps,
 * what itsdangerous calls `time`, and whether anything counts that user code has put into the
 * session's place, as for Starlette. The rest of it is `st`'s, in the arena. 0, or -1 with an
 * exception set. */
int pyb_session_keeper(struct pyb_module_state *st, PyObject *source, struct arena *arena,
    struct mw_keeper *out) MUST_CHECK;

/* Put a session of such a keeper into the request's scope, which it then follows. NULL:
 * nothing is done. 0, or -1 with an exception set. */
int pyb_session_show(struct pyb_module_state *st, void *session, PyObject *scope) MUST_CHECK;

/* The session cannot be written, as its keeper has said: set the exception that Starlette's class
 * would raise. Returns -1. */
int pyb_session_refuse(void *session);

/* What the session refers to. NULL: nothing. */
int pyb_session_traverse(void *session, visitproc visit, void *arg);

/* Starlette's own class will put a session of its own into this scope: keep beside it what
 * user code has made of the one that was shown, for python/fastrapi/compile/seam.py.
 * `session` NULL: nothing is done. 0, or -1 with an exception set. */
int pyb_session_save(struct pyb_module_state *st, void *session, PyObject *scope) MUST_CHECK;

#endif
