/*
 * writer: a pipe, a fork of the master, and how the two talk.
 *
 * Called by logs.c (open, form, reopen), main.c (close), master.c (what it says, and the clock), reap.c
 * and upgrade.c (is).
 * The writer runs no program: it is this code in a process of its own, without the master's
 * descriptors. Signals do not end it, the end of the pipe does.
 *
 * Logs: "SIGNAL by process N: log files opened again", "SIGNAL by process N: the log cannot be opened
 * again: CAUSE", "the process that writes the log ended with ...: another one does", "cannot start
 * the process that writes the log: CAUSE; REMEDY".
 */
#include "master/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "master/child.h"
#include "master/shortage.h"

enum {
	PIPE_ROOM = 1 << 20,	/* bytes that wait for the disk, if the system allows */
	READ_BYTES = 64 * 1024,
	LINE_MS = 100,		/* a rotation waits so long for the end of a line */
	AGAIN_MS = 1000,	/* between two starts */
	TELL_MS = 1000,		/* between two words of what is lost */
	CLOSE_MS = 2000
};

/* What is said over the channel: an order, and the answer to it; or news. */
struct word {
	enum { WORD_REOPEN, WORD_ALL_WRITTEN, WORD_FORM, WORD_LOST } what;
	unsigned long number;	/* errno of REOPEN's answer, 0: done; FORM's enum log_format; how many lines
				 * are LOST since the last such word */
};

/* [writer] Its state. */
struct writing {
	const char *path;
	int channel;
	bool reopens, tells;	/* these orders are still to be done */
	bool within;		/* a line has begun and not ended */
	unsigned long told;	/* lines that the master knows to be lost */
	uint64_t told_ms;
};

/* [writer] */
static void
reopen(struct writing *s)
{
	struct word word = { WORD_REOPEN, 0 };

	if (*s->path != '\0' && log_file(s->path) < 0)
		word.number = (unsigned long)errno;
	s->reopens = false;
	(void)!send(s->channel, &word, sizeof(word), MSG_NOSIGNAL);
}

/* [writer] Write what was read. A line does not stand in two files. */
static void
pass(struct writing *s, const char *bytes, size_t len)
{
	const char *end = s->reopens && s->within ? memchr(bytes, '\n', len) : NULL;
	size_t n = end != NULL ? (size_t)(end - bytes) + 1 : len;

	log_pass(bytes, n);
	if (end != NULL)
		reopen(s);
	if (n < len)
		log_pass(bytes + n, len - n);
	s->within = bytes[len - 1] != '\n';
}

/* [writer] Read an order. False: the master is gone. */
static bool
obey(struct writing *s)
{
	struct word word;

	if (recv(s->channel, &word, sizeof(word), 0) != (ssize_t)sizeof(word))
		return false;
	if (word.what == WORD_FORM)
		log_form((enum log_format)word.number);
	else if (word.what == WORD_REOPEN)
		s->reopens = true;
	else
		s->tells = true;
	return true;
}

/* [writer] Tell the master what was lost, now and then. */
static void
lost_tell(struct writing *s)
{
	struct word word = { WORD_LOST, log_lost() - s->told };
	uint64_t now_ms = clock_monotonic_ms();

	if (word.number == 0 || now_ms - s->told_ms < TELL_MS)
		return;
	s->told_ms = now_ms;
	if (send(s->channel, &word, sizeof(word), MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
		s->told += word.number;
}

/* [writer] How long to wait for more. */
static int
patience_ms(const struct writing *s)
{
	if (s->tells)
		return 0;
	if (s->reopens)
		return LINE_MS;
	return log_lost() > s->told ? TELL_MS : -1;
}

/* [writer] Until nobody can write to the pipe any more. Orders go before what is in the pipe. */
static void
write_all(struct writing *s, int in)
{
	static char bytes[READ_BYTES];
	struct pollfd p[] = { { in, POLLIN, 0 }, { s->channel, POLLIN, 0 } };
	struct word all = { WORD_ALL_WRITTEN, 0 };

	for (;;) {
		int n = poll(p, 2, patience_ms(s));
		ssize_t len;

		if (n > 0 && p[1].revents != 0 && !obey(s))
			p[1].fd = -1;
		if (s->reopens && (!s->within || n == 0))
			reopen(s);
		if (n > 0 && p[0].revents != 0) {
			len = read(in, bytes, sizeof(bytes));
			if (len == 0)
				return;
			if (len > 0)
				pass(s, bytes, (size_t)len);
		} else if (s->tells && n == 0) {
			s->tells = false;
			(void)!send(s->channel, &all, sizeof(all), MSG_NOSIGNAL);
		}
		lost_tell(s);
	}
}

/* [writer] Have no descriptor but these and the standard ones. */
static void
descriptors_close(int a, int b)
{
	unsigned low = (unsigned)(a < b ? a : b), high = (unsigned)(a < b ? b : a);

	if (low > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, low - 1, 0);
	if (high > low + 1)
		close_range(low + 1, high - 1, 0);
	close_range(high + 1, UINT_MAX, 0);
}

/* [writer] Its life. It keeps no directory from being unmounted, and nobody waiting for the end of
 * standard output. */
static void
live(const struct master_writer *w, int channel)
{
	struct writing s = { .path = w->path, .channel = channel };
	int null = open("/dev/null", O_RDWR);
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_NAME, "fastrd-log");
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(w->file, STDERR_FILENO) < 0 || chdir("/") < 0)
		_exit(1);
	/* The one that is there may have been moved away long ago. */
	if (*w->path != '\0')
		(void)!log_file(w->path);
	descriptors_close(w->in, channel);
	log_name_set("log");
	write_all(&s, w->in);
	_exit(0);
}

/* 0, or -1 with errno. */
static int
start(struct master_writer *w, uint64_t now_ms)
{
	int pair[2], saved;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	w->pid = fork();
	if (w->pid == 0)
		live(w, pair[1]);
	saved = errno;
	close(pair[1]);
	if (w->pid < 0) {
		close(pair[0]);
		w->pid = 0;
		errno = saved;
		return -1;
	}
	w->channel = pair[0];
	w->started_ms = now_ms;
	w->start_at_ms = 0;
	return 0;
}

int
master_writer_open(struct master_writer *w, const char *path, int file)
{
	int ends[2], saved;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	(void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_ROOM);
	*w = (struct master_writer){ .path = path, .file = file, .in = ends[0], .out = ends[1],
		.channel = -1 };
	if (start(w, clock_monotonic_ms()) == 0)
		return 0;
	saved = errno;
	close(ends[0]);
	close(ends[1]);
	*w = (struct master_writer){ 0 };
	errno = saved;
	return -1;
}

bool
master_writer_is(const struct master_writer *w)
{
	return w->path != NULL;
}

void
master_writer_reopen(struct master_writer *w, const char *by)
{
	struct word word = { WORD_REOPEN, 0 };

	snprintf(w->by, sizeof(w->by), "%s", by);
	/* Where there is none at the moment, the next one opens it as it is then. */
	if (w->channel >= 0)
		(void)!send(w->channel, &word, sizeof(word), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void
master_writer_form(struct master_writer *w, enum log_format format)
{
	struct word word = { WORD_FORM, format };

	/* As above: the next one has the master's. */
	if (w->channel >= 0)
		(void)!send(w->channel, &word, sizeof(word), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
hang_up(struct master_writer *w)
{
	close(w->channel);
	w->channel = -1;
}

void
master_writer_read(struct master_writer *w)
{
	struct word word;
	ssize_t n = recv(w->channel, &word, sizeof(word), MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		hang_up(w);
	if (n == (ssize_t)sizeof(word) && word.what == WORD_LOST)
		w->lost += word.number;
	if (n != (ssize_t)sizeof(word) || word.what != WORD_REOPEN)
		return;
	errno = (int)word.number;
	if (word.number != 0)
		log_warn("%s: the log cannot be opened again", w->by);
	else
		log_info("%s: log files opened again", w->by);
}

bool
master_writer_reap(struct master_writer *w, pid_t pid, int status, uint64_t now_ms)
{
	char ending[MASTER_ENDING_BYTES];

	if (pid != w->pid || pid == 0)
		return false;
	w->pid = 0;
	if (w->channel >= 0)
		hang_up(w);
	log_warnx("the process that writes the log ended with %s: another one does",
	    master_child_ending(status, ending));
	w->start_at_ms = w->started_ms + AGAIN_MS > now_ms ? w->started_ms + AGAIN_MS : now_ms;
	return true;
}

void
master_writer_look(struct master_writer *w, uint64_t now_ms)
{
	char text[256];

	if (w->start_at_ms == 0 || w->start_at_ms > now_ms || start(w, now_ms) == 0)
		return;
	log_warnx("%s", master_shortage_text(text, sizeof(text),
	    "start the process that writes the log", errno));
	w->start_at_ms = now_ms + AGAIN_MS;
}

void
master_writer_close(struct master_writer *w)
{
	struct word word = { WORD_ALL_WRITTEN, 0 };
	uint64_t end_ms = clock_monotonic_ms() + CLOSE_MS, now_ms;
	struct pollfd p = { .fd = w->channel, .events = POLLIN };

	master_writer_look(w, w->start_at_ms);
	if (!master_writer_is(w) || w->channel < 0 ||
	    send(w->channel, &word, sizeof(word), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
	do {
		now_ms = clock_monotonic_ms();
		if (now_ms >= end_ms || poll(&p, 1, (int)(end_ms - now_ms)) <= 0 ||
		    recv(w->channel, &word, sizeof(word), MSG_DONTWAIT) <= 0)
			return;
	} while (word.what != WORD_ALL_WRITTEN);
}
