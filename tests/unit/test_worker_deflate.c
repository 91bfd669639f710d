/*
 * Compressed messages of many connections, which have to share fewer streams: each goes on from what it has
 * sent and received before.
 */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/pool.h"
#include "http/frame.h"
#include "tests/unit/suite.h"
#include "worker/websocket/deflate.h"

enum { CONNECTIONS = 200, ROUNDS = 4, BITS = 12, ROOM = 700 };

struct client {
	z_stream packing, unpacking;
	struct worker_window sent, received;	/* the server's */
};

static void
client_open(struct client *c, bool anew)
{
	memset(c, 0, sizeof(*c));
	CU_ASSERT_EQUAL_FATAL(deflateInit2(&c->packing, 6, Z_DEFLATED, -BITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	CU_ASSERT_EQUAL_FATAL(inflateInit2(&c->unpacking, -BITS), Z_OK);
	c->sent = c->received = (struct worker_window){ .bits = BITS, .anew = anew };
}

static void
client_close(struct client *c, struct worker_streams *s)
{
	deflateEnd(&c->packing);
	inflateEnd(&c->unpacking);
	worker_deflate_window_fini(s, &c->sent, true);
	worker_deflate_window_fini(s, &c->received, false);
}

static size_t
message_write(char *out, size_t room, int connection, int round)
{
	size_t n = 0;

	for (int i = 0; i < 40; i++)
		n += (size_t)snprintf(out + n, room - n, "{\"connection\": %d, \"value\": %d}", connection,
		    (round * 7 + i * connection) % 100);
	return n;
}

/* The client unpacks a frame, behind which there is room. */
static void
frame_unpack(struct client *c, unsigned char *frame, size_t n, const char *message, size_t len)
{
	unsigned char got[4096];
	size_t head = frame[1] < 126 ? 2 : 4;

	CU_ASSERT_EQUAL(frame[0], 0x80 | 0x40 | HX_TEXT);
	memcpy(frame + n, "\0\0\xff\xff", 4);
	if (c->sent.anew)
		inflateReset(&c->unpacking);
	c->unpacking.next_in = frame + head;
	c->unpacking.avail_in = (uInt)(n + 4 - head);
	c->unpacking.next_out = got;
	c->unpacking.avail_out = sizeof(got);
	CU_ASSERT_EQUAL(inflate(&c->unpacking, Z_SYNC_FLUSH), Z_OK);
	CU_ASSERT_EQUAL_FATAL(sizeof(got) - c->unpacking.avail_out, len);
	CU_ASSERT_EQUAL(memcmp(got, message, len), 0);
}

/* The server sends it; the client unpacks it. Returns how many bytes went between. */
static size_t
send_one(struct client *c, struct worker_streams *s, const char *message, size_t len)
{
	struct pool pool;
	struct io_output out;
	unsigned char frame[4096 + 4];
	size_t n;

	pool_init(&pool, 4096);
	io_output_init(&out, &pool);
	CU_ASSERT_EQUAL_FATAL(worker_deflate_put(s, &c->sent, &out, HX_TEXT, (struct slice){ message, len }), 0);
	n = out.copied_len;
	CU_ASSERT_FATAL(n < sizeof(frame) - 4);
	memcpy(frame, out.copied, n);
	frame_unpack(c, frame, n, message, len);
	io_output_drop(&out);
	io_output_fini(&out);
	pool_fini(&pool);
	return n;
}

/* The client sends it, in two parts; the server unpacks it into small rooms. */
static void
receive_one(struct client *c, struct worker_streams *s, const char *message, size_t len)
{
	unsigned char packed[4096];
	char got[4096], room[ROOM];
	size_t n, n_got = 0;

	if (c->received.anew)
		deflateReset(&c->packing);
	c->packing.next_in = (unsigned char *)(uintptr_t)message;
	c->packing.avail_in = (uInt)len;
	c->packing.next_out = packed;
	c->packing.avail_out = sizeof(packed);
	CU_ASSERT_EQUAL_FATAL(deflate(&c->packing, Z_SYNC_FLUSH), Z_OK);
	n = sizeof(packed) - c->packing.avail_out - 4;
	for (int part = 0; part < 2; part++) {
		struct slice in = { (char *)packed + (part == 0 ? 0 : n / 3), part == 0 ? n / 3 : n - n / 3 };
		enum worker_unpacked verdict;

		do {
			struct slice out;

			verdict = worker_deflate_unpack(s, &c->received, &in, part == 1, room, sizeof(room), &out);
			CU_ASSERT_FATAL(verdict == WORKER_UNPACKED_MORE || verdict == WORKER_UNPACKED_DONE);
			CU_ASSERT_FATAL(n_got + out.len <= sizeof(got));
			memcpy(got + n_got, out.ptr, out.len);
			n_got += out.len;
		} while (verdict == WORKER_UNPACKED_MORE);
	}
	CU_ASSERT_EQUAL_FATAL(n_got, len);
	CU_ASSERT_EQUAL(memcmp(got, message, len), 0);
}

static void
exchange(bool anew)
{
	static struct client clients[CONNECTIONS];
	struct worker_streams streams;
	size_t first = 0, last = 0;

	worker_deflate_init(&streams);
	for (int i = 0; i < CONNECTIONS; i++)
		client_open(&clients[i], anew);
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < CONNECTIONS; i++) {
			char message[4096];
			size_t len = message_write(message, sizeof(message), i, round), n;

			n = send_one(&clients[i], &streams, message, len);
			receive_one(&clients[i], &streams, message, len);
			if (round == 0)
				first += n;
			else if (round == ROUNDS - 1)
				last += n;
		}
	/* Who goes on from what was sent before has less to send. */
	if (!anew)
		CU_ASSERT_TRUE(last < first);
	for (int i = 0; i < CONNECTIONS; i++)
		client_close(&clients[i], &streams);
	worker_deflate_fini(&streams);
}

static void
test_many_go_on_from_what_they_have_sent(void)
{
	exchange(false);
}

static void
test_messages_that_begin_anew(void)
{
	exchange(true);
}

/* Each client's window ends with the same message, whatever it got before: that is what the next one
 * may refer to, for all of them together and for each alone. */
static void
test_one_frame_for_many(void)
{
	static struct client clients[CONNECTIONS];
	struct worker_streams streams;
	struct worker_context *kept = NULL;
	size_t first = 0, last = 0;

	worker_deflate_init(&streams);
	for (int i = 0; i < CONNECTIONS; i++)
		client_open(&clients[i], false);
	for (int round = 0; round < ROUNDS; round++) {
		struct worker_window window = { .bits = BITS, .kept = kept };
		unsigned char copy[4096 + 4];
		char message[4096], *frame;
		size_t len = message_write(message, sizeof(message), 7, round), n = 0;
		struct slice text = { message, len };

		frame = worker_deflate_frame(&streams, &window, HX_TEXT, text, 3, &n);
		worker_deflate_window_fini(&streams, &window, true);
		CU_ASSERT_PTR_NOT_NULL_FATAL(frame);
		CU_ASSERT_FATAL(n < 4096);
		kept = worker_deflate_context(text);
		CU_ASSERT_PTR_NOT_NULL_FATAL(kept);
		for (int i = 0; i < CONNECTIONS; i++) {
			memcpy(copy, frame + 3, n);
			frame_unpack(&clients[i], copy, n, message, len);
			worker_deflate_window_fini(&streams, &clients[i].sent, true);
			clients[i].sent.kept = kept;
			kept->refs++;
		}
		free(frame);
		first = round == 0 ? n : first;
		last = n;
	}
	worker_deflate_context_drop(kept);
	CU_ASSERT_TRUE(last < first);
	for (int i = 0; i < CONNECTIONS; i++) {
		char message[4096];
		size_t len = message_write(message, sizeof(message), 7, ROUNDS);

		CU_ASSERT_TRUE(send_one(&clients[i], &streams, message, len) < first);
	}
	for (int i = 0; i < CONNECTIONS; i++)
		client_close(&clients[i], &streams);
	worker_deflate_fini(&streams);
}

static void
test_what_is_not_compressed_is_told(void)
{
	struct worker_window window = { .bits = BITS };
	struct slice in = SLICE_LIT("\xff\xff\xff\xff\xff"), out;
	struct worker_streams streams;
	char room[ROOM];

	worker_deflate_init(&streams);
	CU_ASSERT_EQUAL(worker_deflate_unpack(&streams, &window, &in, true, room, sizeof(room), &out),
	    WORKER_UNPACKED_BAD);
	worker_deflate_window_fini(&streams, &window, false);
	worker_deflate_fini(&streams);
}

/* RFC 7692 section 7.2.3.4: the last block says that it is the last. */
static void
test_a_message_that_ends_its_last_block(void)
{
	struct worker_window window = { .bits = BITS };
	struct worker_streams streams;
	char room[ROOM];

	worker_deflate_init(&streams);
	for (int i = 0; i < 2; i++) {
		struct slice in = SLICE_LIT("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), out;

		CU_ASSERT_EQUAL(worker_deflate_unpack(&streams, &window, &in, true, room, sizeof(room), &out),
		    WORKER_UNPACKED_DONE);
		CU_ASSERT_EQUAL(out.len, 5);
		CU_ASSERT_NSTRING_EQUAL(room, "Hello", 5);
	}
	worker_deflate_window_fini(&streams, &window, false);
	worker_deflate_fini(&streams);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "many go on from what they have sent", test_many_go_on_from_what_they_have_sent },
		{ "messages that begin anew", test_messages_that_begin_anew },
		{ "one frame for many", test_one_frame_for_many },
		{ "what is not compressed is told", test_what_is_not_compressed_is_told },
		{ "a message that ends its last block", test_a_message_that_ends_its_last_block },
		CU_TEST_INFO_NULL,
	};

	return suite_run("deflate", tests);
}
