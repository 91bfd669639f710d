/*
 * refuse: 503 for connections that no worker will take.
 */
#ifndef MASTER_REFUSE_H
#define MASTER_REFUSE_H

#include <stdbool.h>
#include <stdint.h>

enum { MASTER_REFUSALS_MAX = 64 };	/* at a time; who comes then waits in the queue */

/* A connection that was answered and is closed as soon as its client has sent all, so that
 * no reset destroys the answer. */
struct master_refusal {
	int fd;
	uint64_t until_ms;	/* 0: the record is free */
};

struct master_refusals {
	struct master_refusal at[MASTER_REFUSALS_MAX];
	uint64_t paused_until_ms;	/* out of descriptors */
};

/* May another connection be accepted at `now_ms`? */
bool master_refuse_ready(const struct master_refusals *all, uint64_t now_ms);

/* Accept one connection of `listener` and answer it; never waits. */
void master_refuse(struct master_refusals *all, int listener, uint64_t now_ms);

/* Its client has sent something, or is gone: throw it away; never waits. */
void master_refuse_read(struct master_refusal *r);

/* Close what has had its time. */
void master_refuse_expire(struct master_refusals *all, uint64_t now_ms);

#endif
