/*
 * spawn: socketpair, fork, exec.
 *
 * Called by generation.c. Everything that allocates happens before fork();
 * between fork and exec only descriptors are moved.
 */
#include "master/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/wire.h"
#include "master/generation.h"

enum { MAX_ARGS = 32, ARG_BYTES = 4096, HIGH_FD = 64 };

struct arguments {
	const char *argv[MAX_ARGS];
	int argc;
	char bytes[ARG_BYTES];
	size_t used;
};

static void
push(struct arguments *a, const char *key, const char *text, long number)
{
	char *p = a->bytes + a->used;
	size_t room = sizeof(a->bytes) - a->used;
	int n = text != NULL ? snprintf(p, room, "%s=%s", key, text) :
	    snprintf(p, room, "%s=%ld", key, number);

	if (n < 0 || (size_t)n >= room || a->argc >= MAX_ARGS - 1)
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
	a->argv[a->argc++] = "-m";
	a->argv[a->argc++] = "fastrapi.worker";
	a->argv[a->argc++] = c->role == ROLE_LOADER ? "--load" : "--serve";
	a->argv[a->argc++] = conf->app;
	push(a, "app_dir", conf->text[CONF_app_dir], 0);
	push(a, "factory", NULL, conf->number[CONF_factory]);
	push(a, "root_path", conf->text[CONF_root_path], 0);
	push(a, "sync", conf->text[CONF_sync], 0);
	push(a, "keep_alive", NULL, conf->number[CONF_keep_alive]);
	push(a, "header_timeout", NULL, conf->number[CONF_header_timeout]);
	push(a, "body_limit", NULL, conf->number[CONF_body_limit]);
	push(a, "table_limit", NULL, conf->number[CONF_table_limit]);
	push(a, "log_level", conf->text[CONF_log_level], 0);
	push(a, "slot", NULL, c->slot);
	push(a, "generation", NULL, c->generation->number);
	push(a, "table", NULL, c->generation->table_size > 0);
	push(a, "listeners", NULL, (long)n_listeners);
}

/* Bring `from` to descriptor `to`, inheritable. */
static int
place(int from, int to)
{
	return from == to ? fcntl(to, F_SETFD, 0) : dup2(from, to);
}

/* In the child. The channel and the listeners are far above the targets; table
 * and board are brought there first, so that none is overwritten. */
static void
become(const struct arguments *a, int channel, int table_fd, int board_fd,
    const struct master_listeners *listeners)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	table_fd = fcntl(table_fd, F_DUPFD_CLOEXEC, HIGH_FD);
	board_fd = fcntl(board_fd, F_DUPFD_CLOEXEC, HIGH_FD);
	if (table_fd < 0 || board_fd < 0)
		_exit(WIRE_EXIT_BUG);
	if (place(channel, WIRE_CHANNEL_FD) < 0 || place(table_fd, WIRE_TABLE_FD) < 0 ||
	    place(board_fd, WIRE_BOARD_FD) < 0)
		_exit(WIRE_EXIT_BUG);
	for (size_t i = 0; i < listeners->n; i++)
		if (place(listeners->fds[i], WIRE_LISTENER_FD + (int)i) < 0)
			_exit(WIRE_EXIT_BUG);
	execv(a->argv[0], (char *const *)(uintptr_t)a->argv);
	_exit(WIRE_EXIT_PYTHON);
}

/* A descriptor above those that children get. */
static int
high(int fd)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
	int saved = errno;

	close(fd);
	errno = saved;
	return moved;
}

int
master_spawn(struct master_child *c, const struct master_conf *conf, const char *python,
    const struct master_listeners *listeners, int table_fd, int board_fd)
{
	struct arguments arguments;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	pair[0] = high(pair[0]);
	pair[1] = high(pair[1]);
	arguments_fill(&arguments, c, conf, python, listeners->n);
	c->pid = pair[0] >= 0 && pair[1] >= 0 ? fork() : -1;
	if (c->pid == 0)
		become(&arguments, pair[1], table_fd, board_fd, listeners);
	close(pair[1]);
	if (c->pid < 0) {
		close(pair[0]);
		c->pid = 0;
		return -1;
	}
	c->channel = pair[0];
	c->state = CHILD_STARTING;
	return 0;
}
