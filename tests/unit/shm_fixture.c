/*
 * shm_fixture: builds tables through shm/builder, as the compiler does.
 *
 * Used by the tests of shm/ only; anything unexpected ends the program.
 */
#include "tests/unit/shm_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "shm/route.h"

uint32_t
fixture_part_kind(struct slice name)
{
	static const char *const names[] = {
#define NAME(name) [SHM_PART_##name] = #name,
		SHM_PART_KINDS(NAME)
#undef NAME
	};

	for (uint32_t i = 0; i < SHM_PART_COUNT; i++)
		if (name.len == strlen(names[i]) && strncasecmp(name.ptr, names[i], name.len) == 0)
			return i;
	must(!"a kind of part");
	return SHM_PART_COUNT;
}

static size_t
parts_cut(const char *p, struct shm_part_spec *parts, size_t max)
{
	size_t n = 0;

	while (*p != '\0') {
		size_t len = strcspn(p, "{");
		const char *colon;

		must(n + 1 < max);
		if (len > 0)
			parts[n++] = (struct shm_part_spec){ SHM_PART_LITERAL, { p, len } };
		p += len;
		if (*p == '\0')
			break;
		len = strcspn(++p, "}");
		colon = memchr(p, ':', len);
		parts[n].text = (struct slice){ p, colon != NULL ? (size_t)(colon - p) : len };
		parts[n++].kind = colon == NULL ? SHM_PART_STR :
		    fixture_part_kind((struct slice){ colon + 1, (size_t)(p + len - colon - 1) });
		p += len + 1;
	}
	return n;
}

int
fixture_route(struct shm_builder *b, const char *path, uint64_t methods, uint32_t plan)
{
	struct shm_part_spec parts[64];
	struct shm_route_spec spec = {
		.path = { path, strlen(path) },
		.name = SLICE_LIT("name"),
		.reason = plan == SHM_NONE ? SLICE_LIT("because") : SLICE_NULL,
		.methods = methods,
		.plan = plan,
		.barrier = strcmp(path, "*") == 0,
		.parts = parts,
	};

	if (!spec.barrier)
		spec.n_parts = parts_cut(path, parts, 64);
	return shm_builder_route(b, &spec);
}

static int
step(struct shm_builder *b, struct shm_step step, const char *name, const uint32_t *args,
    size_t n_args)
{
	struct shm_step_spec spec = { step, { name, strlen(name) }, args, n_args };

	return shm_builder_step(b, &spec);
}

int
fixture_plan(struct shm_builder *b)
{
	static const uint32_t args[] = { 0, 1, 2, 4 };
	struct shm_plan plan = {
		.n_pure = 6, .n_slots = 6, .flags = SHM_PLAN_F_BODY, .status = 201,
		.response_mode = SHM_RESPONSE_MODEL_JSON, .response_validator = 1,
		.response_serializer = 2, .response_kwargs = 3, .response_values = 4,
		.response_shape = SHM_NONE, .helper = 5,
	};
	int rc = 0;

	rc |= step(b, (struct shm_step){ .op = SHM_STEP_PARAM, .source = SHM_SOURCE_PATH,
	    .flags = SHM_STEP_F_REQUIRED, .slot = 0, .object = 0, .object2 = SHM_NONE,
	    .key = 0 }, "id", NULL, 0);
	rc |= step(b, (struct shm_step){ .op = SHM_STEP_PARAM_MODEL, .source = SHM_SOURCE_QUERY,
	    .flags = SHM_STEP_F_REQUIRED, .slot = 1, .object = 1, .object2 = SHM_NONE,
	    .count = 1 }, "", NULL, 0);
	rc |= step(b, (struct shm_step){ .op = SHM_STEP_PARAM_FIELD,
	    .source = SHM_SOURCE_QUERY, .slot = SHM_NONE, .object = 2,
	    .object2 = SHM_NONE, .key = SHM_NONE }, "limit", NULL, 0);
	rc |= step(b, (struct shm_step){ .op = SHM_STEP_BODY_PARSE, .slot = 5,
	    .object = SHM_NONE, .object2 = SHM_NONE, .key = SHM_NONE }, "", NULL, 0);
	rc |= step(b, (struct shm_step){ .op = SHM_STEP_BODY_FIELD, .slot = 2, .object = 3,
	    .object2 = 4, .key = 5, .first = 5 }, "item", NULL, 0);
	rc |= step(b, (struct shm_step){ .op = SHM_STEP_VALIDATE, .slot = SHM_NONE,
	    .object = 3, .object2 = 4, .key = SHM_NONE, .first = 5 }, "", NULL, 0);
	rc |= step(b, (struct shm_step){ .op = SHM_STEP_REQUEST, .slot = 3,
	    .object = SHM_NONE, .object2 = SHM_NONE, .key = SHM_NONE }, "", NULL, 0);
	rc |= step(b, (struct shm_step){ .op = SHM_STEP_CALL, .slot = 4, .object = 6,
	    .object2 = SHM_NONE, .key = SHM_NONE }, "", NULL, 0);
	rc |= step(b, (struct shm_step){ .op = SHM_STEP_ENDPOINT, .slot = SHM_NONE,
	    .object = 7, .object2 = 5, .key = SHM_NONE }, "", args, 4);
	return rc | shm_builder_plan(b, &plan);
}

void *
fixture_bytes(size_t *size)
{
	struct shm_builder *b = shm_builder_new();
	void *bytes = NULL;
	int rc = 0;

	must(b != NULL);
	rc |= shm_builder_meta(b, SLICE_LIT("app"), SLICE_LIT("shop:app"));
	rc |= fixture_plan(b);
	rc |= fixture_route(b, "/", M(GET), SHM_NONE);
	rc |= fixture_route(b, "/items/{id:int}", M(POST), 0);
	rc |= fixture_route(b, "/items/{id}", M(GET), SHM_NONE);
	rc |= fixture_route(b, "/f/{name}.{ext}", M_ALL, SHM_NONE);
	rc |= fixture_route(b, "/files/{p:path}", M_ALL, SHM_NONE);
	rc |= fixture_route(b, "*", M_ALL, SHM_NONE);
	must(rc == 0);
	must(shm_builder_finish(b, 8, SIZE_MAX, &bytes, size) == 0);
	shm_builder_free(b);
	return bytes;
}

void
fixture_attach(struct shm_builder *b, uint32_t n_objects, struct shm_table *t, void **bytes)
{
	const char *why = NULL;
	size_t size;

	must(shm_builder_finish(b, n_objects, SIZE_MAX, bytes, &size) == 0);
	shm_builder_free(b);
	if (shm_table_attach(t, *bytes, size, &why) < 0)
		fprintf(stderr, "table refused: %s\n", why);
	must(t->header != NULL);
}

const char *
fixture_match(const struct shm_table *t, unsigned method, const char *path)
{
	static char text[1024];
	struct slice params[SHM_MAX_PARAMS];
	unsigned n;
	uint32_t route;
	int at;

	if (!shm_route_match(t, method, (struct slice){ path, strlen(path) }, &route, params, &n))
		return "-";
	at = snprintf(text, sizeof(text), "%u", route);
	for (unsigned i = 0; i < n; i++)
		at += snprintf(text + at, sizeof(text) - (size_t)at, " %.*s",
		    (int)params[i].len, params[i].ptr);
	return text;
}
