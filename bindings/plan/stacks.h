/*
 * stacks: the exit stacks that FastAPI keeps in the scope of a request.
 *
 * The plan itself does not need them: exits.h. User code may put something on them, and FastAPI
 * enters what sends server-sent events there.
 */
#ifndef BINDINGS_PLAN_STACKS_H
#define BINDINGS_PLAN_STACKS_H

#include "base/attr.h"
#include "bindings/plan/run.h"

/* Alone: has the scope stand-ins for them? */
bool pyb_stacks_stand_in(const struct pyb_run *r);

/* Which of them, or of the stand-ins, have anything? 1 << PYB_STACK_... of each; -1 with an
 * exception set. */
int pyb_stacks_used(struct pyb_run *r) MUST_CHECK;

/* Has one of them anything? 1 or 0; -1 with an exception set. */
int pyb_stacks_is_used(struct pyb_module_state *st, PyObject *stack) MUST_CHECK;

/* Has user code put anything on the late stack? 1 or 0; -1 with an exception set. It makes no
 * object. */
int pyb_stacks_late_is_used(struct pyb_run *r) MUST_CHECK;

/* Leave what is on the late one, all of which was entered after what r->late has. 1: await *out,
 * new reference; 0: it has nothing; -1 with an exception set. */
int pyb_stacks_leave_late(struct pyb_run *r, PyObject **out) MUST_CHECK;

#endif
