/*
 * multipart_transcript: see the header.
 */
#include "tests/unit/multipart_transcript.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "http/multipart.h"

struct transcript {
	char *text;
	size_t len;
	FILE *out;
	bool in_data;
};

static void
put_hex(FILE *out, struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		fprintf(out, "%02x", (unsigned char)s.ptr[i]);
}

static void
put_fields(FILE *out, const struct hx_multipart *m)
{
	for (unsigned i = 0; i < m->n_fields; i++) {
		struct hx_multipart_field field = hx_multipart_field(m, i);

		fputs("f ", out);
		put_hex(out, field.name);
		fputc('=', out);
		put_hex(out, field.value);
		fputc('\n', out);
	}
}

static void
put_event(struct transcript *t, enum hx_multipart_event event, const struct hx_multipart *m,
    struct slice data)
{
	if (event == HX_MULTIPART_DATA) {
		must(data.len > 0);
		if (!t->in_data)
			fputs("d ", t->out);
		t->in_data = true;
		put_hex(t->out, data);
		return;
	}
	if (t->in_data)
		fputc('\n', t->out);
	t->in_data = false;
	if (event == HX_MULTIPART_PART)
		put_fields(t->out, m);
	else
		fputs(event == HX_MULTIPART_PART_END ? "e\n" : "!\n", t->out);
}

/* False: it was malformed. */
static bool
feed(struct transcript *t, struct hx_multipart *m, const char *piece, size_t len)
{
	for (size_t at = 0;;) {
		struct slice data = SLICE_NULL;
		size_t used;
		enum hx_multipart_event event = hx_multipart_feed(m, piece + at, len - at, &used,
		    &data);

		must(used <= len - at);
		at += used;
		if (event == HX_MULTIPART_MORE) {
			must(at == len);
			return true;
		}
		put_event(t, event, m, data);
		if (event == HX_MULTIPART_MALFORMED)
			return false;
	}
}

char *
multipart_transcript(struct slice boundary, const char *content, size_t len, size_t first,
    size_t step)
{
	struct transcript t = { .in_data = false };
	struct hx_multipart m;
	bool more = true;

	t.out = open_memstream(&t.text, &t.len);
	must(t.out != NULL && step > 0);
	if (hx_multipart_init(&m, boundary) < 0) {
		fputs("!\n", t.out);
		more = false;
	}
	for (size_t at = 0, n = first; more && at < len; at += n, n = step) {
		char *piece;

		if (n > len - at)
			n = len - at;
		piece = malloc(n > 0 ? n : 1);
		must(piece != NULL);
		memcpy(piece, content + at, n);
		more = feed(&t, &m, piece, n);
		free(piece);
	}
	if (t.in_data)
		fputc('\n', t.out);
	hx_multipart_fini(&m);
	fclose(t.out);
	return t.text;
}
