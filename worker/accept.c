/*
 * accept: a fair share of the connections, and none when there is no room.
 *
 * Called by libevent, by worker.c and by engine/serve.c (listen). Listeners are
 * shared with the other workers, so whoever is quick gets a connection; the gate
 * leaves it to one that has nothing to do. Out of descriptors it pauses, it never
 * spins.
 */
#include "worker/accept.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "worker/conn.h"
#include "worker/transport.h"

enum {
	EXHAUSTED_PAUSE_US = 100 * 1000,
	POLITE_PAUSE_US = 500,
	POLITE_SLACK = 8,
};

/* A worker whose loop has not turned for this long does not count. */
static const uint64_t stale_ns = UINT64_C(1000000000);

static void
accepting(struct worker *w, bool on)
{
	for (size_t i = 0; i < w->accept.n; i++) {
		struct worker_listener *l = &w->accept.listeners[i];

		if (l->added == on)
			continue;
		if ((on ? event_add(&l->event, NULL) : event_del(&l->event)) == 0)
			l->added = on;
		else
			log_warnx("cannot %s a listener", on ? "watch" : "leave");
	}
}

static void
pause_for(struct worker *w, suseconds_t us)
{
	struct timeval tv = { 0, us };

	/* Without the timer nothing would end the pause. */
	if (evtimer_add(&w->accept.resume, &tv) == 0)
		accepting(w, false);
}

void
worker_accept_stop(struct worker *w)
{
	accepting(w, false);
	evtimer_del(&w->accept.resume);
}

void
worker_accept_resume(struct worker *w)
{
	accepting(w, true);
	shm_board_state(w->board, SHM_BOARD_SERVING);
}

void
worker_accept_fini(struct worker *w)
{
	worker_accept_stop(w);
	if (w->accept.reserve_fd >= 0)
		close(w->accept.reserve_fd);
}

/* Out of descriptors: spend the reserve on one waiting connection and close it, so
 * that its client does not hang. Then pause. */
static void
exhausted(struct worker *w, int listener)
{
	int fd;

	if (!w->accept.exhausted)
		log_warn("cannot accept connections, pausing");
	w->accept.exhausted = true;
	worker_count(w, SHM_COUNT_accept_errors, 1);
	if (w->accept.reserve_fd >= 0) {
		close(w->accept.reserve_fd);
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			close(fd);
	}
	w->accept.reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pause_for(w, EXHAUSTED_PAUSE_US);
}

/* Does this worker serve, turn its loop, and have no request in hand? */
static bool
idle(const struct shm_board *b, uint64_t now_ns)
{
	uint64_t beat = atomic_load_explicit(&b->heartbeat_ns, memory_order_relaxed);

	return atomic_load_explicit(&b->state, memory_order_relaxed) == SHM_BOARD_SERVING &&
	    shm_board_get(b, SHM_COUNT_requests_active) == 0 &&
	    beat <= now_ns && now_ns - beat < stale_ns;
}

/* The fewest connections that an idle worker has; UINT64_MAX when none is idle. */
static uint64_t
least_of_idle(const struct shm_boards *all)
{
	uint64_t least = UINT64_MAX, now_ns = clock_monotonic_ns();

	for (size_t i = 0; i < all->n; i++) {
		const struct shm_board *b = shm_boards_at(all, i);
		uint64_t open = shm_board_get(b, SHM_COUNT_connections_open);

		/* Boards are given out in order: none behind an unused one was ever used. */
		if (atomic_load_explicit(&b->version, memory_order_relaxed) == 0)
			break;
		if (open < least && idle(b, now_ns))
			least = open;
	}
	return least;
}

/* Is the listener's next connection left to another worker, which is idle and has fewer?
 * The kernel has woken that worker, too. This one skips a turn, or pauses for 0.5 ms when
 * it has many more. A listener is never skipped twice in a row. */
static bool
polite(struct worker_listener *l)
{
	struct worker *w = l->w;
	uint64_t least = w->open > 0 && !l->waited ? least_of_idle(&w->options.boards) :
	    UINT64_MAX;

	l->waited = least < w->open;
	if (l->waited && w->open - least > least / 16 + POLITE_SLACK)
		pause_for(w, POLITE_PAUSE_US);
	return l->waited;
}

/* libevent calls this once a turn for every listener with a connection. It takes one: the
 * next does not have to wait for this one's request while some other worker is free. */
static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct worker_listener *l = arg;
	struct worker *w = l->w;
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	struct worker_conn *c;
	int on = 1, got;

	(void)what;
	if (polite(l))
		return;
	got = accept4(fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (got < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			exhausted(w, fd);
		return;
	}
	w->accept.exhausted = false;
	/* Fails on unix sockets, which have no Nagle to turn off. */
	setsockopt(got, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	worker_count(w, SHM_COUNT_connections_accepted, 1);
	c = worker_conn_new(w, got, (struct sockaddr *)&peer, l);
	if (c == NULL)
		close(got);
	else
		worker_proxy_accepted(c);
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	if (!w->draining)
		accepting(w, true);
}

void
worker_accept_init(struct worker *w)
{
	w->accept.reserve_fd = -1;
	evtimer_assign(&w->accept.resume, io_turn_base(w->turn), on_resume, w);
}

int
worker_accept_listen(struct worker *w, int fd)
{
	struct worker_listener *l;

	if (w->accept.n == WIRE_LISTENERS_MAX)
		return -1;
	if (w->accept.reserve_fd < 0)
		w->accept.reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	l = &w->accept.listeners[w->accept.n++];
	l->fd = fd;
	l->w = w;
	worker_transport_listener(l);
	event_assign(&l->event, io_turn_base(w->turn), fd, EV_READ | EV_PERSIST, on_accept, l);
	accepting(w, true);
	shm_board_state(w->board, SHM_BOARD_SERVING);
	return 0;
}
