/*
 * test_shm_segment: a sealed table cannot change, and only a sealed one is read.
 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/segment.h"
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

/* The fixture's table in a sealed segment; the read-only descriptor. */
static int
sealed_fd(void)
{
	int fd = shm_segment_create("test"), copy;

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL_FATAL(shm_segment_write(fd, bytes, size), 0);
	CU_ASSERT_EQUAL_FATAL(shm_segment_seal(fd), 0);
	copy = shm_segment_reopen(fd);
	CU_ASSERT_FATAL(copy >= 0);
	close(fd);
	return copy;
}

static void
test_sealed_bytes_cannot_change(void)
{
	int fd = shm_segment_create("test"), copy;
	size_t n;

	CU_ASSERT(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CU_ASSERT_EQUAL(shm_segment_write(fd, bytes, size), 0);
	CU_ASSERT_EQUAL(shm_segment_size(fd), (int64_t)size);
	CU_ASSERT_PTR_NULL(shm_segment_map(fd, &n));
	CU_ASSERT_EQUAL(errno, EPERM);
	CU_ASSERT_EQUAL(shm_segment_seal(fd), 0);
	CU_ASSERT_EQUAL(shm_segment_write(fd, "x", 1), -1);
	CU_ASSERT_EQUAL(pwrite(fd, "x", 1, 0), -1);
	CU_ASSERT_EQUAL(ftruncate(fd, 1), -1);
	CU_ASSERT_PTR_EQUAL(mmap(NULL, size, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	copy = shm_segment_reopen(fd);
	CU_ASSERT_EQUAL(fcntl(copy, F_GETFL) & O_ACCMODE, O_RDONLY);
	close(copy);
	close(fd);
}

static void
test_sealing_fails_while_somebody_can_write(void)
{
	int fd = shm_segment_create("test");
	void *map;

	CU_ASSERT_EQUAL(shm_segment_write(fd, bytes, size), 0);
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CU_ASSERT_PTR_NOT_EQUAL(map, MAP_FAILED);
	CU_ASSERT_EQUAL(shm_segment_seal(fd), -1);
	CU_ASSERT_EQUAL(errno, EBUSY);
	munmap(map, size);
	close(fd);
}

static void
test_open_attaches_a_sealed_table(void)
{
	struct shm_table t;
	const char *why = NULL;
	int fd = sealed_fd();

	CU_ASSERT_EQUAL(shm_table_open(&t, fd, &why), 0);
	close(fd);
	CU_ASSERT_EQUAL(t.n_routes, 6);
	CU_ASSERT_STRING_EQUAL(fixture_match(&t, GET, "/items/x"), "2 x");
	shm_table_detach(&t);
	CU_ASSERT_EQUAL(shm_table_open(&t, -1, &why), -1);
	CU_ASSERT_STRING_EQUAL(why, "cannot be mapped");
	CU_ASSERT_PTR_NULL(t.header);
}

static void
test_open_refuses_other_bytes(void)
{
	struct shm_table t;
	const char *why = NULL;
	int fd = shm_segment_create("test");

	CU_ASSERT_EQUAL(shm_segment_write(fd, "no table at all", 15), 0);
	CU_ASSERT_EQUAL(shm_segment_seal(fd), 0);
	CU_ASSERT_EQUAL(shm_table_open(&t, fd, &why), -1);
	CU_ASSERT_PTR_NOT_NULL(why);
	close(fd);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "test_sealed_bytes_cannot_change", test_sealed_bytes_cannot_change },
		{ "test_sealing_fails_while_somebody_can_write",
		    test_sealing_fails_while_somebody_can_write },
		{ "test_open_attaches_a_sealed_table", test_open_attaches_a_sealed_table },
		{ "test_open_refuses_other_bytes", test_open_refuses_other_bytes },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "shm_segment", set_up, tear_down, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return suites_run(suites);
}
