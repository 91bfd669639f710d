/*
 * route_oracle: the route matcher behind a line protocol, for
 * tests/unit_py/test_route_match.py, which compares it with Starlette.
 *
 *	route METHODS [KIND:HEX]...	add a route (METHODS: GET,HEAD or * for all)
 *	match METHOD HEX		look a path up in the routes so far
 *	path HEX			the same, whatever the method
 *	reset				forget them
 *
 * A KIND is "literal" or a convertor's name. A match is answered with "INDEX
 * [HEX]..." (the parameters' texts) or "-", a path with "INDEX", "-" or "?" (undecided).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "shm/method.h"
#include "shm/route.h"
#include "tests/unit/shm_fixture.h"

enum { LINE = 65536, PARTS = 64 };

static struct {
	struct shm_builder *builder;
	struct shm_table table;
	void *bytes;
} o;

/* Decode hex in place. */
static struct slice
unhex(char *hex)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned byte = 0;

		must(sscanf(hex + 2 * i, "%2x", &byte) == 1);
		hex[i] = (char)byte;
	}
	return (struct slice){ hex, n };
}

static void
table_drop(void)
{
	shm_table_detach(&o.table);
	free(o.bytes);
	o.bytes = NULL;
}

static void
do_reset(void)
{
	table_drop();
	shm_builder_free(o.builder);
	o.builder = shm_builder_new();
	must(o.builder != NULL);
}

/* GET,HEAD or * */
static uint64_t
methods_read(const char *p)
{
	uint64_t mask = strcmp(p, "*") == 0 ? M_ALL : 0;

	while (mask != M_ALL && *p != '\0') {
		size_t len = strcspn(p, ",");
		unsigned number = shm_method_number((struct slice){ p, len });

		must(number != SHM_METHOD_OTHER);
		mask |= M(number);
		p += len + (p[len] == ',');
	}
	return mask;
}

static void
do_route(void)
{
	struct shm_part_spec parts[PARTS];
	struct shm_route_spec spec = { .plan = SHM_NONE, .parts = parts };
	char *word;

	table_drop();
	spec.methods = methods_read(strtok(NULL, " \n"));
	while ((word = strtok(NULL, " \n")) != NULL) {
		size_t kind = strcspn(word, ":");

		must(spec.n_parts < PARTS && word[kind] == ':');
		parts[spec.n_parts].kind = fixture_part_kind((struct slice){ word, kind });
		parts[spec.n_parts++].text = unhex(word + kind + 1);
	}
	must(shm_builder_route(o.builder, &spec) == 0);
}

static void
table_make(void)
{
	const char *why = NULL;
	size_t size;

	must(shm_builder_finish(o.builder, 0, SIZE_MAX, &o.bytes, &size) == 0);
	if (shm_table_attach(&o.table, o.bytes, size, &why) < 0) {
		fprintf(stderr, "refused: %s\n", why);
		exit(1);
	}
}

static void
do_match(void)
{
	char *method = strtok(NULL, " \n"), *hex = strtok(NULL, " \n");
	struct slice params[SHM_MAX_PARAMS];
	uint32_t route;
	unsigned n;

	must(method != NULL);
	if (o.bytes == NULL)
		table_make();
	if (!shm_route_match(&o.table,
	    shm_method_number((struct slice){ method, strlen(method) }),
	    hex != NULL ? unhex(hex) : SLICE_NULL, &route, params, &n)) {
		puts("-");
		return;
	}
	printf("%u", route);
	for (unsigned i = 0; i < n; i++) {
		putchar(' ');
		for (size_t k = 0; k < params[i].len; k++)
			printf("%02x", (unsigned char)params[i].ptr[k]);
	}
	putchar('\n');
}

static void
do_path(void)
{
	char *hex = strtok(NULL, " \n");
	uint32_t route;

	if (o.bytes == NULL)
		table_make();
	switch (shm_route_match_path(&o.table, hex != NULL ? unhex(hex) : SLICE_NULL, &route)) {
	case SHM_YES:
		printf("%u\n", route);
		break;
	case SHM_NO:
		puts("-");
		break;
	case SHM_UNSURE:
		puts("?");
		break;
	}
}

int
main(void)
{
	static char line[LINE];

	do_reset();
	while (fgets(line, sizeof(line), stdin) != NULL) {
		char *verb = strtok(line, " \n");

		if (strcmp(verb, "route") == 0) {
			do_route();
		} else if (strcmp(verb, "reset") == 0) {
			do_reset();
		} else {
			if (strcmp(verb, "path") == 0)
				do_path();
			else
				do_match();
			fflush(stdout);
		}
	}
	table_drop();
	shm_builder_free(o.builder);
	return 0;
}
