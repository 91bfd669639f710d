/*
 * test_master_watchdog: what is made of beats, and of what the kernel says of a process.
 */
#include <CUnit/Basic.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/wire.h"
#include "master/process.h"
#include "master_fixture.h"
#include "shm/board.h"
#include "tests/unit/suite.h"

static void
test_a_name_does_not_hide_the_fields(void)
{
	static const char text[] = "4711 (a) R (b) S 1 2 3 4 5 6 7 8 9 10 200 100 0 0 20 0 1 0 "
	    "77 123456 50 18446744073709551615 1 1\n";
	struct master_process p;

	CU_ASSERT_EQUAL(master_process_parse(text, &p), 0);
	CU_ASSERT_EQUAL(p.state, 'S');
	CU_ASSERT_EQUAL(p.cpu_ms, 300 * 1000 / (uint64_t)sysconf(_SC_CLK_TCK));
	CU_ASSERT_EQUAL(p.resident, 50 * (uint64_t)sysconf(_SC_PAGESIZE));
	CU_ASSERT_EQUAL(master_process_parse("4711 (a) S 1 2", &p), -1);
	CU_ASSERT_EQUAL(master_process_parse("", &p), -1);
	CU_ASSERT_EQUAL(p.state, 0);
}

static void
test_this_process_is_read(void)
{
	struct master_process p;

	CU_ASSERT_EQUAL(master_process_read(getpid(), &p), 0);
	CU_ASSERT_EQUAL(p.state, 'R');
	CU_ASSERT_TRUE(p.resident > 0);
	CU_ASSERT_EQUAL(master_process_read(1 << 30, &p), -1);
}

/* A master with one worker that serves, whose process does nothing. */
static struct {
	struct master *m;
	struct master_child *worker;
	struct shm_board *board;
	pid_t pid;
} it;

static void
it_begin(uint32_t timeout_ms)
{
	it.m = fixture_new(1);
	fixture_settings(it.m)->worker_timeout_ms = timeout_ms;
	it.m->boards_fd = shm_boards_create("boards", 4);
	it.worker = fixture_worker(it.m, fixture_serving(it.m), 0);
	it.board = shm_board_attach(it.m->boards_fd, it.worker->board);
	CU_ASSERT_PTR_NOT_NULL_FATAL(it.board);
	it.pid = fork();
	if (it.pid == 0)
		for (;;)
			pause();
	it.worker->pid = it.pid;
	it.worker->begun = false;	/* it shows no stacks */
}

static void
it_end(void)
{
	kill(it.pid, SIGKILL);
	waitpid(it.pid, NULL, 0);
	shm_board_detach(it.board);
	close(it.m->boards_fd);
	fixture_free(it.m);
}

/* Look every MASTER_LOOK_MS from `ms` to `until_ms`, with these beats. */
static void
looks(uint64_t ms, uint64_t until_ms, uint64_t loop, uint64_t interpreter)
{
	for (; ms <= until_ms; ms += MASTER_LOOK_MS) {
		shm_board_beat(it.board, loop);
		shm_board_interpreter(it.board, interpreter);
		master_watchdog_look(it.m, ms);
	}
}

static void
test_numbers_only_have_to_change(void)
{
	it_begin(3000);
	for (uint64_t ms = 1000; ms < 20000; ms += 1000)	/* whatever they are */
		looks(ms, ms + 500, UINT64_MAX - ms * 77777777, 0);
	CU_ASSERT_EQUAL(it.worker->state, CHILD_SERVING);
	CU_ASSERT_EQUAL(fixture_logged("worker 0"), 0);
	it_end();
}

static void
test_one_that_is_quiet_is_given_up_in_time(void)
{
	it_begin(3000);
	looks(1000, 3900, 7, 8);
	CU_ASSERT_EQUAL(it.worker->state, CHILD_SERVING);
	CU_ASSERT_EQUAL(fixture_logged("worker 0 has not responded for 2.0 s: C code waits"), 1);
	looks(4000, 4500, 7, 8);
	CU_ASSERT_EQUAL(fixture_logged("worker 0 has not responded for 3.0 s and is replaced"), 1);
	CU_ASSERT_EQUAL(it.worker->state, CHILD_DRAINING);
	CU_ASSERT_NOT_EQUAL(it.m->slots[0].spawn_at_ms, 0);
	looks(5000, 9000, 7, 8);	/* once is enough */
	CU_ASSERT_EQUAL(fixture_logged("replaced"), 1);
	it_end();
}

static void
test_where_python_runs_the_loop_is_to_blame(void)
{
	it_begin(3000);
	for (uint64_t ms = 1000; ms <= 4500; ms += MASTER_LOOK_MS)
		looks(ms, ms, 7, ms);
	CU_ASSERT_EQUAL(fixture_logged("its event loop is blocked, by a call that does not"), 1);
	CU_ASSERT_EQUAL(fixture_logged("worker 0"), 1);
	it_end();
}

static void
test_nobody_is_late_while_the_master_is_stopped(void)
{
	it_begin(3000);
	looks(1000, 2000, 7, 8);
	looks(100000, 100000, 7, 8);
	CU_ASSERT_EQUAL(it.worker->state, CHILD_SERVING);
	looks(100500, 102000, 9, 9);
	CU_ASSERT_EQUAL(fixture_logged("worker 0"), 0);
	it_end();
}

static void
test_without_a_time_out_it_is_only_told(void)
{
	it_begin(0);
	looks(1000, 100000, 7, 8);
	CU_ASSERT_EQUAL(it.worker->state, CHILD_SERVING);
	CU_ASSERT_EQUAL(fixture_logged("worker 0"), 1);
	looks(100500, 100500, 9, 8);
	CU_ASSERT_EQUAL(fixture_logged("worker 0 responds again after 99.0 s"), 1);
	it_end();
}

static CU_TestInfo tests[] = {
	{ "name", test_a_name_does_not_hide_the_fields },
	{ "this process", test_this_process_is_read },
	{ "numbers", test_numbers_only_have_to_change },
	{ "quiet", test_one_that_is_quiet_is_given_up_in_time },
	{ "blocked", test_where_python_runs_the_loop_is_to_blame },
	{ "stopped master", test_nobody_is_late_while_the_master_is_stopped },
	{ "no time-out", test_without_a_time_out_it_is_only_told },
	CU_TEST_INFO_NULL,
};

int
main(void)
{
	return suite_run("watchdog", tests);
}
