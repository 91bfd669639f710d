/*
 * control: connections, a line in, a line out.
 *
 * Called by master.c, and by main.c (end). Everything is bounded: connections, the line, the answer, and
 * the time for each, but for who waits for a reload or the end. Nothing waits for a peer: what it does
 * not take goes when it does, or is dropped. The socket has mode 600; the kernel says who connects all
 * the same.
 */
#include "master/control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "master/json.h"
#include "master/listen.h"
#include "master/master.h"
#include "master/orders.h"

enum { PATIENCE_MS = 5000, PAUSE_MS = 100 };

static struct master_peer *
record_free(struct master_control *all)
{
	for (int i = 0; i < MASTER_PEERS_MAX; i++)
		if (all->at[i].state == PEER_FREE)
			return &all->at[i];
	return NULL;
}

bool
master_control_ready(const struct master_control *all, uint64_t now_ms)
{
	for (int i = 0; i < MASTER_PEERS_MAX; i++)
		if (all->at[i].state == PEER_FREE)
			return all->paused_until_ms <= now_ms;
	return false;
}

static void
drop(struct master_peer *p)
{
	must(p->state != PEER_FREE);
	close(p->fd);
	free(p->answer);
	*p = (struct master_peer){ .state = PEER_FREE, .fd = -1 };
}

/* As much of the answer as it takes now. */
static void
tell(struct master_peer *p)
{
	ssize_t n = send(p->fd, p->answer + p->sent, p->len - p->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		p->sent += (size_t)n;
	if (n < 0 || p->sent == p->len)
		drop(p);
}

/* This is its answer. One that is not whole is another one. */
static void
answer(struct master_peer *p, struct master_json *j)
{
	master_json_line(j);
	if (j->failed) {
		master_orders_refuse(j, "the answer is too long, or there is no memory", "try again later");
		master_json_line(j);
	}
	p->state = PEER_IS_TOLD;
	p->until_ms = clock_monotonic_ms() + PATIENCE_MS;
	p->answer = j->bytes;
	p->len = j->failed ? 0 : j->len;
	if (p->len == 0)
		drop(p);
	else
		tell(p);
}

static void
refuse(struct master_peer *p, const char *cause, const char *remedy)
{
	struct master_json j = { .bytes = NULL };

	master_orders_refuse(&j, cause, remedy);
	answer(p, &j);
}

/* Its line is there. */
static void
ask(struct master *m, struct master_peer *p)
{
	struct master_json j = { .bytes = NULL };
	enum master_order order;

	if (strlen(p->line) < p->used) {
		refuse(p, "a byte of what was asked is zero", NULL);
		return;
	}
	order = master_orders_run(m, p->line, p->by, &p->reload, &j);
	if (order == ORDER_DONE) {
		answer(p, &j);
		return;
	}
	free(j.bytes);
	p->state = order == ORDER_WAITS_RELOAD ? PEER_WAITS_RELOAD : PEER_WAITS_END;
	p->until_ms = 0;
}

static void
hear(struct master *m, struct master_peer *p)
{
	ssize_t n = recv(p->fd, p->line + p->used, sizeof(p->line) - p->used, MSG_DONTWAIT);
	size_t from = p->used;
	char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 || (n == 0 && p->used == 0)) {
		drop(p);
		return;
	}
	p->used += (size_t)n;
	end = memchr(p->line + from, '\n', (size_t)n);
	if (end == NULL && n > 0 && p->used < sizeof(p->line))
		return;
	if (end == NULL && p->used == sizeof(p->line)) {
		refuse(p, "what was asked is too long", NULL);
		return;
	}
	/* The end of what it sends is the end of a line, too. */
	p->used = end != NULL ? (size_t)(end - p->line) : p->used;
	p->line[p->used] = '\0';
	ask(m, p);
}

void
master_control_accept(struct master *m)
{
	struct master_peer *p = record_free(&m->control);
	uint64_t now_ms = clock_monotonic_ms();
	struct ucred who = { .pid = 0 };
	socklen_t len = sizeof(who);
	int fd;

	if (p == NULL)
		return;
	fd = accept4(m->control_socket->fds[0], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			m->control.paused_until_ms = now_ms + PAUSE_MS;
		return;
	}
	*p = (struct master_peer){ .state = PEER_ASKS, .fd = fd, .until_ms = now_ms + PATIENCE_MS };
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
		drop(p);
	else if (who.uid != 0 && who.uid != geteuid())
		refuse(p, "this user may not", "be root, or the user that fastrd runs as");
	else
		snprintf(p->by, sizeof(p->by), "Control socket by process %ld", (long)who.pid);
}

short
master_control_events(const struct master_peer *p)
{
	/* That it is gone is told without being asked for. */
	return p->state == PEER_ASKS ? POLLIN : p->state == PEER_IS_TOLD ? POLLOUT : 0;
}

void
master_control_go_on(struct master *m, struct master_peer *p)
{
	if (p->state == PEER_ASKS)
		hear(m, p);
	else if (p->state == PEER_IS_TOLD)
		tell(p);
	else if (p->state != PEER_FREE)
		drop(p);
}

static void
reloaded_look(struct master *m, struct master_peer *p)
{
	struct master_json j = { .bytes = NULL };

	if (master_orders_reloaded(m, p->reload, &j))
		answer(p, &j);
}

void
master_control_look(struct master *m, uint64_t now_ms)
{
	for (int i = 0; i < MASTER_PEERS_MAX; i++) {
		struct master_peer *p = &m->control.at[i];

		if (p->state == PEER_WAITS_RELOAD)
			reloaded_look(m, p);
		else if (p->state != PEER_FREE && p->until_ms != 0 && p->until_ms <= now_ms)
			drop(p);
	}
}

uint64_t
master_control_next_ms(const struct master_control *all)
{
	uint64_t next_ms = all->paused_until_ms > clock_monotonic_ms() ? all->paused_until_ms : 0;

	for (int i = 0; i < MASTER_PEERS_MAX; i++) {
		uint64_t until_ms = all->at[i].until_ms;

		if (until_ms != 0 && (next_ms == 0 || until_ms < next_ms))
			next_ms = until_ms;
	}
	return next_ms;
}

void
master_control_end(struct master *m)
{
	for (int i = 0; i < MASTER_PEERS_MAX; i++) {
		struct master_peer *p = &m->control.at[i];
		struct master_json j = { .bytes = NULL };

		if (p->state == PEER_WAITS_RELOAD)
			reloaded_look(m, p);
		if (p->state != PEER_WAITS_END)
			continue;
		master_orders_ended(m, &j);
		master_json_line(&j);
		if (!j.failed)
			(void)!send(p->fd, j.bytes, j.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		free(j.bytes);
	}
}
