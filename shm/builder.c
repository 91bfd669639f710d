/*
 * builder: sections as growing arrays, the look-up index, the final layout.
 *
 * Called by bindings/table/build.c. Every byte is zeroed before it is filled, so the
 * gaps between sections never differ.
 */
#include "shm/builder.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "shm/check.h"
#include "shm/index.h"

_Static_assert(SHM_MAX_PARAMS == 16, "the number is in a message below");

struct section {
	char *bytes;
	size_t count, cap;	/* records */
};

struct shm_builder {
	struct section sections[SHM_SECTION_COUNT];
	size_t plan_steps;	/* steps that belong to finished plans */
};

struct shm_builder *
shm_builder_new(void)
{
	struct shm_builder *b = calloc(1, sizeof(*b));

	return b;
}

void
shm_builder_free(struct shm_builder *b)
{
	if (b == NULL)
		return;
	for (int i = 0; i < SHM_SECTION_COUNT; i++)
		free(b->sections[i].bytes);
	free(b);
}

/* Add n zeroed records; returns the first of them. NULL: out of memory. */
static void *
grow(struct shm_builder *b, enum shm_section_id id, size_t n)
{
	struct section *s = &b->sections[id];
	size_t size = shm_layout_record_size(id), want = s->count + n;
	void *first;

	if (want > UINT32_MAX - 2)
		return NULL;
	if (want > s->cap || s->bytes == NULL) {
		size_t cap = s->cap * 2 > want ? s->cap * 2 : want + 64;
		char *bytes = realloc(s->bytes, cap * size);

		if (bytes == NULL)
			return NULL;
		s->bytes = bytes;
		s->cap = cap;
	}
	first = s->bytes + s->count * size;
	memset(first, 0, n * size);
	s->count = want;
	return first;
}

static int
add_text(struct shm_builder *b, struct slice s, struct shm_text *out)
{
	struct section *strings = &b->sections[SHM_STRINGS];
	size_t at = strings->count;
	char *p = grow(b, SHM_STRINGS, s.len + 1);

	if (p == NULL)
		return -1;
	if (s.len > 0)
		memcpy(p, s.ptr, s.len);
	*out = (struct shm_text){ (uint32_t)at, (uint32_t)s.len };
	return 0;
}

int
shm_builder_meta(struct shm_builder *b, struct slice key, struct slice value)
{
	struct shm_meta meta, *record;

	if (add_text(b, key, &meta.key) < 0 || add_text(b, value, &meta.value) < 0)
		return -1;
	record = grow(b, SHM_META, 1);
	if (record == NULL)
		return -1;
	*record = meta;
	return 0;
}

/* An empty literal: the template matches the same paths without it. */
static bool
part_empty(const struct shm_part_spec *part)
{
	return part->kind == SHM_PART_LITERAL && part->text.len == 0;
}

/* The route's record, without its texts. A request has room for SHM_MAX_PARAMS
 * parameters. A route with more becomes a barrier: the application decides about
 * every path that this route, or one behind it, might match. */
static struct shm_route
route_record(const struct shm_route_spec *spec)
{
	struct shm_route r = { .methods = spec->methods, .plan = spec->plan,
	    .barrier = spec->barrier };
	size_t n_params = 0;

	for (size_t i = 0; i < spec->n_parts; i++) {
		n_params += spec->parts[i].kind != SHM_PART_LITERAL;
		r.n_parts += !part_empty(&spec->parts[i]);
	}
	if (n_params > SHM_MAX_PARAMS || r.n_parts > SHM_MAX_PARTS)
		r = (struct shm_route){ .methods = UINT64_MAX, .plan = SHM_NONE, .barrier = 1 };
	return r;
}

static int
parts_add(struct shm_builder *b, const struct shm_route_spec *spec)
{
	for (size_t i = 0; i < spec->n_parts; i++) {
		struct shm_part part = { .kind = spec->parts[i].kind }, *record;

		if (part_empty(&spec->parts[i]))
			continue;
		if (add_text(b, spec->parts[i].text, &part.text) < 0 ||
		    (record = grow(b, SHM_PARTS, 1)) == NULL)
			return -1;
		*record = part;
	}
	return 0;
}

int
shm_builder_route(struct shm_builder *b, const struct shm_route_spec *spec)
{
	struct shm_route r = route_record(spec), *record;
	struct slice reason = r.barrier && !spec->barrier ?
	    SLICE_LIT("more than 16 path parameters") : spec->reason;

	r.first_part = (uint32_t)b->sections[SHM_PARTS].count;
	if (add_text(b, spec->path, &r.path) < 0 || add_text(b, spec->name, &r.name) < 0 ||
	    add_text(b, reason, &r.reason) < 0 || (r.n_parts > 0 && parts_add(b, spec) < 0))
		return -1;
	record = grow(b, SHM_ROUTES, 1);
	if (record == NULL)
		return -1;
	*record = r;
	return 0;
}

int
shm_builder_step(struct shm_builder *b, const struct shm_step_spec *spec)
{
	struct shm_step step = spec->step, *record;
	struct shm_text name;
	uint32_t *args;

	if (add_text(b, spec->name, &name) < 0)
		return -1;
	step.name = name.offset;
	step.name_len = name.len;
	if (shm_plan_step_has_args(&step)) {
		step.first = (uint32_t)b->sections[SHM_ARGS].count;
		step.count = (uint32_t)spec->n_args;
		args = grow(b, SHM_ARGS, spec->n_args);
		if (args == NULL)
			return -1;
		if (spec->n_args > 0)
			memcpy(args, spec->args, spec->n_args * sizeof(*args));
	}
	record = grow(b, SHM_STEPS, 1);
	if (record == NULL)
		return -1;
	*record = step;
	return 0;
}

int
shm_builder_plan(struct shm_builder *b, const struct shm_plan *plan)
{
	struct shm_plan *record = grow(b, SHM_PLANS, 1);
	size_t steps = b->sections[SHM_STEPS].count;

	if (record == NULL)
		return -1;
	*record = *plan;
	record->first_step = (uint32_t)b->plan_steps;
	record->n_steps = (uint32_t)(steps - b->plan_steps);
	b->plan_steps = steps;
	return 0;
}

/* Fill a section with copies of n finished records. */
static int
section_put(struct shm_builder *b, enum shm_section_id id, const void *records, size_t n)
{
	void *to;

	b->sections[id].count = 0;
	to = grow(b, id, n);
	if (to == NULL)
		return -1;
	if (n > 0)
		memcpy(to, records, n * shm_layout_record_size(id));
	return 0;
}

static int
index_put(struct shm_builder *b)
{
	struct section *routes = &b->sections[SHM_ROUTES];
	struct shm_index x;
	int rc;

	must(b->plan_steps == b->sections[SHM_STEPS].count);
	if (shm_index_init(&x, (struct shm_route *)routes->bytes, routes->count,
	    (struct shm_part *)b->sections[SHM_PARTS].bytes,
	    b->sections[SHM_STRINGS].bytes) < 0)
		return -1;
	rc = section_put(b, SHM_SPANS, x.spans, SHM_SPAN_COUNT);
	if (rc == 0)
		rc = section_put(b, SHM_SHAPES, x.shapes, x.n_shapes);
	if (rc == 0)
		rc = section_put(b, SHM_BUCKETS, x.buckets, x.n_buckets);
	if (rc == 0)
		rc = section_put(b, SHM_CANDIDATES, x.candidates, x.n_candidates);
	shm_index_fini(&x);
	return rc;
}

static uint64_t
aligned(uint64_t n)
{
	return (n + SHM_ALIGN - 1) & ~(uint64_t)(SHM_ALIGN - 1);
}

int
shm_builder_finish(struct shm_builder *b, uint32_t n_objects, size_t limit, void **bytes,
    size_t *size)
{
	struct shm_header h = { .version = SHM_VERSION, .n_objects = n_objects };
	uint64_t at = sizeof(h);
	char *out;

	if (index_put(b) < 0)
		return -1;
	for (int i = 0; i < SHM_SECTION_COUNT; i++) {
		h.sections[i] = (struct shm_section){ at, b->sections[i].count };
		at += aligned(b->sections[i].count * shm_layout_record_size((enum shm_section_id)i));
	}
	*size = h.size = at;
	if (at > limit)
		return -2;
	out = calloc(1, at);
	if (out == NULL)
		return -1;
	memcpy(h.magic, SHM_MAGIC, sizeof(h.magic));
	memcpy(out, &h, sizeof(h));
	for (int i = 0; i < SHM_SECTION_COUNT; i++)
		if (b->sections[i].count > 0)
			memcpy(out + h.sections[i].offset, b->sections[i].bytes,
			    b->sections[i].count * shm_layout_record_size((enum shm_section_id)i));
	((struct shm_header *)out)->crc = shm_check_crc(out, at);
	*bytes = out;
	return 0;
}
