/*
 * fuzz_websocket: what a WebSocket's client sends, of any bytes.
 *
 * The first byte is what was agreed on: compression, the client's window, whether it begins anew with each
 * message. Promises: what is told does not depend on how the bytes are cut; no message is larger than the
 * limit, unpacked or not; nothing is read behind an end; text is refused as soon as no more of it could
 * mend it; the answer to a Close frame says the same.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/utf8.h"
#include "http/closing.h"
#include "tests/fuzz/target.h"
#include "worker/websocket/deflate.h"

enum { LIMIT = 4096, ROOM = 512 };

/* What was told, as a sum in which the order counts. */
struct transcript {
	uint64_t sum;
	uint64_t unpacked;
	uint64_t sum_before;		/* the open message of text */
	char text[LIMIT];
	size_t text_len;
	struct utf8_stream utf8;
	bool over;
};

static void
add(struct transcript *t, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		t->sum = t->sum * UINT64_C(1099511628211) + (unsigned char)bytes[i] + 1;
}

static void
word(struct transcript *t, uint64_t value)
{
	add(t, (const char *)&value, sizeof(value));
}

static void
unpack(struct transcript *t, struct worker_streams *s, struct worker_window *window,
    struct slice in, bool last)
{
	char room[ROOM];
	enum worker_unpacked verdict;

	do {
		struct slice out = SLICE_NULL;

		verdict = worker_deflate_unpack(s, window, &in, last, room, sizeof(room), &out);
		must(verdict != WORKER_UNPACKED_MORE || out.len == ROOM);
		if (verdict == WORKER_UNPACKED_BAD || verdict == WORKER_UNPACKED_NO_MEMORY) {
			t->over = true;
			return;
		}
		add(t, out.ptr, out.len);
		t->unpacked += out.len;
		t->over = t->unpacked > LIMIT;
	} while (verdict == WORKER_UNPACKED_MORE && !t->over);
}

/* Is there a character that begins with these bytes? */
static bool
character_begins(const char *bytes, size_t len)
{
	char whole[4] = "\x80\x80\x80\x80";

	if (len >= sizeof(whole))
		return false;
	memcpy(whole, bytes, len);
	if (utf8_length(whole, sizeof(whole)) > 0)
		return true;
	whole[len] = (char)0xa0;
	return utf8_length(whole, sizeof(whole)) > 0;
}

/* Is the text well-formed so far, perhaps up to a character whose rest is to come? One function looks at
 * characters, the other at what comes. */
static bool
text_may_go_on(const struct transcript *t)
{
	size_t at = 0;

	while (at < t->text_len) {
		int n = utf8_length(t->text + at, t->text_len - at);

		if (n < 0)
			return character_begins(t->text + at, t->text_len - at);
		at += (size_t)n;
	}
	return true;
}

/* What was not compressed. Text that is ill-formed counts as that, whatever of it had come before. */
static void
text_take(struct transcript *t, const struct hx_part *part, const char *plain)
{
	size_t len = part->payload.len;
	bool good;

	if (part->opcode != HX_TEXT) {
		add(t, plain, len);
		return;
	}
	if (part->first) {
		t->sum_before = t->sum;
		t->text_len = 0;
		t->utf8 = (struct utf8_stream){ 0 };
	}
	must(len <= sizeof(t->text) - t->text_len);
	memcpy(t->text + t->text_len, plain, len);
	t->text_len += len;
	good = utf8_stream_take(&t->utf8, plain, len);
	must(good == text_may_go_on(t));
	if (good && (!part->last || utf8_stream_is_whole(&t->utf8))) {
		add(t, plain, len);
	} else {
		t->sum = t->sum_before;
		word(t, HX_CLOSE_TEXT);
		t->over = true;
	}
}

static void
close_take(struct transcript *t, const struct hx_part *part, const char *plain)
{
	struct hx_closing closing;
	char frame[HX_FRAME_CONTROL_BYTES];
	unsigned wrong = hx_closing_read(part, &closing);

	word(t, wrong);
	t->over = true;
	if (wrong == 0) {
		must(hx_closing_write(frame, &closing) == 2 + part->payload.len);
		must(memcmp(frame + 2, plain, part->payload.len) == 0);
	}
}

static void
part_take(struct transcript *t, const struct hx_part *part, struct worker_streams *s,
    struct worker_window *window)
{
	char *plain = malloc(part->payload.len + 1);

	must(plain != NULL && part->payload.len <= LIMIT);
	hx_frame_unmask(plain, part->payload.ptr, part->payload.len, part->key, part->at);
	if (part->first)
		word(t, part->opcode);
	if (part->opcode == HX_CLOSE) {
		close_take(t, part, plain);
	} else if (part->compressed) {
		if (part->first)
			t->unpacked = 0;
		unpack(t, s, window, (struct slice){ plain, part->payload.len }, part->last);
	} else {
		text_take(t, part, plain);
	}
	if (part->last && !t->over)
		word(t, 1);
	free(plain);
}

/* Give the bytes in pieces of `piece`. */
static uint64_t
read_all(const char *bytes, size_t size, size_t piece, unsigned agreed)
{
	struct hx_messages m = { .limit = LIMIT, .compression = (agreed & 1) != 0 };
	struct worker_window window = { .bits = 9 + (agreed >> 2) % 7, .anew = (agreed & 2) != 0 };
	struct transcript t = { .sum = 0 };
	struct worker_streams streams;
	size_t at = 0, have = 0;

	worker_deflate_init(&streams);
	while (!t.over && (have < size || have == 0)) {
		have = size - have < piece ? size : have + piece;
		for (bool more = true; more && !t.over;) {
			struct hx_part part;
			size_t used;
			enum hx_messages_verdict verdict = hx_messages_next(&m, bytes + at,
			    have - at, &used, &part);

			must(used <= have - at);
			if (verdict == HX_MESSAGES_PART)
				part_take(&t, &part, &streams, &window);
			at += used;
			more = verdict == HX_MESSAGES_PART;
			if (verdict == HX_MESSAGES_BROKEN || verdict == HX_MESSAGES_TOO_LARGE) {
				word(&t, verdict);
				t.over = true;
			}
		}
		if (size == 0)
			break;
	}
	worker_deflate_window_fini(&streams, &window, false);
	worker_deflate_fini(&streams);
	return t.sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data + 1;
	uint64_t whole;

	if (size == 0)
		return 0;
	whole = read_all(bytes, size - 1, size, data[0]);
	/* A message that fails while it is unpacked may have given more before, byte by byte. */
	if ((data[0] & 1) == 0)
		for (size_t piece = 1; piece < 20 && piece < size; piece++)
			must(read_all(bytes, size - 1, piece, data[0]) == whole);
	else
		read_all(bytes, size - 1, 3, data[0]);
	return 0;
}
