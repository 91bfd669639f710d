/*
 * worker_fixture: the turns of a loop, driven by hand.
 */
#include "base/must.h"
#include "tests/unit/worker_fixture.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

struct worker_options
rig_options(void)
{
	struct worker_options o;

	worker_options_init(&o);
	return o;
}

void
rig_open(struct rig *rig, const struct worker_options *options)
{
	struct worker_options standard = rig_options();
	struct sockaddr peer = { .sa_family = AF_UNIX };
	int pair[2];

	memset(rig, 0, sizeof(*rig));
	rig->turn = io_turn_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->turn);
	rig->app.turn = rig->turn;
	rig->w = worker_new(rig->turn, &rig->app, NULL, options != NULL ? options : &standard);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->w);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	rig->client = pair[1];
	rig->c = worker_conn_new(rig->w, pair[0], &peer, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->c);
	rig->got = calloc(1, 1);
}

bool
rig_gone(const struct rig *rig)
{
	return rig->w->open == 0;
}

void
rig_close(struct rig *rig)
{
	char hands[SHM_HANDS_TEXT_BYTES];

	close(rig->client);
	for (int i = 0; i < 200 && !rig_gone(rig); i++)
		rig_turn(rig, false);
	worker_abort(rig->w);
	rig_turn(rig, false);
	CU_ASSERT_TRUE_FATAL(rig_gone(rig));
	CU_ASSERT_EQUAL(rig->w->active, 0);
	CU_ASSERT_STRING_EQUAL(shm_hands_text(&rig->w->board->hands, 0, hands), "no request in hand");
	CU_ASSERT_EQUAL(rig->app.started, rig->app.ended);
	CU_ASSERT_EQUAL(rig->app.pieces_out, rig->app.pieces_released);
	CU_ASSERT_EQUAL(rig->app.rooms, 0);
	worker_free(rig->w);
	io_turn_free(rig->turn);
	free(rig->got);
}

/* Take the date and server lines out of what has been got, so that the rest can
 * be compared byte by byte. */
static void
strip(struct rig *rig, size_t from)
{
	static const char mark[] = "\r\nserver: fastrd\r\n";
	char *p = rig->got + from, *server;

	while ((p = memmem(p, (size_t)(rig->got + rig->got_len - p), "date: ", 6)) != NULL) {
		server = memmem(p, (size_t)(rig->got + rig->got_len - p), mark, 18);
		if (server == NULL || p[-1] != '\n')
			return;
		server += 18;
		memmove(p, server, (size_t)(rig->got + rig->got_len - server) + 1);
		rig->got_len -= (size_t)(server - p);
	}
}

/* True when something came. */
static bool
take(struct rig *rig)
{
	static char buffer[65536];
	ssize_t n = rig->end ? -1 : recv(rig->client, buffer, sizeof(buffer), 0);

	if (n > 0) {
		rig->got = realloc(rig->got, rig->got_len + (size_t)n + 1);
		memcpy(rig->got + rig->got_len, buffer, (size_t)n);
		rig->got_len += (size_t)n;
		rig->got[rig->got_len] = '\0';
		return true;
	}
	if (!rig->end && (n == 0 || errno != EAGAIN)) {
		rig->end = true;
		rig->reset = n < 0;
	}
	return false;
}

static bool
turn_once(struct rig *rig)
{
	uint64_t in = rig_count(rig, SHM_COUNT_bytes_in);
	uint64_t out = rig_count(rig, SHM_COUNT_bytes_out);
	bool jobs;

	must(io_turn_poll(rig->turn, false) == 0);
	jobs = io_turn_pending(rig->turn);
	io_turn_run(rig->turn);
	io_turn_flush(rig->turn);
	return jobs || rig_count(rig, SHM_COUNT_bytes_in) != in ||
	    rig_count(rig, SHM_COUNT_bytes_out) != out;
}

void
rig_turn(struct rig *rig, bool read)
{
	size_t from = rig->got_len;
	int quiet = 0;

	while (quiet < 3) {
		bool moved = turn_once(rig);

		moved = (read && take(rig)) || moved;
		quiet = moved ? 0 : quiet + 1;
	}
	strip(rig, from < 200 ? 0 : from - 200);
}

void
rig_wait(struct rig *rig, unsigned ms)
{
	uint64_t until = clock_coarse_ms() + ms;
	struct timespec nap = { 0, 2000000 };

	while (clock_coarse_ms() < until) {
		nanosleep(&nap, NULL);
		rig_turn(rig, true);
	}
}

void
rig_send(struct rig *rig, const char *bytes, size_t len)
{
	int stuck = 0;

	while (len > 0 && stuck < 3) {
		ssize_t n = send(rig->client, bytes, len, MSG_NOSIGNAL);

		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
			stuck = 0;
		} else if (errno != EAGAIN) {
			return;
		} else {
			stuck++;
		}
		if (len > 0)
			rig_turn(rig, true);
	}
}

void
rig_say(struct rig *rig, const char *text)
{
	rig_send(rig, text, strlen(text));
}

void
rig_expect(struct rig *rig, const char *sent, const char *answers)
{
	rig_say(rig, sent);
	rig_turn(rig, true);
	if (strcmp(rig->got, answers) != 0)
		fprintf(stderr, "\nsent     <<%s>>\nexpected <<%s>>\ngot      <<%s>>\n", sent,
		    answers, rig->got);
	CU_ASSERT_STRING_EQUAL(rig->got, answers);
	rig->got_len = 0;
	rig->got[0] = '\0';
}

uint64_t
rig_count(const struct rig *rig, enum shm_counter id)
{
	return shm_board_get(rig->w->board, id);
}
