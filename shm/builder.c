/*
 * builder: sections as growing arrays, the look-up index, the final layout.
 *
 * Called by bindings/table.c. Every record is zeroed before it is filled, so
 * padding never differs.
 */
#include "shm/builder.h"

#include <stdbool.h>
#include <stdlib.h>

#include "shm/check.h"
#include "shm/route.h"

struct section {
	char *bytes;
	size_t count, cap;	/* records */
};

/* A shape while it is collected: which routes it holds. */
struct shape {
	struct shm_shape record;
	uint32_t *routes;
	uint64_t *hashes;
	size_t n, cap;
};

struct shm_builder {
	struct section sections[SHM_SECTION_COUNT];
	size_t plan_steps;	/* steps that belong to finished plans */
	struct shape *shapes;
	size_t n_shapes;
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
	for (size_t i = 0; i < b->n_shapes; i++) {
		free(b->shapes[i].routes);
		free(b->shapes[i].hashes);
	}
	free(b->shapes);
	free(b);
}

/* Room for n more zeroed records; the first of them. NULL: out of memory. */
static void *
grow(struct shm_builder *b, enum shm_section_id id, size_t n)
{
	struct section *s = &b->sections[id];
	size_t size = shm_record_size(id), want = s->count + n;
	void *first;

	if (want > UINT32_MAX - 2)
		return NULL;
	if (want > s->cap) {
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

static struct shape *
shape_get(struct shm_builder *b, const struct shm_shape *want)
{
	struct shape *all, *s;

	for (size_t i = 0; i < b->n_shapes; i++) {
		s = &b->shapes[i];
		if (s->record.literal == want->literal && s->record.prefix == want->prefix &&
		    s->record.n_segments == want->n_segments)
			return s;
	}
	all = realloc(b->shapes, (b->n_shapes + 1) * sizeof(*all));
	if (all == NULL)
		return NULL;
	b->shapes = all;
	s = &all[b->n_shapes++];
	memset(s, 0, sizeof(*s));
	s->record = *want;
	return s;
}

static int
shape_add(struct shape *s, uint32_t route, uint64_t hash)
{
	if (s->n == s->cap) {
		size_t cap = s->cap == 0 ? 16 : s->cap * 2;
		uint32_t *routes = realloc(s->routes, cap * sizeof(*routes));
		uint64_t *hashes;

		if (routes == NULL)
			return -1;
		s->routes = routes;
		hashes = realloc(s->hashes, cap * sizeof(*hashes));
		if (hashes == NULL)
			return -1;
		s->hashes = hashes;
		s->cap = cap;
	}
	s->routes[s->n] = route;
	s->hashes[s->n++] = hash;
	return 0;
}

/* The template's leading text up to its first parameter. */
static struct slice
leading_text(const struct shm_route_spec *spec)
{
	if (spec->n_parts == 0 || spec->parts[0].kind != SHM_PART_LITERAL)
		return SLICE_NULL;
	return spec->parts[0].text;
}

/* Is every segment wholly literal or wholly one parameter that stays within a
 * segment? Then fill the shape and the literal segments. */
static bool
regular(const struct shm_route_spec *spec, struct shm_shape *shape,
    struct slice segments[SHM_MAX_SEGMENTS])
{
	unsigned n = 0;
	bool open = false;	/* a literal segment may go on */

	*shape = (struct shm_shape){ 0 };
	for (size_t i = 0; i < spec->n_parts; i++) {
		const struct shm_part_spec *part = &spec->parts[i];
		const char *p = part->text.ptr, *end = p + part->text.len;

		if (part->kind == SHM_PART_PATH)
			return false;
		if (part->kind != SHM_PART_LITERAL) {
			if (!open || segments[n - 1].len > 0)
				return false;
			shape->literal &= ~(UINT64_C(1) << (n - 1));
			open = false;
			continue;
		}
		while (p < end) {
			const char *from = p;

			if (*p != '/') {
				if (!open)
					return false;
				p = memchr(p, '/', (size_t)(end - p));
				p = p != NULL ? p : end;
				segments[n - 1] = (struct slice){ from, (size_t)(p - from) };
				continue;
			}
			if (n == SHM_MAX_SEGMENTS)
				return false;
			shape->literal |= UINT64_C(1) << n;
			segments[n++] = (struct slice){ ++p, 0 };
			open = true;
		}
	}
	shape->n_segments = n;
	return n > 0;
}

/* File a route for the look-up. */
static int
index_route(struct shm_builder *b, uint32_t route, const struct shm_route_spec *spec)
{
	struct slice segments[SHM_MAX_SEGMENTS];
	struct shm_shape want;
	struct shape *s;

	if (spec->barrier || !regular(spec, &want, segments)) {
		struct slice text = leading_text(spec);
		unsigned n = spec->barrier ? 0 : shm_route_split(text, segments);

		/* Only segments that are closed by a '/' are certain. */
		n = n > 0 ? n - 1 : 0;
		want = (struct shm_shape){ .n_segments = n, .prefix = 1,
		    .literal = n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1 };
	}
	s = shape_get(b, &want);
	if (s == NULL)
		return -1;
	return shape_add(s, route, shm_route_hash(segments, want.n_segments, want.literal));
}

int
shm_builder_route(struct shm_builder *b, const struct shm_route_spec *spec)
{
	size_t index = b->sections[SHM_ROUTES].count;
	size_t first = b->sections[SHM_PARTS].count;
	struct shm_route r = {
		.methods = spec->methods,
		.plan = spec->plan,
		.first_part = (uint32_t)first,
		.n_parts = (uint32_t)spec->n_parts,
		.barrier = spec->barrier,
	}, *record;

	if (add_text(b, spec->path, &r.path) < 0 || add_text(b, spec->name, &r.name) < 0 ||
	    add_text(b, spec->reason, &r.reason) < 0)
		return -1;
	for (size_t i = 0; i < spec->n_parts; i++) {
		struct shm_part part = { .kind = spec->parts[i].kind }, *p;

		if (add_text(b, spec->parts[i].text, &part.text) < 0 ||
		    (p = grow(b, SHM_PARTS, 1)) == NULL)
			return -1;
		*p = part;
	}
	record = grow(b, SHM_ROUTES, 1);
	if (record == NULL)
		return -1;
	*record = r;
	return index_route(b, (uint32_t)index, spec);
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
	if (step.op == SHM_STEP_CALL || step.op == SHM_STEP_ENDPOINT) {
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

/* Buckets and candidates of one shape; candidates stay in declaration order. */
static int
shape_index(struct shm_builder *b, struct shape *s)
{
	struct shm_shape *record;
	uint32_t n = 1;

	while (n < s->n * 2 && n < (1u << 30))
		n *= 2;
	s->record.first_bucket = (uint32_t)b->sections[SHM_BUCKETS].count;
	s->record.n_buckets = n;
	for (uint32_t k = 0; k < n; k++) {
		struct shm_bucket *bucket = grow(b, SHM_BUCKETS, 1);

		if (bucket == NULL)
			return -1;
	}
	record = grow(b, SHM_SHAPES, 1);
	if (record == NULL)
		return -1;
	*record = s->record;
	return 0;
}

static int
compare_entries(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return x[0] != y[0] ? (x[0] < y[0] ? -1 : 1) : x[1] < y[1] ? -1 : x[1] > y[1];
}

static int
shape_fill(struct shm_builder *b, const struct shape *s)
{
	uint64_t (*entries)[2] = malloc((s->n + 1) * sizeof(*entries));
	struct shm_bucket *buckets = (struct shm_bucket *)b->sections[SHM_BUCKETS].bytes +
	    s->record.first_bucket;

	if (entries == NULL)
		return -1;
	for (size_t i = 0; i < s->n; i++) {
		entries[i][0] = s->hashes[i] & (s->record.n_buckets - 1);
		entries[i][1] = s->routes[i];
	}
	qsort(entries, s->n, sizeof(*entries), compare_entries);
	for (size_t i = 0; i < s->n; i++) {
		struct shm_bucket *bucket = &buckets[entries[i][0]];
		size_t at = b->sections[SHM_CANDIDATES].count;
		uint32_t *candidate = grow(b, SHM_CANDIDATES, 1);

		if (candidate == NULL) {
			free(entries);
			return -1;
		}
		if (bucket->n_candidates++ == 0)
			bucket->first_candidate = (uint32_t)at;
		*candidate = (uint32_t)entries[i][1];
	}
	free(entries);
	return 0;
}

static int
index_build(struct shm_builder *b)
{
	for (size_t i = 0; i < b->n_shapes; i++)
		if (shape_index(b, &b->shapes[i]) < 0 || shape_fill(b, &b->shapes[i]) < 0)
			return -1;
	return 0;
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

	if (index_build(b) < 0)
		return -1;
	for (int i = 0; i < SHM_SECTION_COUNT; i++) {
		h.sections[i] = (struct shm_section){ at, b->sections[i].count };
		at += aligned(b->sections[i].count * shm_record_size((enum shm_section_id)i));
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
			    b->sections[i].count * shm_record_size((enum shm_section_id)i));
	((struct shm_header *)out)->crc = shm_check_crc(out, at);
	*bytes = out;
	return 0;
}
