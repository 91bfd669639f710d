/*
 * method: http-parser's table of methods, QUERY, and the handshake of a WebSocket.
 *
 * Called by http/parse.c, bindings/table, bindings/stack and bindings/app.c. Only the
 * header's table is used, not the library.
 */
#include "shm/method.h"

#include <http_parser.h>

static const struct slice names[] = {
#define ROW(number, symbol, text) [number] = { #text, sizeof(#text) - 1 },
	HTTP_METHOD_MAP(ROW)
#undef ROW
	[SHM_METHOD_WEBSOCKET] = { "websocket:", 10 },
	[SHM_METHOD_QUERY] = { "QUERY", 5 },
};

enum { NAMES = sizeof(names) / sizeof(names[0]) };

_Static_assert((int)NAMES == (int)SHM_METHOD_OTHER, "a set of methods is a mask of 64 bits");

bool
shm_method_is(unsigned number, struct slice name)
{
	return number < NAMES && slice_equal(names[number], name);
}

unsigned
shm_method_number(struct slice name)
{
	unsigned i = 0;

	while (i < NAMES && (names[i].ptr == NULL || !slice_equal(names[i], name)))
		i++;
	return i;
}

const char *
shm_method_name(unsigned number)
{
	return number < NAMES ? names[number].ptr : NULL;
}
