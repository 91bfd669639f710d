/*
 * fuzz_table: hostile tables, with a checksum made right, never crash.
 *
 * The input is a table, then a NUL-free path behind its last byte. What the
 * check takes is matched, searched for conflicts and walked like a plan runner does; what
 * it refuses is fine. Built with libFuzzer (CC=clang -fsanitize=fuzzer,address)
 * or, without it, as a program that runs the files named on its command line
 * and can write the seeds: fuzz_table --seeds DIRECTORY.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "shm/check.h"
#include "shm/conflict.h"
#include "shm/route.h"
#include "tests/unit/shm_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

static volatile uint64_t sink;

static void
bytes_touch(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sink += (unsigned char)p[i];
}

/* Use every index as the runner would, so that a wrong one is seen. Slots: 1 a
 * value, 2 parsed content, 3 filled behind the pure steps, perhaps not. */
static void
plan_walk(const struct shm_table *t, const struct shm_plan *p)
{
	static char slots[SHM_MAX_SLOTS];

	for (uint32_t i = 0; i < p->n_steps; i++) {
		const struct shm_step *s = &t->steps[p->first_step + i];
		bool call = s->op == SHM_STEP_CALL || s->op == SHM_STEP_ENDPOINT;
		bool doubtful = false;

		bytes_touch(t->strings + s->name, s->name_len + 1);
		for (uint32_t k = 0; call && k < s->count; k++) {
			uint32_t slot = t->args[s->first + k];

			must(slot < p->n_slots && (slots[slot] == 1 || slots[slot] == 3));
			doubtful |= slots[slot] == 3;
		}
		for (uint32_t k = 0; s->op == SHM_STEP_REREAD && k < s->count; k++) {
			must(t->args[s->first + k] < p->n_slots);
			slots[t->args[s->first + k]] = 3;
		}
		must(s->object == SHM_NONE || s->object < t->n_objects);
		if (s->op == SHM_STEP_VALIDATE || s->op == SHM_STEP_BODY_FIELD)
			must(slots[s->first] == 2);
		if (s->slot != SHM_NONE && s->op != SHM_STEP_ENDPOINT &&
		    s->op != SHM_STEP_PARAM_FIELD)
			slots[s->slot] = s->op == SHM_STEP_BODY_PARSE ||
			    (shm_plan_step_reads(s) && (s->flags & SHM_STEP_F_RAW)) ? 2 :
			    i >= p->n_pure && (s->op == SHM_STEP_VALIDATE || doubtful) ? 3 : 1;
	}
	memset(slots, 0, sizeof(slots));
}

static void
ignore(void *arg, const struct shm_conflict *c)
{
	(void)arg;
	must(c->by < c->route);
}

static void
path_try(const struct shm_table *t, struct slice path)
{
	struct slice params[SHM_MAX_PARAMS];
	uint32_t route;
	unsigned n;

	if (!shm_route_match(t, GET, path, &route, params, &n)) {
		must(route == SHM_NONE && n == 0);
		return;
	}
	must(route < t->n_routes && n <= SHM_MAX_PARAMS);
	for (unsigned i = 0; i < n; i++) {
		must(params[i].ptr >= path.ptr &&
		    params[i].ptr + params[i].len <= path.ptr + path.len);
		bytes_touch(params[i].ptr, params[i].len);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = { "/", "/items/7", "/f/a.b.c", "/files/x/y", "*" };
	struct shm_header *h;
	struct shm_table t;
	const char *why;
	char *table;
	size_t n;

	if (size < sizeof(*h))
		return 0;
	h = malloc(size);
	must(h != NULL);
	memcpy(h, data, size);
	n = h->size <= size && h->size >= sizeof(*h) ? (size_t)h->size : size;
	table = malloc(n);	/* of the exact size, so that one byte too far is seen */
	must(table != NULL);
	memcpy(table, h, n);
	((struct shm_header *)table)->crc = shm_check_crc(table, n);
	if (shm_table_attach(&t, table, n, &why) == 0) {
		for (uint32_t i = 0; i < t.n_plans; i++)
			plan_walk(&t, &t.plans[i]);
		for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
			path_try(&t, (struct slice){ paths[i], strlen(paths[i]) });
		path_try(&t, (struct slice){ (char *)h + n, size - n });
		shm_conflict_each(&t, ignore, NULL);
	}
	free(table);
	free(h);
	return 0;
}

#ifdef FUZZ_LIBFUZZER

/* Half of the mutations change one number to one near another number of the
 * table: blind bytes seldom get past the bounds. */
size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	uint32_t value;
	size_t at, from;

	if (seed % 2 == 0 || size < 64)
		return LLVMFuzzerMutate(data, size, max);
	srand(seed);
	at = (size_t)rand() % (size / 4 - 1) * 4;
	from = (size_t)rand() % (size / 4 - 1) * 4;
	memcpy(&value, data + from, 4);
	value += (uint32_t)(rand() % 5) - 2;
	memcpy(data + at, &value, 4);
	return size;
}

#else

static int
seeds_write(const char *directory)
{
	char name[512];
	size_t size;
	void *bytes = fixture_bytes(&size);
	FILE *f;

	snprintf(name, sizeof(name), "%s/fixture", directory);
	f = fopen(name, "wb");
	if (f == NULL || fwrite(bytes, 1, size, f) != size ||
	    fputs("/items/9/x", f) < 0 || fclose(f) != 0) {
		perror(name);
		return 1;
	}
	free(bytes);
	return 0;
}

/* Without libFuzzer: a fixed number of random changes to the fixture, a quick
 * version of the same for every run of the tests. */
static int
changes_run(unsigned rounds)
{
	size_t size;
	uint8_t *bytes = fixture_bytes(&size), *copy = malloc(size);

	srand(1);
	for (unsigned i = 0; i < rounds; i++) {
		memcpy(copy, bytes, size);
		for (int k = rand() % 3; k >= 0; k--) {
			uint32_t value;

			memcpy(&value, bytes + (size_t)rand() % (size / 4) * 4, 4);
			value += (uint32_t)(rand() % 5) - 2;
			memcpy(copy + (size_t)rand() % (size / 4) * 4, &value, 4);
		}
		LLVMFuzzerTestOneInput(copy, size);
	}
	free(copy);
	free(bytes);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--seeds") == 0)
		return seeds_write(argv[2]);
	return changes_run(argc > 1 ? (unsigned)atoi(argv[1]) : 200000);
}

#endif
