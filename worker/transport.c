/*
 * transport: the socket kind.
 *
 * Called by accept.c, by conn.c through the table, and by libevent. It moves bytes
 * and never decides anything about a request.
 */
#include "worker/transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "base/must.h"
#include "worker/conn.h"
#include "worker/flush.h"

enum { PATIENCE = 2 };	/* turns */

/* Input is there that is not wanted. Most pauses are over in a turn or two: only then does
 * libevent look away, which costs a system call, and another when it looks again. */
static void
reading_pause(struct worker_conn *c)
{
	if (c->read_skipped++ < PATIENCE)
		return;
	event_del(&c->read_event);
	c->read_armed = false;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct worker_conn *c = arg;
	size_t room;
	char *bytes;
	ssize_t n;

	(void)what;
	if (!c->reading) {
		reading_pause(c);
		return;
	}
	bytes = worker_conn_room(c, &room);
	do
		n = recv(fd, bytes, room, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		worker_conn_feed(c, bytes, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
		worker_conn_eof(c, n < 0);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	worker_flush_writable(arg);
}

/* An answer is one piece as a rule, and send() is cheaper than a sendmsg() of one. */
static ssize_t
socket_write(void *to, const struct iovec *iov, int n, bool more)
{
	int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);
	struct msghdr message = {
		.msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = (size_t)n,
	};
	int fd = ((struct worker_conn *)to)->fd;

	if (n == 1)
		return send(fd, iov->iov_base, iov->iov_len, flags);
	return sendmsg(fd, &message, flags);
}

static ssize_t
socket_send_file(void *to, int fd, uint64_t at, size_t len)
{
	off_t offset = (off_t)at;

	return sendfile(((struct worker_conn *)to)->fd, fd, &offset, len);
}

static void
socket_reading(void *to, bool on)
{
	struct worker_conn *c = to;

	c->read_skipped = 0;
	if (!on || c->read_armed)
		return;
	if (event_add(&c->read_event, NULL) < 0)
		worker_conn_kill(c);
	else
		c->read_armed = true;
}

static void
socket_want_write(void *to)
{
	struct worker_conn *c = to;

	if (c->write_event == NULL)
		c->write_event = event_new(io_turn_base(c->w->turn), c->fd, EV_WRITE, on_writable, c);
	if (c->write_event == NULL || event_add(c->write_event, NULL) < 0)
		worker_conn_kill(c);
}

static bool
socket_linger(void *to)
{
	return shutdown(((struct worker_conn *)to)->fd, SHUT_WR) == 0;
}

static void
socket_close(void *to, bool reset)
{
	static const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	struct worker_conn *c = to;

	/* Of TCP; a unix socket knows no reset. */
	if (reset)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	event_del(&c->read_event);
	if (c->write_event != NULL)
		event_free(c->write_event);
	c->write_event = NULL;
	close(c->fd);
	c->fd = -1;
}

static const struct worker_transport socket_transport = {
	.peer = { socket_write, socket_send_file },
	.reading = socket_reading,
	.want_write = socket_want_write,
	.linger = socket_linger,
	.close = socket_close,
};

/* The numeric address and port of a socket name; empty for unix sockets. */
static void
address(const struct sockaddr *name, char *text, size_t room, struct slice *host,
    uint16_t *port)
{
	const struct sockaddr_in *v4 = (const void *)name;
	const struct sockaddr_in6 *v6 = (const void *)name;
	const char *got = NULL;

	*port = 0;
	if (name->sa_family == AF_INET) {
		got = inet_ntop(AF_INET, &v4->sin_addr, text, (socklen_t)room);
		*port = ntohs(v4->sin_port);
	} else if (name->sa_family == AF_INET6) {
		got = inet_ntop(AF_INET6, &v6->sin6_addr, text, (socklen_t)room);
		*port = ntohs(v6->sin6_port);
	}
	*host = got != NULL ? (struct slice){ text, strlen(text) } : SLICE_NULL;
}

static bool
is_wildcard(const struct sockaddr_storage *name)
{
	const struct sockaddr_in *v4 = (const void *)name;
	const struct sockaddr_in6 *v6 = (const void *)name;

	return (name->ss_family == AF_INET && v4->sin_addr.s_addr == htonl(INADDR_ANY)) ||
	    (name->ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr));
}

void
worker_transport_listener(struct worker_listener *l)
{
	struct sockaddr_storage name = { 0 };
	socklen_t len = sizeof(name);

	l->host = SLICE_NULL;
	if (getsockname(l->fd, (struct sockaddr *)&name, &len) < 0 || is_wildcard(&name))
		return;
	address((struct sockaddr *)&name, l->text, sizeof(l->text), &l->host, &l->port);
}

/* Where the client connected to: the listener's address unless that is a
 * wildcard, for then only the connection knows. */
static void
server_address(struct worker_conn *c, const struct worker_listener *l)
{
	struct sockaddr_storage name = { 0 };
	socklen_t len = sizeof(name);

	if (l != NULL && l->host.len > 0) {
		c->x.server_host = l->host;
		c->x.server_port = l->port;
	} else if (getsockname(c->fd, (struct sockaddr *)&name, &len) == 0) {
		address((struct sockaddr *)&name, c->ends.server, sizeof(c->ends.server),
		    &c->x.server_host, &c->x.server_port);
	}
}

int
worker_transport_socket(struct worker_conn *c, int fd, const struct sockaddr *peer,
    const struct worker_listener *listener)
{
	struct event_base *base = io_turn_base(c->w->turn);
	uint16_t port;

	must(fd >= 0 && c->transport == NULL);
	if (event_assign(&c->read_event, base, fd, EV_READ | EV_PERSIST, on_readable, c) < 0 ||
	    event_add(&c->read_event, NULL) < 0)
		return -1;
	c->fd = fd;
	c->reading = c->read_armed = true;
	c->transport = &socket_transport;
	c->transport_arg = c;
	address(peer, c->ends.client, sizeof(c->ends.client), &c->x.peer.host, &port);
	c->x.peer.port = port;
	server_address(c, listener);
	return 0;
}
