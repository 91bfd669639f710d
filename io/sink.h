/*
 * sink: lines to a file, a pipe or a terminal, which a thread writes.
 *
 * A write may wait: for a disk, for whoever reads a pipe. Here it is a thread that waits,
 * without the interpreter, and nobody else. Lines are collected in blocks. What cannot be
 * written stays in them; when all are full, room for another line is refused, and its owner
 * counts it as lost. The thread tries on, so that it goes on by itself once there is space
 * or a reader again.
 *
 * A write is whole lines. On a pipe it has PIPE_BUF bytes at most, and a file is opened for
 * appending: lines of several processes do not mix.
 */
#ifndef IO_SINK_H
#define IO_SINK_H

#include <stddef.h>

#include "base/attr.h"

enum {
	IO_SINK_BLOCK = 64 * 1024,	/* bytes that are handed over at once, at most. Larger ones
					 * cost the thread less, and the loop more: its caches */
	IO_SINK_BLOCKS = 16		/* that may wait to be written */
};

struct io_sink;

/* Open `path` for appending; "": standard output, as it is now. NULL with errno set. The
 * thread begins with the first bytes. */
struct io_sink *io_sink_open(const char *path) MUST_CHECK;

/* Where `len` bytes of lines may be written, at most IO_SINK_BLOCK; io_sink_add() then says
 * how many there are. NULL: there is no room. */
char *io_sink_room(struct io_sink *s, size_t len);
void io_sink_add(struct io_sink *s, size_t len);

/* Bytes that the thread has not been given yet. */
size_t io_sink_waiting(const struct io_sink *s);

/* Give them to the thread, unless they are few and it is busy: then some are still waiting
 * afterwards. Never waits. */
void io_sink_flush(struct io_sink *s);

/* Open the path again, as after a rotation: what is written from now on goes there. It
 * happens in the thread. Standard output stays as it is. */
void io_sink_reopen(struct io_sink *s);

/* The errno of the last write, 0: it succeeded. */
int io_sink_error(const struct io_sink *s);

/* The errno of a reopening that has failed since the last call: lines go to the file that was open.
 * 0: none has. */
int io_sink_reopen_error(struct io_sink *s);

/* Write what is left, for `ms` at most, and free the sink. What then still waits is lost. In a
 * fork of its process it only forgets. */
void io_sink_close(struct io_sink *s, unsigned ms);

#endif
