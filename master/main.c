/*
 * main: fastrd's entry.
 *
 * Reads the configuration, opens the listeners, hands over to master.c; or to
 * commands.c for what only asks. Whatever is wrong before the first child is one line
 * "fastrd: CAUSE; REMEDY" and a documented exit code, and never a line of the log.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/wire.h"
#include "master/account.h"
#include "master/commands.h"
#include "master/conf.h"
#include "master/file.h"
#include "master/judge.h"
#include "master/listen.h"
#include "master/logs.h"
#include "master/master.h"
#include "master/pid_file.h"
#include "master/print_config.h"
#include "master/privilege.h"
#include "master/python.h"
#include "master/resolve.h"
#include "master/shortage.h"
#include "master/signals.h"
#include "master/variables.h"
#include "shm/board.h"

/* What the master passes that has started this one, if one has; else what is opened here. */
struct passed {
	struct master_takeover takeover;
	struct master_listeners listeners, admin, control;
};

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

/* Signals, boards and the workers' pair; 0, or the exit code after one line. */
static int
prepare(struct master *m)
{
	char text[256];

	master_oom_open(&m->oom);
	m->signal_fd = master_signals_open();
	m->boards_fd = m->signal_fd >= 0 ?
	    shm_boards_create("fastrd-boards", MASTER_MAX_CHILDREN) : -1;
	memcpy(m->handover, m->takeover.handover, sizeof(m->handover));
	if (m->boards_fd >= 0 && (m->takeover.before != 0 || socketpair(AF_UNIX,
	    SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, m->handover) == 0))
		return 0;
	fprintf(stderr, "fastrd: %s\n",
	    master_shortage_text(text, sizeof(text), "supervise workers", errno));
	return WIRE_EXIT_BUG;
}

/* What a service manager told this process is not for the children: each program that they
 * start would take it for its own. */
static void
environment_clean(void)
{
	static const char *const names[] = { "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
		"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
}

/* What the configuration says to listen on. 0, or the exit code after one line. */
static int
listen_open(const struct conf *c, const char *python, const struct master_account *account,
    struct passed *to)
{
	struct conf resolved = *c;
	struct arena texts;
	int rc;

	arena_init(&texts, CONF_WHY_BYTES);
	rc = master_resolve(&resolved, python, &texts) < 0 ? WIRE_EXIT_LISTEN :
	    master_listen_open(&to->listeners, &resolved, account);
	arena_fini(&texts);
	if (rc == 0)
		rc = master_listen_open_admin(&to->admin, c, account);
	return rc != 0 ? rc : master_listen_open_control(&to->control, c, account);
}

/* Give root up; nothing else has been run yet as the user. 0, or the exit code after one line. */
static int
drop(const struct master_account *account, const struct conf *c, const char *python)
{
	int rc = master_privilege_drop(account);

	return rc != 0 ? rc : account->set && master_python_check(python, c->user) < 0 ?
	    WIRE_EXIT_PYTHON : 0;
}

/* Open what may need root, then give it up. 0, or the exit code after one line. */
static int
begin(struct master *m, struct passed *passed)
{
	const struct conf *c = &m->conf->values;
	struct master_account account;
	int rc = master_account_find(&account, m->python, c->user, c->group);

	if (rc == 0 && m->takeover.before == 0)
		rc = listen_open(c, m->python, &account, passed);
	if (rc == 0 && m->takeover.before == 0) {
		master_listen_own(&passed->listeners);
		master_listen_own(&passed->admin);
	}
	/* At once: while nothing serves the master answers probes. */
	if (rc == 0)
		rc = master_listen_start(&passed->admin, (int)c->backlog);
	if (rc == 0)
		rc = master_pid_file_open(m->pid_file, c->pid_file, m->takeover.before);
	master_notify_open(&m->notify);
	m->notify.held = m->takeover.before != 0;
	environment_clean();
	if (rc == 0)
		rc = drop(&account, c, m->python);
	return rc;
}

/* As the user who writes. 0, or the exit code after one line. */
static int
logs_check(struct master_conf *conf)
{
	char why[MASTER_LOGS_WHY_BYTES];

	if (master_logs_check(conf, why) == 0)
		return 0;
	fprintf(stderr, "fastrd: %s\n", why);
	return WIRE_EXIT_USAGE;
}

/* Listen, and supervise until the end; the exit code. */
static int
serve(struct master_conf *conf, const char *python, struct passed *passed)
{
	struct master_pid_file pid_file = { .fd = -1 };
	struct master m = {
		.conf = conf,
		.listeners = &passed->listeners,
		.admin = &passed->admin,
		.control_socket = &passed->control,
		.takeover = passed->takeover,
		.python = python,
		.pid_file = &pid_file,
		.upgrade = { .channel = -1 },
		.watch = { .tree = { .fd = -1 } },
		.n_workers = (unsigned)conf->values.workers,
		.log_fd = -1,
	};
	bool elsewhere;
	int rc;

	descriptors_raise();
	rc = begin(&m, passed);
	if (rc == 0)
		rc = logs_check(conf);
	if (rc == 0)
		rc = master_logs_open(&m);
	if (rc == 0)
		rc = prepare(&m);
	if (rc == 0)
		rc = master_watch_open(&m.watch, conf);
	if (rc == 0)
		rc = master_run(&m);
	elsewhere = master_takeover_waits(&m) || m.upgrade.ceded;
	master_notify_close(&m.notify);
	master_watch_close(&m.watch);
	master_listen_close(&passed->listeners, elsewhere);
	master_listen_close(&passed->admin, elsewhere);
	master_listen_close(&passed->control, elsewhere);
	master_pid_file_close(&pid_file);
	master_writer_close(&m.writer);
	master_control_end(&m);
	return rc;
}

/* Whatever imports the application does it as the user that serves it. */
static int
command(struct master_conf *conf, const char *python)
{
	struct master_account account;
	struct passed test = { .listeners.test = true, .admin.test = true, .control.test = true };
	int rc = master_account_find(&account, python, conf->values.user, conf->values.group);

	if (rc == 0 && conf->command == COMMAND_TEST) {
		rc = listen_open(&conf->values, python, &account, &test);
		master_listen_close(&test.listeners, false);
		master_listen_close(&test.admin, false);
		master_listen_close(&test.control, false);
	}
	if (rc == 0)
		rc = drop(&account, &conf->values, python);
	if (rc == 0)
		rc = logs_check(conf);
	return rc != 0 ? rc : master_command_exec(conf, python);
}

/* What was printed, to where standard output goes: the exit code. */
static int
printed(void)
{
	if (ferror(stdout) == 0 && fflush(stdout) == 0)
		return WIRE_EXIT_OK;
	fprintf(stderr, "fastrd: cannot write to standard output: %s\n", strerror(errno));
	return WIRE_EXIT_BUG;
}

/* A mistake in the configuration. */
static void
line_print(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "fastrd: %s\n", text);
}

/* The whole configuration, and the application's Python: which may be that of the file, which
 * another one reads. 0, or -1 for the help, or the exit code after the lines that say why. */
static int
configure(struct master_conf *conf, int argc, char **argv, char python[PATH_MAX])
{
	const struct master_complaints to = { .say = line_print };
	int rc = master_conf_read(conf, argc, argv);

	if (rc != 0)
		return rc > 0 ? -1 : WIRE_EXIT_USAGE;
	if (master_python_find(conf->values.python, python, PATH_MAX) < 0)
		return WIRE_EXIT_PYTHON;
	if (conf->command == COMMAND_NEW)	/* a file here is of another project */
		return 0;
	rc = master_file_read(conf, python, &to);
	if (master_judge(conf, &to) < 0 || rc < 0)
		return WIRE_EXIT_USAGE;
	if (conf->origins[CONF_python].kind == ORIGIN_FILE &&
	    master_python_find(conf->values.python, python, PATH_MAX) < 0)
		return WIRE_EXIT_PYTHON;
	return 0;
}

int
main(int argc, char **argv)
{
	static char text[64 * 1024];	/* what is printed, until the process ends */
	struct passed passed = { .listeners = { .n = 0 } };
	struct master_conf conf;
	char python[PATH_MAX];
	int rc;

	master_signals_hold();
	if (standard_fds() < 0)
		return WIRE_EXIT_BUG;
	/* One write: of one that fails between others stdio does not keep the reason. */
	(void)setvbuf(stdout, text, _IOFBF, sizeof(text));
	/* Before anything is run that might inherit it. */
	rc = master_takeover_open(&passed.takeover, &passed.listeners, &passed.admin, &passed.control);
	if (rc == 0)
		rc = configure(&conf, argc, argv, python);
	if (rc != 0)
		return rc < 0 ? printed() : rc;
	log_open("master", (enum log_level)conf.values.log_level);
	log_form((enum log_format)conf.values.log_format);
	master_variables_warn();
	if (conf.command != COMMAND_SERVE)
		master_signals_release();
	if (conf.command == COMMAND_PRINT) {
		master_print_config(&conf);
		return printed();
	}
	if (conf.command == COMMAND_NEW)
		return master_command_exec(&conf, python);
	if (conf.command != COMMAND_SERVE)
		return command(&conf, python);
	return serve(&conf, python, &passed);
}
