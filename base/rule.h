/*
 * rule: what a setting says of one route.
 *
 * A line "/upload/{name} methods=POST,PUT limit_body=1G timeout=30": a route's template, as the
 * application declares it, or one that ends in * for all below, and what is to hold for requests to it.
 * The master checks the lines of --route, a worker goes by them.
 */
#ifndef BASE_RULE_H
#define BASE_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/conf.h"
#include "base/slice.h"

enum { RULES_MAX = 64 };

/* Numbers are -1 where the line does not say them. */
struct rule {
	struct slice path;		/* the template; borrowed from the line, as `methods` is */
	struct slice methods;		/* with commas between them; empty: all */
	int64_t limit_body;		/* bytes, 0 for no limit */
	int64_t limit_concurrency;	/* requests at a time in one worker, 0 for no limit */
	int64_t timeout_content_s, timeout_s;
};

/* Read the first line of `*text`, which is not empty, and set *text behind it. 0; -1: it is no
 * rule, `why` says what is wrong. */
int rule_read(const char **text, struct rule *out, char why[CONF_WHY_BYTES]) MUST_CHECK;

/* Are all lines of `text` rules, and not more than RULES_MAX? 0; -1 with `why`. */
int rule_check(const char *text, char why[CONF_WHY_BYTES]) MUST_CHECK;

/* Is the rule for requests with that method and decoded path? */
bool rule_matches(const struct rule *r, struct slice method, struct slice path);

#endif
