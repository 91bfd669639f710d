/*
 * admin: does this process live, and does the server take requests?
 *
 * Called by libevent, by worker.c (stop, resume, fini) and by engine/serve.c (listen, unready). A probe
 * must get its answer whatever the application does: everything happens within libevent's
 * callback, without the interpreter, and its connections have nothing in common with those of
 * conn.c. All workers that serve share the listener, so one whose loop is stuck does not
 * matter while others run.
 *
 * Few connections, one request each, a head of limited size, a few seconds for all of it.
 */
#include "worker/admin.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/slice.h"
#include "worker/worker.h"

enum {
	CONNS_MAX = 16,
	HEAD_BYTES = 2048,
	HEAD_MS = 5000,		/* for the head */
	LINGER_MS = 1000,	/* ... and for the client to close, once it has the answer */
	PAUSE_US = 100 * 1000	/* without descriptors */
};

struct admin_conn {
	struct worker_admin *admin;
	struct event event;
	int fd;			/* -1: free */
	uint64_t until_ms;
	bool answered;
	size_t n;
	char head[HEAD_BYTES];
};

struct worker_admin {
	struct event event;	/* of the listener */
	struct event resume;	/* the end of a pause */
	bool ready;		/* nobody has said otherwise */
	bool stopped;
	struct admin_conn conns[CONNS_MAX];
};

/* What is answered. */
struct answer {
	int status;
	const char *phrase, *text;
};

static const struct answer lives = { 200, "OK", "ok\n" };
static const struct answer is_ready = { 200, "OK", "ready\n" };
static const struct answer ends = { 503, "Service Unavailable", "the server is ending\n" };
static const struct answer unknown = { 404, "Not Found", "there are /-/healthz and /-/ready\n" };
static const struct answer only_get = { 405, "Method Not Allowed", "ask with GET\n" };
static const struct answer malformed = { 400, "Bad Request", "no HTTP request\n" };

static void
conn_close(struct admin_conn *c)
{
	event_del(&c->event);
	close(c->fd);
	c->fd = -1;
}

/* Wait for more, until the connection's time is over. */
static void
conn_wait(struct admin_conn *c)
{
	uint64_t now_ms = clock_coarse_ms(), left_ms = c->until_ms > now_ms ? c->until_ms - now_ms : 0;
	struct timeval tv = { (time_t)(left_ms / 1000), (suseconds_t)(left_ms % 1000 * 1000) };

	if (left_ms == 0 || event_add(&c->event, &tv) < 0)
		conn_close(c);
}

/* The buffer of a new connection has room for it: whatever is not taken is lost. */
static void
answer_send(struct admin_conn *c, const struct answer *a, bool is_head)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "HTTP/1.1 %d %s\r\n%scontent-type: text/plain; "
	    "charset=utf-8\r\ncache-control: no-store\r\ncontent-length: %zu\r\nconnection: "
	    "close\r\n\r\n%s", a->status, a->phrase, a == &only_get ? "allow: GET, HEAD\r\n" : "",
	    strlen(a->text), is_head ? "" : a->text);

	must(n > 0 && (size_t)n < sizeof(text));
	(void)!send(c->fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(c->fd, SHUT_WR);
	c->answered = true;
	c->until_ms = clock_coarse_ms() + LINGER_MS;
}

/* The word at the beginning of `line`, which goes on behind it. */
static struct slice
word_take(struct slice *line)
{
	const char *space = memchr(line->ptr, ' ', line->len);
	size_t len = space != NULL ? (size_t)(space - line->ptr) : line->len;
	struct slice word = { line->ptr, len };

	line->ptr += len + (space != NULL);
	line->len -= len + (space != NULL);
	return word;
}

static const struct answer *
path_answer(const struct worker_admin *a, struct slice path)
{
	const char *query = memchr(path.ptr, '?', path.len);

	if (query != NULL)
		path.len = (size_t)(query - path.ptr);
	if (slice_equal(path, SLICE_LIT("/-/healthz")))
		return &lives;
	if (slice_equal(path, SLICE_LIT("/-/ready")))
		return a->ready ? &is_ready : &ends;
	return &unknown;
}

/* A whole head is there. Nothing but its first line matters. */
static void
head_answer(struct admin_conn *c)
{
	const char *end = memchr(c->head, '\n', c->n);
	struct slice line = { c->head, end != NULL ? (size_t)(end - c->head) : 0 };
	struct slice method, path, version;
	bool is_head;

	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	method = word_take(&line);
	path = word_take(&line);
	version = word_take(&line);
	is_head = slice_equal(method, SLICE_LIT("HEAD"));
	if (line.len > 0 || version.len != 8 || memcmp(version.ptr, "HTTP/1.", 7) != 0)
		answer_send(c, &malformed, false);
	else if (!is_head && !slice_equal(method, SLICE_LIT("GET")))
		answer_send(c, &only_get, false);
	else
		answer_send(c, path_answer(c->admin, path), is_head);
}

/* Is there an empty line, which ends the head? */
static bool
head_whole(const struct admin_conn *c)
{
	return memmem(c->head, c->n, "\n\r\n", 3) != NULL || memmem(c->head, c->n, "\n\n", 2) != NULL;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct admin_conn *c = arg;
	ssize_t n;

	if (c->answered)
		c->n = 0;	/* what still comes is thrown away */
	n = (what & EV_TIMEOUT) != 0 ? 0 : recv(fd, c->head + c->n, HEAD_BYTES - c->n, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		conn_close(c);
		return;
	}
	c->n += n > 0 ? (size_t)n : 0;
	if (!c->answered && head_whole(c))
		head_answer(c);
	else if (!c->answered && c->n == HEAD_BYTES)
		answer_send(c, &malformed, false);
	conn_wait(c);
}

/* A free one. The oldest makes room for it: a probe says at once what it wants, and whoever
 * says nothing must not keep it out. */
static struct admin_conn *
conn_free(struct worker_admin *a)
{
	struct admin_conn *oldest = &a->conns[0];

	for (int i = 0; i < CONNS_MAX; i++) {
		if (a->conns[i].fd < 0)
			return &a->conns[i];
		if (a->conns[i].until_ms < oldest->until_ms)
			oldest = &a->conns[i];
	}
	conn_close(oldest);
	return oldest;
}

static void
on_accept(evutil_socket_t listener, short what, void *arg)
{
	struct worker_admin *a = arg;
	struct timeval pause = { 0, PAUSE_US };
	struct admin_conn *c;
	int fd;

	(void)what;
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if ((errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) &&
		    evtimer_add(&a->resume, &pause) == 0)
			event_del(&a->event);
		return;
	}
	c = conn_free(a);
	c->fd = fd;
	c->n = 0;
	c->answered = false;
	c->until_ms = clock_coarse_ms() + HEAD_MS;
	event_assign(&c->event, event_get_base(&a->event), fd, EV_READ, on_readable, c);
	conn_wait(c);
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct worker_admin *a = arg;

	(void)fd;
	(void)what;
	if (!a->stopped)
		event_add(&a->event, NULL);
}

int
worker_admin_listen(struct worker *w, int fd)
{
	struct worker_admin *a = calloc(1, sizeof(*a));

	must(w->admin == NULL);
	if (a == NULL)
		return -1;
	w->admin = a;
	a->ready = true;
	for (int i = 0; i < CONNS_MAX; i++) {
		a->conns[i].fd = -1;
		a->conns[i].admin = a;
	}
	evtimer_assign(&a->resume, io_turn_base(w->turn), on_resume, a);
	event_assign(&a->event, io_turn_base(w->turn), fd, EV_READ | EV_PERSIST, on_accept, a);
	if (event_add(&a->event, NULL) < 0)
		log_warnx("cannot watch the admin listener");
	return 0;
}

void
worker_admin_unready(struct worker *w)
{
	if (w->admin != NULL)
		w->admin->ready = false;
}

void
worker_admin_stop(struct worker *w)
{
	if (w->admin == NULL)
		return;
	w->admin->stopped = true;
	event_del(&w->admin->event);
	event_del(&w->admin->resume);
}

void
worker_admin_resume(struct worker *w)
{
	if (w->admin == NULL)
		return;
	w->admin->stopped = false;
	event_add(&w->admin->event, NULL);
}

void
worker_admin_fini(struct worker *w)
{
	if (w->admin == NULL)
		return;
	worker_admin_stop(w);
	for (int i = 0; i < CONNS_MAX; i++)
		if (w->admin->conns[i].fd >= 0)
			conn_close(&w->admin->conns[i]);
	free(w->admin);
	w->admin = NULL;
}
