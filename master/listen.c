/*
 * listen: which addresses, and from when on clients may come.
 *
 * Called by main.c before the first child, by generation.c when the first one serves (start), by inherit.c
 * (add) and takeover.c (add, own). Only numeric addresses: resolving names would load code into the
 * master; judge.c has looked at the texts. What fails is one line that says on what, why, and what
 * to do; there is no log yet.
 */
#include "master/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/must.h"
#include "base/wire.h"
#include "master/address.h"
#include "master/bind.h"
#include "master/inherit.h"
#include "master/shortage.h"

enum { CONTROL_BACKLOG = 64 };

void
master_listen_add(struct master_listeners *l, int fd, const char *text)
{
	must(l->n < WIRE_LISTENERS_MAX);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	snprintf(l->texts[l->n], sizeof(l->texts[0]), "%s", text);
	l->fds[l->n++] = fd;
}

static const char *
tcp_remedy(int err)
{
	return err == EADDRINUSE ? "stop what uses it or choose another --port" :
	    err == EACCES ? "ports below 1024 need root or CAP_NET_BIND_SERVICE" :
	    err == EADDRNOTAVAIL ? "this machine has no such address" : "choose another address";
}

static const char *
bind_remedy(int err)
{
	return err == EADDRINUSE ? "stop what uses it or choose another --bind address" :
	    tcp_remedy(err);
}

static const char *
unix_remedy(int err)
{
	return err == EADDRINUSE ? "stop what uses it or choose another --uds path" :
	    err == EACCES || err == EROFS ? "choose a --uds path where you may create files" :
	    err == ENOENT ? "create its directory first" : "choose another --uds path";
}

static const char *
control_remedy(int err)
{
	return err == EADDRINUSE ? "another fastrd, or something else, has it: stop that, or give another "
	    "--control-socket" : err == EACCES || err == EROFS ?
	    "choose a --control-socket where you may create files" :
	    err == ENOENT ? "create its directory first" : "choose another --control-socket";
}

static const char *
admin_remedy(int err)
{
	return err == EADDRINUSE ? "stop what uses it or choose another --admin address" :
	    "choose another --admin address";
}

/* Say why it does not listen, from errno. The exit code. */
static int
refused(const char *where, const char *(*remedy)(int err))
{
	char what[MASTER_ADDRESS_BYTES + 16], text[2 * MASTER_ADDRESS_BYTES];
	int err = errno;

	snprintf(what, sizeof(what), "listen on %s", where);
	master_shortage_text(text, sizeof(text), what, err);
	if (master_shortage(err)) {
		fprintf(stderr, "fastrd: %s\n", text);
		return WIRE_EXIT_BUG;
	}
	fprintf(stderr, "fastrd: %s; %s\n", text, remedy(err));
	return WIRE_EXIT_LISTEN;
}

/* The same, and `fd` is closed unless it is -1. */
static int
refuse(int fd, const char *where, const char *(*remedy)(int err))
{
	int rc = refused(where, remedy);

	if (fd >= 0)
		close(fd);
	return rc;
}

static int
tries(const struct master_listeners *l)
{
	return l->test ? 1 : MASTER_BIND_TRIES;
}

/* Is a server that runs to be reloaded with this configuration? It has the address. Closes `fd`. */
static bool
in_use_already(const struct master_listeners *l, int fd)
{
	int err = errno;

	if (!l->test || err != EADDRINUSE)
		return false;
	close(fd);
	return true;
}

static int
tcp_open(struct master_listeners *l, const char *host, long port,
    const char *(*remedy)(int err))
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	const char *numeric = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
	int is_v6 = inet_pton(AF_INET6, numeric, &v6.sin6_addr) == 1, fd, rc;
	struct sockaddr_in6 name;
	socklen_t len = sizeof(name);
	char where[160];

	must(is_v6 || inet_pton(AF_INET, numeric, &v4.sin_addr) == 1);
	snprintf(where, sizeof(where), "%s port %ld", host, port);
	fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return refuse(fd, where, remedy);
	rc = is_v6 ? master_bind_soon(fd, (struct sockaddr *)&v6, sizeof(v6), tries(l)) :
	    master_bind_soon(fd, (struct sockaddr *)&v4, sizeof(v4), tries(l));
	if (rc < 0 && in_use_already(l, fd))
		return 0;
	if (rc < 0 || getsockname(fd, (struct sockaddr *)&name, &len) < 0)
		return refuse(fd, where, remedy);
	/* The port is at the same place in both address structures. */
	snprintf(where, sizeof(where), is_v6 ? "http://[%s]:%u" : "http://%s:%u", host,
	    (unsigned)ntohs(name.sin6_port));
	master_listen_add(l, fd, where);
	return 0;
}

/* It has its permissions from its first moment, and nobody can put another file in its place
 * before a chmod(): root may do this in a directory of somebody else's. */
static int
unix_bind(int fd, const struct sockaddr_un *name, int mode, const struct master_account *owner,
    int n_tries)
{
	mode_t old = umask(0777 & ~(mode_t)mode);
	int rc = master_bind_soon(fd, (const struct sockaddr *)name, sizeof(*name), n_tries);

	umask(old);
	if (rc == 0 && owner->set)
		rc = lchown(name->sun_path, owner->uid, owner->gid);
	return rc;
}

static int
unix_open_as(struct master_listeners *l, const char *path, int mode, int backlog,
    const struct master_account *owner, const char *(*remedy)(int err))
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd;
	char text[MASTER_ADDRESS_BYTES];

	must(mode >= 0 && strlen(path) < sizeof(name.sun_path));
	memcpy(name.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || unix_bind(fd, &name, mode, owner, tries(l)) < 0)
		return fd >= 0 && in_use_already(l, fd) ? 0 : refuse(fd, path, remedy);
	snprintf(text, sizeof(text), "unix:%s", path);
	l->made[l->n] = true;
	master_listen_add(l, fd, text);
	return listen(fd, backlog) < 0 ? refused(path, remedy) : 0;
}

static int
unix_open(struct master_listeners *l, const char *path, const struct conf *c,
    const struct master_account *owner)
{
	return unix_open_as(l, path, master_address_mode(c->uds_mode), (int)c->backlog, owner, unix_remedy);
}

/* One address of --bind. */
static int
bind_open(struct master_listeners *l, const char *text, const struct conf *c,
    const struct master_account *owner)
{
	char host[INET6_ADDRSTRLEN];
	long port;

	if (master_address_path(text) != NULL)
		return unix_open(l, master_address_path(text), c, owner);
	if (master_address_fd(text) >= 0)
		return master_inherit_open_fd(l, (int)master_address_fd(text));
	port = master_address_read(text, host);
	must(port >= 0);
	return tcp_open(l, host, port, bind_remedy);
}

/* All of them. */
static int
binds_open(struct master_listeners *l, const struct conf *c, const struct master_account *owner)
{
	int rc = 0;

	for (const char *p = c->bind; *p != '\0' && rc == 0;) {
		char text[MASTER_ADDRESS_BYTES];
		size_t len = strcspn(p, ",");

		snprintf(text, sizeof(text), "%.*s", (int)len, p);
		rc = bind_open(l, text, c, owner);
		p += len + (p[len] != '\0');
	}
	return rc;
}

int
master_listen_open(struct master_listeners *l, const struct conf *c,
    const struct master_account *owner)
{
	long n = master_inherit_activated();

	*l = (struct master_listeners){ .test = l->test };
	if (n > 0)
		return master_inherit_open(l, n);
	if (c->bind[0] != '\0')
		return binds_open(l, c, owner);
	if (c->fd >= 0)
		return master_inherit_open_fd(l, (int)c->fd);
	if (c->uds[0] != '\0')
		return unix_open(l, c->uds, c, owner);
	return tcp_open(l, c->host, (long)c->port, tcp_remedy);
}

int
master_listen_start(const struct master_listeners *l, int backlog)
{
	for (size_t i = 0; i < l->n; i++) {
		int listening = 0, on = 1;
		socklen_t len = sizeof(listening);

		getsockopt(l->fds[i], SOL_SOCKET, SO_ACCEPTCONN, &listening, &len);
		if (listening)
			continue;
		setsockopt(l->fds[i], SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));	/* bind.c */
		if (listen(l->fds[i], backlog) < 0)
			return refused(l->texts[i], tcp_remedy);
	}
	return 0;
}

void
master_listen_own(const struct master_listeners *l)
{
	/* All who have a socket see its owner. Nothing is ever sent to that one. */
	for (size_t i = 0; i < l->n; i++)
		fcntl(l->fds[i], F_SETOWN, getpid());
}

int
master_listen_open_admin(struct master_listeners *l, const struct conf *c,
    const struct master_account *owner)
{
	char host[INET6_ADDRSTRLEN];
	long port;

	*l = (struct master_listeners){ .test = l->test };
	if (c->admin[0] == '\0')
		return 0;
	if (master_address_path(c->admin) != NULL)
		return unix_open(l, master_address_path(c->admin), c, owner);
	port = master_address_read(c->admin, host);
	must(port >= 0);
	return tcp_open(l, host, port, admin_remedy);
}

int
master_listen_open_control(struct master_listeners *l, const struct conf *c,
    const struct master_account *owner)
{
	*l = (struct master_listeners){ .test = l->test };
	if (c->control_socket[0] == '\0')
		return 0;
	return unix_open_as(l, c->control_socket, 0600, CONTROL_BACKLOG, owner, control_remedy);
}

void
master_listen_close(struct master_listeners *l, bool elsewhere)
{
	for (size_t i = 0; i < l->n; i++) {
		/* What the application has left behind may have it as well, and would keep the address. */
		if (!l->inherited && !elsewhere)
			shutdown(l->fds[i], SHUT_RDWR);
		close(l->fds[i]);
		if (l->made[i] && !elsewhere)
			unlink(l->texts[i] + sizeof("unix:") - 1);
	}
	l->n = 0;
}
