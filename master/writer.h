/*
 * writer: the process that writes the log's file in the place of all others.
 *
 * A write to a file waits where its disk does, and nobody can know that beforehand. So master and
 * workers have a pipe as standard error, in which they never wait, and this process waits for the
 * disk. What is in the pipe outlives who wrote it, the master too: the writer lives until nobody
 * has the pipe any more.
 */
#ifndef MASTER_WRITER_H
#define MASTER_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/log.h"

struct master_writer {
	const char *path;	/* of the file, the caller's; "": it was not opened by name */
	int file;		/* it, as it was first */
	int out, in;		/* the pipe. `in` is kept for the next writer */
	pid_t pid;		/* 0: none */
	int channel;		/* to the writer; -1: it is gone */
	uint64_t started_ms;
	uint64_t start_at_ms;	/* when the next one is due; 0: no such time */
	char by[64];		/* who wants the file to be opened again */
	unsigned long lost;	/* lines for which the disk had no room, of all writers, as far as they have
				 * told */
};

/* Make the pipe, and start a process that writes from it to `file`, which is the writer's from now
 * on. 0, or -1 with errno, and nothing has changed. */
int master_writer_open(struct master_writer *w, const char *path, int file) MUST_CHECK;

/* Has it been opened? */
bool master_writer_is(const struct master_writer *w);

/* Open the file again, as after a rotation, says `by`; what comes of it is logged later. Never
 * waits. */
void master_writer_reopen(struct master_writer *w, const char *by);

/* The writer's own lines have this form from now on. Never waits. */
void master_writer_form(struct master_writer *w, enum log_format format);

/* Read what the writer says, and log or count it. Never waits. */
void master_writer_read(struct master_writer *w);

/* Is `pid`, which has died with this wait status, the writer? Then another is due. */
bool master_writer_reap(struct master_writer *w, pid_t pid, int status, uint64_t now_ms);

/* Start the writer that is due at start_at_ms. */
void master_writer_look(struct master_writer *w, uint64_t now_ms);

/* Wait until everything has been written, for two seconds at most. Then it is left alone. */
void master_writer_close(struct master_writer *w);

#endif
