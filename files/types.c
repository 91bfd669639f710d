/*
 * types: asked once for each suffix.
 *
 * Called by mount.c and bindings/mounts.c. Python's mimetypes looks at nothing but the
 * suffixes of a name, of which there are few. Each has one place; another suffix may take it.
 */
#include "files/types.h"

#include <string.h>

void
files_types_init(struct files_types *types, struct slice (*ask)(void *, struct slice),
    void *arg)
{
	memset(types, 0, sizeof(*types));
	types->ask = ask;
	types->arg = arg;
}

/* From the first dot on that does not stand at the beginning, as os.path.splitext() has it. */
static struct slice
suffixes(struct slice name)
{
	const char *dot;
	size_t at = 0;

	while (at < name.len && name.ptr[at] == '.')
		at++;
	dot = at < name.len ? memchr(name.ptr + at, '.', name.len - at) : NULL;
	if (dot == NULL)
		return SLICE_LIT("");
	return (struct slice){ dot, name.len - (size_t)(dot - name.ptr) };
}

struct slice
files_types_get(struct files_types *types, struct slice name)
{
	struct slice suffix = suffixes(name);
	struct files_type *place;
	uint32_t hash = 2166136261U;	/* FNV-1a */

	if (suffix.len > FILES_SUFFIX_MAX)
		return types->ask(types->arg, name);
	for (size_t i = 0; i < suffix.len; i++)
		hash = (hash ^ (unsigned char)suffix.ptr[i]) * 16777619U;
	place = &types->kept[hash % FILES_TYPES_KEPT];
	if (place->type.ptr != NULL &&
	    slice_equal(suffix, (struct slice){ place->suffix, place->len }))
		return place->type;
	place->type = types->ask(types->arg, name);
	place->len = (uint8_t)suffix.len;
	if (suffix.len > 0)
		memcpy(place->suffix, suffix.ptr, suffix.len);
	return place->type;
}
