/*
 * fuzz_multipart: forms of hostile parts.
 *
 * The bytes up to the first zero are the boundary. Promises: fields, content and verdict do not
 * depend on how the bytes are cut, but for a cut before the first hyphen; nothing is read behind
 * the end.
 */
#include <stdlib.h>

#include "base/must.h"
#include "tests/fuzz/target.h"
#include "tests/unit/multipart_transcript.h"

enum { FEW = 256 };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data, *zero = size > 0 ? memchr(bytes, 0, size) : NULL, *hyphen;
	struct slice boundary;
	char *whole;
	size_t step, start;

	if (zero == NULL)
		return 0;
	boundary = (struct slice){ bytes, (size_t)(zero - bytes) };
	/* No field value has one. */
	if (boundary.len > 0 && memchr(boundary.ptr, '\r', boundary.len) != NULL)
		return 0;
	bytes = zero + 1;
	size -= boundary.len + 1;
	step = size < FEW ? 1 : size / 64;
	hyphen = size > 0 ? memchr(bytes, '-', size) : NULL;
	start = hyphen != NULL ? (size_t)(hyphen - bytes) : size;
	whole = multipart_transcript(boundary, bytes, size, size, 1);
	for (size_t first = start; first < size; first += step) {
		char *cut = multipart_transcript(boundary, bytes, size, first,
		    first == 0 ? 1 : size);

		must(strcmp(whole, cut) == 0);
		free(cut);
	}
	free(whole);
	return 0;
}
