/*
 * closing: a code, and a reason.
 *
 * Called by worker/websocket/.
 */
#include "http/closing.h"

#include <string.h>

#include "base/must.h"
#include "base/utf8.h"

unsigned
hx_closing_read(const struct hx_part *part, struct hx_closing *out)
{
	char bytes[HX_FRAME_CONTROL_MOST];
	size_t len = part->payload.len;
	struct utf8_stream text = { 0 };

	must(len <= sizeof(bytes));
	out->code = HX_CLOSE_NONE;
	out->reason_len = 0;
	if (len == 0)
		return 0;
	hx_frame_unmask(bytes, part->payload.ptr, len, part->key, part->at);
	if (len == 1)
		return HX_CLOSE_BROKEN;
	out->code = (unsigned)(unsigned char)bytes[0] << 8 | (unsigned char)bytes[1];
	if (!hx_frame_close_code_is_valid(out->code))
		return HX_CLOSE_BROKEN;
	if (!utf8_stream_take(&text, bytes + 2, len - 2) || !utf8_stream_is_whole(&text))
		return HX_CLOSE_TEXT;
	out->reason_len = len - 2;
	memcpy(out->reason, bytes + 2, len - 2);
	return 0;
}

size_t
hx_closing_write(char out[HX_FRAME_CONTROL_BYTES], const struct hx_closing *closing)
{
	bool has_code = closing->code != HX_CLOSE_NONE;
	size_t len = has_code ? 2 + closing->reason_len : 0;
	size_t head = hx_frame_write(out, HX_CLOSE, false, len);

	must(len <= HX_FRAME_CONTROL_MOST);
	if (!has_code)
		return head;
	out[head] = (char)(closing->code >> 8);
	out[head + 1] = (char)closing->code;
	memcpy(out + head + 2, closing->reason, closing->reason_len);
	return head + len;
}
