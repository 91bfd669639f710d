/*
 * logs: checked at the start, opened by whoever writes.
 *
 * Called by main.c (check, and open for children), reread.c (check), generation.c (the start is
 * over) and signals.c (USR1). The access log is the workers': the
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
#include "base/arena.h"
#include "base/log.h"
#include "base/wire.h"
#include "master/conf.h"
#include "master/master.h"

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

static int
file_open(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
}

/* 0, or -1 with the reason: what the row names cannot be written. What only asks leaves no file. */
static int
file_check(const struct master_conf *c, const struct conf_row *row, char why[MASTER_LOGS_WHY_BYTES])
{
	const char *path = conf_text(&c->values, row);
	bool made = c->command != COMMAND_SERVE && *path != '\0' && access(path, F_OK) < 0;
	int fd = *path != '\0' ? file_open(path) : -1;
	char where[MASTER_WHERE_BYTES];

	/* A named pipe that nobody reads yet is opened in another way later. */
	if (fd < 0 && *path != '\0' && errno != ENXIO) {
		snprintf(why, MASTER_LOGS_WHY_BYTES, "%s: %s", master_conf_where(c, row, path, where),
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

int
master_logs_open(const struct conf *c)
{
	int fd = *c->log_file != '\0' ? file_open(c->log_file) : -1;

	if (fd >= 0)
		(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	return fd;
}

void
master_logs_begin(struct master *m)
{
	m->logs_begun = true;
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
		if (m->logs_begun)
			master_logs_begin(m);
	} else if (*m->conf->values.log_file != '\0') {
		log_warn("the log cannot be opened again");
	}
	while ((c = master_child_next(&m->children, NULL, c)) != NULL)
		master_child_order(c, WIRE_REOPEN);
	log_info("%s: log files opened again", by);
}
