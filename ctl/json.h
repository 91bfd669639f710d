/*
 * json: an answer, read.
 */
#ifndef CTL_JSON_H
#define CTL_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"

enum ctl_kind { CTL_NULL, CTL_TRUTH, CTL_NUMBER, CTL_TEXT, CTL_LIST, CTL_OBJECT };

/* A value, and those that are in it. All of it is the arena's. */
struct ctl_value {
	enum ctl_kind kind;
	const char *name;	/* in an object; else NULL */
	const char *text;	/* of a text, with a NUL behind it; any bytes */
	const char *raw;	/* as it stands, `raw_len` bytes of what was read */
	size_t raw_len;
	double number;		/* of a number; of a truth 0 or 1 */
	struct ctl_value *first, *next;	/* in a list or object; behind this one */
};

/* Read all of `bytes`. NULL: it is no JSON, or nested deeper than 8 values, or there is no memory. */
struct ctl_value *ctl_json_read(struct arena *a, const char *bytes, size_t len) MUST_CHECK;

/* The member of that name; NULL: `v` is NULL, no object, or has none. */
const struct ctl_value *ctl_json_get(const struct ctl_value *v, const char *name);

/* What is in a list or an object; NULL: nothing. */
const struct ctl_value *ctl_json_first(const struct ctl_value *v);

/* A member's text, number or truth; "", 0 and false where it has none. */
const char *ctl_json_text(const struct ctl_value *v, const char *name);
double ctl_json_number(const struct ctl_value *v, const char *name);
bool ctl_json_truth(const struct ctl_value *v, const char *name);

#endif
