/*
 * fuzz_content_type: Content-Type values of any bytes.
 *
 * Promises: what is called JSON begins with application/ and names json; one more
 * byte that is odd makes it odd.
 */
#include "base/must.h"
#include "http/content_type.h"
#include "tests/fuzz/target.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice s = { (const char *)data, size };
	char longer[512];

	if (!hx_content_type_json(s))
		return 0;
	must(size >= 16);
	must(slice_equal_lower((struct slice){ s.ptr, 12 }, SLICE_LIT("application/")));
	for (size_t i = 0; i < size; i++)
		must(data[i] >= 0x20 && data[i] < 0x7F && data[i] != '"' && data[i] != ',');
	if (size < sizeof(longer)) {
		memcpy(longer, data, size);
		longer[size] = ',';
		must(!hx_content_type_json((struct slice){ longer, size + 1 }));
	}
	return 0;
}
