/*
 * python: which Python the application runs on.
 */
#ifndef MASTER_PYTHON_H
#define MASTER_PYTHON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

/* `wanted` (--python) unless it is empty; else that of the virtual environment in which
 * this fastrd is installed; else $VIRTUAL_ENV/bin/python; else ../venv/bin/python or
 * python3 beside this fastrd; else python3 on PATH. Writes its path, which is relative if
 * --python or VIRTUAL_ENV was. 0, or -1 after one line with cause and remedy. */
int master_python_find(const char *wanted, char *path, size_t room) MUST_CHECK;

/* Is the package fastrapi installed beside this fastrd, in ../lib/fastrd, as a Debian package has it?
 * Then `path` is its launcher (python/fastrapi/launch.py), with which Pythons that have no fastrapi of
 * their own run this one. */
bool master_python_launcher(char *path, size_t room) MUST_CHECK;

/* May this process, which is `user` by now, run it? 0, or -1 after one line. */
int master_python_check(const char *python, const char *user) MUST_CHECK;

/* What to do about a Python that cannot run fastrapi. PYTHON is that Python, in the form in
 * which the caller puts it in: a literal, or a place of printf() or of an f-string. */
#define MASTER_PYTHON_REMEDY(PYTHON) \
	"install it with \"" PYTHON " -m pip install SOURCES\", SOURCES being fastrd's " \
	"(the fastrapi on PyPI is another package), or give the application's Python with " \
	"--python"

/* That PYTHON cannot run fastrapi, why (NULL: it has not said so), and what to do about it,
 * into `text`. */
void master_python_unfit(const char *python, const char *why, char *text, size_t room);

#endif
