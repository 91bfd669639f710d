/*
 * field: lines, names, values, eight bytes at a time where it pays.
 *
 * Called by the rest of http/, by middleware/ and files/, by bindings/ for what an application
 * answers, by worker/added.c, and by parse.c for every line of every request: the hottest code of the
 * room. It must never read behind `end` nor change a line that has not arrived in full.
 */
#include "http/field.h"

#include "base/decimal.h"
#include "base/must.h"
#include "base/word.h"

/* Token bytes (RFC 9110 section 5.6.2) in lower case, 0 for all others. */
static const unsigned char lower_token[256] = {
	['!'] = '!', ['#'] = '#', ['$'] = '$', ['%'] = '%', ['&'] = '&', ['\''] = '\'',
	['*'] = '*', ['+'] = '+', ['-'] = '-', ['.'] = '.', ['^'] = '^', ['_'] = '_',
	['`'] = '`', ['|'] = '|', ['~'] = '~',
	['0'] = '0', '1', '2', '3', '4', '5', '6', '7', '8', '9',
	['A'] = 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm',
	'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z',
	['a'] = 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm',
	'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z',
};

static bool
is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7F;
}

/* The first control byte at or behind `p`, `end` when there is none. */
static const char *
control_find(const char *p, const char *end)
{
	for (; end - p >= WORD_BYTES; p += WORD_BYTES) {
		uint64_t word = word_load(p);
		uint64_t marks = word_below(word, 0x20) | word_equal(word, 0x7F);

		if (marks != 0)
			return p + word_first(marks);
	}
	while (p < end && !is_control(*p))
		p++;
	return p;
}

/* The first control byte that is no tab; `end` when there is none. */
static const char *
odd_find(const char *p, const char *end)
{
	while ((p = control_find(p, end)) < end && *p == '\t')
		p++;
	return p;
}

size_t
hx_field_token_len(struct slice s)
{
	size_t n = 0;

	while (n < s.len && lower_token[(unsigned char)s.ptr[n]] != 0)
		n++;
	return n;
}

bool
hx_field_is_token(struct slice s)
{
	return s.len > 0 && hx_field_token_len(s) == s.len;
}

bool
hx_field_value_ok(struct slice s)
{
	return s.len == 0 || odd_find(s.ptr, s.ptr + s.len) == s.ptr + s.len;
}

char *
hx_field_line_end(char *p, char *end, enum hx_refusal *why)
{
	must(p <= end);
	*why = HX_ACCEPTED;
	p += odd_find(p, end) - p;
	if (p == end)
		return NULL;
	if (*p != '\r') {
		*why = *p == '\n' ? HX_REFUSE_bad_line_end : HX_REFUSE_bad_byte;
		return NULL;
	}
	if (p + 1 == end)
		return NULL;
	if (p[1] == '\n')
		return p;
	*why = HX_REFUSE_bad_line_end;
	return NULL;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct slice
trim(const char *p, const char *end)
{
	while (p < end && is_blank(*p))
		p++;
	while (end > p && is_blank(end[-1]))
		end--;
	return (struct slice){ p, (size_t)(end - p) };
}

/* Python's str.isspace() below U+0100. */
static bool
is_space(unsigned char c)
{
	return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0;
}

struct slice
hx_field_strip(struct slice s)
{
	while (s.len > 0 && is_space((unsigned char)s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 && is_space((unsigned char)s.ptr[s.len - 1]))
		s.len--;
	return s;
}

enum hx_refusal
hx_field_read(char *line, char *cr, struct hx_header *out)
{
	char *p = line;
	unsigned char c;

	must(line < cr && *cr == '\r');
	/* The CR is no token byte: the loop stops at it at the latest. */
	while ((c = lower_token[(unsigned char)*p]) != 0)
		*p++ = (char)c;
	if (p == line)
		return is_blank(*p) ? HX_REFUSE_folded_field : HX_REFUSE_bad_field;
	if (*p != ':')
		return HX_REFUSE_bad_field;
	out->name = (struct slice){ line, (size_t)(p - line) };
	out->value = trim(p + 1, cr);
	return HX_ACCEPTED;
}

bool
hx_field_length_read(struct slice value, uint64_t *out)
{
	struct slice digits = trim(value.ptr, value.ptr + value.len);

	return decimal_read(digits.ptr, digits.len, out);
}

bool
hx_field_member_next(struct slice *rest, struct slice *member)
{
	const char *p = rest->ptr, *end, *comma;

	if (p == NULL)
		return false;
	end = p + rest->len;
	comma = memchr(p, ',', rest->len);
	*member = trim(p, comma != NULL ? comma : end);
	*rest = comma == NULL ? SLICE_NULL :
	    (struct slice){ comma + 1, (size_t)(end - comma - 1) };
	return true;
}

bool
hx_field_has_token(struct slice value, struct slice word)
{
	struct slice member;

	while (hx_field_member_next(&value, &member))
		if (slice_equal_lower(member, word))
			return true;
	return false;
}
