/*
 * tree: os.path.realpath() and os.stat(), by the kernel.
 *
 * Called by mount.c and, to make one, bindings/mounts.c. Where Starlette does not follow links out
 * of a directory it resolves both paths and compares them. Here the kernel says at once that there
 * is no link in the path; only where there is one are the paths resolved. The directory itself may
 * be a link that is changed at any time: it is looked at for every request. Whatever has another
 * error than "no such file" is left to Starlette. It must never open anything outside.
 */
#include "files/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/must.h"
#include "files/open.h"

/* A longer directory leaves too little for the path. */
enum { DIRECTORY_MAX = PATH_MAX - FILES_PATH_MAX - 2 };

void
files_tree_init(struct files_tree *tree, const char *directory, bool follow)
{
	*tree = (struct files_tree){ .directory = directory, .follow = follow, .fd = -1 };
}

void
files_tree_fini(struct files_tree *tree)
{
	if (tree->fd >= 0)
		close(tree->fd);
	tree->fd = -1;
}

bool
files_tree_path(struct slice path, char out[FILES_PATH_ROOM])
{
	const char *p = path.ptr, *end = path.ptr + path.len;
	size_t len = 0;

	if (path.len > FILES_PATH_MAX || (path.len > 0 && memchr(p, '\0', path.len) != NULL))
		return false;
	while (p < end) {
		const char *slash = memchr(p, '/', (size_t)(end - p));
		size_t n = (size_t)((slash != NULL ? slash : end) - p);

		if (n == 2 && p[0] == '.' && p[1] == '.') {
			if (len == 0)
				return false;
			while (len > 0 && out[--len] != '/')
				;
		} else if (n > 0 && !(n == 1 && p[0] == '.')) {
			if (len > 0)
				out[len++] = '/';
			memcpy(out + len, p, n);
			len += n;
		}
		p += n + 1;
	}
	if (len == 0)
		out[len++] = '.';
	out[len] = '\0';
	return true;
}

/* The verdict for what errno says about a path. */
static enum files_found
not_found(void)
{
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		return FILES_NONE;
	case ENAMETOOLONG:
		return FILES_TOO_LONG;
	default:
		return FILES_UNSURE;
	}
}

/* Let `tree->fd` be the directory as it is now. */
static enum files_found
directory_look(struct files_tree *tree)
{
	char real[PATH_MAX];
	struct stat st;
	int fd;

	if (stat(tree->directory, &st) < 0)
		return errno == ENAMETOOLONG ? FILES_UNSURE : not_found();
	if (tree->fd >= 0 && st.st_dev == tree->device && st.st_ino == tree->inode)
		return FILES_FOUND;
	files_tree_fini(tree);
	if (!S_ISDIR(st.st_mode) || realpath(tree->directory, real) == NULL ||
	    strlen(real) > DIRECTORY_MAX)
		return FILES_UNSURE;
	fd = open(real, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return FILES_UNSURE;
	/* As long as it is open, no other directory gets its number. */
	if (fstat(fd, &st) < 0) {
		close(fd);
		return FILES_UNSURE;
	}
	tree->fd = fd;
	tree->device = st.st_dev;
	tree->inode = st.st_ino;
	return FILES_FOUND;
}

/* The entry's name and what the kernel says about its open file. */
static enum files_found
entry_take(struct files_entry *entry, int fd, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;

	if (strlen(name) >= sizeof(entry->name) || fstat(fd, &entry->st) < 0) {
		close(fd);
		return FILES_UNSURE;
	}
	entry->fd = fd;
	strcpy(entry->name, name);
	return FILES_FOUND;
}

/* The directory and the path as one. False: together they are too long. */
static bool
join(const struct files_tree *tree, const char *path, char out[PATH_MAX])
{
	int len = snprintf(out, PATH_MAX, "%s/%s", tree->directory, path);

	return len >= 0 && len < PATH_MAX;
}

static const struct open_how no_links = {
	.flags = FILES_OPEN_FLAGS, .resolve = RESOLVE_NO_SYMLINKS
};

/* Does the resolved path stand below the resolved directory, or is it the directory? */
static bool
is_below(const char *path, const char *directory)
{
	size_t len = strlen(directory);

	if (len == 1)
		return true;	/* the root */
	return strncmp(path, directory, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* There is a link in the path, or the kernel cannot tell. */
static enum files_found
linked_look(struct files_tree *tree, const char *path, struct files_entry *entry)
{
	char joined[PATH_MAX], real[PATH_MAX], directory[PATH_MAX];
	int fd;

	if (!join(tree, path, joined) || realpath(tree->directory, directory) == NULL)
		return FILES_UNSURE;
	if (realpath(joined, real) == NULL)
		return errno == ENAMETOOLONG ? FILES_UNSURE : not_found();
	if (!is_below(real, directory))
		return FILES_NONE;
	/* The resolved path has no link, unless somebody has put one there since. */
	fd = (int)syscall(SYS_openat2, AT_FDCWD, real, &no_links, sizeof(no_links));
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = open(real, FILES_OPEN_FLAGS | O_NOFOLLOW);
	return fd < 0 ? FILES_UNSURE : entry_take(entry, fd, real);
}

/* Where links lead does not matter. */
static enum files_found
followed_look(struct files_tree *tree, const char *path, struct files_entry *entry)
{
	char joined[PATH_MAX];
	int fd;

	if (!join(tree, path, joined))
		return FILES_UNSURE;
	fd = open(joined, FILES_OPEN_FLAGS);
	return fd < 0 ? not_found() : entry_take(entry, fd, path);
}

static enum files_found
beneath_look(struct files_tree *tree, const char *path, struct files_entry *entry)
{
	enum files_found found = directory_look(tree);
	int fd;

	if (found != FILES_FOUND)
		return found;
	fd = (int)syscall(SYS_openat2, tree->fd, path, &no_links, sizeof(no_links));
	if (fd >= 0)
		return entry_take(entry, fd, path);
	/* A kernel before 5.6, or a sandbox that does not know the call. */
	if (errno == ELOOP || errno == ENOSYS || errno == EPERM)
		return linked_look(tree, path, entry);
	return not_found();
}

enum files_found
files_tree_look(struct files_tree *trees, size_t n, const char *path,
    struct files_entry *entry)
{
	must(path[0] != '/');
	for (size_t i = 0; i < n; i++) {
		enum files_found found = trees[i].follow ?
		    followed_look(&trees[i], path, entry) :
		    beneath_look(&trees[i], path, entry);

		if (found != FILES_NONE)
			return found;
	}
	return FILES_NONE;
}
