/*
 * method: http-parser's table of methods.
 *
 * Called by bindings/table and bindings/app.c. Only the header's table is used, not
 * the library.
 */
#include "shm/method.h"

#include <http_parser.h>
#include <stddef.h>
#include <string.h>

static const char *const names[] = {
#define ROW(number, symbol, text) [number] = #text,
	HTTP_METHOD_MAP(ROW)
#undef ROW
};

enum { NAMES = sizeof(names) / sizeof(names[0]) };

_Static_assert(NAMES <= 64, "a set of methods is a mask of 64 bits");

int
shm_method_number(const char *name)
{
	for (int i = 0; i < NAMES; i++)
		if (names[i] != NULL && strcmp(names[i], name) == 0)
			return i;
	return -1;
}

const char *
shm_method_name(unsigned number)
{
	return number < NAMES ? names[number] : NULL;
}
