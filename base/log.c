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

#include "base/append.h"
#include "base/clock.h"
#include "base/stderr.h"
#include "base/utf8.h"

#define JSON_END "\"}"

static struct {
	enum log_level level;
	enum log_format format;
	char name[32];
} log_state = { LOG_LEVEL_INFO, LOG_FORMAT_TEXT, "fastrd" };

/* Messages that could not be written, since one last went through and in all, and why. */
static atomic_uint lost;
static atomic_ulong lost_in_all;
static atomic_int lost_errno;

/* The last one stopped in the middle of a line. */
static atomic_bool is_cut;

void
log_open(const char *name, enum log_level level)
{
	log_name_set(name);
	log_state.level = level;
}

void
log_name_set(const char *name)
{
	snprintf(log_state.name, sizeof(log_state.name), "%s", name);
}

const char *
log_name(void)
{
	return log_state.name;
}

void
log_form(enum log_format format)
{
	log_state.format = format;
}

int
log_file(const char *path)
{
	int fd = append_open(path), rc, saved;

	if (fd < 0)
		return -1;
	do
		rc = dup2(fd, STDERR_FILENO);
	while (rc < 0 && errno == EINTR);
	saved = errno;
	close(fd);
	errno = saved;
	return rc < 0 ? -1 : 0;
}

/* Copy `in` to `out` (size `room`) with control and malformed bytes as \xNN, or as JSON has
 * them, line ends too: who can place one would write a line of his own. */
static size_t
escape(char *out, const char *in, size_t room)
{
	bool json = log_state.format == LOG_FORMAT_JSON;
	const char *p = in, *end = in + strlen(in);
	size_t n = 0;

	while (p < end && n + 7 < room) {
		int seq = utf8_length(p, (size_t)(end - p));

		if (json && (*p == '"' || *p == '\\' || *p == '\t')) {
			out[n++] = '\\';
			out[n++] = *p == '\t' ? 't' : *p;
			p++;
		} else if ((*p >= 0x20 && *p < 0x7F) || *p == '\t') {
			out[n++] = *p++;
		} else if (seq > 1) {
			memcpy(out + n, p, (size_t)seq);
			n += (size_t)seq;
			p += seq;
		} else {
			n += (size_t)snprintf(out + n, 7, json ? "\\u%04x" : "\\x%02x",
			    (unsigned char)*p++);
		}
	}
	return n;
}

/* The line of `text` into `line`, which has PIPE_BUF bytes; its length. */
static size_t
line_make(char *line, enum log_level level, const char *text)
{
	static const char *const words[] = { "debug", "info", "warning", "error" };
	bool json = log_state.format == LOG_FORMAT_JSON;
	uint64_t now_ms = clock_unix_ms();
	time_t now_s = (time_t)(now_ms / 1000);
	struct tm tm;
	size_t n;

	gmtime_r(&now_s, &tm);
	n = strftime(line, PIPE_BUF, json ? "{\"time\":\"%Y-%m-%dT%H:%M:%S" : "%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(line + n, PIPE_BUF - n, ".%03uZ", (unsigned)(now_ms % 1000));
	if (json)
		n += (size_t)snprintf(line + n, PIPE_BUF - n, "\",\"level\":\"%s\",\"pid\":%ld,"
		    "\"process\":\"%s\",\"logger\":\"fastrd\",\"msg\":\"", words[level],
		    (long)getpid(), log_state.name);
	else
		n += (size_t)snprintf(line + n, PIPE_BUF - n, " %ld %s [%s] ", (long)getpid(),
		    words[level], log_state.name);
	n += escape(line + n, text, PIPE_BUF - n - sizeof(JSON_END));
	if (json) {
		memcpy(line + n, JSON_END, sizeof(JSON_END) - 1);
		n += sizeof(JSON_END) - 1;
	}
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
	if (n < len)
		atomic_store(&lost_errno, errno);
	if (n > 0 && n < len)
		atomic_store(&is_cut, true);
	return n == len;
}

/* Say how many messages were lost. False: this one is, too. */
static bool
lost_say(unsigned n, const char *what)
{
	int why = atomic_load(&lost_errno);
	char text[128], line[PIPE_BUF];

	snprintf(text, sizeof(text), "%u %s%s lost: %s", n, what, n == 1 ? "" : "s",
	    why == EAGAIN || why == ENXIO ? "standard error was not read in time" : strerror(why));
	return message_write(line, line_make(line, LOG_LEVEL_WARN, text));
}

/* Write `count` things of this kind, or lose and count them. */
static void
counted_write(const char *bytes, size_t len, unsigned count, const char *what)
{
	int saved = errno;
	unsigned n = atomic_exchange(&lost, 0);
	bool said = n == 0 || lost_say(n, what);

	if (!said || !message_write(bytes, len)) {
		atomic_fetch_add(&lost, said ? count : n + count);
		atomic_fetch_add(&lost_in_all, count);
	}
	errno = saved;
}

unsigned long
log_lost(void)
{
	return atomic_load(&lost_in_all);
}

void
log_write(const char *bytes, size_t len)
{
	counted_write(bytes, len, 1, "message");
}

void
log_pass(const char *bytes, size_t len)
{
	unsigned lines = 0;

	for (const char *p = bytes; (p = memchr(p, '\n', len - (size_t)(p - bytes))) != NULL; p++)
		lines++;
	counted_write(bytes, len, lines, "line");
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
