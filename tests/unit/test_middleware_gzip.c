/*
 * GZip: which answers it compresses, whole and in pieces, and what it leaves to Starlette.
 */
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "middleware/kept.h"
#include "middleware/list.h"
#include "tests/unit/middleware_fixture.h"
#include "tests/unit/suite.h"

enum { TEXT_BYTES = 40000 };

static const struct slice excluded[] = {
	{ "text/event-stream", 17 }, { "audio/*", 7 }, { "application/grpc", 16 },
};
static char settings[256];
static char text[TEXT_BYTES];
static struct mw_chain chain;
static struct mw_pass pass;
static bool old;		/* settings of the oldest version */

static void *
setting(const char *name)
{
	for (size_t i = 0; i < mw_gzip.n_options; i++)
		if (strcmp(mw_gzip.options[i].name, name) == 0)
			return settings + mw_gzip.options[i].at;
	CU_FAIL_FATAL("no such setting");
	return NULL;
}

/* A request with this Accept-Encoding has passed the layer. */
static void
begin(const char *accept)
{
	struct hx_header field = { SLICE_LIT("accept-encoding"), SLICE_OF(accept) };
	struct mw_request r = { .fields = &field, .n_fields = 1 };

	CU_ASSERT_FATAL(mw_gzip.set_bytes <= sizeof(settings));
	memset(settings, 0, sizeof(settings));
	*(int64_t *)setting("minimum_size") = 10;
	*(int64_t *)setting("compresslevel") = 9;
	*(int64_t *)setting("thread_minimum_size") = TEXT_BYTES;
	*(bool *)setting("identity") = *(bool *)setting("flushes") = !old;
	*(bool *)setting("partial") = *(bool *)setting("grpc") = !old;
	*(bool *)setting("late") = *(bool *)setting("prefix") = old;
	*(bool *)setting("vary_last") = old;
	*(struct mw_texts *)setting("exclude_content_types") = (struct mw_texts){ excluded, 3 };
	for (size_t i = 0; i < TEXT_BYTES; i++)
		text[i] = (char)('a' + i * i % 13);
	CU_ASSERT_EQUAL(mw_chain_init(&chain, answers_arena(), 1), 0);
	CU_ASSERT_EQUAL(mw_chain_add(&chain, &mw_gzip, settings), 0);
	CU_ASSERT_EQUAL(mw_chain_forward(&pass, &chain, &r, answers_arena()), MW_PASS);
}

static void
end(void)
{
	mw_chain_end(&pass);
	mw_chain_fini(&chain);
	answers_forget();
}

/* The bytes that this part of a stream unpacks to; -1 when it is none. */
static z_stream unpacker;

static ssize_t
unpack(struct slice packed, char *out, size_t room)
{
	int rc;

	/* A second flush in a row adds nothing. */
	if (packed.len == 0)
		return 0;
	unpacker.next_in = (Bytef *)(uintptr_t)packed.ptr;
	unpacker.avail_in = (uInt)packed.len;
	unpacker.next_out = (Bytef *)out;
	unpacker.avail_out = (uInt)room;
	rc = inflate(&unpacker, Z_SYNC_FLUSH);
	return (rc == Z_OK || rc == Z_STREAM_END) && unpacker.avail_in == 0 ?
	    (ssize_t)(room - unpacker.avail_out) : -1;
}

static int released;

static void
count_release(void *arg)
{
	(void)arg;
	released++;
}

static void
test_whole(void)
{
	static const size_t sizes[] = { 10, 1000, 16000, 20000, TEXT_BYTES - 1 };
	char plain[TEXT_BYTES];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct mw_answer a;
		uint64_t length = 0;
		struct hx_piece piece = { .bytes = { text, sizes[i] }, .release = count_release };

		released = 0;
		begin("br, gzip;q=0");
		a = answer_of(200, "content-length: 1\nvary: X\n");
		CU_ASSERT(mw_chain_takes(&pass, &a, sizes[i]));
		CU_ASSERT_EQUAL(mw_chain_head(&pass, &a), 0);
		CU_ASSERT_EQUAL(pass.holder, 1);
		CU_ASSERT_EQUAL(mw_chain_piece(&pass, &a, &piece, true), 0);
		CU_ASSERT_EQUAL(released, 1);
		CU_ASSERT_EQUAL(a.n, 3);
		CU_ASSERT(slice_equal(a.fields[1].value, SLICE_LIT("X, Accept-Encoding")));
		CU_ASSERT(slice_equal(a.fields[2].name, SLICE_LIT("content-encoding")));
		CU_ASSERT(decimal_read(a.fields[0].value.ptr, a.fields[0].value.len, &length));
		CU_ASSERT_EQUAL(length, piece.bytes.len);
		CU_ASSERT_EQUAL(inflateInit2(&unpacker, 16 + MAX_WBITS), Z_OK);
		CU_ASSERT_EQUAL(unpack(piece.bytes, plain, sizeof(plain)), (ssize_t)sizes[i]);
		CU_ASSERT_EQUAL(memcmp(plain, text, sizes[i]), 0);
		inflateEnd(&unpacker);
		hx_exchange_piece_drop(piece);
		end();
	}
}

/* After each piece the client has all that was sent. */
static void
test_in_pieces(void)
{
	static const size_t sizes[] = { 0, 5, 3000, 1, 0, 20000 };
	struct mw_answer a;
	char plain[TEXT_BYTES];

	begin("gzip");
	a = answer_of(200, "content-length: 1\n");
	CU_ASSERT_EQUAL(mw_chain_head(&pass, &a), 0);
	CU_ASSERT_EQUAL(inflateInit2(&unpacker, 16 + MAX_WBITS), Z_OK);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct hx_piece piece = { .bytes = { text, sizes[i] }, .release = count_release };
		ssize_t len;

		released = 0;
		CU_ASSERT_EQUAL(mw_chain_piece(&pass, &a, &piece, i == 5), 0);
		CU_ASSERT_EQUAL(released, 1);
		CU_ASSERT_EQUAL(pass.holder, 0);
		len = unpack(piece.bytes, plain, sizeof(plain));
		CU_ASSERT_EQUAL(len, (ssize_t)sizes[i]);
		CU_ASSERT(len <= 0 || memcmp(plain, text, (size_t)len) == 0);
		hx_exchange_piece_drop(piece);
	}
	inflateEnd(&unpacker);
	CU_ASSERT(answer_is(&a, "vary: Accept-Encoding\ncontent-encoding: gzip\n"));
	end();
}

/* The head as it goes on, after a first piece of `len` bytes. */
static bool
leaves(int status, const char *before, size_t len, bool last, const char *after)
{
	struct hx_piece piece = { .bytes = { text, len } };
	struct mw_answer a = answer_of(status, before);
	bool same;

	CU_ASSERT_EQUAL(mw_chain_head(&pass, &a), 0);
	CU_ASSERT_EQUAL(mw_chain_piece(&pass, &a, &piece, last), 0);
	same = piece.bytes.ptr == text && piece.bytes.len == len;
	hx_exchange_piece_drop(piece);
	return same && answer_is(&a, after);
}

static void
test_what_passes_as_it_is(void)
{
	static const char *const types[] = {
		"audio/mpeg", "AUDIO/x; a=b", "audio", " text/Event-Stream ;x", "application/grpc",
		"application/grpc+proto",
	};
	char field[64];

	begin("gzip");
	CU_ASSERT(leaves(200, "a: 1\n", 9, true, "a: 1\n"));
	end();
	begin("gzip");
	CU_ASSERT(leaves(206, "a: 1\n", 900, true, "a: 1\n"));
	end();
	begin("gzip");
	CU_ASSERT(leaves(200, "content-encoding: br\n", 900, false, "content-encoding: br\n"));
	end();
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		snprintf(field, sizeof(field), "content-type: %s\n", types[i]);
		begin("gzip");
		CU_ASSERT(leaves(200, field, 900, true, field));
		end();
	}
	begin("GZIP, br");
	CU_ASSERT(leaves(200, "content-length: 900\n", 900, true,
	    "content-length: 900\nvary: Accept-Encoding\n"));
	end();
	begin("");
	CU_ASSERT(leaves(200, "content-length: 9\n", 9, false,
	    "content-length: 9\nvary: Accept-Encoding\n"));
	end();
}

static void
test_what_is_left_to_starlette(void)
{
	struct mw_answer plain, audio;

	begin("gzip");
	plain = answer_of(200, "");
	CU_ASSERT(!mw_chain_takes(&pass, &plain, TEXT_BYTES));
	CU_ASSERT(mw_chain_takes(&pass, &plain, TEXT_BYTES - 1));
	audio = answer_of(200, "content-type: audio/x\n");
	CU_ASSERT(mw_chain_takes(&pass, &audio, TEXT_BYTES));
	end();
	begin("br");
	plain = answer_of(200, "");
	CU_ASSERT(mw_chain_takes(&pass, &plain, TEXT_BYTES));
	end();
}

/* A removed file with those bytes, last changed `age_s` seconds ago. */
static struct hx_file
file_make(const char *bytes, size_t len, int64_t age_s)
{
	char name[] = "/tmp/middleware_gzip.XXXXXX";
	int fd = mkstemp(name);
	int64_t changed = (clock_unix_s() - age_s) * INT64_C(1000000000);

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	unlink(name);
	CU_ASSERT_EQUAL_FATAL(write(fd, bytes, len), (ssize_t)len);
	return (struct hx_file){ .fd = fd, .device = 1, .inode = 2, .size = len,
		.mtime_ns = changed, .ctime_ns = changed };
}

/* Answer with the whole file; what its content unpacks to. */
static const char *
file_answer(const struct hx_file *file)
{
	static char plain[TEXT_BYTES];
	struct hx_header field = { SLICE_LIT("accept-encoding"), SLICE_LIT("gzip") };
	struct mw_request r = { .fields = &field, .n_fields = 1 };
	struct mw_answer a = answer_of(200, "content-length: 1\n");
	struct hx_piece piece = { .bytes = { NULL, file->size }, .release = count_release,
		.file = file };
	ssize_t len;

	released = 0;
	CU_ASSERT_EQUAL(mw_chain_forward(&pass, &chain, &r, answers_arena()), MW_PASS);
	CU_ASSERT_EQUAL(mw_chain_head(&pass, &a), 0);
	CU_ASSERT_EQUAL_FATAL(mw_chain_piece(&pass, &a, &piece, true), 0);
	CU_ASSERT_EQUAL(released, 1);
	CU_ASSERT_EQUAL(inflateInit2(&unpacker, 16 + MAX_WBITS), Z_OK);
	len = unpack(piece.bytes, plain, sizeof(plain) - 1);
	inflateEnd(&unpacker);
	hx_exchange_piece_drop(piece);
	mw_chain_end(&pass);
	plain[len > 0 ? len : 0] = '\0';
	return plain;
}

static void
test_files_are_compressed_once(void)
{
	const char *one = "one one one one one", *two = "two two two two two";
	struct hx_file file, closed, other;

	begin("gzip");
	mw_chain_end(&pass);
	file = file_make(one, strlen(one), 100);
	CU_ASSERT_STRING_EQUAL(file_answer(&file), one);
	/* The same version is not read again: there is nothing to read. */
	closed = file;
	closed.fd = -1;
	CU_ASSERT_STRING_EQUAL(file_answer(&closed), one);
	/* Any other one is. */
	other = file_make(two, strlen(two), 50);
	CU_ASSERT_STRING_EQUAL(file_answer(&other), two);
	close(other.fd);
	for (int change = 0; change < 5; change++) {
		other = file_make(two, strlen(two), 100);
		CU_ASSERT_STRING_EQUAL(file_answer(&file), one);
		other.mtime_ns = file.mtime_ns - (change == 0);
		other.ctime_ns = file.ctime_ns - (change == 1);
		other.inode += change == 2;
		other.device += change == 3;
		other.size -= change == 4;
		CU_ASSERT_EQUAL(strncmp(file_answer(&other), two, other.size), 0);
		close(other.fd);
	}
	close(file.fd);
	end();
}

static void
test_files_that_may_still_change_are_not_kept(void)
{
	const char *one = "one one one one one", *two = "two two two two two";
	struct hx_file file, again;

	begin("gzip");
	mw_chain_end(&pass);
	file = file_make(one, strlen(one), 1);
	CU_ASSERT_STRING_EQUAL(file_answer(&file), one);
	again = file_make(two, strlen(two), 1);
	again.mtime_ns = file.mtime_ns;
	again.ctime_ns = file.ctime_ns;
	CU_ASSERT_STRING_EQUAL(file_answer(&again), two);
	/* Neither is one that is shorter than its size by now. */
	close(again.fd);
	again = file_make(one, strlen(one) - 4, 100);
	again.size = strlen(one);
	CU_ASSERT_EQUAL(strlen(file_answer(&again)), strlen(one) - 4);
	close(again.fd);
	again.fd = file.fd;
	CU_ASSERT_STRING_EQUAL(file_answer(&again), one);
	close(file.fd);
	end();
}

/* What is on its way to a client outlives the layer, and its place among those kept. */
static void
test_a_kept_form_stays_for_its_pieces(void)
{
	struct mw_kept *kept = mw_kept_new();
	struct hx_file file = { .inode = 1 }, same_place = { .inode = 1 + MW_KEPT_MAX };
	struct hx_piece piece;

	CU_ASSERT_PTR_NOT_NULL_FATAL(kept);
	mw_kept_put(kept, &file, SLICE_LIT("form"));
	piece = mw_kept_get(kept, &file);
	mw_kept_put(kept, &same_place, SLICE_LIT("other"));
	mw_kept_put(kept, &same_place, (struct slice){ text, MW_KEPT_BYTES + 1 });
	CU_ASSERT(slice_equal(piece.bytes, SLICE_LIT("form")));
	mw_kept_free(kept);
	CU_ASSERT(slice_equal(piece.bytes, SLICE_LIT("form")));
	hx_exchange_piece_drop(piece);
}

/* The fields stand in another order; a type is excluded by what it begins with; who takes no
 * gzip gets the answer as it is; no head goes before the first piece. */
static void
test_the_oldest_version(void)
{
	struct hx_piece piece = { .bytes = { text, 1000 } };
	struct mw_answer a = answer_of(206, "vary: X\n");

	old = true;
	begin("gzip");
	CU_ASSERT_EQUAL(mw_chain_head(&pass, &a), 0);
	CU_ASSERT_EQUAL(pass.holder, 1);
	CU_ASSERT_EQUAL(mw_chain_piece(&pass, &a, &piece, false), 0);
	CU_ASSERT(answer_is(&a, "vary: X, Accept-Encoding\ncontent-encoding: gzip\n"));
	hx_exchange_piece_drop(piece);
	piece = (struct hx_piece){ .bytes = { text, 10 } };
	CU_ASSERT_EQUAL(mw_chain_piece(&pass, &a, &piece, false), 0);
	CU_ASSERT_EQUAL(piece.bytes.len, 0);
	hx_exchange_piece_drop(piece);
	end();
	begin("gzip");
	CU_ASSERT(leaves(200, "content-type: audio/*; x\n", 900, true,
	    "content-type: audio/*; x\n"));
	end();
	begin("br");
	CU_ASSERT(leaves(200, "a: 1\n", 900, true, "a: 1\n"));
	end();
	begin("gzip");
	a = answer_of(200, "content-type: Audio/*\n");
	piece = (struct hx_piece){ .bytes = { text, 1000 } };
	CU_ASSERT_EQUAL(mw_chain_head(&pass, &a), 0);
	CU_ASSERT_EQUAL(mw_chain_piece(&pass, &a, &piece, true), 0);
	CU_ASSERT_EQUAL_FATAL(a.n, 4);
	CU_ASSERT(slice_equal(a.fields[1].name, SLICE_LIT("content-encoding")));
	CU_ASSERT(slice_equal(a.fields[3].name, SLICE_LIT("vary")));
	hx_exchange_piece_drop(piece);
	end();
	old = false;
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "files are compressed once", test_files_are_compressed_once },
		{ "files that may still change are not kept",
		    test_files_that_may_still_change_are_not_kept },
		{ "a kept form stays for its pieces", test_a_kept_form_stays_for_its_pieces },
		{ "the oldest version", test_the_oldest_version },
		{ "whole", test_whole },
		{ "in pieces", test_in_pieces },
		{ "what passes as it is", test_what_passes_as_it_is },
		{ "what is left to Starlette", test_what_is_left_to_starlette },
		CU_TEST_INFO_NULL,
	};

	return suite_run("middleware: gzip", tests);
}
