/*
 * access: the access log, one line for each request that has ended.
 *
 * A line is written when the answer is complete, or when it is clear that it will not be. A
 * client that left before its answer began has the status 499, as in nginx's logs. The
 * worker's loop only makes the line; a thread writes it (io/sink.h). When that cannot keep
 * up, lines are lost and counted, and the log says so once.
 *
 * The lines may be handed to somebody else instead: to the application, when that wants them
 * through a logger of its own.
 */
#ifndef WORKER_ACCESS_H
#define WORKER_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/atoms.h"
#include "base/attr.h"
#include "base/conf.h"
#include "base/slice.h"

struct hx_header;
struct worker;
struct worker_access;
struct worker_access_facts;
struct worker_conn;

/* Of the request in hand, kept in its connection. */
struct worker_access_record {
	uint64_t begun_ns, first_ns;	/* 0: not measured */
	uint64_t bytes_out;
	const struct slice *fields;	/* of the answer, in the exchange's arena */
	bool whole;			/* the answer is complete when it begins */
	bool written;
};

struct worker_access_hand {
	/* A line of `len` bytes, and what it is about. Called without the interpreter or with it.
	 * False: it is lost. */
	bool (*take)(void *arg, const struct worker_access_facts *f, const char *line, size_t len);
	/* About once a second, while there are requests: without the interpreter. */
	void (*look)(void *arg);
	void *arg;
};

enum { WORKER_ACCESS_WHY_BYTES = 256 };

/* The access log as the settings want it. NULL with the reason in `why`: it cannot be.
 * `process` names this one in lines that say so. */
struct worker_access *worker_access_new(const struct conf *c, const char *process,
    unsigned generation, char why[WORKER_ACCESS_WHY_BYTES]) MUST_CHECK;

/* Write what is left, for a moment at most, and free it. NULL does nothing. */
void worker_access_free(struct worker_access *a);

/* Is there to be one? `asked`: the application wants to hear of requests, which counts as long
 * as the settings do not say no. */
bool worker_access_wanted(const struct conf *c, bool asked);

/* From now on `w` logs its requests. Once, and for its life. */
void worker_access_attach(struct worker_access *a, struct worker *w);

/* Who is asked to look, and, while `taken`, gets the lines. */
void worker_access_hand_over(struct worker_access *a, const struct worker_access_hand *hand);
void worker_access_take(struct worker_access *a, bool taken);

/* Write a line that was made already; one of more than IO_SINK_BLOCK bytes is lost. */
void worker_access_write(struct worker_access *a, const char *line, size_t len);

/* Open the file again, as after a rotation. */
void worker_access_reopen(struct worker_access *a);

/* For access.h alone. */
void worker_access_begun(struct worker_conn *c);
void worker_access_answered(struct worker_conn *c, const struct hx_header *fields, size_t n,
    struct slice head);
void worker_access_ended(struct worker_conn *c);

#endif
