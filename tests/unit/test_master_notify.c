/*
 * test_master_notify: what a service manager is told when it is not there, or has ended for good.
 */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "master/notify.h"
#include "master_fixture.h"
#include "tests/unit/suite.h"

static char directory[] = "/tmp/fastrd_notify_XXXXXX";
static struct sockaddr_un name = { .sun_family = AF_UNIX };

static int
set_up(void)
{
	if (mkdtemp(directory) == NULL)
		return 1;
	snprintf(name.sun_path, sizeof(name.sun_path), "%s/socket", directory);
	return 0;
}

static int
tear_down(void)
{
	unsetenv("NOTIFY_SOCKET");
	return rmdir(directory);
}

/* A master that is to notify what this variable names. */
static struct master *
notifying(const char *socket_name)
{
	struct master *m = fixture_new(1);

	setenv("NOTIFY_SOCKET", socket_name, 1);
	master_notify_open(&m->notify);
	return m;
}

/* The manager's socket. */
static int
manager(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

static const char *
received(int fd)
{
	static char text[1024];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void
finish(struct master *m)
{
	master_notify_close(&m->notify);
	fixture_free(m);
}

static void
test_names(void)
{
	static const char *const none[] = { "", "relative", "@", "/", "vsock:2:1" };

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		struct master *m = notifying(none[i]);

		CU_ASSERT_FALSE(m->notify.on);
		CU_ASSERT_EQUAL(master_notify_next_ms(&m->notify), 0);
		finish(m);
	}
}

/* It is tried less and less often, and hears the last state as soon as it is there. */
static void
test_a_manager_that_is_gone(void)
{
	struct master *m = notifying(name.sun_path);
	uint64_t last_ms, again_ms = 100;
	int fd;

	CU_ASSERT_TRUE(m->notify.on);
	master_notify(m, NOTICE_STARTING);
	for (int i = 0; i < 12; i++) {
		last_ms = master_notify_next_ms(&m->notify);
		master_notify_look(m, last_ms);
		again_ms = again_ms * 2 < 10000 ? again_ms * 2 : 10000;
		CU_ASSERT_EQUAL(master_notify_next_ms(&m->notify), last_ms + again_ms);
	}
	CU_ASSERT_EQUAL(fixture_logged("cannot notify the service manager: No such file"), 1);
	fd = manager();
	master_notify_look(m, master_notify_next_ms(&m->notify));
	CU_ASSERT_PTR_NOT_NULL(strstr(received(fd), "EXTEND_TIMEOUT_USEC="));
	CU_ASSERT_STRING_EQUAL(received(fd), "");
	close(fd);
	unlink(name.sun_path);
	/* The next time begins with short pauses again. */
	master_notify(m, NOTICE_READY);
	CU_ASSERT_EQUAL(m->notify.again_ms, 100);
	finish(m);
}

/* A reload that is refused while the server ends does not make it ready. */
static void
test_nothing_follows_the_end(void)
{
	int fd = manager();
	struct master *m = notifying(name.sun_path);

	fixture_serving(m);
	while (*received(fd) != '\0')
		;
	m->stopping = true;
	master_notify(m, NOTICE_STOPPING);
	CU_ASSERT_PTR_NOT_NULL(strstr(received(fd), "STOPPING=1"));
	master_generation_refused(m, "f.toml:1: it is broken");
	CU_ASSERT_STRING_EQUAL(received(fd), "");
	close(fd);
	unlink(name.sun_path);
	finish(m);
}

/* RELOADING stands before the READY of a reload, whatever becomes of it. */
static void
test_a_reload(void)
{
	int fd = manager();
	struct master *m = notifying(name.sun_path);

	fixture_serving(m);
	while (*received(fd) != '\0')
		;
	master_generation_reload(m);
	CU_ASSERT_PTR_NOT_NULL(strstr(received(fd), "RELOADING=1\nMONOTONIC_USEC="));
	close(fd);
	unlink(name.sun_path);
	finish(m);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "test_names", test_names },
		{ "test_a_manager_that_is_gone", test_a_manager_that_is_gone },
		{ "test_nothing_follows_the_end", test_nothing_follows_the_end },
		{ "test_a_reload", test_a_reload },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "master_notify", set_up, tear_down, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return suites_run(suites);
}
