/*
 * test_shm_board: what a worker writes arrives, and stays when the worker is gone.
 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/board.h"
#include "tests/unit/suite.h"

enum { BOARDS = 3, MINE = 1 };

static struct shm_board *worker;
static struct shm_boards all;
static const struct shm_board *reader;
static int fd;

static int
set_up(void)
{
	fd = shm_boards_create("test", BOARDS);
	worker = shm_board_attach(fd, MINE);
	if (worker == NULL || shm_boards_attach(&all, fd) < 0)
		return 1;
	reader = shm_boards_at(&all, MINE);
	return 0;
}

static int
tear_down(void)
{
	shm_board_detach(worker);
	shm_boards_detach(&all);
	close(fd);
	return 0;
}

static void
test_a_new_board_is_empty(void)
{
	CU_ASSERT_EQUAL(all.n, BOARDS);
	CU_ASSERT_EQUAL(reader->version, 0);
	CU_ASSERT_EQUAL(reader->state, SHM_BOARD_EMPTY);
	for (int i = 0; i < SHM_COUNTER_COUNT; i++)
		CU_ASSERT_EQUAL(shm_board_get(reader, (enum shm_counter)i), 0);
}

static void
test_numbers_arrive(void)
{
	shm_board_claim(worker, 4711, 3);
	CU_ASSERT_EQUAL(reader->version, SHM_BOARD_VERSION);
	CU_ASSERT_EQUAL(reader->state, SHM_BOARD_STARTING);
	shm_board_state(worker, SHM_BOARD_SERVING);
	shm_board_beat(worker, 123456789);
	shm_board_add(worker, SHM_COUNT_requests, 2);
	shm_board_add(worker, SHM_COUNT_requests, 3);
	shm_board_set(worker, SHM_COUNT_connections_open, 7);
	CU_ASSERT_EQUAL(reader->state, SHM_BOARD_SERVING);
	CU_ASSERT_EQUAL(reader->pid, 4711);
	CU_ASSERT_EQUAL(reader->generation, 3);
	CU_ASSERT_EQUAL(reader->heartbeat_ns, 123456789);
	CU_ASSERT_EQUAL(shm_board_get(reader, SHM_COUNT_requests), 5);
	CU_ASSERT_EQUAL(shm_board_get(reader, SHM_COUNT_connections_open), 7);
}

/* So that the sum over all boards never goes backwards. */
static void
test_the_next_owner_inherits_the_counters_and_nothing_else(void)
{
	shm_board_claim(worker, 4712, 4);
	CU_ASSERT_EQUAL(reader->pid, 4712);
	CU_ASSERT_EQUAL(reader->generation, 4);
	CU_ASSERT_EQUAL(reader->state, SHM_BOARD_STARTING);
	CU_ASSERT_EQUAL(shm_board_get(reader, SHM_COUNT_requests), 5);
	CU_ASSERT_EQUAL(shm_board_get(reader, SHM_COUNT_connections_open), 0);
	CU_ASSERT_EQUAL(reader->heartbeat_ns, 0);
}

static void
test_boards_do_not_touch_each_other(void)
{
	struct shm_board *first = shm_board_attach(fd, 0), *last = shm_board_attach(fd, 2);

	CU_ASSERT_PTR_NOT_NULL_FATAL(first);
	CU_ASSERT_PTR_NOT_NULL_FATAL(last);
	shm_board_claim(worker, 1, 1);
	memset((void *)first, 0xff, sizeof(*first));
	memset((void *)last, 0xff, sizeof(*last));
	CU_ASSERT_EQUAL(reader->pid, 1);
	CU_ASSERT_EQUAL(shm_board_get(reader, SHM_COUNT_connections_open), 0);
	memset((void *)worker, 0, sizeof(*worker));
	CU_ASSERT_EQUAL(shm_boards_at(&all, 0)->version, UINT32_MAX);
	CU_ASSERT_EQUAL(shm_boards_at(&all, 2)->version, UINT32_MAX);
	shm_board_detach(first);
	shm_board_detach(last);
}

static void
test_no_child_can_resize_the_boards(void)
{
	CU_ASSERT_EQUAL(ftruncate(fd, 0), -1);
	CU_ASSERT_EQUAL(ftruncate(fd, 1 << 20), -1);
}

static void
test_only_sealed_boards_of_the_right_size_are_taken(void)
{
	int other = memfd_create("other", MFD_ALLOW_SEALING);
	struct shm_boards none = { 0 };

	CU_ASSERT_PTR_NULL(shm_board_attach(other, 0));
	CU_ASSERT_EQUAL(errno, EPERM);
	CU_ASSERT_EQUAL(shm_boards_attach(&none, other), -1);
	CU_ASSERT_EQUAL(errno, EPERM);
	CU_ASSERT_EQUAL(ftruncate(other, sizeof(struct shm_board)), 0);
	CU_ASSERT_EQUAL(fcntl(other, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
	CU_ASSERT_PTR_NULL(shm_board_attach(other, 0));
	CU_ASSERT_EQUAL(errno, EINVAL);
	CU_ASSERT_EQUAL(shm_boards_attach(&none, other), -1);
	CU_ASSERT_EQUAL(errno, EINVAL);
	CU_ASSERT_EQUAL(none.n, 0);
	shm_boards_detach(&none);
	close(other);
	CU_ASSERT_PTR_NULL(shm_board_attach(fd, BOARDS));
	CU_ASSERT_EQUAL(errno, EINVAL);
	CU_ASSERT_PTR_NULL(shm_board_attach(-1, 0));
}

/* What a worker wrote just before it was killed is there. */
static void
test_the_board_outlives_its_worker(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		shm_board_claim(worker, (uint32_t)getpid(), 9);
		shm_board_add(worker, SHM_COUNT_requests, 17);
		abort();
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT(WIFSIGNALED(status));
	CU_ASSERT_EQUAL(reader->pid, (uint32_t)pid);
	CU_ASSERT_EQUAL(shm_board_get(reader, SHM_COUNT_requests), 17);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "test_a_new_board_is_empty", test_a_new_board_is_empty },
		{ "test_numbers_arrive", test_numbers_arrive },
		{ "test_the_next_owner_inherits_the_counters_and_nothing_else",
		    test_the_next_owner_inherits_the_counters_and_nothing_else },
		{ "test_boards_do_not_touch_each_other", test_boards_do_not_touch_each_other },
		{ "test_no_child_can_resize_the_boards", test_no_child_can_resize_the_boards },
		{ "test_only_sealed_boards_of_the_right_size_are_taken",
		    test_only_sealed_boards_of_the_right_size_are_taken },
		{ "test_the_board_outlives_its_worker", test_the_board_outlives_its_worker },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "shm_board", set_up, tear_down, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return suites_run(suites);
}
