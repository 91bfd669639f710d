/*
 * generation: one load of the application.
 *
 *	LOADING ----> STARTING ----> SERVING ----> DRAINING ----> (gone)
 *	  | loader      | workers       replaced, or the server ends
 *	  '-------------'--> FAILED: its children are ended, the old one serves on
 */
#ifndef MASTER_GENERATION_H
#define MASTER_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "master/child.h"

enum master_generation_state {
	GENERATION_NONE,	/* the record is free */
	GENERATION_LOADING,	/* the loader imports and compiles */
	GENERATION_STARTING,	/* the workers start the application */
	GENERATION_SERVING,
	GENERATION_DRAINING,
	GENERATION_FAILED
};

struct master_generation {
	enum master_generation_state state;
	unsigned number;
	int table_fd;		/* being written, then sealed and read-only */
	uint64_t table_size;	/* 0: the application has no table */
	unsigned n_compiled, n_asgi;
	char python[32], framework[32];	/* versions, as the loader says */
	uint64_t began_ms;
	int exit_code;		/* why it failed */
	char failure[512];
};

struct master;

/* Can one more generation begin? Not while too many drain. */
bool master_generation_room(const struct master *m);

/* Begin loading; there is room. 0; -1 when not even that was possible (logged). */
int master_generation_load(struct master *m);

/* The loader has written `size` bytes: seal, check, start the workers. */
void master_generation_loaded(struct master *m, struct master_generation *g,
    uint64_t size);

/* A worker of `g` is ready: when all are, serve and let the old one drain. */
void master_generation_ready(struct master *m, struct master_generation *g);

/* `g` cannot go on. Its children are ended; `code` is the server's exit code when
 * nothing else serves. The text is logged. */
void master_generation_failed(struct master *m, struct master_generation *g, int code,
    const char *text);

/* Finish the requests of `g` within `ms`, then end it. */
void master_generation_drain(struct master *m, struct master_generation *g, uint64_t ms);

/* Its last child is gone: free the record. */
void master_generation_bury(struct master_generation *g);

#endif
