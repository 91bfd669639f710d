/*
 * method: request methods as numbers, the same in every process of a build.
 */
#ifndef SHM_METHOD_H
#define SHM_METHOD_H

#include "base/attr.h"

/* http-parser's number of a method name (upper case), below 64. -1 when the parser
 * does not know it; such a request never reaches a route. */
int shm_method_number(const char *name) MUST_CHECK;

/* The name of a number; NULL when no method has it. */
const char *shm_method_name(unsigned number);

#endif
