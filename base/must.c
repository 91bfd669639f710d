/*
 * must: how this program ends on a bug of its own.
 *
 * Called through the must() macro from every room. It allocates nothing and
 * takes no lock, because the heap may be what is broken.
 */
#include "base/must.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/stderr.h"

void
must_fail(const char *file, int line, const char *func, const char *cond)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "bug: %s:%d: %s: must(%s) failed\n",
	    file, line, func, cond);

	if (n < 0)
		abort();
	if ((size_t)n >= sizeof(text))
		n = (int)sizeof(text) - 1;
	(void)!stderr_write(text, (size_t)n);
	abort();
}
