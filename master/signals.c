/*
 * signals: one descriptor, and what each signal does.
 *
 * Called by main.c to hold back what comes early and to open it, and by master.c to act on what has
 * come, and on the clock (drain), and by orders.c (stop).
 * docs/OPERATIONS.md tells operators the same.
 *
 * Logs: "SIGNAL by process N: ending, requests have N s", "SIGNAL by process N: ending in N s,
 * requests then have N s", "SIGNAL by process N: killing what has not ended".
 */
#include "master/signals.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "master/conf.h"
#include "master/logs.h"
#include "master/master.h"
#include "master/reap.h"

enum {
	FAST_MS = 1000,		/* what INT leaves requests */
	COPY_MS = 1000,		/* a parent passes a signal on within this time */
	SIGNAL_TEXT_BYTES = 64
};

static const int numbers[] = { SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGTTIN, SIGTTOU, SIGUSR1,
    SIGUSR2 };

static void
numbers_fill(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(set, numbers[i]);
}

void
master_signals_hold(void)
{
	sigset_t set;

	numbers_fill(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

void
master_signals_release(void)
{
	sigset_t set;

	numbers_fill(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* The dispositions are ours as well: nohup ignores HUP, some supervisors CHLD. */
int
master_signals_open(void)
{
	sigset_t set;

	numbers_fill(&set);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		signal(numbers[i], SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* "Terminated by process 17": who has sent it is known unless a terminal has. */
static const char *
signal_text(const struct signalfd_siginfo *info, char text[SIGNAL_TEXT_BYTES])
{
	const char *name = strsignal((int)info->ssi_signo);

	if (info->ssi_code == SI_USER && info->ssi_pid != 0)
		snprintf(text, SIGNAL_TEXT_BYTES, "%s by process %u", name, (unsigned)info->ssi_pid);
	else
		snprintf(text, SIGNAL_TEXT_BYTES, "%s", name);
	return text;
}

void
master_signals_drain(struct master *m)
{
	m->drain_at_ms = 0;
	master_generations_drain(m, NULL, master_worker_grace_ms(m));
}

/* The end begins after `delay_ms`, in which load balancers find out that it does: the
 * generation that serves does so until then. Then every one drains within `ms`. */
static void
stop(struct master *m, const char *by, uint64_t delay_ms, uint64_t ms)
{
	struct master_child *c = NULL;

	m->stopping = true;
	m->stopping_since_ms = clock_monotonic_ms();
	master_upgrade_stop(m);
	if (delay_ms == 0 || m->serving == NULL) {
		log_info("%s: ending, requests have %g s", by, (double)ms / 1000);
		master_generations_drain(m, NULL, ms);
	} else {
		log_info("%s: ending in %g s, requests then have %g s", by, (double)delay_ms / 1000,
		    (double)ms / 1000);
		m->drain_at_ms = m->stopping_since_ms + delay_ms;
		while ((c = master_child_next(&m->children, m->serving, c)) != NULL)
			if (c->state == CHILD_SERVING)
				master_child_order(c, WIRE_UNREADY);
		master_generations_drain(m, m->serving, ms);
	}
	master_notify(m, NOTICE_STOPPING);
}

void
master_signals_stop(struct master *m, const char *by)
{
	if (!m->stopping)
		stop(m, by, master_generation_conf(m)->drain_delay_ms, master_worker_grace_ms(m));
}

static void
kill_all(struct master *m, const struct signalfd_siginfo *info)
{
	struct master_child *c = NULL;
	char text[SIGNAL_TEXT_BYTES];

	log_warnx("%s: killing what has not ended", signal_text(info, text));
	m->drain_at_ms = 0;
	master_upgrade_signal(m, SIGKILL);
	master_generations_drain(m, NULL, 0);
	while ((c = master_child_next(&m->children, NULL, c)) != NULL)
		master_child_kill(c, true);
}

/* Is it a copy of a signal that was sent to our process group, as by Ctrl-C? We have had it
 * then, and a parent that passes its signals on, as app.serve() and many supervisors do,
 * sends it once more. Of one signal, what the parent and what others send count once. */
static bool
is_copy(struct master_copies *c, const struct signalfd_siginfo *info)
{
	bool by_parent = info->ssi_code <= 0 && (pid_t)info->ssi_pid == getppid();
	uint64_t now_ms = clock_monotonic_ms();

	if (now_ms - c->since_ms > COPY_MS)
		c->ahead = 0;
	c->since_ms = now_ms;
	c->ahead += by_parent ? 1 : -1;
	return by_parent ? c->ahead <= 0 : c->ahead >= 0;
}

static void
signalled(struct master *m, const struct signalfd_siginfo *info)
{
	char text[SIGNAL_TEXT_BYTES];

	switch ((int)info->ssi_signo) {
	case SIGCHLD:
		master_reap(m);
		break;
	case SIGHUP:
		/* One too many costs a reload, one too few leaves old code: copies count. */
		if (!m->reload_due)	/* several that wait become one */
			signal_text(info, m->reload_by);
		master_generation_reload(m);
		break;
	case SIGINT:
		if (is_copy(&m->interrupts, info))
			break;
		if (m->stopping)
			kill_all(m, info);
		else
			stop(m, signal_text(info, text), 0, FAST_MS);
		break;
	case SIGTERM:
	case SIGQUIT:
		master_signals_stop(m, signal_text(info, text));
		break;
	case SIGTTIN:
		master_workers_scale(m, 1);
		break;
	case SIGTTOU:
		master_workers_scale(m, -1);
		break;
	case SIGUSR1:
		master_upgrade_signal(m, SIGUSR1);
		master_logs_reopen(m, signal_text(info, text));
		break;
	case SIGUSR2:
		master_upgrade_ask(m, signal_text(info, text));
		break;
	default:
		break;
	}
}

void
master_signals_read(struct master *m)
{
	struct signalfd_siginfo info;

	while (read(m->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		signalled(m, &info);
}
