/*
 * logs: checked at the start, opened by whoever writes.
 *
 * Called by main.c (check, and open for children), reread.c (check), generation.c (the start is over;
 * other settings), probation.c (earlier settings), and signals.c (USR1) and orders.c (the same). The
 * access log is the workers': the master only makes sure at the start that it can be.
 *
 * Logs: "SIGNAL by process N: log files opened again".
 */
#include "master/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/access.h"
#include "base/append.h"
#include "base/arena.h"
#include "base/log.h"
#include "base/wire.h"
#include "master/conf.h"
#include "master/master.h"
#include "master/origin.h"
#include "master/shortage.h"

/* The text of `row` as an absolute path. False: it cannot be. */
static bool
absolute(struct master_conf *c, const struct conf_row *row)
{
	const char *path = conf_text(&c->values, row);
	char here[PATH_MAX], why[CONF_WHY_BYTES], *text;
	size_t room;

	if (strcmp(path, "-") == 0)	/* a standard stream, as without the setting */
		return conf_set(&c->values, row, "", why) == 0;
	if (*path == '\0' || *path == '/')
		return true;
	if (getcwd(here, sizeof(here)) == NULL)
		return false;
	room = strlen(here) + strlen(path) + 2;
	text = arena_alloc(&c->texts, room);
	if (text == NULL)
		return false;
	snprintf(text, room, "%s/%s", here, path);
	return conf_set(&c->values, row, text, why) == 0;
}

/* 0, or -1 with the reason: what the row names cannot be written. What only asks leaves no file. */
static int
file_check(const struct master_conf *c, const struct conf_row *row, char why[MASTER_LOGS_WHY_BYTES])
{
	const char *path = conf_text(&c->values, row);
	bool made = c->command != COMMAND_SERVE && *path != '\0' && access(path, F_OK) < 0;
	int fd = *path != '\0' ? append_open(path) : -1;
	char where[MASTER_ORIGIN_BYTES];

	if (fd < 0 && *path != '\0') {
		snprintf(why, MASTER_LOGS_WHY_BYTES, "%s: %s", master_origin_text(c, row, path, where),
		    strerror(errno));
		return -1;
	}
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && made)
		unlink(path);
	return 0;
}

int
master_logs_check(struct master_conf *c, char why[MASTER_LOGS_WHY_BYTES])
{
	struct conf *values = &c->values;

	if (!absolute(c, &conf_rows[CONF_log_file]) ||
	    (*access_file(values) != '\0' && !absolute(c, &conf_rows[CONF_access_log_file]))) {
		snprintf(why, MASTER_LOGS_WHY_BYTES, "the path of a log file: %s", strerror(errno));
		return -1;
	}
	if (file_check(c, &conf_rows[CONF_log_file], why) < 0)
		return -1;
	return access_wanted(values, false) ? file_check(c, &conf_rows[CONF_access_log_file], why) : 0;
}

/* Is standard error a file? Those wait for their disks. */
static bool
is_file(void)
{
	struct stat st;

	return fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode);
}

/* A descriptor of our own for the file that standard error is, or -1. While one process writes, whoever
 * shares its descriptor's position waits, and be it only to ask for that: another descriptor has
 * another one, which does not matter where all append. */
static int
stderr_again(void)
{
	int fd = (fcntl(STDERR_FILENO, F_GETFL) & O_APPEND) != 0 ? append_open("/proc/self/fd/2") : -1;

	return fd >= 0 ? fd : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
}

/* Is the path that of a descriptor, of whoever opens it? In another process it is another file. */
static bool
is_descriptor(const char *path)
{
	static const char *const begin[] = { "/dev/fd/", "/dev/std", "/proc/self/", "/proc/thread-self/" };

	for (size_t i = 0; i < sizeof(begin) / sizeof(begin[0]); i++)
		if (strncmp(path, begin[i], strlen(begin[i])) == 0)
			return true;
	return false;
}

int
master_logs_open(struct master *m)
{
	const char *path = m->conf->values.log_file;
	char text[256];
	int fd;

	if (*path == '\0' && !is_file())
		return 0;
	fd = *path != '\0' ? append_open(path) : stderr_again();
	if (fd < 0 || master_writer_open(&m->writer, is_descriptor(path) ? "" : path, fd) < 0) {
		fprintf(stderr, "fastrd: %s\n", master_shortage_text(text, sizeof(text),
		    "write the log", errno));
		return WIRE_EXIT_BUG;
	}
	m->log_fd = m->writer.out;
	if (*path == '\0')
		master_logs_begin(m);
	return 0;
}

void
master_logs_begin(const struct master *m)
{
	if (m->log_fd >= 0)
		dup2(m->log_fd, STDERR_FILENO);
}

void
master_logs_follow(struct master *m, const struct conf *values)
{
	log_open("master", (enum log_level)values->log_level);
	log_form((enum log_format)values->log_format);
	master_writer_form(&m->writer, (enum log_format)values->log_format);
}

void
master_logs_reopen(struct master *m, const char *by)
{
	struct master_child *c = NULL;

	while ((c = master_child_next(&m->children, NULL, c)) != NULL)
		master_child_order(c, WIRE_REOPEN);
	if (master_writer_is(&m->writer))
		master_writer_reopen(&m->writer, by);
	else
		log_info("%s: log files opened again", by);
}
