/*
 * access_fields: fields that are read for the access log alone.
 *
 * Called by access.c and access_line.c. What is malformed counts as absent.
 */
#include "worker/access_fields.h"

#include <stdbool.h>
#include <string.h>

#include "base/decimal.h"

struct slice
worker_access_fields_user(struct slice v, char name[WORKER_ACCESS_FIELDS_USER])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned bits = 0, held = 0;
	size_t n = 0;

	if (v.len < 6 || !slice_equal_lower((struct slice){ v.ptr, 6 }, SLICE_LIT("basic ")))
		return SLICE_NULL;
	for (size_t i = 6; i < v.len && n < WORKER_ACCESS_FIELDS_USER; i++) {
		const char *digit = memchr(digits, v.ptr[i], sizeof(digits) - 1);

		if (digit == NULL)
			break;
		bits = bits << 6 | (unsigned)(digit - digits);
		held += 6;
		if (held < 8)
			continue;
		held -= 8;
		name[n] = (char)(bits >> held & 0xFF);
		if (name[n] == ':')
			break;
		n++;
	}
	return (struct slice){ name, n };
}

struct slice
worker_access_fields_trace(struct slice v)
{
	bool zero = true;

	if (v.len < 55 || v.ptr[2] != '-' || v.ptr[35] != '-' || v.ptr[52] != '-')
		return SLICE_NULL;
	for (int i = 3; i < 35; i++) {
		if (!decimal_digit(v.ptr[i]) && (v.ptr[i] < 'a' || v.ptr[i] > 'f'))
			return SLICE_NULL;
		zero = zero && v.ptr[i] == '0';
	}
	return zero ? SLICE_NULL : (struct slice){ v.ptr + 3, 32 };
}

/* A field of the answer that the server has added: it stands in the head alone. */
static struct slice
head_value(struct slice head, struct slice name)
{
	const char *p = head.ptr, *end = p + head.len, *next;

	for (; (next = memchr(p, '\n', (size_t)(end - p))) != NULL; p = next + 1) {
		size_t len = (size_t)(next - p);

		if (len > name.len + 2 && memcmp(p, name.ptr, name.len) == 0 && p[name.len] == ':')
			return (struct slice){ p + name.len + 2, len - name.len - 3 };
	}
	return SLICE_NULL;
}

const struct slice *
worker_access_fields_keep(const struct atoms *atoms, struct arena *arena,
    const struct hx_header *fields, size_t n, struct slice head)
{
	struct slice *kept = arena_alloc(arena, (atoms->n_fields + 1) * sizeof(*kept));

	if (kept == NULL)
		return NULL;
	for (unsigned i = 0; i < atoms->n && atoms->n_fields > 0; i++) {
		const struct atom *atom = &atoms->at[i];
		struct slice value;

		if (atom->kind != ATOM_ANSWER_FIELD)
			continue;
		value = hx_exchange_header_value(fields, n, atom->text);
		kept[atom->field] = value.ptr != NULL ? value : head_value(head, atom->text);
	}
	kept[atoms->n_fields] = hx_exchange_header_value(fields, n, SLICE_LIT("x-request-id"));
	for (unsigned i = 0; i <= atoms->n_fields; i++) {
		char *copy = kept[i].len > 0 ? arena_alloc(arena, kept[i].len) : NULL;

		if (copy == NULL)
			kept[i] = SLICE_NULL;
		else
			kept[i].ptr = memcpy(copy, kept[i].ptr, kept[i].len);
	}
	return kept;
}
