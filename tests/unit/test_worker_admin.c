/*
 * Probes on the listener of their own: what is answered, and who may wait.
 */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/must.h"
#include "tests/unit/suite.h"
#include "tests/unit/worker_fixture.h"
#include "worker/admin.h"

enum { MANY = 16 };	/* as many connections as there may be */

/* A worker that listens for probes. */
struct probed {
	struct rig rig;
	struct sockaddr_un name;
	socklen_t len;
	int listener;
};

static void
probed_open(struct probed *p)
{
	struct worker_options options = rig_options();

	rig_open(&p->rig, &options);
	p->name = (struct sockaddr_un){ .sun_family = AF_UNIX };
	p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* A name of the kernel's choice, of which no file is left. */
	CU_ASSERT_EQUAL_FATAL(bind(p->listener, (struct sockaddr *)&p->name, sizeof(sa_family_t)), 0);
	p->len = sizeof(p->name);
	getsockname(p->listener, (struct sockaddr *)&p->name, &p->len);
	CU_ASSERT_EQUAL_FATAL(listen(p->listener, 2 * MANY), 0);
	CU_ASSERT_EQUAL_FATAL(worker_admin_listen(p->rig.w, p->listener), 0);
}

static void
probed_close(struct probed *p)
{
	worker_admin_fini(p->rig.w);
	close(p->listener);
	rig_close(&p->rig);
}

static int
connected(struct probed *p)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&p->name, p->len), 0);
	return fd;
}

/* What has come on `fd` after a turn, and "(end)" when it is the last. */
static const char *
received(struct probed *p, int fd)
{
	static char text[1024];
	size_t n = 0;
	ssize_t got;

	rig_turn(&p->rig, false);
	while (n < sizeof(text) - 8 &&
	    (got = recv(fd, text + n, sizeof(text) - 8 - n, MSG_DONTWAIT)) > 0)
		n += (size_t)got;
	snprintf(text + n, sizeof(text) - n, "%s", got == 0 ? "(end)" : "");
	return text;
}

static void
say(int fd, const char *text)
{
	CU_ASSERT_EQUAL(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* A connection that sends `sent` is answered so, and closed. */
static void
check(struct probed *p, const char *sent, const char *status, const char *text)
{
	int fd = connected(p);
	char wanted[512];

	say(fd, sent);
	snprintf(wanted, sizeof(wanted), "HTTP/1.1 %s\r\n%scontent-type: text/plain; charset=utf-8\r\n"
	    "cache-control: no-store\r\ncontent-length: %zu\r\nconnection: close\r\n\r\n%s(end)", status,
	    strncmp(status, "405", 3) == 0 ? "allow: GET, HEAD\r\n" : "", strlen(text),
	    strncmp(sent, "HEAD", 4) == 0 ? "" : text);
	CU_ASSERT_STRING_EQUAL(received(p, fd), wanted);
	close(fd);
}

static void
test_questions(void)
{
	struct probed p;

	probed_open(&p);
	check(&p, "GET /-/healthz HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", "ok\n");
	check(&p, "HEAD /-/healthz HTTP/1.0\r\n\r\n", "200 OK", "ok\n");
	check(&p, "GET /-/ready?verbose=1 HTTP/1.1\n\n", "200 OK", "ready\n");
	worker_admin_unready(p.rig.w);
	check(&p, "GET /-/ready HTTP/1.1\r\n\r\n", "503 Service Unavailable", "the server is ending\n");
	check(&p, "GET /-/healthz HTTP/1.1\r\n\r\n", "200 OK", "ok\n");
	check(&p, "POST /-/healthz HTTP/1.1\r\n\r\n", "405 Method Not Allowed", "ask with GET\n");
	check(&p, "GET / HTTP/1.1\r\n\r\n", "404 Not Found", "there are /-/healthz and /-/ready\n");
	check(&p, "GET /-/ready/ HTTP/1.1\r\n\r\n", "404 Not Found", "there are /-/healthz and /-/ready\n");
	probed_close(&p);
}

static void
test_what_is_no_question(void)
{
	static const char *const texts[] = { "\r\n\r\n", "GET\r\n\r\n", "GET /-/ready\r\n\r\n",
	    "GET /-/ready HTTP/2.0\r\n\r\n", "GET /-/ready HTTP/1.1 x\r\n\r\n", "GET  /-/ready HTTP/1.1\r\n\r\n" };
	char large[3000];
	struct probed p;

	probed_open(&p);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		check(&p, texts[i], "400 Bad Request", "no HTTP request\n");
	memset(large, 'a', sizeof(large));
	large[sizeof(large) - 1] = '\0';
	check(&p, large, "400 Bad Request", "no HTTP request\n");
	probed_close(&p);
}

static void
test_a_question_in_pieces(void)
{
	struct probed p;
	const char *text = "GET /-/healthz HTTP/1.1\r\nHost: a\r\n\r\n";
	int fd;

	probed_open(&p);
	fd = connected(&p);
	for (const char *s = text; s[1] != '\0'; s++) {
		CU_ASSERT_EQUAL(send(fd, s, 1, 0), 1);
		CU_ASSERT_STRING_EQUAL(received(&p, fd), "");
	}
	say(fd, "\n");
	CU_ASSERT_EQUAL(strncmp(received(&p, fd), "HTTP/1.1 200 OK\r\n", 17), 0);
	close(fd);
	probed_close(&p);
}

/* Whoever says nothing keeps no probe out. */
static void
test_the_oldest_makes_room(void)
{
	struct probed p;
	int fds[MANY], closed = 0;

	probed_open(&p);
	for (int i = 0; i < MANY; i++) {
		fds[i] = connected(&p);
		CU_ASSERT_STRING_EQUAL(received(&p, fds[i]), "");
	}
	check(&p, "GET /-/healthz HTTP/1.1\r\n\r\n", "200 OK", "ok\n");
	for (int i = 0; i < MANY; i++) {
		closed += strcmp(received(&p, fds[i]), "(end)") == 0;
		close(fds[i]);
	}
	CU_ASSERT_EQUAL(closed, 1);
	probed_close(&p);
}

/* A worker that is parked leaves probes to the others. */
static void
test_stopped(void)
{
	struct probed p;
	int fd;

	probed_open(&p);
	worker_admin_stop(p.rig.w);
	fd = connected(&p);
	say(fd, "GET /-/healthz HTTP/1.1\r\n\r\n");
	CU_ASSERT_STRING_EQUAL(received(&p, fd), "");
	worker_admin_resume(p.rig.w);
	CU_ASSERT_EQUAL(strncmp(received(&p, fd), "HTTP/1.1 200 OK\r\n", 17), 0);
	close(fd);
	probed_close(&p);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "test_questions", test_questions },
		{ "test_what_is_no_question", test_what_is_no_question },
		{ "test_a_question_in_pieces", test_a_question_in_pieces },
		{ "test_the_oldest_makes_room", test_the_oldest_makes_room },
		{ "test_stopped", test_stopped },
		CU_TEST_INFO_NULL,
	};

	return suite_run("worker_admin", tests);
}
