/*
 * refusal: why the server itself refuses a request, and what it answers.
 *
 * The rows of refusal.def. The checks of this room return one; worker/reply.c makes
 * the answer.
 */
#ifndef HTTP_REFUSAL_H
#define HTTP_REFUSAL_H

#include "base/slice.h"

#define REFUSAL(name, status, text) HX_REFUSE_##name,
enum hx_refusal {
	HX_ACCEPTED,
#include "http/refusal.def"
	HX_REFUSAL_END
};
#undef REFUSAL

/* Status and content (text/plain) of the answer. Not for HX_ACCEPTED. The text is
 * static. */
int hx_refusal_status(enum hx_refusal why);
struct slice hx_refusal_text(enum hx_refusal why);

#endif
