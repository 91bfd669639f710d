/*
 * floor: the least a server on libevent and http-parser can spend per request.
 *
 * The measure of the limit for bench/run.py: it answers every request with the
 * same bytes, honours keep-alive and pipelining, refreshes Date once a second
 * and writes once per turn and connection. No routing, no Python. It is no
 * server for anything else: a peer too slow to take its answers is dropped.
 *
 *	floor PORT CONTENT-TYPE CONTENT
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <http_parser.h>

enum { READ_BYTES = 16384, MAX_ANSWERS = 512, HEAD_BYTES = 512 };

struct conn {
	struct event *ev;
	http_parser parser;
	int answers;		/* requests complete in this turn */
	int last;		/* the client wants the connection closed */
};

static struct {
	struct event_base *base;
	const char *type;
	const char *content;
	char bytes[65536];
	size_t len;
} answer;

static void
answer_refresh(evutil_socket_t fd, short what, void *arg)
{
	char date[64];
	time_t now = time(NULL);
	struct tm tm;
	int n;

	(void)fd, (void)what, (void)arg;
	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	n = snprintf(answer.bytes, sizeof(answer.bytes),
	    "HTTP/1.1 200 OK\r\ndate: %s\r\nserver: floor\r\n"
	    "content-length: %zu\r\ncontent-type: %s\r\n\r\n%s",
	    date, strlen(answer.content), answer.type, answer.content);
	answer.len = (size_t)n;
}

static int
on_message_complete(http_parser *parser)
{
	struct conn *c = parser->data;

	c->answers++;
	c->last = !http_should_keep_alive(parser);
	return 0;
}

static const http_parser_settings settings = {
	.on_message_complete = on_message_complete,
};

static void
conn_free(struct conn *c)
{
	close(event_get_fd(c->ev));
	event_free(c->ev);
	free(c);
}

/* Returns 0, or -1 when not everything could be written. */
static int
conn_answer(struct conn *c, evutil_socket_t fd)
{
	struct iovec iov[MAX_ANSWERS];
	ssize_t want = (ssize_t)answer.len * c->answers;

	if (c->answers == 0)
		return 0;
	if (c->answers > MAX_ANSWERS)
		return -1;
	for (int i = 0; i < c->answers; i++)
		iov[i] = (struct iovec){ answer.bytes, answer.len };
	return writev(fd, iov, c->answers) == want ? 0 : -1;
}

static void
conn_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	char bytes[READ_BYTES];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	c->answers = 0;
	if (n <= 0 ||
	    http_parser_execute(&c->parser, &settings, bytes, (size_t)n) !=
	    (size_t)n ||
	    conn_answer(c, fd) < 0 || c->last)
		conn_free(c);
}

static void
listener_readable(evutil_socket_t listener, short what, void *arg)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int one = 1;
	struct conn *c;

	(void)what, (void)arg;
	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		abort();
	http_parser_init(&c->parser, HTTP_REQUEST);
	c->parser.data = c;
	c->ev = event_new(answer.base, fd, EV_READ | EV_PERSIST,
	    conn_readable, c);
	if (c->ev == NULL || event_add(c->ev, NULL) < 0)
		abort();
}

static int
listener_open(int port)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int one = 1, fd;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 ||
	    listen(fd, 1024) < 0)
		return -1;
	return fd;
}

int
main(int argc, char **argv)
{
	const struct timeval second = { 1, 0 };
	struct event *listening, *clock;
	int fd;

	if (argc != 4 || strlen(argv[2]) + strlen(argv[3]) + HEAD_BYTES >
	    sizeof(answer.bytes)) {
		fputs("usage: floor PORT CONTENT-TYPE CONTENT\n", stderr);
		return 2;
	}
	answer.type = argv[2];
	answer.content = argv[3];
	answer_refresh(-1, 0, NULL);
	fd = listener_open(atoi(argv[1]));
	if (fd < 0) {
		perror("floor: listen");
		return 1;
	}
	answer.base = event_base_new();
	listening = event_new(answer.base, fd, EV_READ | EV_PERSIST,
	    listener_readable, NULL);
	clock = event_new(answer.base, -1, EV_PERSIST, answer_refresh, NULL);
	event_add(listening, NULL);
	event_add(clock, &second);
	return event_base_dispatch(answer.base) < 0;
}
