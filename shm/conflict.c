/*
 * conflict: does one template cover another?
 *
 * Called by bindings/table/read_back.c, never while serving. Candidates come from
 * the index: a template that covers another has the same text in its own literal
 * segments. Only what can be shown is a conflict: templates that overlap, or that
 * cover each other in a way these comparisons do not see, are none.
 */
#include "shm/conflict.h"

#include "shm/key.h"
#include "shm/template.h"

/* A place in a template: a part, and a byte within it if it is a literal. */
struct cursor {
	const struct shm_table *t;
	const struct shm_part *part, *end;
	uint32_t byte;
};

static struct cursor
cursor_of(const struct shm_table *t, const struct shm_route *r)
{
	const struct shm_part *first = t->parts + r->first_part;

	return (struct cursor){ t, first, first + r->n_parts, 0 };
}

/* The rest of the literal at the cursor; empty when a parameter is there. */
static struct slice
literal_rest(const struct cursor *c)
{
	struct slice text;

	if (c->part == c->end || c->part->kind != SHM_PART_LITERAL)
		return SLICE_NULL;
	text = shm_table_text(c->t, c->part->text);
	return (struct slice){ text.ptr + c->byte, text.len - c->byte };
}

static void
literal_skip(struct cursor *c, size_t n)
{
	c->byte += (uint32_t)n;
	if (c->byte == c->part->text.len) {
		c->part++;
		c->byte = 0;
	}
}

/* Does every text of parameter kind `b` match kind `a`? */
static bool
kind_covers(uint32_t a, uint32_t b)
{
	if (a == b)
		return true;
	return a == SHM_PART_FLOAT && b == SHM_PART_INT;
}

/* Does a segment end at the cursor, by a '/' or with the template? */
static bool
segment_over(const struct cursor *c)
{
	struct slice rest = literal_rest(c);

	return c->part == c->end || (rest.len > 0 && rest.ptr[0] == '/');
}

/* The pieces of a template (parameters, literals) up to the end of the segment. */
struct segment {
	unsigned n_pieces;
	uint32_t kind;		/* of the last piece */
	struct slice text;	/* the last literal piece's */
	bool open;		/* a piece may hold a '/' */
};

/* Move the cursor to the end of the segment. */
static struct segment
segment_take(struct cursor *c)
{
	struct segment s = { .n_pieces = 0 };

	for (; !segment_over(c); s.n_pieces++) {
		struct slice rest = literal_rest(c);
		const char *slash = rest.len > 0 ? memchr(rest.ptr, '/', rest.len) : NULL;

		s.kind = c->part->kind;
		s.open |= s.kind == SHM_PART_PATH;
		if (s.kind != SHM_PART_LITERAL) {
			c->part++;
			continue;
		}
		s.text = rest;
		if (slash != NULL)
			s.text.len = (size_t)(slash - rest.ptr);
		literal_skip(c, s.text.len);
	}
	return s;
}

/* Does a parameter of this kind match every text that the pieces can match? */
static bool
segment_covered(uint32_t kind, const struct segment *s)
{
	struct shm_part one = { .kind = kind };
	struct slice params[1];
	unsigned n;

	if (kind == SHM_PART_STR)
		return s->n_pieces > 0 && !s->open;	/* every piece matches some text */
	if (s->n_pieces != 1)
		return false;
	if (s->kind != SHM_PART_LITERAL)
		return kind_covers(kind, s->kind);
	return shm_template_match(&one, 1, NULL, s->text, params, &n) == SHM_YES;
}

/* `a` is at a parameter. Move `a` behind it, and `b` behind what it covers. False:
 * it does not cover what is there. */
static bool
param_covers(struct cursor *a, struct cursor *b)
{
	uint32_t kind = a->part->kind;

	a->part++;
	if (kind == SHM_PART_PATH && a->part == a->end) {
		b->part = b->end;
		return true;
	}
	if (kind != SHM_PART_PATH && segment_over(a)) {
		struct segment s = segment_take(b);

		return segment_covered(kind, &s);
	}
	/* More follows in the segment: only the same kind of parameter is known to
	 * take the same text. */
	if (b->part == b->end || b->part->kind != kind)
		return false;
	b->part++;
	return true;
}

/* Does template `ra` match every path that `rb` matches? False also when that
 * cannot be shown. */
static bool
covers(const struct shm_table *t, const struct shm_route *ra, const struct shm_route *rb)
{
	struct cursor a = cursor_of(t, ra), b = cursor_of(t, rb);

	while (a.part != a.end) {
		struct slice x = literal_rest(&a), y;
		size_t n;

		if (x.len == 0) {
			if (!param_covers(&a, &b))
				return false;
			continue;
		}
		y = literal_rest(&b);
		n = x.len < y.len ? x.len : y.len;
		if (n == 0 || memcmp(x.ptr, y.ptr, n) != 0)
			return false;
		literal_skip(&a, n);
		literal_skip(&b, n);
	}
	return b.part == b.end;
}

/* The search for what shadows one route. */
struct search {
	const struct shm_table *t;
	const struct shm_route *route;
	struct shm_key key;
	struct shm_conflict best;
};

static void
bucket_search(struct search *s, const struct shm_bucket *bucket)
{
	for (uint32_t i = 0; i < bucket->n_candidates; i++) {
		uint32_t by = s->t->candidates[bucket->first_candidate + i].route;
		const struct shm_route *r = &s->t->routes[by];
		uint64_t methods = r->methods & s->route->methods;
		bool whole = methods == s->route->methods;

		if (by >= s->best.route)
			return;
		if (r->barrier || methods == 0 || whole < s->best.whole ||
		    (whole == s->best.whole && by >= s->best.by))
			continue;
		if (!covers(s->t, r, s->route))
			continue;
		s->best.by = by;
		s->best.methods = methods;
		s->best.whole = whole;
		s->best.same = covers(s->t, s->route, r);
	}
}

static void
span_search(struct search *s, uint32_t span)
{
	const struct shm_shape *shape = s->t->shapes + s->t->spans[span].first_shape;

	for (uint32_t i = 0; i < s->t->spans[span].n_shapes; i++, shape++) {
		uint64_t hash;

		/* Where the other template is literal, this one must be literal too. */
		if ((shape->literal & ~s->key.literal) != 0 ||
		    shape->n_segments > s->key.n_segments)
			continue;
		hash = shm_key_hash(&s->key, shape->literal);
		bucket_search(s, &s->t->buckets[shape->first_bucket +
		    ((uint32_t)hash & (shape->n_buckets - 1))]);
	}
}

void
shm_conflict_each(const struct shm_table *t, shm_conflict_f *found, void *arg)
{
	for (uint32_t i = 0; i < t->n_routes; i++) {
		const struct shm_route *r = &t->routes[i];
		struct search s = { .t = t, .route = r,
		    .best = { .route = i, .by = SHM_NONE } };

		if (r->barrier || r->methods == 0)
			continue;
		shm_key_of_template(t->parts + r->first_part, r->n_parts, t->strings, false,
		    &s.key);
		if (!s.key.prefix)
			span_search(&s, s.key.n_segments);
		span_search(&s, SHM_SPAN_PREFIX);
		if (s.best.by != SHM_NONE)
			found(arg, &s.best);
	}
}
