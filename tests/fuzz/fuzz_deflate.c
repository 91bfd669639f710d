/*
 * fuzz_deflate: compressed messages between a server and a client that keeps to RFC 7692, on a connection
 * whose streams others take away.
 *
 * The first bytes are the terms, then come messages: an operation, a length, bytes. Promises: each side
 * unpacks what the other has packed, however the client makes its blocks, wherever its frames and the room
 * end, and whoever had the streams between.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/must.h"
#include "base/pool.h"
#include "http/frame.h"
#include "tests/fuzz/target.h"
#include "worker/websocket/deflate.h"

enum { MESSAGES_MOST = 40, MESSAGE_MOST = 1 << 14, PACKED_MOST = 1 << 15, OTHERS = 65, LEAST_BITS = 9 };

static const char tail[4] = "\x00\x00\xff\xff";

struct pair {
	struct worker_streams streams;
	struct worker_window sent, received;	/* the server's */
	z_stream packing, unpacking;		/* the client's */
	struct worker_window others[OTHERS];	/* that receive */
	struct worker_window senders[OTHERS];
	char said[MESSAGE_MOST];		/* the message before */
	size_t said_len;
};

/* What is left of the input. */
struct input {
	const uint8_t *at;
	size_t left;
};

static unsigned
byte_take(struct input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->at++;
}

static void
pair_init(struct pair *p, struct input *in)
{
	unsigned server = byte_take(in), client = byte_take(in);

	worker_deflate_init(&p->streams);
	p->sent = (struct worker_window){ .bits = LEAST_BITS + server % 7, .anew = server >= 128 };
	p->received = (struct worker_window){ .bits = LEAST_BITS + client % 7, .anew = client >= 128 };
	memset(&p->packing, 0, sizeof(p->packing));
	memset(&p->unpacking, 0, sizeof(p->unpacking));
	must(deflateInit2(&p->packing, (int)(client / 7 % 10), Z_DEFLATED, -(int)p->received.bits,
	    1 + (int)(server / 7 % 9), Z_DEFAULT_STRATEGY) == Z_OK);
	must(inflateInit2(&p->unpacking, -(int)p->sent.bits) == Z_OK);
	for (size_t i = 0; i < OTHERS; i++) {
		p->others[i] = (struct worker_window){ .bits = p->received.bits };
		p->senders[i] = (struct worker_window){ .bits = LEAST_BITS + (server + i / 64) % 7 };
	}
	p->said_len = 0;
}

static void
pair_fini(struct pair *p)
{
	deflateEnd(&p->packing);
	inflateEnd(&p->unpacking);
	for (size_t i = 0; i < OTHERS; i++) {
		worker_deflate_window_fini(&p->streams, &p->others[i], false);
		worker_deflate_window_fini(&p->streams, &p->senders[i], true);
	}
	worker_deflate_window_fini(&p->streams, &p->sent, true);
	worker_deflate_window_fini(&p->streams, &p->received, false);
	worker_deflate_fini(&p->streams);
}

/* Others receive something, more of them than there are streams. */
static void
crowd(struct pair *p)
{
	for (size_t i = 0; i < OTHERS; i++) {
		struct slice in = SLICE_LIT("\xf2\x48\xcd\xc9\xc9\x07\x00"), out;
		char room[16];

		must(worker_deflate_unpack(&p->streams, &p->others[i], &in, true, room, sizeof(room), &out) ==
		    WORKER_UNPACKED_DONE);
		must(out.len == 5 && memcmp(room, "Hello", 5) == 0);
	}
	must(p->received.stream == NULL || p->received.open);
}

/* Others send something. */
static void
senders_crowd(struct pair *p)
{
	struct pool pool;
	struct io_output out;

	pool_init(&pool, 4096);
	io_output_init(&out, &pool);
	for (size_t i = 0; i < OTHERS; i++)
		must(worker_deflate_put(&p->streams, &p->senders[i], &out, HX_TEXT,
		    (struct slice)SLICE_LIT("Hello")) == 0);
	must(p->sent.stream == NULL);
	io_output_drop(&out);
	io_output_fini(&out);
	pool_fini(&pool);
}

/* A message of the input: bytes, one byte many times, or a piece of the message before. */
static size_t
message_take(struct pair *p, struct input *in, unsigned how, char out[MESSAGE_MOST])
{
	size_t len = byte_take(in), from = byte_take(in);

	switch (how) {
	case 0:
		len = len < in->left ? len : in->left;
		memcpy(out, in->at, len);
		in->at += len;
		in->left -= len;
		break;
	case 1:
		len = len * (MESSAGE_MOST / 256);
		memset(out, (int)from, len);
		break;
	default:
		from = p->said_len == 0 ? 0 : from * 7 % p->said_len;
		len = len * 16 < p->said_len - from ? len * 16 : p->said_len - from;
		memcpy(out, p->said + from, len);
		break;
	}
	memcpy(p->said, out, len);
	p->said_len = len;
	return len;
}

/* Pack as the client may: in one block or two, flushed in some way, the last block said to be the last. */
static size_t
client_pack(struct pair *p, const char *message, size_t len, unsigned how, char out[PACKED_MOST])
{
	static const int flushes[] = { Z_NO_FLUSH, Z_BLOCK, Z_SYNC_FLUSH, Z_FULL_FLUSH };
	bool ends = how % 8 == 7;
	size_t n;

	if (p->received.anew)
		deflateReset(&p->packing);
	p->packing.next_in = (Bytef *)(uintptr_t)message;
	p->packing.avail_in = (uInt)(len / 3);
	p->packing.next_out = (Bytef *)out;
	p->packing.avail_out = PACKED_MOST;
	must(deflate(&p->packing, flushes[how % 4]) != Z_STREAM_ERROR);
	p->packing.avail_in += (uInt)(len - len / 3);
	deflate(&p->packing, ends ? Z_FINISH : Z_SYNC_FLUSH);
	must(p->packing.avail_in == 0 && p->packing.avail_out > 0);
	n = PACKED_MOST - p->packing.avail_out;
	if (ends) {
		/* It goes on from nothing. An empty block, without its tail, may stand behind the last. */
		deflateReset(&p->packing);
		out[n++] = 0;
		return n;
	}
	if (n < sizeof(tail) || memcmp(out + n - sizeof(tail), tail, sizeof(tail)) != 0) {
		/* zlib has nothing to flush where all was flushed before: RFC 7692 section 7.2.3.6. */
		must(n == 0);
		out[0] = 0;
		return 1;
	}
	return n - sizeof(tail);
}

/* The client sends it in frames of `part` bytes, it is unpacked into `size` bytes at a time. */
static void
receive(struct pair *p, const char *message, size_t len, unsigned how, size_t part, size_t size)
{
	static char packed[PACKED_MOST];
	char *room = malloc(size);
	size_t n = client_pack(p, message, len, how, packed), got = 0, at = 0;
	bool last;

	must(room != NULL);
	do {
		struct slice in = { packed + at, n - at < part ? n - at : part };
		enum worker_unpacked verdict;

		at += in.len;
		last = at == n;
		do {
			struct slice out;

			verdict = worker_deflate_unpack(&p->streams, &p->received, &in, last, room, size, &out);
			must(verdict == WORKER_UNPACKED_MORE || verdict == WORKER_UNPACKED_DONE);
			must(out.len <= len - got && memcmp(out.ptr, message + got, out.len) == 0);
			got += out.len;
		} while (verdict == WORKER_UNPACKED_MORE);
		if (how >= 128 && part > 64)
			crowd(p);	/* within a message */
	} while (!last);
	must(got == len);
	free(room);
}

/* The client takes a whole frame. */
static void
frame_check(struct pair *p, unsigned char *frame, size_t size, const char *message, size_t len)
{
	static char got[MESSAGE_MOST + 1];
	size_t head, n;

	must(frame[0] == (0x80 | 0x40 | HX_TEXT) && frame[1] <= 126);
	head = frame[1] < 126 ? 2 : 4;
	n = head == 2 ? frame[1] : (size_t)(frame[2] << 8 | frame[3]);
	must(head + n == size);
	if (p->sent.anew)
		inflateReset(&p->unpacking);
	p->unpacking.next_out = (Bytef *)got;
	p->unpacking.avail_out = sizeof(got);
	p->unpacking.next_in = frame + head;
	p->unpacking.avail_in = (uInt)n;
	inflate(&p->unpacking, Z_SYNC_FLUSH);
	must(p->unpacking.avail_in == 0);
	p->unpacking.next_in = (Bytef *)(uintptr_t)tail;
	p->unpacking.avail_in = sizeof(tail);
	inflate(&p->unpacking, Z_SYNC_FLUSH);
	must(p->unpacking.avail_in == 0 && sizeof(got) - p->unpacking.avail_out == len);
	must(memcmp(got, message, len) == 0);
}

/* The server sends it. */
static void
send_one(struct pair *p, const char *message, size_t len, bool twice)
{
	struct pool pool;
	struct io_output out;
	size_t at = 0;

	pool_init(&pool, 4096);
	io_output_init(&out, &pool);
	for (int i = 0; i < 1 + twice; i++) {
		must(worker_deflate_put(&p->streams, &p->sent, &out, HX_TEXT, (struct slice){ message, len }) == 0);
		frame_check(p, (unsigned char *)out.copied + at, out.copied_len - at, message, len);
		at = out.copied_len;
	}
	io_output_drop(&out);
	io_output_fini(&out);
	pool_fini(&pool);
}

/* The server sends what others get, too: it refers to nothing but a message that they have got, or to
 * nothing, and is all that the next may refer to. */
static void
send_shared(struct pair *p, const char *message, size_t len)
{
	struct worker_window window = { .bits = p->sent.bits };
	char *frame;
	size_t size;

	if (!p->sent.anew && p->sent.stream == NULL && p->sent.kept != NULL) {
		window.kept = p->sent.kept;
		window.kept->refs++;
	}
	frame = worker_deflate_frame(&p->streams, &window, HX_TEXT, (struct slice){ message, len }, 8, &size);
	must(frame != NULL);
	worker_deflate_window_fini(&p->streams, &window, true);
	frame_check(p, (unsigned char *)frame + 8, size, message, len);
	free(frame);
	if (!p->sent.anew) {
		worker_deflate_window_fini(&p->streams, &p->sent, true);
		p->sent.kept = worker_deflate_context((struct slice){ message, len });
		must(p->sent.kept != NULL);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pair p;
	static char message[MESSAGE_MOST];
	struct input in = { data, size };

	pair_init(&p, &in);
	for (int i = 0; i < MESSAGES_MOST && in.left > 0; i++) {
		unsigned what = byte_take(&in), how = byte_take(&in), cut = byte_take(&in);
		size_t len = message_take(&p, &in, what % 3, message);

		if ((what & 64) == 0)
			receive(&p, message, len, how, 1 + cut * 3U, 1 + how * 16U);
		if (how % 16 == 5)
			worker_deflate_window_fini(&p.streams, &p.sent, true);
		if ((what & 32) == 0 && len > 0 && (what & 4) != 0)
			send_shared(&p, message, len);
		else if ((what & 32) == 0 && len > 0)
			send_one(&p, message, len, (what & 16) != 0);
		if (what >= 128)
			crowd(&p);
		if ((what & 8) != 0)
			senders_crowd(&p);
	}
	pair_fini(&p);
	return 0;
}
