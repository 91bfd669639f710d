/*
 * method: http-parser's table of methods, used for its numbers only.
 */
#include "shm/method.h"

#include <http_parser.h>
#include <stddef.h>
#include <string.h>

int
shm_method_number(const char *name)
{
#define ROW(number, symbol, text) { (number), #text },
	static const struct {
		int number;
		const char *name;
	} rows[] = { HTTP_METHOD_MAP(ROW) };
#undef ROW

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].name, name) == 0)
			return rows[i].number;
	return -1;
}
