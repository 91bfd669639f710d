/*
 * watch: files that have changed are a reload (--reload), by inotify.
 */
#ifndef MASTER_WATCH_H
#define MASTER_WATCH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "master/tree.h"

struct master;
struct master_conf;

enum { MASTER_WATCH_ROOTS = 64, MASTER_WATCH_FILES = 4 };

struct master_watch {
	struct master_tree tree;
	char here[PATH_MAX];	/* the directory that fastrd was started in */
	char *roots[MASTER_WATCH_ROOTS];	/* whole paths, of directories with all below */
	char *files[MASTER_WATCH_FILES];	/* the same, of what counts wherever it is */
	size_t n_roots, n_files;
	char changed[PATH_MAX];	/* the first file that has changed since the last reload */
	bool others;		/* another one has, too */
	uint64_t first_ms, due_ms;	/* the first change; the reload. 0: none is due */
	unsigned again;		/* grows with each load in a row at which something has changed */
	bool told;		/* that there are pauses */
	uint64_t held_ms;	/* it waits at least until then; 0: it does not */
};

/* Watch what the configuration of the start says, from now on. Reads directories. 0, or the exit
 * code after one line; where the system has no inotify left a warning is logged, and nothing is
 * watched. */
int master_watch_open(struct master_watch *w, const struct master_conf *c) MUST_CHECK;

void master_watch_close(struct master_watch *w);

/* Take what the kernel has to say; never waits. */
void master_watch_read(struct master_watch *w);

/* Has enough time passed since the last change? Then a reload is asked for. */
void master_watch_look(struct master *m, uint64_t now_ms);

/* A reload begins: watch what has come back since, and be in the directory of the start. */
void master_watch_again(struct master_watch *w);

/* Its directory, where several are watched the first one, for the banner; NULL: nothing is watched. */
const char *master_watch_text(const struct master_watch *w, char text[PATH_MAX + 64]);

#endif
