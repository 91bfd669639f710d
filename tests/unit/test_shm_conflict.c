/*
 * test_shm_conflict: which routes can never answer.
 */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/conflict.h"
#include "tests/unit/shm_fixture.h"
#include "tests/unit/suite.h"

static char found[256];

/* "1<0 " whole, "1~0 " in part, with '=' for the same template. */
static void
note(void *arg, const struct shm_conflict *c)
{
	size_t at = strlen(found);

	(void)arg;
	snprintf(found + at, sizeof(found) - at, "%u%s%s%u ", c->route, c->whole ? "<" : "~",
	    c->same ? "=" : "", c->by);
}

static const char *
report_of(const char *const *paths, const uint64_t *methods)
{
	struct shm_builder *b = shm_builder_new();
	struct shm_table t;
	void *bytes;

	for (size_t i = 0; paths[i] != NULL; i++)
		CU_ASSERT_EQUAL_FATAL(fixture_route(b, paths[i],
		    methods != NULL ? methods[i] : M(GET), SHM_NONE), 0);
	fixture_attach(b, 0, &t, &bytes);
	found[0] = '\0';
	shm_conflict_each(&t, note, NULL);
	shm_table_detach(&t);
	free(bytes);
	return found;
}

static void
test_templates(void)
{
	static const struct {
		const char *first, *second;
		bool covers, same;
	} cases[] = {
		{ "/a", "/a", true, true },
		{ "/a", "/b", false, false },
		{ "/a", "/a/", false, false },
		{ "/{x}", "/a", true, false },
		{ "/a", "/{x}", false, false },
		{ "/{x}", "/{y}", true, true },
		{ "/{x}", "/", false, false },
		{ "/{x}", "/a/b", false, false },
		{ "/{x}", "/{y:int}", true, false },
		{ "/{x:int}", "/{y}", false, false },
		{ "/{x:int}", "/7", true, false },
		{ "/{x:int}", "/7a", false, false },
		{ "/{x:float}", "/{y:int}", true, false },
		{ "/{x:int}", "/{y:float}", false, false },
		{ "/{x:uuid}", "/{y:uuid}", true, true },
		{ "/{x}", "/{p:path}", false, false },
		{ "/{p:path}", "/", true, false },
		{ "/{p:path}", "/a/{b}/c", true, false },
		{ "/a/{p:path}", "/a", false, false },
		{ "/a/{p:path}", "/a/", true, false },
		{ "/a/{p:path}", "/a/{q:path}", true, true },
		{ "/a/{p:path}", "/a/b/{q:path}", true, false },
		{ "/a/b/{p:path}", "/a/{q:path}", false, false },
		{ "/{p:path}/x", "/a/x", false, false },	/* true, but intricate */
		{ "/users/{id}", "/users/me", true, false },
		{ "/users/me", "/users/{id}", false, false },
		{ "/{a}/{b}", "/x/{y}", true, false },
		{ "/{a}/y", "/x/y", true, false },
		{ "/{a}/y", "/x/z", false, false },
		{ "/{a}/y", "/x/{b}", false, false },
		{ "/f/{a}.{b}", "/f/{x}.{y}", true, true },
		{ "/f/{a}.{b}", "/f/{x}.txt", true, false },
		{ "/f/{a}.txt", "/f/{x}.{y}", false, false },
		{ "/f/{a}", "/f/{x}.{y}", true, false },
		{ "/f/x{a}", "/f/xy{b}", true, false },
		{ "/f/x{a}", "/f/x", false, false },
		{ "/f/{a:int}", "/f/{x:int}{y:int}", false, false },
		{ "*", "/a", false, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *got = report_of((const char *const[]){ cases[i].first,
		    cases[i].second, NULL }, NULL);
		const char *want = !cases[i].covers ? "" : cases[i].same ? "1<=0 " : "1<0 ";

		if (strcmp(got, want) != 0)
			printf("\n\t%s %s: '%s'\n", cases[i].first, cases[i].second, got);
		CU_ASSERT_STRING_EQUAL(got, want);
	}
}

static void
test_methods(void)
{
	static const char *const same[] = { "/a", "/a", NULL };
	static const char *const three[] = { "/{x}", "/{y}", "/a", NULL };

	CU_ASSERT_STRING_EQUAL(report_of(same, (uint64_t[]){ M(GET), M(POST) }), "");
	CU_ASSERT_STRING_EQUAL(report_of(same, (uint64_t[]){ M(GET), M(GET) | M(POST) }),
	    "1~=0 ");
	CU_ASSERT_STRING_EQUAL(report_of(same, (uint64_t[]){ M_ALL, M(POST) }), "1<=0 ");
	/* Of several, the first that takes all methods. */
	CU_ASSERT_STRING_EQUAL(report_of(three, (uint64_t[]){ M(GET), M_ALL, M(GET) | M(POST) }),
	    "1~=0 2<1 ");
}

static void
test_many_routes_are_quick(void)
{
	struct shm_builder *b = shm_builder_new();
	struct shm_table t;
	char path[64];
	void *bytes;

	for (unsigned i = 0; i < 10000; i++) {
		snprintf(path, sizeof(path), "/r%u/{id}", i);
		fixture_route(b, path, M(GET), SHM_NONE);
	}
	fixture_route(b, "/r77/x", M(GET), SHM_NONE);
	fixture_attach(b, 0, &t, &bytes);
	found[0] = '\0';
	shm_conflict_each(&t, note, NULL);
	CU_ASSERT_STRING_EQUAL(found, "10000<77 ");
	shm_table_detach(&t);
	free(bytes);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "test_templates", test_templates },
		{ "test_methods", test_methods },
		{ "test_many_routes_are_quick", test_many_routes_are_quick },
		CU_TEST_INFO_NULL,
	};

	return suite_run("shm_conflict", tests);
}
