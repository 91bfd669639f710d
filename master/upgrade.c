/*
 * upgrade: the old one's side.
 *
 * Called by signals.c (ask, signal, stop), master.c (begin, what the new one says, the clock), reap.c,
 * status.c, orders.c (signal), and generation.c (a reload waits). The program is started by the path
 * and with the arguments that this one was started with: what has changed meanwhile (the program, the
 * Python, the configuration) counts. The addresses do not change: their sockets are passed.
 *
 * Logs: "SIGNAL by process N: upgrading, process N runs PATH", "upgrade put off until the reload has
 * ended", "SIGNAL by process N: no upgrade, process N is one already", "SIGNAL by process N: no
 * upgrade, the server is ending", "SIGNAL by process N: no upgrade, process 1 cannot be replaced; start
 * the container anew", "cannot start another fastrd: CAUSE; REMEDY", "upgrade failed, generation N
 * serves on: process N ended with exit status N; see what it printed", "process N has not taken over
 * after N s: it is killed", "process N serves in the place of this one, whose requests have N s".
 */
#include "master/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/wire.h"
#include "master/conf.h"
#include "master/listen.h"
#include "master/master.h"
#include "master/pid_file.h"
#include "master/shortage.h"
#include "master/takeover.h"

enum {
	TEXT_BYTES = (WIRE_LISTENERS_MAX + 3) * (MASTER_ADDRESS_BYTES + 32),
	WORD_BYTES = 32,
	BEGIN_MS = 45000,	/* until it loads: it may ask a Python for names and files, 10 s each */
	MORE_MS = 10000,	/* beyond its own limit; and for each step that follows */
	END_MS = 5000,
	AGAIN_MS = 100
};

/* In the child: a descriptor goes along. */
static void
pass(int fd)
{
	fcntl(fd, F_SETFD, 0);
}

/* In the child: the lines of some listeners, behind the `used` bytes of `text`; how many are used now. */
static size_t
listeners_pass(const struct master_listeners *l, char kind, char *text, size_t used)
{
	for (size_t i = 0; i < l->n; i++) {
		pass(l->fds[i]);
		used += (size_t)snprintf(text + used, TEXT_BYTES - used, "%c %d %d %s\n", kind, l->fds[i],
		    l->made[i], l->texts[i]);
		must(used < TEXT_BYTES);
	}
	return used;
}

/* In the child. The log's file is the new one's as it was ours; where it is opened by name, what is
 * said before that goes the way of ours. */
static void
become(struct master *m, const char *path, int channel)
{
	char text[TEXT_BYTES];
	size_t used = (size_t)snprintf(text, sizeof(text), "%d %ld %d %d %d %d\n", MASTER_TAKEOVER_FORM,
	    (long)getppid(), channel, m->handover[0], m->handover[1], m->listeners->inherited);

	used = listeners_pass(m->listeners, 'l', text, used);
	used = listeners_pass(m->admin, 'a', text, used);
	(void)listeners_pass(m->control_socket, 'c', text, used);
	pass(channel);
	pass(m->handover[0]);
	pass(m->handover[1]);
	if (master_writer_is(&m->writer) && *m->writer.path == '\0')
		dup2(m->writer.file, STDERR_FILENO);
	if (setenv(MASTER_TAKEOVER_VARIABLE, text, 1) == 0 && master_notify_pass(&m->notify) == 0)
		execv(path, m->conf->argv);
	fprintf(stderr, "fastrd: cannot run %s: %s\n", path, strerror(errno));
	_exit(WIRE_EXIT_BUG);
}

/* 0, or -1 with errno. */
static int
start(struct master *m)
{
	/* As exec() was called: a symbolic link may lead to another program by now. */
	const char *path = (const char *)(uintptr_t)getauxval(AT_EXECFN);
	struct master_upgrade *u = &m->upgrade;
	uint64_t now_ms = clock_monotonic_ms();
	int pair[2], saved;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		become(m, path, pair[1]);
	saved = errno;
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		errno = saved;
		return -1;
	}
	log_info("%s: upgrading, process %ld runs %s", u->by, (long)pid, path);
	*u = (struct master_upgrade){ .pid = pid, .channel = pair[0], .since_ms = now_ms,
	    .until_ms = now_ms + BEGIN_MS };
	return 0;
}

bool
master_upgrade_runs(const struct master *m)
{
	return m->upgrade.pid != 0 && !m->upgrade.ceded;
}

void
master_upgrade_ask(struct master *m, const char *by)
{
	if (m->stopping) {
		log_warnx("%s: no upgrade, the server is ending", by);
	} else if (m->upgrade.pid != 0) {
		log_warnx("%s: no upgrade, process %ld is one already", by, (long)m->upgrade.pid);
	} else if (getpid() == 1) {
		log_warnx("%s: no upgrade, process 1 cannot be replaced; start the container anew", by);
	} else {
		m->upgrade.due = true;
		snprintf(m->upgrade.by, sizeof(m->upgrade.by), "%s", by);
		master_upgrade_begin(m);
	}
}

void
master_upgrade_begin(struct master *m)
{
	struct master_upgrade *u = &m->upgrade;
	char text[256];

	if (!u->due)
		return;
	if (m->serving == NULL || m->coming != NULL || m->reread.runs) {
		if (m->serving != NULL && !u->put_off_logged)
			log_info("upgrade put off until the reload has ended");
		u->put_off_logged = true;
		return;
	}
	u->due = u->put_off_logged = false;
	if (start(m) < 0)
		log_warnx("%s", master_shortage_text(text, sizeof(text), "start another fastrd", errno));
}

static void
hang_up(struct master_upgrade *u)
{
	if (u->channel >= 0)
		close(u->channel);
	u->channel = -1;
}

/* The new one serves. */
static void
cede(struct master *m)
{
	struct master_upgrade *u = &m->upgrade;
	uint64_t ms = master_worker_grace_ms(m);

	u->ceded = true;
	hang_up(u);
	log_info("process %ld serves in the place of this one, whose requests have %g s", (long)u->pid,
	    (double)ms / 1000);
	if (m->reload_due)
		kill(u->pid, SIGHUP);
	m->reload_due = false;
	m->stopping = true;
	m->stopping_since_ms = clock_monotonic_ms();
	master_notify_close(&m->notify);
	master_generations_drain(m, NULL, ms);
}

void
master_upgrade_read(struct master *m)
{
	struct master_upgrade *u = &m->upgrade;
	uint64_t now_ms = clock_monotonic_ms();
	char word[WORD_BYTES];
	ssize_t n = recv(u->channel, word, sizeof(word) - 1, MSG_DONTWAIT);
	const size_t loads = sizeof(MASTER_TAKEOVER_LOADS) - 1;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {		/* its death comes next */
		hang_up(u);
		return;
	}
	word[n] = '\0';
	if (m->stopping)
		return;
	if (strncmp(word, MASTER_TAKEOVER_LOADS " ", loads + 1) == 0) {
		u->until_ms = now_ms + strtoull(word + loads, NULL, 10) + MORE_MS;
	} else if (strcmp(word, MASTER_TAKEOVER_READY) == 0 && !u->taking) {
		u->ready = true;
		u->until_ms = now_ms + MORE_MS;
		master_upgrade_look(m, now_ms);
	} else if (strcmp(word, MASTER_TAKEOVER_SERVES) == 0 && u->taking) {
		cede(m);
	}
}

/* It is ready: let it serve, once the service manager knows that it will. */
static void
hand(struct master *m, uint64_t now_ms)
{
	struct master_upgrade *u = &m->upgrade;

	u->again_ms = now_ms + AGAIN_MS;
	if (master_notify_main(&m->notify, u->pid) == EAGAIN)
		return;
	u->taking = true;
	m->notify.held = true;
	u->until_ms = now_ms + MORE_MS;
	if (u->channel >= 0)
		(void)!send(u->channel, MASTER_TAKEOVER_TAKE, strlen(MASTER_TAKEOVER_TAKE),
		    MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* This one is the server again, whatever the new one has done. */
static void
hand_back(struct master *m)
{
	if (!m->upgrade.taking)
		return;
	m->upgrade.taking = false;
	m->notify.held = false;
	(void)!master_notify_main(&m->notify, getpid());
	master_notify(m, NOTICE_READY);
}

void
master_upgrade_look(struct master *m, uint64_t now_ms)
{
	struct master_upgrade *u = &m->upgrade;

	if (!master_upgrade_runs(m))
		return;
	if (u->ready && !u->taking && !m->stopping && u->again_ms <= now_ms)
		hand(m, now_ms);
	if (u->killed || u->until_ms > now_ms)
		return;
	log_errorx("process %ld has not taken over after %.0f s: it is killed", (long)u->pid,
	    (double)(now_ms - u->since_ms) / 1000);
	u->killed = true;
	kill(u->pid, SIGKILL);
}

uint64_t
master_upgrade_next_ms(const struct master *m)
{
	const struct master_upgrade *u = &m->upgrade;

	if (!master_upgrade_runs(m) || u->killed)
		return 0;
	return u->ready && !u->taking && u->again_ms < u->until_ms ? u->again_ms : u->until_ms;
}

bool
master_upgrade_reap(struct master *m, pid_t pid, int status)
{
	struct master_upgrade *u = &m->upgrade;
	char ending[MASTER_ENDING_BYTES];

	if (pid == 0 || pid != u->pid)
		return false;
	if (u->ceded) {
		u->pid = 0;
		return true;
	}
	if (m->serving != NULL && !m->stopping)
		log_errorx("upgrade failed, generation %u serves on: process %ld ended with %s; see what "
		    "it printed", m->serving->number, (long)pid, master_child_ending(status, ending));
	if (u->taking) {
		/* It may have put its own there. */
		master_pid_file_close(m->pid_file);
		(void)!master_pid_file_open(m->pid_file, m->conf->values.pid_file, 0);
	}
	hand_back(m);
	hang_up(u);
	*u = (struct master_upgrade){ .channel = -1 };
	return true;
}

void
master_upgrade_signal(const struct master *m, int number)
{
	if (master_upgrade_runs(m))
		kill(m->upgrade.pid, number);
}

void
master_upgrade_stop(struct master *m)
{
	struct master_upgrade *u = &m->upgrade;
	uint64_t now_ms = clock_monotonic_ms();

	u->due = false;
	if (!master_upgrade_runs(m))
		return;
	u->until_ms = now_ms + (u->taking ? master_worker_grace_ms(m) : 0) + END_MS;
	hand_back(m);
	master_upgrade_signal(m, SIGTERM);
}
