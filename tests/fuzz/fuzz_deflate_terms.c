/*
 * fuzz_deflate_terms: Sec-WebSocket-Extensions of any bytes; each line is a field.
 *
 * Promises: terms are within RFC 7692 and what is answered was offered: a client that offers the answer gets
 * the very same terms.
 */
#include <string.h>

#include "base/must.h"
#include "http/deflate_terms.h"
#include "tests/fuzz/target.h"

enum { FIELDS_MOST = 4 };

static bool
choose(struct hx_header *fields, unsigned n, struct hx_deflate_terms *out)
{
	struct hx_exchange x;
	bool met;

	hx_exchange_init(&x, NULL, NULL);
	x.req.headers = fields;
	x.req.n_headers = n;
	met = hx_deflate_terms_choose(&x, out);
	x.req.headers = NULL;
	x.req.n_headers = 0;
	hx_exchange_fini(&x);
	return met;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hx_header fields[FIELDS_MOST];
	struct hx_deflate_terms t, again;
	char answer[HX_DEFLATE_ANSWER_MOST];
	const char *at = (const char *)data, *end = at + size;
	unsigned n = 0;
	size_t len;

	for (; n < FIELDS_MOST && at < end; n++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		if (stop == NULL)
			stop = end;
		fields[n] = (struct hx_header){
			.name = SLICE_LIT("sec-websocket-extensions"), .value = { at, (size_t)(stop - at) },
		};
		at = stop < end ? stop + 1 : end;
	}
	if (!choose(fields, n, &t))
		return 0;
	must(t.server_bits >= 9 && t.server_bits <= HX_DEFLATE_BITS);
	must(t.client_bits >= 8 && t.client_bits <= (t.client_bits_said ? HX_DEFLATE_BITS : HX_DEFLATE_BITS_MOST));
	len = hx_deflate_terms_write(answer, &t);
	must(len < sizeof(answer));
	fields[0] = (struct hx_header){ .name = SLICE_LIT("sec-websocket-extensions"), .value = { answer, len } };
	must(choose(fields, 1, &again));
	must(again.server_bits == t.server_bits && again.client_bits == t.client_bits &&
	    again.server_anew == t.server_anew && again.client_anew == t.client_anew &&
	    again.client_bits_said == t.client_bits_said);
	return 0;
}
