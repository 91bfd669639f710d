/*
 * spawn: socketpair, fork, exec.
 *
 * Called by workers.c, zygote.c, spare.c and warm.c (process). Between fork and exec descriptors are
 * moved, and secrets put into the child's environment, which must not come into the master's own. That
 * may allocate: the master has one thread. If any of it fails, the child itself sends FAILED.
 *
 * Logs: "CHILD of generation N starts as process N".
 */
#include "master/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/wire.h"
#include "master/arguments.h"
#include "master/conf.h"
#include "master/listen.h"
#include "master/master.h"
#include "master/shortage.h"
#include "master/warm.h"

/* As base/wire.h has them: the role, the application, the facts, the settings. Where what the child is
 * told begins, behind the program. */
static int
arguments_fill(struct master_arguments *a, const struct master *m, const struct master_child *c)
{
	char name[MASTER_NAME_BYTES];
	int behind;

	master_arguments_init(a, m->python);
	master_arguments_add(a, "-m");
	master_arguments_add(a, "fastrapi.child");
	behind = a->argc;
	master_arguments_add(a, c->generation->conf->app);
	master_arguments_add(a, "version=" PACKAGE_VERSION);
	master_arguments_addf(a, "name=%s", master_child_name(c, name));
	master_arguments_addf(a, "role=%s", c->role == ROLE_WORKER ? "worker" :
	    c->role == ROLE_ZYGOTE ? "zygote" : "spare");
	master_arguments_addf(a, "board=%u", c->board);
	master_arguments_addf(a, "generation=%u", c->generation->number);
	master_arguments_addf(a, "loads=%d", c->loads);
	master_arguments_addf(a, "listeners=%zu", m->listeners->n);
	master_arguments_addf(a, "own=%d", !m->listeners->inherited);
	master_arguments_addf(a, "admin=%zu", m->admin->n);
	master_arguments_addf(a, "again=%d", c->again);
	master_arguments_addf(a, "excuse=%s", c->generation->excuse);
	master_arguments_add(a, WIRE_SETTINGS);
	master_arguments_settings(a, &c->generation->conf->values);
	return behind;
}

/* Bring fds[i] to WIRE_CHANNEL_FD + i, inheritable. Any that has one of these numbers
 * and should have another is moved away first, so that none is overwritten. */
static int
arrange(int *fds, int n)
{
	for (int i = 0; i < n; i++) {
		int moved = fds[i];

		if (moved < WIRE_CHANNEL_FD + n && moved != WIRE_CHANNEL_FD + i)
			moved = fcntl(moved, F_DUPFD_CLOEXEC, WIRE_CHANNEL_FD + n);
		if (moved < 0)
			return -1;
		fds[i] = moved;
	}
	for (int i = 0; i < n; i++) {
		int to = WIRE_CHANNEL_FD + i;

		if ((fds[i] == to ? fcntl(to, F_SETFD, 0) : dup2(fds[i], to)) < 0)
			return -1;
	}
	return 0;
}

/* In the child: tell the master what is wrong, and exit. */
static void
give_up(int channel, int code, const char *what)
{
	char text[256], reply[320];
	int n = snprintf(reply, sizeof(reply), "%s %d %s", WIRE_FAILED, code,
	    master_shortage_text(text, sizeof(text), what, errno));

	must(n > 0 && (size_t)n < sizeof(reply));
	(void)!send(channel, reply, (size_t)n, MSG_NOSIGNAL);
	_exit(code);
}

/* In the child. `fds` begins with the channel. */
static void
become(const struct master_arguments *a, const struct conf *conf, int *fds, int n, pid_t master,
    int log_fd)
{
	sigset_t none;

	master_oom_volunteer();
	/* PDEATHSIG follows the forking thread; the master has only one. */
	prctl(PR_SET_PDEATHSIG, WIRE_ORPHAN_SIGNAL);
	if (getppid() != master)
		_exit(WIRE_EXIT_BUG);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if ((log_fd >= 0 && dup2(log_fd, STDERR_FILENO) < 0) || arrange(fds, n) < 0)
		give_up(fds[0], WIRE_EXIT_BUG, "pass on descriptors");
	if (master_arguments_secrets(conf) < 0)
		give_up(WIRE_CHANNEL_FD, WIRE_EXIT_BUG, "pass on secrets");
	execv(a->argv[0], (char *const *)(uintptr_t)a->argv);
	give_up(WIRE_CHANNEL_FD, WIRE_EXIT_PYTHON, "run the application's Python");
}

pid_t
master_spawn_process(const struct master *m, const struct master_arguments *a, const struct conf *conf,
    int *fds, int n, int *channel)
{
	pid_t self = getpid(), pid;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	fds[0] = pair[1];
	pid = fork();
	if (pid == 0)
		become(a, conf, fds, n, self, m->log_fd);
	if (pid < 0) {
		int saved = errno;

		close(pair[0]);
		close(pair[1]);
		errno = saved;
		return -1;
	}
	close(pair[1]);
	*channel = pair[0];
	return pid;
}

/* Who loads the application writes the table, and so may a fork of the zygote; the others get it in
 * an order, when it is sealed, and have the boards in its place. How many there are; the first is
 * the channel, which is made later. */
static int
descriptors_fill(const struct master *m, const struct master_child *c, int fds[WIRE_CHILD_FDS_MAX])
{
	int n = WIRE_LISTENER_FD - WIRE_CHANNEL_FD;

	must(m->listeners->n <= WIRE_LISTENERS_MAX && m->admin->n <= 1);
	fds[1] = c->loads || c->role == ROLE_ZYGOTE ? c->generation->table_fd : m->boards_fd;
	fds[2] = m->boards_fd;
	fds[3] = m->handover[0];
	fds[4] = m->handover[1];
	for (size_t i = 0; i < m->listeners->n; i++)
		fds[n++] = m->listeners->fds[i];
	for (size_t i = 0; i < m->admin->n; i++)
		fds[n++] = m->admin->fds[i];
	return n;
}

int
master_spawn(struct master *m, struct master_child *c)
{
	const struct conf *conf = &c->generation->conf->values;
	int fds[WIRE_CHILD_FDS_MAX], n = descriptors_fill(m, c, fds);
	struct master_arguments arguments;
	char name[MASTER_NAME_BYTES];
	int behind;
	pid_t pid;

	must(c->pid == 0 && c->generation->table_fd >= 0);
	behind = arguments_fill(&arguments, m, c);
	if (arguments.overflow) {
		errno = E2BIG;
		return -1;
	}
	pid = c->role == ROLE_WORKER ?
	    master_warm_take(&m->warm, &arguments, behind, conf, fds, n, &c->channel) : 0;
	if (pid == 0)
		pid = master_spawn_process(m, &arguments, conf, fds, n, &c->channel);
	if (pid < 0)
		return -1;
	c->pid = pid;
	c->state = CHILD_STARTING;
	c->since_ms = clock_monotonic_ms();
	log_debug("%s of generation %u starts as process %ld", master_child_name(c, name),
	    c->generation->number, (long)c->pid);
	return 0;
}
