/*
 * session: the twin of Starlette's SessionMiddleware.
 *
 * Called by list.c. The cookie is JSON, the time and a signature, each in base64, as
 * itsdangerous.TimestampSigner writes and reads them. A session is an object of another
 * room's (session.h): here are its cookie's bytes only. What itsdangerous could read in an
 * unusual way is left to Starlette's class. Nothing here may tell by the time it takes how
 * much of a signature is right.
 */
#include "middleware/session.h"

#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <stdlib.h>

#include "http/cookie.h"
#include "middleware/base64.h"
#include "middleware/list.h"

enum {
	SIGNATURE_TEXT = 27,		/* of SHA1_DIGEST_SIZE bytes in base64 */
	TIME_BYTES = 8, TIME_TEXT = 11
};

/* The last second of the year 9999: Python has no date behind it. */
#define LAST_DATE 253402300799

struct session {
	struct slice name;		/* of the cookie */
	struct slice written, cleared;	/* what follows the data of a cookie, or the name */
	struct mw_texts keys;		/* to sign with, the newest first; others are old ones */
	int64_t max_age;
	bool expires;			/* after max_age seconds */
	bool first_field;		/* only its cookies count, as in older versions */
	bool first_vary;		/* see mw_answer_vary() */
	struct mw_keeper keeper;
	struct hmac_sha1_ctx *macs;	/* of the keys */
};

struct state {
	void *session;			/* the keeper's */
	bool was_empty;			/* no cookie gave one */
	bool known;			/* `use` and `now` are true */
	struct mw_session_use use;
	int64_t now;
};

static const struct mw_option options[] = {
	{ "session_cookie", MW_TEXT, offsetof(struct session, name) },
	{ "written", MW_TEXT, offsetof(struct session, written) },
	{ "cleared", MW_TEXT, offsetof(struct session, cleared) },
	{ "keys", MW_TEXTS, offsetof(struct session, keys) },
	{ "max_age", MW_NUMBER, offsetof(struct session, max_age) },
	{ "expires", MW_FLAG, offsetof(struct session, expires) },
	{ "first_field", MW_FLAG, offsetof(struct session, first_field) },
	{ "first_vary", MW_FLAG, offsetof(struct session, first_vary) },
	{ "keeper", MW_KEEPER, offsetof(struct session, keeper) },
};

enum reading {
	GOOD,		/* signed, and of today */
	BAD,		/* as if there were none */
	UNSURE
};

/* The value of the last cookie of that name; `ptr` is NULL when there is none. 0, or -1 when
 * out of memory. */
static int
cookie_find(const struct session *set, const struct mw_request *r, struct arena *arena,
    struct slice *found)
{
	*found = SLICE_NULL;
	for (size_t i = 0; i < r->n_fields; i++) {
		struct slice rest = r->fields[i].value, name, value;

		if (!slice_equal(r->fields[i].name, SLICE_LIT("cookie")))
			continue;
		while (hx_cookie_next(&rest, &name, &value))
			if (slice_equal(name, set->name))
				*found = value;
		if (set->first_field)
			break;
	}
	return found->ptr != NULL ? hx_cookie_unquote(arena, *found, found) : 0;
}

/* Cut at the last dot: what follows it. False: there is none. */
static bool
last_cut(struct slice *text, struct slice *last)
{
	const char *dot = text->len > 0 ? memrchr(text->ptr, '.', text->len) : NULL;

	if (dot == NULL)
		return false;
	*last = (struct slice){ dot + 1, (size_t)(text->ptr + text->len - dot) - 1 };
	text->len = (size_t)(dot - text->ptr);
	return true;
}

static void
sign(const struct hmac_sha1_ctx *mac, struct slice text, uint8_t *out)
{
	struct hmac_sha1_ctx own = *mac;

	hmac_sha1_update(&own, text.len, (const uint8_t *)text.ptr);
	hmac_sha1_digest(&own, SHA1_DIGEST_SIZE, out);
}

/* The bytes of a text in base64, in the arena. */
static enum reading
bytes_read(enum mw_base64_kind kind, struct slice text, struct arena *arena,
    struct slice *bytes)
{
	char *out = arena_alloc(arena, mw_base64_bytes_room(text.len));
	enum mw_base64_verdict verdict;

	if (out == NULL)
		return UNSURE;
	verdict = mw_base64_read(kind, text, out, &bytes->len);
	bytes->ptr = out;
	if (verdict == MW_BASE64_ODD)
		return UNSURE;
	return verdict == MW_BASE64_READ ? GOOD : BAD;
}

/* Is this the signature of the text by one of the keys? */
static enum reading
signature_read(const struct session *set, struct slice text, struct slice signature,
    struct arena *arena)
{
	uint8_t right[SHA1_DIGEST_SIZE];
	struct slice bytes;
	enum reading reading = bytes_read(MW_BASE64_URL, signature, arena, &bytes);

	if (reading != GOOD)
		return reading;
	for (size_t i = 0; bytes.len == SHA1_DIGEST_SIZE && i < set->keys.n; i++) {
		sign(&set->macs[i], text, right);
		if (memeql_sec(right, bytes.ptr, SHA1_DIGEST_SIZE))
			return GOOD;
	}
	return BAD;
}

/* Is the time of a signature neither past nor to come? */
static enum reading
time_read(const struct session *set, struct slice text, struct arena *arena)
{
	struct slice bytes;
	enum reading reading = bytes_read(MW_BASE64_URL, text, arena, &bytes);
	uint64_t at = 0;
	int64_t now;

	if (reading != GOOD || bytes.len > TIME_BYTES)
		return reading != GOOD ? reading : BAD;
	for (size_t i = 0; i < bytes.len; i++)
		at = at << 8 | (unsigned char)bytes.ptr[i];
	if (!set->expires)
		return GOOD;
	now = set->keeper.now(set->keeper.arg);
	if (now < 0 || at > LAST_DATE)
		return UNSURE;
	return now - (int64_t)at > set->max_age || now < (int64_t)at ? BAD : GOOD;
}

/* The JSON that a cookie's value holds, in the arena. */
static enum reading
cookie_read(const struct session *set, struct slice value, struct arena *arena,
    struct slice *json)
{
	struct slice part;
	enum reading reading;

	for (size_t i = 0; i < value.len; i++)
		if ((unsigned char)value.ptr[i] >= 0x80)
			return UNSURE;
	if (!last_cut(&value, &part))
		return BAD;
	reading = signature_read(set, value, part, arena);
	if (reading != GOOD)
		return reading;
	if (!last_cut(&value, &part))
		return BAD;
	reading = time_read(set, part, arena);
	return reading == GOOD ? bytes_read(MW_BASE64_PADDED, value, arena, json) : reading;
}

static enum mw_verdict
session_enter(const void *set, void *state, const struct mw_request *r, struct arena *arena,
    void **shown)
{
	const struct session *session = set;
	struct state *s = state;
	struct slice value, json = SLICE_NULL;
	enum reading reading = BAD;

	if (cookie_find(session, r, arena, &value) < 0)
		return MW_UNSURE;
	if (value.ptr != NULL)
		reading = cookie_read(session, value, arena, &json);
	if (reading == UNSURE)
		return MW_UNSURE;
	s->was_empty = reading == BAD;
	s->session = session->keeper.open(session->keeper.arg,
	    reading == GOOD ? json : SLICE_NULL, arena);
	*shown = s->session;
	return s->session != NULL ? MW_PASS : MW_UNSURE;
}

/* Look at what has become of the session. 0; -1: only Starlette's class knows. */
static int
use_look(const struct session *set, struct state *s)
{
	s->known = false;
	if (set->keeper.look(s->session, &s->use) < 0)
		return -1;
	if (s->use.modified && s->use.filled) {
		s->now = set->keeper.now(set->keeper.arg);
		if (s->now < 0)
			return -1;
	}
	s->known = true;
	return 0;
}

static bool
session_ready(const void *set, void *state)
{
	return use_look(set, state) == 0;
}

static char *
put(char *out, struct slice bytes)
{
	memcpy(out, bytes.ptr, bytes.len);
	return out + bytes.len;
}

/* Write the time and the signature behind the data, which ends at `p`. */
static char *
signed_put(const struct session *set, const struct state *s, char *data, char *p)
{
	unsigned char bytes[TIME_BYTES], *first = bytes;
	uint8_t signature[SHA1_DIGEST_SIZE];

	for (int i = 0; i < TIME_BYTES; i++)
		bytes[i] = (unsigned char)((uint64_t)s->now >> (8 * (TIME_BYTES - 1 - i)));
	while (first < bytes + TIME_BYTES && *first == 0)
		first++;
	*p++ = '.';
	p += mw_base64_write(MW_BASE64_URL, (struct slice){ (char *)first,
	    (size_t)(bytes + TIME_BYTES - first) }, p);
	sign(&set->macs[0], (struct slice){ data, (size_t)(p - data) }, signature);
	*p++ = '.';
	return p + mw_base64_write(MW_BASE64_URL, (struct slice){ (char *)signature,
	    sizeof(signature) }, p);
}

/* The cookie that holds the session. `ptr` is NULL when out of memory. */
static struct slice
cookie_write(const struct session *set, const struct state *s, struct arena *arena)
{
	size_t room = set->name.len + 1 + mw_base64_text_room(s->use.json.len) + 1 + TIME_TEXT +
	    1 + SIGNATURE_TEXT + 1 + set->written.len;
	char *text = arena_alloc(arena, room), *data, *p;

	if (text == NULL)
		return SLICE_NULL;
	p = put(text, set->name);
	*p++ = '=';
	data = p;
	p += mw_base64_write(MW_BASE64_PADDED, s->use.json, p);
	p = put(signed_put(set, s, data, p), set->written);
	return (struct slice){ text, (size_t)(p - text) };
}

/* The cookie that forgets it. */
static struct slice
cookie_clear(const struct session *set, struct arena *arena)
{
	char *text = arena_alloc(arena, set->name.len + set->cleared.len);

	if (text == NULL)
		return SLICE_NULL;
	put(put(text, set->name), set->cleared);
	return (struct slice){ text, set->name.len + set->cleared.len };
}

static enum mw_flow
session_head(const void *set, void *state, struct mw_answer *a)
{
	const struct session *session = set;
	struct state *s = state;
	struct slice cookie;

	if ((!s->known && use_look(session, s) < 0) ||
	    (s->use.accessed && mw_answer_vary(a, SLICE_LIT("Cookie"), session->first_vary) < 0))
		return MW_FAIL;
	if (!s->use.modified || (!s->use.filled && s->was_empty))
		return MW_ON;
	cookie = s->use.filled ? cookie_write(session, s, a->arena) : cookie_clear(session, a->arena);
	return cookie.ptr != NULL &&
	    mw_answer_append(a, SLICE_LIT("set-cookie"), cookie) == 0 ? MW_ON : MW_FAIL;
}

static void
session_end(const void *set, void *state)
{
	struct state *s = state;

	((const struct session *)set)->keeper.close(s->session);
	s->session = NULL;
}

static int
session_open(void *set)
{
	struct session *session = set;

	session->macs = calloc(session->keys.n + 1, sizeof(*session->macs));
	if (session->macs == NULL)
		return -1;
	for (size_t i = 0; i < session->keys.n; i++)
		hmac_sha1_set_key(&session->macs[i], session->keys.all[i].len,
		    (const uint8_t *)session->keys.all[i].ptr);
	return 0;
}

static void
session_close(void *set)
{
	struct session *session = set;

	if (session->macs != NULL)
		explicit_bzero(session->macs, session->keys.n * sizeof(*session->macs));
	free(session->macs);
}

const struct mw_class mw_session = {
	.name = "SessionMiddleware",
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.set_bytes = sizeof(struct session),
	.state_bytes = sizeof(struct state),
	.enter = session_enter,
	.head = session_head,
	.ready = session_ready,
	.end = session_end,
	.open = session_open,
	.close = session_close,
};
