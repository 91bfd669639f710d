/*
 * resolve: names of hosts become addresses.
 *
 * Called by main.c at the start. Looking up a name loads code into a process: so the helper does
 * it, and only where there is a name.
 */
#include "master/resolve.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "master/address.h"
#include "master/helper.h"

enum { HOST_BYTES = 254, ADDRESS_BYTES = 64 };

static int
look_up(const char *python, const char *flag, const char *name, char address[ADDRESS_BYTES])
{
	static struct master_helper helper;
	char *at = helper.bytes, *fields[4];

	if (master_helper_run(&helper, python, "address", name,
	    "cannot look it up; see what it printed") < 0)
		return -1;
	if (!master_helper_line(&at, fields) || strcmp(fields[0], "value") != 0) {
		fprintf(stderr, "fastrd: --%s %s: %.200s; give an address or the name of this machine\n",
		    flag, name, fields[2]);
		return -1;
	}
	/* Behind a `%` stands the interface. */
	snprintf(address, ADDRESS_BYTES, "%.*s", (int)strcspn(fields[2], "%"), fields[2]);
	return 0;
}

/* One address of --bind, NAME:PORT, behind what `out` has of it. */
static int
bind_resolve(const char *python, const char *text, size_t len, char *out, size_t room)
{
	const char *colon = memchr(text, ':', len);
	size_t host_len = colon != NULL ? (size_t)(colon - text) : 0;
	char name[HOST_BYTES], address[ADDRESS_BYTES];
	size_t used = strlen(out);

	if (colon == NULL || !isdigit((unsigned char)colon[1]) || !master_address_is_name(text, host_len)) {
		snprintf(out + used, room - used, "%.*s", (int)len, text);
		return 0;
	}
	snprintf(name, sizeof(name), "%.*s", (int)host_len, text);
	if (look_up(python, "bind", name, address) < 0)
		return -1;
	snprintf(out + used, room - used, strchr(address, ':') != NULL ? "[%s]%.*s" : "%s%.*s", address,
	    (int)(len - host_len), colon);
	return 0;
}

int
master_resolve(struct conf *c, const char *python, struct arena *texts)
{
	char address[ADDRESS_BYTES];
	size_t room = strlen(c->bind) + 1;
	char *out;

	for (const char *p = c->bind; *p != '\0'; p++)
		room += *p == ',' ? ADDRESS_BYTES : 0;
	room += ADDRESS_BYTES + ADDRESS_BYTES;
	out = arena_alloc(texts, room);
	if (out == NULL)
		return -1;
	out[0] = '\0';
	for (const char *p = c->bind; *p != '\0';) {
		size_t len = strcspn(p, ",");

		if (bind_resolve(python, p, len, out, room) < 0)
			return -1;
		p += len;
		if (*p == ',')
			snprintf(out + strlen(out), room - strlen(out), ",");
		p += *p == ',';
	}
	c->bind = out;
	if (!master_address_is_name(c->host, strlen(c->host)) || c->bind[0] != '\0' || c->uds[0] != '\0' ||
	    c->fd >= 0)
		return 0;
	if (look_up(python, "host", c->host, address) < 0)
		return -1;
	out = arena_alloc(texts, sizeof(address));
	if (out == NULL)
		return -1;
	memcpy(out, address, sizeof(address));
	c->host = out;
	return 0;
}
