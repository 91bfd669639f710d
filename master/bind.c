/*
 * bind: an address that nobody else has.
 *
 * Called by listen.c. While SO_REUSEADDR is set on two TCP sockets, and neither listens, Linux binds
 * both to one address. Two servers would import their applications then before one of them fails.
 * Without it an address is not to be had for a minute after its last server has closed connections.
 * So it is set for the moment of the second try, and again by listen.c, when the socket listens: the
 * connections that it accepts have it from there, and the next server's try needs it on both sides.
 */
#include "master/bind.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE_MS = 50 };

/* Is this the name of a unix socket that nobody listens on any more? Then it may be taken
 * over. A file that is no socket refuses connections as well, and is not ours to remove. */
static bool
stale(const struct sockaddr_un *name)
{
	struct stat st;
	int fd;
	bool dead;

	if (lstat(name->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	/* A server whose queue is full lives: connect() must not wait for room in it. */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	dead = connect(fd, (const struct sockaddr *)name, sizeof(*name)) < 0 &&
	    errno == ECONNREFUSED;
	close(fd);
	return dead;
}

static int
unix_bind(int fd, const struct sockaddr *name, socklen_t len)
{
	const struct sockaddr_un *path = (const void *)name;

	if (stale(path))
		unlink(path->sun_path);
	return bind(fd, name, len);
}

/* Who listens, or is bound like this, keeps the address: only connections do not count. */
static int
tcp_bind(int fd, const struct sockaddr *name, socklen_t len)
{
	int rc = bind(fd, name, len), on = 1, off = 0;

	if (rc == 0 || errno != EADDRINUSE)
		return rc;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	rc = bind(fd, name, len);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &off, sizeof(off));
	return rc;
}

int
master_bind_soon(int fd, const struct sockaddr *name, socklen_t len, int tries)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	int rc = -1;

	for (int i = 0; i < tries && rc < 0; i++) {
		if (i > 0)
			nanosleep(&pause, NULL);
		rc = name->sa_family == AF_UNIX ? unix_bind(fd, name, len) : tcp_bind(fd, name, len);
		if (rc < 0 && errno != EADDRINUSE)
			break;
	}
	return rc;
}
