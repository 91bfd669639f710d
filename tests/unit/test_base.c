/*
 * Tests of base/: the arena's memory, slices, must() and log lines.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/must.h"
#include "base/pool.h"
#include "base/slice.h"
#include "base/stderr.h"
#include "tests/unit/suite.h"

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
	arena_fini(&a);
}

static void
an_arena_takes_its_first_block_from_a_pool(void)
{
	struct arena a;
	struct pool p;

	pool_init(&p, 1000);
	arena_init_pool(&a, &p);
	for (int i = 0; i < 2; i++) {
		for (int n = 0; n < 100; n++)
			memset(arena_alloc(&a, 90), n, 90);
		CU_ASSERT_EQUAL(p.n_used, 1);
		arena_fini(&a);
		CU_ASSERT_EQUAL(p.n_used, 0);
	}
	/* One allocation that is larger than a block. */
	memset(arena_alloc(&a, 5000), 1, 5000);
	CU_ASSERT_EQUAL(p.n_used, 0);
	memset(arena_alloc(&a, 10), 1, 10);
	arena_fini(&a);
	CU_ASSERT_EQUAL(p.n_used, 0);
	pool_fini(&p);
}

static void
an_arena_allocates_when_it_is_used(void)
{
	struct arena a;

	arena_init(&a, 64);
	arena_fini(&a);
	CU_ASSERT_PTR_NULL(a.first);
	CU_ASSERT_PTR_NOT_NULL(arena_alloc(&a, 8));
	CU_ASSERT_PTR_NOT_NULL(arena_alloc(&a, 1000));
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
log_without_a_reader(int writer)
{
	if (dup2(writer, STDERR_FILENO) < 0)
		_exit(1);
	alarm(10);
	for (int i = 0; i < 10000; i++)
		log_info("nobody reads this");
	_exit(0);
}

/* On a terminal that has room for a part of a line, so that it is ready to be written to. */
static void
log_on_a_slow_terminal(int unused)
{
	char name[64], some[2000];
	int master = posix_openpt(O_RDWR | O_NOCTTY), terminal;

	(void)unused;
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 ||
	    ptsname_r(master, name, sizeof(name)) != 0 ||
	    (terminal = open(name, O_RDWR | O_NOCTTY)) < 0 ||
	    dup2(terminal, STDERR_FILENO) < 0)
		_exit(1);
	alarm(10);
	while (stderr_write("some", 4) == 4)
		continue;
	/* The kernel moves on in its own time what a reader has made room for. */
	for (int i = 0; i < 20; i++) {
		if (read(master, some, sizeof(some)) <= 0)
			_exit(1);
		for (int n = 0; n < 4; n++)
			log_info("%3900d", n);
	}
	_exit(0);
}

static void
log_never_waits(void)
{
	static void (*const acts[])(int) = { log_without_a_reader, log_on_a_slow_terminal };
	int ends[2], status;

	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	for (size_t i = 0; i < 2; i++) {
		pid_t pid = fork();

		if (pid == 0)
			acts[i](ends[1]);
		waitpid(pid, &status, 0);
		CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	close(ends[0]);
	close(ends[1]);
}

/* Read all that is there; the end of it stays in `out`, which has `room`. */
static void
drain(int reader, char *out, size_t room)
{
	ssize_t n;

	while ((n = read(reader, out, room - 1)) > 0)
		out[n] = '\0';
	CU_ASSERT_EQUAL(errno, EAGAIN);
}

/* What is logged after a standard error that was full has been read. The writing end,
 * which others may share, stays as it was. */
static void
log_over(int ends[2], char *out, size_t room)
{
	static const char waste[4096];
	int kept = dup(STDERR_FILENO);

	CU_ASSERT_EQUAL(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	CU_ASSERT(dup2(ends[1], STDERR_FILENO) >= 0);
	while (stderr_write(waste, sizeof(waste)) > 0)
		continue;
	for (int i = 0; i < 3; i++)
		log_warnx("lost");
	CU_ASSERT_EQUAL(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
	drain(ends[0], out, room);
	log_info("read again");
	drain(ends[0], out, room);
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(ends[0]);
	close(ends[1]);
}

static void
log_counts_what_is_lost(void)
{
	char text[4096];
	int ends[2];

	log_open("test", LOG_LEVEL_INFO);
	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	log_over(ends, text, sizeof(text));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "warning [test] 3 messages lost: standard error was not read in time"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "info [test] read again\n"));
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	log_over(ends, text, sizeof(text));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "warning [test] 3 messages lost: standard error was not read in time"));
}

/* The second of two messages fits in part. */
static void
log_ends_a_line_that_was_cut(void)
{
	static char message[9001], text[32768];
	int ends[2], kept = dup(STDERR_FILENO);

	log_open("test", LOG_LEVEL_INFO);
	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	CU_ASSERT_EQUAL(fcntl(ends[1], F_SETPIPE_SZ, 16384), 16384);
	CU_ASSERT_EQUAL(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	CU_ASSERT(dup2(ends[1], STDERR_FILENO) >= 0);
	CU_ASSERT_EQUAL(write(ends[1], "-\n", 2), 2);
	for (char letter = 'A'; letter <= 'B'; letter++) {
		memset(message, letter, sizeof(message));
		message[sizeof(message) - 1] = '\n';
		log_write(message, sizeof(message));
	}
	drain(ends[0], text, sizeof(text));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "A\nBBB"));
	CU_ASSERT_EQUAL(text[strlen(text) - 1], 'B');
	for (int i = 0; i < 2; i++)
		log_info("read again");
	drain(ends[0], text, sizeof(text));
	CU_ASSERT_EQUAL(text[0], '\n');
	CU_ASSERT_NOT_EQUAL(text[1], '\n');
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "warning [test] 1 message lost: standard error was not read in time"));
	CU_ASSERT_PTR_NULL(strstr(text, "\n\n"));
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(ends[0]);
	close(ends[1]);
}

static void
log_hostile_as_json(void)
{
	static char text[2 * PIPE_BUF];

	log_open("worker 3", LOG_LEVEL_INFO);
	log_form(LOG_FORMAT_JSON);
	log_warnx("%s", "a\x1b\"\\\t\xff" "c\xc3\xa9\nforged");
	memset(text, '\n', sizeof(text) - 1);
	log_info("%s", text);
}

static void
log_writes_json(void)
{
	char text[3 * PIPE_BUF], *second;

	forked(log_hostile_as_json, text, sizeof(text));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "Z\",\"level\":\"warning\",\"pid\":"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text,
	    ",\"process\":\"worker 3\",\"logger\":\"fastrd\",\"msg\":\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(text,
	    "\"a\\u001b\\\"\\\\\\t\\u00ffc\xc3\xa9\\u000aforged\"}\n{\"time\":\""));
	second = strchr(text, '\n') + 1;
	CU_ASSERT(strlen(second) <= PIPE_BUF && strlen(second) > PIPE_BUF - 10);
	CU_ASSERT_STRING_EQUAL(second + strlen(second) - 9, "\\u000a\"}\n");
}

static char log_path[] = "/tmp/fastrd-log-XXXXXX";

static void
log_to_a_file_that_moves(void)
{
	char moved[64];

	snprintf(moved, sizeof(moved), "%s.1", log_path);
	if (log_file(log_path) < 0)
		_exit(1);
	log_info("first");
	if (rename(log_path, moved) < 0)
		_exit(1);
	log_info("second");
	if (log_file(log_path) < 0)
		_exit(1);
	log_info("third");
	(void)!write(STDERR_FILENO, "printed\n", 8);
	if (log_file("/nowhere/at/all") == 0)
		_exit(1);
	log_info("fourth");
}

/* The file's lines without what stands before their text. */
static void
lines_read(const char *path, char *out, size_t room)
{
	FILE *file = fopen(path, "r");
	char line[256];
	size_t n = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	out[0] = '\0';
	while (fgets(line, sizeof(line), file) != NULL) {
		const char *text = strstr(line, "] ");

		n += (size_t)snprintf(out + n, room - n, "%s", text != NULL ? text + 2 : line);
	}
	fclose(file);
	unlink(path);
}

static void
log_goes_to_a_file_and_to_the_next_one(void)
{
	char text[1024], moved[64];
	int fd = mkstemp(log_path);

	CU_ASSERT_FATAL(fd >= 0);
	close(fd);
	snprintf(moved, sizeof(moved), "%s.1", log_path);
	CU_ASSERT_EQUAL(forked(log_to_a_file_that_moves, text, sizeof(text)), 0);
	CU_ASSERT_STRING_EQUAL(text, "");
	lines_read(moved, text, sizeof(text));
	CU_ASSERT_STRING_EQUAL(text, "first\nsecond\n");
	lines_read(log_path, text, sizeof(text));
	CU_ASSERT_STRING_EQUAL(text, "third\nprinted\nfourth\n");
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
		{ "an arena allocates when it is used", an_arena_allocates_when_it_is_used },
		{ "an arena takes its first block from a pool",
		    an_arena_takes_its_first_block_from_a_pool },
		{ "slices compare with and without case", slices_compare_with_and_without_case },
		{ "must() aborts and says where", must_aborts_and_says_where },
		{ "log never waits", log_never_waits },
		{ "log counts what is lost", log_counts_what_is_lost },
		{ "log ends a line that was cut", log_ends_a_line_that_was_cut },
		{ "log writes JSON", log_writes_json },
		{ "log goes to a file, and to the next one", log_goes_to_a_file_and_to_the_next_one },
		{ "log escapes what a terminal would obey", log_escapes_what_a_terminal_would_obey },
		CU_TEST_INFO_NULL,
	};

	return suite_run("base", tests);
}
