/*
 * next: the calls of http/exchange.h, to what stands behind a place in front of an exchange.
 */
#ifndef MIDDLEWARE_NEXT_H
#define MIDDLEWARE_NEXT_H

#include "middleware/around.h"

int mw_next_answer(struct mw_around *r, int status, const struct hx_header *fields, size_t n,
    struct hx_piece content);
int mw_next_head(struct mw_around *r, int status, const struct hx_header *fields, size_t n);
int mw_next_body(struct mw_around *r, struct hx_piece piece, bool last);
bool mw_next_full(struct mw_around *r);
bool mw_next_unsent(struct mw_around *r);
void mw_next_abort(struct mw_around *r);

#endif
