/*
 * Tests of worker/access.c: one line for each request, however it ends.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "tests/unit/worker_fixture.h"
#include "worker/access.h"
#include "worker/access_line.h"

static char path[] = "/tmp/fastrd-access-XXXXXX";

struct logged {
	struct rig rig;
	struct worker_options options;
	struct worker_access *access;
	char text[65536];
};

static void
logged_open(struct logged *l, const char *format, const char *exclude)
{
	char why[WORKER_ACCESS_WHY_BYTES];

	memset(l, 0, sizeof(*l));
	CU_ASSERT_EQUAL(truncate(path, 0), 0);
	l->options = rig_options();
	l->options.conf.access_log_file = path;
	l->options.conf.access_log_format = format;
	l->options.conf.access_log_exclude = exclude;
	rig_open(&l->rig, &l->options);
	l->access = worker_access_new(&l->options.conf, "worker 3", 1, why);
	CU_ASSERT_PTR_NOT_NULL_FATAL(l->access);
	worker_access_attach(l->access, l->rig.w);
}

/* Send requests, and turn until they are answered. */
static void
say(struct logged *l, const char *requests)
{
	rig_say(&l->rig, requests);
	rig_turn(&l->rig, true);
}

/* End it all, and compare what was logged. */
static void
logged_expect(struct logged *l, const char *text)
{
	ssize_t n;
	int fd;

	close(l->rig.client);
	rig_turn(&l->rig, false);
	worker_access_free(l->access);
	fd = open(path, O_RDONLY);
	n = read(fd, l->text, sizeof(l->text) - 1);
	close(fd);
	CU_ASSERT(n >= 0);
	CU_ASSERT_STRING_EQUAL(l->text, text);
	if (strcmp(l->text, text) != 0)
		puts(l->text);
	l->rig.client = -1;
	rig_close(&l->rig);
}

static void
each_answer_is_a_line(void)
{
	static struct logged l;

	logged_open(&l, "%(m)s %(U)s %(route)s %(s)s %(bytes_in)s %(B)s %({Content-Length}o)s", "");
	say(&l, GET("/hello") GET("/status/404") POST("/echo", "Content-Length: 3", "abc"));
	say(&l, "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n" GET("/stream/20") GET("/fail"));
	logged_expect(&l, "GET /hello /{word} 200 0 5 5\n"
	    "GET /status/404 - 404 0 5 5\n"
	    "POST /echo - 200 3 3 3\n"
	    "HEAD /hello /{word} 200 0 0 5\n"
	    "GET /stream/20 - 200 0 20000 -\n"
	    "GET /fail - 500 0 21 21\n");
}

static void
the_line_comes_with_the_answer_and_once(void)
{
	static struct logged l;

	logged_open(&l, "%(U)s %(s)s", "");
	say(&l, GET("/after/50") GET("/hello"));
	logged_expect(&l, "/after/50 200\n/hello 200\n");
}

static void
an_answer_that_is_cut_has_its_status(void)
{
	static struct logged l;

	logged_open(&l, "%(U)s %(s)s %(B)s", "");
	say(&l, GET("/failmid"));
	logged_expect(&l, "/failmid 200 4\n");
	logged_open(&l, "%(U)s %(s)s %(B)s", "");
	say(&l, GET("/nofield"));
	logged_expect(&l, "/nofield 500 0\n");
}

static void
a_client_that_leaves_has_499(void)
{
	static struct logged l;

	logged_open(&l, "%(U)s %(s)s", "");
	say(&l, POST("/read", "Content-Length: 10", "abc"));
	logged_expect(&l, "/read 499\n");
}

static void
what_is_refused_is_logged(void)
{
	static struct logged l;

	logged_open(&l, "%(r)s %(s)s", "");
	say(&l, GET("/hello") "GET / HTTP/1.1\r\nbad\r\n\r\n");
	logged_expect(&l, "GET /hello HTTP/1.1 200\nGET / HTTP/1.1 400\n");
	logged_open(&l, "%(r)s %(s)s", "");
	say(&l, GET("/hello") "\r\rGET\r\n\r\n");
	logged_expect(&l, "GET /hello HTTP/1.1 200\n- 400\n");
}

static void
what_is_excluded_is_not(void)
{
	static struct logged l;

	logged_open(&l, "%(U)s", "/{word}, /status/*,/stream/1");
	say(&l, GET("/hello") GET("/status/204") GET("/stream/1") GET("/stream/10"));
	logged_expect(&l, "/stream/10\n");
}

/* With nobody who reads, requests are served; lines are lost and counted, and said so once. */
static void
nobody_waits_for_the_log(void)
{
	char fifo[64], why[WORKER_ACCESS_WHY_BYTES];
	static struct logged l;
	struct worker_access *access;
	int reader;

	snprintf(fifo, sizeof(fifo), "%s.fifo", path);
	CU_ASSERT_EQUAL_FATAL(mkfifo(fifo, 0600), 0);
	reader = open(fifo, O_RDONLY | O_NONBLOCK);
	logged_open(&l, "%(U)s", "");
	l.options.conf.access_log_file = fifo;
	access = worker_access_new(&l.options.conf, "worker 3", 1, why);
	CU_ASSERT_FATAL(reader >= 0 && access != NULL);
	worker_access_free(l.access);
	worker_access_attach(access, l.rig.w);
	l.access = access;
	for (int i = 0; i < 3000; i++) {
		char line[1000];

		memset(line, 'x', sizeof(line));
		worker_access_write(access, line, sizeof(line));
		if (i % 100 == 0)
			rig_expect(&l.rig, GET("/hello"), OK("5", "hello"));
	}
	CU_ASSERT(rig_count(&l.rig, SHM_COUNT_access_log_dropped) > 1000);
	close(reader);
	unlink(fifo);
	logged_expect(&l, "");
}

static struct {
	char lines[100];
	int looks;
} handed;

static bool
on_take(void *arg, const struct worker_access_facts *f, const char *line, size_t len)
{
	(void)arg;
	strncat(handed.lines, line, len);
	CU_ASSERT_EQUAL(f->status, 200);
	return f->route.len > 0;
}

static void
on_look(void *arg)
{
	(void)arg;
	handed.looks++;
}

static void
lines_may_be_handed_to_somebody_else(void)
{
	static const struct worker_access_hand hand = { on_take, on_look, NULL };
	static struct logged l;

	logged_open(&l, "%(U)s", "");
	worker_access_hand_over(l.access, &hand);
	worker_access_take(l.access, true);
	say(&l, GET("/hello"));
	CU_ASSERT_STRING_EQUAL(handed.lines, "/hello\n");
	CU_ASSERT_EQUAL(rig_count(&l.rig, SHM_COUNT_access_log_dropped), 0);
	handed.lines[0] = '\0';
	say(&l, GET("/stream/2"));
	CU_ASSERT_EQUAL(rig_count(&l.rig, SHM_COUNT_access_log_dropped), 1);
	worker_access_take(l.access, false);
	say(&l, GET("/stream/1"));
	CU_ASSERT(handed.looks >= 1);
	logged_expect(&l, "/stream/1\n");
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "each answer is a line", each_answer_is_a_line },
		{ "the line comes with the answer, and once", the_line_comes_with_the_answer_and_once },
		{ "an answer that is cut has its status", an_answer_that_is_cut_has_its_status },
		{ "a client that leaves has 499", a_client_that_leaves_has_499 },
		{ "what is refused is logged", what_is_refused_is_logged },
		{ "what is excluded is not", what_is_excluded_is_not },
		{ "nobody waits for the log", nobody_waits_for_the_log },
		{ "lines may be handed to somebody else", lines_may_be_handed_to_somebody_else },
		CU_TEST_INFO_NULL,
	};
	int fd = mkstemp(path), rc;

	if (fd < 0)
		return 2;
	close(fd);
	rc = suite_run("worker/access", tests);
	unlink(path);
	return rc;
}
