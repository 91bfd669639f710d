/*
 * Large request content: read in large pieces, to where the application wants it.
 */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "tests/unit/worker_fixture.h"

/* Bytes that differ from their neighbours, also 256 further. */
static char *
much_new(size_t len)
{
	char *much = malloc(len);

	CU_ASSERT_PTR_NOT_NULL_FATAL(much);
	for (size_t i = 0; i < len; i++)
		much[i] = (char)(i % 251);
	return much;
}

/* All of it that is in the socket comes with one read, to where the application wants it. */
static void
test_large_content_goes_where_the_application_wants_it(void)
{
	enum { MUCH = 1000000 };
	char *much = much_new(MUCH);
	unsigned rooms = 1;
	struct rig rig;

	rig_open(&rig, NULL);
	rig_expect(&rig, POST("/echo", "Content-Length: 1000000", ""), "");
	CU_ASSERT_EQUAL(rig.app.rooms_made, 1);
	for (size_t at = 0; at < MUCH; at += 100000) {
		const char *before = rig.c->x.content.data;

		CU_ASSERT_EQUAL(send(rig.client, much + at, 100000, MSG_NOSIGNAL), 100000);
		rig_turn(&rig, true);
		if (at + 100000 == MUCH)
			break;
		CU_ASSERT_TRUE(rig.c->x.content.lent && rig.c->x.content.len == at + 100000);
		CU_ASSERT_EQUAL(rig.c->x.content.data != before, rig.app.rooms_made > rooms);
		rooms = rig.app.rooms_made;
	}
	/* Of 256, 512 and 1000 kB. */
	CU_ASSERT_EQUAL(rig.app.rooms_made, 3);
	CU_ASSERT_EQUAL_FATAL(rig.got_len, strlen(OK("1000000", "")) + MUCH);
	CU_ASSERT_EQUAL(memcmp(rig.got + rig.got_len - MUCH, much, MUCH), 0);
	rig_close(&rig);
	free(much);
}

static void
test_large_content_comes_in_large_pieces(void)
{
	static const char *const heads[] = {
		POST("/read/much", "Content-Length: 150001", "0"),
		POST("/read/much", "Transfer-Encoding: chunked", "1\r\n0\r\n249F0\r\n"),
	};
	char *much = much_new(150000);

	for (size_t i = 0; i < 2; i++) {
		struct rig rig;

		rig_open(&rig, NULL);
		rig_expect(&rig, heads[i], "");
		CU_ASSERT_EQUAL(send(rig.client, much, 150000, MSG_NOSIGNAL), 150000);
		rig_turn(&rig, true);
		CU_ASSERT_EQUAL(rig.app.content_max, 150000);
		rig_expect(&rig, i == 0 ? GET("/hello") : "\r\n0\r\n\r\n" GET("/hello"),
		    OK("12", "150001 bytes") OK("5", "hello"));
		CU_ASSERT_TRUE(rig.app.rooms_made > 0);
		rig_close(&rig);
	}
	free(much);
}

/* Many small chunks are more than the room: they stand behind what is in it. */
static void
test_chunks_beyond_the_room(void)
{
	enum { CHUNKS = 40, EACH = 8000 };
	char *chunks = malloc(CHUNKS * (EACH + 8) + 1), *p = chunks;
	struct rig rig;

	CU_ASSERT_PTR_NOT_NULL_FATAL(chunks);
	for (int i = 0; i < CHUNKS; i++) {
		p += sprintf(p, "1F40\r\n");
		memset(p, 'a', EACH);
		p += EACH;
		p += sprintf(p, "\r\n");
	}
	rig_open(&rig, NULL);
	rig_expect(&rig, POST("/read/much", "Transfer-Encoding: chunked", "1\r\n0\r\n"), "");
	rig_send(&rig, chunks, (size_t)(p - chunks));
	rig_expect(&rig, "0\r\n\r\n" GET("/hello"), OK("12", "320001 bytes") OK("5", "hello"));
	rig_close(&rig);
	free(chunks);
}

static void
test_client_gone_before_its_large_content(void)
{
	static const char *const heads[] = {
		POST("/echo", "Content-Length: 1000000", "0"),
		POST("/read/much", "Content-Length: 1000000", "0"),
	};
	char *much = much_new(100000);

	for (size_t i = 0; i < 4; i++) {
		struct rig rig;

		rig_open(&rig, NULL);
		rig_expect(&rig, heads[i / 2], "");
		if (i % 2 == 0)
			rig_send(&rig, much, 100000);
		CU_ASSERT_EQUAL(rig.app.rooms, 1);
		close(rig.client);
		rig_turn(&rig, false);
		CU_ASSERT_TRUE(rig_gone(&rig));
		rig.client = -1;
		rig_close(&rig);
	}
	free(much);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "large_content_goes_where_the_application_wants_it",
		    test_large_content_goes_where_the_application_wants_it },
		{ "large_content_comes_in_large_pieces", test_large_content_comes_in_large_pieces },
		{ "chunks_beyond_the_room", test_chunks_beyond_the_room },
		{ "client_gone_before_its_large_content",
		    test_client_gone_before_its_large_content },
		CU_TEST_INFO_NULL,
	};

	return suite_run("worker: room for content", tests);
}
