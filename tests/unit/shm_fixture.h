/*
 * shm_fixture: tables written down as text, for the tests of shm/.
 */
#ifndef TESTS_UNIT_SHM_FIXTURE_H
#define TESTS_UNIT_SHM_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/builder.h"
#include "shm/table.h"

enum { GET = 1, HEAD = 2, POST = 3 };	/* http-parser's numbers */

#define M(method) (UINT64_C(1) << (method))
#define M_ALL UINT64_MAX

/* The enum shm_part_kind of a name in any case: "str", "LITERAL". */
uint32_t fixture_part_kind(struct slice name);

/* Cut a template as the compiler does ("/items/{id:int}") and add it. The plan
 * number may be SHM_NONE; template "*" is a barrier. 0, or -1. */
int fixture_route(struct shm_builder *b, const char *path, uint64_t methods, uint32_t plan);

/* A plan with one step of every kind, valid with 8 objects. 0, or -1. */
int fixture_plan(struct shm_builder *b);

/* A small table with meta, plans and routes of every shape; malloc'd. */
void *fixture_bytes(size_t *size);

/* Finish and free the builder, attach the bytes (kept for the caller to free in
 * *bytes). Asserts. */
void fixture_attach(struct shm_builder *b, uint32_t n_objects, struct shm_table *t,
    void **bytes);

/* The matched route as text: "2 42 x" (index and parameters), or "-". Static
 * storage. */
const char *fixture_match(const struct shm_table *t, unsigned method, const char *path);

#endif
