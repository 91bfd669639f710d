/*
 * address: the texts of addresses.
 *
 * Called by conf.c (settle), judge.c, which says what is wrong with a text, resolve.c and listen.c,
 * which find only texts that judge.c has let pass. Nothing is opened here.
 */
#include "master/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "master/conf.h"

enum { NAME_BYTES = 254, KINDS = 4, PORT_MAX = 65535 };

/* The kinds of addresses; host and port are one. */
static const enum conf_key kinds[KINDS][2] = {
	{ CONF_bind, CONF_bind }, { CONF_fd, CONF_fd }, { CONF_uds, CONF_uds }, { CONF_host, CONF_port },
};

/* The nearest origin of a kind. One that is put off (--uds=) says nothing. */
static int
nearest(const struct master_conf *c, const enum conf_key kind[2])
{
	int first = (int)c->origins[kind[0]].kind, second = (int)c->origins[kind[1]].kind;

	if ((kind[0] == CONF_bind && c->values.bind[0] == '\0') || (kind[0] == CONF_fd && c->values.fd < 0) ||
	    (kind[0] == CONF_uds && c->values.uds[0] == '\0'))
		return ORIGIN_DEFAULT;
	return first > second ? first : second;
}

void
master_address_settle(struct master_conf *c)
{
	int best = ORIGIN_DEFAULT, found[KINDS];
	struct conf defaults;

	conf_init(&defaults);
	for (int i = 0; i < KINDS; i++) {
		found[i] = nearest(c, kinds[i]);
		best = found[i] > best ? found[i] : best;
	}
	for (int i = 0; i < KINDS; i++)
		for (int k = 0; k < 2 && found[i] < best; k++) {
			conf_copy(&c->values, &defaults, &conf_rows[kinds[i][k]]);
			c->origins[kinds[i][k]] = (struct master_origin){ .kind = ORIGIN_DEFAULT };
		}
}

bool
master_address_is_name(const char *text, size_t len)
{
	bool letter = false;

	if (len == 0 || len >= NAME_BYTES || (len == 9 && strncmp(text, "localhost", 9) == 0))
		return false;
	for (size_t i = 0; i < len; i++) {
		letter |= isalpha((unsigned char)text[i]) != 0;
		if (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '.' && text[i] != '_')
			return false;
	}
	return letter;
}

long
master_address_read(const char *text, char host[INET6_ADDRSTRLEN])
{
	const char *colon = strrchr(text, ':');
	size_t len = colon != NULL ? (size_t)(colon - text) : 0;
	bool brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';
	unsigned char bytes[sizeof(struct in6_addr)];
	char *end;
	long port;

	if (colon == NULL || colon[1] < '0' || colon[1] > '9' || len >= INET6_ADDRSTRLEN)
		return -1;
	port = strtol(colon + 1, &end, 10);
	snprintf(host, INET6_ADDRSTRLEN, "%.*s", (int)(brackets ? len - 2 : len), text + brackets);
	if (port > PORT_MAX || *end != '\0' || (strcmp(host, "localhost") != 0 &&
	    inet_pton(brackets ? AF_INET6 : AF_INET, host, bytes) != 1))
		return -1;
	return port;
}

bool
master_address_is_network(const char *text)
{
	unsigned char bytes[sizeof(struct in6_addr)];
	char host[INET6_ADDRSTRLEN], *end;
	size_t begin = strspn(text, " "), len = strcspn(text + begin, "/ ");
	const char *rest = text + begin + len;
	long all, bits;

	if (len >= sizeof(host))
		return false;
	snprintf(host, sizeof(host), "%.*s", (int)len, text + begin);
	all = inet_pton(AF_INET, host, bytes) == 1 ? 32 : inet_pton(AF_INET6, host, bytes) == 1 ? 128 : -1;
	bits = all;
	if (*rest == '/') {
		if (rest[1] < '0' || rest[1] > '9')
			return false;
		bits = strtol(rest + 1, &end, 10);
		rest = end;
	}
	if (bits > all || rest[strspn(rest, " ")] != '\0')
		return false;
	for (long i = bits; i < all; i++)
		if ((bytes[i / 8] & 0x80 >> i % 8) != 0)
			return false;
	return all > 0;
}

long
master_address_fd(const char *text)
{
	char *end;
	long n;

	if (strncmp(text, "fd://", 5) != 0 || text[5] < '0' || text[5] > '9')
		return -1;
	n = strtol(text + 5, &end, 10);
	return *end == '\0' && n <= PORT_MAX ? n : -1;
}

const char *
master_address_path(const char *text)
{
	return strncmp(text, "unix:", 5) == 0 && text[5] != '\0' ? text + 5 : NULL;
}

int
master_address_mode(const char *text)
{
	size_t digits = strspn(text, "01234567");

	return digits == 0 || digits > 4 || text[digits] != '\0' || strtol(text, NULL, 8) > 0777 ?
	    -1 : (int)strtol(text, NULL, 8);
}
