/*
 * fake_requests: see the header. Every request that does not end at once has a
 * run, moved on by its own FIFO job.
 */
#include "tests/unit/fake_requests.h"

#include <stdio.h>
#include <stdlib.h>

#include "bindings/request.h"
#include "bindings/websocket/websocket.h"

enum { PIECE = 1000, FIRST_ROOM = 256 * 1024 };

struct run {
	struct io_job job;
	struct pyb_app *app;
	struct hx_exchange *x;
	struct slice verb;
	unsigned long n, done;
	bool waits;		/* for writable */
};

static struct pyb_app *app_in_use;
static char zeros[PIECE];

static bool
path_is(const struct hx_exchange *x, const char *verb)
{
	size_t len = strlen(verb);

	return x->req.path.len >= len && memcmp(x->req.path.ptr, verb, len) == 0 &&
	    (x->req.path.len == len || x->req.path.ptr[len] == '/');
}

static unsigned long
path_number(const struct hx_exchange *x)
{
	const char *p = memrchr(x->req.path.ptr, '/', x->req.path.len);
	char digits[24] = "";
	size_t len = (size_t)(x->req.path.ptr + x->req.path.len - p - 1);

	memcpy(digits, p + 1, len < 23 ? len : 23);
	return strtoul(digits, NULL, 10);
}

static void
piece_release(void *arg)
{
	app_in_use->pieces_released++;
	free(arg);
}

static void
answer_length(struct hx_exchange *x, int status, struct slice text, size_t claimed)
{
	char length[24];
	struct hx_header fields[] = {
		{ SLICE_LIT("content-length"), { length, 0 } },
		{ SLICE_LIT("connection"), SLICE_LIT("close") },
	};
	int n = snprintf(length, sizeof(length), "%zu", claimed);

	fields[0].value.len = (size_t)n;
	x->calls->answer(x, status, fields, path_is(x, "/close") ? 2 : 1,
	    (struct hx_piece){ .bytes = text });
}

static void
answer(struct hx_exchange *x, struct slice text)
{
	answer_length(x, 200, text, text.len);
}

static void
run_end(struct run *r)
{
	struct hx_exchange *x = r->x;

	r->app->ended++;
	x->upper.run = NULL;
	free(r);
	x->calls->released(x);
}

static void
run_stream(struct run *r)
{
	struct hx_exchange *x = r->x;

	if (r->done == 0)
		x->calls->head(x, 200, NULL, 0);
	while (r->done < r->n) {
		if (x->calls->full(x) && !x->content.aborted) {
			r->waits = true;
			return;
		}
		r->done++;
		x->calls->body(x, (struct hx_piece){ .bytes = { zeros, PIECE } },
		    r->done == r->n);
	}
	run_end(r);
}

static void
room_release(void *arg)
{
	app_in_use->rooms--;
	free(arg);
}

static void
room_lend(struct hx_exchange *x, size_t room)
{
	char *bytes = malloc(room);

	app_in_use->rooms++;
	app_in_use->rooms_made++;
	hx_exchange_content_lend(x, bytes, room, bytes, room_release);
}

/* Read until everything has come. False: goes on later. */
static bool
run_read(struct run *r)
{
	struct hx_exchange *x = r->x;
	char text[40];

	if (x->content.len > r->app->content_max)
		r->app->content_max = x->content.len;
	r->app->content_seen += x->content.len;
	r->n += x->content.len;
	x->content.len = 0;
	if (x->content.aborted) {
		r->app->aborted++;
		return true;
	}
	if (!x->content.complete) {
		if (!x->content.lent && r->n > 0 && path_is(x, "/read/much"))
			room_lend(x, FIRST_ROOM);
		x->calls->want_read(x);
		return false;
	}
	snprintf(text, sizeof(text), "%lu bytes", r->n);
	answer(x, (struct slice){ text, strlen(text) });
	return true;
}

static void
run_step(struct run *r)
{
	struct hx_exchange *x = r->x;

	if (path_is(x, "/stream")) {
		run_stream(r);
	} else if (path_is(x, "/read")) {
		if (run_read(r))
			run_end(r);
	} else if (path_is(x, "/wait")) {
		if (x->content.len > r->app->content_max)
			r->app->content_max = x->content.len;
		if (!x->content.aborted && !x->content.peer_closed)
			return;
		r->app->aborted += x->content.aborted;
		r->app->disconnected += x->content.peer_closed;
		answer(x, SLICE_LIT("waited"));
		run_end(r);
	} else if (path_is(x, "/begin")) {
		if (r->done++ == 0)
			x->calls->head(x, 200, NULL, 0);
		if (!x->content.aborted && !x->content.peer_closed)
			return;
		x->calls->body(x, (struct hx_piece){ .bytes = SLICE_LIT("end") }, true);
		run_end(r);
	} else if (r->done++ < r->n) {
		io_turn_push(r->app->turn, &r->job);
	} else {
		if (path_is(x, "/late"))
			answer(x, SLICE_LIT("late"));
		run_end(r);
	}
}

static void
on_job(struct io_job *job)
{
	run_step((struct run *)job);
}

static void
run_begin(struct pyb_app *app, struct hx_exchange *x)
{
	struct run *r = calloc(1, sizeof(*r));

	r->job.run = on_job;
	r->app = app;
	r->x = x;
	x->upper.run = r;
	if (!path_is(x, "/read") && !path_is(x, "/wait") && !path_is(x, "/begin"))
		r->n = path_number(x);
	if (path_is(x, "/after"))
		answer(x, SLICE_LIT("after"));
	run_step(r);
}

static void
answer_big(struct pyb_app *app, struct hx_exchange *x, size_t n)
{
	char length[24], *bytes = calloc(1, n);
	struct hx_header field = { SLICE_LIT("content-length"), { length, 0 } };

	field.value.len = (size_t)snprintf(length, sizeof(length), "%zu", n);
	app->pieces_out++;
	x->calls->answer(x, 200, &field, 1,
	    (struct hx_piece){ .bytes = { bytes, n }, .release = piece_release, .arg = bytes });
}

/* Those that end at once. False: it is none of them. */
static bool
simple(struct pyb_app *app, struct hx_exchange *x)
{
	static const struct hx_header length = { { "content-length", 14 }, { "10", 2 } };
	static const struct hx_header nameless = { { "", 0 }, { "a", 1 } };

	if (path_is(x, "/hello") || path_is(x, "/close"))
		answer(x, SLICE_LIT("hello"));
	else if (path_is(x, "/status"))
		answer_length(x, (int)path_number(x), SLICE_LIT("hello"), 5);
	else if (path_is(x, "/echo"))
		answer(x, (struct slice){ x->content.data, x->content.len });
	else if (path_is(x, "/ignore"))
		answer(x, SLICE_LIT("ignored"));
	else if (path_is(x, "/short"))
		answer_length(x, 200, SLICE_LIT("short"), 10);
	else if (path_is(x, "/long"))
		answer_length(x, 200, SLICE_LIT("too long"), 2);
	else if (path_is(x, "/nofield"))
		x->calls->answer(x, 200, &nameless, 1,
		    (struct hx_piece){ .bytes = SLICE_LIT("hello") });
	else if (path_is(x, "/big"))
		answer_big(app, x, path_number(x));
	else if (path_is(x, "/fail") || path_is(x, "/lost"))
		x->calls->abort(x);
	else if (path_is(x, "/failmid")) {
		x->calls->head(x, 200, &length, 1);
		x->calls->body(x, (struct hx_piece){ .bytes = SLICE_LIT("half") }, false);
		x->calls->abort(x);
	} else
		return false;
	return true;
}

void
pyb_request_match(struct pyb_app *app, struct hx_exchange *x)
{
	app_in_use = app;
	x->route = HX_NO_ROUTE;
}

struct slice
pyb_request_route(const struct pyb_app *app, const struct hx_exchange *x)
{
	(void)app;
	return path_is(x, "/hello") ? SLICE_LIT("/{word}") : SLICE_NULL;
}

bool
pyb_request_wants_content(const struct pyb_app *app, const struct hx_exchange *x)
{
	(void)app;
	return path_is(x, "/echo");
}

void
pyb_request_room(struct hx_exchange *x)
{
	size_t room = x->content.cap < FIRST_ROOM / 2 ? FIRST_ROOM : x->content.cap * 2;

	room_lend(x, room < x->req.content_length ? room : (size_t)x->req.content_length);
}

void
pyb_request_start(struct pyb_app *app, struct hx_exchange *x)
{
	app_in_use = app;
	app->started++;
	if (!simple(app, x)) {
		run_begin(app, x);
		return;
	}
	app->ended++;
	if (!path_is(x, "/lost"))
		x->calls->released(x);
}

void
pyb_request_content(struct hx_exchange *x)
{
	struct run *r = x->upper.run;

	if (path_is(x, "/read") || path_is(x, "/wait") || path_is(x, "/begin"))
		run_step(r);
	else if (x->content.aborted && r->waits) {
		r->waits = false;
		r->app->aborted++;
		run_step(r);
	}
}

/* No request becomes a WebSocket here. */
unsigned
pyb_websocket_message(struct hx_exchange *x, const struct hx_part *part)
{
	(void)x;
	(void)part;
	return 0;
}

void
pyb_websocket_closed(struct hx_exchange *x, const struct hx_closing *why)
{
	(void)x;
	(void)why;
}

void
pyb_request_cancel(struct hx_exchange *x)
{
	(void)x;	/* what runs ends by itself when its client is gone */
	app_in_use->cancelled++;
}

void
pyb_request_writable(struct hx_exchange *x)
{
	struct run *r = x->upper.run;

	if (!r->waits)
		return;
	r->waits = false;
	run_step(r);
}

bool
pyb_request_active(const struct hx_exchange *x)
{
	return x->upper.run != NULL;
}
