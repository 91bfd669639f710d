/*
 * chunks: the messages that FileResponse sends.
 *
 * Made of a reply of the room files, for a layer of the user's. A file is read as Starlette reads
 * it: in the same pieces, and each when the one before it was sent.
 *
 * The Python type FileContent. An object of it is also a message: in the place of all those of
 * the content, for who can send the file without reading it (stack/carry.h).
 */
#ifndef BINDINGS_PLAN_CHUNKS_H
#define BINDINGS_PLAN_CHUNKS_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/plan/run.h"
#include "files/reply.h"

struct pyb_chunks {
	PyObject_HEAD
	struct arena arena;		/* what the reply points into */
	struct files_reply reply;
	PyObject *status, *fields;	/* strong: of http.response.start, until it is made */
	PyObject *path;			/* strong, for an error's text; NULL: the kernel knows it */
	struct pyb_module_state *st;
	int next;			/* which piece of the content is next */
	size_t part;			/* of several, the one that is sent */
	uint64_t at;			/* the next byte to be read */
	char more;			/* as a message: others follow behind the content */
};

/* Room for a reply. New reference; NULL when out of memory, without an exception. */
struct pyb_chunks *pyb_chunks_new(struct pyb_module_state *st) MUST_CHECK;

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

/* http.response.start. Once. New reference; NULL with an exception set. */
PyObject *pyb_chunks_start(struct pyb_chunks *c) MUST_CHECK;

/* The next piece of the content as bytes, perhaps of none. New reference; NULL with an exception
 * set, or without one when there is none any more. */
PyObject *pyb_chunks_piece(struct pyb_chunks *c) MUST_CHECK;

/* Is that piece, which was the last one made, the last of the content? */
bool pyb_chunks_over(const struct pyb_chunks *c);

/* http.response.body with these bytes (stolen; NULL with an exception set). New reference; NULL
 * with an exception set. */
PyObject *pyb_chunks_body(struct pyb_module_state *st, PyObject *bytes, bool more) MUST_CHECK;

/* Raise what FileResponse, or the server, does when the file has become shorter while the server
 * sent it. The exception that is set is replaced. */
void pyb_chunks_cut(const struct pyb_chunks *c);

/* Create the type; new reference, NULL with an exception set. */
PyTypeObject *pyb_chunks_type_new(PyObject *module) MUST_CHECK;

#endif
