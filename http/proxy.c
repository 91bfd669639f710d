/*
 * proxy: both versions of the header, and nothing else at its place.
 *
 * Called by worker/proxy.c with all that has arrived. The specification forbids to guess
 * whether a header is there: what does not begin like one is an error with its first byte.
 */
#include "http/proxy.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/decimal.h"
#include "base/slice.h"

enum {
	LINE_MOST = 107,		/* with CRLF */
	FIXED_BYTES = 16,		/* of version 2, before the addresses */
	TLV_BYTES = 3,			/* type and length */
	TLV_CRC32C = 0x03, TLV_SSL = 0x20,
	SSL_LEAST = 5,			/* flags, and the verdict on the client's certificate */
	CRC_BYTES = 4
};

static const struct slice line_begin = SLICE_LIT("PROXY ");
static const struct slice signature = SLICE_LIT("\r\n\r\n\0\r\nQUIT\n");

/* Is `begin`, as far as there are bytes, what they begin with? */
static bool
begins(struct slice bytes, struct slice begin)
{
	return memcmp(bytes.ptr, begin.ptr, bytes.len < begin.len ? bytes.len : begin.len) == 0;
}

/* An address of that family, as the system writes it, into `out`. */
static bool
address_read(int family, struct slice text, char out[INET6_ADDRSTRLEN])
{
	struct in6_addr address;

	if (text.len >= INET6_ADDRSTRLEN || memchr(text.ptr, '\0', text.len) != NULL)
		return false;
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return inet_pton(family, out, &address) == 1 &&
	    inet_ntop(family, &address, out, INET6_ADDRSTRLEN) != NULL;
}

static bool
port_read(struct slice text, uint16_t *out)
{
	uint64_t port;

	if ((text.len > 1 && *text.ptr == '0') || !decimal_read(text.ptr, text.len, &port) ||
	    port > UINT16_MAX)
		return false;
	*out = (uint16_t)port;
	return true;
}

/* What stands before the next blank, which goes with it; all when there is none. */
static struct slice
word_take(struct slice *rest)
{
	const char *blank = memchr(rest->ptr, ' ', rest->len);
	size_t len = blank != NULL ? (size_t)(blank - rest->ptr) : rest->len;
	struct slice word = { rest->ptr, len };

	len += blank != NULL;
	*rest = (struct slice){ rest->ptr + len, rest->len - len };
	return word;
}

/* Version 1: PROXY TCP4 CLIENT SERVER PORT PORT, or PROXY UNKNOWN and anything. */
static int
line_read(struct slice bytes, struct hx_proxy *out)
{
	const char *end = memmem(bytes.ptr, bytes.len < LINE_MOST ? bytes.len : LINE_MOST, "\r\n", 2);
	struct slice rest, word;
	int family;

	if (end == NULL)
		return bytes.len < LINE_MOST ? 0 : -1;
	rest = (struct slice){ bytes.ptr + line_begin.len, (size_t)(end - bytes.ptr) - line_begin.len };
	word = word_take(&rest);
	if (!slice_equal(word, SLICE_LIT("UNKNOWN"))) {
		family = slice_equal(word, SLICE_LIT("TCP4")) ? AF_INET : AF_INET6;
		if ((family == AF_INET6 && !slice_equal(word, SLICE_LIT("TCP6"))) ||
		    !address_read(family, word_take(&rest), out->client) ||
		    !address_read(family, word_take(&rest), out->server) ||
		    !port_read(word_take(&rest), &out->client_port) ||
		    !port_read(rest, &out->server_port))
			return -1;
		out->told = true;
	}
	return (int)(end - bytes.ptr) + 2;
}

static unsigned
number_at(const unsigned char *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

/* The addresses of version 2 into *out. How many bytes they have; -1: no such family. */
static int
binary_addresses(unsigned family, const unsigned char *at, size_t len, struct hx_proxy *out)
{
	int af = family == 1 ? AF_INET : AF_INET6;
	size_t each = family == 1 ? sizeof(struct in_addr) : sizeof(struct in6_addr);

	if (family == 3) {	/* of a unix socket, which has no address and no port */
		out->told = true;
		return 2 * 108;
	}
	if (family > 3)
		return -1;
	if (len < 2 * each + 4)
		return -1;
	inet_ntop(af, at, out->client, sizeof(out->client));
	inet_ntop(af, at + each, out->server, sizeof(out->server));
	out->client_port = (uint16_t)number_at(at + 2 * each);
	out->server_port = (uint16_t)number_at(at + 2 * each + 2);
	out->told = true;
	return (int)(2 * each + 4);
}

/* The CRC-32C of `len` bytes, as if `hole` and the three behind it were 0. */
static uint32_t
crc32c(const unsigned char *bytes, size_t len, const unsigned char *hole)
{
	uint32_t crc = UINT32_MAX;

	for (const unsigned char *p = bytes; p < bytes + len; p++) {
		crc ^= p >= hole && p < hole + CRC_BYTES ? 0 : *p;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (UINT32_C(0x82f63b78) & -(crc & 1));
	}
	return ~crc;
}

/* What stands behind the addresses, up to the end of the header's `len` bytes. False: it is
 * malformed, or the header is not what its checksum is of. */
static bool
tlvs_read(const unsigned char *header, size_t at, size_t len, struct hx_proxy *out)
{
	while (at < len) {
		const unsigned char *tlv = header + at, *value = tlv + TLV_BYTES;
		size_t value_len;

		if (len - at < TLV_BYTES)
			return false;
		value_len = number_at(tlv + 1);
		if (value_len > len - at - TLV_BYTES)
			return false;
		if (tlv[0] == TLV_SSL) {
			if (value_len < SSL_LEAST)
				return false;
			out->tls = (value[0] & 1) != 0;
		} else if (tlv[0] == TLV_CRC32C) {
			if (value_len != CRC_BYTES || crc32c(header, len, value) !=
			    ((uint32_t)number_at(value) << 16 | number_at(value + 2)))
				return false;
		}
		at += TLV_BYTES + value_len;
	}
	return true;
}

/* Version 2. Of a connection of the proxy's own, and of a client whose family it does not know,
 * the rest is passed over. */
static int
binary_read(struct slice bytes, struct hx_proxy *out)
{
	const unsigned char *header = (const unsigned char *)bytes.ptr;
	unsigned command, family, protocol;
	size_t len;
	int addresses;

	if (bytes.len < FIXED_BYTES)
		return 0;
	command = header[12];
	family = header[13] >> 4;
	protocol = header[13] & 0xf;
	len = FIXED_BYTES + number_at(header + 14);
	if ((command != 0x20 && command != 0x21) || len > HX_PROXY_MOST)
		return -1;
	if (bytes.len < len)
		return 0;
	if (command == 0x20 || header[13] == 0)
		return (int)len;
	if (family == 0 || protocol == 0 || protocol > 2)
		return -1;
	addresses = binary_addresses(family, header + FIXED_BYTES, len - FIXED_BYTES, out);
	if (addresses < 0 || (size_t)addresses > len - FIXED_BYTES ||
	    !tlvs_read(header, FIXED_BYTES + (size_t)addresses, len, out))
		return -1;
	return (int)len;
}

int
hx_proxy_read(const char *bytes, size_t len, struct hx_proxy *out)
{
	struct slice all = { bytes, len };

	*out = (struct hx_proxy){ .told = false };
	if (len == 0)
		return 0;
	if (begins(all, signature))
		return len < signature.len ? 0 : binary_read(all, out);
	if (begins(all, line_begin))
		return len < line_begin.len ? 0 : line_read(all, out);
	return -1;
}
