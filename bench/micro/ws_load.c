/*
 * ws_load: a closed-loop WebSocket load generator for bench/websocket.py.
 *
 * Opens CONNECTIONS, prints a line, and waits for one on its standard input. Then it sends text messages
 * and looks at every one that comes back: it has to be the very text that was sent. It prints one JSON
 * object, and keeps the connections open until its standard input ends. `echo` keeps one message in flight
 * on each connection; `room` sends on the first connection only, awaits each message on all of them, and
 * counts deliveries. With DEFLATE 1 permessage-deflate is offered as browsers do, and every message is
 * compressed as was agreed on.
 *
 *	ws_load PORT PATH CONNECTIONS MESSAGES echo|room DEFLATE TEXT-FILE
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum {
	FILE_MAX = 1 << 20,
	EVENTS = 256,
	SILENCE_MS = 20000,
	HEAD_MAX = 14,			/* of a frame */
	FRAME_TEXT = 0x81,		/* FIN and opcode 1 */
	FRAME_DEFLATED = 0xc1,		/* and RSV1 */
	FRAME_PING = 0x89, FRAME_PONG = 0x8a
};

struct conn {
	int fd;
	char *out;			/* the frame in flight; all share one where nothing is compressed */
	size_t out_len, out_sent;
	char *in;
	size_t have;
	int bits;			/* of the window that was agreed on */
	bool anew;			/* each message begins with an empty one */
	z_stream deflate, inflate;
};

static struct {
	int port, connections, epoll;
	long wanted, sent, done;
	bool deflated, room;
	const char *path;
	char *text, *frame, *unpacked;
	size_t text_len, frame_len, in_size;
	long awaited;			/* deliveries of the message in the room that have not come */
	struct conn *conns;
} load;

static void
die(const char *what)
{
	fprintf(stderr, "ws_load: %s (%ld of %ld done): %s\n", what, load.done, load.wanted,
	    errno != 0 ? strerror(errno) : "unexpected");
	exit(1);
}

static void *
must_alloc(size_t n)
{
	void *p = calloc(1, n);

	if (p == NULL)
		die("memory");
	return p;
}

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
text_read(const char *path)
{
	FILE *f = fopen(path, "rb");

	load.text = must_alloc(FILE_MAX);
	if (f == NULL)
		die(path);
	load.text_len = fread(load.text, 1, FILE_MAX, f);
	fclose(f);
	if (load.text_len == FILE_MAX)
		die("the text is too long");
}

/* A masked frame of `len` bytes at `to`: its length. The mask is fixed. */
static size_t
frame_make(char *to, unsigned first, const char *payload, size_t len)
{
	static const char key[4] = { 0x37, 0x5a, 0x21, 0x6d };
	size_t n = 2;

	to[0] = (char)first;
	if (len < 126) {
		to[1] = (char)(0x80 | len);
	} else if (len <= UINT16_MAX) {
		to[1] = (char)(0x80 | 126);
		to[n++] = (char)(len >> 8);
		to[n++] = (char)len;
	} else {
		to[1] = (char)(0x80 | 127);
		for (int shift = 56; shift >= 0; shift -= 8)
			to[n++] = (char)((uint64_t)len >> shift);
	}
	memcpy(to + n, key, sizeof(key));
	n += sizeof(key);
	for (size_t i = 0; i < len; i++)
		to[n + i] = (char)(payload[i] ^ key[i % 4]);
	return n + len;
}

static void
all_write(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0)
			die("send");
		bytes += n;
		len -= (size_t)n;
	}
}

static void
terms_read(struct conn *c, const char *head)
{
	static const char bits[] = "client_max_window_bits=";
	const char *said = strstr(head, bits);

	if (strstr(head, "permessage-deflate") == NULL)
		die("no permessage-deflate");
	c->bits = said != NULL ? atoi(said + sizeof(bits) - 1) : 15;
	c->anew = strstr(head, "client_no_context_takeover") != NULL;
}

static void
handshake(struct conn *c)
{
	char head[1024];
	size_t have = 0;
	int n = snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n"
	    "Sec-WebSocket-Version: 13\r\n%s\r\n", load.path,
	    load.deflated ? "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" : "");

	all_write(c->fd, head, (size_t)n);
	do {
		ssize_t got = recv(c->fd, head + have, sizeof(head) - 1 - have, 0);

		if (got <= 0)
			die("handshake");
		have += (size_t)got;
		head[have] = '\0';
	} while (strstr(head, "\r\n\r\n") == NULL);
	errno = 0;
	if (strncmp(head, "HTTP/1.1 101", 12) != 0)
		die("the handshake was refused");
	if (load.deflated)
		terms_read(c, head);
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
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 ||
	    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
	    epoll_ctl(load.epoll, EPOLL_CTL_ADD, c->fd, &ev) < 0)
		die("connect");
	handshake(c);
	c->in = must_alloc(load.in_size);
	c->out = load.frame;
	c->out_len = load.frame_len;
	if (!load.deflated)
		return;
	c->out = must_alloc(load.in_size);
	if (deflateInit2(&c->deflate, 1, Z_DEFLATED, -c->bits, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
	    inflateInit2(&c->inflate, -15) != Z_OK)
		die("zlib");
}

/* The text, compressed, as the frame in flight. */
static void
compress_next(struct conn *c)
{
	size_t room = load.in_size - HEAD_MAX;

	if (c->anew)
		deflateReset(&c->deflate);
	c->deflate.next_in = (Bytef *)load.text;
	c->deflate.avail_in = (uInt)load.text_len;
	c->deflate.next_out = (Bytef *)load.unpacked;
	c->deflate.avail_out = (uInt)room;
	if (deflate(&c->deflate, Z_SYNC_FLUSH) != Z_OK || c->deflate.avail_out < 4)
		die("deflate");
	c->out_len = frame_make(c->out, FRAME_DEFLATED, load.unpacked, room - c->deflate.avail_out - 4);
}

/* Send as much of the frame in flight as the kernel takes. */
static void
conn_flush(struct conn *c)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
	bool waited = c->out_sent > 0;

	if (n < 0 && errno != EAGAIN)
		die("send");
	c->out_sent += n > 0 ? (size_t)n : 0;
	if (c->out_sent < c->out_len)
		ev.events |= EPOLLOUT;
	else
		c->out_sent = 0;
	if ((waited || c->out_sent > 0) && epoll_ctl(load.epoll, EPOLL_CTL_MOD, c->fd, &ev) < 0)
		die("epoll");
}

static void
conn_send(struct conn *c)
{
	if (load.deflated)
		compress_next(c);
	load.sent++;
	conn_flush(c);
}

/* A message has come: is it the text? */
static void
message_check(struct conn *c, bool packed, const char *payload, size_t len)
{
	static const char tail[4] = { 0, 0, (char)0xff, (char)0xff };

	if (packed) {
		c->inflate.next_out = (Bytef *)load.unpacked;
		c->inflate.avail_out = FILE_MAX;
		for (int i = 0; i < 2; i++) {
			c->inflate.next_in = (Bytef *)(i == 0 ? payload : tail);
			c->inflate.avail_in = (uInt)(i == 0 ? len : sizeof(tail));
			if (inflate(&c->inflate, Z_SYNC_FLUSH) != Z_OK && c->inflate.avail_in > 0)
				die("inflate");
		}
		payload = load.unpacked;
		len = FILE_MAX - c->inflate.avail_out;
	}
	errno = 0;
	if (len != load.text_len || memcmp(payload, load.text, len) != 0)
		die("another message than the one sent");
}

static void
message_done(struct conn *c)
{
	load.done++;
	if (!load.room) {
		if (load.sent < load.wanted)
			conn_send(c);
	} else if (--load.awaited == 0 && load.done < load.wanted) {
		load.awaited = load.connections;
		conn_send(&load.conns[0]);
	}
}

/* One frame of `have` bytes: its length, 0 when it is not complete. */
static size_t
frame_take(struct conn *c, const char *in, size_t have)
{
	const unsigned char *b = (const unsigned char *)in;
	size_t head = 2, len, bytes;
	char pong[HEAD_MAX + 125];

	if (have < 2)
		return 0;
	len = b[1];
	bytes = len == 126 ? 2 : len == 127 ? 8 : 0;
	if (have < head + bytes)
		return 0;
	if (bytes > 0)
		len = 0;
	for (size_t i = 0; i < bytes; i++)
		len = len << 8 | b[head + i];
	head += bytes;
	if (head + len > load.in_size)
		die("a frame is too long");
	if (have < head + len)
		return 0;
	if (b[0] == FRAME_PING) {
		all_write(c->fd, pong, frame_make(pong, FRAME_PONG, in + head, len));
	} else if (b[0] == FRAME_TEXT || b[0] == FRAME_DEFLATED) {
		message_check(c, b[0] == FRAME_DEFLATED, in + head, len);
		message_done(c);
	} else {
		errno = 0;
		die("a frame that is not awaited");
	}
	return head + len;
}

static void
conn_read(struct conn *c)
{
	ssize_t n = recv(c->fd, c->in + c->have, load.in_size - c->have, MSG_DONTWAIT);
	size_t used = 0, taken;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		die("closed");
	c->have += (size_t)n;
	while ((taken = frame_take(c, c->in + used, c->have - used)) > 0)
		used += taken;
	c->have -= used;
	memmove(c->in, c->in + used, c->have);
}

/* Until `wanted` messages are done. */
static void
run(void)
{
	struct epoll_event events[EVENTS];

	load.awaited = load.connections;
	for (int i = 0; i < (load.room ? 1 : load.connections); i++)
		conn_send(&load.conns[i]);
	while (load.done < load.wanted) {
		int n = epoll_wait(load.epoll, events, EVENTS, SILENCE_MS);

		if (n <= 0)
			die("no answer");
		for (int i = 0; i < n; i++) {
			if (events[i].events & EPOLLOUT)
				conn_flush(events[i].data.ptr);
			if (events[i].events & (EPOLLIN | EPOLLHUP))
				conn_read(events[i].data.ptr);
		}
	}
}

static double
cpu_seconds(const struct rusage *usage)
{
	return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
	    (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

/* Or for the end of the standard input. */
static void
line_await(void)
{
	int c;

	do
		c = getchar();
	while (c != '\n' && c != EOF);
}

int
main(int argc, char **argv)
{
	struct rlimit files;
	struct rusage usage;
	double began, before, took;

	if (argc != 8) {
		fprintf(stderr, "usage: ws_load PORT PATH CONNECTIONS MESSAGES echo|room DEFLATE FILE\n");
		return 2;
	}
	load.port = atoi(argv[1]);
	load.path = argv[2];
	load.connections = atoi(argv[3]);
	load.wanted = atol(argv[4]);
	load.room = strcmp(argv[5], "room") == 0;
	load.deflated = atoi(argv[6]) != 0;
	text_read(argv[7]);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	load.in_size = 2 * load.text_len + 4096;
	load.frame = must_alloc(load.text_len + HEAD_MAX);
	load.frame_len = frame_make(load.frame, FRAME_TEXT, load.text, load.text_len);
	load.unpacked = must_alloc(FILE_MAX);
	load.epoll = epoll_create1(0);
	load.conns = must_alloc((size_t)load.connections * sizeof(*load.conns));
	for (int i = 0; i < load.connections; i++)
		conn_open(&load.conns[i]);
	printf("open\n");
	fflush(stdout);
	line_await();
	getrusage(RUSAGE_SELF, &usage);
	before = cpu_seconds(&usage);
	began = seconds();
	if (load.wanted > 0)
		run();
	took = seconds() - began;
	getrusage(RUSAGE_SELF, &usage);
	printf("{\"messages\": %ld, \"seconds\": %.6f, \"load_cpu_seconds\": %.6f}\n", load.done, took,
	    cpu_seconds(&usage) - before);
	fflush(stdout);
	line_await();
	return 0;
}
