/*
 * middleware_fixture: an arena, and texts to fields and back.
 *
 * Called by the unit tests of middleware/.
 */
#include "tests/unit/middleware_fixture.h"

#include <stdio.h>

#include "base/must.h"

static struct arena arena = { .first_size = 4096 };

struct arena *
answers_arena(void)
{
	return &arena;
}

void
answers_forget(void)
{
	arena_fini(&arena);
}

size_t
fields_of(const char *text, struct hx_header *out, size_t room)
{
	size_t n = 0;

	while (*text != '\0') {
		const char *colon = strstr(text, ": "), *end = strchr(text, '\n');

		must(n < room && colon != NULL && end != NULL && colon < end);
		out[n].name = (struct slice){ text, (size_t)(colon - text) };
		out[n++].value = (struct slice){ colon + 2, (size_t)(end - colon) - 2 };
		text = end + 1;
	}
	return n;
}

struct mw_answer
answer_of(int status, const char *text)
{
	struct hx_header fields[32];
	struct mw_answer a;
	size_t n = fields_of(text, fields, 32);

	must(mw_answer_init(&a, &arena, status, fields, n) == 0);
	return a;
}

static size_t
answer_print(const struct mw_answer *a, char *out, size_t room)
{
	size_t len = 0;

	for (size_t i = 0; i < a->n; i++)
		len += (size_t)snprintf(out + len, room - len, "%.*s: %.*s\n",
		    (int)a->fields[i].name.len, a->fields[i].name.ptr,
		    (int)a->fields[i].value.len, a->fields[i].value.ptr);
	must(len < room);
	return len;
}

bool
answer_is(const struct mw_answer *a, const char *text)
{
	char got[4096] = "";

	answer_print(a, got, sizeof(got));
	if (strcmp(got, text) == 0)
		return true;
	fprintf(stderr, "wanted:\n%sgot:\n%s", text, got);
	return false;
}

const char *
layer_says(const struct mw_class *class, void *set, const struct mw_request *r)
{
	static char said[8192];
	struct mw_answer a = answer_of(0, "");
	struct mw_chain chain;
	struct mw_pass pass;
	enum mw_verdict verdict;
	struct slice content;
	size_t len;

	must(mw_chain_init(&chain, &arena, 1) == 0);
	must(mw_chain_add(&chain, class, set) == 0);
	verdict = mw_chain_forward(&pass, &chain, r, &arena);
	must(mw_chain_look(&chain, r) == verdict);
	if (verdict == MW_PASS)
		return "pass";
	if (verdict == MW_UNSURE || mw_chain_answer(&pass, r, &a, &content) < 0)
		return "unsure";
	len = (size_t)snprintf(said, sizeof(said), "%d\n", a.status);
	len += answer_print(&a, said + len, sizeof(said) - len);
	snprintf(said + len, sizeof(said) - len, "%.*s", (int)content.len, content.ptr);
	return said;
}
