/*
 * added: fields that every answer gets, unless the application has set them itself.
 *
 * They are the fields of --security-headers, and the id of the request. Like date and server
 * they stand on the answers of the server itself, too.
 */
#ifndef WORKER_ADDED_H
#define WORKER_ADDED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "http/exchange.h"

enum { WORKER_ADDED_MAX = 8, WORKER_ADDED_AGE = 48 };

/* The owner keeps one; zeroed at first. */
struct worker_added {
	struct hx_header all[WORKER_ADDED_MAX];
	size_t n;
	size_t n_plain;			/* of these, the others are for https only */
	bool has_id;			/* --header has one, which takes the place of ours */
	char age[WORKER_ADDED_AGE];	/* the text of one of them */
};

/* What these settings ask for; their texts are borrowed. 0; -1: a text is no value of a field. */
int worker_added_init(struct worker_added *a, const struct conf *conf) MUST_CHECK;

/* Put behind the *n fields of an answer to `x` those that it gets: *fields are in the exchange's
 * arena then. 0, or -1 when out of memory. */
int worker_added_to(const struct worker_added *a, struct hx_exchange *x,
    const struct hx_header **fields, size_t *n) MUST_CHECK;

#endif
