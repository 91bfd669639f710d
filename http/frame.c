/*
 * frame: heads, masks and codes.
 *
 * Called by http/messages.c with all that has arrived, by http/closing.c and worker/ to write, and by
 * bindings/websocket/ for masks and codes. What RFC 6455 reserves is
 * an error with the first bytes that show it: a later one might be read in two ways.
 */
#include "http/frame.h"

#include <string.h>

enum {
	FIN = 0x80, RSV1 = 0x40, RSV = 0x70, OPCODE = 0x0f,
	MASK = 0x80, LEN = 0x7f, LEN_16 = 126, LEN_64 = 127
};

static bool
opcode_is_known(unsigned opcode)
{
	return opcode <= HX_BINARY || (opcode >= HX_CLOSE && opcode <= HX_PONG);
}

/* Do the first two bytes allow the rest of a head? */
static bool
begin_is_valid(unsigned first, unsigned second, bool compression)
{
	unsigned opcode = first & OPCODE, reserved = first & RSV;
	bool control = opcode >= HX_CLOSE;

	if (!opcode_is_known(opcode) || (second & MASK) == 0)
		return false;
	/* Only the first frame of a message says that it is compressed. */
	if (reserved != 0 && !(compression && reserved == RSV1 && (opcode == HX_TEXT || opcode == HX_BINARY)))
		return false;
	return !control || ((first & FIN) != 0 && (second & LEN) <= HX_FRAME_CONTROL_MOST);
}

/* `n` bytes, the most significant first. */
static uint64_t
number_at(const unsigned char *at, size_t n)
{
	uint64_t number = 0;

	for (size_t i = 0; i < n; i++)
		number = number << 8 | at[i];
	return number;
}

int
hx_frame_read(const char *bytes, size_t len, bool compression, struct hx_frame *out)
{
	const unsigned char *head = (const unsigned char *)bytes;
	size_t length_bytes;
	uint64_t short_len;

	if (len < 2)
		return 0;
	if (!begin_is_valid(head[0], head[1], compression))
		return -1;
	short_len = head[1] & LEN;
	length_bytes = short_len == LEN_16 ? 2 : short_len == LEN_64 ? 8 : 0;
	if (len < 2 + length_bytes + HX_FRAME_KEY_BYTES)
		return 0;
	*out = (struct hx_frame){
		.opcode = head[0] & OPCODE,
		.last = (head[0] & FIN) != 0,
		.compressed = (head[0] & RSV1) != 0,
		.len = length_bytes > 0 ? number_at(head + 2, length_bytes) : short_len,
	};
	/* Its most significant bit must be 0 (section 5.2). */
	if (out->len > INT64_MAX)
		return -1;
	memcpy(out->key, head + 2 + length_bytes, HX_FRAME_KEY_BYTES);
	return (int)(2 + length_bytes + HX_FRAME_KEY_BYTES);
}

size_t
hx_frame_write(char out[HX_FRAME_HEAD_MOST], enum hx_opcode opcode, bool compressed, uint64_t len)
{
	size_t length_bytes = len < LEN_16 ? 0 : len <= UINT16_MAX ? 2 : 8;

	out[0] = (char)(FIN | (compressed ? RSV1 : 0) | opcode);
	out[1] = (char)(length_bytes == 0 ? len : length_bytes == 2 ? LEN_16 : LEN_64);
	for (size_t i = 0; i < length_bytes; i++)
		out[2 + i] = (char)(len >> 8 * (length_bytes - 1 - i));
	return 2 + length_bytes;
}

bool
hx_frame_unmask(char *to, const char *from, size_t len, const unsigned char *key, uint64_t at)
{
	unsigned char turned[2 * HX_FRAME_KEY_BYTES];
	uint64_t mask, word, seen = 0;
	size_t i = 0;

	for (size_t k = 0; k < sizeof(turned); k++)
		turned[k] = key != NULL ? key[(at + k) % HX_FRAME_KEY_BYTES] : 0;
	memcpy(&mask, turned, sizeof(mask));
	/* The compiler makes vectors of this loop. */
	for (; i + sizeof(word) <= len; i += sizeof(word)) {
		memcpy(&word, from + i, sizeof(word));
		word ^= mask;
		seen |= word;
		memcpy(to + i, &word, sizeof(word));
	}
	for (; i < len; i++) {
		to[i] = (char)((unsigned char)from[i] ^ turned[i % sizeof(turned)]);
		seen |= (unsigned char)to[i];
	}
	return (seen & UINT64_C(0x8080808080808080)) == 0;
}

bool
hx_frame_close_code_is_valid(unsigned code)
{
	/* 1004 to 1006 and 1015 are never sent (section 7.4.1); 1012 to 1014 are IANA's. */
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
	    (code >= 3000 && code <= 4999);
}
