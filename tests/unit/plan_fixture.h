/*
 * plan_fixture: one plan, written down in Python, and one request to run it on.
 *
 * In the tests' namespace: step(op, ...), plan(steps, n_pure, n_slots, ...) and
 * obj(object), which gives an object its index; the names of shm/plan.h (PARAM,
 * QUERY, F_SYNC, MODEL_JSON, P_FORM, K_STR); `log`, a list; and `helper`, the route's helper.
 */
#ifndef TESTS_UNIT_PLAN_FIXTURE_H
#define TESTS_UNIT_PLAN_FIXTURE_H

#include "tests/unit/source_fixture.h"

#include "bindings/plan/call.h"
#include "bindings/plan/read.h"

struct plan_rig {
	struct hx_exchange x;
	const char *query, *fields, *content;	/* of the request, as plan_open() was given */
	struct slice path_params[2];
	struct pyb_run *run;
	PyObject *loop, *app;
	struct pyb_loop_local *local;
	PyObject *answer;	/* (status, [(name, value)], content), or NULL */
	struct hx_piece kept;	/* content that is released at the end */
};

/* Bind what the statements leave in `made`, and make a run over the request.
 * `fields` and `content` as view_exchange() has them; they stay until plan_close(). */
void plan_open(struct plan_rig *rig, const char *statements, const char *query,
    const char *fields, const char *content);

/* Forget the run and its answer, and make a new one over the same request. */
void plan_again(struct plan_rig *rig);

/* The pure steps, then the others in that mode: "replay: why", "raised X", or
 * "returned" (the result is the run's). */
const char *plan_run(struct plan_rig *rig, enum pyb_run_mode mode);

/* Forget everything. */
void plan_close(struct plan_rig *rig);

#endif
