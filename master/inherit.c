/*
 * inherit: take over what a supervisor listens on.
 *
 * Called by listen.c. The protocol is that of sd_listen_fds(3): LISTEN_PID is the process
 * that is meant, LISTEN_FDS says how many descriptors there are from 3 on, LISTEN_FDNAMES
 * what the supervisor calls them. Every one is served, whatever its family, or none: what is
 * wrong with one is one line that says which, and what to do.
 */
#include "master/inherit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	LISTEN_FDS_START = 3,	/* sd_listen_fds(3) */
	NAME_MAX_BYTES = 64
};

/* " (web)": what the supervisor calls its `i`th socket; nothing when it has no name, or
 * the one that systemd writes where there is none. */
static void
name_text(const char *names, long i, char text[NAME_MAX_BYTES])
{
	int len;

	text[0] = '\0';
	for (; names != NULL && i > 0; i--) {
		names = strchr(names, ':');
		names = names != NULL ? names + 1 : NULL;
	}
	len = names != NULL ? (int)strcspn(names, ":") : 0;
	if (len == 0 || len > NAME_MAX_BYTES - 4 || (len == 7 && strncmp(names, "unknown", 7) == 0))
		return;
	snprintf(text, NAME_MAX_BYTES, " (%.*s)", len, names);
	for (char *p = text; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
}

/* A TCP or unix socket's address, as the banner has it, into `text`; -1: another kind. */
static int
address_text(int fd, char text[MASTER_ADDRESS_BYTES])
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un path;
	} name;
	socklen_t len = sizeof(name);
	char host[INET6_ADDRSTRLEN];

	memset(&name, 0, sizeof(name));
	if (getsockname(fd, &name.any, &len) < 0)
		return -1;
	if (name.any.sa_family == AF_INET &&
	    inet_ntop(AF_INET, &name.v4.sin_addr, host, sizeof(host)) != NULL)
		snprintf(text, MASTER_ADDRESS_BYTES, "http://%s:%u", host, ntohs(name.v4.sin_port));
	else if (name.any.sa_family == AF_INET6 &&
	    inet_ntop(AF_INET6, &name.v6.sin6_addr, host, sizeof(host)) != NULL)
		snprintf(text, MASTER_ADDRESS_BYTES, "http://[%s]:%u", host,
		    ntohs(name.v6.sin6_port));
	else if (name.any.sa_family == AF_UNIX && name.path.sun_path[0] == '\0')
		snprintf(text, MASTER_ADDRESS_BYTES, "unix:@%.*s", len > sizeof(sa_family_t) ?
		    (int)(len - sizeof(sa_family_t) - 1) : 0, name.path.sun_path + 1);
	else if (name.any.sa_family == AF_UNIX)
		snprintf(text, MASTER_ADDRESS_BYTES, "unix:%.*s", (int)sizeof(name.path.sun_path),
		    name.path.sun_path);
	else
		return -1;
	return 0;
}

/* What is wrong with the descriptor, and what to do; NULL: it listens. */
static const char *
unfit(int fd, char address[MASTER_ADDRESS_BYTES])
{
	int type = 0, listening = 0;
	socklen_t len = sizeof(type);
	struct sockaddr_storage peer;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return errno == ENOTSOCK ? "is no socket; pass one" : "is not open; pass a socket in it";
	if (type != SOCK_STREAM)
		return "is no stream socket; use ListenStream= where the socket is configured";
	len = sizeof(peer);
	if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0)
		return "is a connection; use Accept=no where the socket is configured";
	len = sizeof(listening);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening)
		return "is no listening socket; pass one that bind() and listen() were called on";
	if (address_text(fd, address) < 0)
		return "is neither a TCP nor a unix socket; pass one of them";
	return NULL;
}

static int
take(struct master_listeners *l, int fd, const char *name)
{
	char address[MASTER_ADDRESS_BYTES], text[MASTER_ADDRESS_BYTES];
	const char *why = unfit(fd, address);

	if (why != NULL) {
		fprintf(stderr, "fastrd: descriptor %d%s %s\n", fd, name, why);
		return WIRE_EXIT_LISTEN;
	}
	snprintf(text, sizeof(text), "%.*s%s", (int)(sizeof(text) - NAME_MAX_BYTES), address, name);
	master_listen_add(l, fd, text);
	l->inherited = true;
	return 0;
}

long
master_inherit_activated(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");

	if (pid == NULL || fds == NULL || strtol(pid, NULL, 10) != (long)getpid())
		return 0;
	return strtol(fds, NULL, 10);
}

int
master_inherit_open(struct master_listeners *l, long n)
{
	const char *names = getenv("LISTEN_FDNAMES");
	char name[NAME_MAX_BYTES];
	int rc = 0;

	if (n > WIRE_LISTENERS_MAX) {
		fprintf(stderr, "fastrd: LISTEN_FDS=%ld: want %d sockets at most\n", n,
		    WIRE_LISTENERS_MAX);
		return WIRE_EXIT_LISTEN;
	}
	for (long i = 0; i < n && rc == 0; i++) {
		name_text(names, i, name);
		rc = take(l, LISTEN_FDS_START + (int)i, name);
	}
	return rc;
}

int
master_inherit_open_fd(struct master_listeners *l, int fd)
{
	return take(l, fd, "");
}
