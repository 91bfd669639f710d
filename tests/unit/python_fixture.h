/*
 * python_fixture: an interpreter around the tests of bindings/ and engine/.
 *
 * It is the interpreter the build is for, with the extension of this very build
 * inside the program. After every test no exception may be pending and every
 * kept object must have its references back; at the end the interpreter must
 * finish cleanly.
 */
#ifndef TESTS_UNIT_PYTHON_FIXTURE_H
#define TESTS_UNIT_PYTHON_FIXTURE_H

#include <Python.h>

#include <CUnit/Basic.h>
#include <stdbool.h>

#include "bindings/module_state.h"

/* Run the tests (ended by CU_TEST_INFO_NULL) as one suite; main()'s status. */
int python_main(const char *suite, CU_TestInfo *tests);

/* The extension's state; pydantic, starlette and fastapi are loaded when asked. */
struct pyb_module_state *python_state(void);
struct pyb_module_state *python_state_fastapi(void);

/* In one namespace for the whole program: the value of an expression (new
 * reference), and statements. What raises ends the program. */
PyObject *py(const char *expression);
void py_do(const char *statements);

/* The same with arguments: the namespace's function of that name. New reference,
 * NULL with the exception set. */
PyObject *py_call(const char *name, PyObject *argument);

/* Is `got` (stolen, NULL is false) equal to the expression's value? */
bool py_equal(PyObject *got, const char *expression);

/* Is an exception of that class (an expression) pending? It is cleared. */
bool py_raised(const char *class);

/* Take over the reference until the test ends; the object must then have as many
 * references as now. Returns it (borrowed). */
PyObject *python_keep(PyObject *object);

/* Memory blocks of the interpreter that each run of `run(arg)` leaves behind, after
 * some runs to warm caches. */
long python_leak(void (*run)(void *), void *arg);

/* From now on let the n-th allocation fail (0: the next; -1: none). False: the one
 * asked for before has not come. */
bool python_fail_at(long n);

/* Call `run(arg)` with its first, second, ... allocation failing until none fails.
 * It tells with its value whether everything was in order. */
bool python_survives(bool (*run)(void *), void *arg);

#endif
