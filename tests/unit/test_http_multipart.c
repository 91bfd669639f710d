/*
 * Multipart forms: what their parts are, and what is malformed, cut at every point.
 */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/multipart.h"
#include "tests/unit/multipart_transcript.h"
#include "tests/unit/suite.h"

#define HEAD "--b\r\nA: 1\r\n\r\n"
#define A1 "f 61=31\n"
#define NAME64 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl"

struct vector {
	const char *content;
	const char *says;
};

/* With the boundary "b"; "a", "1" and "x" are 61, 31 and 78 in hex. */
static const struct vector vectors[] = {
	{ "", "" },
	/* Parts. */
	{ HEAD "x\r\n--b--\r\n", A1 "d 78\ne\n" },
	{ HEAD "\r\n--b--", A1 "e\n" },
	{ "--b\r\n\r\nx\r\n--b--", "d 78\ne\n" },
	{ HEAD "x\r\n--b\r\nA: 1\r\n\r\nxx\r\n--b--", A1 "d 78\ne\n" A1 "d 7878\ne\n" },
	{ HEAD "x\r\n--b--\r\n--b\r\nA: 1\r\n\r\nx\r\n--b--", A1 "d 78\ne\n" },
	{ "--b--", "" },
	{ "--b--anything", "" },
	/* Field lines. */
	{ "--b\r\nA:1\r\nB:   \r\nC: \t1 \r\n\r\n\r\n--b--",
	    A1 "f 62=\nf 63=093120\ne\n" },
	{ "--b\r\nA: 1:2\n3\r\nA:\r\n\r\n\r\n--b--", "f 61=313a320a33\nf 61=\ne\n" },
	{ "--b\r\n: 1\r\n\r\n", "!\n" },
	{ "--b\r\nA : 1\r\n\r\n", "!\n" },
	{ "--b\r\nA\r\n: 1\r\n\r\n", "!\n" },
	{ "--b\r\n A: 1\r\n\r\n", "!\n" },
	{ "--b\r\nA: 1\rB: 2\r\n\r\n", "!\n" },
	{ "--b\r\nA: 1\r\n\rx", "!\n" },
	{ "--b\r\nA: 1\r\n\nx", "!\n" },
	{ "--b\r\nA: 1\r\n", "" },
	{ "--b\r\nA", "" },
	/* Content that nearly has a boundary. */
	{ HEAD "\r\n--x\r\n--b--", A1 "d 0d0a2d2d78\ne\n" },
	{ HEAD "\r\n--bx\r\n--b--", A1 "d 0d0a2d2d6278\ne\n" },
	{ HEAD "\r\n--b-x\r\n--b--", A1 "d 0d0a2d2d622d78\ne\n" },
	{ HEAD "\r\n--b\rx\r\n--b--", A1 "d 0d0a2d2d620d78\ne\n" },
	{ HEAD "\r\n--b\r\r\n--b--", A1 "d 0d0a2d2d620d\ne\n" },
	{ HEAD "\r\r\n\r\n-\r\n--b--", A1 "d 0d0d0a0d0a2d\ne\n" },
	{ HEAD "--b--\r\n--b--", A1 "d 2d2d622d2d\ne\n" },
	{ HEAD "\n--b\r\n--b--", A1 "d 0a2d2d62\ne\n" },
	{ HEAD "x\r\n--\r\n--b--", A1 "d 780d0a2d2d\ne\n" },
	/* The content ends too soon: what may be a boundary is not told. */
	{ HEAD "x", A1 "d 78\n" },
	{ HEAD "x\r", A1 "d 78\n" },
	{ HEAD "x\r\n--b", A1 "d 78\n" },
	{ HEAD "x\r\n--b-", A1 "d 78\n" },
	{ HEAD "x\r\n--b\r", A1 "d 78\n" },
	{ HEAD "x\r\n--b\r\n", A1 "d 78\ne\n" },
	/* Blanks behind a boundary. */
	{ HEAD "x\r\n--b \t \r\nA: 1\r\n\r\n\r\n--b--", A1 "d 78\ne\n" A1 "e\n" },
	{ HEAD "x\r\n--b ", A1 "d 78\n" },
	{ HEAD "x\r\n--b \r", A1 "d 78\n" },
	{ HEAD "x\r\n--b x", A1 "d 78\n!\n" },
	{ HEAD "x\r\n--b --", A1 "d 78\n!\n" },
	{ HEAD "x\r\n--b \rx", A1 "d 78\n!\n" },
	{ "--b \r\nA: 1\r\n\r\n", "!\n" },
	/* What stands before the first boundary. */
	{ "\r\n" HEAD "x\r\n--b--", A1 "d 78\ne\n" },
	{ "\n\n" HEAD "x\r\n--b--", A1 "d 78\ne\n" },
	{ "preamble\r\n" HEAD, "!\n" },
	{ "-b\r\n", "!\n" },
	{ "--c\r\n", "!\n" },
	{ "--bb\r\n", "!\n" },
	{ "--b\n", "!\n" },
	{ "--b\rx", "!\n" },
	{ "--b-x", "!\n" },
};

static void
compare(struct slice boundary, const char *content, size_t len, const char *says)
{
	for (size_t first = 0; first <= len; first++) {
		char *got = multipart_transcript(boundary, content, len, first,
		    first == 0 ? 1 : len);

		if (strcmp(got, says) != 0)
			printf("\n%s\ncut at %zu says\n%s", content, first, got);
		CU_ASSERT_STRING_EQUAL(got, says);
		free(got);
	}
}

static void
test_vectors(void)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		compare(SLICE_LIT("b"), vectors[i].content, strlen(vectors[i].content),
		    vectors[i].says);
}

/* What stands before the first boundary is looked for in each piece anew. */
static void
test_preambles(void)
{
	static const struct {
		const char *content;
		size_t first;	/* length of the first piece; the second is the rest */
		const char *says;
	} rows[] = {
		{ "\r\npreamble\r\n" HEAD "x\r\n--b--", 0, A1 "d 78\ne\n" },
		{ "\r\npreamble\r\n" HEAD "x\r\n--b--", 10, A1 "d 78\ne\n" },
		{ "\r\npreamble\r\n" HEAD "x\r\n--b--", 12, A1 "d 78\ne\n" },
		{ "\r\npreamble\r\n" HEAD "x\r\n--b--", 2, "!\n" },
		{ "\r\npreamble\r\n" HEAD "x\r\n--b--", 9, "!\n" },
		{ "\r\npre-amble\r\n" HEAD "x\r\n--b--", 0, "!\n" },
		{ "\r\nno boundary", 0, "" },
		{ "\r\nno boundary", 2, "!\n" },
		{ "\r\nno boundary\n", 13, "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].content);
		char *got = multipart_transcript(SLICE_LIT("b"), rows[i].content, len,
		    rows[i].first, len);

		CU_ASSERT_STRING_EQUAL(got, rows[i].says);
		free(got);
	}
}

static void
test_boundaries(void)
{
	char longest[HX_MULTIPART_BOUNDARY + 1], content[3 * sizeof(longest)];
	struct hx_multipart m;
	int n;

	compare(SLICE_LIT(""), "--\r\nA: 1\r\n\r\nx\r\n----", 20, A1 "d 78\ne\n");
	memset(longest, '-', sizeof(longest));
	n = snprintf(content, sizeof(content), "--%.*s\r\nA: 1\r\n\r\nx\r\n--%.*s--",
	    HX_MULTIPART_BOUNDARY, longest, HX_MULTIPART_BOUNDARY, longest);
	compare((struct slice){ longest, HX_MULTIPART_BOUNDARY }, content, (size_t)n,
	    A1 "d 78\ne\n");
	CU_ASSERT_EQUAL(hx_multipart_init(&m, (struct slice){ longest, sizeof(longest) }), -1);
	CU_ASSERT_EQUAL(hx_multipart_init(&m, SLICE_LIT("a\rb")), -1);
}

/* A part with `n` field lines, the last with a value so long; and what it says. */
static void
compare_lines(unsigned n, size_t blanks, size_t value, bool good)
{
	char *content = NULL, *got;
	size_t len = 0;
	FILE *out = open_memstream(&content, &len);

	fputs("--b\r\n", out);
	for (unsigned i = 1; i < n; i++)
		fprintf(out, NAME64 ": %u\r\n", i);
	fprintf(out, NAME64 ":%*s", (int)blanks, "");
	for (size_t i = 0; i < value; i++)
		fputc('v', out);
	fputs("\r\n\r\nx\r\n--b--", out);
	fclose(out);
	for (size_t first = 0; first <= len; first += 61) {
		got = multipart_transcript(SLICE_LIT("b"), content, len, first, 61);
		CU_ASSERT_EQUAL(strstr(got, "e\n") != NULL, good);
		CU_ASSERT_EQUAL(strchr(got, '!') != NULL, !good);
		free(got);
	}
	free(content);
}

static void
test_limits_of_field_lines(void)
{
	size_t room = HX_MULTIPART_LINE - 65;	/* behind the name and its colon */

	compare_lines(1, 0, room, true);
	compare_lines(1, 0, room + 1, false);
	compare_lines(1, 1000, room - 1000, true);
	compare_lines(1, 1001, room - 1000, false);
	compare_lines(1, room + 1, 0, false);
	compare_lines(HX_MULTIPART_FIELDS, 1, room - 1, true);
	compare_lines(HX_MULTIPART_FIELDS, 1, room, false);
	compare_lines(HX_MULTIPART_FIELDS + 1, 1, 1, false);
}

static void
test_fields_by_name(void)
{
	static const char content[] = "--b\r\nA: 1\r\nLonger: 2\r\na: 3\r\n\r\n";
	struct hx_multipart m;
	struct slice data;
	size_t used;

	CU_ASSERT_EQUAL(hx_multipart_init(&m, SLICE_LIT("b")), 0);
	CU_ASSERT_EQUAL(hx_multipart_feed(&m, content, sizeof(content) - 1, &used, &data),
	    HX_MULTIPART_PART);
	CU_ASSERT_EQUAL(m.n_fields, 3);
	CU_ASSERT_TRUE(slice_equal(hx_multipart_value(&m, SLICE_LIT("a")), SLICE_LIT("3")));
	CU_ASSERT_TRUE(slice_equal(hx_multipart_value(&m, SLICE_LIT("longer")), SLICE_LIT("2")));
	CU_ASSERT_PTR_NULL(hx_multipart_value(&m, SLICE_LIT("b")).ptr);
	hx_multipart_fini(&m);
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{ "vectors, cut at every point", test_vectors },
		{ "preambles, cut", test_preambles },
		{ "boundaries", test_boundaries },
		{ "limits of field lines", test_limits_of_field_lines },
		{ "fields by name", test_fields_by_name },
		CU_TEST_INFO_NULL
	};

	return suite_run("http/multipart", tests);
}
