/*
 * pieces: an answer's content, framed as its head has announced.
 */
#ifndef WORKER_PIECES_H
#define WORKER_PIECES_H

#include "base/attr.h"
#include "http/exchange.h"
#include "worker/conn.h"

enum worker_piece_result {
	WORKER_PIECE_PUT,
	WORKER_PIECE_CUT,	/* its file is shorter: the rest of the answer has no place */
	WORKER_PIECE_FAILED	/* it is longer than announced, or out of memory */
};

/* Put a piece into the output as it is; it is released in any case. */
enum worker_piece_result worker_pieces_append(struct worker_conn *c, struct hx_piece piece) MUST_CHECK;

/* The same for a piece of an answer's content, which is counted and framed. */
enum worker_piece_result worker_pieces_put(struct worker_conn *c, struct hx_piece piece,
    bool last) MUST_CHECK;

#endif
