/*
 * fake_requests: the Python side of a worker, without Python.
 *
 * Implements bindings/request.h: the path of a request says how it behaves.
 *
 *	/hello		answers "hello" at once
 *	/status/NNN	answers "hello" with that status at once
 *	/echo		wants its content whole; answers with it
 *	/read		reads its content piece by piece, answers "N bytes"
 *	/read/much	the same, with room of its own for each piece but the first
 *	/late/N		answers "late" N turns later
 *	/ignore		answers "ignored" at once, whatever content comes
 *	/after/N	answers "after" at once, stays active for N turns
 *	/stream/N	answers N chunks of 1000 bytes, waits while the connection is full
 *	/begin		begins an answer, ends it when its client sends no more
 *	/big/N		answers N bytes with one referred piece
 *	/short, /long	an answer that breaks its own content-length
 *	/nofield	an answer with a field that cannot be sent
 *	/close		asks for the end of the connection
 *	/fail		fails before, /failmid in the middle of its answer
 *	/wait		neither reads nor answers until its client is gone
 *	/lost		fails before it has become active
 */
#ifndef TESTS_UNIT_FAKE_REQUESTS_H
#define TESTS_UNIT_FAKE_REQUESTS_H

#include "http/exchange.h"
#include "io/turn.h"

struct pyb_app {
	struct io_turn *turn;
	unsigned started, ended, aborted, disconnected, cancelled;
	unsigned pieces_out, pieces_released;
	unsigned rooms, rooms_made;	/* for content: lent and not given back; lent in all */
	uint64_t content_seen;
	size_t content_max;
};

#endif
