/*
 * pid_file: a file with the master's process id.
 */
#ifndef MASTER_PID_FILE_H
#define MASTER_PID_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/attr.h"

struct master_pid_file {
	int fd;			/* locked as long as this process lives; -1: there is none */
	const char *path;	/* borrowed */
	bool beside;		/* it has another name until it takes the place of its predecessor's */
};

/* Write it; "" means none. Where `before` is not 0, that process may have it and keeps it: the new one
 * stands beside it until master_pid_file_put(). 0, or the exit status after one line with cause and
 * remedy. */
int master_pid_file_open(struct master_pid_file *p, const char *path, pid_t before) MUST_CHECK;

/* In the place of the predecessor's, now. No-op where it is there. */
void master_pid_file_put(struct master_pid_file *p);

/* Remove it, when it is still this process's. */
void master_pid_file_close(struct master_pid_file *p);

#endif
