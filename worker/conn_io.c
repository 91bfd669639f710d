/*
 * conn_io: read events, writev, addresses.
 *
 * Called by libevent and by the turn's flush, both without the interpreter.
 */
#include "worker/conn_io.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bindings/request.h"
#include "worker/conductor.h"

enum { BACKLOG_LOW = 16 * 1024 };

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
	else if (n == 0)
		worker_conn_eof(c, false);
	else if (errno != EAGAIN && errno != EWOULDBLOCK)
		worker_conn_eof(c, true);
	if (c->eof && errno != EAGAIN && n < 0)
		worker_conn_kill(c);
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

/* Everything is sent. */
static void
flushed(struct worker_conn *c)
{
	io_output_trim(&c->out);
	if (!c->close_after || c->state == CONN_RUNNING)
		return;
	if (c->state == CONN_LINGER && c->fd >= 0 && !c->eof) {
		shutdown(c->fd, SHUT_WR);
		io_timers_touch(&c->w->linger_timers, &c->timer);
		return;
	}
	worker_conn_kill(c);
}

static void
flush(struct worker_conn *c)
{
	bool was_high = c->out.backlog > BACKLOG_LOW;
	enum io_output_result sent = c->fd >= 0 ?
	    io_output_write(&c->out, socket_write, c) :
	    io_output_write(&c->out, c->memory.write, c->memory.to);

	if (io_output_reapable(&c->out))
		worker_conn_push(c);
	if (was_high && c->out.backlog <= BACKLOG_LOW) {
		c->writable_due = true;
		worker_conn_push(c);
	}
	switch (sent) {
	case IO_OUTPUT_SENT:
		flushed(c);
		break;
	case IO_OUTPUT_AGAIN:
		if (c->fd >= 0)
			event_add(&c->write_event, NULL);
		break;
	case IO_OUTPUT_GONE:
		worker_conn_kill(c);
		break;
	}
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	flush(arg);
}

static void
on_flush(struct io_flush *node)
{
	flush((struct worker_conn *)((char *)node - offsetof(struct worker_conn, flush)));
}

/* The numeric address and port of a socket name; empty for unix sockets. */
static void
address(const struct sockaddr_storage *name, char *text, size_t room, struct slice *host,
    uint16_t *port)
{
	const struct sockaddr_in *v4 = (const void *)name;
	const struct sockaddr_in6 *v6 = (const void *)name;
	const char *got = NULL;

	if (name->ss_family == AF_INET) {
		got = inet_ntop(AF_INET, &v4->sin_addr, text, (socklen_t)room);
		*port = ntohs(v4->sin_port);
	} else if (name->ss_family == AF_INET6) {
		got = inet_ntop(AF_INET6, &v6->sin6_addr, text, (socklen_t)room);
		*port = ntohs(v6->sin6_port);
	}
	*host = got != NULL ? (struct slice){ text, strlen(text) } : SLICE_NULL;
}

void
conn_io_open(struct worker_conn *c)
{
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);

	c->flush.flush = on_flush;
	if (c->fd < 0)
		return;
	event_assign(&c->read_event, io_turn_base(c->w->turn), c->fd,
	    EV_READ | EV_PERSIST, on_readable, c);
	event_assign(&c->write_event, io_turn_base(c->w->turn), c->fd, EV_WRITE,
	    on_writable, c);
	event_add(&c->read_event, NULL);
	if (getpeername(c->fd, (struct sockaddr *)&name, &len) == 0)
		address(&name, c->host, sizeof(c->host), &c->x.client_host, &c->x.client_port);
	len = sizeof(name);
	if (getsockname(c->fd, (struct sockaddr *)&name, &len) == 0)
		address(&name, c->server, sizeof(c->server), &c->x.server_host,
		    &c->x.server_port);
}

void
conn_io_close(struct worker_conn *c)
{
	if (c->fd < 0) {
		c->memory.closed(c->memory.to);
		return;
	}
	event_del(&c->read_event);
	event_del(&c->write_event);
	close(c->fd);
	c->fd = -1;
	c->memory = (struct conn_memory){ NULL, NULL, NULL };
}

void
conn_io_read(struct worker_conn *c, bool on)
{
	bool is = c->fd >= 0 && event_pending(&c->read_event, EV_READ, NULL) != 0;

	if (c->fd < 0 || is == on)
		return;
	if (on)
		event_add(&c->read_event, NULL);
	else
		event_del(&c->read_event);
}
