/*
 * pid_file: a file with the master's process id.
 */
#ifndef MASTER_PID_FILE_H
#define MASTER_PID_FILE_H

#include "base/attr.h"

struct master_pid_file {
	int fd;			/* locked as long as this process lives; -1: there is none */
	const char *path;	/* borrowed */
};

/* Write it; "" means none. 0, or the exit status after one line with cause and remedy. */
int master_pid_file_open(struct master_pid_file *p, const char *path) MUST_CHECK;

/* Remove it, when it is still this process's. */
void master_pid_file_close(struct master_pid_file *p);

#endif
