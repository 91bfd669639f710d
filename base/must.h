/*
 * must: "this cannot happen unless our own code is wrong".
 *
 * Always compiled in. Never for bad input, bad environment or a full machine:
 * those have an answer. A failed must() writes one line to standard error and
 * aborts.
 */
#ifndef BASE_MUST_H
#define BASE_MUST_H

/* Report and abort. Does not return. */
void must_fail(const char *file, int line, const char *func, const char *cond)
    __attribute__((noreturn, cold));

#define must(cond) \
	do { \
		if (__builtin_expect(!(cond), 0)) \
			must_fail(__FILE__, __LINE__, __func__, #cond); \
	} while (0)

#endif
