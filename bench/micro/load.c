/*
 * load: a closed-loop HTTP/1.1 load generator for bench/run.py.
 *
 * Sends a fixed number of identical requests over N keep-alive connections,
 * `depth` of them in one write, and looks at every answer: the status and the
 * very content expected, with a Content-Length or in chunks, else it counts an
 * error. It prints one JSON object. It is cheap enough (two system calls per
 * turn and connection) to keep a C server busy from one core; run.py prints
 * how busy it was.
 *
 *	load PORT CONNECTIONS DEPTH REQUESTS STATUS REQUEST-FILE CONTENT-FILE
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	BUFFER = 1 << 18,	/* of an answer, with its head */
	FILE_MAX = 1 << 22,
	EVENTS = 256,
	SILENCE_MS = 20000,
	BUCKET_US = 10,
	BUCKETS = 200000,	/* 2 s, the last one holds the rest */
	STATUS_LEN = 12,	/* "HTTP/1.1 200" */
	CHUNKED = -1,		/* instead of a length */
};

struct conn {
	int fd;
	int in_flight;
	double sent_at;
	size_t out_left;	/* bytes of the requests in flight, not sent yet */
	size_t have;
	char in[BUFFER];
};

/* The layout of the last good answer that had a length; the next is compared with it. */
struct shape {
	size_t head;		/* bytes up to and with the empty line */
	size_t length_at;	/* where the Content-Length line is */
	size_t length_len;
	char length_line[64];
};

static struct {
	int port, connections, depth, epoll, open;
	long wanted, sent, done, errors;
	char status[STATUS_LEN + 1];
	bool no_content;	/* a status that has none */
	char *request, *content;
	size_t request_len, content_len;
	struct shape shape;
	long latency[BUCKETS];
} load;

static void
die(const char *what)
{
	fprintf(stderr, "load: %s (%ld of %ld done): %s\n", what, load.done,
	    load.wanted, strerror(errno));
	exit(1);
}

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The whole file, `copies` times in a row; never freed. */
static char *
file_read(const char *path, int copies, size_t *len)
{
	FILE *f = fopen(path, "rb");
	char *bytes = malloc((size_t)FILE_MAX);

	if (f == NULL || bytes == NULL)
		die(path);
	*len = fread(bytes, 1, FILE_MAX, f);
	fclose(f);
	bytes = realloc(bytes, *len * (size_t)copies + 1);
	if (bytes == NULL || *len == FILE_MAX)
		die(path);
	for (int i = 1; i < copies; i++)
		memcpy(bytes + (size_t)i * *len, bytes, *len);
	return bytes;
}

static void
conn_open(struct conn *c)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)load.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd < 0 ||
	    connect(c->fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 ||
	    fcntl(c->fd, F_SETFL, O_NONBLOCK) < 0 ||
	    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
	    epoll_ctl(load.epoll, EPOLL_CTL_ADD, c->fd, &ev) < 0)
		die("connect");
	load.open++;
}

/* The server closed the connection: what was in flight is lost. */
static void
conn_lost(struct conn *c)
{
	load.errors += c->in_flight;
	load.done += c->in_flight;
	close(c->fd);
	c->fd = -1;
	load.open--;
}

/* Send as much of the requests in flight as the kernel takes, and the rest when it takes
 * more. */
static void
conn_flush(struct conn *c)
{
	const char *end = load.request + load.request_len * (size_t)load.depth;
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT, .data.ptr = c };
	ssize_t n = send(c->fd, end - c->out_left, c->out_left, MSG_NOSIGNAL);
	bool waited = c->sent_at < 0;

	if (n < 0 && errno != EAGAIN) {
		conn_lost(c);
		return;
	}
	c->out_left -= n > 0 ? (size_t)n : 0;
	if (c->out_left == 0) {
		c->sent_at = seconds();
		ev.events = EPOLLIN;
	} else {
		c->sent_at = -1;
	}
	if ((c->out_left > 0) != waited &&
	    epoll_ctl(load.epoll, EPOLL_CTL_MOD, c->fd, &ev) < 0)
		die("epoll_ctl");
}

static void
conn_send(struct conn *c)
{
	long left = load.wanted - load.sent;
	int n = left < load.depth ? (int)left : load.depth;

	if (n == 0)
		return;
	c->in_flight = n;
	load.sent += n;
	c->sent_at = 0;
	c->out_left = (size_t)n * load.request_len;
	conn_flush(c);
}

/* Read the chunks at p. The size of all of them, 0 when incomplete. Sets *good. */
static size_t
chunks_check(const char *p, size_t have, bool *good)
{
	size_t at = 0, compared = 0, size;

	for (;;) {
		const char *line = memmem(p + at, have - at, "\r\n", 2);

		if (line == NULL)
			return 0;
		size = strtoul(p + at, NULL, 16);
		at = (size_t)(line - p) + 2;
		if (size > BUFFER || have - at < size + 2)
			return 0;
		if (size == 0)
			break;
		*good = *good && size <= load.content_len - compared &&
		    memcmp(p + at, load.content + compared, size) == 0;
		compared += *good ? size : 0;
		at += size + 2;
	}
	*good = *good && compared == load.content_len;
	return at + 2;
}

/* The length that the fields from p on tell, or CHUNKED. Sets where its line is. */
static long
fields_length(const char *p, const char *end, size_t *at, size_t *len)
{
	const char *line, *next;

	for (line = p; line < end; line = next) {
		next = (const char *)memmem(line, (size_t)(end - line) + 2, "\r\n", 2) + 2;
		if (strncasecmp(line, "transfer-encoding: chunked", 26) == 0)
			return CHUNKED;
		if (strncasecmp(line, "content-length:", 15) != 0)
			continue;
		*at = (size_t)(line - p);
		*len = (size_t)(next - line);
		return load.no_content ? 0 : strtol(line + 15, NULL, 10);
	}
	if (load.no_content)
		return 0;
	errno = 0;
	die("an answer without Content-Length and without chunks");
	return 0;
}

/* Parse the answer at p; returns its size, 0 when incomplete. Sets *good and,
 * for a good one with a length, load.shape. */
static size_t
answer_parse(const char *p, size_t have, bool *good)
{
	const char *end = memmem(p, have, "\r\n\r\n", 4);
	size_t head, at = 0, len = 0, size;
	long length;

	if (end == NULL)
		return 0;
	head = (size_t)(end - p) + 4;
	*good = memcmp(p, load.status, STATUS_LEN) == 0;
	length = fields_length(p, end, &at, &len);
	if (length == CHUNKED) {
		size = chunks_check(p + head, have - head, good);
		return size > 0 ? head + size : 0;
	}
	if (have < head + (size_t)length)
		return 0;
	*good = *good && (size_t)length == load.content_len &&
	    memcmp(p + head, load.content, load.content_len) == 0;
	if (*good && len > 0 && len <= sizeof(load.shape.length_line)) {
		load.shape = (struct shape){ .head = head, .length_at = at,
		    .length_len = len };
		memcpy(load.shape.length_line, p + at, len);
	}
	return head + (size_t)length;
}

/* Like answer_parse(), quick for an answer laid out like the last good one. */
static size_t
answer_check(const char *p, size_t have, bool *good)
{
	const struct shape *s = &load.shape;

	if (s->head > 0 && have >= s->head + load.content_len &&
	    memcmp(p, load.status, STATUS_LEN) == 0 &&
	    memcmp(p + s->head - 4, "\r\n\r\n", 4) == 0 &&
	    memcmp(p + s->length_at, s->length_line, s->length_len) == 0 &&
	    memcmp(p + s->head, load.content, load.content_len) == 0) {
		*good = true;
		return s->head + load.content_len;
	}
	return answer_parse(p, have, good);
}

static void
conn_readable(struct conn *c)
{
	ssize_t n = recv(c->fd, c->in + c->have, BUFFER - c->have, 0);
	size_t at = 0, size;
	long bucket;
	bool good = false;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		conn_lost(c);
		return;
	}
	c->have += (size_t)n;
	bucket = (long)((seconds() - c->sent_at) * 1e6 / BUCKET_US);
	if (bucket >= BUCKETS)
		bucket = BUCKETS - 1;
	while (c->in_flight > 0 &&
	    (size = answer_check(c->in + at, c->have - at, &good)) > 0) {
		at += size;
		c->in_flight--;
		load.done++;
		load.errors += !good;
		load.latency[bucket]++;
	}
	c->have -= at;
	memmove(c->in, c->in + at, c->have);
	if (c->have == BUFFER)
		die("an answer too large");
	if (c->in_flight == 0 && c->have > 0)
		die("bytes nobody asked for");
	if (c->in_flight == 0 && c->out_left > 0)
		die("an answer to half a request");
	if (c->in_flight == 0)
		conn_send(c);
}

static double
percentile_us(double p)
{
	long rest = (long)((double)load.done * (1 - p));

	for (int i = BUCKETS - 1; i >= 0; i--)
		if ((rest -= load.latency[i]) < 0)
			return (i + 1) * BUCKET_US;
	return 0;
}

static void
run(struct conn *conns)
{
	struct epoll_event events[EVENTS];
	int n;

	for (int i = 0; i < load.connections; i++)
		conn_send(&conns[i]);
	while (load.done < load.wanted && load.open > 0) {
		n = epoll_wait(load.epoll, events, EVENTS, SILENCE_MS);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			die("no answer for 20 s");
		for (int i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;

			if (events[i].events & EPOLLOUT)
				conn_flush(c);
			if (c->fd >= 0 && events[i].events & ~(uint32_t)EPOLLOUT)
				conn_readable(c);
		}
	}
}

int
main(int argc, char **argv)
{
	struct conn *conns;
	struct rusage use;
	double begun, took;

	if (argc != 8) {
		fputs("usage: load PORT CONNECTIONS DEPTH REQUESTS STATUS "
		    "REQUEST-FILE CONTENT-FILE\n", stderr);
		return 2;
	}
	load.port = atoi(argv[1]);
	load.connections = atoi(argv[2]);
	load.depth = atoi(argv[3]);
	load.wanted = atol(argv[4]);
	snprintf(load.status, sizeof(load.status), "HTTP/1.1 %.3s", argv[5]);
	load.no_content = strcmp(argv[5], "204") == 0 || strcmp(argv[5], "304") == 0;
	load.request = file_read(argv[6], load.depth, &load.request_len);
	load.content = file_read(argv[7], 1, &load.content_len);
	load.epoll = epoll_create1(0);
	conns = calloc((size_t)load.connections, sizeof(*conns));
	if (conns == NULL || load.epoll < 0)
		die("set-up");
	for (int i = 0; i < load.connections; i++)
		conn_open(&conns[i]);
	begun = seconds();
	run(conns);
	took = seconds() - begun;
	getrusage(RUSAGE_SELF, &use);
	printf("{\"requests\": %ld, \"errors\": %ld, \"seconds\": %.6f, "
	    "\"p50_us\": %.0f, \"p99_us\": %.0f, \"load_cpu_seconds\": %.6f}\n",
	    load.done, load.errors + (load.wanted - load.done), took,
	    percentile_us(0.50), percentile_us(0.99),
	    (double)use.ru_utime.tv_sec + (double)use.ru_utime.tv_usec / 1e6 +
	    (double)use.ru_stime.tv_sec + (double)use.ru_stime.tv_usec / 1e6);
	return 0;
}
