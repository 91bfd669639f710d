/*
 * recycle: a worker that is to end gives its place to another first.
 */
#ifndef MASTER_RECYCLE_H
#define MASTER_RECYCLE_H

#include <stdbool.h>
#include <stdint.h>

struct master;
struct master_child;

/* Why a worker is to end. */
enum master_retirement {
	RETIRE_NOT,		/* it is not */
	RETIRE_TERM,		/* it was sent SIGTERM */
	RETIRE_LOOP,		/* the application has ended the event loop */
	RETIRE_REQUESTS,	/* --limit-max-requests */
	RETIRE_RSS,		/* --worker-max-rss */
	RETIRE_LIFETIME		/* --worker-lifetime */
};

/* How long a worker serves. */
struct master_terms {
	enum master_retirement retires;	/* not RETIRE_NOT: another is to take its place */
	uint64_t requests_before;	/* on its board, when it began to serve */
	uint64_t requests;		/* that it answers at most; 0: any number */
	uint64_t until_ms;		/* 0: for ever */
	bool put_off;			/* that its successor could not start is said */
};

/* `c` begins to serve: its terms begin, and whose place it takes drains. */
void master_recycle_serves(struct master *m, struct master_child *c);

/* Start another worker in the place of `c`, which serves until that one does. */
void master_recycle_retire(struct master *m, struct master_child *c, enum master_retirement why,
    uint64_t now_ms);

/* `c` could not start: `why` is ": CAUSE", " ended with ..." or a sentence. True: that is no
 * worker less, for the one whose place it was to take serves on, and it is said; another is
 * started later. */
bool master_recycle_put_off(struct master *m, const struct master_child *c, const char *why);

/* Retire a worker whose terms are over, one at a time. Called at each look of the watchdog. */
void master_recycle_look(struct master *m, uint64_t now_ms);

#endif
