/*
 * check: bounds of everything that a table can name.
 *
 * Called by shm/table.c; shm/builder.c takes the checksum. Hostile bytes with a
 * right checksum are refused as well: no addition here can wrap, no index is used
 * before it was compared.
 */
#include "shm/check.h"

#include <stdbool.h>
#include <string.h>
#include <zlib.h>

#include "base/must.h"
#include "shm/bounds.h"
#include "shm/check_plan.h"
#include "shm/key.h"
#include "shm/method.h"
#include "shm/table.h"

uint32_t
shm_check_crc(const void *bytes, size_t size)
{
	static const unsigned char zero[4];
	const unsigned char *p = bytes;
	size_t at = offsetof(struct shm_header, crc);
	uLong crc;

	must(size >= sizeof(struct shm_header));
	crc = crc32(0L, p, (uInt)at);
	crc = crc32(crc, zero, sizeof(zero));
	p += at + sizeof(zero);
	size -= at + sizeof(zero);
	while (size > 0) {
		uInt piece = size > (1u << 30) ? (1u << 30) : (uInt)size;

		crc = crc32(crc, p, piece);
		p += piece;
		size -= piece;
	}
	return (uint32_t)crc;
}

/* The sections follow each other in order, with zeros up to the next alignment:
 * every byte belongs to exactly one. */
static const char *
sections_check(const char *bytes, size_t size)
{
	const struct shm_header *h = (const struct shm_header *)bytes;
	uint64_t at = sizeof(*h);

	for (int i = 0; i < SHM_SECTION_COUNT; i++) {
		const struct shm_section *s = &h->sections[i];
		uint64_t record = shm_layout_record_size((enum shm_section_id)i);

		if (s->offset != at || s->count > UINT32_MAX - 1 ||
		    s->count > (size - at) / record)
			return "section out of bounds";
		at += s->count * record;
		for (; at % SHM_ALIGN != 0; at++)
			if (at >= size || bytes[at] != 0)
				return "padding is not zero";
	}
	return at == size ? NULL : "bytes behind the last section";
}

const char *
shm_check_frame(const void *bytes, size_t size)
{
	const struct shm_header *h = bytes;

	if (size < sizeof(*h) || ((uintptr_t)bytes & (SHM_ALIGN - 1)) != 0)
		return "too short, or not aligned";
	if (memcmp(h->magic, SHM_MAGIC, sizeof(h->magic)) != 0)
		return "no route table";
	if (h->version != SHM_VERSION)
		return "another version of the layout";
	if (h->size != size)
		return "size does not fit";
	if (h->crc != shm_check_crc(bytes, size))
		return "checksum does not fit";
	if (h->reserved != 0)
		return "reserved field is set";
	return sections_check(bytes, size);
}

static bool
text_ok(const struct shm_table *t, struct shm_text s)
{
	return shm_bounds_text(t, s.offset, s.len);
}

/* Has the route a template with no more parameters than a request has room for?
 * *n_params is their number. */
static bool
template_ok(const struct shm_table *t, const struct shm_route *r, uint32_t *n_params)
{
	*n_params = 0;
	if (!shm_bounds_range(r->first_part, r->n_parts, t->n_parts) ||
	    r->n_parts > SHM_MAX_PARTS)
		return false;
	for (uint32_t i = 0; i < r->n_parts; i++)
		*n_params += t->parts[r->first_part + i].kind != SHM_PART_LITERAL;
	return *n_params <= SHM_MAX_PARAMS;
}

static const char *
route_check(const struct shm_table *t, const struct shm_route *r)
{
	uint32_t n_params;

	if (!text_ok(t, r->path) || !text_ok(t, r->name) || !text_ok(t, r->reason))
		return "a route's text is out of bounds";
	if (!template_ok(t, r, &n_params))
		return "a route's parts are out of bounds";
	if (r->barrier > 1 || (r->barrier == 1 && r->plan != SHM_NONE))
		return "a route's kind is unknown";
	if (r->plan == SHM_NONE)
		return NULL;
	if (r->plan >= t->n_plans)
		return "a route's plan is out of bounds";
	if (!!(t->plans[r->plan].flags & SHM_PLAN_F_WEBSOCKET) !=
	    (r->methods == UINT64_C(1) << SHM_METHOD_WEBSOCKET))
		return "a plan for WebSockets is another route's";
	return shm_check_plan(t, &t->plans[r->plan], n_params);
}

/* Parts first: route_check() reads their kinds. The plans have been checked
 * (plans_check()); each route checks its own again, because only the route knows
 * how many path parameters there are. */
static const char *
routes_check(const struct shm_table *t)
{
	const char *why = NULL;
	uint32_t part = 0;

	for (uint32_t i = 0; i < t->n_parts; i++)
		if (t->parts[i].kind >= SHM_PART_COUNT || !text_ok(t, t->parts[i].text) ||
		    (t->parts[i].kind == SHM_PART_LITERAL && t->parts[i].text.len == 0))
			return "a template part is wrong";
	for (uint32_t i = 0; i < t->n_meta; i++)
		if (!text_ok(t, t->meta[i].key) || !text_ok(t, t->meta[i].value))
			return "a meta text is out of bounds";
	for (uint32_t i = 0; why == NULL && i < t->n_routes; i++) {
		why = route_check(t, &t->routes[i]);
		if (why == NULL && t->routes[i].first_part != part)
			why = "a template part belongs to no route, or to two";
		part += t->routes[i].n_parts;
	}
	if (why == NULL && part != t->n_parts)
		why = "a template part belongs to no route, or to two";
	return why;
}

/* The shapes are in order, and their buckets lie one behind the other. */
static const char *
shapes_check(const struct shm_table *t)
{
	uint64_t buckets = 0;

	for (uint32_t i = 0; i < t->n_shapes; i++) {
		const struct shm_shape *s = &t->shapes[i], *last = s - 1;

		if (s->prefix > 1 || s->n_segments > SHM_MAX_SEGMENTS || s->n_buckets == 0 ||
		    (s->n_segments < SHM_MAX_SEGMENTS && s->literal >> s->n_segments != 0) ||
		    (s->n_buckets & (s->n_buckets - 1)) != 0 || s->first_bucket != buckets)
			return "a shape is wrong";
		if (i > 0 && (last->prefix > s->prefix || (last->prefix == s->prefix &&
		    (last->n_segments > s->n_segments ||
		    (last->n_segments == s->n_segments && last->literal >= s->literal)))))
			return "the shapes are not in order";
		buckets += s->n_buckets;
	}
	return buckets == t->n_buckets ? NULL : "a bucket belongs to no shape";
}

/* Each span names the shapes of its number of segments, and every shape is in one. */
static const char *
spans_check(const struct shm_table *t)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < SHM_SPAN_COUNT; i++) {
		const struct shm_span *span = &t->spans[i];

		if (!shm_bounds_range(span->first_shape, span->n_shapes, t->n_shapes))
			return "a span is out of bounds";
		n += span->n_shapes;
		for (uint32_t k = 0; k < span->n_shapes; k++) {
			const struct shm_shape *s = &t->shapes[span->first_shape + k];

			if (s->prefix ? i != SHM_SPAN_PREFIX : s->n_segments != i)
				return "a shape is in the wrong span";
		}
	}
	/* A shape fits one span only, so none is counted twice: the sum shows that
	 * none is missing. */
	return n == t->n_shapes ? NULL : "a shape is in no span";
}

/* Does the candidate name a route, and is this bucket the route's own? */
static bool
candidate_ok(const struct shm_table *t, const struct shm_shape *s, uint32_t bucket,
    const struct shm_candidate *c)
{
	const struct shm_route *r;
	struct shm_key key;
	uint64_t hash;

	if (c->route >= t->n_routes)
		return false;
	r = &t->routes[c->route];
	shm_key_of_template(t->parts + r->first_part, r->n_parts, t->strings,
	    r->barrier != 0, &key);
	hash = shm_key_hash(&key, key.literal);
	return key.literal == s->literal && key.n_segments == s->n_segments &&
	    key.prefix == s->prefix && c->tag == (uint32_t)(hash >> 32) &&
	    ((uint32_t)hash & (s->n_buckets - 1)) == bucket;
}

/* Every route is in its own bucket, in order of declaration. There are as many
 * candidates as routes and none comes twice, so none is missing. */
static const char *
candidates_check(const struct shm_table *t)
{
	uint32_t at = 0;

	if (t->n_candidates != t->n_routes)
		return "a route is not in the index";
	for (uint32_t i = 0; i < t->n_shapes; i++) {
		const struct shm_shape *s = &t->shapes[i];

		for (uint32_t b = 0; b < s->n_buckets; b++) {
			const struct shm_bucket *bucket = &t->buckets[s->first_bucket + b];

			if (bucket->first_candidate != at ||
			    bucket->n_candidates > t->n_candidates - at)
				return "a bucket is out of bounds";
			for (uint32_t k = 0; k < bucket->n_candidates; k++, at++)
				if (!candidate_ok(t, s, b, &t->candidates[at]) || (k > 0 &&
				    t->candidates[at - 1].route >= t->candidates[at].route))
					return "a route is filed in the wrong place";
		}
	}
	return at == t->n_candidates ? NULL : "a route is in no bucket";
}

static const char *
index_check(const struct shm_table *t)
{
	const char *why = NULL;

	if (t->header->sections[SHM_SPANS].count != SHM_SPAN_COUNT)
		return "the index has the wrong size";
	why = shapes_check(t);
	if (why == NULL)
		why = spans_check(t);
	if (why == NULL)
		why = candidates_check(t);
	return why;
}

/* Every step belongs to exactly one plan. How many path parameters the route has
 * is not known here: allow all. */
static const char *
plans_check(const struct shm_table *t)
{
	uint64_t step = 0;

	for (uint32_t i = 0; i < t->n_plans; i++) {
		const char *why = shm_check_plan(t, &t->plans[i], SHM_MAX_PARAMS);

		if (why != NULL)
			return why;
		if (t->plans[i].first_step != step)
			return "a step belongs to no plan, or to two";
		step += t->plans[i].n_steps;
	}
	return step == t->n_steps ? NULL : "a step belongs to no plan, or to two";
}

const char *
shm_check_records(const struct shm_table *t)
{
	const char *why = plans_check(t);

	if (why == NULL)
		why = routes_check(t);
	if (why == NULL)
		why = index_check(t);
	return why;
}
