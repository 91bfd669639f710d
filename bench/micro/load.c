/*
 * load: a closed-loop HTTP/1.1 load generator for bench/run.py.
 *
 * Sends a fixed number of identical requests over N keep-alive connections,
 * `depth` of them in one write, and looks at every answer: status 200 and the
 * very content expected, else it counts an error. It prints one JSON object.
 * It is cheap enough (two system calls per turn and connection) to keep a C
 * server busy from one core; run.py prints how busy it was.
 *
 *	load PORT CONNECTIONS DEPTH REQUESTS REQUEST-FILE CONTENT-FILE
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
	BUFFER = 1 << 18,
	EVENTS = 256,
	SILENCE_MS = 20000,
	BUCKET_US = 10,
	BUCKETS = 200000,	/* 2 s, the last one holds the rest */
	STATUS_LEN = 12,	/* "HTTP/1.1 200" */
};

struct conn {
	int fd;
	int in_flight;
	double sent_at;
	size_t have;
	char in[BUFFER];
};

/* The layout of the first good answer; the others are compared with it. */
struct shape {
	size_t head;		/* bytes up to and with the empty line */
	size_t length_at;	/* where the Content-Length line is */
	size_t length_len;
	char length_line[64];
};

static struct {
	int port, connections, depth, epoll, open;
	long wanted, sent, done, errors;
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
	char *bytes = malloc((size_t)BUFFER);

	if (f == NULL || bytes == NULL)
		die(path);
	*len = fread(bytes, 1, BUFFER, f);
	fclose(f);
	bytes = realloc(bytes, *len * (size_t)copies + 1);
	if (bytes == NULL || *len == BUFFER)
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
	load.open--;
}

static void
conn_send(struct conn *c)
{
	long left = load.wanted - load.sent;
	int n = left < load.depth ? (int)left : load.depth;
	size_t len = (size_t)n * load.request_len;

	if (n == 0)
		return;
	c->in_flight = n;
	load.sent += n;
	c->sent_at = seconds();
	if (send(c->fd, load.request, len, MSG_NOSIGNAL) != (ssize_t)len)
		conn_lost(c);
}

/* Parse the answer at p; returns its size, 0 when incomplete. Sets *good and,
 * for a good one, load.shape. */
static size_t
answer_parse(const char *p, size_t have, bool *good)
{
	const char *end = memmem(p, have, "\r\n\r\n", 4);
	const char *line, *next;
	size_t head, length = 0, at = 0, len = 0;

	if (end == NULL)
		return 0;
	head = (size_t)(end - p) + 4;
	for (line = p; line < end; line = next) {
		next = (const char *)memmem(line, have, "\r\n", 2) + 2;
		if (strncasecmp(line, "content-length:", 15) == 0) {
			at = (size_t)(line - p);
			len = (size_t)(next - line);
			length = strtoul(line + 15, NULL, 10);
		}
	}
	if (at == 0 || len > sizeof(load.shape.length_line)) {
		errno = 0;
		die("an answer without a usable Content-Length");
	}
	if (have < head + length)
		return 0;
	*good = memcmp(p, "HTTP/1.1 200", STATUS_LEN) == 0 &&
	    length == load.content_len &&
	    memcmp(p + head, load.content, length) == 0;
	if (*good) {
		load.shape = (struct shape){ .head = head, .length_at = at,
		    .length_len = len };
		memcpy(load.shape.length_line, p + at, len);
	}
	return head + length;
}

/* Like answer_parse(), quick for an answer laid out like the last good one. */
static size_t
answer_check(const char *p, size_t have, bool *good)
{
	const struct shape *s = &load.shape;

	if (s->head > 0 && have >= s->head + load.content_len &&
	    memcmp(p, "HTTP/1.1 200", STATUS_LEN) == 0 &&
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
	if (c->in_flight == 0 && c->have == 0)
		conn_send(c);
	else if (c->in_flight == 0)
		die("bytes nobody asked for");
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
		for (int i = 0; i < n; i++)
			conn_readable(events[i].data.ptr);
	}
}

int
main(int argc, char **argv)
{
	struct conn *conns;
	struct rusage use;
	double begun, took;

	if (argc != 7) {
		fputs("usage: load PORT CONNECTIONS DEPTH REQUESTS "
		    "REQUEST-FILE CONTENT-FILE\n", stderr);
		return 2;
	}
	load.port = atoi(argv[1]);
	load.connections = atoi(argv[2]);
	load.depth = atoi(argv[3]);
	load.wanted = atol(argv[4]);
	load.request = file_read(argv[5], load.depth, &load.request_len);
	load.content = file_read(argv[6], 1, &load.content_len);
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
