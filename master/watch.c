/*
 * watch: from what the kernel says to one reload.
 *
 * Called by main.c (open, close), master.c (read, look), develop.c (again) and banner.c (text). The
 * descriptor is one of those that the master waits for: at rest nothing runs. Many changes that come
 * close together, as of a checkout, are one reload. Of a directory that is watched with all below the
 * one above is watched as well, so that it may vanish and come back.
 *
 * Logs: "files are not watched, SIGHUP reloads; see sysctl fs.inotify.max_user_instances: CAUSE", "FILE
 * changes whenever the application is loaded, which may write it: reloads wait up to N s; see
 * --reload-exclude".
 */
#include "master/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/wire.h"
#include "master/conf.h"
#include "master/glob.h"
#include "master/master.h"

enum {
	QUIET_MS = 30,		/* an editor's save, a file's copy have no longer pauses */
	LONGEST_MS = 2000,	/* changes that do not end are put off for so long */
	SOON_MS = 1000,		/* behind a load: what it has begun may still write */
	WHILE_IT_LOADS = 8,	/* a change counts so much more than one of a script that saves soon */
	ENOUGH = 5 * WHILE_IT_LOADS,	/* nobody saves so often, load by load */
	PAUSE_MS = 1000, PAUSE_MOST = 5,
	SLOW_MS = 5000,		/* a load that takes longer may hang, and is not waited for */
	READS = 64		/* before others have their turn */
};

/* A path without the links in it; one that does not exist as it is, behind `here`. NULL: no memory. */
static char *
whole(const struct master_watch *w, const char *path)
{
	char *found = realpath(path, NULL);

	if (found == NULL && asprintf(&found, "%s%s%s", path[0] == '/' ? "" : w->here,
	    path[0] == '/' ? "" : "/", path) < 0)
		found = NULL;
	return found;
}

static bool
is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* 0; -1: there is no room, or no memory. */
static int
root_add(struct master_watch *w, const char *path)
{
	char *found = w->n_roots < MASTER_WATCH_ROOTS ? whole(w, path) : NULL;

	if (found == NULL)
		return -1;
	w->roots[w->n_roots++] = found;
	return 0;
}

static void
file_add(struct master_watch *w, const char *path)
{
	char *found = *path != '\0' && w->n_files < MASTER_WATCH_FILES ? whole(w, path) : NULL;

	if (found != NULL)
		w->files[w->n_files++] = found;
}

/* Each of these lines that is a directory; with `must_be` one that is not is an error. */
static int
roots_add(struct master_watch *w, const char *list, bool must_be)
{
	while (*list != '\0') {
		size_t len = strcspn(list, "\n");
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%.*s", (int)len, list);
		list += len + (list[len] != '\0');
		if (*path != '\0' && is_directory(path) ? root_add(w, path) < 0 : must_be) {
			fprintf(stderr, "fastrd: --reload-dir %s: %s\n", path,
			    is_directory(path) ? "too many" : "want a directory");
			return WIRE_EXIT_USAGE;
		}
	}
	return 0;
}

/* Where the file is that the application's name names. */
static void
application_add(struct master_watch *w, const char *app)
{
	const char *slash = memrchr(app, '/', strcspn(app, ":"));
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.*s", slash != NULL ? (int)(slash - app) : 0, app);
	if (*path != '\0' && is_directory(path))
		(void)root_add(w, path);
}

/* The directory above a path. */
static void
above_add(struct master_watch *w, const char *path)
{
	const char *slash = strrchr(path, '/');
	char above[PATH_MAX];

	snprintf(above, sizeof(above), "%.*s", slash > path ? (int)(slash - path) : 1, path);
	master_tree_add_outer(&w->tree, above);
}

/* What is not watched yet, or not any more. */
static void
all_add(struct master_watch *w)
{
	for (size_t i = 0; i < w->n_roots; i++)
		master_tree_add(&w->tree, w->roots[i], strlen(w->roots[i]), NULL, NULL);
	for (size_t i = 0; i < w->n_roots; i++)
		above_add(w, w->roots[i]);
	for (size_t i = 0; i < w->n_files; i++)
		above_add(w, w->files[i]);
}

int
master_watch_open(struct master_watch *w, const struct master_conf *c)
{
	int rc;

	w->tree.fd = -1;
	if (!c->values.reload)
		return 0;
	if (getcwd(w->here, sizeof(w->here)) == NULL)
		w->here[0] = '\0';
	rc = roots_add(w, c->values.reload_dir, true);
	if (rc == 0)
		rc = roots_add(w, c->values.reload_include, false);
	if (rc == 0 && *c->values.reload_dir == '\0' && root_add(w, ".") == 0) {
		(void)roots_add(w, c->values.app_dir, false);
		application_add(w, c->app);
	}
	file_add(w, c->values.env_file);
	file_add(w, c->values.log_config);
	file_add(w, c->file != NULL ? c->file : "");
	if (rc == 0 && master_tree_open(&w->tree, &c->values) == 0)
		all_add(w);
	else if (rc == 0)
		log_warn("files are not watched, SIGHUP reloads; see sysctl fs.inotify.max_user_instances");
	return rc;
}

void
master_watch_close(struct master_watch *w)
{
	master_tree_close(&w->tree);
	for (size_t i = 0; i < w->n_roots; i++)
		free(w->roots[i]);
	for (size_t i = 0; i < w->n_files; i++)
		free(w->files[i]);
	w->n_roots = w->n_files = 0;
}

static void
note(void *arg, const char *path)
{
	struct master_watch *w = arg;
	uint64_t now_ms = clock_monotonic_ms(), wait_ms = w->tree.conf->reload_delay_ms;

	if (w->due_ms == 0) {
		w->first_ms = now_ms;
		w->others = false;
		snprintf(w->changed, sizeof(w->changed), "%s", path);
	}
	w->others |= strcmp(w->changed, path) != 0;
	wait_ms = wait_ms < QUIET_MS ? QUIET_MS : wait_ms;
	w->due_ms = now_ms + wait_ms;
	if (w->due_ms > w->first_ms + wait_ms + LONGEST_MS)
		w->due_ms = w->first_ms + wait_ms + LONGEST_MS;
	if (w->due_ms < w->held_ms && !w->others)
		w->due_ms = w->held_ms;
}

static bool
one_of(char *const *paths, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(paths[i], path) == 0)
			return true;
	return false;
}

/* How many bytes of the path are the nearest directory that was asked for. */
static size_t
root_of(const struct master_watch *w, const char *path)
{
	size_t best = 0;

	for (size_t i = 0; i < w->n_roots; i++) {
		size_t len = strlen(w->roots[i]);

		if (len > best && strncmp(w->roots[i], path, len) == 0 &&
		    (path[len] == '/' || path[len] == '\0'))
			best = len;
	}
	return best;
}

/* A directory, or a link to one, has come or gone. */
static void
directory_changed(struct master_watch *w, const char *path, uint32_t what)
{
	if ((what & (IN_MOVED_FROM | IN_DELETE)) != 0 && master_tree_remove(&w->tree, path))
		note(w, path);
	if ((what & (IN_MOVED_TO | IN_CREATE)) != 0)
		master_tree_add(&w->tree, path, root_of(w, path), note, w);
}

static void
event_take(struct master_watch *w, const struct inotify_event *event)
{
	struct master_tree_dir *dir = master_tree_find(&w->tree, event->wd);
	char path[PATH_MAX];

	if ((event->mask & IN_IGNORED) != 0)
		master_tree_forget(&w->tree, event->wd);
	if (dir == NULL || event->len == 0 || (event->mask & IN_IGNORED) != 0 ||
	    snprintf(path, sizeof(path), "%s/%s", strcmp(dir->path, "/") == 0 ? "" : dir->path,
	    event->name) >= PATH_MAX)
		return;
	if (one_of(w->files, w->n_files, path) || one_of(w->roots, w->n_roots, path)) {
		note(w, path);
		if (one_of(w->roots, w->n_roots, path))
			directory_changed(w, path, event->mask);
	} else if (dir->outer) {
		return;
	} else if ((event->mask & IN_ISDIR) != 0 ||
	    ((event->mask & (IN_CREATE | IN_MOVED_TO)) != 0 && is_directory(path))) {
		directory_changed(w, path, event->mask);
	} else if (master_glob_file(w->tree.conf, path, root_of(w, path))) {
		dir->counted = true;
		note(w, path);
	}
}

/* What the kernel could not keep may be anything. */
static void
begin_again(struct master_watch *w)
{
	const struct conf *conf = w->tree.conf;

	master_tree_close(&w->tree);
	if (master_tree_open(&w->tree, conf) < 0) {
		log_warn("files are not watched, SIGHUP reloads; see sysctl fs.inotify.max_user_instances");
		return;
	}
	all_add(w);
	note(w, "more than the kernel can tell");
}

void
master_watch_read(struct master_watch *w)
{
	union {
		struct inotify_event align;
		char bytes[16 * 1024];
	} buffer;
	ssize_t n = 1;

	for (int reads = 0; reads < READS && n > 0; reads++) {
		n = read(w->tree.fd, buffer.bytes, sizeof(buffer.bytes));
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *event = (const void *)(buffer.bytes + at);

			at += (ssize_t)(sizeof(*event) + event->len);
			if ((event->mask & IN_Q_OVERFLOW) != 0) {
				begin_again(w);
				return;
			}
			event_take(w, event);
		}
	}
}

/* The file as it is called from here, cut in front where it is too long. */
static void
by_fill(char *by, size_t room, const struct master_watch *w)
{
	static const char others[] = " and others have changed", one[] = " has changed";
	size_t here = strlen(w->here), most = room - sizeof(others) - 3, len;
	bool below = strncmp(w->changed, w->here, here) == 0 && w->changed[here] == '/';
	const char *path = w->changed + (below ? here + 1 : 0);

	len = strlen(path);
	snprintf(by, room, "%s%.*s%s", len > most ? "..." : "", (int)most,
	    path + (len > most ? len - most : 0), w->others ? others : one);
}

/* Has something changed at each of many loads in a row? Then the application may write it: there are
 * pauses, and what is loaded is not broken off, so that it serves. */
static bool
put_off(struct master *m, uint64_t now_ms)
{
	const struct master_reload *r = &m->reload;
	struct master_watch *w = &m->watch;
	uint64_t ended_ms = r->since_ms + r->took_ms;
	bool slow = m->coming != NULL && now_ms - m->coming->since_ms > SLOW_MS;
	unsigned pauses = m->coming != NULL && !slow;

	if (w->held_ms == 0) {
		if (slow)
			w->again = 0;
		else if (!m->opened || r->begun != r->ended || w->first_ms < ended_ms)
			w->again += WHILE_IT_LOADS;
		else
			w->again = w->first_ms < ended_ms + SOON_MS ? w->again + 1 : 0;
		pauses = w->again < ENOUGH ? 0 : 1 + (w->again - ENOUGH) / WHILE_IT_LOADS;
		if (pauses > 0 && !w->told)
			log_warnx("%s changes whenever the application is loaded, which may write it: "
			    "reloads wait up to %d s; see --reload-exclude", w->changed,
			    PAUSE_MOST * PAUSE_MS / 1000);
		w->told = pauses > 0;
	}
	if (pauses == 0)
		return false;
	w->due_ms = w->held_ms = now_ms + PAUSE_MS * (pauses < PAUSE_MOST ? pauses : PAUSE_MOST);
	return true;
}

void
master_watch_look(struct master *m, uint64_t now_ms)
{
	struct master_watch *w = &m->watch;

	if (w->due_ms == 0 || w->due_ms > now_ms || put_off(m, now_ms))
		return;
	w->due_ms = w->first_ms = w->held_ms = 0;
	by_fill(m->reload_by, sizeof(m->reload_by), w);
	master_generation_reload(m);
}

void
master_watch_again(struct master_watch *w)
{
	if (w->tree.fd >= 0)
		all_add(w);
	/* It may be another directory of the same name now, which children start in. */
	(void)!chdir(w->here);
}

const char *
master_watch_text(const struct master_watch *w, char text[PATH_MAX + 64])
{
	if (w->tree.fd < 0 || w->n_roots == 0)
		return NULL;
	snprintf(text, PATH_MAX + 64, "on changes in %s", w->roots[0]);
	if (w->n_roots > 1)
		snprintf(text + strlen(text), 48, " and %zu more", w->n_roots - 1);
	return text;
}
