/*
 * template: the five convertors, tried longest first, with backtracking.
 *
 * Called by shm/route.c for each candidate and by shm/conflict.c. A client may
 * send a path that needs very many attempts: MAX_TRIES bounds them. It must not
 * allocate, recurse or write to the table.
 */
#include "shm/template.h"

#include <stdbool.h>

#include "base/decimal.h"
#include "base/hex.h"
#include "base/must.h"

/* Far more than any sensible path needs, some 20 us at the most. */
enum { MAX_TRIES = 4096 };

static bool
is_hex(char c)
{
	return hex_value(c) >= 0;
}

static size_t
run_of(const char *p, const char *end, bool (*is)(char))
{
	const char *from = p;

	while (p < end && is(*p))
		p++;
	return (size_t)(p - from);
}

static size_t
uuid_len(const char *p, const char *end)
{
	static const size_t groups[] = { 8, 4, 4, 4, 12 };
	const char *from = p;

	for (unsigned g = 0; g < 5; g++) {
		if (g > 0 && p < end && *p == '-')
			p++;
		if ((size_t)(end - p) < groups[g] ||
		    run_of(p, p + groups[g], is_hex) != groups[g])
			return 0;
		p += groups[g];
	}
	return (size_t)(p - from);
}

/* The greatest length of the parameter at `p`, which its greedy expression tries
 * first. SIZE_MAX: it cannot match here. */
static size_t
part_longest(uint32_t kind, const char *p, const char *end)
{
	const char *slash;
	size_t n, fraction;

	switch (kind) {
	case SHM_PART_PATH:
		return (size_t)(end - p);
	case SHM_PART_STR:
		slash = p < end ? memchr(p, '/', (size_t)(end - p)) : NULL;
		n = (size_t)((slash != NULL ? slash : end) - p);
		break;
	case SHM_PART_UUID:
		n = uuid_len(p, end);
		break;
	case SHM_PART_FLOAT:
		n = run_of(p, end, decimal_digit);
		fraction = n > 0 && p + n < end && p[n] == '.' ?
		    run_of(p + n + 1, end, decimal_digit) : 0;
		n += fraction > 0 ? fraction + 1 : 0;
		break;
	default:
		n = run_of(p, end, decimal_digit);
		break;
	}
	return n > 0 ? n : SIZE_MAX;
}

/* The next shorter length the expression would try. SIZE_MAX: none. */
static size_t
part_shorter(uint32_t kind, const char *p, size_t len)
{
	if (kind == SHM_PART_UUID || len == 0 || (len == 1 && kind != SHM_PART_PATH))
		return SIZE_MAX;
	len--;
	if (kind == SHM_PART_STR || kind == SHM_PART_PATH) {
		/* Not inside a character: the expression works on text. */
		while (len > 0 && ((unsigned char)p[len] & 0xC0) == 0x80)
			len--;
		return len == 0 && kind == SHM_PART_STR ? SIZE_MAX : len;
	}
	if (kind == SHM_PART_FLOAT && p[len - 1] == '.')
		len--;
	return len;
}

/* A template being compared: where each part stands. */
struct attempt {
	const struct shm_part *parts;
	const char *strings;
	const char *end;
	const char *at[SHM_MAX_PARTS + 1];
	size_t len[SHM_MAX_PARTS];
};

/* Put part i at its place with its greatest length. False: it does not fit. */
static bool
part_place(struct attempt *a, uint32_t i)
{
	const struct shm_part *part = &a->parts[i];
	const char *p = a->at[i];

	if (part->kind == SHM_PART_LITERAL) {
		a->len[i] = part->text.len;
		return (size_t)(a->end - p) >= part->text.len &&
		    memcmp(p, a->strings + part->text.offset, part->text.len) == 0;
	}
	a->len[i] = part_longest(part->kind, p, a->end);
	return a->len[i] != SIZE_MAX;
}

/* Part *i does not fit at its place. Make the nearest parameter before it shorter that can
 * be, and set *i to the part behind that parameter, which is to be placed next. False: no
 * parameter can be shorter, so the template does not match. */
static bool
backtrack(struct attempt *a, uint32_t *i)
{
	while (*i > 0) {
		uint32_t last = --*i;

		if (a->parts[last].kind == SHM_PART_LITERAL)
			continue;
		a->len[last] = part_shorter(a->parts[last].kind, a->at[last], a->len[last]);
		if (a->len[last] == SIZE_MAX)
			continue;
		a->at[last + 1] = a->at[last] + a->len[last];
		*i = last + 1;
		return true;
	}
	return false;
}

enum shm_verdict
shm_template_match(const struct shm_part *parts, uint32_t n_parts, const char *strings,
    struct slice path, struct slice *params, unsigned *n_params)
{
	struct attempt a;
	uint32_t i = 0, tries = 0;
	unsigned n = 0;

	must(n_parts <= SHM_MAX_PARTS);
	a.parts = parts;
	a.strings = strings;
	a.end = path.ptr + path.len;
	a.at[0] = path.ptr;
	while (i < n_parts || a.at[i] != a.end) {
		if (i < n_parts && part_place(&a, i)) {
			a.at[i + 1] = a.at[i] + a.len[i];
			i++;
			continue;
		}
		if (!backtrack(&a, &i))
			return SHM_NO;
		if (++tries > MAX_TRIES)
			return SHM_UNSURE;
	}
	for (i = 0; i < n_parts; i++)
		if (parts[i].kind != SHM_PART_LITERAL)
			params[n++] = (struct slice){ a.at[i], a.len[i] };
	*n_params = n;
	return SHM_YES;
}
