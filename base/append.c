/*
 * append: how a log file is opened, whoever writes it.
 *
 * Called by log.c, and by io/sink.c and master/logs.c.
 */
#include "base/append.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

int
append_open(const char *path)
{
	int mode = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, fd;
	struct stat st;

	/* To open a named pipe for writing alone needs a reader. */
	if (stat(path, &st) == 0 && S_ISFIFO(st.st_mode))
		mode = (mode & ~O_WRONLY) | O_RDWR;
	/* O_CREAT waits on a disk that stands still, even where the file is there. */
	fd = open(path, mode);
	if (fd < 0 && errno == ENOENT)
		fd = open(path, mode | O_CREAT, 0644);
	/* A pipe or a terminal, which others share, is not to be left non-blocking. */
	if (fd >= 0)
		(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	return fd;
}
