/*
 * multipart: a small state machine over content bytes, and a search for the boundary.
 *
 * Called by bindings/plan with the content of a form. A part's field lines are collected in
 * one buffer, which the next part uses again; content is never copied. It must never decide
 * what a part is for.
 */
#include "http/multipart.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "http/field.h"

enum { FIRST_LINES = 512 };

/* What is being read, and where. */
struct input {
	const char *at, *end;
};

int
hx_multipart_init(struct hx_multipart *m, struct slice boundary)
{
	*m = (struct hx_multipart){ .state = HX_MULTIPART_START };
	if (boundary.len > HX_MULTIPART_BOUNDARY)
		return -1;
	memcpy(m->delimiter, "\r\n--", 4);
	if (boundary.len > 0)
		memcpy(m->delimiter + 4, boundary.ptr, boundary.len);
	m->delimiter_len = 4 + boundary.len;
	/* The search counts on its only CR. A field of a request has none, but a layer of the
	 * application's may write what it likes into the scope. */
	return memchr(m->delimiter + 1, '\r', m->delimiter_len - 1) == NULL ? 0 : -1;
}

void
hx_multipart_fini(struct hx_multipart *m)
{
	free(m->lines);
	m->lines = NULL;
}

struct hx_multipart_field
hx_multipart_field(const struct hx_multipart *m, unsigned i)
{
	size_t from = i == 0 ? 0 : m->ends[i - 1].value;

	must(i < m->n_fields);
	return (struct hx_multipart_field){
		{ m->lines + from, m->ends[i].name - from },
		{ m->lines + m->ends[i].name, m->ends[i].value - m->ends[i].name },
	};
}

struct slice
hx_multipart_value(const struct hx_multipart *m, struct slice name)
{
	for (unsigned i = m->n_fields; i-- > 0;) {
		struct hx_multipart_field field = hx_multipart_field(m, i);

		if (slice_equal(field.name, name))
			return field.value;
	}
	return SLICE_NULL;
}

static char
byte_take(struct input *in)
{
	must(in->at < in->end);
	return *in->at++;
}

/* The bytes before the next `stop`, or all; *found says which. */
static struct slice
span(struct input *in, char stop, bool *found)
{
	struct slice s = { in->at, (size_t)(in->end - in->at) };
	const char *at = s.len > 0 ? memchr(s.ptr, stop, s.len) : NULL;

	*found = at != NULL;
	if (at != NULL)
		s.len = (size_t)(at - s.ptr);
	in->at += s.len;
	return s;
}

/* A line break, and with it whatever comes before a hyphen, may stand before the first
 * boundary. python-multipart looks for it in each piece anew. */
static void
start_skip(struct hx_multipart *m, struct input *in)
{
	bool found = true;

	if (*in->at == '\r' || *in->at == '\n')
		span(in, '-', &found);
	if (!found)
		return;
	m->state = HX_MULTIPART_FIRST;
	m->matched = 2;
}

/* As much of the delimiter as follows what has matched. False: another byte comes. */
static bool
delimiter_match(struct hx_multipart *m, struct input *in)
{
	size_t n = m->delimiter_len - m->matched;

	if (n > (size_t)(in->end - in->at))
		n = (size_t)(in->end - in->at);
	if (n > 0 && memcmp(in->at, m->delimiter + m->matched, n) != 0)
		return false;
	in->at += n;
	m->matched += n;
	return true;
}

static void
fields_begin(struct hx_multipart *m)
{
	m->state = HX_MULTIPART_FIELD;
	m->matched = m->lines_len = m->line_len = 0;
	m->n_fields = 0;
}

/* The first boundary, and what ends its line. False: malformed. */
static bool
first_take(struct hx_multipart *m, struct input *in)
{
	char c;

	if (m->state == HX_MULTIPART_FIRST) {
		if (!delimiter_match(m, in))
			return false;
		if (m->matched == m->delimiter_len)
			m->state = HX_MULTIPART_FIRST_CR;
		return true;
	}
	c = byte_take(in);
	switch (m->state) {
	case HX_MULTIPART_FIRST_CR:
		m->state = c == '-' ? HX_MULTIPART_FIRST_LAST : HX_MULTIPART_FIRST_LF;
		return c == '-' || c == '\r';
	case HX_MULTIPART_FIRST_LAST:
		m->state = HX_MULTIPART_EPILOGUE;
		return c == '-';
	default:
		fields_begin(m);
		return c == '\n';
	}
}

/* The line in hand is `n` bytes longer. False: it is too long. */
static bool
line_count(struct hx_multipart *m, size_t n)
{
	m->line_len += n;
	return m->line_len <= HX_MULTIPART_LINE;
}

/* Keep bytes of a field line. False: no memory. */
static bool
line_keep(struct hx_multipart *m, struct slice bytes)
{
	size_t cap = m->lines_cap == 0 ? FIRST_LINES : m->lines_cap;

	while (cap - m->lines_len < bytes.len)
		cap *= 2;
	if (cap != m->lines_cap) {
		char *grown = realloc(m->lines, cap);

		if (grown == NULL)
			return false;
		m->lines = grown;
		m->lines_cap = cap;
	}
	if (bytes.len > 0)
		memcpy(m->lines + m->lines_len, bytes.ptr, bytes.len);
	m->lines_len += bytes.len;
	return true;
}

/* The start of a field line, or the empty line. False: malformed. */
static bool
field_begin(struct hx_multipart *m, struct input *in)
{
	if (*in->at == '\r') {
		m->state = HX_MULTIPART_FIELDS_LF;
		in->at++;
		return true;
	}
	m->state = HX_MULTIPART_NAME;
	m->line_len = 0;
	return m->n_fields++ < HX_MULTIPART_FIELDS;
}

static bool
name_take(struct hx_multipart *m, struct input *in)
{
	size_t from = m->n_fields > 1 ? m->ends[m->n_fields - 2].value : 0, end;
	bool found;
	struct slice s = span(in, ':', &found);

	if (!line_count(m, s.len + found) || hx_field_token_len(s) < s.len || !line_keep(m, s))
		return false;
	end = m->lines_len;
	for (char *p = m->lines + end - s.len; p < m->lines + end; p++)
		*p = (char)slice_lower((unsigned char)*p);
	if (!found)
		return true;
	in->at++;
	m->ends[m->n_fields - 1].name = end;
	m->state = HX_MULTIPART_BLANKS;
	return end > from;
}

static bool
value_take(struct hx_multipart *m, struct input *in)
{
	bool found;
	struct slice s = span(in, '\r', &found);

	if (!line_count(m, s.len) || !line_keep(m, s))
		return false;
	if (!found)
		return true;
	in->at++;
	m->ends[m->n_fields - 1].value = m->lines_len;
	m->state = HX_MULTIPART_VALUE_LF;
	return true;
}

/* Take field lines while there are bytes. False: malformed. The state is CONTENT when the
 * empty line has come. */
static bool
fields_take(struct hx_multipart *m, struct input *in)
{
	bool ok = true;

	while (ok && in->at < in->end) {
		switch (m->state) {
		case HX_MULTIPART_FIELD:
			ok = field_begin(m, in);
			break;
		case HX_MULTIPART_NAME:
			ok = name_take(m, in);
			break;
		case HX_MULTIPART_BLANKS:
			if (*in->at != ' ') {
				m->state = HX_MULTIPART_VALUE;
				break;
			}
			in->at++;
			ok = line_count(m, 1);
			break;
		case HX_MULTIPART_VALUE:
			ok = value_take(m, in);
			break;
		case HX_MULTIPART_VALUE_LF:
			m->state = HX_MULTIPART_FIELD;
			ok = byte_take(in) == '\n';
			break;
		default:
			must(m->state == HX_MULTIPART_FIELDS_LF);
			m->state = HX_MULTIPART_CONTENT;
			return byte_take(in) == '\n';
		}
	}
	return ok;
}

/* Content up to the next delimiter, or to what may be the start of one. */
static struct slice
content_search(struct hx_multipart *m, struct input *in)
{
	struct slice s = { in->at, (size_t)(in->end - in->at) };
	const char *found = memmem(s.ptr, s.len, m->delimiter, m->delimiter_len);
	size_t tail = s.len < m->delimiter_len ? s.len : m->delimiter_len - 1;

	if (found != NULL) {
		m->matched = m->delimiter_len;
	} else {
		/* Only the last CR can begin a delimiter that goes on in the next bytes. */
		found = memrchr(in->end - tail, '\r', tail);
		if (found == NULL || memcmp(found, m->delimiter, (size_t)(in->end - found)) != 0) {
			in->at = in->end;
			return s;
		}
		m->matched = (size_t)(in->end - found);
	}
	s.len = (size_t)(found - s.ptr);
	in->at = found + m->matched;
	return s;
}

/* What came before was no delimiter: it is content. */
static enum hx_multipart_event
unmatched(struct hx_multipart *m, struct slice *data)
{
	*data = (struct slice){ m->delimiter, m->matched };
	m->matched = 0;
	return HX_MULTIPART_DATA;
}

/* The two bytes behind a delimiter. */
static enum hx_multipart_event
delimiter_end(struct hx_multipart *m, struct input *in, struct slice *data)
{
	char *behind = &m->delimiter[m->delimiter_len];
	char c = *in->at;

	if (m->matched == m->delimiter_len) {
		if (c == ' ' || c == '\t') {
			m->state = HX_MULTIPART_PADDING;
			return HX_MULTIPART_MORE;
		}
		if (c != '\r' && c != '-')
			return unmatched(m, data);
		*behind = c;
		m->matched++;
		in->at++;
		return HX_MULTIPART_MORE;
	}
	if (c != (*behind == '\r' ? '\n' : '-'))
		return unmatched(m, data);
	in->at++;
	if (c == '\n')
		fields_begin(m);
	else
		m->state = HX_MULTIPART_EPILOGUE;
	return HX_MULTIPART_PART_END;
}

/* MORE: nothing to tell, but perhaps bytes are left. */
static enum hx_multipart_event
content_take(struct hx_multipart *m, struct input *in, struct slice *data)
{
	if (m->matched == 0) {
		*data = content_search(m, in);
		return data->len > 0 ? HX_MULTIPART_DATA : HX_MULTIPART_MORE;
	}
	if (m->matched >= m->delimiter_len)
		return delimiter_end(m, in, data);
	return delimiter_match(m, in) ? HX_MULTIPART_MORE : unmatched(m, data);
}

/* The rest of the line behind a delimiter and blanks: only with it the part ends. */
static enum hx_multipart_event
padding_take(struct hx_multipart *m, struct input *in)
{
	char c = byte_take(in);

	if (m->state == HX_MULTIPART_PADDING) {
		if (c == '\r')
			m->state = HX_MULTIPART_PADDING_LF;
		return c == '\r' || c == ' ' || c == '\t' ? HX_MULTIPART_MORE :
		    HX_MULTIPART_MALFORMED;
	}
	fields_begin(m);
	return c == '\n' ? HX_MULTIPART_PART_END : HX_MULTIPART_MALFORMED;
}

/* One step. MORE: nothing to tell, but perhaps bytes are left. */
static enum hx_multipart_event
step(struct hx_multipart *m, struct input *in, struct slice *data)
{
	bool ok = true;

	if (m->state == HX_MULTIPART_CONTENT)
		return content_take(m, in, data);
	if (m->state == HX_MULTIPART_PADDING || m->state == HX_MULTIPART_PADDING_LF)
		return padding_take(m, in);
	if (m->state == HX_MULTIPART_EPILOGUE)
		in->at = in->end;
	else if (m->state >= HX_MULTIPART_FIELD)
		ok = fields_take(m, in);
	else if (m->state >= HX_MULTIPART_FIRST)
		ok = first_take(m, in);
	else
		start_skip(m, in);
	if (!ok)
		return HX_MULTIPART_MALFORMED;
	return m->state == HX_MULTIPART_CONTENT ? HX_MULTIPART_PART : HX_MULTIPART_MORE;
}

enum hx_multipart_event
hx_multipart_feed(struct hx_multipart *m, const char *buf, size_t len, size_t *used,
    struct slice *data)
{
	enum hx_multipart_event event = HX_MULTIPART_MORE;
	struct input in = { buf, buf + len };

	while (event == HX_MULTIPART_MORE && in.at < in.end)
		event = step(m, &in, data);
	*used = len - (size_t)(in.end - in.at);
	return event;
}
