/*
 * python: finding the interpreter, without running it.
 *
 * Called by main.c; by arguments.c for the launcher, by reap.c and replies.c for the words.
 * Whether fastrapi is installed there shows when the first worker starts. Prints one line when there is none.
 */
#include "master/python.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"

/* Is DIR/name a program? Then `path` is it; otherwise errno says why not. */
static bool
python_in(const char *dir, size_t dir_len, const char *name, char *path, size_t room)
{
	int n = snprintf(path, room, "%.*s/%s", (int)dir_len, dir, name);

	must(n > 0);
	if ((size_t)n >= room) {
		errno = ENAMETOOLONG;
		return false;
	}
	return access(path, X_OK) == 0;
}

/* As a shell looks, but an empty entry of PATH does not mean the current directory. */
static bool
python_on_path(const char *name, char *path, size_t room)
{
	const char *p = getenv("PATH");

	errno = ENOENT;
	while (p != NULL && *p != '\0') {
		size_t len = strcspn(p, ":");

		if (len > 0 && python_in(p, len, name, path, room))
			return true;
		p += len + (p[len] == ':');
	}
	return false;
}

/* The length of the directory that fastrd is in, written to `self`; 0: unknown. */
static size_t
own_directory(char *self, size_t room)
{
	ssize_t n = readlink("/proc/self/exe", self, room - 1);
	const char *slash;

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	return slash != NULL ? (size_t)(slash - self) : 0;
}

/* Is fastrd itself installed in a virtual environment? Its Python is the one meant, as
 * for every other program there, whether the environment is active or not. */
static bool
python_of_own_environment(const char *dir, size_t len, char *path, size_t room)
{
	int n = snprintf(path, room, "%.*s/../pyvenv.cfg", (int)len, dir);

	return len > 0 && n > 0 && (size_t)n < room && access(path, F_OK) == 0 &&
	    python_in(dir, len, "python", path, room);
}

/* That of the environment that is active. */
static bool
python_active(char *path, size_t room)
{
	const char *env = getenv("VIRTUAL_ENV");

	return env != NULL && *env != '\0' &&
	    python_in(env, strlen(env), "bin/python", path, room);
}

/* --python: a path, or a name to look for on PATH. */
static bool
python_wanted(const char *wanted, char *path, size_t room)
{
	if (strchr(wanted, '/') == NULL)
		return python_on_path(wanted, path, room);
	if ((size_t)snprintf(path, room, "%s", wanted) >= room) {
		errno = ENAMETOOLONG;
		return false;
	}
	return access(path, X_OK) == 0;
}

int
master_python_find(const char *wanted, char *path, size_t room)
{
	char self[PATH_MAX];
	size_t len = own_directory(self, sizeof(self));

	if (wanted[0] != '\0') {
		if (python_wanted(wanted, path, room))
			return 0;
		fprintf(stderr, "fastrd: --python %s: %s; give the path of a program\n", wanted,
		    strerror(errno));
		return -1;
	}
	if (python_of_own_environment(self, len, path, room) || python_active(path, room))
		return 0;
	/* ./try builds into build/bin and build/venv. */
	if (len > 0 && (python_in(self, len, "../venv/bin/python", path, room) ||
	    python_in(self, len, "python3", path, room)))
		return 0;
	if (python_on_path("python3", path, room))
		return 0;
	fprintf(stderr, "fastrd: no python3 found; activate the application's virtual "
	    "environment or give --python PATH\n");
	return -1;
}

bool
master_python_launcher(char *path, size_t room)
{
	char self[PATH_MAX];
	size_t len = own_directory(self, sizeof(self));
	int n = snprintf(path, room, "%.*s/../lib/fastrd/fastrapi/launch.py", (int)len, self);

	return len > 0 && n > 0 && (size_t)n < room && access(path, R_OK) == 0;
}

int
master_python_check(const char *python, const char *user)
{
	if (access(python, X_OK) == 0)
		return 0;
	fprintf(stderr, "fastrd: --user %s: it cannot run %s: %s; give --python one that it can\n", user,
	    python, strerror(errno));
	return -1;
}

void
master_python_unfit(const char *python, const char *why, char *text, size_t room)
{
	bool said = why != NULL;

	snprintf(text, room, "%s cannot run fastrapi%s%s%s; " MASTER_PYTHON_REMEDY("%s"), python,
	    said ? " (" : "", said ? why : "", said ? ")" : "", python);
}
