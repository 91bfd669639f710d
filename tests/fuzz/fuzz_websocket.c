/*
 * fuzz_websocket: what a WebSocket's client sends, of any bytes.
 *
 * The first byte says whether compression was agreed on. Promises: what is told does not depend on how the
 * bytes are cut; no message is larger than the limit, unpacked or not; nothing is read behind an end.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "http/closing.h"
#include "tests/fuzz/target.h"
#include "worker/websocket/deflate.h"

enum { LIMIT = 4096, ROOM = 512 };

/* What was told, as a sum in which the order counts. */
struct transcript {
	uint64_t sum;
	uint64_t unpacked;
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

static void
part_take(struct transcript *t, const struct hx_part *part, struct worker_streams *s,
    struct worker_window *window)
{
	char *plain = malloc(part->payload.len + 1);
	struct hx_closing closing;

	must(plain != NULL && part->payload.len <= LIMIT);
	hx_frame_unmask(plain, part->payload.ptr, part->payload.len, part->key, part->at);
	if (part->first)
		word(t, part->opcode);
	if (part->opcode == HX_CLOSE) {
		word(t, hx_closing_read(part, &closing));
		t->over = true;
	} else if (part->compressed) {
		if (part->first)
			t->unpacked = 0;
		unpack(t, s, window, (struct slice){ plain, part->payload.len }, part->last);
	} else {
		add(t, plain, part->payload.len);
	}
	if (part->last)
		word(t, 1);
	free(plain);
}

/* Give the bytes in pieces of `piece`. */
static uint64_t
read_all(const char *bytes, size_t size, size_t piece, bool compression)
{
	struct hx_messages m = { .limit = LIMIT, .compression = compression };
	struct worker_window window = { .bits = 12 };
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
	bool compression;
	uint64_t whole;

	if (size == 0)
		return 0;
	compression = (data[0] & 1) != 0;
	whole = read_all(bytes, size - 1, size, compression);
	/* A message that fails while it is unpacked may have given more before, byte by byte. */
	if (!compression)
		for (size_t piece = 1; piece < 20 && piece < size; piece++)
			must(read_all(bytes, size - 1, piece, false) == whole);
	else
		read_all(bytes, size - 1, 3, true);
	return 0;
}
