/*
 * fuzz_range: Range values of any bytes, for files of any size.
 *
 * Promises: ranges lie within the file, in order, and none touches the next. The first two
 * bytes are the size.
 */
#include "base/must.h"
#include "files/range.h"
#include "tests/fuzz/target.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct files_ranges r;
	int64_t len, before = -1;

	if (size < 2)
		return 0;
	len = data[0] | data[1] << 8;
	switch (files_range_read((struct slice){ (const char *)data + 2, size - 2 },
	    (uint64_t)len, &r)) {
	case FILES_RANGE_PARTS:
		must(r.n > 0 && r.n <= FILES_MAX_RANGES);
		for (size_t i = 0; i < r.n; i++) {
			must(before < r.all[i].from && r.all[i].from < r.all[i].to);
			before = r.all[i].to;
		}
		must(before <= len);
		break;
	case FILES_RANGE_MALFORMED:
		must(r.wrong.len > 0);
		break;
	case FILES_RANGE_WHOLE:
	case FILES_RANGE_BEYOND:
	case FILES_RANGE_UNSURE:
		break;
	}
	return 0;
}
