/*
 * route_match: what it costs to find a route among 10, 1,000 and 10,000.
 *
 * Paths are looked up in random order, so that large tables pay for their cache
 * misses; "hot" asks for one path again and again. Prints ns per match, the
 * best of several rounds.
 *
 *	route_match [ROUNDS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/must.h"
#include "shm/builder.h"
#include "shm/route.h"
#include "shm/table.h"

enum { GET = 1, LOOKUPS = 200000, PATHS = 4096, PATH_BYTES = 64 };

struct style {
	const char *name;
	const char *literal, *param, *tail;	/* template: literal N [param] tail */
	const char *path;			/* printf format of a path */
};

static const struct style styles[] = {
	{ "static", "/api/v1/resource", NULL, "/list", "/api/v1/resource%u/list" },
	{ "parameter", "/api/v1/resource", "id", "/detail", "/api/v1/resource%u/4711/detail" },
	{ "hot", "/api/v1/resource", "id", "/detail", "/api/v1/resource5/4711/detail" },
};

static char paths[PATHS][PATH_BYTES];

static void
table_make(const struct style *style, unsigned n, struct shm_table *t, void **bytes)
{
	struct shm_builder *b = shm_builder_new();
	const char *why;
	size_t size;

	must(b != NULL);
	for (unsigned i = 0; i < n; i++) {
		char text[PATH_BYTES];
		struct shm_part_spec parts[3] = { { SHM_PART_LITERAL, { text, 0 } } };
		struct shm_route_spec spec = { .methods = UINT64_C(1) << GET,
		    .plan = SHM_NONE, .parts = parts, .n_parts = 1 };
		int len = snprintf(text, sizeof(text), "%s%u%s", style->literal, i,
		    style->param != NULL ? "/" : style->tail);

		parts[0].text.len = (size_t)len;
		spec.path = parts[0].text;
		if (style->param != NULL) {
			parts[1] = (struct shm_part_spec){ SHM_PART_INT,
			    { style->param, strlen(style->param) } };
			parts[2] = (struct shm_part_spec){ SHM_PART_LITERAL,
			    { style->tail, strlen(style->tail) } };
			spec.n_parts = 3;
		}
		must(shm_builder_route(b, &spec) == 0);
	}
	must(shm_builder_finish(b, 0, SIZE_MAX, bytes, &size) == 0);
	shm_builder_free(b);
	must(shm_table_attach(t, *bytes, size, &why) == 0);
}

static double
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double
round_run(const struct shm_table *t)
{
	struct slice params[SHM_MAX_PARAMS];
	unsigned n_params, missed = 0;
	uint32_t route;
	double start = now_ns(), spent;

	for (unsigned i = 0; i < LOOKUPS; i++) {
		const char *path = paths[i % PATHS];

		missed += !shm_route_match(t, GET, (struct slice){ path, strlen(path) },
		    &route, params, &n_params);
	}
	spent = now_ns() - start;
	must(missed == 0);
	return spent / LOOKUPS;
}

int
main(int argc, char **argv)
{
	static const unsigned counts[] = { 10, 100, 1000, 10000 };
	int rounds = argc > 1 ? atoi(argv[1]) : 15;

	for (size_t s = 0; s < sizeof(styles) / sizeof(styles[0]); s++) {
		for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
			struct shm_table t;
			void *bytes;
			double best = 1e9;

			table_make(&styles[s], counts[c], &t, &bytes);
			srand(1);
			for (unsigned i = 0; i < PATHS; i++)
				snprintf(paths[i], PATH_BYTES, styles[s].path,
				    (unsigned)rand() % counts[c]);
			for (int i = 0; i < rounds; i++) {
				double ns = round_run(&t);

				best = ns < best ? ns : best;
			}
			printf("%-10s %6u routes  %6.1f ns per match  %9zu bytes\n",
			    styles[s].name, counts[c], best, t.size);
			shm_table_detach(&t);
			free(bytes);
		}
	}
	return 0;
}
