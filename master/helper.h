/*
 * helper: what needs TOML, host names or accounts, asked of a short-lived Python.
 */
#ifndef MASTER_HELPER_H
#define MASTER_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum { MASTER_HELPER_BYTES = 64 * 1024, MASTER_HELPER_MS = 10000 };

struct master_helper {
	int fd;			/* its answer comes here; -1: none runs */
	uint64_t until_ms;	/* given up then */
	size_t n;
	char bytes[MASTER_HELPER_BYTES + 1];	/* the answer; when it is whole a NUL follows */
};

enum master_helper_state {
	HELPER_RUNS,
	HELPER_DONE,
	HELPER_LATE,		/* it has not answered in time */
	HELPER_FAILED		/* it ended without an answer that fits */
};

/* What is said of the Python then; it waits for a disk, the network, or another end of a pipe. */
#define MASTER_HELPER_IS_LATE "has not answered in time; see what it waits for"

/* Run libexec/conf.py with a command and a word of its in this Python; where we are root, and another
 * user may change that one, in the system's. 0; -1 with errno or MASTER_SHORTAGE_PYTHON. The
 * process ends by itself, and is for whoever waits for children. */
int master_helper_start(struct master_helper *h, const char *python, const char *command,
    const char *word) MUST_CHECK;

/* Read what there is, without waiting. Anything but HELPER_RUNS is the end of it. */
enum master_helper_state master_helper_read(struct master_helper *h, uint64_t now_ms);

/* The same as start and read until the end, waiting for it. 0; -1 after one line, in which
 * `failed` says what this Python cannot do, and what to do. */
int master_helper_run(struct master_helper *h, const char *python, const char *command,
    const char *word, const char *failed) MUST_CHECK;

/* The next line of the answer, cut into its four fields; false: there is none. `at` is where
 * it begins, at first the answer's beginning. */
bool master_helper_line(char **at, char *fields[4]) MUST_CHECK;

#endif
