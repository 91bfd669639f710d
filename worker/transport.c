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
#include <unistd.h>

#include "base/must.h"
#include "worker/conn.h"
#include "worker/flush.h"

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct worker_conn *c = arg;
	ssize_t n;

	(void)what;
	do
		n = recv(fd, c->w->scratch, sizeof(c->w->scratch), 0);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		worker_conn_feed(c, c->w->scratch, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
		worker_conn_eof(c, n < 0);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	worker_flush_now(arg);
}

static ssize_t
socket_write(void *to, const struct iovec *iov, int n)
{
	struct msghdr message = {
		.msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = (size_t)n,
	};

	return sendmsg(((struct worker_conn *)to)->fd, &message, MSG_NOSIGNAL);
}

static void
socket_reading(void *to, bool on)
{
	struct worker_conn *c = to;

	if (!on)
		event_del(&c->read_event);
	else if (event_add(&c->read_event, NULL) < 0)
		worker_conn_kill(c);
}

static void
socket_want_write(void *to)
{
	struct worker_conn *c = to;

	if (event_add(&c->write_event, NULL) < 0)
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
	event_del(&c->write_event);
	close(c->fd);
	c->fd = -1;
}

static const struct worker_transport socket_transport = {
	.write = socket_write,
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
		address((struct sockaddr *)&name, c->server_text, sizeof(c->server_text),
		    &c->x.server_host, &c->x.server_port);
	}
}

int
worker_transport_socket(struct worker_conn *c, int fd, const struct sockaddr *peer,
    const struct worker_listener *listener)
{
	struct event_base *base = io_turn_base(c->w->turn);

	must(fd >= 0 && c->transport == NULL);
	if (event_assign(&c->read_event, base, fd, EV_READ | EV_PERSIST, on_readable, c) < 0 ||
	    event_assign(&c->write_event, base, fd, EV_WRITE, on_writable, c) < 0 ||
	    event_add(&c->read_event, NULL) < 0)
		return -1;
	c->fd = fd;
	c->reading = true;
	c->transport = &socket_transport;
	c->transport_arg = c;
	address(peer, c->client_text, sizeof(c->client_text), &c->x.client_host,
	    &c->x.client_port);
	server_address(c, listener);
	return 0;
}
