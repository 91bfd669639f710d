/*
 * json: parse within bounds.
 *
 * Called by fastrdctl.c (read, text, truth), show.c and done.c. What answers may be any process: numbers,
 * texts and depth are checked, and memory is a small multiple of what has come.
 */
#include "ctl/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/hex.h"

enum { DEPTH_MAX = 8, NUMBER_BYTES = 40 };

struct reader {
	struct arena *a;
	const char *p, *end;
	int depth;
};

static void
blanks_skip(struct reader *r)
{
	while (r->p < r->end && memchr(" \t\r\n", *r->p, 4) != NULL)
		r->p++;
}

/* Is this what follows? Then it is passed. */
static bool
take(struct reader *r, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(r->end - r->p) < len || memcmp(r->p, word, len) != 0)
		return false;
	r->p += len;
	return true;
}

/* Four hexadecimal digits; -1: there are none. */
static long
unit_read(struct reader *r)
{
	long unit = 0;

	if (r->end - r->p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_value(*r->p++);

		if (digit < 0)
			return -1;
		unit = unit * 16 + digit;
	}
	return unit;
}

/* One character below U+10000 as UTF-8; halves of a pair become U+FFFD each. */
static char *
character_put(char *out, long c)
{
	if (c >= 0xd800 && c <= 0xdfff)
		c = 0xfffd;
	if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
		*out++ = (char)(0x80 | (c & 0x3f));
	} else {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	}
	return out;
}

/* Behind a backslash. NULL: no such escape. */
static char *
escape_read(struct reader *r, char *out)
{
	static const char letters[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
	const char *found;
	long unit;

	if (r->p >= r->end)
		return NULL;
	if (take(r, "u")) {
		unit = unit_read(r);
		return unit < 0 ? NULL : character_put(out, unit);
	}
	found = *r->p != '\0' ? strchr(letters, *r->p++) : NULL;
	if (found == NULL)
		return NULL;
	*out++ = bytes[found - letters];
	return out;
}

/* A string, decoded; NULL: it is none. */
static const char *
string_read(struct reader *r)
{
	const char *close;
	char *text, *out;

	if (!take(r, "\""))
		return NULL;
	for (close = r->p; close < r->end && *close != '"'; close++)
		if (*close == '\\')
			close++;
	if (close >= r->end)
		return NULL;
	/* No escape becomes longer. */
	text = out = arena_alloc(r->a, (size_t)(close - r->p) + 1);
	if (text == NULL)
		return NULL;
	while (r->p < close) {
		if (take(r, "\\")) {
			out = escape_read(r, out);
			if (out == NULL)
				return NULL;
		} else if ((unsigned char)*r->p < ' ') {
			return NULL;
		} else {
			*out++ = *r->p++;
		}
	}
	*out = '\0';
	r->p = close + 1;
	return text;
}

static bool
number_read(struct reader *r, double *number)
{
	char text[NUMBER_BYTES], *end;
	size_t len = 0;

	while (r->p < r->end && len + 1 < sizeof(text) && strchr("+-.0123456789Ee", *r->p) != NULL &&
	    *r->p != '\0')
		text[len++] = *r->p++;
	text[len] = '\0';
	*number = strtod(text, &end);
	return len > 0 && *end == '\0';
}

static struct ctl_value *value_read(struct reader *r);

/* What is between brackets. */
static bool
members_read(struct reader *r, struct ctl_value *of, const char *close)
{
	struct ctl_value **next = &of->first;
	bool is_object = of->kind == CTL_OBJECT;

	blanks_skip(r);
	if (take(r, close))
		return true;
	do {
		const char *name = NULL;

		blanks_skip(r);
		if (is_object) {
			name = string_read(r);
			blanks_skip(r);
			if (name == NULL || !take(r, ":"))
				return false;
		}
		*next = value_read(r);
		if (*next == NULL)
			return false;
		(*next)->name = name;
		next = &(*next)->next;
		blanks_skip(r);
	} while (take(r, ","));
	return take(r, close);
}

static bool
kind_read(struct reader *r, struct ctl_value *v)
{
	if (take(r, "null"))
		return true;
	v->kind = CTL_TRUTH;
	v->number = take(r, "true");
	if (v->number != 0 || take(r, "false"))
		return true;
	v->kind = CTL_OBJECT;
	if (take(r, "{"))
		return members_read(r, v, "}");
	v->kind = CTL_LIST;
	if (take(r, "["))
		return members_read(r, v, "]");
	if (r->p < r->end && *r->p == '"') {
		v->kind = CTL_TEXT;
		v->text = string_read(r);
		return v->text != NULL;
	}
	v->kind = CTL_NUMBER;
	return number_read(r, &v->number);
}

static struct ctl_value *
value_read(struct reader *r)
{
	struct ctl_value *v = arena_alloc(r->a, sizeof(*v));
	bool good;

	blanks_skip(r);
	if (v == NULL || r->depth >= DEPTH_MAX)
		return NULL;
	*v = (struct ctl_value){ .kind = CTL_NULL, .raw = r->p };
	r->depth++;
	good = kind_read(r, v);
	r->depth--;
	v->raw_len = (size_t)(r->p - v->raw);
	return good ? v : NULL;
}

struct ctl_value *
ctl_json_read(struct arena *a, const char *bytes, size_t len)
{
	struct reader r = { .a = a, .p = bytes, .end = bytes + len };
	struct ctl_value *v = value_read(&r);

	blanks_skip(&r);
	return r.p == r.end ? v : NULL;
}

const struct ctl_value *
ctl_json_get(const struct ctl_value *v, const char *name)
{
	const struct ctl_value *member = v != NULL && v->kind == CTL_OBJECT ? v->first : NULL;

	while (member != NULL && strcmp(member->name, name) != 0)
		member = member->next;
	return member;
}

const struct ctl_value *
ctl_json_first(const struct ctl_value *v)
{
	return v != NULL ? v->first : NULL;
}

const char *
ctl_json_text(const struct ctl_value *v, const char *name)
{
	const struct ctl_value *member = ctl_json_get(v, name);

	return member != NULL && member->kind == CTL_TEXT ? member->text : "";
}

double
ctl_json_number(const struct ctl_value *v, const char *name)
{
	const struct ctl_value *member = ctl_json_get(v, name);

	return member != NULL ? member->number : 0;
}

bool
ctl_json_truth(const struct ctl_value *v, const char *name)
{
	return ctl_json_number(v, name) != 0;
}
