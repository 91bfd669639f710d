/*
 * main: fastrd's entry.
 *
 * Reads the configuration, opens the listeners, hands over to master.c. The
 * commands that only ask (routes, explain, -t) become the application's Python
 * at once: the master itself never runs it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/wire.h"
#include "master/arguments.h"
#include "master/master.h"
#include "master/python.h"
#include "master/shortage.h"
#include "shm/board.h"

/* What the commands run. Nobody waits for them here who could explain the failure of
 * `-m fastrapi.cli` in a Python that has no fastrapi. */
static const char cli[] =
    "import sys\n"
    "try:\n"
    "    from fastrapi import cli\n"
    "except ImportError as exc:\n"
    "    sys.stderr.write(f'fastrd: {sys.executable} cannot run fastrapi ({exc}); install it '\n"
    "        'there, or give the application\\'s Python with --python\\n')\n"
    "    sys.exit(5)\n"
    "sys.exit(cli.main())\n";

/* Replace this process by PYTHON -c <cli> COMMAND [METHOD PATH] APP NAME=VALUE... */
static int
command_exec(const struct master *m)
{
	const struct master_conf *c = &m->conf;
	struct master_arguments a;

	master_arguments_init(&a, m->python);
	master_arguments_add(&a, "-c");
	master_arguments_add(&a, cli);
	master_arguments_add(&a, c->command == COMMAND_ROUTES ? "routes" :
	    c->command == COMMAND_EXPLAIN ? "explain" : "test");
	if (c->command == COMMAND_EXPLAIN) {
		master_arguments_add(&a, c->explain[0]);
		master_arguments_add(&a, c->explain[1]);
	}
	master_arguments_add(&a, c->app);
	master_arguments_settings(&a, &c->values);
	if (a.overflow)
		errno = E2BIG;
	else
		execv(m->python, (char *const *)(uintptr_t)a.argv);
	fprintf(stderr, "fastrd: cannot run %s: %s\n", m->python, strerror(errno));
	return WIRE_EXIT_PYTHON;
}

/* The dispositions are ours as well: nohup ignores HUP, some supervisors CHLD. */
static int
signals_open(void)
{
	static const int numbers[] = { SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGTTIN,
	    SIGTTOU, SIGUSR1, SIGUSR2 };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(&set, numbers[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		signal(numbers[i], SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* As many descriptors as the system lets us have: one per connection. Workers
 * inherit the limit, as nginx's do. */
static void
descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* Descriptors 0 to 2 must exist: children's numbers begin behind them. */
static int
standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

/* Listeners, signals, boards; 0, or the exit status after one line. */
static int
prepare(struct master *m)
{
	char text[256];
	int rc;

	descriptors_raise();
	rc = master_listen_open(&m->listeners, &m->conf.values);
	if (rc != 0)
		return rc;
	m->signal_fd = signals_open();
	m->boards_fd = m->signal_fd >= 0 ?
	    shm_boards_create("fastrd-boards", MASTER_MAX_CHILDREN) : -1;
	if (m->boards_fd >= 0)
		return 0;
	fprintf(stderr, "fastrd: %s\n",
	    master_shortage_text(text, sizeof(text), "supervise workers", errno));
	return WIRE_EXIT_BUG;
}

int
main(int argc, char **argv)
{
	struct master *m = calloc(1, sizeof(*m));
	int rc;

	if (m == NULL || standard_fds() < 0)
		return WIRE_EXIT_BUG;
	rc = master_conf_read(&m->conf, argc, argv);
	if (rc != 0) {
		free(m);
		return rc > 0 ? WIRE_EXIT_OK : WIRE_EXIT_USAGE;
	}
	log_open("master", (enum log_level)m->conf.values.log_level);
	m->n_workers = (unsigned)m->conf.values.workers;
	if (master_python_find(m->conf.values.python, m->python, sizeof(m->python)) < 0)
		rc = WIRE_EXIT_PYTHON;
	else if (m->conf.command != COMMAND_SERVE)
		rc = command_exec(m);
	else
		rc = prepare(m);
	if (rc == 0)
		rc = master_run(m);
	master_listen_close(&m->listeners);
	free(m);
	return rc;
}
