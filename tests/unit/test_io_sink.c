/*
 * Tests of io/sink.c: whole lines, nobody waits, files that move, space that runs out.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/sink.h"
#include "tests/unit/suite.h"

enum { LINE = 100, LONG_MS = 10000 };

static char directory[] = "/tmp/fastrd-sink-XXXXXX", path[64], moved[64], fifo[64];

/* Line `n`, of LINE bytes; false: there is no room. */
static bool
line_add(struct io_sink *s, unsigned n)
{
	char *room = io_sink_room(s, LINE);

	if (room == NULL)
		return false;
	memset(room, 'x', LINE - 1);
	(void)!snprintf(room, LINE, "%08u", n);
	room[8] = ' ';
	room[LINE - 1] = '\n';
	io_sink_add(s, LINE);
	return true;
}

/* The file's lines, which are all whole and in order from `first` on; how many. */
static unsigned
lines_count(const char *name, unsigned first)
{
	char line[LINE + 2], want[16];
	FILE *file = fopen(name, "r");
	unsigned n = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	for (; fgets(line, sizeof(line), file) != NULL; n++) {
		snprintf(want, sizeof(want), "%08u ", first + n);
		CU_ASSERT_EQUAL(strlen(line), LINE);
		CU_ASSERT_EQUAL_FATAL(memcmp(line, want, 9), 0);
	}
	fclose(file);
	return n;
}

static void
wait_for(const char *name, off_t size)
{
	struct stat st = { 0 };

	for (int i = 0; i < LONG_MS && (stat(name, &st) < 0 || st.st_size < size); i++)
		usleep(1000);
	CU_ASSERT_EQUAL(st.st_size, size);
}

static void
lines_arrive_whole_and_in_order(void)
{
	struct io_sink *s = io_sink_open(path);

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	for (unsigned i = 0; i < 3000; i++) {
		CU_ASSERT_TRUE_FATAL(line_add(s, i));
		if (i % 100 == 0)
			io_sink_flush(s);
	}
	io_sink_close(s, LONG_MS);
	CU_ASSERT_EQUAL(lines_count(path, 0), 3000);
	CU_ASSERT_EQUAL(unlink(path), 0);
}

static void
a_file_that_cannot_be_opened_says_why(void)
{
	CU_ASSERT_PTR_NULL(io_sink_open("/nowhere/at/all"));
	CU_ASSERT_EQUAL(errno, ENOENT);
}

static void
after_a_rotation_lines_go_to_the_new_file(void)
{
	struct io_sink *s = io_sink_open(path);

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	for (unsigned i = 0; i < 10; i++)
		CU_ASSERT_TRUE(line_add(s, i));
	io_sink_flush(s);
	wait_for(path, (off_t)10 * LINE);
	CU_ASSERT_EQUAL(rename(path, moved), 0);
	CU_ASSERT_TRUE(line_add(s, 10));
	io_sink_flush(s);
	wait_for(moved, (off_t)11 * LINE);
	io_sink_reopen(s);
	wait_for(path, 0);
	CU_ASSERT_TRUE(line_add(s, 11));
	io_sink_close(s, LONG_MS);
	CU_ASSERT_EQUAL(lines_count(moved, 0), 11);
	CU_ASSERT_EQUAL(lines_count(path, 11), 1);
	unlink(path);
	unlink(moved);
}

static void
a_file_that_is_cut_to_nothing_begins_anew(void)
{
	struct io_sink *s = io_sink_open(path);

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_TRUE(line_add(s, 0));
	io_sink_flush(s);
	wait_for(path, LINE);
	CU_ASSERT_EQUAL(truncate(path, 0), 0);
	CU_ASSERT_TRUE(line_add(s, 1));
	io_sink_close(s, LONG_MS);
	CU_ASSERT_EQUAL(lines_count(path, 1), 1);
	unlink(path);
}

/* Fill everything that there is: nobody reads. The lines that it took. */
static unsigned
fill(struct io_sink *s)
{
	uint64_t end_ms = clock_monotonic_ms() + LONG_MS;
	unsigned n = 0, refused = 0;

	/* The thread takes a block out when the pipe is full as well. */
	while (refused < 100 && clock_monotonic_ms() < end_ms) {
		if (line_add(s, n)) {
			n++;
			refused = 0;
			continue;
		}
		refused++;
		usleep(1000);
	}
	CU_ASSERT_EQUAL(refused, 100);
	return n;
}

static void
nobody_waits_for_a_reader_and_it_goes_on_by_itself(void)
{
	static char text[4 << 20];
	struct io_sink *s;
	size_t used = 0;
	unsigned n;
	ssize_t got;
	int reader;

	CU_ASSERT_EQUAL_FATAL(mkfifo(fifo, 0600), 0);
	reader = open(fifo, O_RDONLY | O_NONBLOCK);
	s = io_sink_open(fifo);
	CU_ASSERT_FATAL(reader >= 0 && s != NULL);
	n = fill(s);
	CU_ASSERT(n >= IO_SINK_BLOCK / LINE * IO_SINK_BLOCKS);
	CU_ASSERT_PTR_NULL(io_sink_room(s, LINE));
	/* Whole lines only: the pipe is not full to its last byte. */
	got = read(reader, text, sizeof(text));
	CU_ASSERT(got > 0 && got % LINE == 0);
	for (used = (size_t)got; used < (size_t)n * LINE;) {
		got = read(reader, text + used, sizeof(text) - used);
		if (got > 0)
			used += (size_t)got;
		else
			usleep(1000);
	}
	CU_ASSERT_TRUE(line_add(s, n));
	io_sink_close(s, LONG_MS);
	CU_ASSERT_EQUAL(read(reader, text + used, sizeof(text) - used), LINE);
	for (unsigned i = 0; i <= n; i++)
		CU_ASSERT_EQUAL((unsigned)strtoul(text + (size_t)i * LINE, NULL, 10), i);
	close(reader);
	unlink(fifo);
}

static void
the_end_waits_for_nobody_either(void)
{
	uint64_t from_ms = clock_monotonic_ms();
	struct io_sink *s;
	int reader;

	CU_ASSERT_EQUAL_FATAL(mkfifo(fifo, 0600), 0);
	reader = open(fifo, O_RDONLY | O_NONBLOCK);
	s = io_sink_open(fifo);
	CU_ASSERT_FATAL(reader >= 0 && s != NULL);
	fill(s);
	io_sink_close(s, 100);
	CU_ASSERT(clock_monotonic_ms() - from_ms < LONG_MS);
	close(reader);
	unlink(fifo);
}

static void
what_cannot_be_written_is_tried_again(void)
{
	struct io_sink *s = io_sink_open("/dev/full");

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_EQUAL(io_sink_error(s), 0);
	CU_ASSERT_TRUE(line_add(s, 0));
	io_sink_flush(s);
	for (int i = 0; i < LONG_MS && io_sink_error(s) == 0; i++)
		usleep(1000);
	CU_ASSERT_EQUAL(io_sink_error(s), ENOSPC);
	fill(s);
	io_sink_close(s, LONG_MS);
}

static void
a_fork_only_forgets(void)
{
	struct io_sink *s = io_sink_open(path);
	int status = -1;
	pid_t pid;

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_TRUE(line_add(s, 0));
	io_sink_flush(s);
	wait_for(path, LINE);
	CU_ASSERT_TRUE(line_add(s, 1));
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(10);
		io_sink_close(s, LONG_MS);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	CU_ASSERT_EQUAL(status, 0);
	io_sink_close(s, LONG_MS);
	CU_ASSERT_EQUAL(lines_count(path, 0), 2);
	unlink(path);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "lines arrive whole and in order", lines_arrive_whole_and_in_order },
		{ "a file that cannot be opened says why", a_file_that_cannot_be_opened_says_why },
		{ "after a rotation lines go to the new file",
		    after_a_rotation_lines_go_to_the_new_file },
		{ "a file that is cut to nothing begins anew", a_file_that_is_cut_to_nothing_begins_anew },
		{ "nobody waits for a reader, and it goes on by itself",
		    nobody_waits_for_a_reader_and_it_goes_on_by_itself },
		{ "the end waits for nobody either", the_end_waits_for_nobody_either },
		{ "what cannot be written is tried again", what_cannot_be_written_is_tried_again },
		{ "a fork only forgets", a_fork_only_forgets },
		CU_TEST_INFO_NULL,
	};
	int rc;

	if (mkdtemp(directory) == NULL)
		return 2;
	snprintf(path, sizeof(path), "%s/log", directory);
	snprintf(moved, sizeof(moved), "%s/log.1", directory);
	snprintf(fifo, sizeof(fifo), "%s/fifo", directory);
	rc = suite_run("io/sink", tests);
	rmdir(directory);
	return rc;
}
