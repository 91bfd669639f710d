/*
 * layout: how large the records are.
 *
 * Called by shm/builder.c, which lays tables out, and shm/check.c.
 */
#include "shm/layout.h"

#include "base/must.h"

uint64_t
shm_layout_record_size(enum shm_section_id id)
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

	must(id < SHM_SECTION_COUNT);
	return sizes[id];
}
