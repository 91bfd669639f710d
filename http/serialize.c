/*
 * serialize: heads and chunk heads.
 *
 * Called by worker/reply.c and worker/pieces.c. The rules are those of uvicorn's httptools
 * protocol, except that an HTTP/1.0 client never gets chunks, which it cannot read.
 */
#include "http/serialize.h"

#include <stdio.h>

#include "base/must.h"
#include "http/field.h"
#include "http/status.h"

enum { ADDED_BYTES = 64 };

size_t
hx_serialize_room(const struct hx_header *fields, size_t n, struct slice preset)
{
	size_t room = HX_STATUS_LINE_MAX + preset.len + ADDED_BYTES;

	for (size_t i = 0; i < n; i++)
		room += fields[i].name.len + fields[i].value.len + 4;
	return room;
}

static char *
put(char *p, const char *bytes, size_t n)
{
	if (n > 0)
		memcpy(p, bytes, n);
	return p + n;
}

static bool
is_coding(const struct hx_header *f)
{
	return slice_equal(f->name, SLICE_LIT("transfer-encoding"));
}

/* Would this split the answer (CVE-2020-7695)? The bindings look first, because the
 * application must get an exception from its own send(). This gate stays all the
 * same: every field of every answer passes here and only here, whoever made it. */
static bool
splits(const struct hx_header *f)
{
	return f->name.len == 0 || memchr(f->name.ptr, ':', f->name.len) != NULL ||
	    !hx_field_value_ok(f->name) || !hx_field_value_ok(f->value);
}

/* The name of a field as it is sent. Names are in lower case, but for those of a handshake of WebSocket's:
 * clients that compare them byte by byte (gql) expect them as RFC 6455 writes them. */
static struct slice
name_sent(const struct hx_header *f, int status)
{
	static const struct slice names[] = {
		SLICE_LIT("Upgrade"), SLICE_LIT("Connection"), SLICE_LIT("Sec-WebSocket-Accept"),
		SLICE_LIT("Sec-WebSocket-Protocol"), SLICE_LIT("Sec-WebSocket-Extensions"),
	};

	if (status == 101)
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (slice_equal_lower(names[i], f->name))
				return names[i];
	return f->name;
}

/* Note what one of the application's fields says about content and connection. False: it
 * cannot be sent. */
static bool
field_note(const struct hx_header *f, struct hx_promise *promise, bool *decided,
    bool *close)
{
	if (slice_equal(f->name, SLICE_LIT("content-length"))) {
		if (*decided)
			return true;
		promise->has_length = *decided = true;
		return hx_field_length_read(f->value, &promise->left);
	}
	if (is_coding(f)) {
		if (slice_equal_lower(f->value, SLICE_LIT("chunked"))) {
			promise->chunked = *decided = true;
			promise->has_length = false;
			promise->left = 0;
		}
	} else if (slice_equal(f->name, SLICE_LIT("connection"))) {
		*close = *close || hx_field_has_token(f->value, SLICE_LIT("close"));
	}
	return true;
}

ssize_t
hx_serialize_head(char *out, size_t room, const struct hx_exchange *x, bool keep_alive,
    int status, const struct hx_header *fields, size_t n, struct slice preset,
    struct hx_promise *promise)
{
	bool decided = false, close = false, chunk_it;
	struct slice name;
	char *p = out;

	must(room >= hx_serialize_room(fields, n, preset));
	*promise = (struct hx_promise){
		.content = !x->is_head && status >= 200 && status != 204 && status != 304,
		/* After a 101 the connection is another protocol's. */
		.keep_alive = keep_alive || status == 101,
	};
	p += hx_status_write(p, status);
	p = put(p, preset.ptr, preset.len);
	for (size_t i = 0; i < n; i++) {
		if (x->req.h1.minor == 0 && is_coding(&fields[i]))
			continue;	/* HTTP/1.0 knows no coding */
		if (splits(&fields[i]) || !field_note(&fields[i], promise, &decided, &close))
			return -1;
		name = name_sent(&fields[i], status);
		p = put(p, name.ptr, name.len);
		p = put(p, ": ", 2);
		p = put(p, fields[i].value.ptr, fields[i].value.len);
		p = put(p, "\r\n", 2);
	}
	chunk_it = !decided && promise->content;
	if (chunk_it && x->req.h1.minor == 0)
		promise->keep_alive = chunk_it = false;
	if (!promise->keep_alive && !close)
		p = put(p, "connection: close\r\n", 19);
	promise->keep_alive = promise->keep_alive && !close;
	if (chunk_it) {
		promise->chunked = true;
		p = put(p, "transfer-encoding: chunked\r\n", 28);
	}
	p = put(p, "\r\n", 2);
	return p - out;
}

size_t
hx_serialize_chunk_head(char out[20], size_t len)
{
	return (size_t)snprintf(out, 20, "%zx\r\n", len);
}
