/*
 * log: format, escape, write once.
 *
 * Called from everywhere. It never blocks and never allocates. When the reader of stderr
 * is stuck the line is dropped: a master that waits would supervise nothing. Callers pass
 * no secrets.
 */
#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"

static struct {
	enum log_level level;
	char name[32];
} log_state = { LOG_LEVEL_INFO, "fastrd" };

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

/* Will a line of PIPE_BUF bytes go through without waiting? */
static bool
writable(void)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&p, 1, 0) > 0;
}

static void
emit(enum log_level level, int err, const char *fmt, va_list ap)
{
	static const char *const words[] = { "debug", "info", "warning", "error" };
	char text[PIPE_BUF], line[PIPE_BUF];
	uint64_t now_ms = clock_unix_ms();
	time_t now_s = (time_t)(now_ms / 1000);
	struct tm tm;
	size_t n, m;
	int len;

	len = vsnprintf(text, sizeof(text), fmt, ap);
	if (len < 0)
		return;
	m = (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1;
	if (err != 0)
		snprintf(text + m, sizeof(text) - m, ": %s", strerror(err));
	gmtime_r(&now_s, &tm);
	n = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(line + n, sizeof(line) - n, ".%03uZ %s [%s] ",
	    (unsigned)(now_ms % 1000), words[level], log_state.name);
	n += escape(line + n, text, sizeof(line) - n - 1);
	line[n++] = '\n';
	while (writable() && write(STDERR_FILENO, line, n) < 0 && errno == EINTR)
		continue;
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
