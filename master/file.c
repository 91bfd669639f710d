/*
 * file: from the helper's rows to settings.
 *
 * Called by main.c at the start, by reread.c at a reload, and by conf.c with the helper's answer.
 * The master itself reads no TOML: it looks whether a project's file has the word, which saves most
 * starts the helper. Every row is checked here, by base/conf_keys.def. What is wrong is one line
 * "FILE:LINE: CAUSE", each mistake of a file at once.
 */
#include "master/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "master/conf.h"
#include "master/foreign.h"
#include "master/helper.h"

enum { LOOKED_AT = 256 * 1024 };	/* bytes of a pyproject.toml */

/* Does the file have the word `fastrd`? */
static bool
speaks_of_us(const char *path)
{
	static char text[LOOKED_AT];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;

	if (fd >= 0)
		close(fd);
	return n > 0 && memmem(text, (size_t)n, "fastrd", 6) != NULL;
}

/* The bytes of `path` that are its directory, without the last slash; 0: it has none. */
static size_t
directory_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
}

bool
master_file_find(const struct master_conf *c, char path[PATH_MAX])
{
	static const char name[] = "pyproject.toml", prefix[] = "file:";
	const char *dir = c->values.app_dir;
	size_t len = strlen(dir);

	/* As gunicorn has it, whose configuration may be another thing, too. */
	if (c->values.config[0] != '\0')
		return snprintf(path, PATH_MAX, "%s", c->values.config +
		    (strncmp(c->values.config, prefix, strlen(prefix)) == 0 ? strlen(prefix) : 0)) < PATH_MAX;
	if (len == 0) {
		dir = c->app;
		len = directory_len(dir);
	}
	if (len > 0 && snprintf(path, PATH_MAX, "%.*s/%s", (int)len, dir, name) < PATH_MAX &&
	    speaks_of_us(path))
		return true;
	snprintf(path, PATH_MAX, "%s", name);
	return speaks_of_us(path);
}

int
master_file_read(struct master_conf *c, const char *python, const struct master_complaints *to)
{
	static struct master_helper helper;
	char path[PATH_MAX];

	if (!master_file_find(c, path))
		return 0;
	if (master_helper_run(&helper, python, "file", path,
	    "cannot read it; see what it printed") < 0)
		return -1;
	if (master_conf_reread(c, helper.bytes, to) < 0)
		return -1;
	if (c->file != NULL || c->values.config[0] == '\0')
		return 0;
	fprintf(stderr, "fastrd: --config %s: it has no [tool.fastrd]\n", c->values.config);
	return -1;
}

/* Which kind of mistake it is, where it stands. */
static void
complain(const struct master_complaints *to, char *fields[4], const char *why)
{
	char text[1024];

	snprintf(text, sizeof(text), "%.500s: %.400s", fields[3], why);
	to->say(to->arg, text);
}

/* `text` behind the directory of the file, but for "-", a standard stream; NULL: no memory. */
static const char *
beside_file(struct master_conf *c, const char *text)
{
	size_t len = directory_len(c->file), room = len + 1 + strlen(text) + 1;
	char *whole;

	if (len == 0 || text[0] == '/' || text[0] == '\0' || strcmp(text, "-") == 0)
		return text;
	whole = arena_alloc(&c->texts, room);
	if (whole != NULL)
		snprintf(whole, room, "%.*s/%s", (int)len, c->file, text);
	return whole;
}

/* The same for the path of each unix:PATH. */
static const char *
sockets_beside_file(struct master_conf *c, const struct conf_row *row, const char *text)
{
	size_t len = directory_len(c->file), room = 1, used = 0;
	char *whole;

	for (const char *p = text; *p != '\0'; p++)
		room += *p == ':' ? len + 2 : 1;
	whole = len > 0 ? arena_alloc(&c->texts, room) : NULL;
	for (const char *p = text; whole != NULL && *p != '\0';) {
		size_t n = row->separator != '\0' ? (size_t)(strchrnul(p, row->separator) - p) : strlen(p);
		size_t prefix = strncmp(p, "unix:", 5) == 0 && n > 5 && p[5] != '/' ? 5 : 0;

		n += p[n] != '\0';
		used += (size_t)snprintf(whole + used, room - used,
		    prefix > 0 ? "unix:%.*s/%.*s" : "%.*s%.*s", prefix > 0 ? (int)len : 0, c->file,
		    (int)(n - prefix), p + prefix);
		p += n;
	}
	return len > 0 && *text != '\0' ? whole : text;
}

/* What is said of a key that is no setting. */
static void
unknown(const struct master_complaints *to, char *fields[4])
{
	char why[CONF_WHY_BYTES + 128];

	master_foreign_key(fields[1], why, sizeof(why));
	complain(to, fields, why);
}

/* A row of kind value, list or item. */
static int
row_take(struct master_conf *c, char *fields[4], const struct master_complaints *to)
{
	const struct conf_row *row = conf_find(fields[1], strlen(fields[1]), '_');
	struct master_origin origin = { .kind = ORIGIN_FILE, .where = fields[3] };
	bool bare = strncmp(fields[0], "bare ", 5) == 0;
	const char *kind = fields[0] + (bare ? 5 : 0);
	bool list = strcmp(kind, "value") != 0, item = strcmp(kind, "item") == 0;
	char why[CONF_WHY_BYTES], text[CONF_WHY_BYTES + 256];
	const char *value = fields[2];

	if (row == NULL || (row->marks & CONF_UNFILED) != 0) {
		if (item || (!list && master_foreign_harmless(fields[1], value)))
			return 0;
		unknown(to, fields);
		return -1;
	}
	if (list && row->type != CONF_LIST) {
		snprintf(text, sizeof(text), "%s: want one value, not a list", row->name);
		if (!item)
			complain(to, fields, text);
		return item ? 0 : -1;
	}
	/* A number may be written in several ways: 0o660 is 432 here. */
	if (bare && conf_is_text(row)) {
		snprintf(text, sizeof(text), "%s: want a string, as in \"%s\"", row->name,
		    (row->marks & CONF_SECRET) != 0 ? "..." : row == &conf_rows[CONF_uds_mode] ?
		    row->text : value);
		complain(to, fields, text);
		return -1;
	}
	if (item && strchr(value, row->separator) != NULL) {
		snprintf(text, sizeof(text), "%s: want no '%c' in a member of the list", row->name,
		    row->separator);
		complain(to, fields, text);
		return -1;
	}
	/* A program that is looked for on PATH has no slash. */
	if ((row->marks & CONF_PATH) != 0 && (row != &conf_rows[CONF_python] || strchr(value, '/')))
		value = beside_file(c, value);
	if ((row->marks & CONF_SOCKETS) != 0)
		value = sockets_beside_file(c, row, value);
	if (value == NULL)
		snprintf(why, sizeof(why), "there is no memory");
	else if (master_conf_set(c, row, value, origin, item, why) == 0)
		return 0;
	snprintf(text, sizeof(text), "%s = %.100s: %s", row->name, fields[2], why);
	complain(to, fields, text);
	return -1;
}

/* A table without keys. */
static int
table_take(char *fields[4], const struct master_complaints *to)
{
	size_t len = strlen(fields[1]);
	char text[CONF_NAME_BYTES + 32];

	for (size_t i = 0; i < CONF_COUNT; i++)
		if (strncmp(conf_rows[i].name, fields[1], len) == 0 && conf_rows[i].name[len] == '_')
			return 0;
	if (conf_find(fields[1], len, '_') == NULL) {
		unknown(to, fields);
		return -1;
	}
	snprintf(text, sizeof(text), "%s: want a value, not a table", fields[1]);
	complain(to, fields, text);
	return -1;
}

int
master_file_take(struct master_conf *c, char *answer, const struct master_complaints *to)
{
	size_t room = strlen(answer) + 1;
	char *at = arena_alloc(&c->texts, room), *fields[4];
	bool whole = false;
	int rc = 0;

	c->file = NULL;
	if (at == NULL) {
		to->say(to->arg, "there is no memory for the configuration");
		return -1;
	}
	memcpy(at, answer, room);
	while (!whole && master_helper_line(&at, fields))
		if (strcmp(fields[0], "end") == 0) {
			whole = true;
		} else if (strcmp(fields[0], "file") == 0) {
			c->file = fields[2];
		} else if (strcmp(fields[0], "error") == 0) {
			complain(to, fields, fields[2]);
			rc = -1;
		} else if (c->file == NULL) {
			break;
		} else if ((strcmp(fields[0], "table") == 0 ? table_take(fields, to) :
		    row_take(c, fields, to)) < 0) {
			rc = -1;
		}
	if (whole)
		return rc;
	/* Half of a configuration is none. */
	to->say(to->arg, "what Python has read of the configuration is not understood");
	return -1;
}

void
master_file_settle(struct master_conf *c)
{
	size_t len = c->file != NULL ? directory_len(c->file) : 0;
	char *dir;

	if (len == 0 || c->origins[CONF_app].kind != ORIGIN_FILE || c->values.app_dir[0] != '\0')
		return;
	dir = arena_alloc(&c->texts, len + 1);
	if (dir == NULL)
		return;
	memcpy(dir, c->file, len);
	dir[len] = '\0';
	c->values.app_dir = dir;
	c->origins[CONF_app_dir] = c->origins[CONF_app];
}
