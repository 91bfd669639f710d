/*
 * child: the table of children, and what is done with one.
 *
 * Called by the rest of master/, which starts, ends or hears children. It knows
 * processes and channels, and nothing of what a generation needs them for.
 */
#include "master/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "master/shortage.h"

struct master_child *
master_child_free_record(struct master_children *children, enum master_role role,
    struct master_generation *g)
{
	for (int i = 0; i < MASTER_MAX_CHILDREN; i++) {
		struct master_child *c = &children->at[i];

		if (c->pid != 0)
			continue;
		*c = (struct master_child){ .channel = -1, .role = role, .generation = g,
		    .begun_ms = clock_monotonic_ms() };
		return c;
	}
	errno = MASTER_SHORTAGE_CHILDREN;
	return NULL;
}

void
master_child_remove(struct master_child *c)
{
	must(c->pid != 0);
	master_child_hang_up(c);
	c->pid = 0;
}

void
master_child_hang_up(struct master_child *c)
{
	if (c->channel >= 0)
		close(c->channel);
	c->channel = -1;
}

struct master_child *
master_child_next(struct master_children *children, const struct master_generation *g,
    const struct master_child *after)
{
	struct master_child *end = children->at + MASTER_MAX_CHILDREN;
	struct master_child *c = after == NULL ? children->at :
	    children->at + (after - children->at) + 1;

	while (c < end && (c->pid == 0 || (g != NULL && c->generation != g)))
		c++;
	return c < end ? c : NULL;
}

const char *
master_child_name(const struct master_child *c, char text[MASTER_NAME_BYTES])
{
	if (c->role != ROLE_WORKER)
		snprintf(text, MASTER_NAME_BYTES, c->role == ROLE_ZYGOTE ? "zygote" : "spare");
	else
		snprintf(text, MASTER_NAME_BYTES, "worker %u", c->slot);
	return text;
}

void
master_child_order(struct master_child *c, const char *order)
{
	if (c->channel >= 0)
		(void)!send(c->channel, order, strlen(order), MSG_NOSIGNAL | MSG_DONTWAIT);
}

int
master_child_order_fd(struct master_child *c, const char *order, int fd)
{
	struct iovec text = { (char *)(uintptr_t)order, strlen(order) };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(fd))];
	} control = { .bytes = { 0 } };
	struct msghdr message = { .msg_iov = &text, .msg_iovlen = 1,
	    .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	return sendmsg(c->channel, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -1 : 0;
}

bool
master_child_receive(struct master_child *c, char text[WIRE_MESSAGE_MAX + 1])
{
	ssize_t n;

	if (c->channel < 0)
		return false;
	n = recv(c->channel, text, WIRE_MESSAGE_MAX, MSG_DONTWAIT);
	/* The other side ended without having read all: what it said still comes, behind this. */
	if (n < 0 && errno == ECONNRESET)
		n = recv(c->channel, text, WIRE_MESSAGE_MAX, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		master_child_hang_up(c);
		return false;
	}
	text[n] = '\0';
	return true;
}

/* kill() with a pid of 0 or less would reach whole groups of processes, and us. */
static void
signal_send(const struct master_child *c, int number)
{
	must(c->pid != 0);
	if (!c->reaped && c->pid > 0)
		kill(c->pid, number);
}

void
master_child_end(struct master_child *c)
{
	if (c->told_to_end)
		return;
	c->told_to_end = true;
	c->since_ms = clock_monotonic_ms();
	c->kill_at_ms = c->since_ms + MASTER_END_GRACE_MS;
	signal_send(c, SIGTERM);
}

void
master_child_kill(struct master_child *c, bool told)
{
	c->told_to_end |= told;
	c->killed = true;
	signal_send(c, SIGKILL);
	if (c->pid == MASTER_PID_UNKNOWN) {	/* then it is as dead: master_reap_lost(), at once */
		master_child_hang_up(c);
		c->kill_at_ms = clock_monotonic_ms();
	}
}

void
master_child_show_stacks(struct master_child *c)
{
	/* Before that the signal would end it. */
	if (c->begun)
		signal_send(c, WIRE_STACKS_SIGNAL);
}

const char *
master_child_ending(int status, char text[MASTER_ENDING_BYTES])
{
	if (WIFSIGNALED(status))
		snprintf(text, MASTER_ENDING_BYTES, "signal %d (%s)", WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	else
		snprintf(text, MASTER_ENDING_BYTES, "exit status %d", WEXITSTATUS(status));
	return text;
}

int
master_child_exit_code(const struct master_child *c, int status)
{
	if (c->pid == MASTER_PID_UNKNOWN)
		return WIRE_EXIT_BUG;
	if (!c->begun)
		return WIFEXITED(status) ? WIRE_EXIT_PYTHON : WIRE_EXIT_BUG;
	/* Our own faults come with FAILED. What ended it without is the application's. */
	return WIFEXITED(status) || !c->imported ? WIRE_EXIT_APP : WIRE_EXIT_BUG;
}
