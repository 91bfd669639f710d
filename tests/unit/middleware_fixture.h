/*
 * middleware_fixture: heads as texts, one "name: value" a line.
 */
#ifndef TESTS_UNIT_MIDDLEWARE_FIXTURE_H
#define TESTS_UNIT_MIDDLEWARE_FIXTURE_H

#include <stdbool.h>

#include "middleware/chain.h"

#define SLICE_OF(text) ((struct slice){ (text), strlen(text) })

/* The fields of `text`, which is borrowed, into `out`; their number. */
size_t fields_of(const char *text, struct hx_header *out, size_t room);

/* An answer with these fields in the arena of the fixture, which answers_forget() frees. */
struct mw_answer answer_of(int status, const char *text);
void answers_forget(void);
struct arena *answers_arena(void);

/* Has the answer these fields, in this order? */
bool answer_is(const struct mw_answer *a, const char *text);

/* What a chain of one layer makes of a request with these fields: "pass", "unsure", or
 * status, fields and content, one a line. Valid until the next call. */
const char *layer_says(const struct mw_class *class, void *set,
    const struct mw_request *r);

#endif
