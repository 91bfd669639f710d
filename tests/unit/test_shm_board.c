/*
 * test_shm_board: a worker's numbers and texts arrive, and garbage does no harm.
 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/board.h"

enum { BOARDS = 3, MINE = 1 };

static struct shm_board *worker;
static struct shm_boards all;
static const struct shm_board *master;
static int fd;

static int
set_up(void)
{
	fd = shm_boards_create("test", BOARDS);
	worker = shm_board_attach(fd, MINE);
	if (worker == NULL || shm_boards_attach(&all, fd) < 0)
		return 1;
	master = shm_boards_at(&all, MINE);
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
	struct shm_board_view view;

	shm_board_read(master, &view);
	CU_ASSERT_FALSE(view.garbage);
	CU_ASSERT_EQUAL(view.state, SHM_BOARD_EMPTY);
	CU_ASSERT_STRING_EQUAL(view.last_words, "");
	for (int i = 0; i < SHM_COUNTER_COUNT; i++)
		CU_ASSERT_EQUAL(view.counters[i], 0);
}

static void
test_numbers_arrive(void)
{
	struct shm_board_view view;

	shm_board_claim(worker, 4711, 3);
	shm_board_read(master, &view);
	CU_ASSERT_EQUAL(view.state, SHM_BOARD_STARTING);
	shm_board_state(worker, SHM_BOARD_SERVING);
	shm_board_beat(worker, 123456789);
	shm_board_add(worker, SHM_COUNT_requests, 2);
	shm_board_add(worker, SHM_COUNT_requests, 3);
	shm_board_set(worker, SHM_COUNT_connections_open, 7);
	shm_board_read(master, &view);
	CU_ASSERT_FALSE(view.garbage);
	CU_ASSERT_EQUAL(view.state, SHM_BOARD_SERVING);
	CU_ASSERT_EQUAL(view.pid, 4711);
	CU_ASSERT_EQUAL(view.generation, 3);
	CU_ASSERT_EQUAL(view.heartbeat_ns, 123456789);
	CU_ASSERT_EQUAL(view.counters[SHM_COUNT_requests], 5);
	CU_ASSERT_EQUAL(view.counters[SHM_COUNT_connections_open], 7);
}

/* So that the sum over all boards never goes backwards. */
static void
test_the_next_owner_inherits_the_counters_and_nothing_else(void)
{
	struct shm_board_view view;

	shm_board_last_words(worker, "must failed");
	shm_board_request(worker, SLICE_LIT("GET /"), 5);
	shm_board_claim(worker, 4712, 3);
	shm_board_read(master, &view);
	CU_ASSERT_EQUAL(view.pid, 4712);
	CU_ASSERT_EQUAL(view.state, SHM_BOARD_STARTING);
	CU_ASSERT_EQUAL(view.counters[SHM_COUNT_requests], 5);
	CU_ASSERT_EQUAL(view.counters[SHM_COUNT_connections_open], 0);
	CU_ASSERT_EQUAL(view.heartbeat_ns, 0);
	CU_ASSERT_EQUAL(view.request_start_ns, 0);
	CU_ASSERT_STRING_EQUAL(view.request, "");
	CU_ASSERT_STRING_EQUAL(view.last_words, "");
}

static void
test_boards_do_not_touch_each_other(void)
{
	struct shm_board *first = shm_board_attach(fd, 0), *last = shm_board_attach(fd, 2);
	struct shm_board_view view;

	CU_ASSERT_EQUAL(all.n, BOARDS);
	CU_ASSERT_PTR_NOT_NULL_FATAL(first);
	CU_ASSERT_PTR_NOT_NULL_FATAL(last);
	memset((void *)first, 0xff, sizeof(*first));
	memset((void *)last, 0xff, sizeof(*last));
	shm_board_claim(worker, 1, 1);
	shm_board_read(master, &view);
	CU_ASSERT_FALSE(view.garbage);
	shm_board_read(shm_boards_at(&all, 0), &view);
	CU_ASSERT(view.garbage);
	shm_board_read(shm_boards_at(&all, 2), &view);
	CU_ASSERT(view.garbage);
	shm_board_detach(first);
	shm_board_detach(last);
}

static void
test_texts_are_cut_and_made_printable(void)
{
	char line[2 * SHM_BOARD_TEXT];
	struct shm_board_view view;

	shm_board_request(worker, SLICE_LIT("GET /\x01\xff HTTP/1.1"), 99);
	shm_board_last_words(worker, "12345678");
	shm_board_read(master, &view);
	CU_ASSERT_STRING_EQUAL(view.request, "GET /?? HTTP/1.1");
	CU_ASSERT_EQUAL(view.request_start_ns, 99);
	CU_ASSERT_STRING_EQUAL(view.last_words, "12345678");
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	shm_board_last_words(worker, line);
	shm_board_request(worker, (struct slice){ line, sizeof(line) }, 1);
	shm_board_read(master, &view);
	CU_ASSERT_EQUAL(strlen(view.last_words), SHM_BOARD_TEXT);
	CU_ASSERT_EQUAL(strlen(view.request), SHM_BOARD_REQUEST);
	shm_board_request(worker, SLICE_LIT("GET /short"), 2);
	shm_board_read(master, &view);
	CU_ASSERT_STRING_EQUAL(view.request, "GET /short");
	shm_board_request(worker, SLICE_NULL, 3);
	shm_board_read(master, &view);
	CU_ASSERT_STRING_EQUAL(view.request, "");
	CU_ASSERT_EQUAL(view.request_start_ns, 0);
}

static void
test_garbage_is_noticed_and_harmless(void)
{
	struct shm_board_view view;

	for (int fill = 1; fill < 256; fill++) {
		memset((void *)worker, fill, sizeof(*worker));
		shm_board_read(master, &view);
		CU_ASSERT(view.garbage);
		CU_ASSERT(view.state < SHM_BOARD_STATE_COUNT);
		CU_ASSERT(strlen(view.request) <= SHM_BOARD_REQUEST);
		CU_ASSERT(strlen(view.last_words) <= SHM_BOARD_TEXT);
	}
	memset((void *)worker, 0, sizeof(*worker));
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
	struct shm_board_view view;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		shm_board_claim(worker, (uint32_t)getpid(), 9);
		shm_board_last_words(worker, "good bye");
		abort();
	}
	waitpid(pid, &status, 0);
	CU_ASSERT(WIFSIGNALED(status));
	shm_board_read(master, &view);
	CU_ASSERT_EQUAL(view.pid, (uint32_t)pid);
	CU_ASSERT_STRING_EQUAL(view.last_words, "good bye");
}

static void
test_no_board_takes_everything(void)
{
	shm_board_add(NULL, SHM_COUNT_requests, 1);
	shm_board_set(NULL, SHM_COUNT_requests, 1);
	shm_board_beat(NULL, 1);
	shm_board_state(NULL, SHM_BOARD_SERVING);
	shm_board_request(NULL, SLICE_LIT("x"), 1);
	shm_board_last_words(NULL, "x");
}

static void
test_rows(void)
{
	CU_ASSERT_STRING_EQUAL(shm_counter_name(SHM_COUNT_requests), "requests");
	CU_ASSERT_FALSE(shm_counter_gauge(SHM_COUNT_requests));
	CU_ASSERT(shm_counter_gauge(SHM_COUNT_connections_open));
	for (int i = 0; i < SHM_COUNTER_COUNT; i++)
		CU_ASSERT(strlen(shm_counter_help((enum shm_counter)i)) > 10);
	CU_ASSERT_STRING_EQUAL(shm_board_state_name(SHM_BOARD_DRAINING), "draining");
	CU_ASSERT_STRING_EQUAL(shm_board_state_name((enum shm_board_state)77), "unknown");
}

int
main(void)
{
	CU_pSuite suite;
	int failed;

	CU_initialize_registry();
	suite = CU_add_suite("shm_board", set_up, tear_down);
	CU_ADD_TEST(suite, test_a_new_board_is_empty);
	CU_ADD_TEST(suite, test_numbers_arrive);
	CU_ADD_TEST(suite, test_the_next_owner_inherits_the_counters_and_nothing_else);
	CU_ADD_TEST(suite, test_texts_are_cut_and_made_printable);
	CU_ADD_TEST(suite, test_garbage_is_noticed_and_harmless);
	CU_ADD_TEST(suite, test_boards_do_not_touch_each_other);
	CU_ADD_TEST(suite, test_no_child_can_resize_the_boards);
	CU_ADD_TEST(suite, test_only_sealed_boards_of_the_right_size_are_taken);
	CU_ADD_TEST(suite, test_the_board_outlives_its_worker);
	CU_ADD_TEST(suite, test_no_board_takes_everything);
	CU_ADD_TEST(suite, test_rows);
	CU_basic_run_tests();
	failed = (int)CU_get_number_of_tests_failed();
	CU_cleanup_registry();
	return failed != 0;
}
