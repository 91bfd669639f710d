/*
 * settings: the rows of base/conf_keys.def, for Python.
 */
#ifndef ENGINE_SETTINGS_H
#define ENGINE_SETTINGS_H

#include <Python.h>

#include "base/attr.h"
#include "base/conf.h"

/* The defaults, changed by the entries of `dict`: what _engine.settings() returns, or
 * some of it. Entries that only importing the application needs are left alone. *owner
 * receives a reference that must outlive the texts of `c`. 0; -1 with an exception and
 * *owner NULL. */
int engine_settings_read(PyObject *dict, struct conf *c, PyObject **owner) MUST_CHECK;

/* Adds the functions settings(), secret_variable(), forget_secrets(), open_log(), log_file() and
 * write_log() to the module. 0, or -1 with
 * an exception set. */
int engine_settings_register(PyObject *module) MUST_CHECK;

#endif
