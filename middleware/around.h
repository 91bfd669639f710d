/*
 * around: one chain in front of an exchange's calls, for one request.
 *
 * The answer goes through the chain and on to the calls behind it. Where a layer would hold up
 * the loop, its work is done on another thread: what comes meanwhile waits here, and so does
 * the end of the request. exchange.h has the places where it may stand.
 */
#ifndef MIDDLEWARE_AROUND_H
#define MIDDLEWARE_AROUND_H

#include "base/list.h"
#include "middleware/chain.h"

/* What a chain asks of whoever has it. All are called on the loop's thread, with the
 * interpreter held. */
struct mw_means {
	/* Run run(arg) on another thread, and done(arg) on this one later. Where the loop ends
	 * before, neither may be called. 0; -1: it cannot be done. */
	int (*elsewhere)(struct hx_exchange *x, void (*run)(void *arg), void (*done)(void *arg),
	    void *arg);
	/* full() may say no again. */
	void (*writable)(struct hx_exchange *x);
	/* The owner of the chain must stay; it may go. */
	void (*hold)(void *owner);
	void (*let_go)(void *owner);
};

/* A chain, and whose it is. */
struct mw_front {
	const struct mw_chain *chain;
	const struct mw_means *means;
	void *owner;
};

struct mw_around {
	struct hx_exchange *x;
	struct mw_around *outer;	/* another one behind it, or NULL */
	const struct hx_calls *calls;	/* behind all */
	struct mw_front front;
	struct mw_pass pass;
	struct mw_answer answer;	/* its head, as long as it has not gone on */
	bool begun;			/* it has */
	bool held;			/* a layer has held it */
	enum hx_length refused;		/* see mw_exchange_refused() */
	/* The piece on its way: the part that is in the chain, and the rest of a long file. */
	struct hx_piece part, rest;
	bool part_last, rest_last;
	bool has_part, has_rest;
	bool passing;			/* there is one, or another waits */
	bool working;			/* another thread has the part */
	struct list queue;		/* of pieces that have come meanwhile */
	bool asked;			/* somebody waits until full() says no */
	bool aborts, ends;		/* to be done when nothing is on its way */
	bool is_left;			/* nothing passes any more: see mw_around_leave() */
	bool cut;			/* the answer cannot be completed */
};

/* Stand in front of the calls of `x`, or of `outer` (may be NULL), which stands there, with a pass
 * that has let the request in. The caller puts its own table of calls there. */
void mw_around_init(struct mw_around *r, struct hx_exchange *x, const struct mw_front *front,
    const struct mw_pass *pass, struct mw_around *outer);

/* The calls of http/exchange.h. released() is mw_around_end(). */
int mw_around_answer(struct mw_around *r, int status, const struct hx_header *fields, size_t n,
    struct hx_piece content);
int mw_around_head(struct mw_around *r, int status, const struct hx_header *fields, size_t n);
int mw_around_body(struct mw_around *r, struct hx_piece piece, bool last);
bool mw_around_full(struct mw_around *r);
bool mw_around_unsent(struct mw_around *r);
void mw_around_abort(struct mw_around *r);

/* Those behind have room again. */
void mw_around_writable(struct mw_around *r);

/* Nothing passes the chain any more, but what is said goes on to the calls behind. True: the
 * chain is away, and `r` is not used any more. False: another thread works for it, and
 * x->calls->released() will be called in its time. */
bool mw_around_leave(struct mw_around *r) MUST_CHECK;

/* The request is over. True: the chain is away, as above. False: something is on its way, and
 * released() will be called again. */
bool mw_around_end(struct mw_around *r) MUST_CHECK;

/* Is something on its way? The exchange must stay then. */
static inline bool
mw_around_is_busy(const struct mw_around *r)
{
	return r->passing;
}

#endif
