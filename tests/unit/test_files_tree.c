/*
 * Tests of files/tree: paths, links, and that every descriptor is closed. What the answers are
 * is compared with Starlette's in tests/files.
 */
#include <CUnit/CUnit.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "files/tree.h"
#include "tests/unit/suite.h"

static char root[] = "/tmp/files_tree.XXXXXX";

static void
put(const char *name, const char *text)
{
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void
make(const char *name)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	must(mkdir(path, 0700) == 0);
}

static void
put_link(const char *name, const char *target)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	unlink(path);
	must(symlink(target, path) == 0);
}

static unsigned
descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static void
paths_are_made_plain(void)
{
	static const struct {
		const char *path, *plain;	/* NULL: left */
	} rows[] = {
		{ "", "." }, { "/", "." }, { ".", "." }, { "./.", "." }, { "a", "a" }, { "a/", "a" },
		{ "//a///b", "a/b" }, { "a/./b", "a/b" }, { "a/../b", "b" }, { "a/..", "." },
		{ "a/b/../c", "a/c" }, { "a/b/../../c", "c" }, { "..a", "..a" }, { "a..", "a.." },
		{ "...", "..." }, { "..", NULL }, { "../a", NULL }, { "a/../..", NULL },
		{ "a/../../a", NULL }, { "\\a", "\\a" },
	};
	char out[FILES_PATH_ROOM], text[FILES_PATH_MAX + 1];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice path = { rows[i].path, strlen(rows[i].path) };
		bool plain = files_tree_path(path, out);

		CU_ASSERT_EQUAL(plain, rows[i].plain != NULL);
		if (plain)
			CU_ASSERT_STRING_EQUAL(out, rows[i].plain);
	}
	CU_ASSERT_FALSE(files_tree_path((struct slice){ "a\0b", 3 }, out));
	memset(text, 'a', sizeof(text));
	CU_ASSERT_TRUE(files_tree_path((struct slice){ text, FILES_PATH_MAX }, out));
	CU_ASSERT_FALSE(files_tree_path((struct slice){ text, FILES_PATH_MAX + 1 }, out));
}

/* What one tree has at `path`: the file's first bytes, "/" for a directory, or a verdict in
 * brackets. */
static const char *
found(struct files_tree *tree, const char *path)
{
	static const char *const verdicts[] = { "", "(none)", "(too long)", "(unsure)" };
	static char text[32];
	struct files_entry entry;
	enum files_found verdict = files_tree_look(tree, 1, path, &entry);
	ssize_t n;

	if (verdict != FILES_FOUND)
		return verdicts[verdict];
	n = S_ISDIR(entry.st.st_mode) ? 0 : read(entry.fd, text, sizeof(text) - 1);
	close(entry.fd);
	if (S_ISDIR(entry.st.st_mode))
		return "/";
	text[n] = '\0';
	return text;
}

static void
links_are_followed_within_a_directory(void)
{
	static const struct {
		const char *path, *beneath, *followed;
	} rows[] = {
		{ "a", "in", "in" }, { "sub/b", "deep", "deep" }, { ".", "/", "/" }, { "sub", "/", "/" },
		{ "none", "(none)", "(none)" }, { "a/b", "(none)", "(none)" },
		{ "to-a", "in", "in" }, { "to-sub/b", "deep", "deep" }, { "whole", "in", "in" },
		{ "to-out", "(none)", "out" }, { "to-top/out", "(none)", "out" },
		{ "to-near", "(none)", "near" }, { "dangling", "(none)", "(none)" },
		{ "loop", "(unsure)", "(unsure)" }, { "to-itself/a", "in", "in" },
	};
	unsigned before = descriptors();
	char directory[100];

	snprintf(directory, sizeof(directory), "%s/in", root);
	for (int follow = 0; follow < 2; follow++) {
		struct files_tree tree;

		files_tree_init(&tree, directory, follow != 0);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			CU_ASSERT_STRING_EQUAL(found(&tree, rows[i].path),
			    follow != 0 ? rows[i].followed : rows[i].beneath);
		files_tree_fini(&tree);
	}
	CU_ASSERT_EQUAL(descriptors(), before);
}

static void
a_name_may_be_too_long(void)
{
	char directory[100], name[NAME_MAX + 2];
	struct files_tree tree;

	snprintf(directory, sizeof(directory), "%s/in", root);
	files_tree_init(&tree, directory, false);
	memset(name, 'n', sizeof(name));
	name[NAME_MAX + 1] = '\0';
	CU_ASSERT_STRING_EQUAL(found(&tree, name), "(too long)");
	name[NAME_MAX] = '\0';
	CU_ASSERT_STRING_EQUAL(found(&tree, name), "(none)");
	files_tree_fini(&tree);
}

static void
the_directory_may_become_another(void)
{
	unsigned before = descriptors();
	char directory[100];
	struct files_tree tree;

	snprintf(directory, sizeof(directory), "%s/current", root);
	files_tree_init(&tree, directory, false);
	CU_ASSERT_STRING_EQUAL(found(&tree, "a"), "(none)");
	put_link("current", "in");
	CU_ASSERT_STRING_EQUAL(found(&tree, "a"), "in");
	CU_ASSERT_STRING_EQUAL(found(&tree, "to-a"), "in");
	put_link("current", "other");
	CU_ASSERT_STRING_EQUAL(found(&tree, "a"), "other");
	CU_ASSERT_STRING_EQUAL(found(&tree, "a"), "other");
	put_link("current", "out");
	CU_ASSERT_STRING_EQUAL(found(&tree, "a"), "(unsure)");
	put_link("current", "in");
	CU_ASSERT_STRING_EQUAL(found(&tree, "a"), "in");
	files_tree_fini(&tree);
	CU_ASSERT_EQUAL(descriptors(), before);
}

static void
the_first_directory_that_has_it_wins(void)
{
	char one[100], two[100];
	struct files_tree trees[2];
	struct files_entry entry;

	snprintf(one, sizeof(one), "%s/in", root);
	snprintf(two, sizeof(two), "%s/other", root);
	files_tree_init(&trees[0], one, false);
	files_tree_init(&trees[1], two, true);
	CU_ASSERT_EQUAL(files_tree_look(trees, 2, "only", &entry), FILES_FOUND);
	CU_ASSERT_STRING_EQUAL(entry.name, "only");
	close(entry.fd);
	CU_ASSERT_EQUAL(files_tree_look(trees, 2, "to-a", &entry), FILES_FOUND);
	CU_ASSERT_STRING_EQUAL(entry.name, "a");	/* the file's own name */
	close(entry.fd);
	CU_ASSERT_EQUAL(files_tree_look(trees, 2, "none", &entry), FILES_NONE);
	files_tree_fini(&trees[0]);
	files_tree_fini(&trees[1]);
}

static int
tree_make(void)
{
	char whole[100];

	if (mkdtemp(root) == NULL)
		return -1;
	make("in");
	make("in/sub");
	make("other");
	make("in-near");
	put("out", "out");
	put("in-near/x", "near");
	put("in/a", "in");
	put("in/sub/b", "deep");
	put("other/a", "other");
	put("other/only", "only");
	put_link("in/to-a", "a");
	put_link("in/to-sub", "sub");
	put_link("in/to-out", "../out");
	put_link("in/to-top", "..");
	put_link("in/to-near", "../in-near/x");
	put_link("in/to-itself", "../in");
	put_link("in/dangling", "nowhere");
	put_link("in/loop", "loop");
	snprintf(whole, sizeof(whole), "%s/in/a", root);
	put_link("in/whole", whole);
	return 0;
}

static int
tree_remove(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "paths are made plain", paths_are_made_plain },
		{ "links are followed within a directory", links_are_followed_within_a_directory },
		{ "a name may be too long", a_name_may_be_too_long },
		{ "the directory may become another", the_directory_may_become_another },
		{ "the first directory that has it wins", the_first_directory_that_has_it_wins },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "files_tree", tree_make, tree_remove, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return suites_run(suites);
}
