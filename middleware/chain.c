/*
 * chain: forward and backward.
 *
 * Called by around.c, exchange.c and by bindings/. An answer passes only those layers that its
 * request has met, so that one a layer gives itself passes those around it.
 */
#include "middleware/chain.h"

#include <stdalign.h>

#include "base/must.h"

/* Of one layer. Where a request is only looked at, its state stands on the stack. */
enum { STATE_MAX = 64 };

int
mw_chain_init(struct mw_chain *chain, struct arena *arena, size_t room)
{
	*chain = (struct mw_chain){ .room = room };
	chain->layers = arena_alloc(arena, room * sizeof(*chain->layers));
	return chain->layers != NULL ? 0 : -1;
}

int
mw_chain_add(struct mw_chain *chain, const struct mw_class *class, void *set)
{
	const size_t align = alignof(max_align_t);

	must(chain->n < chain->room && class->state_bytes <= STATE_MAX);
	chain->layers[chain->n++] = (struct mw_layer){ class, set, chain->state_bytes };
	chain->state_bytes += (class->state_bytes + align - 1) / align * align;
	chain->edits = chain->edits || class->head != NULL;
	chain->looks = chain->looks || class->piece != NULL;
	return class->open != NULL ? class->open(set) : 0;
}

void
mw_chain_fini(struct mw_chain *chain)
{
	for (size_t i = 0; i < chain->n; i++)
		if (chain->layers[i].class->close != NULL)
			chain->layers[i].class->close(chain->layers[i].set);
	*chain = (struct mw_chain){ 0 };
}

enum mw_verdict
mw_chain_look(const struct mw_chain *chain, const struct mw_request *r)
{
	alignas(max_align_t) char state[STATE_MAX];
	enum mw_verdict verdict = MW_PASS;

	for (size_t i = 0; verdict == MW_PASS && i < chain->n; i++) {
		if (chain->layers[i].class->request == NULL)
			continue;
		memset(state, 0, sizeof(state));
		verdict = chain->layers[i].class->request(chain->layers[i].set, state, r);
	}
	return verdict;
}

static void *
state_of(const struct mw_pass *pass, const struct mw_layer *layer)
{
	return pass->states + layer->state_at;
}

/* Take the request into one layer. */
static enum mw_verdict
layer_enter(struct mw_pass *pass, const struct mw_layer *layer, const struct mw_request *r,
    struct arena *arena)
{
	enum mw_verdict verdict = MW_PASS;

	if (layer->class->request != NULL)
		verdict = layer->class->request(layer->set, state_of(pass, layer), r);
	if (verdict == MW_PASS && layer->class->enter != NULL)
		verdict = layer->class->enter(layer->set, state_of(pass, layer), r, arena,
		    &pass->session);
	return verdict;
}

enum mw_verdict
mw_chain_forward(struct mw_pass *pass, const struct mw_chain *chain,
    const struct mw_request *r, struct arena *arena)
{
	*pass = (struct mw_pass){ .chain = chain };
	pass->states = arena_alloc(arena, chain->state_bytes);
	if (pass->states == NULL)
		return MW_UNSURE;
	memset(pass->states, 0, chain->state_bytes);
	for (; pass->met < chain->n; pass->met++) {
		enum mw_verdict verdict = layer_enter(pass, &chain->layers[pass->met], r, arena);

		if (verdict != MW_PASS)
			return verdict;
	}
	return MW_PASS;
}

/* Take the head outward through the layers around layer number `from`. 0, or -1. */
static int
head_pass(struct mw_pass *pass, struct mw_answer *a, size_t from)
{
	pass->holder = 0;
	for (size_t i = from; i-- > 0;) {
		const struct mw_layer *layer = &pass->chain->layers[i];

		if (layer->class->head == NULL)
			continue;
		switch (layer->class->head(layer->set, state_of(pass, layer), a)) {
		case MW_ON:
			break;
		case MW_HOLD:
			must(layer->class->piece != NULL);
			pass->holder = i + 1;
			return 0;
		case MW_FAIL:
			return -1;
		}
	}
	return 0;
}

int
mw_chain_head(struct mw_pass *pass, struct mw_answer *a)
{
	return head_pass(pass, a, pass->met);
}

/* Take a piece of content outward from where it is. `off`: where a layer would hold up the
 * loop, stop. */
static enum mw_piece
piece_pass(struct mw_pass *pass, struct mw_answer *a, struct hx_piece *piece, bool last,
    bool off)
{
	for (; pass->left > 0; pass->left--) {
		const struct mw_layer *layer = &pass->chain->layers[pass->left - 1];
		const struct mw_class *class = layer->class;
		void *state = state_of(pass, layer);
		bool held = pass->holder == pass->left;

		if (off && !pass->worked && class->heavy != NULL &&
		    class->heavy(layer->set, state, piece, last))
			return MW_PIECE_HEAVY;
		pass->worked = false;
		if ((class->piece != NULL &&
		    class->piece(layer->set, state, held ? a : NULL, piece, last) < 0) ||
		    (held && head_pass(pass, a, pass->left - 1) < 0))
			return MW_PIECE_FAILED;
	}
	must(pass->holder == 0);
	return MW_PIECE_DONE;
}

int
mw_chain_piece(struct mw_pass *pass, struct mw_answer *a, struct hx_piece *piece, bool last)
{
	pass->left = pass->met;
	return piece_pass(pass, a, piece, last, false) == MW_PIECE_DONE ? 0 : -1;
}

enum mw_piece
mw_chain_piece_begin(struct mw_pass *pass, struct mw_answer *a, struct hx_piece *piece,
    bool last)
{
	pass->left = pass->met;
	return piece_pass(pass, a, piece, last, true);
}

enum mw_piece
mw_chain_piece_on(struct mw_pass *pass, struct mw_answer *a, struct hx_piece *piece, bool last)
{
	must(pass->left > 0 && pass->worked);
	return piece_pass(pass, a, piece, last, true);
}

void
mw_chain_work(struct mw_pass *pass, const struct hx_piece *piece, bool last)
{
	const struct mw_layer *layer = &pass->chain->layers[pass->left - 1];

	must(pass->left > 0 && layer->class->work != NULL);
	layer->class->work(layer->set, state_of(pass, layer), piece, last);
	pass->worked = true;
}

bool
mw_chain_reads(const struct mw_pass *pass)
{
	for (size_t i = 0; i < pass->met; i++) {
		const struct mw_layer *layer = &pass->chain->layers[i];

		if (layer->class->reads != NULL &&
		    layer->class->reads(layer->set, state_of(pass, layer)))
			return true;
	}
	return false;
}

bool
mw_chain_is_heavy(const struct mw_pass *pass, const struct hx_piece *piece, bool last)
{
	for (size_t i = 0; i < pass->met; i++) {
		const struct mw_layer *layer = &pass->chain->layers[i];

		if (layer->class->heavy != NULL &&
		    layer->class->heavy(layer->set, state_of(pass, layer), piece, last))
			return true;
	}
	return false;
}

bool
mw_chain_is_ready(const struct mw_pass *pass)
{
	for (size_t i = 0; i < pass->met; i++) {
		const struct mw_layer *layer = &pass->chain->layers[i];

		if (layer->class->ready != NULL &&
		    !layer->class->ready(layer->set, state_of(pass, layer)))
			return false;
	}
	return true;
}

bool
mw_chain_takes(const struct mw_pass *pass, const struct mw_answer *a, size_t len)
{
	for (size_t i = 0; i < pass->met; i++) {
		const struct mw_layer *layer = &pass->chain->layers[i];

		if (layer->class->takes != NULL &&
		    !layer->class->takes(layer->set, state_of(pass, layer), a, len))
			return false;
	}
	return mw_chain_is_ready(pass);
}

void
mw_chain_end(struct mw_pass *pass)
{
	for (size_t i = 0; i < pass->met; i++) {
		const struct mw_layer *layer = &pass->chain->layers[i];

		if (layer->class->end != NULL)
			layer->class->end(layer->set, state_of(pass, layer));
	}
	pass->met = 0;
	pass->session = NULL;
}

int
mw_chain_answer(struct mw_pass *pass, const struct mw_request *r, struct mw_answer *a,
    struct slice *content)
{
	const struct mw_layer *layer = &pass->chain->layers[pass->met];

	must(pass->met < pass->chain->n && layer->class->answer != NULL);
	if (layer->class->answer(layer->set, state_of(pass, layer), r, a, content) < 0)
		return -1;
	return mw_chain_head(pass, a);
}
