/*
 * log: one line per event on stderr, the same in master, loader and workers.
 *
 * A line is written with one write(2) of at most PIPE_BUF bytes, so lines of
 * several processes never mix, and lost when that would have to wait. Bytes that are not printable ASCII or valid UTF-8 text are escaped:
 * request bytes may be logged. errno is preserved. The plain names append the
 * text of errno, those ending in x do not.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* Name this process in every line ("master", "worker 2"); copied, at most 31
 * bytes are kept. */
void log_open(const char *name, enum log_level level);

#define LOG_FORMAT __attribute__((format(printf, 1, 2)))

void log_debug(const char *fmt, ...) LOG_FORMAT;
void log_info(const char *fmt, ...) LOG_FORMAT;
void log_warn(const char *fmt, ...) LOG_FORMAT;
void log_warnx(const char *fmt, ...) LOG_FORMAT;
void log_errorx(const char *fmt, ...) LOG_FORMAT;

#endif
