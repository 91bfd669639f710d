/*
 * handover: one packet, one connection.
 *
 * Called by worker.c (drain), conductor.c, flush.c and timeouts.c (a connection is between two
 * requests), by conn.c and reply.c, by engine/serve.c (take) and by libevent. A packet is the descriptor,
 * what the socket does not know, and the bytes that were read ahead. Its first word names the
 * format: it tells packets of another version of fastrd, which a reload may have put beside this
 * one. All without the interpreter.
 *
 * Where a packet cannot be sent, the connection is served on: until there is room again, or
 * for good, to end with the worker as every connection does without a handover.
 */
#include "worker/handover.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/must.h"
#include "worker/conductor.h"
#include "worker/conn.h"
#include "worker/proxy.h"

enum {
	FORMAT = 0x46524832,		/* of this version's packets */
	AHEAD_MOST = 64 * 1024,		/* bytes read ahead in one packet */
	TAKEN_AT_ONCE = 8,		/* in one turn */
	PAUSE_US = 100 * 1000,		/* without free descriptors */
};

/* What the socket does not know of its connection. */
struct facts {
	uint32_t format;
	bool proxy_due;			/* a header of the PROXY protocol is to come */
	struct hx_proxy ends;		/* the addresses, if one told them */
};

/* One packet as it is sent or received. */
struct packet {
	struct facts facts;
	struct iovec parts[2];		/* `facts`, and what was read ahead */
	struct msghdr message;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
};

static void
packet_init(struct packet *p, char *ahead, size_t len)
{
	memset(p, 0, sizeof(*p));
	p->parts[0] = (struct iovec){ &p->facts, sizeof(p->facts) };
	p->parts[1] = (struct iovec){ ahead, len };
	p->message.msg_iov = p->parts;
	p->message.msg_iovlen = 2;
	p->message.msg_control = p->control.bytes;
	p->message.msg_controllen = sizeof(p->control.bytes);
}

/* The descriptor in a packet that was received, -1: it has none. */
static int
packet_fd(struct packet *p)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(&p->message);
	int fd = -1;

	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* Send the connection. 0; -1 with errno. */
static int
packet_send(struct worker_conn *c)
{
	struct packet p;
	struct cmsghdr *control;

	packet_init(&p, worker_input_at(&c->input), worker_input_left(&c->input));
	p.facts.format = FORMAT;
	p.facts.proxy_due = c->proxy_due;
	p.facts.ends = c->ends;
	control = CMSG_FIRSTHDR(&p.message);
	control->cmsg_level = SOL_SOCKET;
	control->cmsg_type = SCM_RIGHTS;
	control->cmsg_len = CMSG_LEN(sizeof(c->fd));
	memcpy(CMSG_DATA(control), &c->fd, sizeof(c->fd));
	return sendmsg(c->w->handover.give_fd, &p.message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* May what failed so be tried again when others have taken some? */
static bool
is_full(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == ENOMEM ||
	    error == ETOOMANYREFS || error == EINTR;
}

bool
worker_handover_is_due(const struct worker_conn *c)
{
	return c->w->handover.giving && c->fd >= 0 && !c->stays && !c->close_after && !c->eof;
}

/* Is it between two requests, and goes on elsewhere? */
static bool
is_free(const struct worker_conn *c)
{
	return worker_handover_is_due(c) && c->state == CONN_IDLE;
}

bool
worker_handover_waits(const struct worker_conn *c)
{
	return is_free(c) && c->out.backlog > 0;
}

/* True: it is given, and dead. False: it stays for good, or is tried again when there is room. */
static bool
give(struct worker_conn *c)
{
	must(is_free(c) && c->out.backlog == 0 && c->input.ahead.len == 0);
	if (worker_input_left(&c->input) > AHEAD_MOST) {
		c->stays = true;
	} else if (packet_send(c) < 0) {
		c->stays = !is_full(errno) || event_add(&c->w->handover.give_event, NULL) < 0;
	} else {
		worker_count(c->w, SHM_COUNT_connections_given, 1);
		worker_conn_kill(c);	/* closes our descriptor of it: the socket lives on */
		return true;
	}
	return false;
}

bool
worker_handover_leaves(struct worker_conn *c)
{
	return worker_handover_waits(c) || (is_free(c) && give(c));
}

/* The connection of a packet, with what was read ahead. */
static void
arrive(struct worker *w, int fd, const struct facts *facts, const char *ahead, size_t len)
{
	struct sockaddr_storage peer;
	socklen_t peer_len = sizeof(peer);
	struct worker_conn *c = NULL;

	/* It fails for a client that is gone. */
	if (getpeername(fd, (struct sockaddr *)&peer, &peer_len) == 0)
		c = worker_conn_new(w, fd, (struct sockaddr *)&peer, NULL);
	if (c == NULL) {
		close(fd);
		return;
	}
	worker_count(w, SHM_COUNT_connections_taken, 1);
	if (facts->ends.told)
		worker_proxy_tell(c, &facts->ends);
	if (facts->proxy_due)
		worker_proxy_expect(c);
	if (len > 0 && worker_input_keep(&c->input, ahead, len, false) < 0)
		worker_conn_kill(c);
	else
		worker_conductor_advance(c);
}

/* A descriptor that finds no number when its packet is read would be lost. */
static bool
has_number(int any_fd)
{
	int fd = fcntl(any_fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static void
pause_take(struct worker *w)
{
	struct timeval tv = { 0, PAUSE_US };

	worker_count(w, SHM_COUNT_accept_errors, 1);
	if (evtimer_add(&w->handover.resume, &tv) == 0)
		event_del(&w->handover.take_event);
}

/* Take one. False: there is none, or it must wait. */
static bool
take(struct worker *w)
{
	struct packet p;
	ssize_t n;
	int fd;

	if (!has_number(w->handover.take_fd)) {
		pause_take(w);
		return false;
	}
	packet_init(&p, w->scratch, AHEAD_MOST);
	n = recvmsg(w->handover.take_fd, &p.message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EINTR;
	fd = packet_fd(&p);
	if (fd < 0)
		return true;
	if ((size_t)n < sizeof(p.facts) || p.facts.format != FORMAT) {
		log_warnx("a connection of another version of fastrd is closed");
		close(fd);
	} else {
		arrive(w, fd, &p.facts, w->scratch, (size_t)n - sizeof(p.facts));
	}
	return true;
}

static void
on_take(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	for (int i = 0; i < TAKEN_AT_ONCE && take(arg); i++)
		;
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	if (event_add(&w->handover.take_event, NULL) < 0)
		pause_take(w);
}

/* Give all that is free, as far as there is room. */
static void
give_all(struct worker *w)
{
	LIST_EACH(node, &w->conns) {
		struct worker_conn *c = container_of(node, struct worker_conn, node);

		if (worker_handover_waits(c))
			worker_conn_update_reading(c);
		else if (is_free(c) && !give(c) && !c->stays)
			break;
	}
}

static void
on_room(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	give_all(arg);
}

void
worker_handover_init(struct worker *w)
{
	struct worker_handover *h = &w->handover;

	h->take_fd = h->give_fd = -1;
	evtimer_assign(&h->resume, io_turn_base(w->turn), on_resume, w);
	event_assign(&h->take_event, io_turn_base(w->turn), -1, 0, on_take, w);
	event_assign(&h->give_event, io_turn_base(w->turn), -1, 0, on_room, w);
}

static void
take_stop(struct worker_handover *h)
{
	event_del(&h->take_event);
	evtimer_del(&h->resume);
}

void
worker_handover_fini(struct worker *w)
{
	take_stop(&w->handover);
	event_del(&w->handover.give_event);
	w->handover.give_fd = w->handover.take_fd = -1;
}

void
worker_handover_take(struct worker *w, int take_fd, int give_fd)
{
	struct worker_handover *h = &w->handover;
	struct event_base *base = io_turn_base(w->turn);

	must(h->take_fd < 0 && take_fd >= 0 && give_fd >= 0);
	h->take_fd = take_fd;
	h->give_fd = give_fd;
	event_assign(&h->take_event, base, take_fd, EV_READ | EV_PERSIST, on_take, w);
	event_assign(&h->give_event, base, give_fd, EV_WRITE, on_room, w);
	worker_handover_resume(w);
}

void
worker_handover_resume(struct worker *w)
{
	if (w->handover.take_fd < 0)
		return;
	w->handover.giving = false;
	event_del(&w->handover.give_event);
	if (event_add(&w->handover.take_event, NULL) < 0)
		log_warnx("cannot watch for connections of other workers");
}

void
worker_handover_give(struct worker *w)
{
	if (w->handover.give_fd < 0)
		return;
	take_stop(&w->handover);
	w->handover.giving = true;
	give_all(w);
}

void
worker_handover_end(struct worker *w)
{
	w->handover.giving = false;
	event_del(&w->handover.give_event);
	while (w->handover.take_fd >= 0 && take(w))
		;
	take_stop(&w->handover);
}
