/*
 * log: format, escape, write once.
 *
 * Called from everywhere. It never blocks and never allocates. When the reader of stderr
 * is stuck the line is lost, and counted: a master that waits would supervise nothing.
 * Callers pass no secrets.
 */
#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/stderr.h"
#include "base/utf8.h"

static struct {
	enum log_level level;
	char name[32];
} log_state = { LOG_LEVEL_INFO, "fastrd" };

/* Messages that nobody has read in time, since one last went through. */
static atomic_uint lost;

/* The last one stopped in the middle of a line. */
static atomic_bool is_cut;

void
log_open(const char *name, enum log_level level)
{
	snprintf(log_state.name, sizeof(log_state.name), "%s", name);
	log_state.level = level;
}

/* Copy `in` to `out` (size `room`) with control and malformed bytes as \xNN, line ends
 * too: who can place one would write a line of his own. */
static size_t
escape(char *out, const char *in, size_t room)
{
	const char *p = in, *end = in + strlen(in);
	size_t n = 0;

	while (p < end && n + 5 < room) {
		int seq = utf8_length(p, (size_t)(end - p));

		if ((*p >= 0x20 && *p < 0x7F) || *p == '\t') {
			out[n++] = *p++;
		} else if (seq > 1) {
			memcpy(out + n, p, (size_t)seq);
			n += (size_t)seq;
			p += seq;
		} else {
			n += (size_t)snprintf(out + n, 5, "\\x%02x", (unsigned char)*p++);
		}
	}
	return n;
}

/* The line of `text` into `line`, which has PIPE_BUF bytes; its length. */
static size_t
line_make(char *line, enum log_level level, const char *text)
{
	static const char *const words[] = { "debug", "info", "warning", "error" };
	uint64_t now_ms = clock_unix_ms();
	time_t now_s = (time_t)(now_ms / 1000);
	struct tm tm;
	size_t n;

	gmtime_r(&now_s, &tm);
	n = strftime(line, PIPE_BUF, "%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(line + n, PIPE_BUF - n, ".%03uZ %ld %s [%s] ",
	    (unsigned)(now_ms % 1000), (long)getpid(), words[level], log_state.name);
	n += escape(line + n, text, PIPE_BUF - n - 1);
	line[n++] = '\n';
	return n;
}

/* Write a message, on a line of its own. False: it, or the rest of it, is lost. */
static bool
message_write(const char *bytes, size_t len)
{
	size_t n;

	if (atomic_exchange(&is_cut, false) && stderr_write("\n", 1) == 0) {
		atomic_store(&is_cut, true);
		return false;
	}
	n = stderr_write(bytes, len);
	if (n > 0 && n < len)
		atomic_store(&is_cut, true);
	return n == len;
}

/* Say how many messages were lost. False: this one is, too. */
static bool
lost_say(unsigned n)
{
	char text[64], line[PIPE_BUF];

	snprintf(text, sizeof(text), "%u message%s lost: nobody read standard error", n,
	    n == 1 ? "" : "s");
	return message_write(line, line_make(line, LOG_LEVEL_WARN, text));
}

void
log_write(const char *bytes, size_t len)
{
	int saved = errno;
	unsigned n = atomic_exchange(&lost, 0);

	if (n > 0 && !lost_say(n))
		atomic_fetch_add(&lost, n + 1);
	else if (!message_write(bytes, len))
		atomic_fetch_add(&lost, 1);
	errno = saved;
}

static void
emit(enum log_level level, int err, const char *fmt, va_list ap)
{
	char text[PIPE_BUF], line[PIPE_BUF];
	size_t m;
	int len;

	len = vsnprintf(text, sizeof(text), fmt, ap);
	if (len < 0)
		return;
	m = (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1;
	if (err != 0)
		snprintf(text + m, sizeof(text) - m, ": %s", strerror(err));
	log_write(line, line_make(line, level, text));
}

#define LOG_BODY(lvl, err) \
	do { \
		int saved = errno; \
		va_list ap; \
		if (log_state.level <= (lvl)) { \
			va_start(ap, fmt); \
			emit((lvl), (err), fmt, ap); \
			va_end(ap); \
		} \
		errno = saved; \
	} while (0)

void
log_debug(const char *fmt, ...)
{
	LOG_BODY(LOG_LEVEL_DEBUG, 0);
}

void
log_info(const char *fmt, ...)
{
	LOG_BODY(LOG_LEVEL_INFO, 0);
}

void
log_warn(const char *fmt, ...)
{
	LOG_BODY(LOG_LEVEL_WARN, saved);
}

void
log_warnx(const char *fmt, ...)
{
	LOG_BODY(LOG_LEVEL_WARN, 0);
}

void
log_errorx(const char *fmt, ...)
{
	LOG_BODY(LOG_LEVEL_ERROR, 0);
}
