/*
 * options: a Python dict as worker options.
 */
#ifndef ENGINE_OPTIONS_H
#define ENGINE_OPTIONS_H

#include <Python.h>

#include "worker/worker.h"

/* Defaults, changed by the dict's entries: limit_line, limit_field,
 * limit_fields, limit_head, limit_body (bytes; counts), header_timeout_ms,
 * keep_alive_ms, content_timeout_ms, write_timeout_ms, root_path, boards (a
 * triple of descriptor, index and generation; options->board is then attached and
 * claimed, options->boards attached, both the caller's to detach). *owner receives
 * a reference that must outlive the options, or NULL. 0; -1 with an exception
 * (unknown names are a ValueError) and nothing for the caller to give back. */
int engine_options_read(PyObject *dict, struct worker_options *options, PyObject **owner);

#endif
