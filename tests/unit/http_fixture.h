/*
 * http_fixture: request heads for the tests of http/, read in every possible
 * cutting.
 */
#ifndef TESTS_UNIT_HTTP_FIXTURE_H
#define TESTS_UNIT_HTTP_FIXTURE_H

#include "http/parse.h"

/* An exchange with a head in it; the bytes belong to the fixture. */
struct head {
	struct hx_exchange x;
	char *bytes;
	int used;			/* what hx_parse_head() returned */
	const char *verdict;		/* "ok", "more" or the refusal's name */
};

/* The name of its row in refusal.def. */
const char *refusal_name(enum hx_refusal why);

/* Read a head that arrives in one piece. */
void head_open(struct head *h, struct slice bytes, const struct hx_limits *limits);

void head_close(struct head *h);

/* The verdict over `bytes`, which must be the same when they arrive in one
 * piece, in two (cut anywhere) and byte by byte; "DIFFERS" otherwise. Heads over
 * 2 kB are cut at some points only. A verdict may come before the last byte, but
 * never change. */
const char *head_verdict_limited(struct slice bytes, const struct hx_limits *limits);
const char *head_verdict(struct slice bytes);

/* The value of the first field of that (lower case) name, "(none)" without. */
struct slice head_field(const struct head *h, const char *name);

#endif
