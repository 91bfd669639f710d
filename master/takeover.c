/*
 * takeover: the new one's side of an upgrade.
 *
 * Called by main.c (open), master.c (what the other one says, and whether it still serves) and
 * generation.c (loads, may, done). Until the other one has said TAKE nothing here may be seen from
 * outside: no worker serves, no probe is answered, the pid file and the service manager know the
 * other one only. Whatever fails until then is a line on standard error, and an exit status.
 *
 * Logs: "process N, which served before, drains".
 */
#include "master/takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/must.h"
#include "base/wire.h"
#include "master/listen.h"
#include "master/master.h"
#include "master/pid_file.h"

#define ENDED "the server that this one was to replace has ended"

enum { WORD_BYTES = 32 };

/* One line of the variable's: a listener. False: it is none. */
static bool
listener_take(char *line, struct master_listeners *listeners, struct master_listeners *admin,
    struct master_listeners *control)
{
	struct master_listeners *l = line[0] == 'l' ? listeners : line[0] == 'a' ? admin : control;
	int fd, made, at = 0;

	if (sscanf(line + 1, "%d %d %n", &fd, &made, &at) != 2 || at == 0 ||
	    l->n == (l != listeners ? 1 : WIRE_LISTENERS_MAX))
		return false;
	l->made[l->n] = made != 0;
	master_listen_add(l, fd, line + 1 + at);
	return true;
}

/* The whole variable, which is changed. False: it is of another form. */
static bool
understood(struct master_takeover *t, char *text, struct master_listeners *listeners,
    struct master_listeners *admin, struct master_listeners *control)
{
	int form = 0, inherited = 0;
	long before = 0;
	char *line = strtok(text, "\n");

	if (line == NULL || sscanf(line, "%d", &form) != 1 || form != MASTER_TAKEOVER_FORM ||
	    sscanf(line, "%d %ld %d %d %d %d", &form, &before, &t->channel, &t->handover[0],
	    &t->handover[1], &inherited) != 6)
		return false;
	t->before = (pid_t)before;
	listeners->inherited = inherited != 0;
	while ((line = strtok(NULL, "\n")) != NULL)
		if (strchr("lac", line[0]) == NULL || !listener_take(line, listeners, admin, control))
			return false;
	return listeners->n > 0;
}

int
master_takeover_open(struct master_takeover *t, struct master_listeners *listeners,
    struct master_listeners *admin, struct master_listeners *control)
{
	const char *value = getenv(MASTER_TAKEOVER_VARIABLE);
	char *text = value != NULL ? strdup(value) : NULL;
	bool good;

	*t = (struct master_takeover){ .channel = -1 };
	if (value == NULL)
		return 0;
	unsetenv(MASTER_TAKEOVER_VARIABLE);
	good = text != NULL && understood(t, text, listeners, admin, control);
	free(text);
	if (!good) {
		fprintf(stderr, "fastrd: what the server says that this one is to replace is not "
		    "understood, it is of another version; restart it\n");
		return WIRE_EXIT_USAGE;
	}
	if (getppid() != t->before) {	/* its end would not be noticed */
		fprintf(stderr, "fastrd: process %ld, which this one is to replace, is not its parent; a "
		    "script that runs fastrd does so by exec\n", (long)t->before);
		return WIRE_EXIT_USAGE;
	}
	fcntl(t->channel, F_SETFD, FD_CLOEXEC);
	fcntl(t->handover[0], F_SETFD, FD_CLOEXEC);
	fcntl(t->handover[1], F_SETFD, FD_CLOEXEC);
	return 0;
}

bool
master_takeover_waits(const struct master *m)
{
	return m->takeover.before != 0 && !m->takeover.done;
}

/* One word to the other one; if that has ended, this is heard when it is read. */
static void
say(struct master *m, const char *word)
{
	if (m->takeover.channel >= 0)
		(void)!send(m->takeover.channel, word, strlen(word), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void
master_takeover_loads(struct master *m, uint64_t ms)
{
	char word[WORD_BYTES];

	snprintf(word, sizeof(word), MASTER_TAKEOVER_LOADS " %llu", (unsigned long long)ms);
	if (master_takeover_waits(m))
		say(m, word);
}

bool
master_takeover_may(struct master *m)
{
	struct master_takeover *t = &m->takeover;

	if (master_takeover_waits(m) && !t->asked) {
		t->asked = true;
		say(m, MASTER_TAKEOVER_READY);
	}
	return !master_takeover_waits(m) || t->taken;
}

void
master_takeover_done(struct master *m)
{
	if (!master_takeover_waits(m))
		return;
	must(m->takeover.taken);
	master_pid_file_put(m->pid_file);
	m->takeover.done = true;
	/* Whenever the other one is killed: its workers know from now on that the listening goes on. */
	master_listen_own(m->listeners);
	master_listen_own(m->admin);
	if (getppid() != m->takeover.before) {	/* they did not */
		fprintf(stderr, "fastrd: " ENDED "\n");
		m->exit_code = WIRE_EXIT_BUG;
		m->stopping = true;
		master_generations_drain(m, NULL, 0);
		return;
	}
	log_info("process %ld, which served before, drains", (long)m->takeover.before);
	say(m, MASTER_TAKEOVER_SERVES);
}

static void
hang_up(struct master_takeover *t)
{
	close(t->channel);
	t->channel = -1;
}

void
master_takeover_read(struct master *m)
{
	struct master_takeover *t = &m->takeover;
	char word[WORD_BYTES];
	ssize_t n = recv(t->channel, word, sizeof(word) - 1, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		hang_up(t);
		if (!t->done && m->coming != NULL)
			master_generation_failed(m, m->coming, WIRE_EXIT_BUG,
			    ENDED);
		return;
	}
	word[n] = '\0';
	if (strcmp(word, MASTER_TAKEOVER_TAKE) != 0 || !t->asked || m->stopping)
		return;
	t->taken = true;
	m->notify.held = false;
	if (m->coming != NULL)
		master_generation_ready(m, m->coming);
}
