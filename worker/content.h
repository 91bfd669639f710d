/*
 * content: a request's content on its way in.
 */
#ifndef WORKER_CONTENT_H
#define WORKER_CONTENT_H

#include "worker/conn.h"

/* A head was read: take the content that came behind it. It stays in the input, unless it is
 * in chunks. The request may be refused. */
void worker_content_begin(struct worker_conn *c);

/* The request begins when all its content has come. */
void worker_content_wait(struct worker_conn *c);

/* Where the next content may be read to so that it need not be copied, and how many bytes;
 * NULL: nowhere. */
char *worker_content_room(const struct worker_conn *c, size_t *room);

/* More bytes for a content that is open. Returns how many belong to it; the
 * request may be refused, the connection dead. */
size_t worker_content_feed(struct worker_conn *c, const char *bytes, size_t len) MUST_CHECK;

/* The peer has ended in the middle of the content: nobody waits for an answer to what the
 * client has not asked to the end. */
void worker_content_cut(struct worker_conn *c);

/* Will the rest of an open content come, so that it can be read and thrown away and the
 * connection live on? A client that waits for a 100 Continue may keep it back. */
bool worker_content_discardable(const struct worker_conn *c);

#endif
