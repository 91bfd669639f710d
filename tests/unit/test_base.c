/*
 * Tests of base/: the arena's memory, slices, must() and log lines.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/must.h"
#include "base/slice.h"

static void
arena_allocations_are_aligned_apart_and_grow(void)
{
	unsigned char *p[200];
	struct arena a;

	arena_init(&a, 128);
	for (size_t i = 0; i < 200; i++) {
		p[i] = arena_alloc(&a, i);
		CU_ASSERT_PTR_NOT_NULL_FATAL(p[i]);
		CU_ASSERT_EQUAL((uintptr_t)p[i] % _Alignof(max_align_t), 0);
		memset(p[i], (int)i, i);
	}
	for (size_t i = 1; i < 200; i++)
		CU_ASSERT(p[i][0] == i && p[i][i - 1] == i);
	CU_ASSERT_PTR_NULL(arena_alloc(&a, SIZE_MAX));
	arena_reset(&a);
	arena_fini(&a);
}

static void
an_arena_allocates_when_it_is_used_and_keeps_its_first_block(void)
{
	struct arena a;
	void *p;

	arena_init(&a, 64);
	arena_reset(&a);
	CU_ASSERT_PTR_NULL(a.first);
	p = arena_alloc(&a, 8);
	CU_ASSERT_PTR_NOT_NULL(arena_alloc(&a, 1000));
	arena_reset(&a);
	CU_ASSERT_PTR_EQUAL(arena_alloc(&a, 8), p);
	arena_fini(&a);
	CU_ASSERT_PTR_NULL(a.first);
	/* And once more, as a connection does that has rested. */
	memset(arena_alloc(&a, 64), 1, 64);
	arena_fini(&a);
	arena_fini(&a);
}

static void
slices_compare_with_and_without_case(void)
{
	CU_ASSERT_TRUE(slice_equal(SLICE_LIT(""), SLICE_NULL));
	CU_ASSERT_FALSE(slice_equal(SLICE_LIT("ab"), SLICE_LIT("aB")));
	CU_ASSERT_TRUE(slice_equal_lower(SLICE_LIT("Content-TYPE"), SLICE_LIT("content-type")));
	/* '@' and '`' differ in the same bit as 'A' and 'a'. */
	CU_ASSERT_FALSE(slice_equal_lower(SLICE_LIT("@"), SLICE_LIT("`")));
}

/* Run `act` in a child with stderr in a pipe; its output and wait status. */
static int
forked(void (*act)(void), char *out, size_t room)
{
	int fds[2], status = -1;
	ssize_t n, used = 0;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		act();
		_exit(0);
	}
	close(fds[1]);
	while ((n = read(fds[0], out + used, room - 1 - (size_t)used)) > 0)
		used += n;
	out[used] = '\0';
	close(fds[0]);
	waitpid(pid, &status, 0);
	return status;
}

static void
fail_must(void)
{
	must(1 == 2);
}

static void
must_aborts_and_says_where(void)
{
	char text[1024];
	int status = forked(fail_must, text, sizeof(text));

	CU_ASSERT_TRUE(WIFSIGNALED(status));
	CU_ASSERT_EQUAL(WTERMSIG(status), SIGABRT);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "fail_must: must(1 == 2) failed"));
}

static void
log_hostile(void)
{
	log_open("test", LOG_LEVEL_INFO);
	log_debug("not shown");
	log_info("%s", "a\x1b[31mb\xff" "c\xc3\xa9\nforged");
}

static void
log_without_a_reader(void)
{
	int pair[2];

	if (pipe(pair) < 0 || dup2(pair[1], STDERR_FILENO) < 0)
		_exit(1);
	alarm(10);
	for (int i = 0; i < 100000; i++)
		log_info("nobody reads this");
	_exit(0);
}

static void
log_never_waits(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		log_without_a_reader();
	waitpid(pid, &status, 0);
	CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void
log_escapes_what_a_terminal_would_obey(void)
{
	char text[1024];

	forked(log_hostile, text, sizeof(text));
	CU_ASSERT_PTR_NULL(strstr(text, "not shown"));
	CU_ASSERT_PTR_NULL(strchr(text, '\x1b'));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "a\\x1b[31mb\\xffc\xc3\xa9\\x0aforged\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "info [test]"));
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "arena allocations are aligned, apart and grow",
		    arena_allocations_are_aligned_apart_and_grow },
		{ "an arena allocates when it is used and keeps its first block",
		    an_arena_allocates_when_it_is_used_and_keeps_its_first_block },
		{ "slices compare with and without case", slices_compare_with_and_without_case },
		{ "must() aborts and says where", must_aborts_and_says_where },
		{ "log never waits", log_never_waits },
		{ "log escapes what a terminal would obey", log_escapes_what_a_terminal_would_obey },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "base", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};
	unsigned failed;

	if (CU_initialize_registry() != CUE_SUCCESS ||
	    CU_register_suites(suites) != CUE_SUCCESS)
		return 1;
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failed = CU_get_number_of_tests_failed();
	CU_cleanup_registry();
	return failed != 0;
}
