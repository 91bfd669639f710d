/*
 * master: wait, then look at what happened.
 *
 * Called by main.c, and by generation.c and workers.c for children and the clock.
 * main.c has prepared everything; this is the supervisor's whole life: signals, what
 * children say, deaths, and what is due by the clock.
 */
#include "master/master.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/wire.h"
#include "master/workers.h"

enum { FAST_MS = 1000 };

uint64_t
master_grace_ms(const struct master *m)
{
	return m->conf.values.timeout_graceful_shutdown_ms;
}

struct master_child *
master_child_add(struct master *m, enum master_role role, struct master_generation *g)
{
	for (int i = 0; i < MASTER_MAX_CHILDREN; i++) {
		struct master_child *c = &m->children[i];

		if (c->pid != 0)
			continue;
		memset(c, 0, sizeof(*c));
		c->channel = -1;
		c->role = role;
		c->generation = g;
		return c;
	}
	errno = EAGAIN;
	return NULL;
}

void
master_child_end(struct master_child *c, uint64_t ms)
{
	c->killed = true;
	c->kill_at_ms = clock_monotonic_ms() + ms;
	kill(c->pid, SIGTERM);
}

/* DONE SIZE COMPILED ASGI PYTHON FASTAPI */
static void
heard_done(struct master *m, struct master_child *c, const char *text)
{
	struct master_generation *g = c->generation;
	unsigned long long size;

	if (c->role != ROLE_LOADER || g->state != GENERATION_LOADING)
		return;		/* some code of the application's has sent it */
	if (sscanf(text, "%llu %u %u %31s %31s", &size, &g->n_compiled, &g->n_asgi,
		g->python, g->framework) != 5) {
		master_generation_failed(m, g, WIRE_EXIT_BUG, "the loader's reply is not understood");
		return;
	}
	c->state = CHILD_READY;
	master_generation_loaded(m, g, size);
}

static void
heard(struct master *m, struct master_child *c, char *text)
{
	char *rest = strchr(text, ' ');
	char name[32];

	if (rest != NULL)
		*rest++ = '\0';
	if (strcmp(text, WIRE_BEGUN) == 0) {
		c->begun = true;
	} else if (strcmp(text, WIRE_DONE) == 0 && rest != NULL) {
		heard_done(m, c, rest);
	} else if (strcmp(text, WIRE_READY) == 0 && c->state == CHILD_STARTING) {
		c->state = CHILD_READY;
		if (!c->killed)
			c->kill_at_ms = 0;
		if (rest != NULL && *rest != '\0')
			log_warnx("%s: %s", master_child_name(c, name), rest);
		master_generation_ready(m, c->generation);
	} else if (strcmp(text, WIRE_FAILED) == 0 && rest != NULL) {
		enum master_generation_state state = c->generation->state;
		char *why = strchr(rest, ' ');

		if (state != GENERATION_SERVING && state != GENERATION_DRAINING)
			master_generation_failed(m, c->generation, (int)strtol(rest, NULL, 10),
			    why != NULL ? why + 1 : "no reason given");
		else
			log_errorx("%s: %s", master_child_name(c, name), why != NULL ? why + 1 : rest);
		c->state = CHILD_FAILED;
	}
}

/* One message. False: there is none (now), or no more. */
static bool
listen_to(struct master *m, struct master_child *c)
{
	char text[WIRE_MESSAGE_MAX + 1];
	ssize_t n = recv(c->channel, text, WIRE_MESSAGE_MAX, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		close(c->channel);
		c->channel = -1;
		return false;
	}
	text[n] = '\0';
	heard(m, c, text);
	return true;
}

static void
died(struct master *m, struct master_child *c, int status)
{
	struct master_generation *g = c->generation;
	char name[32], ending[64], text[PATH_MAX + 160];
	bool expected;
	int code;

	/* Its last words may still be in the channel, which a process that it left behind
	 * may have open. */
	while (c->channel >= 0 && listen_to(m, c))
		;
	expected = c->killed || c->state == CHILD_DRAINING || c->state == CHILD_FAILED ||
	    (c->role == ROLE_LOADER && c->state == CHILD_READY);
	code = master_child_exit_code(c, status);
	if (code == WIRE_EXIT_PYTHON)
		snprintf(text, sizeof(text), "%s cannot run fastrapi; install it there, or give "
		    "the application's Python with --python", m->python);
	else
		snprintf(text, sizeof(text), "%s ended with %s", master_child_name(c, name),
		    master_child_ending(status, ending));
	if (!expected && g->state != GENERATION_SERVING && g->state != GENERATION_DRAINING)
		master_generation_failed(m, g, code, text);
	else if (!expected)
		log_errorx("%s", text);
	if (g->state == GENERATION_SERVING && c->role == ROLE_WORKER && !m->stopping &&
	    c->slot < m->n_workers && !c->killed && c->state != CHILD_DRAINING)
		master_worker_replace(m, c);
	if (c->channel >= 0)
		close(c->channel);
	c->pid = 0;
}

static void
reap(struct master *m)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < MASTER_MAX_CHILDREN; i++)
			if (m->children[i].pid == pid) {
				died(m, &m->children[i], status);
				break;
			}
}

/* Begin the end: every generation drains within `ms`. */
static void
stop(struct master *m, uint64_t ms)
{
	m->stopping = true;
	for (int i = 0; i < MASTER_MAX_GENERATIONS; i++)
		if (m->generations[i].state != GENERATION_NONE)
			master_generation_drain(m, &m->generations[i], ms);
}

static void
kill_all(struct master *m)
{
	for (int i = 0; i < MASTER_MAX_CHILDREN; i++)
		if (m->children[i].pid != 0) {
			m->children[i].killed = true;
			kill(m->children[i].pid, SIGKILL);
		}
}

static bool
loading(const struct master *m)
{
	for (int i = 0; i < MASTER_MAX_GENERATIONS; i++)
		if (m->generations[i].state == GENERATION_LOADING ||
		    m->generations[i].state == GENERATION_STARTING)
			return true;
	return false;
}

static void
reload(struct master *m)
{
	if (m->stopping)
		return;
	if (m->serving == NULL || loading(m)) {
		m->reload_due = true;
		return;
	}
	if (!master_generation_room(m)) {
		if (!m->reload_due)
			log_warnx("reload put off: earlier generations are still draining");
		m->reload_due = true;
		return;
	}
	m->reload_due = false;
	log_info("reloading");
	master_generation_load(m);
}

/* Only what serves alone can grow or shrink. */
static bool
may_scale(const struct master *m)
{
	return m->serving != NULL && !m->stopping && !loading(m);
}

static void
signalled(struct master *m, int number)
{
	switch (number) {
	case SIGCHLD:
		reap(m);
		break;
	case SIGHUP:
		reload(m);
		break;
	case SIGINT:
		if (m->stopping)
			kill_all(m);
		else
			stop(m, FAST_MS);
		break;
	case SIGTERM:
	case SIGQUIT:
		if (!m->stopping)
			stop(m, master_grace_ms(m));
		break;
	case SIGTTIN:
		if (may_scale(m) && m->n_workers < MASTER_MAX_WORKERS)
			master_worker_more(m);
		break;
	case SIGTTOU:
		if (may_scale(m) && m->n_workers > 1)
			master_worker_less(m);
		break;
	default:
		log_warnx("%s does nothing yet", strsignal(number));
		break;
	}
}

static void
signals_read(struct master *m)
{
	struct signalfd_siginfo info;

	while (read(m->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		signalled(m, (int)info.ssi_signo);
}

/* What is due by the clock; returns the milliseconds until the next, -1: none.
 * Children come last: what is done for the others gives them deadlines. */
static int
clock_look(struct master *m)
{
	uint64_t now = clock_monotonic_ms(), next = UINT64_MAX;
	uint64_t startup = m->conf.values.timeout_startup_ms;

#define DUE(at) ((at) <= now || ((next = (at) < next ? (at) : next), false))
	for (int i = 0; i < MASTER_MAX_GENERATIONS; i++) {
		struct master_generation *g = &m->generations[i];

		if ((g->state == GENERATION_LOADING || g->state == GENERATION_STARTING) &&
		    DUE(g->began_ms + startup))
			master_generation_failed(m, g, WIRE_EXIT_APP,
			    "the application did not start in time; see --timeout-startup");
	}
	for (unsigned i = 0; i < m->n_workers && m->serving != NULL && !m->stopping; i++)
		if (m->slots[i].spawn_at_ms != 0 && DUE(m->slots[i].spawn_at_ms))
			master_worker_add(m, i);
	for (int i = 0; i < MASTER_MAX_CHILDREN; i++) {
		struct master_child *c = &m->children[i];

		if (c->pid != 0 && c->kill_at_ms != 0 && DUE(c->kill_at_ms))
			master_child_overdue(c);
	}
#undef DUE
	return next == UINT64_MAX ? -1 : (int)(next - now < 60000 ? next - now : 60000);
}

/* Has every child of `g` gone? */
static bool
childless(const struct master *m, const struct master_generation *g)
{
	for (int i = 0; i < MASTER_MAX_CHILDREN; i++)
		if (m->children[i].pid != 0 && m->children[i].generation == g)
			return false;
	return true;
}

/* Those that have ended, or failed before they had a child. */
static void
generations_bury(struct master *m)
{
	for (int i = 0; i < MASTER_MAX_GENERATIONS; i++) {
		struct master_generation *g = &m->generations[i];

		if ((g->state == GENERATION_DRAINING || g->state == GENERATION_FAILED) &&
		    childless(m, g))
			master_generation_bury(g);
	}
}

static bool
alive(const struct master *m)
{
	for (int i = 0; i < MASTER_MAX_CHILDREN; i++)
		if (m->children[i].pid != 0)
			return true;
	return false;
}

static void
wait_once(struct master *m, int timeout_ms)
{
	struct pollfd fds[MASTER_MAX_CHILDREN + 1];
	struct master_child *who[MASTER_MAX_CHILDREN + 1];
	nfds_t n = 0;

	fds[n] = (struct pollfd){ .fd = m->signal_fd, .events = POLLIN };
	who[n++] = NULL;
	for (int i = 0; i < MASTER_MAX_CHILDREN; i++) {
		struct master_child *c = &m->children[i];

		if (c->pid == 0 || c->channel < 0)
			continue;
		fds[n] = (struct pollfd){ .fd = c->channel, .events = POLLIN };
		who[n++] = c;
	}
	if (poll(fds, n, timeout_ms) <= 0)
		return;
	for (nfds_t i = 1; i < n; i++)
		if (fds[i].revents != 0 && who[i]->pid != 0 && who[i]->channel == fds[i].fd)
			listen_to(m, who[i]);
	if (fds[0].revents != 0)
		signals_read(m);
}

int
master_run(struct master *m)
{
	if (master_generation_load(m) < 0)
		m->stopping = true;
	while (!m->stopping || alive(m)) {
		int timeout_ms;

		generations_bury(m);
		timeout_ms = clock_look(m);
		if (m->reload_due && !m->stopping && !loading(m) && m->serving != NULL)
			reload(m);
		wait_once(m, timeout_ms);
	}
	return m->exit_code;
}
