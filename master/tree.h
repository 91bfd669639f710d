/*
 * tree: the directories that are watched, each by one watch of inotify's.
 */
#ifndef MASTER_TREE_H
#define MASTER_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct conf;

enum { MASTER_TREE_MOST = 65536 };	/* directories */

struct master_tree_dir {
	int wd;
	bool outer;	/* only what is named in it counts, not what is below */
	bool counted;	/* a file in it counts */
	char *path;
};

struct master_tree {
	int fd;			/* of inotify; -1: nothing is watched */
	const struct conf *conf;
	struct master_tree_dir *dirs;	/* in the order of their watches' numbers */
	size_t n, room;
	bool told;		/* that there are too many, or that they cannot be watched */
};

/* Begin with no directory. 0; -1 with errno set. */
int master_tree_open(struct master_tree *t, const struct conf *conf) MUST_CHECK;

/* Forget all. */
void master_tree_close(struct master_tree *t);

/* Watch `path`, a whole one, and the directories below, but for those that master_glob_skips() and
 * virtual environments. One that cannot be opened is left out; that there are too many is logged.
 * `found` is called for each file that counts; NULL: nobody wants to know. `root` is the number of
 * bytes of what was asked for: of `path` itself, or of a directory above it. */
void master_tree_add(struct master_tree *t, const char *path, size_t root,
    void (*found)(void *arg, const char *path), void *arg);

/* Watch `path` for what is named in it, unless it is watched. */
void master_tree_add_outer(struct master_tree *t, const char *path);

/* What a watch's number stands for; NULL: nothing any more. Until the next call of another function. */
struct master_tree_dir *master_tree_find(const struct master_tree *t, int wd);

/* `path` and all below is elsewhere now. Returns whether a file that counts was in it. */
bool master_tree_remove(struct master_tree *t, const char *path);

/* The kernel has removed this watch. */
void master_tree_forget(struct master_tree *t, int wd);

#endif
