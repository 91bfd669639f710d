/*
 * reap: wait for the dead, act on each death.
 *
 * Called by signals.c at SIGCHLD, one of which may stand for several deaths.
 *
 * Logs: "worker N ended with exit status N" or "signal N (NAME)", "PYTHON cannot run
 * fastrapi; ...". An end that was not expected is an error, a crash of a child that was
 * ending anyway a warning, every other end a debug line.
 */
#include "master/reap.h"

#include <limits.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/wire.h"
#include "master/master.h"
#include "master/replies.h"

/* How many replies are still read from a dead child. A process that it left behind may
 * write to the channel for ever. */
enum { LAST_REPLIES = 16 };

/* Was this end ordered, or announced? */
static bool
expected(const struct master_child *c)
{
	return c->told_to_end || c->state == CHILD_DRAINING || c->state == CHILD_FAILED ||
	    (c->role == ROLE_LOADER && c->state == CHILD_READY);
}

/* How `c` ended, for the log or as the cause of a generation's failure. */
static void
ending_text(const struct master *m, const struct master_child *c, int status, char *text,
    size_t room)
{
	char name[MASTER_NAME_BYTES], ending[MASTER_ENDING_BYTES];

	if (!expected(c) && master_child_exit_code(c, status) == WIRE_EXIT_PYTHON)
		snprintf(text, room, "%s cannot run fastrapi; install it there, or give the "
		    "application's Python with --python", m->python);
	else
		snprintf(text, room, "%s ended with %s", master_child_name(c, name),
		    master_child_ending(status, ending));
}

/* Does the worker leave a slot empty that is to be filled? Not when it was told to end:
 * then the slot is gone, or has its next worker already. */
static bool
missed(const struct master *m, const struct master_child *c)
{
	return c->generation == m->serving && c->role == ROLE_WORKER &&
	    c->slot < m->n_workers && !c->told_to_end && c->state != CHILD_DRAINING;
}

static void
died(struct master *m, struct master_child *c, int status)
{
	char text[PATH_MAX + 160];
	int left = LAST_REPLIES;

	c->reaped = true;
	while (left > 0 && master_replies_read(m, c))
		left--;
	ending_text(m, c, status, text, sizeof(text));
	if (expected(c) && WIFSIGNALED(status) && !c->told_to_end)
		log_warnx("%s", text);
	else if (expected(c))
		log_debug("%s", text);
	else if (c->generation == m->coming)
		master_generation_failed(m, c->generation, master_child_exit_code(c, status),
		    text);
	else if (c->generation->state != GENERATION_FAILED)
		log_errorx("%s", text);
	if (missed(m, c))
		master_worker_replace(m, c, clock_monotonic_ms());
	master_child_remove(c);
}

void
master_reap(struct master *m)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct master_child *c = NULL;

		while ((c = master_child_next(&m->children, NULL, c)) != NULL)
			if (c->pid == pid) {
				died(m, c, status);
				break;
			}
	}
}
