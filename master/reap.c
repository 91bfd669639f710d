/*
 * reap: wait for the dead, act on each death.
 *
 * Called by signals.c at SIGCHLD, one of which may stand for several deaths, and by master.c (lost).
 *
 * Logs: "worker N ended with exit status N; process N, DOING", or with "signal N (NAME)", or
 * "while DOING", "PYTHON cannot run fastrapi; ...", "worker N of generation N drained in N s".
 * An end that was not expected is an error, a crash of a child that was ending anyway a warning,
 * the end of one that has begun it by itself, or was told to drain, an info, every other end a
 * debug line.
 */
#include "master/reap.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/wire.h"
#include "master/doing.h"
#include "master/master.h"
#include "master/python.h"
#include "master/replies.h"
#include "master/spare.h"
#include "master/zygote.h"

/* How many replies are still read from a dead child. A process that it left behind may
 * write to the channel for ever. */
enum { LAST_REPLIES = 16 };

/* Was this end ordered, or announced? */
static bool
expected(const struct master_child *c)
{
	return c->told_to_end || c->state == CHILD_DRAINING || c->state == CHILD_FAILED;
}

/* Does the log say of it what it was doing? */
static bool
accident(const struct master_child *c, int status)
{
	return !expected(c) || (status != 0 && !c->told_to_end);
}

/* What it was doing: nothing when it exits in order. One that ends while it starts has not
 * been killed for nothing: it is the application's code that runs then. */
static void
circumstances_add(const struct master *m, const struct master_child *c, int status,
    char *text, size_t room)
{
	char doing[MASTER_DOING_BYTES];
	size_t used = strlen(text);

	if (c->ended && WIFEXITED(status))
		return;
	master_doing_text(m, c, doing);
	if (c->state != CHILD_STARTING)
		snprintf(text + used, room - used, "; process %ld, %s", (long)c->pid, doing);
	else if (WIFEXITED(status) && WEXITSTATUS(status) == WIRE_EXIT_DESCRIPTORS)
		snprintf(text + used, room - used, " while %s, which closed descriptors that it had "
		    "not opened; let it close its own only", doing);
	else if (WIFEXITED(status))
		snprintf(text + used, room - used, " while %s, which called os._exit() or became a "
		    "daemon; let it stay", doing);
	else
		snprintf(text + used, room - used, " while %s", doing);
}

/* That the kernel has killed it for want of memory, where it has. */
static const char *
out_of_memory(struct master *m, const struct master_child *c, int status,
    char text[2 + MASTER_OOM_TEXT_BYTES])
{
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL || c->killed ||
	    !master_oom_claim(&m->oom, clock_monotonic_ms()))
		return "";
	memcpy(text, ", ", 2);
	master_oom_text(&m->oom, text + 2);
	return text;
}

/* How `c` ended, for the log or as the cause of a generation's failure. */
static void
ending_text(struct master *m, const struct master_child *c, int status, char *text,
    size_t room)
{
	char name[MASTER_NAME_BYTES], ending[MASTER_ENDING_BYTES], oom[2 + MASTER_OOM_TEXT_BYTES];

	if (c->pid == MASTER_PID_UNKNOWN) {
		snprintf(text, room, "%s was not forked", master_child_name(c, name));
		return;
	}
	if (!expected(c) && master_child_exit_code(c, status) == WIRE_EXIT_PYTHON) {
		master_python_unfit(m->python, NULL, text, room);
		return;
	}
	snprintf(text, room, "%s ended with %s%s", master_child_name(c, name),
	    master_child_ending(status, ending), out_of_memory(m, c, status, oom));
	if (accident(c, status) && c->begun)
		circumstances_add(m, c, status, text, room);
}

/* Does the worker leave a slot empty that is to be filled? Not when it was told to end:
 * then the slot is gone, or has its next worker already. */
static bool
missed(struct master *m, const struct master_child *c)
{
	return c->generation == m->serving && c->role == ROLE_WORKER &&
	    c->slot < m->n_workers && !c->told_to_end && c->state != CHILD_DRAINING &&
	    master_worker_successor(m, c) == NULL;
}

/* A replacement has died: `text` begins with its name, or says what is wrong with Python. */
static void
not_started(struct master *m, const struct master_child *c, const char *text)
{
	char name[MASTER_NAME_BYTES];
	size_t len = strlen(master_child_name(c, name));
	bool named = strncmp(text, name, len) == 0;

	if (master_recycle_put_off(m, c, named ? text + len : text))
		return;
	if (named)
		master_stranded_note(m, name, text + len);
	else
		master_stranded_note(m, "", text);
}

static void
died(struct master *m, struct master_child *c, int status)
{
	char text[PATH_MAX + 160 + MASTER_OOM_TEXT_BYTES + MASTER_DOING_BYTES];
	char name[MASTER_NAME_BYTES];
	int left = LAST_REPLIES;

	c->reaped = true;
	while (left > 0 && master_replies_read(m, c))
		left--;
	ending_text(m, c, status, text, sizeof(text));
	if ((accident(c, status) && c->state != CHILD_FAILED) || c->pulse.given_up)
		master_crashes_note(m, c, status, text);
	if (c->state == CHILD_DRAINING && status != 0 && !c->told_to_end)
		log_warnx("%s", text);
	else if (c->leaves && c->state == CHILD_DRAINING)
		log_info("%s", text);
	else if (c->state == CHILD_DRAINING && !c->told_to_end)
		log_info("%s of generation %u drained in %.1f s", master_child_name(c, name),
		    c->generation->number, (double)(clock_monotonic_ms() - c->since_ms) / 1000);
	else if (expected(c))
		log_debug("%s", text);
	else if (c->generation == m->coming)
		master_generation_failed(m, c->generation, master_child_exit_code(c, status),
		    text);
	else if (c->role == ROLE_SPARE && c->generation == m->serving)
		master_spare_failed(m, text);
	else if (c->state == CHILD_STARTING && c->generation == m->serving)
		not_started(m, c, text);
	else if (c->generation->state != GENERATION_FAILED)
		log_errorx("%s", text);
	if (c->role == ROLE_ZYGOTE)
		master_zygote_gone(c);
	if (missed(m, c) && !master_probation_death(m, c, clock_monotonic_ms()))
		master_worker_replace(m, c, clock_monotonic_ms());
	master_child_remove(c);
}

void
master_reap_lost(struct master *m)
{
	struct master_child *c = NULL;

	while ((c = master_child_next(&m->children, NULL, c)) != NULL)
		if (c->pid == MASTER_PID_UNKNOWN && c->channel < 0)
			died(m, c, W_EXITCODE(WIRE_EXIT_BUG, 0));
}

static struct master_child *
child_of(struct master *m, pid_t pid)
{
	struct master_child *c = NULL;

	while ((c = master_child_next(&m->children, NULL, c)) != NULL)
		if (c->pid == pid)
			break;
	return c;
}

/* A child that has ended and keeps its process id until it is reaped; 0: there is none. */
static pid_t
dead(void)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ? info.si_pid : 0;
}

/* What a zygote has forked may have said who it is, and died, before anybody has read it. It is
 * only believed while it is not reaped. */
static void
forked_hear(struct master *m)
{
	struct master_child *c = NULL;

	while ((c = master_child_next(&m->children, NULL, c)) != NULL)
		for (int left = LAST_REPLIES; left > 0 && c->pid == MASTER_PID_UNKNOWN; left--)
			if (!master_replies_read(m, c))
				break;
}

void
master_reap(struct master *m)
{
	int status;
	pid_t pid;

	while ((pid = dead()) > 0) {
		struct master_child *c = child_of(m, pid);

		if (c == NULL) {
			forked_hear(m);
			c = child_of(m, pid);
		}
		if (waitpid(pid, &status, WNOHANG) != pid)
			break;
		if (c != NULL)
			died(m, c, status);
		else if (!master_warm_reap(&m->warm, pid) && !master_upgrade_reap(m, pid, status))
			(void)master_writer_reap(&m->writer, pid, status, clock_monotonic_ms());
	}
}
