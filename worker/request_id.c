/*
 * request_id: a proxy's word, or time and random bytes.
 *
 * Called by conductor.c when a request begins, and by reply.c for what is refused before. The
 * kernel is asked for random bytes once for many ids.
 */
#include "worker/request_id.h"

#include <stdbool.h>
#include <sys/random.h>

#include "base/clock.h"

enum {
	LONGEST = 128,			/* what a proxy may send */
	UUID_BYTES = 16, UUID_TEXT = 36, UUID_TIME = 6,	/* bytes of the time */
	UUID_RANDOM = UUID_BYTES - UUID_TIME
};

static bool
is_id(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = (char)slice_lower((unsigned char)s.ptr[i]);

		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-')
			return false;
	}
	return s.len > 0 && s.len <= LONGEST;
}

/* The only X-Request-ID of a request, if it is one; else `ptr` is NULL: of several a proxy may have
 * written but the last. */
static struct slice
field_read(const struct hx_request *req)
{
	struct slice found = SLICE_NULL;

	for (unsigned i = 0; i < req->n_headers; i++) {
		if (!slice_equal(req->headers[i].name, SLICE_LIT("x-request-id")))
			continue;
		if (found.ptr != NULL || !is_id(req->headers[i].value))
			return SLICE_NULL;
		found = req->headers[i].value;
	}
	return found;
}

/* A new id into `id`. False: there are no random bytes. */
static bool
uuid_write(struct worker_request_ids *ids, char id[UUID_TEXT])
{
	static const char digits[] = "0123456789abcdef";
	uint64_t now_ms = clock_unix_ms();
	uint8_t uuid[UUID_BYTES];

	if (ids->left < UUID_RANDOM) {
		if (getrandom(ids->random, sizeof(ids->random), 0) != (ssize_t)sizeof(ids->random))
			return false;
		ids->left = sizeof(ids->random);
	}
	ids->left -= UUID_RANDOM;
	for (int i = 0; i < UUID_TIME; i++)
		uuid[i] = (uint8_t)(now_ms >> (8 * (UUID_TIME - 1 - i)));
	memcpy(uuid + UUID_TIME, ids->random + ids->left, UUID_RANDOM);
	uuid[6] = (uint8_t)(0x70 | (uuid[6] & 0x0f));	/* the version */
	uuid[8] = (uint8_t)(0x80 | (uuid[8] & 0x3f));	/* the variant */
	for (int i = 0; i < UUID_BYTES; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*id++ = '-';
		*id++ = digits[uuid[i] >> 4];
		*id++ = digits[uuid[i] & 0x0f];
	}
	return true;
}

void
worker_request_id_set(struct worker_request_ids *ids, const struct hx_trust *trust,
    struct hx_exchange *x)
{
	char *text;

	x->request_id = SLICE_NULL;
	if (trust != NULL && hx_trust_has(trust, x->peer.host))
		x->request_id = field_read(&x->req);
	if (x->request_id.ptr != NULL)
		return;
	text = arena_alloc(&x->arena, UUID_TEXT);
	if (text != NULL && uuid_write(ids, text))
		x->request_id = (struct slice){ text, UUID_TEXT };
}
