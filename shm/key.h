/*
 * key: where a template is filed in the index, and where a path is looked up.
 *
 * Templates and paths are cut into segments at '/'. A segment of a template is literal
 * text, or it holds a parameter; the template's key says which. Every segment of a path is
 * literal. A template can match a path only if the segments that are literal in the
 * template are the same in the path, hence have the same hash. One look-up per shape
 * therefore finds every candidate. Only this file knows how the hash is made:
 * shm/index, shm/check, shm/route and shm/conflict call it.
 */
#ifndef SHM_KEY_H
#define SHM_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"
#include "shm/layout.h"

struct shm_key {
	uint64_t literal;	/* bit i: segment i is literal, hashes[i] is set */
	unsigned n_segments;
	bool prefix;		/* matches paths with more segments as well */
	uint64_t hashes[SHM_MAX_SEGMENTS];
};

/* Cut a path. False when it has more than SHM_MAX_SEGMENTS segments or holds a
 * newline. A path that does not begin with '/' has no segments. */
bool shm_key_of_path(struct slice path, struct shm_key *key) MUST_CHECK;

/* Cut a template, whose parts' texts are offsets into `strings`. */
void shm_key_of_template(const struct shm_part *parts, uint32_t n_parts,
    const char *strings, bool barrier, struct shm_key *key);

/* Hash of the segments whose bits are set in `literal`; the key has to have them
 * as literal ones. */
uint64_t shm_key_hash(const struct shm_key *key, uint64_t literal);

#endif
