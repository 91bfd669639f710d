/*
 * rules: limits and time-outs of single routes, as --route says.
 *
 * The first rule whose path and method are a request's holds for it. Where no rule says
 * otherwise the settings of all requests do.
 */
#ifndef WORKER_RULES_H
#define WORKER_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/conf.h"
#include "base/rule.h"
#include "io/timers.h"

struct worker_conn;

struct worker_rule {
	struct rule rule;
	struct io_timers content;	/* as of worker/timeouts.h, but this rule's */
	struct io_timers answer;	/* for the beginning of the answer */
	uint64_t running;		/* requests that the application has not let go of */
};

struct worker_rules {
	size_t n;
	struct worker_rule *all;	/* NULL when n is 0 */
};

/* Read conf->route, which is borrowed. 0; -1: no memory, or a line that is no rule. */
int worker_rules_init(struct worker_rules *rules, struct io_turn *turn, const struct conf *conf)
    MUST_CHECK;

/* Forgets the timers that still run. */
void worker_rules_fini(struct worker_rules *rules);

/* A request is in hand: find its rule, which holds from now on. False: too many of them run, and
 * it was refused. */
bool worker_rules_begin(struct worker_conn *c);

/* The application has let go of the request, or never had it. */
void worker_rules_end(struct worker_conn *c);

#endif
