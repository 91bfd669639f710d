/*
 * alone: compiled plans that answer their exchange themselves.
 */
#ifndef BINDINGS_PLAN_ALONE_H
#define BINDINGS_PLAN_ALONE_H

#include "base/attr.h"
#include "bindings/plan/run.h"

/* Why the application itself must answer in the place of its plan. */
struct pyb_replay {
	const char *reason;	/* static text */
	bool final;		/* it would be the same inside request_response: the Seam must not
				 * try the plan again */
};

/* [gil] Run `plan`, one of the application's binding, for x. Never blocks. True: the
 * request is answered, or will be, through x->calls; when the run has ended the exchange
 * is given back with x->calls->released(). False: no user code has run, and *replay says
 * why. No exception is set in either case. */
bool pyb_alone_start(struct pyb_app *app, struct hx_exchange *x,
    const struct shm_plan *plan, struct pyb_replay *replay) MUST_CHECK;

/* [gil] The same for a plan that reads a form, whose content has not come yet: it is read while
 * it arrives. When the plan gives up, FastAPI gets the form, or what reading it raised. False:
 * no memory. */
bool pyb_alone_arriving(struct pyb_app *app, struct hx_exchange *x,
    const struct shm_plan *plan) MUST_CHECK;

#endif
