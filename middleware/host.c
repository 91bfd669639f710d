/*
 * host: a name, an address or an IP literal, and perhaps a port.
 *
 * Called by trusted_host.c and url.c. It accepts what the pattern of Starlette's
 * parse_host_header() matches, byte for byte, and nothing that could change a URL's path
 * or authority.
 */
#include "middleware/host.h"

#include <arpa/inet.h>

#include "base/decimal.h"
#include "base/hex.h"
#include "base/must.h"

enum { PORT_MAX = 65535, ADDRESS_MAX = 64 };

static bool
is_alnum(char c)
{
	return decimal_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_name_byte(char c)
{
	return is_alnum(c) || (c != '\0' && strchr("._~%!$&'()*+,;=-", c) != NULL);
}

/* The bytes of an address of the future, behind its version. */
static bool
is_future_byte(char c)
{
	return is_alnum(c) || (c != '\0' && strchr("._~!$&'()*+,;=:-", c) != NULL);
}

/* "v1.x", with a small v. */
static bool
is_future(struct slice s)
{
	size_t at = 1;

	if (s.len == 0 || s.ptr[0] != 'v')
		return false;
	while (at < s.len && hex_value(s.ptr[at]) >= 0)
		at++;
	if (at == 1 || at + 1 >= s.len || s.ptr[at] != '.')
		return false;
	for (at++; at < s.len; at++)
		if (!is_future_byte(s.ptr[at]))
			return false;
	return true;
}

static bool
is_ipv6(struct slice s)
{
	char text[ADDRESS_MAX];
	struct in6_addr address;

	if (s.len >= sizeof(text))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (hex_value(s.ptr[i]) < 0 && s.ptr[i] != ':' && s.ptr[i] != '.')
			return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	return inet_pton(AF_INET6, text, &address) == 1;
}

/* How many bytes the host has at the start of the value; 0: none. */
static size_t
host_len(struct slice value)
{
	const char *close;
	struct slice inner;
	size_t n = 0;

	if (value.len == 0)
		return 0;
	if (value.ptr[0] != '[') {
		while (n < value.len && is_name_byte(value.ptr[n]))
			n++;
		return n;
	}
	close = memchr(value.ptr, ']', value.len);
	if (close == NULL)
		return 0;
	inner = (struct slice){ value.ptr + 1, (size_t)(close - value.ptr) - 1 };
	return is_ipv6(inner) || is_future(inner) ? inner.len + 2 : 0;
}

bool
mw_host_read(struct slice value, struct mw_host *out)
{
	size_t n = value.ptr != NULL ? host_len(value) : 0;

	if (n == 0)
		return false;
	*out = (struct mw_host){ { value.ptr, n }, SLICE_NULL };
	if (n == value.len)
		return true;
	if (value.ptr[n] != ':' || n + 1 == value.len)
		return false;
	out->port = (struct slice){ value.ptr + n + 1, value.len - n - 1 };
	for (size_t i = 0; i < out->port.len; i++)
		if (!decimal_digit(out->port.ptr[i]))
			return false;
	return true;
}

/* The digits without leading zeros. */
static struct slice
significant(struct slice digits)
{
	while (digits.len > 0 && digits.ptr[0] == '0') {
		digits.ptr++;
		digits.len--;
	}
	return digits;
}

bool
mw_host_port_ok(const struct mw_host *host)
{
	return significant(host->port).len <= 5 && mw_host_port(host) <= PORT_MAX;
}

unsigned
mw_host_port(const struct mw_host *host)
{
	struct slice digits = significant(host->port);
	uint64_t port = 0;

	if (digits.len > 0 && !decimal_read(digits.ptr, digits.len, &port))
		must(digits.len > DECIMAL_READ_MAX);
	return (unsigned)port;
}
