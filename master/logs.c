/*
 * logs: checked at the start, opened by whoever writes.
 *
 * Called by main.c (check, and open for children), generation.c (the start is over) and
 * signals.c (USR1). The access log is the workers': the
 * master only makes sure at the start that it can be.
 *
 * Logs: "SIGNAL by process N: log files opened again", "the log cannot be opened again: CAUSE".
 */
#include "master/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/access.h"
#include "base/atoms.h"
#include "base/log.h"
#include "base/wire.h"
#include "master/conf.h"
#include "master/master.h"

/* `*path` as an absolute one, which `text` then keeps. False: it is too long. */
static bool
absolute(const char **path, char text[PATH_MAX])
{
	size_t len;

	if (**path == '\0' || **path == '/')
		return true;
	if (getcwd(text, PATH_MAX) == NULL)
		return false;
	len = strlen(text);
	if ((size_t)snprintf(text + len, PATH_MAX - len, "/%s", *path) >= PATH_MAX - len)
		return false;
	*path = text;
	return true;
}

static int
file_open(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
}

/* 0, or -1 with a line: what the flag names cannot be written. */
static int
file_check(const char *flag, const char *path)
{
	int fd = *path != '\0' ? file_open(path) : -1;

	/* A named pipe that nobody reads yet is opened in another way later. */
	if (fd < 0 && *path != '\0' && errno != ENXIO) {
		fprintf(stderr, "fastrd: --%s %s: %s\n", flag, path, strerror(errno));
		return -1;
	}
	if (fd >= 0)
		close(fd);
	return 0;
}

int
master_logs_check(struct conf *c, struct master_logs *logs)
{
	const char *access = access_file(c);
	char why[ATOMS_WHY_BYTES];
	static struct atoms atoms;

	if (!absolute(&c->log_file, logs->file) || !absolute(&access, logs->access_file)) {
		fprintf(stderr, "fastrd: the path of a log file is too long\n");
		return WIRE_EXIT_USAGE;
	}
	if (*access != '\0')
		c->access_log_file = access;
	if (atoms_read(&atoms, access_format(c), why) < 0) {
		fprintf(stderr, "fastrd: --access-log-format %s: %s\n", c->access_log_format, why);
		return WIRE_EXIT_USAGE;
	}
	if (file_check("log-file", c->log_file) < 0 ||
	    (access_wanted(c, false) && file_check("access-log-file", access) < 0))
		return WIRE_EXIT_USAGE;
	return WIRE_EXIT_OK;
}

int
master_logs_open(const struct conf *c)
{
	int fd = *c->log_file != '\0' ? file_open(c->log_file) : -1;

	if (fd >= 0)
		(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	return fd;
}

void
master_logs_begin(const struct master *m)
{
	if (m->log_fd >= 0)
		dup2(m->log_fd, STDERR_FILENO);
}

void
master_logs_reopen(struct master *m, const char *by)
{
	struct master_child *c = NULL;
	int fd = master_logs_open(&m->conf->values);

	if (fd >= 0) {
		if (m->log_fd >= 0)
			close(m->log_fd);
		m->log_fd = fd;
		master_logs_begin(m);
	} else if (*m->conf->values.log_file != '\0') {
		log_warn("the log cannot be opened again");
	}
	while ((c = master_child_next(&m->children, NULL, c)) != NULL)
		if (c->role == ROLE_WORKER)
			master_child_order(c, WIRE_REOPEN);
	log_info("%s: log files opened again", by);
}
