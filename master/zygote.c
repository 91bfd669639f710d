/*
 * zygote: start, order, and believe no process id.
 *
 * Called by generation.c (start), workers.c (fork), replies.c (forked), overdue.c (late) and reap.c
 * (gone).
 *
 * Logs: "worker N of generation N is forked as process N", "worker N is not the process that it says:
 * it is given up", "the zygote of generation N has not forked worker N after N s: it is killed",
 * "workers of generation N are started anew, without shared memory, until the next reload".
 */
#include "master/zygote.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/wire.h"
#include "master/child.h"
#include "master/conf.h"
#include "master/master.h"
#include "master/overdue.h"
#include "master/spawn.h"

int
master_zygote_start(struct master *m, struct master_generation *g)
{
	struct master_child *c = master_child_free_record(&m->children, ROLE_ZYGOTE, g);

	must(g->state == GENERATION_LOADING);
	/* Whose parent has ended becomes our child. */
	if (c == NULL || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return -1;
	return master_spawn(m, c);
}

struct master_child *
master_zygote_of(struct master *m, const struct master_generation *g)
{
	struct master_child *c = NULL;

	while ((c = master_child_next(&m->children, g, c)) != NULL)
		if (c->role == ROLE_ZYGOTE && c->state == CHILD_READY && !c->told_to_end &&
		    c->channel >= 0)
			return c;
	return NULL;
}

int
master_zygote_fork(struct master_child *zygote, struct master_child *c)
{
	char order[256], name[MASTER_NAME_BYTES];
	int pair[2], rc, saved, n;

	must(c->pid == 0 && c->role == ROLE_WORKER);
	n = snprintf(order, sizeof(order), WIRE_FORK " name=%s\trole=worker\tboard=%u\tloads=%d\tagain=%d"
	    "\tmaster=%ld", master_child_name(c, name), c->board, c->loads, c->again, (long)getpid());
	must(n > 0 && (size_t)n < sizeof(order));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	rc = master_child_order_fd(zygote, order, pair[1]);
	saved = errno;
	close(pair[1]);
	if (rc < 0) {
		close(pair[0]);
		errno = saved;
		return -1;
	}
	c->pid = MASTER_PID_UNKNOWN;
	c->channel = pair[0];
	c->state = CHILD_STARTING;
	c->since_ms = clock_monotonic_ms();
	return 0;
}

/* Any code of the application's can write to the channel: a process that is no child of ours, or
 * another record's, must get no signal from us in this one's place. */
static bool
is_child(struct master *m, pid_t pid)
{
	struct master_child *c = NULL;
	siginfo_t info;

	while ((c = master_child_next(&m->children, NULL, c)) != NULL)
		if (c->pid == pid)
			return false;
	return pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

void
master_zygote_forked(struct master *m, struct master_child *c, const char *text)
{
	char name[MASTER_NAME_BYTES];
	long pid = strtol(text, NULL, 10);

	if (c->pid != MASTER_PID_UNKNOWN)
		return;
	if (pid > INT_MAX || !is_child(m, (pid_t)pid)) {
		log_errorx("%s is not the process that it says: it is given up",
		    master_child_name(c, name));
		master_child_hang_up(c);
		return;
	}
	c->pid = (pid_t)pid;
	c->begun = c->imported = true;
	if (c->kill_at_ms != 0)	/* from now on it is its own time */
		c->kill_at_ms = clock_monotonic_ms() + c->generation->conf->values.timeout_startup_ms;
	log_debug("%s of generation %u is forked as process %ld", master_child_name(c, name),
	    c->generation->number, pid);
	if (c->told_to_end) {	/* before there was a process to tell */
		c->told_to_end = false;
		master_child_end(c);
	}
}

/* Asked again it would hang again, and what it forks later nobody would know. */
void
master_zygote_late(struct master *m, struct master_child *c, uint64_t now_ms)
{
	struct master_child *zygote = master_zygote_of(m, c->generation);
	char name[MASTER_NAME_BYTES];

	must(c->pid == MASTER_PID_UNKNOWN);
	if (zygote != NULL) {
		log_errorx("the zygote of generation %u has not forked %s after %.1f s: it is killed",
		    c->generation->number, master_child_name(c, name),
		    (double)(now_ms - c->since_ms) / 1000);
		zygote->told_to_end = zygote->overdue = true;
		zygote->kill_at_ms = now_ms + MASTER_STACKS_MS;
		master_child_show_stacks(zygote);
	}
	master_child_kill(c, false);
}

void
master_zygote_gone(const struct master_child *zygote)
{
	const struct master_generation *g = zygote->generation;

	if (g->state == GENERATION_SERVING || g->state == GENERATION_PARKED)
		log_warnx("workers of generation %u are started anew, without shared memory, until the "
		    "next reload", g->number);
}
