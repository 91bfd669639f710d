/*
 * table: attach, open, detach.
 *
 * Called by bindings/binding.c and bindings/table.
 */
#include "shm/table.h"

#include <string.h>
#include <sys/mman.h>

#include "shm/check.h"
#include "shm/segment.h"

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
