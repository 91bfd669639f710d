/*
 * spare: a process that has imported the application, and waits to be a worker (--spare).
 */
#ifndef MASTER_SPARE_H
#define MASTER_SPARE_H

#include <stdbool.h>
#include <stdint.h>

struct master;
struct master_child;
struct master_generation;

struct master_spare {
	uint64_t start_at_ms;	/* one is to be started then, or as soon as there is none; 0: now */
	bool failed;		/* the last one could not start, which has been logged */
};

/* Start one, if there should be one at `now_ms` and is none. */
void master_spare_look(struct master *m, uint64_t now_ms);

/* When master_spare_look() has something to do; 0: not by the clock. */
uint64_t master_spare_next(struct master *m);

/* The spare of `g` becomes the worker in `slot`: its record. NULL: there is none that has
 * imported the application. */
struct master_child *master_spare_adopt(struct master *m, const struct master_generation *g,
    unsigned slot);

/* A spare has imported the application. */
void master_spare_ready(struct master *m, struct master_child *c);

/* A spare that nobody had told to end is gone, or will be; `why` says what is wrong. */
void master_spare_failed(struct master *m, const char *why);

#endif
