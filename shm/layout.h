/*
 * layout: the bytes of the route table.
 *
 * One header, then sections of fixed-width records, each section aligned to eight
 * bytes. Records refer to others by index and to texts by offset into the string
 * section. There is no pointer, so every process may map the table where it likes,
 * and equal applications give equal bytes. shm/builder writes tables, shm/check
 * verifies them, shm/route and bindings/plan read them in place.
 */
#ifndef SHM_LAYOUT_H
#define SHM_LAYOUT_H

#include <stdint.h>

#include "shm/plan.h"

#define SHM_MAGIC "fastrd\0T"

enum {
	SHM_VERSION = 3,
	SHM_ALIGN = 8,
	SHM_MAX_SEGMENTS = 64,	/* the width of `literal` in struct shm_shape */
	SHM_MAX_PARAMS = 16,	/* path parameters of one route */
	SHM_MAX_PARTS = 2 * SHM_MAX_PARAMS + 1,
	SHM_MAX_SLOTS = 4096,	/* values of one plan */
};

enum shm_section_id {
	SHM_STRINGS,		/* bytes; every string has a NUL behind it */
	SHM_META,		/* struct shm_meta: compiler, FastAPI and so on, with their versions */
	SHM_ROUTES,		/* struct shm_route, in declaration order */
	SHM_PARTS,		/* struct shm_part */
	SHM_SPANS,		/* struct shm_span, SHM_SPAN_COUNT of them */
	SHM_SHAPES,		/* struct shm_shape, sorted */
	SHM_BUCKETS,		/* struct shm_bucket */
	SHM_CANDIDATES,		/* struct shm_candidate, each route once */
	SHM_PLANS,		/* struct shm_plan */
	SHM_STEPS,		/* struct shm_step */
	SHM_ARGS,		/* uint32_t slots */
	SHM_SECTION_COUNT
};

struct shm_section {
	uint64_t offset;	/* from the first byte of the table */
	uint64_t count;		/* records */
};

struct shm_header {
	char magic[8];
	uint32_t version;
	uint32_t crc;		/* CRC-32 of all bytes, this field taken as zero */
	uint64_t size;		/* bytes in the whole table */
	uint32_t n_objects;	/* object indexes are below it */
	uint32_t reserved;	/* zero */
	struct shm_section sections[SHM_SECTION_COUNT];
};

struct shm_text {
	uint32_t offset;	/* into the strings */
	uint32_t len;
};

/* One fact about the compiler, such as FastAPI's version. */
struct shm_meta {
	struct shm_text key, value;
};

/* Kind of a template's part, and the regular expression that Starlette's convertor
 * has for it. */
#define SHM_PART_KINDS(X) \
	X(LITERAL) \
	X(STR)		/* [^/]+ */ \
	X(INT)		/* [0-9]+ */ \
	X(FLOAT)	/* [0-9]+(\.[0-9]+)? */ \
	X(UUID)		/* 8-4-4-4-12 hex digits, hyphens optional */ \
	X(PATH)		/* .* */

#define SHM_ENUM_PART(name) SHM_PART_##name,
enum shm_part_kind { SHM_PART_KINDS(SHM_ENUM_PART) SHM_PART_COUNT };

struct shm_part {
	uint32_t kind;
	struct shm_text text;	/* LITERAL: the bytes; else the parameter's name */
};

struct shm_route {
	uint64_t methods;	/* mask of 1 << number in shm/method.h */
	struct shm_text path;	/* the template as the application wrote it */
	struct shm_text name;
	struct shm_text reason;	/* why there is no plan; empty when there is one */
	uint32_t plan;		/* SHM_NONE: the application's ASGI interface */
	uint32_t first_part;
	uint32_t n_parts;
	uint32_t barrier;	/* 1: may match any path, so no route behind it has a plan */
};

/* Which templates are filed together: those with as many segments, of which the
 * same ones are literal. Templates of an exact shape match only paths of n_segments
 * segments. Those of a prefix shape match longer paths as well ("/files/{p:path}",
 * mounts, barriers); their shape counts the segments in front of the open end.
 * Sorted by prefix, n_segments, literal. */
struct shm_shape {
	uint64_t literal;	/* bit i: segment i is literal */
	uint32_t n_segments;
	uint32_t prefix;	/* 0 or 1 */
	uint32_t first_bucket;
	uint32_t n_buckets;	/* a power of two */
};

/* Span n: the exact shapes of n segments. Span SHM_SPAN_PREFIX: all prefix shapes. */
struct shm_span {
	uint32_t first_shape;
	uint32_t n_shapes;
};

enum { SHM_SPAN_PREFIX = SHM_MAX_SEGMENTS + 1, SHM_SPAN_COUNT = SHM_MAX_SEGMENTS + 2 };

struct shm_bucket {
	uint32_t first_candidate;
	uint32_t n_candidates;
};

/* Within a bucket in ascending order of routes, that is of declaration. */
struct shm_candidate {
	uint32_t tag;		/* upper half of the key's hash: differs for most other keys */
	uint32_t route;
};

_Static_assert(sizeof(struct shm_header) % SHM_ALIGN == 0, "header alignment");
_Static_assert(sizeof(struct shm_route) == 48, "no padding in shm_route");
_Static_assert(sizeof(struct shm_part) == 12, "no padding in shm_part");
_Static_assert(sizeof(struct shm_shape) == 24, "no padding in shm_shape");
_Static_assert(sizeof(struct shm_step) == 36, "no padding in shm_step");
_Static_assert(sizeof(struct shm_plan) == 52, "no padding in shm_plan");

/* Bytes of one record of that section. */
uint64_t shm_layout_record_size(enum shm_section_id id);

#endif
