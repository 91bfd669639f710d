/*
 * hands: the requests that a worker works on, on its board.
 *
 * They are for whoever looks when the worker is stuck or dead, so they stand where its
 * death leaves them. A hand is an empty text or a method and a path, cut to what fits.
 * The bytes come from a client, and the memory from a process that may have run wild: a reader
 * gets them escaped and bounded.
 */
#ifndef SHM_HANDS_H
#define SHM_HANDS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

enum {
	SHM_HANDS = 12,			/* of one worker; more requests are only counted */
	SHM_HAND_BYTES = 248,		/* of one text */
	SHM_HANDS_TEXT_BYTES = 1536	/* room for shm_hands_text() */
};

struct shm_hands {
	struct {
		_Atomic uint32_t len;	/* of the text; 0: none */
		_Atomic uint32_t route;	/* of the template behind it; 0: none */
		_Atomic uint64_t since_ms;	/* CLOCK_MONOTONIC_COARSE */
		char text[SHM_HAND_BYTES];
	} at[SHM_HANDS];
};

/* [worker] Write "METHOD PATH" to hand `i`, below SHM_HANDS. What is written reaches the log:
 * `path` is without the query, which may hold secrets; `now_ms` is of the coarse clock. */
void shm_hands_put(struct shm_hands *h, unsigned i, struct slice method, struct slice path,
    uint64_t now_ms);

/* [worker] Add the template of its route to hand `i`, if there is room for all of it. */
void shm_hands_route(struct shm_hands *h, unsigned i, struct slice route);

/* [worker] Empty hand `i`. */
void shm_hands_clear(struct shm_hands *h, unsigned i);

/* What is in one hand. The texts are any bytes, within the hand. */
struct shm_hand {
	struct slice request, route;	/* "GET /b/1", "/b/{n}" or nothing */
	uint64_t since_ms;
};

/* [reader] Look into hand `i`, below SHM_HANDS, of a copy. False: it is empty. */
bool shm_hands_get(const struct shm_hands *h, unsigned i, struct shm_hand *hand) MUST_CHECK;

/* [reader] Write `3 requests in hand: "GET /a", "POST /b/1" (/b/{n}) and 1 more` to `text`,
 * which is returned. `n` is how many there are, or are said to be: the texts found are counted if
 * they are more. Bytes that are not printable ASCII, quotes and backslashes are written
 * as \xNN. */
const char *shm_hands_text(const struct shm_hands *h, uint64_t n,
    char text[SHM_HANDS_TEXT_BYTES]);

#endif
