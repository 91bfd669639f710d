/*
 * answer: the head of an answer while layers edit it.
 *
 * The functions do what Starlette's MutableHeaders does with a message's list of fields.
 * Names are in lower case. What is added must live as long as the arena.
 */
#ifndef MIDDLEWARE_ANSWER_H
#define MIDDLEWARE_ANSWER_H

#include "base/arena.h"
#include "base/attr.h"
#include "http/exchange.h"

struct mw_answer {
	struct arena *arena;		/* borrowed */
	int status;
	struct hx_header *fields;	/* in the arena */
	size_t n, room;
};

/* Begin with these fields, whose names and values are borrowed. 0, or -1 when out of
 * memory. */
int mw_answer_init(struct mw_answer *a, struct arena *arena, int status,
    const struct hx_header *fields, size_t n) MUST_CHECK;

/* Copy names and values into the arena. 0, or -1 when out of memory. */
int mw_answer_keep(struct mw_answer *a) MUST_CHECK;

/* The value of the first such field; `ptr` is NULL when there is none. */
struct slice mw_answer_get(const struct mw_answer *a, struct slice name);

/* Add a field behind all others. 0, or -1 when out of memory. */
int mw_answer_append(struct mw_answer *a, struct slice name, struct slice value) MUST_CHECK;

/* headers[name] = value: the first such field gets the value, further ones go; a new one
 * stands behind all others. 0, or -1 when out of memory. */
int mw_answer_set(struct mw_answer *a, struct slice name, struct slice value) MUST_CHECK;

/* headers[name] = str(number). 0, or -1 when out of memory. */
int mw_answer_set_number(struct mw_answer *a, struct slice name, uint64_t number) MUST_CHECK;

/* del headers[name] */
void mw_answer_remove(struct mw_answer *a, struct slice name);

/* headers.add_vary_header(name): the values of Vary and this one, joined, are its only
 * value. `first`: only its first one stays, as in older versions. 0, or -1 when out of
 * memory. */
int mw_answer_vary(struct mw_answer *a, struct slice name, bool first) MUST_CHECK;

/* The fields of a PlainTextResponse behind those that are there. 0, or -1 when out of
 * memory. */
int mw_answer_plain(struct mw_answer *a, int status, struct slice text) MUST_CHECK;

#endif
