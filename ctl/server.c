/*
 * server: connect, ask, read to the end.
 *
 * Called by fastrdctl.c. Whatever goes wrong is one line "fastrdctl: CAUSE; REMEDY".
 */
#include "ctl/server.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/control.h"

#define VARIABLE "FASTRD_CONTROL_SOCKET"
#define OF_THE_UNIT "/run/fastrd/control"

enum { PATIENCE_S = 10 };

/* Is something there? That we may not see it is for connect() to say. */
static bool
is_there(const char *path)
{
	return access(path, F_OK) == 0 || errno != ENOENT;
}

const char *
ctl_server_find(const char *flag)
{
	static char own[PATH_MAX];
	const char *variable = getenv(VARIABLE), *runtime = getenv("XDG_RUNTIME_DIR");

	if (flag != NULL)
		return flag;
	if (variable != NULL && *variable != '\0')
		return variable;
	if (runtime != NULL && *runtime == '/') {
		snprintf(own, sizeof(own), "%s/fastrd/control", runtime);
		if (is_there(own))
			return own;
	}
	if (is_there(OF_THE_UNIT))
		return OF_THE_UNIT;
	fprintf(stderr, "fastrdctl: there is no %s%s%s; start fastrd with --control-socket PATH, and give "
	    "--socket PATH, or set " VARIABLE " for both\n", own, *own != '\0' ? " and no " : "",
	    OF_THE_UNIT);
	return NULL;
}

static int
unreachable(const char *path, int err)
{
	const char *cause = err == ECONNREFUSED ? "its server has ended" : err == EAGAIN ?
	    "its server does not answer" : strerror(err);
	const char *remedy = err == ECONNREFUSED ? "start it" :
	    err == EAGAIN ? "see whether it is stopped" :
	    err == EACCES ? "be root, or the user that fastrd runs as" :
	    err == ENOENT ? "start fastrd with this --control-socket, or give --socket PATH of another" :
	    "give another --socket PATH";

	fprintf(stderr, "fastrdctl: %s: %s; %s\n", path, cause, remedy);
	return CTL_EXIT_NO_SERVER;
}

/* A connection, or -1 with errno. */
static int
connect_to(const char *path, bool waits)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), saved;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!waits)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	memcpy(name.sun_path, path, strlen(path));
	if (connect(fd, (const struct sockaddr *)&name, sizeof(name)) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* Everything up to the end. 0, or -1 with errno; EMSGSIZE: it does not end. */
static int
read_all(int fd, char *bytes, size_t *len)
{
	ssize_t n;

	*len = 0;
	do {
		n = recv(fd, bytes + *len, CONTROL_ANSWER_MAX + 1 - *len, 0);
		if (n > 0)
			*len += (size_t)n;
	} while ((n > 0 && *len <= CONTROL_ANSWER_MAX) || (n < 0 && errno == EINTR));
	/* It may end without having read all that was sent. */
	if (n < 0 && errno == ECONNRESET && *len > 0)
		return 0;
	if (n > 0)
		errno = EMSGSIZE;
	return n == 0 ? 0 : -1;
}

/* 0, or -1 with errno. Who is refused at once finds the answer before it has asked. */
static int
say(int fd, const char *line)
{
	return send(fd, line, strlen(line), MSG_NOSIGNAL) >= 0 || errno == EPIPE ? 0 : -1;
}

int
ctl_server_ask(const char *path, const char *line, bool waits, char **answer, size_t *len)
{
	int fd, rc;

	if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
		fprintf(stderr, "fastrdctl: %s: a unix socket's path is shorter; give another --socket\n",
		    path);
		return CTL_EXIT_USAGE;
	}
	fd = connect_to(path, waits);
	if (fd < 0)
		return unreachable(path, errno);
	*answer = malloc(CONTROL_ANSWER_MAX + 1);
	rc = *answer != NULL && say(fd, line) == 0 && read_all(fd, *answer, len) == 0 ? 0 :
	    unreachable(path, errno);
	close(fd);
	if (rc == 0 && *len == 0) {
		fprintf(stderr, "fastrdctl: %s: its server has ended without an answer; see its log\n", path);
		rc = CTL_EXIT_FAILED;
	}
	return rc;
}
