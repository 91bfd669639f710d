/*
 * tree: one directory whose files are served, and the file of a path below it.
 */
#ifndef FILES_TREE_H
#define FILES_TREE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/attr.h"
#include "base/slice.h"

enum {
	FILES_PATH_MAX = 1000,	/* longer paths are left to Starlette */
	FILES_PATH_ROOM = FILES_PATH_MAX + 1
};

struct files_tree {
	const char *directory;	/* as the application has given it; borrowed */
	bool follow;		/* StaticFiles(follow_symlink=True) */
	/* The directory as it was last seen; -1: never. */
	int fd;
	dev_t device;
	ino_t inode;
};

enum files_found {
	FILES_FOUND,
	FILES_NONE,
	FILES_TOO_LONG,		/* no file can have such a name */
	FILES_UNSURE		/* only Starlette knows what to do */
};

/* What stands at a path, open. */
struct files_entry {
	int fd;
	struct stat st;
	char name[NAME_MAX + 1];	/* of the file itself, behind all links that are followed */
};

void files_tree_init(struct files_tree *tree, const char *directory, bool follow);
void files_tree_fini(struct files_tree *tree);

/* The path of a request below a mount, as os.path.normpath() leaves it, with a NUL. False for
 * one that leads upward, is too long or has a NUL of its own. */
bool files_tree_path(struct slice path, char out[FILES_PATH_ROOM]) MUST_CHECK;

/* Open what the first of `n` trees has at that path. FOUND: entry->fd is the caller's. */
enum files_found files_tree_look(struct files_tree *trees, size_t n, const char *path,
    struct files_entry *entry) MUST_CHECK;

#endif
