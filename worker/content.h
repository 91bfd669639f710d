/*
 * content: a request's content on its way in.
 */
#ifndef WORKER_CONTENT_H
#define WORKER_CONTENT_H

#include "worker/conn.h"

/* A head was read: take the content that came behind it. Content that has arrived
 * whole stays in the input. The request may be refused. */
void worker_content_begin(struct worker_conn *c);

/* More bytes for a content that is open. Returns how many belong to it; the
 * request may be refused, the connection dead. */
size_t worker_content_feed(struct worker_conn *c, const char *bytes, size_t len) MUST_CHECK;

/* The peer has ended in the middle of the content. An application that runs has to be
 * told by the caller; a request that it has not seen is dropped. */
void worker_content_cut(struct worker_conn *c);

/* Is what remains of an open content small enough to be read and thrown away,
 * so that the connection can live on? */
bool worker_content_discardable(const struct worker_conn *c);

#endif
