/*
 * child: names, orders, endings.
 *
 * Called by generation.c, workers.c, master.c and spawn.c.
 */
#include "master/child.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/wire.h"

const char *
master_child_name(const struct master_child *c, char text[32])
{
	if (c->role == ROLE_LOADER)
		snprintf(text, 32, "loader");
	else
		snprintf(text, 32, "worker %u", c->slot);
	return text;
}

void
master_child_order(struct master_child *c, const char *order)
{
	if (c->channel >= 0)
		(void)!send(c->channel, order, strlen(order), MSG_NOSIGNAL | MSG_DONTWAIT);
}

const char *
master_child_ending(int status, char text[64])
{
	if (WIFSIGNALED(status))
		snprintf(text, 64, "signal %d (%s)", WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	else
		snprintf(text, 64, "exit status %d", WEXITSTATUS(status));
	return text;
}

int
master_child_exit_code(const struct master_child *c, int status)
{
	if (!WIFEXITED(status))
		return WIRE_EXIT_BUG;
	if (!c->begun)
		return WIRE_EXIT_PYTHON;
	/* One that is none of ours is the application's: it ended the process. */
	return WEXITSTATUS(status) == WIRE_EXIT_BUG ? WIRE_EXIT_BUG : WIRE_EXIT_APP;
}

void
master_child_overdue(struct master_child *c)
{
	char name[32];

	c->kill_at_ms = 0;
	if (c->state == CHILD_STARTING && !c->killed)
		log_errorx("%s did not start in time; see --timeout-startup",
		    master_child_name(c, name));
	else
		c->killed = true;
	kill(c->pid, SIGKILL);
}
