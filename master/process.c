/*
 * process: /proc/PID/stat.
 *
 * Called by watchdog.c, recycle.c and report.c. A process may give itself any name, also one with a
 * parenthesis: the fields begin behind the last one.
 */
#include "master/process.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { STAT_BYTES = 1024 };

int
master_process_parse(const char *text, struct master_process *p)
{
	const char *fields = strrchr(text, ')');
	uint64_t user, kernel, hz = (uint64_t)sysconf(_SC_CLK_TCK);
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), pages;
	char state;

	*p = (struct master_process){ 0 };
	if (fields == NULL || sscanf(fields, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
	    "%" SCNu64 " %" SCNu64 " %*d %*d %*d %*d %*d %*d %*u %*u %" SCNu64,
	    &state, &user, &kernel, &pages) != 4)
		return -1;
	*p = (struct master_process){ state, (user + kernel) * 1000 / hz, pages * page };
	return 0;
}

int
master_process_read(pid_t pid, struct master_process *p)
{
	char path[32], text[STAT_BYTES];
	ssize_t n;
	int fd;

	*p = (struct master_process){ 0 };
	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	return master_process_parse(text, p);
}
