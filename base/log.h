/*
 * log: one line per event on stderr, the same in master and workers:
 *
 *	2026-01-31T12:00:00.000Z 4711 warning [worker 3] cannot accept connections: ...
 *
 * 4711 is the process: a slot's next worker has the same name and another number.
 * Or, with LOG_FORMAT_JSON, an object with these as members: time, level, pid, process,
 * logger ("fastrd"), msg. python/fastrapi/log.py writes the same layouts. Each message is one
 * write(2), a line of ours of at most PIPE_BUF bytes, so processes never mix lines; a longer text is cut. A
 * line that would block is lost, as is one for which the disk has no room, and the next that
 * goes through is preceded by how many were. Bytes that
 * are neither printable ASCII nor valid UTF-8 are escaped: request bytes may be logged.
 * errno is preserved. log_warn() appends the text of errno, the others do not.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stddef.h>

#include "base/attr.h"

/* In the order of the words of --log-level (base/conf_keys.def). */
enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* In the order of the words of --log-format. */
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* Name this process in every line ("master", "worker 2"), of which 31 bytes are copied,
 * and drop lines below `level`. Before this call it is "fastrd" and LOG_LEVEL_INFO. */
void log_open(const char *name, enum log_level level);

/* Another name, and the level as it is. */
void log_name_set(const char *name);

/* The name. */
const char *log_name(void);

/* From now on lines have this form. Before this call they are text. */
void log_form(enum log_format format);

/* From now on standard error, and so the log and whatever else is written there, is the file at
 * `path`, which is appended to; it is opened anew when it was that already, as after a
 * rotation. 0, or -1 with errno set, and nothing has changed. */
int log_file(const char *path) MUST_CHECK;

/* Write a message that is made already, of one or more lines, or lose it and count it. */
void log_write(const char *bytes, size_t len);

/* Write lines of other processes, or parts of lines, or lose them and count those that end here. */
void log_pass(const char *bytes, size_t len);

/* How many of this process's messages, in all its life. */
unsigned long log_lost(void);

#define LOG_PRINTF __attribute__((format(printf, 1, 2)))

void log_debug(const char *fmt, ...) LOG_PRINTF;
void log_info(const char *fmt, ...) LOG_PRINTF;
void log_warn(const char *fmt, ...) LOG_PRINTF;
void log_warnx(const char *fmt, ...) LOG_PRINTF;
void log_errorx(const char *fmt, ...) LOG_PRINTF;

#endif
