/*
 * route: shapes, buckets, templates.
 *
 * Called for every request, without the interpreter, on a table that
 * shm/check has passed. It must not allocate, recurse or write.
 */
#include "shm/route.h"

enum { MAX_TRIES = 100 * 1000 };

unsigned
shm_route_split(struct slice path, struct slice segments[SHM_MAX_SEGMENTS])
{
	const char *p = path.ptr, *end = path.ptr + path.len;
	unsigned n = 0;

	if (path.len == 0 || *p != '/')
		return 0;
	while (p < end) {
		const char *from = p + 1;
		const char *slash = from < end ?
		    memchr(from, '/', (size_t)(end - from)) : NULL;

		if (n == SHM_MAX_SEGMENTS)
			return 0;
		p = slash != NULL ? slash : end;
		segments[n++] = (struct slice){ from, (size_t)(p - from) };
	}
	return n;
}

uint64_t
shm_route_hash(const struct slice *segments, unsigned n, uint64_t literal)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (unsigned i = 0; i < n; i++) {
		if (!((literal >> i) & 1))
			continue;
		for (size_t k = 0; k < segments[i].len; k++)
			h = (h ^ (unsigned char)segments[i].ptr[k]) * 0x100000001b3u;
		h = (h ^ '/') * 0x100000001b3u;
	}
	return h ^ (h >> 32);
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
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

/* How far a parameter reaches at the most, as its greedy expression does.
 * SIZE_MAX: it cannot match here at all. */
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
		n = run_of(p, end, is_digit);
		fraction = n > 0 && p + n < end && p[n] == '.' ?
		    run_of(p + n + 1, end, is_digit) : 0;
		n += fraction > 0 ? fraction + 1 : 0;
		break;
	default:
		n = run_of(p, end, is_digit);
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
	uint32_t n_parts;
	const char *end;
	const char *at[2 * SHM_MAX_PARAMS + 2];
	size_t len[2 * SHM_MAX_PARAMS + 2];
};

/* Place part i at its position with its greatest length. */
static bool
part_place(struct attempt *a, uint32_t i)
{
	const struct shm_part *part = &a->parts[i];
	const char *p = i == 0 ? a->at[0] : a->at[i - 1] + a->len[i - 1];

	a->at[i] = p;
	if (part->kind == SHM_PART_LITERAL) {
		a->len[i] = part->text.len;
		return true;
	}
	a->len[i] = part_longest(part->kind, p, a->end);
	return a->len[i] != SIZE_MAX;
}

static bool
literal_fits(const struct shm_table *t, const struct attempt *a, uint32_t i)
{
	const struct shm_text *text = &a->parts[i].text;

	return (size_t)(a->end - a->at[i]) >= text->len &&
	    memcmp(a->at[i], t->strings + text->offset, text->len) == 0;
}

/* Step back to the last parameter that can be shorter. */
static bool
backtrack(struct attempt *a, uint32_t *i)
{
	while (*i > 0) {
		uint32_t last = --*i;

		if (a->parts[last].kind == SHM_PART_LITERAL)
			continue;
		a->len[last] = part_shorter(a->parts[last].kind, a->at[last], a->len[last]);
		if (a->len[last] != SIZE_MAX) {
			*i = last + 1;
			return true;
		}
	}
	return false;
}

bool
shm_route_template_match(const struct shm_table *t, const struct shm_route *route,
    struct slice path, struct slice *params, unsigned *n_params)
{
	struct attempt a = {
		.parts = t->parts + route->first_part,
		.n_parts = route->n_parts,
		.end = path.ptr + path.len,
	};
	uint32_t i = 0, tries = 0;

	if (a.n_parts > 2 * SHM_MAX_PARAMS + 1)
		return false;
	a.at[0] = path.ptr;
	for (;;) {
		bool ok;

		if (i == a.n_parts) {
			const char *stop = i == 0 ? path.ptr : a.at[i - 1] + a.len[i - 1];

			if (stop == a.end)
				break;
			ok = false;
		} else {
			ok = part_place(&a, i) &&
			    (a.parts[i].kind != SHM_PART_LITERAL || literal_fits(t, &a, i));
		}
		if (ok)
			i++;
		else if (++tries > MAX_TRIES || !backtrack(&a, &i))
			return false;
	}
	*n_params = 0;
	for (i = 0; i < a.n_parts; i++)
		if (a.parts[i].kind != SHM_PART_LITERAL && *n_params < SHM_MAX_PARAMS)
			params[(*n_params)++] = (struct slice){ a.at[i], a.len[i] };
	return true;
}

/* The look-up in hand: the best route so far. */
struct lookup {
	const struct shm_table *t;
	struct slice path;
	uint64_t method;
	uint32_t best;
	struct slice *params;
	unsigned *n_params;
};

static void
candidates_try(struct lookup *l, const struct shm_bucket *bucket)
{
	const struct shm_table *t = l->t;
	struct slice params[SHM_MAX_PARAMS];
	unsigned n;

	for (uint32_t i = 0; i < bucket->n_candidates; i++) {
		uint32_t index = t->candidates[bucket->first_candidate + i];
		const struct shm_route *route = &t->routes[index];

		if (index >= l->best)
			return;
		if (!(route->methods & l->method))
			continue;
		n = 0;
		if (!route->barrier &&
		    !shm_route_template_match(t, route, l->path, params, &n))
			continue;
		l->best = index;
		*l->n_params = n;
		memcpy(l->params, params, n * sizeof(params[0]));
		return;
	}
}

bool
shm_route_match(const struct shm_table *t, unsigned method, struct slice path,
    uint32_t *route, struct slice *params, unsigned *n_params)
{
	struct slice segments[SHM_MAX_SEGMENTS];
	unsigned n = shm_route_split(path, segments);
	struct lookup l = { t, path, UINT64_C(1) << (method & 63), SHM_NONE, params, n_params };

	if (memchr(path.ptr, '\n', path.len) != NULL)
		return false;
	*n_params = 0;
	for (uint32_t i = 0; i < t->n_shapes; i++) {
		const struct shm_shape *shape = &t->shapes[i];
		uint64_t hash;

		/* The text behind a prefix's last '/' is a segment too. */
		if (shape->prefix ? n != 0 && n <= shape->n_segments :
		    n != shape->n_segments || n == 0)
			continue;
		if (n == 0 && shape->n_segments > 0)
			continue;
		hash = shm_route_hash(segments, shape->n_segments, shape->literal);
		candidates_try(&l, &t->buckets[shape->first_bucket +
		    (uint32_t)(hash & (shape->n_buckets - 1))]);
	}
	*route = l.best;
	return l.best != SHM_NONE;
}
