/*
 * url: authority, path and query to a Location.
 *
 * Called by trusted_host.c and https_redirect.c. Starlette takes the URL apart and puts it
 * together again with urllib. For the URLs that are written here this changes nothing;
 * for those that it would change, nothing is written here.
 */
#include "middleware/url.h"

#include "base/decimal.h"
#include "base/utf8.h"
#include "middleware/host.h"

enum { QUOTED_MAX = 3 };	/* bytes that one byte becomes */

/* The port that a URL of that scheme need not name; 0: an unknown scheme. */
static int64_t
default_port(struct slice scheme)
{
	if (slice_equal(scheme, SLICE_LIT("http")) || slice_equal(scheme, SLICE_LIT("ws")))
		return 80;
	if (slice_equal(scheme, SLICE_LIT("https")) || slice_equal(scheme, SLICE_LIT("wss")))
		return 443;
	return 0;
}

/* The server's own address, where the client has named none. */
static int
server_authority(const struct mw_request *r, struct arena *arena, struct mw_authority *out)
{
	struct slice host = r->server_host;
	int64_t standard = default_port(r->scheme);
	char *text, *p;

	*out = (struct mw_authority){ .text = SLICE_LIT("") };
	if (!r->server_known)
		return -1;
	if (host.len == 0)
		return 0;
	if (standard == 0 || r->server_port < 0 || memchr(host.ptr, ':', host.len) != NULL)
		return -1;
	out->host = out->text = host;
	if (r->server_port == standard)
		return 0;
	p = text = arena_alloc(arena, host.len + 1 + DECIMAL_MAX);
	if (text == NULL)
		return -1;
	memcpy(p, host.ptr, host.len);
	p += host.len;
	*p++ = ':';
	p += decimal_put(p, (uint64_t)r->server_port);
	out->has_port = true;
	out->port = (unsigned)r->server_port;
	out->text = (struct slice){ text, (size_t)(p - text) };
	return 0;
}

int
mw_url_authority(const struct mw_request *r, struct arena *arena, struct mw_authority *out)
{
	struct slice value = mw_request_field(r, SLICE_LIT("host"));
	struct mw_host host;

	if (!mw_host_read(value, &host) || !mw_host_port_ok(&host))
		return server_authority(r, arena, out);
	/* urllib has rules of its own for IP literals. */
	if (host.host.ptr[0] == '[')
		return -1;
	*out = (struct mw_authority){ host.host, host.port.ptr != NULL, mw_host_port(&host),
	    value };
	return 0;
}

/* Has `s` no byte that urllib would drop, and is it UTF-8? */
static bool
is_plain(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		int len = utf8_length(s.ptr + i, s.len - i);

		if (len < 0 || (unsigned char)s.ptr[i] < 0x20)
			return false;
		i += (size_t)len - 1;
	}
	return true;
}

/* Does Starlette leave path and query as they are? */
static bool
url_is_plain(const struct mw_request *r)
{
	struct slice first = r->root.len > 0 ? r->root : r->path;

	return first.len > 0 && first.ptr[0] == '/' && is_plain(r->root) && is_plain(r->path) &&
	    is_plain(r->query) &&
	    (r->query.len == 0 || memchr(r->query.ptr, '#', r->query.len) == NULL);
}

/* May the byte stand in a Location as it is? The set is RedirectResponse's. */
static bool
is_safe(char c)
{
	return decimal_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c != '\0' && strchr("_.-~:/%#?=@[]!$&'()*+,;", c) != NULL);
}

static char *
quote(char *p, struct slice s, bool path)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (is_safe(s.ptr[i]) && !(path && (c == '?' || c == '#'))) {
			*p++ = s.ptr[i];
			continue;
		}
		*p++ = '%';
		*p++ = digits[c >> 4];
		*p++ = digits[c & 15];
	}
	return p;
}

/* The value of Location. `ptr` is NULL when out of memory. */
static struct slice
location(const struct mw_request *r, struct slice scheme, struct slice authority,
    struct arena *arena)
{
	size_t len = scheme.len + authority.len + r->root.len + r->path.len + r->query.len;
	char *text = arena_alloc(arena, len * QUOTED_MAX + 4), *p = text;

	if (text == NULL)
		return SLICE_NULL;
	p = quote(p, scheme, false);
	memcpy(p, "://", 3);
	p = quote(p + 3, authority, false);
	p = quote(p, r->root, true);
	p = quote(p, r->path, true);
	if (r->query.len > 0) {
		*p++ = '?';
		p = quote(p, r->query, false);
	}
	return (struct slice){ text, (size_t)(p - text) };
}

int
mw_url_redirect(struct mw_answer *a, const struct mw_request *r, struct slice scheme,
    struct slice authority)
{
	struct slice to = url_is_plain(r) ? location(r, scheme, authority, a->arena) :
	    SLICE_NULL;

	if (to.ptr == NULL)
		return -1;
	a->status = 307;
	if (mw_answer_append(a, SLICE_LIT("content-length"), SLICE_LIT("0")) < 0)
		return -1;
	return mw_answer_append(a, SLICE_LIT("location"), to);
}
