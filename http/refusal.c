/*
 * refusal: the rows of refusal.def.
 *
 * Called by room worker when it answers a request that was refused.
 */
#include "http/refusal.h"

#include "base/must.h"
#include "http/status.h"

static const struct {
	int status;
	const char *text;
} rows[HX_REFUSAL_END] = {
#define REFUSAL(name, status, text) [HX_REFUSE_##name] = { status, text },
#include "http/refusal.def"
#undef REFUSAL
};

int
hx_refusal_status(enum hx_refusal why)
{
	must(why > HX_ACCEPTED && why < HX_REFUSAL_END);
	return rows[why].status;
}

struct slice
hx_refusal_text(enum hx_refusal why)
{
	const char *text;

	must(why > HX_ACCEPTED && why < HX_REFUSAL_END);
	text = rows[why].text;
	return text != NULL ? (struct slice){ text, strlen(text) } :
	    hx_status_phrase(rows[why].status);
}
