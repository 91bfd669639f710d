/*
 * answer: one growing list of fields.
 *
 * Called by around.c, exchange.c, cors.c, gzip.c, session.c, trusted_host.c, https_redirect.c,
 * url.c and by files/ and bindings/. Rarely has an answer more than a dozen fields, so that every
 * search is a walk. Nothing here may be kept longer than the request's arena.
 */
#include "middleware/answer.h"

#include "base/decimal.h"

enum { SPARE = 8 };

static int
room_make(struct mw_answer *a, size_t room)
{
	struct hx_header *grown = arena_alloc(a->arena, room * sizeof(*grown));

	if (grown == NULL)
		return -1;
	if (a->n > 0)
		memcpy(grown, a->fields, a->n * sizeof(*grown));
	a->fields = grown;
	a->room = room;
	return 0;
}

int
mw_answer_init(struct mw_answer *a, struct arena *arena, int status,
    const struct hx_header *fields, size_t n)
{
	*a = (struct mw_answer){ .arena = arena, .status = status };
	if (room_make(a, n + SPARE) < 0)
		return -1;
	if (n > 0)
		memcpy(a->fields, fields, n * sizeof(*fields));
	a->n = n;
	return 0;
}

static int
slice_keep(struct arena *arena, struct slice *s)
{
	char *copy = arena_alloc(arena, s->len);

	if (copy == NULL)
		return -1;
	if (s->len > 0)
		memcpy(copy, s->ptr, s->len);
	s->ptr = copy;
	return 0;
}

int
mw_answer_keep(struct mw_answer *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (slice_keep(a->arena, &a->fields[i].name) < 0 ||
		    slice_keep(a->arena, &a->fields[i].value) < 0)
			return -1;
	return 0;
}

/* The index of the first such field at or behind `from`; a->n when there is none. */
static size_t
find(const struct mw_answer *a, struct slice name, size_t from)
{
	while (from < a->n && !slice_equal(a->fields[from].name, name))
		from++;
	return from;
}

struct slice
mw_answer_get(const struct mw_answer *a, struct slice name)
{
	size_t at = find(a, name, 0);

	return at < a->n ? a->fields[at].value : SLICE_NULL;
}

int
mw_answer_append(struct mw_answer *a, struct slice name, struct slice value)
{
	if (a->n == a->room && room_make(a, a->room * 2) < 0)
		return -1;
	a->fields[a->n++] = (struct hx_header){ name, value };
	return 0;
}

/* Remove every such field at or behind `from`. */
static void
remove_from(struct mw_answer *a, struct slice name, size_t from)
{
	size_t kept = from;

	for (size_t i = from; i < a->n; i++)
		if (!slice_equal(a->fields[i].name, name))
			a->fields[kept++] = a->fields[i];
	a->n = kept;
}

int
mw_answer_set(struct mw_answer *a, struct slice name, struct slice value)
{
	size_t at = find(a, name, 0);

	if (at == a->n)
		return mw_answer_append(a, name, value);
	a->fields[at].value = value;
	remove_from(a, name, at + 1);
	return 0;
}

void
mw_answer_remove(struct mw_answer *a, struct slice name)
{
	remove_from(a, name, find(a, name, 0));
}

int
mw_answer_set_number(struct mw_answer *a, struct slice name, uint64_t number)
{
	char *digits = arena_alloc(a->arena, DECIMAL_MAX);

	if (digits == NULL)
		return -1;
	return mw_answer_set(a, name, (struct slice){ digits, decimal_put(digits, number) });
}

int
mw_answer_vary(struct mw_answer *a, struct slice name, bool first)
{
	const struct slice vary = SLICE_LIT("vary");
	size_t at = find(a, vary, 0), end = first && at < a->n ? at + 1 : a->n, len = name.len;
	char *joined, *p;

	if (at == a->n)
		return mw_answer_append(a, vary, name);
	for (size_t i = at; i < end; i = find(a, vary, i + 1))
		len += a->fields[i].value.len + 2;
	p = joined = arena_alloc(a->arena, len);
	if (joined == NULL)
		return -1;
	for (size_t i = at; i < end; i = find(a, vary, i + 1)) {
		struct slice value = a->fields[i].value;

		if (value.len > 0)
			memcpy(p, value.ptr, value.len);
		p += value.len;
		memcpy(p, ", ", 2);
		p += 2;
	}
	memcpy(p, name.ptr, name.len);
	return mw_answer_set(a, vary, (struct slice){ joined, len });
}

int
mw_answer_plain(struct mw_answer *a, int status, struct slice text)
{
	a->status = status;
	if (mw_answer_set_number(a, SLICE_LIT("content-length"), text.len) < 0)
		return -1;
	return mw_answer_append(a, SLICE_LIT("content-type"),
	    SLICE_LIT("text/plain; charset=utf-8"));
}
