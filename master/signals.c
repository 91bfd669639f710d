/*
 * signals: one descriptor, and what each signal does.
 *
 * Called by main.c to open it, and by master.c to act on what has come.
 * docs/OPERATIONS.md tells operators the same.
 *
 * Logs: "a generation is starting: still N workers", "SIGNAL does nothing yet".
 */
#include "master/signals.h"

#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "master/master.h"
#include "master/reap.h"

enum { FAST_MS = 1000 };	/* what INT leaves requests */

/* The dispositions are ours as well: nohup ignores HUP, some supervisors CHLD. */
int
master_signals_open(void)
{
	static const int numbers[] = { SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGTTIN,
	    SIGTTOU, SIGUSR1, SIGUSR2 };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(&set, numbers[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		signal(numbers[i], SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
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
	struct master_child *c = NULL;

	while ((c = master_child_next(&m->children, NULL, c)) != NULL)
		master_child_kill(c);
}

/* The number of workers changes only while one generation serves and none is coming: all
 * workers of the one that is coming have been started, or will be at once. */
static bool
may_scale(const struct master *m)
{
	if (m->coming != NULL)
		log_warnx("a generation is starting: still %u workers", m->n_workers);
	return m->serving != NULL && m->coming == NULL;
}

static void
signalled(struct master *m, int number)
{
	switch (number) {
	case SIGCHLD:
		master_reap(m);
		break;
	case SIGHUP:
		master_generation_reload(m);
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
			stop(m, master_worker_grace_ms(m));
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

void
master_signals_read(struct master *m)
{
	struct signalfd_siginfo info;

	while (read(m->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		signalled(m, (int)info.ssi_signo);
}
