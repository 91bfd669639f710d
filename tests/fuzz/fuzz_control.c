/*
 * fuzz_control: what fastrd writes for fastrdctl is read by it, whatever the texts are; and any bytes in its place.
 *
 * Promises: an answer is JSON; what is read lies within what came; what is shown has no byte that a terminal
 * would obey.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "ctl/json.h"
#include "ctl/text.h"
#include "master/json.h"
#include "tests/fuzz/target.h"

static void
value_look(const struct ctl_value *v, const char *bytes, size_t len)
{
	char plain[CTL_CELL_BYTES];

	must(v->raw >= bytes && v->raw_len <= len && v->raw + v->raw_len <= bytes + len);
	if (v->text != NULL)
		for (const char *p = ctl_text_plain(v->text, plain, sizeof(plain)); *p != '\0'; p++)
			must((unsigned char)*p >= ' ' && *p != 0x7f);
	for (v = v->first; v != NULL; v = v->next)
		value_look(v, bytes, len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct master_json j = { .bytes = NULL };
	const struct ctl_value *v;
	struct arena arena;

	arena_init(&arena, 4096);
	v = ctl_json_read(&arena, (const char *)data, size);
	if (v != NULL)
		value_look(v, (const char *)data, size);
	master_json_object(&j, NULL);
	master_json_bytes(&j, "text", (const char *)data, size);
	master_json_object_end(&j);
	if (!j.failed) {
		v = ctl_json_read(&arena, j.bytes, j.len);
		must(v != NULL && ctl_json_get(v, "text") != NULL);
		value_look(v, j.bytes, j.len);
	}
	free(j.bytes);
	arena_fini(&arena);
	return 0;
}
