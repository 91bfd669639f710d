/*
 * chain: the layers around one application, outermost first.
 *
 * A chain is made once. Each request passes it on its own: forward with its view, backward
 * with its answer. chain.h moves no bytes: whoever carries the request (exchange.h does)
 * hands the edited answer on.
 */
#ifndef MIDDLEWARE_CHAIN_H
#define MIDDLEWARE_CHAIN_H

#include "middleware/middleware.h"

struct mw_layer {
	const struct mw_class *class;
	void *set;		/* its settings */
	size_t state_at;	/* of its state among all states */
};

struct mw_chain {
	struct mw_layer *layers;	/* outermost first */
	size_t n, room;
	size_t state_bytes;
	bool edits;			/* a layer edits answers */
	bool looks;			/* a layer looks at content */
};

/* One request on its way through a chain. */
struct mw_pass {
	const struct mw_chain *chain;
	char *states;
	size_t met;		/* how many layers have let it in, from the outermost */
	size_t holder;		/* 1 + the layer that holds the answer's head; 0: none */
	size_t left;		/* layers that the piece of content has still to pass */
	bool worked;		/* work() of the innermost of them is done */
	void *session;		/* that a layer shows to user code, or NULL; see session.h */
};

/* An empty chain with room for `room` layers in `arena`. 0, or -1 when out of memory. */
int mw_chain_init(struct mw_chain *chain, struct arena *arena, size_t room) MUST_CHECK;

/* Put a layer inside all others. There is room for it; `set` is its own from now on. 0, or
 * -1 when out of memory. */
int mw_chain_add(struct mw_chain *chain, const struct mw_class *class, void *set) MUST_CHECK;

/* Free what the layers own. */
void mw_chain_fini(struct mw_chain *chain);

/* What would the chain do with the request? Nothing is kept of it. */
enum mw_verdict mw_chain_look(const struct mw_chain *chain, const struct mw_request *r);

/* Take the request forward. `pass` then leads its answer back; its states are in `arena`.
 * Out of memory counts as unsure. */
enum mw_verdict mw_chain_forward(struct mw_pass *pass, const struct mw_chain *chain,
    const struct mw_request *r, struct arena *arena);

/* After MW_ANSWER: the head of the answer as it leaves the chain, or is held there, and its
 * content, the only piece, which `r` and the arena keep. 0; -1 when only Starlette's
 * classes know it, or out of memory. */
int mw_chain_answer(struct mw_pass *pass, const struct mw_request *r,
    struct mw_answer *a, struct slice *content) MUST_CHECK;

/* After MW_PASS: let the layers edit the head of the application's answer, until one holds
 * it (pass->holder). 0, or -1 when out of memory. */
int mw_chain_head(struct mw_pass *pass, struct mw_answer *a) MUST_CHECK;

/* Let the layers edit a piece of its content. `a` is the head; no layer holds it
 * afterwards. 0; -1 when out of memory: *piece is still to be released. */
int mw_chain_piece(struct mw_pass *pass, struct mw_answer *a, struct hx_piece *piece,
    bool last) MUST_CHECK;

/* The same, where a layer may say that it would hold up the loop. MW_PIECE_HEAVY: call
 * mw_chain_work() with the same piece, then mw_chain_piece_on(). MW_PIECE_FAILED: out of
 * memory; *piece is still to be released. */
enum mw_piece { MW_PIECE_DONE, MW_PIECE_HEAVY, MW_PIECE_FAILED };

enum mw_piece mw_chain_piece_begin(struct mw_pass *pass, struct mw_answer *a,
    struct hx_piece *piece, bool last) MUST_CHECK;
enum mw_piece mw_chain_piece_on(struct mw_pass *pass, struct mw_answer *a,
    struct hx_piece *piece, bool last) MUST_CHECK;

/* Does a layer read the bytes of the answer, whose head has come? */
bool mw_chain_reads(const struct mw_pass *pass);

/* On any thread, without the interpreter. */
void mw_chain_work(struct mw_pass *pass, const struct hx_piece *piece, bool last);

/* Would a layer hold up the loop with this piece, or the first of its parts? */
bool mw_chain_is_heavy(const struct mw_pass *pass, const struct hx_piece *piece, bool last);

/* Can the layers write what an answer depends on beside itself? If not, only Starlette's
 * classes can edit one. */
bool mw_chain_is_ready(const struct mw_pass *pass);

/* The same, and may they edit this answer of `len` bytes at once? */
bool mw_chain_takes(const struct mw_pass *pass, const struct mw_answer *a, size_t len);

/* The request is over. */
void mw_chain_end(struct mw_pass *pass);

#endif
