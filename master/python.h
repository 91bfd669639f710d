/*
 * python: which Python the application runs on.
 */
#ifndef MASTER_PYTHON_H
#define MASTER_PYTHON_H

#include <stddef.h>

#include "base/attr.h"

/* `wanted` (--python) unless it is empty, else $VIRTUAL_ENV/bin/python, else the python
 * beside this fastrd, else python3 on PATH. Writes its path, which is relative if
 * --python or VIRTUAL_ENV was. 0, or -1 after one line with cause and remedy. */
int master_python_find(const char *wanted, char *path, size_t room) MUST_CHECK;

#endif
