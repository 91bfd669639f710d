/*
 * warm: a Python that has imported FastAPI and waits to be a worker (--reload).
 *
 * Most of what a small application's load takes is the start of Python and the import of FastAPI. While
 * somebody works at the application that is done ahead, once for each generation. The process knows nothing
 * of the application: which child it is, with which descriptors and settings, it is told when it is one.
 */
#ifndef MASTER_WARM_H
#define MASTER_WARM_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/attr.h"

struct conf;
struct master;
struct master_arguments;

struct master_warm {
	pid_t pid;		/* 0: there is none */
	int channel;		/* it is told there */
	unsigned generation;	/* the one behind which it was started, or was tried */
};

/* Start one when a generation serves that has had none; end it when the server ends. */
void master_warm_look(struct master *m);

/* Let it be the child of this command line (`a`, from the words behind "-m MODULE" on: the `first`), these
 * secrets and descriptors. Its process id, which is the caller's from here on, and in `channel` the other
 * side of its first descriptor; 0: there is none, or it cannot be told. */
pid_t master_warm_take(struct master_warm *w, const struct master_arguments *a, int first,
    const struct conf *conf, const int *fds, int n, int *channel) MUST_CHECK;

/* Was it this process that has died? */
bool master_warm_reap(struct master_warm *w, pid_t pid) MUST_CHECK;

#endif
