/*
 * hands: write, clear, tell.
 *
 * Called by worker/hands.c (put, route, clear), board.c (clear), engine/ and master/doing.c
 * (text), and by master/report.c (get).
 */
#include "shm/hands.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"

enum { SHOWN_MAX = 5, SHOWN_BYTES = 120, ROUTE_BYTES = 80 };

/* Append as much of `s` as fits into the text of hand `i`, behind `len` bytes. */
static uint32_t
append(struct shm_hands *h, unsigned i, uint32_t len, struct slice s)
{
	size_t n = s.len < SHM_HAND_BYTES - len ? s.len : SHM_HAND_BYTES - len;

	memcpy(h->at[i].text + len, s.ptr, n);
	return len + (uint32_t)n;
}

void
shm_hands_put(struct shm_hands *h, unsigned i, struct slice method, struct slice path, uint64_t now_ms)
{
	uint32_t len;

	must(i < SHM_HANDS);
	len = append(h, i, 0, method);
	len = append(h, i, len, SLICE_LIT(" "));
	len = append(h, i, len, path);
	atomic_store_explicit(&h->at[i].route, 0, memory_order_relaxed);
	atomic_store_explicit(&h->at[i].since_ms, now_ms, memory_order_relaxed);
	atomic_store_explicit(&h->at[i].len, len, memory_order_relaxed);
}

void
shm_hands_route(struct shm_hands *h, unsigned i, struct slice route)
{
	uint32_t len;

	must(i < SHM_HANDS);
	len = atomic_load_explicit(&h->at[i].len, memory_order_relaxed);
	if (len >= SHM_HAND_BYTES || route.len > SHM_HAND_BYTES - len)
		return;
	append(h, i, len, route);
	atomic_store_explicit(&h->at[i].route, (uint32_t)route.len, memory_order_relaxed);
}

void
shm_hands_clear(struct shm_hands *h, unsigned i)
{
	must(i < SHM_HANDS);
	atomic_store_explicit(&h->at[i].len, 0, memory_order_relaxed);
}

/* The text, cut to `most` bytes and escaped; returns the end. */
static char *
escape(char *p, const char *text, uint32_t len, uint32_t most)
{
	for (uint32_t i = 0; i < len && i < most; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c > 0x7E || c == '"' || c == '\\')
			p += snprintf(p, 5, "\\x%02x", c);
		else
			*p++ = (char)c;
	}
	if (len > most) {
		memcpy(p, "...", 3);
		p += 3;
	}
	return p;
}

/* `"TEXT"`, or `"TEXT" (ROUTE)`, behind `used` bytes of `out`, which has room for it. */
static size_t
quote(char *out, size_t used, const char *text, uint32_t len, uint32_t route)
{
	char *p = out + used;

	*p++ = '"';
	p = escape(p, text, len, SHOWN_BYTES);
	*p++ = '"';
	if (route > 0) {
		*p++ = ' ';
		*p++ = '(';
		p = escape(p, text + len, route, ROUTE_BYTES);
		*p++ = ')';
	}
	return (size_t)(p - out);
}

/* Room for ", " and a quoted text and a route whose every byte is escaped; for " and N more". */
enum {
	QUOTED_MAX = 2 + 1 + 4 * SHOWN_BYTES + 3 + 1 + 2 + 4 * ROUTE_BYTES + 3 + 1,
	MORE_MAX = 32
};

static uint32_t
hand_length(const struct shm_hands *h, unsigned i)
{
	uint32_t len = atomic_load_explicit(&h->at[i].len, memory_order_relaxed);

	return len < SHM_HAND_BYTES ? len : SHM_HAND_BYTES;
}

static uint32_t
route_length(const struct shm_hands *h, unsigned i)
{
	uint32_t route = atomic_load_explicit(&h->at[i].route, memory_order_relaxed);
	uint32_t room = SHM_HAND_BYTES - hand_length(h, i);

	return route < room ? route : room;
}

bool
shm_hands_get(const struct shm_hands *h, unsigned i, struct shm_hand *hand)
{
	uint32_t len;

	must(i < SHM_HANDS);
	len = hand_length(h, i);
	hand->request = (struct slice){ h->at[i].text, len };
	hand->route = (struct slice){ h->at[i].text + len, route_length(h, i) };
	hand->since_ms = atomic_load_explicit(&h->at[i].since_ms, memory_order_relaxed);
	return len > 0;
}

const char *
shm_hands_text(const struct shm_hands *h, uint64_t n, char text[SHM_HANDS_TEXT_BYTES])
{
	unsigned found = 0, shown = 0;
	size_t used;

	for (unsigned i = 0; i < SHM_HANDS; i++)
		found += hand_length(h, i) > 0;
	n = n > found ? n : found;
	if (n == 0)
		return strcpy(text, "no request in hand");
	used = (size_t)snprintf(text, SHM_HANDS_TEXT_BYTES, "%" PRIu64 " request%s in hand", n,
	    n == 1 ? "" : "s");
	for (unsigned i = 0; i < SHM_HANDS && shown < SHOWN_MAX &&
	    used + QUOTED_MAX + MORE_MAX <= SHM_HANDS_TEXT_BYTES; i++) {
		uint32_t len = hand_length(h, i);

		if (len == 0)
			continue;
		memcpy(text + used, shown > 0 ? ", " : ": ", 2);
		used = quote(text, used + 2, h->at[i].text, len, route_length(h, i));
		shown++;
	}
	text[used] = '\0';
	if (n > shown && shown > 0)
		snprintf(text + used, MORE_MAX, " and %" PRIu64 " more", n - shown);
	return text;
}
