/*
 * refuse: one answer, the same for every request.
 *
 * Called by master.c, while m->stranded says that no worker is left, and for probes while none
 * serves. The master parses
 * nothing: the answer is complete without knowing the request, and what the client sends is
 * thrown away. Bounded in number, bytes and time, so that clients cannot keep the master
 * busy.
 */
#include "master/refuse.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/must.h"

enum { LINGER_MS = 1000, PAUSE_MS = 100, DISCARD_BYTES = 16384 };

/* No content: so it is right for HEAD as well. RFC 9110 section 6.6.1 wants no Date here. */
static const char answer[] =
	"HTTP/1.1 503 Service Unavailable\r\n"
	"retry-after: 5\r\n"
	"content-length: 0\r\n"
	"connection: close\r\n\r\n";

static const struct master_refusal *
record_free(const struct master_refusals *all)
{
	for (int i = 0; i < MASTER_REFUSALS_MAX; i++)
		if (all->at[i].until_ms == 0)
			return &all->at[i];
	return NULL;
}

bool
master_refuse_ready(const struct master_refusals *all, uint64_t now_ms)
{
	return all->paused_until_ms <= now_ms && record_free(all) != NULL;
}

void
master_refuse(struct master_refusals *all, int listener, uint64_t now_ms)
{
	const struct master_refusal *found = record_free(all);
	struct master_refusal *r;
	int fd;

	if (found == NULL)
		return;
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			all->paused_until_ms = now_ms + PAUSE_MS;
		return;
	}
	/* The buffer of a new connection has room for it. */
	(void)!send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(fd, SHUT_WR);
	r = &all->at[found - all->at];
	*r = (struct master_refusal){ .fd = fd, .until_ms = now_ms + LINGER_MS };
}

static void
done(struct master_refusal *r)
{
	must(r->until_ms != 0);
	close(r->fd);
	r->until_ms = 0;
}

void
master_refuse_read(struct master_refusal *r)
{
	char bytes[DISCARD_BYTES];
	ssize_t n;

	if (r->until_ms == 0)
		return;
	n = recv(r->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		done(r);
}

void
master_refuse_expire(struct master_refusals *all, uint64_t now_ms)
{
	for (int i = 0; i < MASTER_REFUSALS_MAX; i++)
		if (all->at[i].until_ms != 0 && all->at[i].until_ms <= now_ms)
			done(&all->at[i]);
}
