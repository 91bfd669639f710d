/*
 * test_shm_route: the matcher's cases by hand; tests/unit_py/test_route_match.py
 * has the generated ones, against Starlette.
 */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/method.h"
#include "shm/route.h"
#include "tests/unit/shm_fixture.h"
#include "tests/unit/suite.h"

static struct shm_table t;
static void *bytes;

/* A table of GET routes. */
static void
table_of(const char *const *paths)
{
	struct shm_builder *b = shm_builder_new();

	for (; *paths != NULL; paths++)
		CU_ASSERT_EQUAL_FATAL(fixture_route(b, *paths, M(GET), SHM_NONE), 0);
	fixture_attach(b, 0, &t, &bytes);
}

static void
table_end(void)
{
	shm_table_detach(&t);
	free(bytes);
}

#define PATHS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void
check(const char *path, const char *want)
{
	const char *got = fixture_match(&t, GET, path);

	if (strcmp(got, want) != 0)
		printf("\n\t%s: %s instead of %s\n", path, got, want);
	CU_ASSERT_STRING_EQUAL(got, want);
}

static void
test_convertors(void)
{
	table_of(PATHS("/s/{a}", "/i/{a:int}", "/f/{a:float}", "/u/{a:uuid}", "/p/{a:path}"));
	check("/s/x", "0 x");
	check("/s/", "-");
	check("/s/x/y", "-");
	check("/s/a b", "0 a b");
	check("/i/007", "1 007");
	check("/i/-7", "-");
	check("/i/7.0", "-");
	check("/i/\xd9\xa3", "-");	/* a digit elsewhere, not in [0-9] */
	check("/f/1", "2 1");
	check("/f/1.5", "2 1.5");
	check("/f/1.", "-");
	check("/f/.5", "-");
	check("/f/1e5", "-");
	check("/u/0b9f8c1e-2a3d-4e5f-8a7b-1c2d3e4f5a6b",
	    "3 0b9f8c1e-2a3d-4e5f-8a7b-1c2d3e4f5a6b");
	check("/u/0B9F8C1E2A3D4E5F8A7B1C2D3E4F5A6B", "3 0B9F8C1E2A3D4E5F8A7B1C2D3E4F5A6B");
	check("/u/0b9f8c1e-2a3d-4e5f-8a7b-1c2d3e4f5a6", "-");
	check("/u/0b9f8c1e--2a3d-4e5f-8a7b-1c2d3e4f5a6b", "-");
	check("/p/", "4 ");
	check("/p/a/b//c", "4 a/b//c");
	check("/p", "-");
	table_end();
}

static void
test_declaration_order(void)
{
	table_of(PATHS("/{a}/new", "/items/{id:int}", "/items/{id}", "/items/new", "/{p:path}",
	    "/items/x/y"));
	check("/items/new", "0 items");
	check("/items/7", "1 7");
	check("/items/x", "2 x");
	check("/items/x/y", "4 items/x/y");
	check("/", "4 ");
	table_end();
}

static void
test_backtracking_gives_pythons_groups(void)
{
	table_of(PATHS("/{a}-{b}", "/n/{a}.{b}", "/f/{a:float}{b:int}", "/q/{a}{b}x",
	    "/z/{p:path}/{q:path}", "/d/{a:float}.{b}"));
	check("/a-b-c", "0 a-b c");
	check("/-a", "-");
	check("/a-", "-");
	check("/n/x.tar.gz", "1 x.tar gz");
	check("/f/12.345", "2 12.34 5");
	check("/f/1.2", "-");	/* one digit has to be left for each */
	check("/f/12", "2 1 2");
	check("/q/\xc3\xa9\xc3\xa9x", "3 \xc3\xa9 \xc3\xa9");
	check("/z/a/b/c", "4 a/b c");
	check("/z//", "4  ");
	check("/d/1.2.3", "5 1.2 3");
	check("/d/1.2", "5 1 2");
	table_end();
}

static void
test_methods(void)
{
	struct shm_builder *b = shm_builder_new();

	fixture_route(b, "/a", M(GET), SHM_NONE);
	fixture_route(b, "/a", M(POST) | M(HEAD), SHM_NONE);
	fixture_route(b, "/{any}", M_ALL, SHM_NONE);
	fixture_attach(b, 0, &t, &bytes);
	CU_ASSERT_STRING_EQUAL(fixture_match(&t, GET, "/a"), "0");
	CU_ASSERT_STRING_EQUAL(fixture_match(&t, POST, "/a"), "1");
	CU_ASSERT_STRING_EQUAL(fixture_match(&t, HEAD, "/a"), "1");
	CU_ASSERT_STRING_EQUAL(fixture_match(&t, 0, "/a"), "2 a");
	CU_ASSERT_STRING_EQUAL(fixture_match(&t, SHM_METHOD_QUERY, "/a"), "2 a");
	CU_ASSERT_STRING_EQUAL(fixture_match(&t, SHM_METHOD_WEBSOCKET, "/a"), "2 a");
	/* It may be one that the table could not note. */
	CU_ASSERT_STRING_EQUAL(fixture_match(&t, SHM_METHOD_OTHER, "/a"), "-");
	table_end();
	CU_ASSERT_EQUAL(shm_method_number(SLICE_LIT("GET")), GET);
	CU_ASSERT_EQUAL(shm_method_number(SLICE_LIT("POST")), POST);
	CU_ASSERT_EQUAL(shm_method_number(SLICE_LIT("QUERY")), SHM_METHOD_QUERY);
	CU_ASSERT_EQUAL(shm_method_number(SLICE_LIT("get")), SHM_METHOD_OTHER);
	CU_ASSERT_EQUAL(shm_method_number(SLICE_LIT("GETX")), SHM_METHOD_OTHER);
	CU_ASSERT_EQUAL(shm_method_number(SLICE_LIT("GET\0")), SHM_METHOD_OTHER);
	CU_ASSERT_EQUAL(shm_method_number(SLICE_LIT("")), SHM_METHOD_OTHER);
}

static void
check_path(const char *path, enum shm_verdict want, uint32_t first)
{
	uint32_t route;

	CU_ASSERT_EQUAL(shm_route_match_path(&t,
	    (struct slice){ path, strlen(path) }, &route), want);
	CU_ASSERT_EQUAL(route, first);
}

static void
test_a_path_whatever_the_method(void)
{
	struct shm_builder *b = shm_builder_new();
	char path[SHM_MAX_PATH + 2];

	fixture_route(b, "/a", 0, SHM_NONE);	/* of methods that have no number */
	fixture_route(b, "/a", M(POST), SHM_NONE);
	fixture_route(b, "/b/{any}", M(GET), SHM_NONE);
	fixture_route(b, "/{p:path}", M(GET), SHM_NONE);
	fixture_route(b, "/{a}{b}{c}{d}{e}{f}/x", M_ALL, SHM_NONE);
	fixture_attach(b, 0, &t, &bytes);
	check_path("/a", SHM_YES, 0);
	check_path("/b/1", SHM_YES, 2);
	check_path("/b/", SHM_YES, 3);
	check_path("", SHM_NO, SHM_NONE);
	check_path("*", SHM_NO, SHM_NONE);
	check_path("/a\n", SHM_UNSURE, SHM_NONE);
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[SHM_MAX_PATH + 1] = '\0';
	check_path(path, SHM_UNSURE, SHM_NONE);
	path[SHM_MAX_PATH] = '\0';
	check_path(path, SHM_YES, 3);
	table_end();
}

static void
test_handshakes_have_routes_of_their_own(void)
{
	struct shm_builder *b = shm_builder_new();
	const char *name = shm_method_name(SHM_METHOD_WEBSOCKET);

	fixture_route(b, "/{any}", M(SHM_METHOD_WEBSOCKET), SHM_NONE);
	fixture_route(b, "/a", M(GET), SHM_NONE);
	fixture_attach(b, 0, &t, &bytes);
	CU_ASSERT_STRING_EQUAL(fixture_match(&t, SHM_METHOD_WEBSOCKET, "/a"), "0 a");
	CU_ASSERT_STRING_EQUAL(fixture_match(&t, GET, "/a"), "1");
	CU_ASSERT_STRING_EQUAL(fixture_match(&t, GET, "/b"), "-");
	check_path("/a", SHM_YES, 1);
	check_path("/b", SHM_NO, SHM_NONE);
	table_end();
	/* No request has it: a colon is no character of a token (RFC 9110, section 5.6.2). */
	CU_ASSERT_PTR_NOT_NULL_FATAL(name);
	CU_ASSERT_PTR_NOT_NULL(strchr(name, ':'));
}

static void
test_barrier_hides_what_follows(void)
{
	table_of(PATHS("/before", "*", "/after"));
	check("/before", "0");
	check("/after", "1");
	check("/else/where", "1");
	check_path("/else/where", SHM_YES, 1);
	check("", "1");
	check("*", "1");
	table_end();
}

static void
test_odd_paths_are_left_to_the_application(void)
{
	char path[SHM_MAX_PATH + 2];

	table_of(PATHS("/{p:path}", "/{a}{b}{c}{d}{e}/x"));
	check("/a\n", "-");
	check("/a\nb", "-");
	check("", "-");
	check("a", "-");
	memset(path, '/', sizeof(path));
	path[SHM_MAX_SEGMENTS] = '\0';
	CU_ASSERT_NOT_EQUAL(strcmp(fixture_match(&t, GET, path), "-"), 0);
	path[SHM_MAX_SEGMENTS] = '/';
	path[SHM_MAX_SEGMENTS + 1] = '\0';
	check(path, "-");
	table_end();
}

/* A comparison that is given up must not let a later route answer. */
static void
test_an_undecided_route_hides_later_ones(void)
{
	char path[400];

	table_of(PATHS("/{a}-{b}-{c}-{d}x", "/{p:path}"));
	check("/1-2-3-4x", "0 1 2 3 4");
	memset(path, '-', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	check(path, "-");
	table_end();
}

static void
test_a_route_with_too_many_parameters_is_a_barrier(void)
{
	table_of(PATHS("/a", "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}/{k}/{l}/{m}/{n}/{o}/{p}/{q}",
	    "/b"));
	check("/a", "0");
	check("/b", "1");
	CU_ASSERT_EQUAL(t.routes[1].barrier, 1);
	CU_ASSERT_EQUAL(t.routes[1].plan, SHM_NONE);
	table_end();
	table_of(PATHS("/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}/{k}/{l}/{m}/{n}/{o}/{p}"));
	check("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16",
	    "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16");
	table_end();
}

/* Ten thousand routes: every one is found, and by one bucket's look. */
static void
test_many_routes(void)
{
	struct shm_builder *b = shm_builder_new();
	char path[64], want[64];
	uint32_t longest = 0;

	for (unsigned i = 0; i < 10000; i++) {
		snprintf(path, sizeof(path), i % 2 ? "/r%u/{id}" : "/r%u/list", i);
		CU_ASSERT_EQUAL_FATAL(fixture_route(b, path, M(GET), SHM_NONE), 0);
	}
	fixture_attach(b, 0, &t, &bytes);
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(path, sizeof(path), "/r%u/list", i);
		snprintf(want, sizeof(want), i % 2 ? "%u list" : "%u", i);
		CU_ASSERT_STRING_EQUAL(fixture_match(&t, GET, path), want);
	}
	CU_ASSERT_EQUAL(t.n_shapes, 2);
	for (uint32_t i = 0; i < t.n_buckets; i++)
		if (t.buckets[i].n_candidates > longest)
			longest = t.buckets[i].n_candidates;
	CU_ASSERT(longest <= 8);
	check("/r10000/list", "-");
	table_end();
}

static void
test_no_routes(void)
{
	table_of(PATHS(NULL));
	check("/", "-");
	check("", "-");
	check_path("/", SHM_NO, SHM_NONE);
	table_end();
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "test_convertors", test_convertors },
		{ "test_declaration_order", test_declaration_order },
		{ "test_backtracking_gives_pythons_groups",
		    test_backtracking_gives_pythons_groups },
		{ "test_methods", test_methods },
		{ "test_a_path_whatever_the_method", test_a_path_whatever_the_method },
		{ "test_handshakes_have_routes_of_their_own",
		    test_handshakes_have_routes_of_their_own },
		{ "test_barrier_hides_what_follows", test_barrier_hides_what_follows },
		{ "test_odd_paths_are_left_to_the_application",
		    test_odd_paths_are_left_to_the_application },
		{ "test_an_undecided_route_hides_later_ones",
		    test_an_undecided_route_hides_later_ones },
		{ "test_a_route_with_too_many_parameters_is_a_barrier",
		    test_a_route_with_too_many_parameters_is_a_barrier },
		{ "test_many_routes", test_many_routes },
		{ "test_no_routes", test_no_routes },
		CU_TEST_INFO_NULL,
	};

	return suite_run("shm_route", tests);
}
