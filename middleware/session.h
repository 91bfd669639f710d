/*
 * session: what the layer asks of the room in which user code sees its session.
 */
#ifndef MIDDLEWARE_SESSION_H
#define MIDDLEWARE_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

/* What user code has done to a session. */
struct mw_session_use {
	bool accessed;		/* the answer depends on it */
	bool modified;
	bool filled;		/* it is not empty */
	struct slice json;	/* when modified and filled; valid until close() */
};

struct mw_keeper {
	/* Seconds since 1970; negative: they cannot be told. */
	int64_t (*now)(void *arg);
	/* The session that this JSON is; `ptr` NULL: an empty one. NULL: only Starlette's class
	 * knows what becomes of it, or out of memory. */
	void *(*open)(void *arg, struct slice json, struct arena *arena);
	/* 0; -1: only Starlette's class knows what becomes of it. */
	int (*look)(void *session, struct mw_session_use *use);
	void (*close)(void *session);
	void *arg;
};

#endif
