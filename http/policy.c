/*
 * policy: the strict layer over the parser.
 *
 * Called by parse.c for every head. Each check names the clause it stands on.
 */
#include "http/policy.h"

#include "http/target.h"

static const struct hx_refusal refusals[] = {
#define REFUSAL(name, status, reason) { status, #name, reason },
#include "http/refusal.def"
#undef REFUSAL
};

const struct hx_refusal *
hx_refusal_get(enum hx_refusal_id id)
{
	return &refusals[id];
}

#define REFUSE(name) return &refusals[HX_REFUSE_##name]

static bool
token_byte(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* A field line: token, colon at once behind it (RFC 9112 section 5.1). */
static bool
field_line_ok(const char *p, const char *end)
{
	const char *colon = memchr(p, ':', (size_t)(end - p));

	if (colon == NULL || colon == p)
		return false;
	for (; p < colon; p++)
		if (!token_byte((unsigned char)*p))
			return false;
	return true;
}

const struct hx_refusal *
hx_policy_bytes(const char *head, size_t len)
{
	const char *p = head, *end = head + len;
	bool first = true;

	if (memchr(head, '\0', len) != NULL)
		REFUSE(bad_byte);
	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));

		if (lf == NULL || lf == p || lf[-1] != '\r')
			REFUSE(bad_line_end);
		if (memchr(p, '\r', (size_t)(lf - 1 - p)) != NULL)
			REFUSE(bad_line_end);
		if (lf - 1 == p)
			break;	/* the blank line */
		if (!first && (*p == ' ' || *p == '\t'))
			REFUSE(folded_field);
		if (!first && !field_line_ok(p, lf - 1))
			REFUSE(bad_field);
		first = false;
		p = lf + 1;
	}
	return NULL;
}

/* Bytes of a request target: visible ASCII without '#' and '\'; percent
 * sequences whole and not hiding control bytes that split lines. */
static bool
target_ok(struct slice t)
{
	for (size_t i = 0; i < t.len; i++) {
		unsigned char c = (unsigned char)t.ptr[i];
		int value;

		if (c <= 0x20 || c >= 0x7F || c == '#' || c == '\\')
			return false;
		if (c != '%')
			continue;
		value = hx_percent_value(t.ptr + i, t.len - i);
		if (value < 0 || value == 0 || value == '\n' || value == '\r')
			return false;
	}
	return true;
}

/* A Host value or an authority: host[:port], nothing else (RFC 9112 3.2). */
static bool
authority_ok(struct slice host)
{
	for (size_t i = 0; i < host.len; i++) {
		unsigned char c = (unsigned char)host.ptr[i];

		if (c <= 0x20 || c >= 0x7F || strchr("@/\\?#,\"<>", c) != NULL)
			return false;
	}
	return host.len > 0;
}

/* http://authority/path: the authority must be the Host (RFC 9112 3.2.2). */
static const struct hx_refusal *
absolute_form(struct hx_exchange *x, struct slice *rest)
{
	struct slice t = *rest, host = hx_exchange_known(x, HX_HOST), authority;
	size_t skip;

	if (t.len > 7 && slice_equal_lower((struct slice){ t.ptr, 7 }, SLICE_LIT("http://")))
		skip = 7;
	else if (t.len > 8 &&
	    slice_equal_lower((struct slice){ t.ptr, 8 }, SLICE_LIT("https://")))
		skip = 8;
	else
		REFUSE(bad_target);
	authority = (struct slice){ t.ptr + skip, t.len - skip };
	for (size_t i = 0; i < authority.len; i++)
		if (authority.ptr[i] == '/' || authority.ptr[i] == '?') {
			authority.len = i;
			break;
		}
	if (!authority_ok(authority) || (host.ptr != NULL && !slice_equal(host, authority)))
		REFUSE(bad_host);
	*rest = (struct slice){ authority.ptr + authority.len, t.len - skip - authority.len };
	return NULL;
}

static const struct hx_refusal *
target_split(struct hx_exchange *x)
{
	struct hx_request *req = &x->req;
	struct slice rest = req->target;
	const struct hx_refusal *why;
	const char *mark;

	if (!target_ok(rest) || rest.len == 0)
		REFUSE(bad_target);
	if (rest.len == 1 && *rest.ptr == '*') {
		if (!slice_equal(req->method_name, SLICE_LIT("OPTIONS")))
			REFUSE(bad_target);
	} else if (*rest.ptr != '/' && (why = absolute_form(x, &rest)) != NULL) {
		return why;
	}
	mark = rest.len > 0 ? memchr(rest.ptr, '?', rest.len) : NULL;
	req->raw_path = rest;
	req->query = SLICE_LIT("");
	if (mark != NULL) {
		req->raw_path.len = (size_t)(mark - rest.ptr);
		req->query = (struct slice){ mark + 1, rest.len - req->raw_path.len - 1 };
	}
	if (req->raw_path.len == 0)
		req->raw_path = SLICE_LIT("/");
	if (hx_path_decode(&x->arena, req->raw_path, &req->path) < 0)
		REFUSE(no_memory);
	return NULL;
}

/* RFC 9112 section 6.3; a list, a sign, leading zeros or a repetition is refused
 * although the RFC would allow equal repetitions. */
static const struct hx_refusal *
length_read(struct hx_exchange *x)
{
	struct slice v = hx_exchange_known(x, HX_CONTENT_LENGTH);
	uint64_t n = 0;

	if (v.ptr == NULL)
		return NULL;
	if (x->req.count[HX_CONTENT_LENGTH] != 1 || v.len == 0 || v.len > 18 ||
	    (v.len > 1 && *v.ptr == '0'))
		REFUSE(bad_length);
	for (size_t i = 0; i < v.len; i++) {
		if (v.ptr[i] < '0' || v.ptr[i] > '9')
			REFUSE(bad_length);
		n = n * 10 + (uint64_t)(v.ptr[i] - '0');
	}
	x->req.content_length = n;
	return NULL;
}

static const struct hx_refusal *
framing_read(struct hx_exchange *x)
{
	struct slice coding = hx_exchange_known(x, HX_TRANSFER_ENCODING);
	const struct hx_refusal *why = length_read(x);

	if (why != NULL || coding.ptr == NULL)
		return why;
	if (x->req.count[HX_CONTENT_LENGTH] > 0)
		REFUSE(length_and_coding);
	if (x->req.minor == 0)
		REFUSE(coding_in_10);
	if (x->req.count[HX_TRANSFER_ENCODING] != 1 ||
	    !slice_equal_lower(coding, SLICE_LIT("chunked")))
		REFUSE(bad_coding);
	x->req.chunked = true;
	return NULL;
}

static const struct hx_refusal *
expectation_read(struct hx_exchange *x)
{
	struct slice v = hx_exchange_known(x, HX_EXPECT);

	x->req.expect_continue = false;
	if (v.ptr == NULL || x->req.minor == 0)
		return NULL;
	if (!slice_equal_lower(v, SLICE_LIT("100-continue")))
		REFUSE(bad_expectation);
	x->req.expect_continue = true;
	return NULL;
}

const struct hx_refusal *
hx_policy_request(struct hx_exchange *x, unsigned major, bool parser_keeps_alive)
{
	struct hx_request *req = &x->req;
	struct slice host = hx_exchange_known(x, HX_HOST);
	const struct hx_refusal *why;

	req->chunked = false;
	req->content_length = 0;
	if (major != 1 || req->minor > 1)
		REFUSE(bad_version);
	if (slice_equal(req->method_name, SLICE_LIT("CONNECT")))
		REFUSE(connect);
	/* RFC 9112 section 3.2: 1.1 requires exactly one Host. */
	if (req->count[HX_HOST] > 1 || (req->minor == 1 && host.ptr == NULL) ||
	    (host.ptr != NULL && !authority_ok(host)))
		REFUSE(bad_host);
	why = target_split(x);
	if (why == NULL)
		why = framing_read(x);
	if (why == NULL)
		why = expectation_read(x);
	/* uvicorn never keeps an HTTP/1.0 connection. */
	req->keep_alive = parser_keeps_alive && req->minor == 1;
	return why;
}
