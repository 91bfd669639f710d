/*
 * table: attach, open, detach.
 *
 * Called by workers and the loader, and by builder.c and check.c for the sizes of
 * records. Nothing is read from a table before shm/check has passed it.
 */
#include "shm/table.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "shm/check.h"
#include "shm/segment.h"

uint64_t
shm_record_size(enum shm_section_id id)
{
	static const uint64_t sizes[SHM_SECTION_COUNT] = {
		[SHM_STRINGS] = 1,
		[SHM_META] = sizeof(struct shm_meta),
		[SHM_ROUTES] = sizeof(struct shm_route),
		[SHM_PARTS] = sizeof(struct shm_part),
		[SHM_SPANS] = sizeof(struct shm_span),
		[SHM_SHAPES] = sizeof(struct shm_shape),
		[SHM_BUCKETS] = sizeof(struct shm_bucket),
		[SHM_CANDIDATES] = sizeof(struct shm_candidate),
		[SHM_PLANS] = sizeof(struct shm_plan),
		[SHM_STEPS] = sizeof(struct shm_step),
		[SHM_ARGS] = sizeof(uint32_t),
	};

	return sizes[id];
}

static const void *
section(const struct shm_table *t, enum shm_section_id id)
{
	return (const char *)t->header + t->header->sections[id].offset;
}

static uint32_t
count(const struct shm_table *t, enum shm_section_id id)
{
	return (uint32_t)t->header->sections[id].count;
}

int
shm_table_attach(struct shm_table *t, const void *bytes, size_t size, const char **why)
{
	memset(t, 0, sizeof(*t));
	*why = shm_check_frame(bytes, size);
	if (*why != NULL)
		return -1;
	t->header = bytes;
	t->size = size;
	t->strings = section(t, SHM_STRINGS);
	t->n_strings = t->header->sections[SHM_STRINGS].count;
	t->meta = section(t, SHM_META);
	t->n_meta = count(t, SHM_META);
	t->routes = section(t, SHM_ROUTES);
	t->n_routes = count(t, SHM_ROUTES);
	t->parts = section(t, SHM_PARTS);
	t->n_parts = count(t, SHM_PARTS);
	t->spans = section(t, SHM_SPANS);
	t->shapes = section(t, SHM_SHAPES);
	t->n_shapes = count(t, SHM_SHAPES);
	t->buckets = section(t, SHM_BUCKETS);
	t->n_buckets = count(t, SHM_BUCKETS);
	t->candidates = section(t, SHM_CANDIDATES);
	t->n_candidates = count(t, SHM_CANDIDATES);
	t->plans = section(t, SHM_PLANS);
	t->n_plans = count(t, SHM_PLANS);
	t->steps = section(t, SHM_STEPS);
	t->n_steps = count(t, SHM_STEPS);
	t->args = section(t, SHM_ARGS);
	t->n_args = count(t, SHM_ARGS);
	t->n_objects = t->header->n_objects;
	*why = shm_check_records(t);
	if (*why == NULL)
		return 0;
	memset(t, 0, sizeof(*t));
	return -1;
}

int
shm_table_open(struct shm_table *t, int fd, const char **why)
{
	size_t size;
	void *map = shm_segment_map(fd, &size);

	memset(t, 0, sizeof(*t));
	if (map == NULL) {
		*why = "cannot be mapped";
		return -1;
	}
	if (shm_table_attach(t, map, size, why) < 0) {
		munmap(map, size);
		return -1;
	}
	t->mapping = map;
	return 0;
}

void
shm_table_detach(struct shm_table *t)
{
	if (t->mapping != NULL)
		munmap(t->mapping, t->size);
	memset(t, 0, sizeof(*t));
}

void
shm_table_fingerprint(const struct shm_header *header, char text[SHM_FINGERPRINT_SIZE])
{
	snprintf(text, SHM_FINGERPRINT_SIZE, "%08x-%llu", header->crc,
	    (unsigned long long)header->size);
}

struct slice
shm_table_meta(const struct shm_table *t, struct slice key)
{
	for (uint32_t i = 0; i < t->n_meta; i++)
		if (slice_equal(shm_table_text(t, t->meta[i].key), key))
			return shm_table_text(t, t->meta[i].value);
	return SLICE_NULL;
}
