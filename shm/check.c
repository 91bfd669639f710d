/*
 * check: bounds of everything a table can name.
 *
 * Called by table.c only. Written so that hostile bytes with a right checksum
 * are refused as well: no addition here can wrap, no index is used before it
 * was compared.
 */
#include "shm/check.h"

#include <stdbool.h>
#include <string.h>
#include <zlib.h>

#include "shm/table.h"

uint32_t
shm_check_crc(const void *bytes, size_t size)
{
	static const unsigned char zero[4];
	const unsigned char *p = bytes;
	size_t at = offsetof(struct shm_header, crc);
	uLong crc = crc32(0L, p, (uInt)at);

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

const char *
shm_check_frame(const void *bytes, size_t size)
{
	const struct shm_header *h = bytes;
	uint64_t end = sizeof(*h);

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
	for (int i = 0; i < SHM_SECTION_COUNT; i++) {
		const struct shm_section *s = &h->sections[i];
		uint64_t record = shm_record_size((enum shm_section_id)i);

		if (s->offset % SHM_ALIGN != 0 || s->offset < end || s->offset > size ||
		    s->count > UINT32_MAX - 1 || s->count > (size - s->offset) / record)
			return "section out of bounds";
		end = s->offset + s->count * record;
	}
	return NULL;
}

static bool
text_ok(const struct shm_table *t, struct shm_text s)
{
	return s.offset < t->n_strings && s.len < t->n_strings - s.offset &&
	    t->strings[s.offset + s.len] == '\0';
}

static bool
range_ok(uint32_t first, uint32_t n, uint32_t count)
{
	return first <= count && n <= count - first;
}

static bool
object_ok(const struct shm_table *t, uint32_t object)
{
	return object == SHM_NONE || object < t->n_objects;
}

static const char *
routes_check(const struct shm_table *t)
{
	for (uint32_t i = 0; i < t->n_routes; i++) {
		const struct shm_route *r = &t->routes[i];

		if (!text_ok(t, r->path) || !text_ok(t, r->name) || !text_ok(t, r->reason))
			return "a route's text is out of bounds";
		if (!range_ok(r->first_part, r->n_parts, t->n_parts))
			return "a route's parts are out of bounds";
		if (r->plan != SHM_NONE && r->plan >= t->n_plans)
			return "a route's plan is out of bounds";
		if (r->barrier > 1 || (r->barrier == 1 && r->plan != SHM_NONE))
			return "a route's kind is unknown";
	}
	for (uint32_t i = 0; i < t->n_parts; i++)
		if (t->parts[i].kind >= SHM_PART_COUNT || !text_ok(t, t->parts[i].text))
			return "a template part is wrong";
	for (uint32_t i = 0; i < t->n_meta; i++)
		if (!text_ok(t, t->meta[i].key) || !text_ok(t, t->meta[i].value))
			return "a meta text is out of bounds";
	return NULL;
}

static const char *
index_check(const struct shm_table *t)
{
	for (uint32_t i = 0; i < t->n_shapes; i++) {
		const struct shm_shape *s = &t->shapes[i];

		if (s->prefix > 1 || s->n_segments > 64 || s->n_buckets == 0 ||
		    (s->n_buckets & (s->n_buckets - 1)) != 0 ||
		    !range_ok(s->first_bucket, s->n_buckets, t->n_buckets))
			return "a shape is wrong";
	}
	for (uint32_t i = 0; i < t->n_buckets; i++)
		if (!range_ok(t->buckets[i].first_candidate, t->buckets[i].n_candidates,
		    t->n_candidates))
			return "a bucket is out of bounds";
	for (uint32_t i = 0; i < t->n_candidates; i++)
		if (t->candidates[i] >= t->n_routes)
			return "a candidate is out of bounds";
	return NULL;
}

static bool
slot_ok(const struct shm_plan *p, uint32_t slot)
{
	return slot == SHM_NONE || slot < p->n_slots;
}

static bool
call_ok(const struct shm_table *t, const struct shm_plan *p, const struct shm_step *s)
{
	if (!range_ok(s->first, s->count, t->n_args) || s->object == SHM_NONE)
		return false;
	for (uint32_t i = 0; i < s->count; i++)
		if (t->args[s->first + i] >= p->n_slots)
			return false;
	return s->count == 0 || s->object2 != SHM_NONE;
}

/* The members of a step that its operation uses. */
static bool
members_ok(const struct shm_table *t, const struct shm_plan *p, const struct shm_step *s,
    uint32_t left)
{
	bool defaulted = (s->flags & SHM_STEP_F_REQUIRED) || s->object2 != SHM_NONE;

	switch (s->op) {
	case SHM_STEP_PARAM:
		return s->source == SHM_SOURCE_PATH || defaulted;
	case SHM_STEP_PARAM_MODEL:
		return s->count < left && defaulted &&
		    (s->source >= SHM_SOURCE_QUERY && s->source <= SHM_SOURCE_COOKIE);
	case SHM_STEP_PARAM_FIELD:
		return s->object != SHM_NONE &&
		    (s->source >= SHM_SOURCE_QUERY && s->source <= SHM_SOURCE_COOKIE);
	case SHM_STEP_BODY_PARSE:
		return s->slot != SHM_NONE;
	case SHM_STEP_BODY_FIELD:
		return s->first < p->n_slots && s->key != SHM_NONE && defaulted;
	case SHM_STEP_BODY_WHOLE:
		return s->first < p->n_slots && defaulted;
	case SHM_STEP_FRESH:
		return s->object != SHM_NONE;
	case SHM_STEP_CALL:
	case SHM_STEP_ENDPOINT:
		return call_ok(t, p, s);
	default:
		return true;
	}
}

static bool
step_ok(const struct shm_table *t, const struct shm_plan *p, const struct shm_step *s,
    uint32_t left)
{
	bool path = s->op == SHM_STEP_PARAM && s->source == SHM_SOURCE_PATH;

	return s->op < SHM_STEP_OP_COUNT && s->source < SHM_SOURCE_COUNT &&
	    (s->flags & ~SHM_STEP_F_ALL) == 0 && slot_ok(p, s->slot) &&
	    text_ok(t, (struct shm_text){ s->name, s->name_len }) &&
	    object_ok(t, s->object) && object_ok(t, s->object2) &&
	    (path || object_ok(t, s->key)) && members_ok(t, p, s, left);
}

/* Parameter models are followed by exactly their fields. */
static bool
fields_ok(const struct shm_step *steps, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t fields = steps[i].op == SHM_STEP_PARAM_MODEL ? steps[i].count : 0;

		if (steps[i].op == SHM_STEP_PARAM_FIELD)
			return false;
		for (uint32_t k = 1; k <= fields; k++)
			if (steps[i + k].op != SHM_STEP_PARAM_FIELD ||
			    steps[i + k].source != steps[i].source)
				return false;
		i += fields;
	}
	return true;
}

static bool
user_code(uint8_t op)
{
	return op == SHM_STEP_CALL || op == SHM_STEP_ENDPOINT;
}

static const char *
plan_check(const struct shm_table *t, const struct shm_plan *p)
{
	const struct shm_step *steps;

	if (!range_ok(p->first_step, p->n_steps, t->n_steps) || p->n_pure > p->n_steps ||
	    p->n_slots > 4096 || p->n_steps == 0)
		return "a plan's steps are out of bounds";
	if ((p->flags & ~(uint32_t)SHM_PLAN_F_ALL) != 0 ||
	    p->response_mode >= SHM_RESPONSE_MODE_COUNT || p->status > 999)
		return "a plan's fields are wrong";
	if (p->helper >= t->n_objects)
		return "a plan's helper is out of bounds";
	if (p->response_mode == SHM_RESPONSE_MODEL_JSON &&
	    (p->response_validator >= t->n_objects || p->response_serializer >= t->n_objects ||
	    p->response_kwargs >= t->n_objects || p->response_values >= t->n_objects))
		return "a plan's response objects are out of bounds";
	steps = t->steps + p->first_step;
	for (uint32_t i = 0; i < p->n_steps; i++) {
		if (!step_ok(t, p, &steps[i], p->n_steps - i))
			return "a step is wrong";
		if (user_code(steps[i].op) && i < p->n_pure)
			return "a pure step runs user code";
		if ((steps[i].op == SHM_STEP_ENDPOINT) != (i == p->n_steps - 1))
			return "the endpoint is not the last step";
	}
	return fields_ok(steps, p->n_steps) ? NULL : "a parameter model's fields are wrong";
}

const char *
shm_check_records(const struct shm_table *t)
{
	const char *why = routes_check(t);

	if (why == NULL)
		why = index_check(t);
	for (uint32_t i = 0; why == NULL && i < t->n_plans; i++)
		why = plan_check(t, &t->plans[i]);
	return why;
}
