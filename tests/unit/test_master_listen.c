/*
 * test_master_listen: sockets are opened, taken over and left alone as they
 * should; what fails is one line and the documented exit status.
 */
#include <CUnit/Basic.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/wire.h"
#include "master/listen.h"
#include "tests/unit/suite.h"

static struct master_listeners listeners;
static struct conf conf;
static const struct master_account nobody;
static char directory[] = "/tmp/fastrd-listen-XXXXXX", path[64], said[1024];

static void
conf_reset(void)
{
	conf_init(&conf);
	conf.port = 0;
	conf.backlog = 16;
}

/* master_listen_open(); what it printed is in `said`. */
static int
opened(void)
{
	int rc, err = dup(2);
	FILE *file = tmpfile();

	dup2(fileno(file), 2);
	rc = master_listen_open(&listeners, &conf, &nobody);
	dup2(err, 2);
	close(err);
	rewind(file);
	said[fread(said, 1, sizeof(said) - 1, file)] = '\0';
	fclose(file);
	return rc;
}

static int
set_up(void)
{
	if (mkdtemp(directory) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/socket", directory);
	unsetenv("LISTEN_PID");
	return 0;
}

static int
tear_down(void)
{
	return rmdir(directory);
}

/* Takes a connection once it listens, as a unix socket and one that was passed do at once; is not
 * blocking, and no program inherits it. */
static void
check_first(int family)
{
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);
	int fd;

	CU_ASSERT_EQUAL_FATAL(listeners.n, 1);
	CU_ASSERT(fcntl(listeners.fds[0], F_GETFD) & FD_CLOEXEC);
	CU_ASSERT(fcntl(listeners.fds[0], F_GETFL) & O_NONBLOCK);
	CU_ASSERT_EQUAL(getsockname(listeners.fds[0], (struct sockaddr *)&name, &len), 0);
	CU_ASSERT_EQUAL(name.ss_family, family);
	fd = socket(family, SOCK_STREAM, 0);
	if (family != AF_UNIX && !listeners.inherited) {
		CU_ASSERT(connect(fd, (struct sockaddr *)&name, len) < 0 && errno == ECONNREFUSED);
		close(fd);
		fd = socket(family, SOCK_STREAM, 0);
	}
	CU_ASSERT_EQUAL(master_listen_start(&listeners, 16), 0);
	CU_ASSERT_EQUAL(connect(fd, (struct sockaddr *)&name, len), 0);
	close(fd);
	fd = accept(listeners.fds[0], NULL, NULL);
	CU_ASSERT(fd >= 0);
	close(fd);
}

static void
test_tcp(void)
{
	struct master_listeners first;
	char text[128];

	conf_reset();
	conf.host = "localhost";
	CU_ASSERT_EQUAL_FATAL(opened(), 0);
	check_first(AF_INET);
	CU_ASSERT_EQUAL(strncmp(listeners.texts[0], "http://localhost:", 17), 0);
	first = listeners;
	conf.port = strtol(listeners.texts[0] + 17, NULL, 10);
	CU_ASSERT(conf.port > 0);
	CU_ASSERT_EQUAL(opened(), WIRE_EXIT_LISTEN);
	snprintf(text, sizeof(text), "fastrd: cannot listen on localhost port %ld: Address already "
	    "in use; stop what uses it or choose another --port\n", (long)conf.port);
	CU_ASSERT_STRING_EQUAL(said, text);
	master_listen_close(&first, false);
}

/* A TCP socket that is bound to a free port of 127.0.0.1, as most servers do it. */
static int
bound(void)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(name);
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&name, len), 0);
	CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&name, &len), 0);
	conf.port = ntohs(name.sin_port);
	return fd;
}

/* A connection to this port, of which the server's side has been closed first, is remembered. */
static void
connections_remembered(void)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	    .sin_port = htons((uint16_t)conf.port) };
	int client = socket(AF_INET, SOCK_STREAM, 0), server;
	char byte;

	CU_ASSERT_EQUAL_FATAL(master_listen_start(&listeners, 16), 0);
	CU_ASSERT_EQUAL_FATAL(connect(client, (struct sockaddr *)&name, sizeof(name)), 0);
	server = accept(listeners.fds[0], NULL, NULL);
	CU_ASSERT_FATAL(server >= 0);
	close(server);
	CU_ASSERT_EQUAL(read(client, &byte, 1), 0);
	close(client);
	master_listen_close(&listeners, false);
}

/* Who is bound has the port, before it listens, whatever is left of a server that has ended. */
static void
test_a_port_that_another_is_bound_to(void)
{
	struct master_listeners first;

	conf_reset();
	CU_ASSERT_EQUAL_FATAL(opened(), 0);
	conf.port = strtol(strrchr(listeners.texts[0], ':') + 1, NULL, 10);
	for (int i = 0; i < 3; i++) {
		first = listeners;
		CU_ASSERT_EQUAL(opened(), WIRE_EXIT_LISTEN);
		listeners = first;
		connections_remembered();
		CU_ASSERT_EQUAL_FATAL(opened(), 0);
	}
	master_listen_close(&listeners, false);
}

/* Servers of other kinds share an address until one listens: that is ours then, from the start. */
static void
test_a_port_that_another_shares(void)
{
	int other;

	conf_reset();
	other = bound();
	CU_ASSERT_EQUAL_FATAL(opened(), 0);
	CU_ASSERT(listen(other, 16) < 0 && errno == EADDRINUSE);
	CU_ASSERT_EQUAL(master_listen_start(&listeners, 16), 0);
	master_listen_close(&listeners, false);
	close(other);
}

static void
test_tcp6(void)
{
	conf_reset();
	conf.host = "::1";
	if (opened() != 0)
		return;		/* a machine without IPv6 */
	check_first(AF_INET6);
	CU_ASSERT_EQUAL(strncmp(listeners.texts[0], "http://[::1]:", 13), 0);
	master_listen_close(&listeners, false);
}

static void
test_unix(void)
{
	struct master_listeners first;
	struct stat st;

	conf_reset();
	conf.uds = path;
	CU_ASSERT_EQUAL_FATAL(opened(), 0);
	check_first(AF_UNIX);
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0666);
	first = listeners;
	/* Somebody listens there: refused, and the name stays. */
	CU_ASSERT_EQUAL(opened(), WIRE_EXIT_LISTEN);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "Address already in use"));
	master_listen_close(&listeners, false);
	CU_ASSERT_EQUAL(access(path, F_OK), 0);
	/* Nobody does any more: taken over. */
	close(first.fds[0]);
	CU_ASSERT_EQUAL(opened(), 0);
	check_first(AF_UNIX);
	master_listen_close(&listeners, false);
	CU_ASSERT_EQUAL(access(path, F_OK), -1);
}

static void
test_unix_paths_that_will_not_do(void)
{
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	close(fd);
	conf_reset();
	conf.uds = path;
	CU_ASSERT_EQUAL(opened(), WIRE_EXIT_LISTEN);
	CU_ASSERT_EQUAL(unlink(path), 0);	/* a file that is no socket stays */
	conf.uds = "/nonexistent/socket";
	CU_ASSERT_EQUAL(opened(), WIRE_EXIT_LISTEN);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "create its directory first"));
}

static void
test_inherited(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	conf_reset();
	conf.fd = fd;
	CU_ASSERT_EQUAL(opened(), WIRE_EXIT_LISTEN);	/* not listening */
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "is no listening socket"));
	CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	CU_ASSERT_EQUAL(listen(fd, 1), 0);
	CU_ASSERT_EQUAL(opened(), 0);
	CU_ASSERT_EQUAL(listeners.fds[0], fd);
	CU_ASSERT_EQUAL(strncmp(listeners.texts[0], "http://0.0.0.0:", 15), 0);
	check_first(AF_INET);
	master_listen_close(&listeners, false);
	conf.fd = 999;
	CU_ASSERT_EQUAL(opened(), WIRE_EXIT_LISTEN);
}

/* LISTEN_FDS counts only when LISTEN_PID is this process. */
static void
test_activation_for_another_process(void)
{
	conf_reset();
	setenv("LISTEN_PID", "1", 1);
	setenv("LISTEN_FDS", "1", 1);
	CU_ASSERT_EQUAL(opened(), 0);
	CU_ASSERT_EQUAL(strncmp(listeners.texts[0], "http://127.0.0.1:", 17), 0);
	master_listen_close(&listeners, false);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
}

/* All that a supervisor passes are served, or none. */
static void
test_activation_with_too_many_sockets(void)
{
	char pid[16];

	conf_reset();
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "17", 1);
	CU_ASSERT_EQUAL(opened(), WIRE_EXIT_LISTEN);
	CU_ASSERT_STRING_EQUAL(said, "fastrd: LISTEN_FDS=17: want 16 sockets at most\n");
	CU_ASSERT_EQUAL(listeners.n, 0);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
}

static void
test_out_of_descriptors_is_no_matter_of_the_address(void)
{
	struct rlimit old, none;
	int rc, next = dup(0), err = dup(2);
	FILE *file = tmpfile();

	close(next);
	getrlimit(RLIMIT_NOFILE, &old);
	none = old;
	none.rlim_cur = (rlim_t)next;
	conf_reset();
	dup2(fileno(file), 2);
	setrlimit(RLIMIT_NOFILE, &none);
	rc = master_listen_open(&listeners, &conf, &nobody);
	setrlimit(RLIMIT_NOFILE, &old);
	dup2(err, 2);
	close(err);
	rewind(file);
	said[fread(said, 1, sizeof(said) - 1, file)] = '\0';
	fclose(file);
	CU_ASSERT_EQUAL(rc, WIRE_EXIT_BUG);
	CU_ASSERT_STRING_EQUAL(said, "fastrd: cannot listen on 127.0.0.1 port 0: Too many open files; "
	    "raise the limit of open files (ulimit -n, LimitNOFILE= of a service)\n");
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "test_tcp", test_tcp },
		{ "test_a_port_that_another_is_bound_to", test_a_port_that_another_is_bound_to },
		{ "test_a_port_that_another_shares", test_a_port_that_another_shares },
		{ "test_tcp6", test_tcp6 },
		{ "test_unix", test_unix },
		{ "test_unix_paths_that_will_not_do", test_unix_paths_that_will_not_do },
		{ "test_inherited", test_inherited },
		{ "test_activation_for_another_process", test_activation_for_another_process },
		{ "test_activation_with_too_many_sockets", test_activation_with_too_many_sockets },
		{ "test_out_of_descriptors_is_no_matter_of_the_address",
		    test_out_of_descriptors_is_no_matter_of_the_address },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "master_listen", set_up, tear_down, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return suites_run(suites);
}
