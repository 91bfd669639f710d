/*
 * chunks: the messages that FileResponse sends.
 *
 * Made of a reply of the room files, for a layer of the user's. A file is read as Starlette reads
 * it: in the same pieces, and each when the one before it was sent.
 */
#ifndef BINDINGS_PLAN_CHUNKS_H
#define BINDINGS_PLAN_CHUNKS_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/plan/run.h"
#include "files/reply.h"

struct pyb_chunks {
	struct arena arena;		/* what the reply points into */
	struct files_reply reply;
	PyObject *status, *fields;	/* strong: of http.response.start, until it is made */
	PyObject *path;			/* strong, for an error's text; NULL: it is asked of the kernel */
	PyObject *send;			/* strong, while a coroutine sends */
	struct pyb_module_state *st;
	int next;			/* what the coroutine sends next */
	size_t part;			/* of several, the one that is sent */
	uint64_t at;			/* the next byte to be read */
	bool waited;			/* others have had their turn before the next message */
};

/* Room for a reply. NULL when out of memory, without an exception. */
struct pyb_chunks *pyb_chunks_new(struct pyb_module_state *st) MUST_CHECK;
void pyb_chunks_free(struct pyb_chunks *c);

/* What the room files is told of the request of a scope; it points into the scope. False: the
 * scope is not as the server makes it, and FileResponse might do otherwise. Leaves no
 * exception. */
bool pyb_chunks_asked(struct pyb_chunks *c, PyObject *scope, struct files_asked *q) MUST_CHECK;

/* The reply was made: make the head of the answer. `fields` is the list of the whole file's
 * fields (borrowed), where it is somebody's; NULL: it is a list of its own. 0, or -1 with an
 * exception set. */
int pyb_chunks_begin(struct pyb_chunks *c, PyObject *fields) MUST_CHECK;

/* Does the answer need no file? Then FileResponse does not wait for the client to leave, either. */
bool pyb_chunks_bare(const struct pyb_chunks *c);

/* Has the content room in one message? */
bool pyb_chunks_single(const struct pyb_chunks *c);

/* Fill *m with an answer of one message of content. 1; 0: it is more by now, and nothing was
 * made; -1 with an exception set. */
int pyb_chunks_messages(struct pyb_chunks *c, struct pyb_messages *m) MUST_CHECK;

/* A coroutine that sends all messages with `send`. Takes the chunks in any case. New reference;
 * NULL with an exception set. */
PyObject *pyb_chunks_send(struct pyb_chunks *c, PyObject *send) MUST_CHECK;

#endif
