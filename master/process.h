/*
 * process: what the kernel says of a child.
 */
#ifndef MASTER_PROCESS_H
#define MASTER_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

struct master_process {
	char state;		/* of its main thread: R, S, D, T stopped, t by a debugger, Z dead */
	uint64_t cpu_ms;	/* that all its threads have used */
	uint64_t resident;	/* bytes of memory */
};

/* Read /proc/PID/stat. 0; -1 when it cannot be read, *p is zeroed then. */
int master_process_read(pid_t pid, struct master_process *p) MUST_CHECK;

/* The text of /proc/PID/stat, which begins "PID (NAME) STATE ". 0; -1: it is something else. */
int master_process_parse(const char *text, struct master_process *p) MUST_CHECK;

#endif
