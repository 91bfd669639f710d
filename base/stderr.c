/*
 * stderr: one way for each kind of file.
 *
 * Called by log.c and must.c. It must never block and never allocate.
 */
#include "base/stderr.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* How a piece is written. */
enum way {
	WAY_PLAIN,	/* a file: it has no reader */
	WAY_AGAIN,	/* a pipe or a terminal, opened once more for us alone */
	WAY_SOCKET,
	WAY_POLL	/* cannot be opened: between the look and the write others may fill it */
};

struct out {
	int fd;
	enum way way;
};

/* False: nobody reads, or there is no standard error. */
static bool
out_open(struct out *o)
{
	struct stat st;

	*o = (struct out){ STDERR_FILENO, WAY_PLAIN };
	if (fstat(STDERR_FILENO, &st) < 0)
		return false;
	if (S_ISSOCK(st.st_mode))
		o->way = WAY_SOCKET;
	if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
		return true;
	o->way = WAY_AGAIN;
	o->fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (o->fd >= 0)
		return true;
	*o = (struct out){ STDERR_FILENO, WAY_POLL };
	return errno != ENXIO;
}

static ssize_t
piece_write(const struct out *o, const char *bytes, size_t len)
{
	struct pollfd p = { .fd = o->fd, .events = POLLOUT };

	if (o->way == WAY_SOCKET)
		return send(o->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (o->way != WAY_POLL)
		return write(o->fd, bytes, len);
	if (poll(&p, 1, 0) <= 0) {
		errno = EAGAIN;
		return -1;
	}
	return write(o->fd, bytes, len < PIPE_BUF ? len : PIPE_BUF);
}

size_t
stderr_write(const char *bytes, size_t len)
{
	struct out o;
	size_t done = 0;
	ssize_t n;

	if (!out_open(&o))
		return 0;
	while (done < len) {
		n = piece_write(&o, bytes + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		done += (size_t)n;
	}
	if (o.way == WAY_AGAIN)
		close(o.fd);
	return done;
}
