/*
 * access: between the access log and the application's logger for it.
 */
#ifndef ENGINE_ACCESS_H
#define ENGINE_ACCESS_H

#include <Python.h>

#include "base/attr.h"
#include "base/list.h"
#include "io/turn.h"
#include "worker/access.h"

struct engine_access {
	struct worker_access *log;	/* NULL: there is none */
	struct io_turn *turn;
	PyObject *look, *take;		/* python/fastrapi/access.py */
	struct io_job job;
	struct list records;		/* for `take` */
	unsigned n_records;
	bool asked;			/* for the log, by a setting or a terminal */
	bool look_due;
};

/* Begin to log the requests of `w`, if the settings or the application want it. 0; -1 with an
 * exception set, which is RuntimeError when the log cannot be written. */
int engine_access_begin(struct engine_access *a, struct worker *w, unsigned generation,
    PyObject *look, PyObject *take) MUST_CHECK;

/* Hand over and write what is left, for a moment at most. May be called again. */
void engine_access_end(struct engine_access *a);

/* Open its file again. */
void engine_access_reopen(struct engine_access *a);

#endif
