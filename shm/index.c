/*
 * index: routes sorted into shapes and buckets.
 *
 * Called by shm/builder.c. Every route becomes an entry. The entries are sorted by
 * shape, bucket and declaration; shapes, buckets and candidates then follow from
 * their order.
 * A shape has at least twice as many buckets as routes, and each candidate has a
 * tag. Routes with another key in the same bucket cost one comparison of a number
 * each; routes with the same key (other methods, other convertors) are compared in
 * full.
 */
#include "shm/index.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "shm/key.h"

struct entry {
	uint64_t literal, hash;
	uint32_t prefix, n_segments;
	uint32_t bucket;	/* 0 until shape_add() has chosen */
	uint32_t route;
};

#define ORDER(a, b) do { if ((a) != (b)) return (a) < (b) ? -1 : 1; } while (0)

static int
compare_shapes(const struct entry *x, const struct entry *y)
{
	ORDER(x->prefix, y->prefix);
	ORDER(x->n_segments, y->n_segments);
	ORDER(x->literal, y->literal);
	return 0;
}

static int
compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int shapes = compare_shapes(x, y);

	if (shapes != 0)
		return shapes;
	ORDER(x->bucket, y->bucket);
	ORDER(x->route, y->route);
	return 0;
}

static struct entry *
entries_new(const struct shm_route *routes, size_t n, const struct shm_part *parts,
    const char *strings)
{
	struct entry *entries = calloc(n + 1, sizeof(*entries));
	struct shm_key key;

	for (size_t i = 0; entries != NULL && i < n; i++) {
		shm_key_of_template(parts + routes[i].first_part, routes[i].n_parts, strings,
		    routes[i].barrier != 0, &key);
		entries[i] = (struct entry){ .literal = key.literal,
		    .hash = shm_key_hash(&key, key.literal), .prefix = key.prefix,
		    .n_segments = key.n_segments, .route = (uint32_t)i };
	}
	return entries;
}

/* Add the shape of the first entry and choose the buckets of all its entries.
 * Returns how many they are. */
static size_t
shape_add(struct shm_index *x, struct entry *first, const struct entry *end)
{
	struct shm_shape *shape = &x->shapes[x->n_shapes];
	struct shm_span *span;
	size_t n = 0;
	uint32_t n_buckets = 1;

	while (first + n < end && compare_shapes(first, first + n) == 0)
		n++;
	while (n_buckets < n * 2)
		n_buckets *= 2;
	for (size_t i = 0; i < n; i++)
		first[i].bucket = (uint32_t)first[i].hash & (n_buckets - 1);
	*shape = (struct shm_shape){ .literal = first->literal,
	    .n_segments = first->n_segments, .prefix = first->prefix,
	    .first_bucket = (uint32_t)x->n_buckets, .n_buckets = n_buckets };
	span = &x->spans[first->prefix ? SHM_SPAN_PREFIX : first->n_segments];
	if (span->n_shapes++ == 0)
		span->first_shape = (uint32_t)x->n_shapes;
	x->n_shapes++;
	x->n_buckets += n_buckets;
	return n;
}

/* Deal the sorted entries out to the buckets. */
static void
buckets_fill(struct shm_index *x, const struct entry *entries, size_t n)
{
	size_t at = 0;

	for (size_t s = 0; s < x->n_shapes; s++) {
		const struct shm_shape *shape = &x->shapes[s];

		for (uint32_t b = 0; b < shape->n_buckets; b++) {
			struct shm_bucket *bucket = &x->buckets[shape->first_bucket + b];

			bucket->first_candidate = (uint32_t)at;
			while (at < n && entries[at].prefix == shape->prefix &&
			    entries[at].n_segments == shape->n_segments &&
			    entries[at].literal == shape->literal && entries[at].bucket == b) {
				x->candidates[at] = (struct shm_candidate){
				    (uint32_t)(entries[at].hash >> 32), entries[at].route };
				at++;
			}
			bucket->n_candidates = (uint32_t)at - bucket->first_candidate;
		}
	}
	must(at == n);
	x->n_candidates = n;
}

int
shm_index_init(struct shm_index *x, const struct shm_route *routes, size_t n,
    const struct shm_part *parts, const char *strings)
{
	struct entry *entries = NULL;

	memset(x, 0, sizeof(*x));
	if (n > UINT32_MAX / 8)
		return -1;
	entries = entries_new(routes, n, parts, strings);
	x->shapes = calloc(n + 1, sizeof(*x->shapes));
	x->candidates = calloc(n + 1, sizeof(*x->candidates));
	if (entries == NULL || x->shapes == NULL || x->candidates == NULL)
		goto fail;
	/* Sorted by shape, so that shape_add() can choose buckets; then by bucket too. */
	qsort(entries, n, sizeof(*entries), compare_entries);
	for (size_t at = 0; at < n; )
		at += shape_add(x, entries + at, entries + n);
	qsort(entries, n, sizeof(*entries), compare_entries);
	x->buckets = calloc(x->n_buckets + 1, sizeof(*x->buckets));
	if (x->buckets == NULL)
		goto fail;
	buckets_fill(x, entries, n);
	free(entries);
	return 0;
fail:
	free(entries);
	shm_index_fini(x);
	return -1;
}

void
shm_index_fini(struct shm_index *x)
{
	free(x->shapes);
	free(x->buckets);
	free(x->candidates);
	memset(x, 0, sizeof(*x));
}
