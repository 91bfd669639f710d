/*
 * watchdog: workers that do not respond.
 */
#ifndef MASTER_WATCHDOG_H
#define MASTER_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

struct master;
struct master_child;

enum { MASTER_LOOK_MS = 500 };	/* between two looks at the boards */

/* What was seen of a worker. */
struct master_pulse {
	uint64_t loop, interpreter;	/* its beats: any numbers, which change while it is well */
	uint64_t quiet_ms;	/* how long the loop's has not changed while we looked */
	uint64_t held_ms;	/* ... and the interpreter's neither */
	uint64_t cpu_ms;	/* that it had used when the loop's changed last */
	uint64_t since_ms;	/* when it was heard last, once it is given up */
	bool told;		/* that it does not respond */
	bool given_up;		/* it is replaced, and is to end */
};

/* Look at every worker that serves, unless that was done a moment ago: say what the worker
 * cannot, and give up one that has not responded for --worker-timeout. */
void master_watchdog_look(struct master *m, uint64_t now_ms);

/* The next step with a worker that was given up, whose kill_at_ms has passed: TERM, then KILL. */
void master_watchdog_press(struct master *m, struct master_child *c, uint64_t now_ms);

#endif
