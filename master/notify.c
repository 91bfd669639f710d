/*
 * notify: the protocol of sd_notify(3), as far as a server needs it.
 *
 * Called by main.c (open), master.c (the clock), generation.c and signals.c (a state begins), and
 * by upgrade.c (another master takes over).
 * A message is one datagram of lines NAME=VALUE to the socket that NOTIFY_SOCKET names: a
 * path, or a name in the abstract namespace behind an @. Nothing here waits: what the
 * manager's queue has no room for is sent a moment later, and of several states the last
 * counts.
 *
 * The watchdog gets its sign at half of its time, while the loop of master.c turns and the
 * workers are alive (status.c). Else the manager restarts the service.
 *
 * Logs: "cannot notify the service manager: CAUSE", "NOTIFY_SOCKET=NAME is passed over: want a
 * path, or a name behind @", "no worker's event loop turns: the service manager's watchdog gets
 * no sign".
 */
#include "master/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "master/conf.h"
#include "master/master.h"
#include "master/overdue.h"

enum {
	STATUS_EVERY_MS = 1000,
	BEAT_MAX_MS = 24 * 3600 * 1000,
	AGAIN_MS = 100,		/* after a message that could not be sent, then twice as long, up to */
	AGAIN_MAX_MS = 10000,
	SPARE_MS = 2000		/* beyond our own limits, to do what they lead to */
};

/* The address in NOTIFY_SOCKET. False: it is of another kind. */
static bool
address_read(struct master_notify *n, const char *name)
{
	size_t len = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof(n->to.sun_path))
		return false;
	n->to.sun_family = AF_UNIX;
	memcpy(n->to.sun_path, name, len + 1);
	n->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (name[0] == '/'));
	if (name[0] == '@')
		n->to.sun_path[0] = '\0';
	return true;
}

/* Connected, so that later the rights to reach the socket are not needed any more. */
static void
connect_again(struct master_notify *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (n->fd >= 0 && connect(n->fd, (const struct sockaddr *)&n->to, n->to_len) < 0) {
		int saved = errno;

		close(n->fd);
		n->fd = -1;
		errno = saved;
	}
}

/* sd_watchdog_enabled(3): half of the watchdog's time; 0: it is not for this process. */
static uint64_t
beat_every(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	unsigned long long us = usec != NULL ? strtoull(usec, NULL, 10) : 0;

	if (us == 0 || us == UINT64_MAX || (pid != NULL && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	us /= 2000;
	return us == 0 ? 1 : us < BEAT_MAX_MS ? us : BEAT_MAX_MS;
}

void
master_notify_open(struct master_notify *n)
{
	const char *name = getenv("NOTIFY_SOCKET");

	*n = (struct master_notify){ .fd = -1 };
	if (name == NULL || *name == '\0')
		return;
	if (!address_read(n, name)) {
		log_warnx("NOTIFY_SOCKET=%s is passed over: want a path, or a name behind @", name);
		return;
	}
	n->on = true;
	n->beat_every_ms = beat_every();
	connect_again(n);
}

void
master_notify_close(struct master_notify *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
	n->on = false;
}

/* One datagram. 0, or why it was not sent. */
static int
tell(struct master_notify *n, const char *text)
{
	size_t len = strlen(text);
	ssize_t sent = n->fd >= 0 ? send(n->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT) : -1;
	int err;

	/* A manager that was started again has another socket of the same name. */
	if (sent < 0 && (n->fd < 0 || errno != EAGAIN)) {
		connect_again(n);
		sent = n->fd >= 0 ? send(n->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT) : -1;
	}
	err = sent < 0 ? errno : 0;
	if (err != 0 && err != EAGAIN && !n->failing) {
		n->failing = true;
		log_warn("cannot notify the service manager");
	}
	if (err == 0)
		n->failing = false;
	return err;
}

/* How long the state may last by our own limits; the manager's are extended by it. */
static uint64_t
longest_ms(const struct master *m, enum master_notice notice)
{
	const struct conf *c = m->coming != NULL ? &m->coming->conf->values : master_generation_conf(m);

	return SPARE_MS + MASTER_STACKS_MS + MASTER_END_GRACE_MS + (notice == NOTICE_STOPPING ?
	    c->drain_delay_ms + c->timeout_graceful_shutdown_ms : c->timeout_startup_ms);
}

/* The lines of a state, without the status. */
static void
notice_text(const struct master *m, enum master_notice notice, char *text, size_t room)
{
	unsigned long long us = longest_ms(m, notice) * 1000;

	switch (notice) {
	case NOTICE_NONE:
		text[0] = '\0';
		break;
	case NOTICE_STARTING:
		snprintf(text, room, "EXTEND_TIMEOUT_USEC=%llu\n", us);
		break;
	case NOTICE_READY:
		snprintf(text, room, "READY=1\n");
		break;
	case NOTICE_RELOADING:
		snprintf(text, room, "RELOADING=1\nMONOTONIC_USEC=%llu\nEXTEND_TIMEOUT_USEC=%llu\n",
		    (unsigned long long)(clock_monotonic_ns() / 1000), us);
		break;
	case NOTICE_STOPPING:
		snprintf(text, room, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%llu\n", us);
		break;
	}
}

/* The state that is due, and the status when it has changed. */
static void
state_tell(struct master *m, uint64_t now_ms)
{
	struct master_notify *n = &m->notify;
	char status[MASTER_STATUS_BYTES], lines[128], text[sizeof(status) + sizeof(lines) + 16];
	int err;

	master_status_text(m, status);
	n->look_at_ms = now_ms + STATUS_EVERY_MS;
	if (n->due == NOTICE_NONE && strcmp(status, n->status) == 0)
		return;
	notice_text(m, n->due, lines, sizeof(lines));
	snprintf(text, sizeof(text), "%sSTATUS=%s", lines, status);
	err = tell(n, text);
	if (err == 0) {
		n->due = NOTICE_NONE;
		n->again_ms = 0;
		snprintf(n->status, sizeof(n->status), "%s", status);
		return;
	}
	/* One that has no room will have some soon; one that is gone may not come back. */
	n->again_ms = err == EAGAIN || n->again_ms == 0 ? AGAIN_MS :
	    n->again_ms < AGAIN_MAX_MS / 2 ? 2 * n->again_ms : AGAIN_MAX_MS;
	n->look_at_ms = now_ms + n->again_ms;
}

static void
watchdog_tell(struct master *m, uint64_t now_ms)
{
	struct master_notify *n = &m->notify;

	n->beat_at_ms = now_ms + n->beat_every_ms;
	if (master_status_beats(m, 2 * n->beat_every_ms)) {
		n->quiet = false;
		if (tell(n, "WATCHDOG=1") == EAGAIN && n->beat_every_ms > AGAIN_MS)
			n->beat_at_ms = now_ms + AGAIN_MS;
		return;
	}
	if (!n->quiet)
		log_errorx("no worker's event loop turns: the service manager's watchdog gets no sign");
	n->quiet = true;
}

void
master_notify(struct master *m, enum master_notice notice)
{
	/* Whoever is told of the end hears nothing else after it. */
	if (!m->notify.on || m->notify.held || (m->stopping && notice != NOTICE_STOPPING))
		return;
	m->notify.due = notice;
	state_tell(m, clock_monotonic_ms());
}

int
master_notify_main(struct master_notify *n, pid_t pid)
{
	char text[32];

	snprintf(text, sizeof(text), "MAINPID=%ld", (long)pid);
	return n->on ? tell(n, text) : 0;
}

int
master_notify_pass(const struct master_notify *n)
{
	char name[sizeof(n->to.sun_path) + 1], us[24];

	if (!n->on)
		return 0;
	memcpy(name, n->to.sun_path, sizeof(n->to.sun_path));
	name[sizeof(n->to.sun_path)] = '\0';
	if (name[0] == '\0')
		name[0] = '@';
	snprintf(us, sizeof(us), "%llu", (unsigned long long)n->beat_every_ms * 2000);
	return setenv("NOTIFY_SOCKET", name, 1) < 0 || setenv("WATCHDOG_USEC", us, 1) < 0 ? -1 : 0;
}

void
master_notify_look(struct master *m, uint64_t now_ms)
{
	struct master_notify *n = &m->notify;

	if (!n->on || n->held)
		return;
	if (n->look_at_ms <= now_ms)
		state_tell(m, now_ms);
	if (n->beat_every_ms != 0 && n->beat_at_ms <= now_ms)
		watchdog_tell(m, now_ms);
}

uint64_t
master_notify_next_ms(const struct master_notify *n)
{
	if (!n->on || n->held)
		return 0;
	return n->beat_every_ms != 0 && n->beat_at_ms < n->look_at_ms ? n->beat_at_ms : n->look_at_ms;
}
