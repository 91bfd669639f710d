/*
 * test_shm_table: a table is taken only when every byte is right.
 */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/check.h"
#include "shm/route.h"
#include "tests/unit/shm_fixture.h"
#include "tests/unit/suite.h"

static char *bytes;
static size_t size;

static int
set_up(void)
{
	bytes = fixture_bytes(&size);
	return 0;
}

static int
tear_down(void)
{
	free(bytes);
	return 0;
}

static bool
taken(const void *table, size_t n)
{
	struct shm_table t;
	const char *why = NULL;
	bool ok = shm_table_attach(&t, table, n, &why) == 0;

	CU_ASSERT(ok == (why == NULL));
	CU_ASSERT(ok == (t.header != NULL));
	return ok;
}

static void
test_equal_input_gives_equal_bytes(void)
{
	size_t other_size;
	char *other = fixture_bytes(&other_size);

	CU_ASSERT_EQUAL_FATAL(other_size, size);
	CU_ASSERT_EQUAL(memcmp(other, bytes, size), 0);
	free(other);
}

static void
test_records_come_back(void)
{
	struct shm_table t;
	const char *why;

	CU_ASSERT_EQUAL_FATAL(shm_table_attach(&t, bytes, size, &why), 0);
	CU_ASSERT_EQUAL(t.n_routes, 6);
	CU_ASSERT_EQUAL(t.n_plans, 1);
	CU_ASSERT_EQUAL(t.n_steps, 9);
	CU_ASSERT_EQUAL(t.n_args, 4);
	CU_ASSERT(slice_equal(shm_table_text(&t, t.routes[1].path),
	    SLICE_LIT("/items/{id:int}")));
	CU_ASSERT(slice_equal(shm_table_text(&t, t.routes[2].reason), SLICE_LIT("because")));
	CU_ASSERT_EQUAL(t.n_meta, 1);
	CU_ASSERT(slice_equal(shm_table_text(&t, t.meta[0].key), SLICE_LIT("app")));
	CU_ASSERT(slice_equal(shm_table_text(&t, t.meta[0].value), SLICE_LIT("shop:app")));
	CU_ASSERT_EQUAL(t.steps[8].op, SHM_STEP_ENDPOINT);
	CU_ASSERT_EQUAL(t.args[t.steps[8].first + 3], 4);
	shm_table_detach(&t);
	CU_ASSERT_PTR_NULL(t.header);
}

static void
test_every_flipped_bit_is_refused(void)
{
	char *copy = malloc(size);
	struct shm_table t;
	const char *why;
	size_t wrong = 0;

	memcpy(copy, bytes, size);
	for (size_t i = 0; i < size; i++) {
		for (int bit = 0; bit < 8; bit++) {
			copy[i] ^= (char)(1 << bit);
			wrong += shm_table_attach(&t, copy, size, &why) == 0;
			copy[i] ^= (char)(1 << bit);
		}
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT(taken(copy, size));
	free(copy);
}

/* With the checksum made right: refused, or harmless to use. */
static void
test_every_flipped_bit_with_a_right_checksum_is_safe(void)
{
	static const char *const paths[] = { "/", "/items/7", "/f/a.b", "/files/x/y", "", "zz" };
	char *copy = malloc(size);
	struct shm_header *h = (struct shm_header *)copy;
	struct shm_table t;
	const char *why;
	size_t refused = 0;

	memcpy(copy, bytes, size);
	for (size_t i = 0; i < size * 8; i++) {
		copy[i / 8] ^= (char)(1 << (i % 8));
		h->crc = shm_check_crc(copy, size);
		if (shm_table_attach(&t, copy, size, &why) < 0)
			refused++;
		else
			for (size_t k = 0; k < sizeof(paths) / sizeof(paths[0]); k++)
				fixture_match(&t, GET, paths[k]);
		copy[i / 8] ^= (char)(1 << (i % 8));
	}
	/* What may change unseen: texts, methods, numbers of objects. */
	CU_ASSERT(refused > size * 8 / 2);
	free(copy);
}

static void
test_every_shorter_table_is_refused(void)
{
	char *copy = malloc(size + 8);

	for (size_t n = 0; n < size; n++) {
		memcpy(copy, bytes, n);
		CU_ASSERT_FALSE(taken(copy, n));
	}
	memcpy(copy, bytes, size);
	memset(copy + size, 0, 8);
	CU_ASSERT_FALSE(taken(copy, size + 8));
	free(copy);
}

static void
test_an_unaligned_table_is_refused(void)
{
	char *copy = malloc(size + 8);

	memcpy(copy + 4, bytes, size);
	CU_ASSERT_FALSE(taken(copy + 4, size));
	free(copy);
}

/* One record at a time is made wrong, with the checksum made right. */
static const char *
spoiled(uint32_t section, size_t offset, const void *value, size_t n)
{
	char *copy = malloc(size);
	struct shm_header *h = (struct shm_header *)copy;
	struct shm_table t;
	const char *why = NULL;

	memcpy(copy, bytes, size);
	memcpy(copy + h->sections[section].offset + offset, value, n);
	h->crc = shm_check_crc(copy, size);
	if (shm_table_attach(&t, copy, size, &why) == 0)
		why = "taken";
	free(copy);
	return why;
}

#define STEP(i, member) (i) * sizeof(struct shm_step) + offsetof(struct shm_step, member)

static const uint32_t one = 1, many = 1000, large = UINT32_MAX - 1, none = SHM_NONE;
static const uint8_t op = SHM_STEP_OP_COUNT, source = SHM_SOURCE_BODY, call = SHM_STEP_CALL,
    enter = SHM_STEP_ENTER, alias = SHM_STEP_ALIAS;
static const uint32_t websocket = SHM_PLAN_F_WEBSOCKET | SHM_PLAN_F_ALL;
static const uint16_t impure = SHM_STEP_F_IMPURE | SHM_STEP_F_REQUIRED;
static const struct {
	uint32_t section;
	size_t offset;
	const void *value;
	size_t size;
	const char *why;
} wrong_records[] = {
	{ SHM_STEPS, STEP(0, op), &op, 1, "a step's operation is unknown" },
	{ SHM_STEPS, STEP(0, op), &call, 1,
	    "a step stands on the wrong side of the pure ones" },
	{ SHM_STEPS, STEP(0, flags), &impure, 2,
	    "a step stands on the wrong side of the pure ones" },
	{ SHM_STEPS, STEP(8, op), &call, 1, "the endpoint is not the last step" },
	{ SHM_STEPS, STEP(7, op), &enter, 1,	/* without the object for request_response */
	    "a step uses something that is not there" },
	{ SHM_STEPS, STEP(0, slot), &many, 4,
	    "a step's slot is out of bounds, or of two kinds" },
	{ SHM_STEPS, STEP(0, key), &one, 4,	/* the template has one parameter */
	    "a step uses something that is not there" },
	{ SHM_STEPS, STEP(0, key), &many, 4,
	    "a step uses something that is not there" },
	{ SHM_STEPS, STEP(1, source), &source, 1,
	    "a step uses something that is not there" },
	{ SHM_STEPS, STEP(1, count), &many, 4, "a step's fields or names are wrong" },
	{ SHM_STEPS, STEP(2, count), &one, 4, "a step's fields or names are wrong" },
	{ SHM_STEPS, STEP(4, count), &one, 4, "a step's fields or names are wrong" },
	{ SHM_STEPS, STEP(4, count), &large, 4, "a step's fields or names are wrong" },
	{ SHM_STEPS, STEP(2, op), &alias, 1, "taken" },	/* a name of the model itself */
	{ SHM_STEPS, STEP(5, op), &alias, 1, "a step's fields or names are wrong" },
	{ SHM_STEPS, STEP(4, first), &one, 4,
	    "a step uses something that is not there" },
	{ SHM_STEPS, STEP(7, object), &none, 4,
	    "a step uses something that is not there" },
	{ SHM_STEPS, STEP(7, slot), &one, 4,
	    "a step uses something that is not there" },
	{ SHM_STEPS, STEP(7, object2), &many, 4, "a step's object is out of bounds" },
	{ SHM_STEPS, STEP(8, count), &large, 4,
	    "a step uses something that is not there" },
	{ SHM_STEPS, STEP(2, name), &large, 4, "a step's name is out of bounds" },
	{ SHM_ARGS, 0, &many, 4, "a step uses something that is not there" },
	{ SHM_PLANS, offsetof(struct shm_plan, n_steps), &large, 4,
	    "a plan's steps are out of bounds" },
	{ SHM_PLANS, offsetof(struct shm_plan, n_slots), &large, 4,
	    "a plan's steps are out of bounds" },
	{ SHM_PLANS, offsetof(struct shm_plan, helper), &none, 4,
	    "a plan's helper is out of bounds" },
	{ SHM_PLANS, offsetof(struct shm_plan, status), &many, 4,
	    "a plan's fields are wrong" },
	{ SHM_ROUTES, offsetof(struct shm_route, plan), &many, 4,
	    "a route's plan is out of bounds" },
	{ SHM_PLANS, offsetof(struct shm_plan, flags), &websocket, 4,
	    "a plan for WebSockets is another route's" },
	{ SHM_ROUTES, offsetof(struct shm_route, barrier), &one, 4,
	    "a route is filed in the wrong place" },
	{ SHM_ROUTES, offsetof(struct shm_route, n_parts), &many, 4,
	    "a route's parts are out of bounds" },
	{ SHM_PARTS, 0, &many, 4, "a template part is wrong" },
	{ SHM_META, offsetof(struct shm_meta, value), &large, 4,
	    "a meta text is out of bounds" },
	{ SHM_BUCKETS, 0, &many, 4, "a bucket is out of bounds" },
	{ SHM_CANDIDATES, 0, &many, 4, "a route is filed in the wrong place" },
	{ SHM_CANDIDATES, 4, &many, 4, "a route is filed in the wrong place" },
	{ SHM_SHAPES, offsetof(struct shm_shape, n_buckets), &many, 4,
	    "a shape is wrong" },
	{ SHM_SPANS, 4, &many, 4, "a span is out of bounds" },
};

static void
test_wrong_records_are_refused(void)
{
	for (size_t i = 0; i < sizeof(wrong_records) / sizeof(wrong_records[0]); i++) {
		const char *want = wrong_records[i].why;
		const char *why = spoiled(wrong_records[i].section, wrong_records[i].offset,
		    wrong_records[i].value, wrong_records[i].size);

		if (strcmp(why, want) != 0)
			printf("\n\tcase %zu: %s instead of %s\n", i, why, want);
		CU_ASSERT_STRING_EQUAL(why, want);
	}
}

static void
test_limit(void)
{
	struct shm_builder *b = shm_builder_new();
	void *out = NULL;
	size_t need = 0;

	CU_ASSERT_EQUAL(fixture_route(b, "/a", M(GET), SHM_NONE), 0);
	CU_ASSERT_EQUAL(shm_builder_finish(b, 0, 64, &out, &need), -2);
	CU_ASSERT_PTR_NULL(out);
	CU_ASSERT(need > 64);
	CU_ASSERT_EQUAL(shm_builder_finish(b, 0, need, &out, &need), 0);
	CU_ASSERT(taken(out, need));
	free(out);
	shm_builder_free(b);
	shm_builder_free(NULL);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "test_equal_input_gives_equal_bytes", test_equal_input_gives_equal_bytes },
		{ "test_records_come_back", test_records_come_back },
		{ "test_every_flipped_bit_is_refused", test_every_flipped_bit_is_refused },
		{ "test_every_flipped_bit_with_a_right_checksum_is_safe",
		    test_every_flipped_bit_with_a_right_checksum_is_safe },
		{ "test_every_shorter_table_is_refused", test_every_shorter_table_is_refused },
		{ "test_an_unaligned_table_is_refused", test_an_unaligned_table_is_refused },
		{ "test_wrong_records_are_refused", test_wrong_records_are_refused },
		{ "test_limit", test_limit },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "shm_table", set_up, tear_down, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return suites_run(suites);
}
