/*
 * tree: add, find and remove watches.
 *
 * Called by watch.c. A directory below another is found by walking the list while it grows: nothing
 * here calls itself, however deep the tree is. Symbolic links are followed, as Python follows them; a
 * directory that is reached twice has one watch, so that a loop of links ends.
 *
 * Logs: "not every directory is watched: the system allows N, without DIR; raise sysctl
 * fs.inotify.max_user_watches, or give --reload-dir", "not every directory is watched: fastrd has room
 * for N, without DIR; give --reload-dir or --reload-exclude".
 */
#include "master/tree.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "master/glob.h"

enum {
	EVENTS = IN_CLOSE_WRITE | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
	    IN_ONLYDIR
};

int
master_tree_open(struct master_tree *t, const struct conf *conf)
{
	*t = (struct master_tree){ .fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), .conf = conf };
	return t->fd < 0 ? -1 : 0;
}

void
master_tree_close(struct master_tree *t)
{
	if (t->fd >= 0)
		close(t->fd);
	for (size_t i = 0; i < t->n; i++)
		free(t->dirs[i].path);
	free(t->dirs);
	*t = (struct master_tree){ .fd = -1 };
}

/* The first one whose number is `wd` or more. */
static size_t
place_of(const struct master_tree *t, int wd)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (t->dirs[middle].wd < wd)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct master_tree_dir *
master_tree_find(const struct master_tree *t, int wd)
{
	size_t at = place_of(t, wd);

	return at < t->n && t->dirs[at].wd == wd ? &t->dirs[at] : NULL;
}

/* Once is enough: the next directories fail in the same way. */
static void
complain(struct master_tree *t, const char *path)
{
	if (t->told)
		return;
	t->told = true;
	if (errno == ENOSPC)
		log_warnx("not every directory is watched: the system allows %zu, without %s; raise sysctl "
		    "fs.inotify.max_user_watches, or give --reload-dir", t->n, path);
	else
		log_warnx("not every directory is watched: fastrd has room for %zu, without %s; give "
		    "--reload-dir or --reload-exclude", t->n, path);
}

/* Room for one more. False: there is none, errno is set. */
static bool
grow(struct master_tree *t)
{
	size_t room = t->room == 0 ? 64 : 2 * t->room;
	struct master_tree_dir *dirs;

	if (t->n < t->room)
		return true;
	errno = E2BIG;
	dirs = t->n < MASTER_TREE_MOST ? realloc(t->dirs, room * sizeof(*dirs)) : NULL;
	if (dirs == NULL)
		return false;
	t->dirs = dirs;
	t->room = room;
	return true;
}

/* One directory. It is at the end of the list when it is new; false: it is not, or cannot be watched. */
static bool
add(struct master_tree *t, const char *path, bool outer)
{
	char *copy;
	size_t at;
	int wd;

	if (!grow(t)) {
		complain(t, path);
		return false;
	}
	wd = inotify_add_watch(t->fd, path, EVENTS);
	if (wd < 0) {
		if (errno == ENOSPC || errno == ENOMEM)
			complain(t, path);
		return false;
	}
	at = place_of(t, wd);
	copy = at == t->n ? strdup(path) : NULL;
	if (copy == NULL)
		return false;
	t->dirs[t->n++] = (struct master_tree_dir){ .wd = wd, .outer = outer, .path = copy };
	return true;
}

void
master_tree_add_outer(struct master_tree *t, const char *path)
{
	(void)add(t, path, true);
}

/* The whole path of a name in a directory. False: it is too long, or no name. */
static bool
join(char out[PATH_MAX], const char *dir, const char *name)
{
	int n = snprintf(out, PATH_MAX, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name);

	return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && n < PATH_MAX;
}

static bool
is_directory(const char *path, unsigned char type)
{
	struct stat st;

	if (type != DT_LNK && type != DT_UNKNOWN)
		return type == DT_DIR;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool
is_environment(const char *path)
{
	char file[PATH_MAX];

	return join(file, path, "pyvenv.cfg") && access(file, F_OK) == 0;
}

void
master_tree_add(struct master_tree *t, const char *path, size_t root,
    void (*found)(void *arg, const char *path), void *arg)
{
	size_t i = t->n;
	char below[PATH_MAX];
	struct dirent *entry;

	if (strlen(path) > root && (master_glob_skips(t->conf, path, root) || is_environment(path)))
		return;
	(void)add(t, path, false);
	for (; i < t->n; i++) {
		DIR *dir = opendir(t->dirs[i].path);

		while (dir != NULL && (entry = readdir(dir)) != NULL) {
			if (!join(below, t->dirs[i].path, entry->d_name))
				continue;
			if (is_directory(below, entry->d_type)) {
				if (!master_glob_skips(t->conf, below, root) && !is_environment(below))
					(void)add(t, below, false);
				continue;
			}
			if (!master_glob_file(t->conf, below, root))
				continue;
			t->dirs[i].counted = true;
			if (found != NULL)
				found(arg, below);
		}
		if (dir != NULL)
			closedir(dir);
	}
}

void
master_tree_forget(struct master_tree *t, int wd)
{
	size_t at = place_of(t, wd);

	if (at >= t->n || t->dirs[at].wd != wd)
		return;
	free(t->dirs[at].path);
	t->n--;
	memmove(&t->dirs[at], &t->dirs[at + 1], (t->n - at) * sizeof(t->dirs[0]));
}

bool
master_tree_remove(struct master_tree *t, const char *path)
{
	size_t len = strlen(path), kept = 0;
	bool counted = false;

	for (size_t i = 0; i < t->n; i++) {
		struct master_tree_dir *d = &t->dirs[i];

		if (d->outer || strncmp(d->path, path, len) != 0 ||
		    (d->path[len] != '/' && d->path[len] != '\0')) {
			t->dirs[kept++] = *d;
			continue;
		}
		counted |= d->counted;
		(void)inotify_rm_watch(t->fd, d->wd);
		free(d->path);
	}
	t->n = kept;
	return counted;
}
