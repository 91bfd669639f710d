/*
 * trust: parse the entries, compare hosts with them.
 *
 * Called by worker/ (the setting) and forwarded.c (each host that is asked for). No
 * clause of an RFC stands behind it: applications are configured for uvicorn's reading.
 */
#include "http/trust.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/decimal.h"
#include "base/must.h"
#include "http/field.h"

enum { V4_BYTES = 4, V6_BYTES = 16 };

struct address {
	size_t len;			/* V4_BYTES or V6_BYTES */
	uint8_t bytes[V6_BYTES];
	struct slice zone;		/* of IPv6, behind '%'; empty: none */
};

struct hx_trust_entry {
	enum { TRUST_NAME, TRUST_HOST, TRUST_NETWORK } kind;
	struct slice name;
	struct address address;
	unsigned prefix;		/* bits of a network */
};

/* Cut `s` at the first `c`: what is before it stays, *rest is what is behind. False when
 * there is none. */
static bool
cut(struct slice *s, char c, struct slice *rest)
{
	const char *at = s->len > 0 ? memchr(s->ptr, c, s->len) : NULL;

	if (at == NULL)
		return false;
	*rest = (struct slice){ at + 1, s->len - (size_t)(at + 1 - s->ptr) };
	s->len = (size_t)(at - s->ptr);
	return true;
}

/* As ipaddress.ip_address(): False when `s` is no address. */
static bool
address_read(struct slice s, struct address *out)
{
	char text[INET6_ADDRSTRLEN];
	bool zoned;

	*out = (struct address){ .len = 0 };
	if (s.len == 0 || memchr(s.ptr, '/', s.len) != NULL)
		return false;
	zoned = cut(&s, '%', &out->zone);
	if (s.len >= sizeof(text) || (zoned && (out->zone.len == 0 ||
	    memchr(out->zone.ptr, '%', out->zone.len) != NULL)))
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	if (strlen(text) != s.len)
		return false;
	if (!zoned && inet_pton(AF_INET, text, out->bytes) == 1)
		out->len = V4_BYTES;
	else if (inet_pton(AF_INET6, text, out->bytes) == 1)
		out->len = V6_BYTES;
	return out->len > 0;
}

/* Has `a` the first `bits` bits of `b`? */
static bool
prefix_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	return memcmp(a, b, whole) == 0 &&
	    (rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0);
}

/* The prefix of a mask such as 255.255.0.0, or of its complement 0.0.255.255; -1: it is
 * neither. */
static int
mask_prefix(struct slice s)
{
	struct address a;
	uint32_t mask = 0;

	if (!address_read(s, &a) || a.len != V4_BYTES)
		return -1;
	for (size_t i = 0; i < V4_BYTES; i++)
		mask = mask << 8 | a.bytes[i];
	for (unsigned complement = 0; complement < 2; complement++, mask = ~mask)
		for (int bits = 0; bits <= 32; bits++)
			if (mask == (bits == 0 ? 0 : UINT32_MAX << (32 - bits)))
				return bits;
	return -1;
}

/* What stands behind the '/' of a network. -1: it is no prefix of that version. */
static int
prefix_read(struct slice s, size_t version_len)
{
	size_t zeros = 0;
	uint64_t n = 0;

	while (zeros + 1 < s.len && s.ptr[zeros] == '0')
		zeros++;
	if (decimal_read(s.ptr + zeros, s.len - zeros, &n))
		return n <= version_len * 8 ? (int)n : -1;
	return version_len == V4_BYTES ? mask_prefix(s) : -1;
}

/* As ipaddress.ip_network(), which wants no bits behind the prefix. */
static bool
network_read(struct slice s, struct hx_trust_entry *e)
{
	static const uint8_t zeros[V6_BYTES];
	struct slice behind;
	uint8_t rest[V6_BYTES];
	int prefix;

	if (!cut(&s, '/', &behind) || !address_read(s, &e->address))
		return false;
	prefix = prefix_read(behind, e->address.len);
	if (prefix < 0)
		return false;
	memcpy(rest, e->address.bytes, sizeof(rest));
	for (unsigned bit = 0; bit < (unsigned)prefix; bit++)
		rest[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
	e->prefix = (unsigned)prefix;
	return memcmp(rest, zeros, sizeof(rest)) == 0;
}

static void
entry_read(struct slice s, struct hx_trust_entry *e)
{
	e->name = hx_field_strip(s);
	e->kind = TRUST_NAME;
	if (network_read(e->name, e))
		e->kind = TRUST_NETWORK;
	else if (address_read(e->name, &e->address))
		e->kind = TRUST_HOST;
	/* Settings are UTF-8 and fields are Latin-1: bytes above ASCII cannot be compared. */
	for (size_t i = 0; i < e->name.len; i++)
		if ((unsigned char)e->name.ptr[i] > 0x7f)
			e->name.len = 0;
}

int
hx_trust_init(struct hx_trust *t, const char *text)
{
	struct slice s = { text, strlen(text) }, rest = SLICE_NULL;
	size_t commas = 0;
	bool more = true;

	*t = (struct hx_trust){ .all = strcmp(text, "*") == 0 };
	if (t->all)
		return 0;
	for (const char *p = text; *p != '\0'; p++)
		commas += *p == ',';
	t->entries = calloc(commas + 1, sizeof(*t->entries));
	if (t->entries == NULL)
		return -1;
	for (; more; s = rest) {
		more = cut(&s, ',', &rest);
		must(t->n <= commas);
		entry_read(s, &t->entries[t->n++]);
	}
	return 0;
}

void
hx_trust_fini(struct hx_trust *t)
{
	free(t->entries);
	*t = (struct hx_trust){ .all = false };
}

static bool
entry_has(const struct hx_trust_entry *e, const struct address *a)
{
	if (e->kind == TRUST_NAME || e->address.len != a->len)
		return false;
	if (e->kind == TRUST_NETWORK)
		return prefix_equal(e->address.bytes, a->bytes, e->prefix);
	return memcmp(e->address.bytes, a->bytes, a->len) == 0 &&
	    slice_equal(e->address.zone, a->zone);
}

bool
hx_trust_has(const struct hx_trust *t, struct slice host)
{
	struct address a;
	bool is_address;

	if (t->all || host.len == 0)
		return t->all;
	is_address = address_read(host, &a);
	for (size_t i = 0; i < t->n; i++) {
		const struct hx_trust_entry *e = &t->entries[i];

		if (is_address ? entry_has(e, &a) :
		    e->kind == TRUST_NAME && slice_equal(e->name, host))
			return true;
	}
	return false;
}
