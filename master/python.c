/*
 * python: finding the interpreter, without running it.
 *
 * Called by main.c. Whether fastrapi is installed there shows when the loader
 * starts.
 */
#include "master/python.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Is dir/name an executable? Then it is the answer. */
static int
executable(const char *dir, size_t dir_len, const char *name, char *path, size_t room)
{
	int n = snprintf(path, room, "%.*s/%s", (int)dir_len, dir, name);

	return n > 0 && (size_t)n < room && access(path, X_OK) == 0;
}

static int
on_path(const char *name, char *path, size_t room)
{
	const char *p = getenv("PATH");

	while (p != NULL && *p != '\0') {
		const char *colon = strchr(p, ':');
		size_t len = colon != NULL ? (size_t)(colon - p) : strlen(p);

		if (len > 0 && executable(p, len, name, path, room))
			return 1;
		p = colon != NULL ? colon + 1 : NULL;
	}
	return 0;
}

/* An installation keeps fastrd and its virtual environment together. */
static int
beside(char *path, size_t room)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n <= 0)
		return 0;
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (slash == NULL)
		return 0;
	return executable(self, (size_t)(slash - self), "../venv/bin/python", path, room);
}

int
master_python_find(const char *wanted, char *path, size_t room)
{
	const char *env = getenv("VIRTUAL_ENV");

	if (wanted[0] != '\0') {
		if (strchr(wanted, '/') == NULL ? on_path(wanted, path, room) :
		    (size_t)snprintf(path, room, "%s", wanted) < room && access(path, X_OK) == 0)
			return 0;
		fprintf(stderr, "fastrd: --python %s: %s; give the path of a program\n", wanted,
		    strerror(errno));
		return -1;
	}
	if (env != NULL && *env != '\0' &&
	    executable(env, strlen(env), "bin/python", path, room))
		return 0;
	if (beside(path, room) || on_path("python3", path, room))
		return 0;
	fprintf(stderr, "fastrd: no python3 found; activate the application's virtual "
	    "environment or give --python PATH\n");
	return -1;
}
