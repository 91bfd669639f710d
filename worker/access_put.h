/*
 * access_put: pieces of a line of the access log.
 */
#ifndef WORKER_ACCESS_PUT_H
#define WORKER_ACCESS_PUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/decimal.h"
#include "base/must.h"
#include "base/slice.h"

/* A line in the making. A value takes at most half of what is left before that which is kept
 * for the atoms behind it, so that each of those has its place. */
struct worker_access_put {
	char *at, *end;
	size_t kept;
	bool json;
};

/* Bytes as they stand. There is room for them. */
static inline void
worker_access_put_text(struct worker_access_put *l, const char *bytes, size_t len)
{
	must(len <= (size_t)(l->end - l->at));
	memcpy(l->at, bytes, len);
	l->at += len;
}

static inline void
worker_access_put_number(struct worker_access_put *l, uint64_t n)
{
	must(l->end - l->at >= DECIMAL_MAX);
	l->at += decimal_put(l->at, n);
}

/* A number, a point, and `digits` digits of its fraction. */
static inline void
worker_access_put_decimal(struct worker_access_put *l, uint64_t n, uint64_t fraction, size_t digits)
{
	worker_access_put_number(l, n);
	must(digits < (size_t)(l->end - l->at));
	*l->at = '.';
	decimal_put_padded(l->at + 1, fraction, digits);
	l->at += 1 + digits;
}

/* What is not known: `-`, or in JSON what stands for it there. */
static inline void
worker_access_put_unknown(struct worker_access_put *l, const char *in_json)
{
	if (l->json)
		worker_access_put_text(l, in_json, strlen(in_json));
	else
		worker_access_put_text(l, "-", 1);
}

/* A value of a client's, or another that may hold anything: escaped, and cut to its room. */
void worker_access_put_value(struct worker_access_put *l, struct slice v);

#endif
