/*
 * log_lines: what a line of the access log costs: to make it, and to have the kernel keep it.
 *
 * Prints the best of several rounds, in ns of CPU time per line. The kernel's part is copying lines to
 * the end of a file, in writes of about as many bytes as the worker's thread has: the least that any
 * program pays for such a file. It is made in DIRECTORY, and has no name.
 *
 *	log_lines DIRECTORY
 */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/must.h"
#include "worker/access_line.h"

enum { ROUNDS = 50, LINES = 20000, WRITE_BYTES = 56 * 1024 };

static struct hx_header fields[] = {
	{ SLICE_LIT("host"), SLICE_LIT("127.0.0.1:8000") },
	{ SLICE_LIT("user-agent"), SLICE_LIT("bench") },
	{ SLICE_LIT("accept"), SLICE_LIT("*/*") },
};
static char lines[WRITE_BYTES + WORKER_ACCESS_LINE];

static double
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Make LINES lines; where there is a file, write them. The ns of each. */
static double
run(struct worker_access_line_writer *w, struct worker_access_facts *f, int fd)
{
	double making = 0, from = cpu_ns(), writing = 0;
	size_t used = 0;

	for (int i = 0; i < LINES; i++) {
		f->unix_us += 13;
		f->ended_ns += 7;
		used += worker_access_line(w, f, lines + used);
		if (used < WRITE_BYTES)
			continue;
		making += cpu_ns() - from;
		from = cpu_ns();
		must(fd < 0 || write(fd, lines, used) == (ssize_t)used);
		writing += cpu_ns() - from;
		used = 0;
		from = cpu_ns();
	}
	making += cpu_ns() - from;
	return (fd < 0 ? making : writing) / LINES;
}

static void
measure(const char *format, const char *directory)
{
	static const struct slice none = SLICE_NULL;
	static struct worker_access_line_writer w;
	struct hx_exchange x = { .req = {
		.method_name = SLICE_LIT("GET"), .target = SLICE_LIT("/"), .raw_path = SLICE_LIT("/"),
		.headers = fields, .n_headers = 3, .h1 = { .minor = 1 },
	} };
	struct hx_origin origin = { SLICE_LIT("127.0.0.1"), 43200, SLICE_LIT("http") };
	struct worker_access_facts f = { .x = &x, .origin = &origin, .route = SLICE_LIT("/"),
		.status = 200, .bytes_out = 25, .begun_ns = 1000, .first_ns = 160000, .ended_ns = 161000,
		.unix_us = UINT64_C(1795808400123456), .fields = &none };
	int fd = open(directory, O_TMPFILE | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
	double made = 1e9, written = 1e9;
	char why[ATOMS_WHY_BYTES];

	must(fd >= 0 && worker_access_line_init(&w, format, "worker 0", 1, why) == 0);
	for (int round = 0; round < ROUNDS; round++) {
		double making = run(&w, &f, -1), writing = run(&w, &f, fd);

		made = making < made ? making : made;
		written = writing < written ? writing : written;
		must(ftruncate(fd, 0) == 0);
	}
	printf("%-8s  %3zu bytes: made in %3.0f ns, kept in %3.0f ns\n", format,
	    worker_access_line(&w, &f, lines), made, written);
	close(fd);
}

int
main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: log_lines DIRECTORY\n");
		return 2;
	}
	measure("combined", argv[1]);
	measure("json", argv[1]);
	return 0;
}
