/*
 * glob: a pattern against the last parts of a path.
 *
 * Called by watch.c and tree.c. A pattern is compared with as many parts of a path as it has itself, as
 * by Python's Path.match(): that of one part stands for files of the name wherever they are, that of
 * two for those in directories of a name, and one that begins with a slash for a whole path.
 */
#include "master/glob.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/conf.h"

enum { PATTERN_BYTES = 512 };	/* a longer one matches nothing */

/* What each of them stands for is put off by naming it on the other side. */
static const char included[] = "*.py", *const excluded[] = { ".*", ".py[cod]", ".sw.*", "~*" };

/* The end of `path` that has as many parts as `pattern`; NULL: it has fewer. */
static const char *
tail(const char *path, const char *pattern)
{
	const char *p = path + strlen(path);
	int parts = 1;

	for (const char *c = pattern; *c != '\0'; c++)
		parts += *c == '/';
	while (p > path && parts > 0)
		parts -= *--p == '/';
	return parts > 0 ? NULL : p + 1;
}

static bool
matches(const char *pattern, const char *path)
{
	const char *end = pattern[0] == '/' ? path : tail(path, pattern);

	return end != NULL && fnmatch(pattern, end, FNM_PATHNAME) == 0;
}

static bool
ends_with(const char *path, const char *text)
{
	size_t n = strlen(path), len = strlen(text);

	return n >= len && strcmp(path + n - len, text) == 0;
}

/* Copy the first of these lines, without "./" before it and a slash behind it, and go behind it.
 * False: there is none. */
static bool
line_next(const char **list, char pattern[PATTERN_BYTES])
{
	size_t len = strcspn(*list, "\n"), skip = strncmp(*list, "./", 2) == 0 ? 2 : 0;

	if (**list == '\0')
		return false;
	pattern[0] = '\0';
	if (len < PATTERN_BYTES)
		snprintf(pattern, PATTERN_BYTES, "%.*s", (int)(len - skip), *list + skip);
	while (strlen(pattern) > 1 && ends_with(pattern, "/"))
		pattern[strlen(pattern) - 1] = '\0';
	*list += len + ((*list)[len] != '\0');
	return true;
}

static bool
lists(const char *list, const char *text)
{
	char pattern[PATTERN_BYTES];

	while (line_next(&list, pattern))
		if (strcmp(pattern, text) == 0)
			return true;
	return false;
}

/* Does a pattern of the list match the path, or a directory of it behind `root` bytes? */
static bool
excludes(const char *list, const char *path, size_t root)
{
	char pattern[PATTERN_BYTES], above[PATH_MAX];
	const char *slash;

	if (strlen(path) <= root)
		return false;

	while (line_next(&list, pattern)) {
		if (*pattern == '\0')
			continue;
		if (matches(pattern, path))
			return true;
		for (slash = strchr(path + root + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
			snprintf(above, sizeof(above), "%.*s", (int)(slash - path), path);
			if (matches(pattern, above))
				return true;
		}
	}
	return false;
}

bool
master_glob_file(const struct conf *c, const char *path, size_t root)
{
	bool counts = !lists(c->reload_exclude, included) && matches(included, path);
	const char *list = c->reload_include;
	char pattern[PATTERN_BYTES];

	while (line_next(&list, pattern)) {
		if (*pattern == '\0' || !matches(pattern, path))
			continue;
		if (ends_with(path, pattern))
			return true;
		counts = true;
	}
	for (size_t i = 0; counts && i < sizeof(excluded) / sizeof(excluded[0]); i++)
		counts = lists(c->reload_include, excluded[i]) || !matches(excluded[i], path);
	return counts && !excludes(c->reload_exclude, path, root);
}

bool
master_glob_skips(const struct conf *c, const char *path, size_t root)
{
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;

	return name[0] == '.' || strcmp(name, "__pycache__") == 0 ||
	    strcmp(name, "node_modules") == 0 || excludes(c->reload_exclude, path, root);
}
