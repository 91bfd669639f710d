/*
 * alone: compiled plans that answer their exchange themselves.
 */
#ifndef BINDINGS_PLAN_ALONE_H
#define BINDINGS_PLAN_ALONE_H

#include "bindings/plan/run.h"

/* Why a plan was not run, and the application itself must answer. */
struct pyb_replay {
	const char *reason;	/* static text */
	bool over;		/* it would end the same inside request_response, too */
};

/* [gil] Run `plan` for x. True: the request is being answered. False: nothing
 * of the user's has run, *replay says why. */
bool pyb_alone_start(struct pyb_app *app, struct hx_exchange *x,
    const struct shm_plan *plan, struct pyb_replay *replay);

#endif
