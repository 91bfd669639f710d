/*
 * hands: one of the board's places for each request.
 *
 * Called by conductor.c when a request begins and its route is found, by reply.c and conn.c when it
 * is over, and by worker/websocket/websocket.c when it becomes a WebSocket. It runs once a
 * request: no search beyond SHM_HANDS, no system call.
 */
#include "worker/hands.h"

#include "base/clock.h"
#include "base/must.h"
#include "bindings/request.h"
#include "worker/conn.h"

/* A free hand; none is: each in turn. */
static unsigned
hand_free(struct worker_hands *hands)
{
	for (unsigned i = 0; i < SHM_HANDS; i++)
		if (hands->owners[i] == NULL)
			return i;
	return hands->next++ % SHM_HANDS;
}

void
worker_hands_take(struct worker_conn *c)
{
	struct worker *w = c->w;

	c->hand = hand_free(&w->hands);
	w->hands.owners[c->hand] = c;
	/* The path alone: the query may hold what no log may, and the target a host as well. */
	shm_hands_put(&w->board->hands, c->hand, c->x.req.method_name, c->x.req.raw_path, clock_coarse_ms());
	worker_active_add(w, 1);
}

void
worker_hands_route(struct worker_conn *c)
{
	struct worker *w = c->w;

	if (c->x.n_params > 0 && w->hands.owners[c->hand] == c)
		shm_hands_route(&w->board->hands, c->hand, pyb_request_route(w->app, &c->x));
}

void
worker_hands_drop(struct worker_conn *c)
{
	struct worker *w = c->w;

	if (w->access != NULL)	/* an answer that was not complete */
		worker_access_ended(c);
	must(c->hand < SHM_HANDS);
	if (w->hands.owners[c->hand] == c) {
		w->hands.owners[c->hand] = NULL;
		shm_hands_clear(&w->board->hands, c->hand);
	}
	worker_active_add(w, -1);
}
