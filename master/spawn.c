/*
 * spawn: socketpair, fork, exec.
 *
 * Called by generation.c and workers.c. Everything that allocates happens before
 * fork(); between fork and exec only descriptors are moved.
 */
#include "master/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/wire.h"
#include "master/generation.h"
#include "master/shortage.h"

enum { MAX_ARGS = 32, ARG_BYTES = 4 * PATH_MAX, MAX_FDS = 3 + LISTEN_MAX };

struct arguments {
	const char *argv[MAX_ARGS];
	int argc;
	char bytes[ARG_BYTES];
	size_t used;
	bool overflow;
};

static void
push(struct arguments *a, const char *key, const char *text, long number)
{
	char *p = a->bytes + a->used;
	size_t room = sizeof(a->bytes) - a->used;
	int n = text != NULL ? snprintf(p, room, "%s=%s", key, text) :
	    snprintf(p, room, "%s=%ld", key, number);

	a->overflow |= n < 0 || (size_t)n >= room || a->argc >= MAX_ARGS - 1;
	if (a->overflow)
		return;
	a->argv[a->argc++] = p;
	a->used += (size_t)n + 1;
}

static void
arguments_fill(struct arguments *a, const struct master_child *c,
    const struct master_conf *conf, const char *python, size_t n_listeners)
{
	memset(a, 0, sizeof(*a));
	a->argv[a->argc++] = python;
	a->argv[a->argc++] = "-P";	/* the application's modules hide none of ours */
	a->argv[a->argc++] = "-m";
	a->argv[a->argc++] = "fastrapi.worker";
	a->argv[a->argc++] = c->role == ROLE_LOADER ? "--load" : "--serve";
	a->argv[a->argc++] = conf->app;
	push(a, "app_dir", conf->text[CONF_app_dir], 0);
	push(a, "factory", NULL, conf->number[CONF_factory]);
	push(a, "root_path", conf->text[CONF_root_path], 0);
	push(a, "sync", conf->text[CONF_sync], 0);
	push(a, "keep_alive", NULL, conf->number[CONF_keep_alive]);
	push(a, "graceful", NULL, conf->number[CONF_graceful]);
	push(a, "header_timeout", NULL, conf->number[CONF_header_timeout]);
	push(a, "body_limit", NULL, conf->number[CONF_body_limit]);
	push(a, "table_limit", NULL, conf->number[CONF_table_limit]);
	push(a, "log_level", conf->text[CONF_log_level], 0);
	push(a, "slot", NULL, c->slot);
	push(a, "board", NULL, c->board);
	push(a, "generation", NULL, c->generation->number);
	push(a, "table", NULL, c->generation->table_size > 0);
	push(a, "listeners", NULL, (long)n_listeners);
}

/* Bring fds[i] to WIRE_CHANNEL_FD + i, inheritable. Those in the way are moved
 * first, so that none is overwritten. */
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

/* In the child: tell the master what is wrong, as the program it did not become
 * would have. */
static void
give_up(int channel, int code, const char *what)
{
	char text[256], reply[320];
	int n = snprintf(reply, sizeof(reply), "%s %d %s", WIRE_FAILED, code,
	    master_shortage_text(text, sizeof(text), what, errno));

	(void)!send(channel, reply, (size_t)n, MSG_NOSIGNAL);
	_exit(code);
}

/* In the child. `fds` begins with the channel. */
static void
become(const struct arguments *a, int *fds, int n, pid_t master)
{
	sigset_t none;

	/* The master has one thread: its end is the master's. */
	prctl(PR_SET_PDEATHSIG, WIRE_ORPHAN_SIGNAL);
	if (getppid() != master)
		_exit(WIRE_EXIT_BUG);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (arrange(fds, n) < 0)
		give_up(fds[0], WIRE_EXIT_BUG, "pass on descriptors");
	execv(a->argv[0], (char *const *)(uintptr_t)a->argv);
	give_up(WIRE_CHANNEL_FD, WIRE_EXIT_PYTHON, "run the application's Python");
}

int
master_spawn(struct master_child *c, const struct master_conf *conf, const char *python,
    const struct master_listeners *listeners, int table_fd, int boards_fd)
{
	int pair[2], fds[MAX_FDS], n = 0;
	struct arguments arguments;
	pid_t self = getpid();

	arguments_fill(&arguments, c, conf, python, listeners->n);
	if (arguments.overflow) {
		errno = E2BIG;
		return -1;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	fds[n++] = pair[1];
	fds[n++] = table_fd;
	fds[n++] = boards_fd;
	for (size_t i = 0; i < listeners->n; i++)
		fds[n++] = listeners->fds[i];
	c->pid = fork();
	if (c->pid == 0)
		become(&arguments, fds, n, self);
	if (c->pid < 0) {
		int saved = errno;

		close(pair[0]);
		close(pair[1]);
		c->pid = 0;
		errno = saved;
		return -1;
	}
	close(pair[1]);
	c->channel = pair[0];
	c->state = CHILD_STARTING;
	return 0;
}
