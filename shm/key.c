/*
 * key: segments and their hashes.
 *
 * Called by shm/route.c for every request, and by shm/index.c, shm/check.c and
 * shm/conflict.c for every route. The hash has no seed: only the application's
 * templates fill buckets, so no client can make them long. Nothing here may read
 * outside the path.
 */
#include "shm/key.h"

#include "base/must.h"

/* Multipliers of splitmix64. */
#define MIX_A UINT64_C(0x9E3779B97F4A7C15)
#define MIX_B UINT64_C(0xBF58476D1CE4E5B9)

static inline uint64_t
mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * MIX_B;
	return h ^ (h >> 29);
}

static inline uint64_t
load(const char *p, size_t n)
{
	uint64_t v = 0;

	memcpy(&v, p, n);
	return v;
}

static uint64_t
segment_hash(const char *p, size_t len)
{
	uint64_t h = MIX_A * (len + 1);

	for (; len > 8; p += 8, len -= 8)
		h = mix(h, load(p, 8));
	/* The last 8 bytes or fewer: two loads that may overlap, no loop over bytes. */
	if (len >= 4)
		return mix(h, load(p, 4) | load(p + len - 4, 4) << 32);
	if (len >= 2)
		return mix(h, load(p, 2) | load(p + len - 2, 2) << 16);
	return mix(h, len > 0 ? load(p, 1) : 0);
}

bool
shm_key_of_path(struct slice path, struct shm_key *key)
{
	const char *p = path.ptr, *end = p + path.len, *from;

	key->n_segments = 0;
	key->literal = 0;
	key->prefix = false;
	if (path.len == 0 || *p != '/')
		return path.len == 0 || memchr(p, '\n', path.len) == NULL;
	for (from = ++p;; p++) {
		if (p < end && *p != '/') {
			if (*p == '\n')
				return false;
			continue;
		}
		if (key->n_segments == SHM_MAX_SEGMENTS)
			return false;
		key->literal |= UINT64_C(1) << key->n_segments;
		key->hashes[key->n_segments++] = segment_hash(from, (size_t)(p - from));
		if (p == end)
			return true;
		from = p + 1;
	}
}

/* Add the segments of a literal part. Text in front of its first '/' belongs to the
 * segment that an earlier part began. A segment counts as literal only if it begins
 * and ends within the part; at the end of the template (`last`) the part's last
 * segment ends too. False: too many segments. */
static bool
literal_add(struct shm_key *key, struct slice text, bool last)
{
	const char *p = text.ptr, *end = p + text.len;

	p = text.len > 0 ? memchr(p, '/', text.len) : NULL;
	while (p != NULL) {
		const char *from = p + 1;
		const char *slash = from < end ? memchr(from, '/', (size_t)(end - from)) : NULL;

		if (key->n_segments == SHM_MAX_SEGMENTS)
			return false;
		if (slash != NULL || last) {
			const char *to = slash != NULL ? slash : end;

			key->literal |= UINT64_C(1) << key->n_segments;
			key->hashes[key->n_segments] = segment_hash(from, (size_t)(to - from));
		}
		key->n_segments++;
		p = slash;
	}
	return true;
}

/* No usable segments: file the template where every path looks. */
static void
key_any(struct shm_key *key)
{
	key->n_segments = 0;
	key->literal = 0;
	key->prefix = true;
}

void
shm_key_of_template(const struct shm_part *parts, uint32_t n_parts, const char *strings,
    bool barrier, struct shm_key *key)
{
	key_any(key);
	if (barrier || n_parts == 0 || parts[0].kind != SHM_PART_LITERAL ||
	    parts[0].text.len == 0 || strings[parts[0].text.offset] != '/')
		return;
	key->prefix = false;
	for (uint32_t i = 0; i < n_parts; i++) {
		struct slice text = { strings + parts[i].text.offset, parts[i].text.len };

		if (parts[i].kind == SHM_PART_PATH) {
			/* The parameter may hold a '/': only the segments before
			 * its own count. The first part began one. */
			must(key->n_segments > 0);
			key->n_segments--;
			key->literal &= (UINT64_C(1) << key->n_segments) - 1;
			key->prefix = true;
			return;
		}
		if (parts[i].kind == SHM_PART_LITERAL &&
		    !literal_add(key, text, i == n_parts - 1)) {
			key_any(key);
			return;
		}
	}
}

uint64_t
shm_key_hash(const struct shm_key *key, uint64_t literal)
{
	uint64_t h = MIX_A;

	must((literal & ~key->literal) == 0);
	for (; literal != 0; literal &= literal - 1)
		h = mix(h, key->hashes[__builtin_ctzll(literal)]);
	return h ^ (h >> 32);
}
