/*
 * static: what the libraries' static forms want of the C library.
 *
 * Part of the extension only with configure's --enable-static-libraries, where the linker puts these
 * names in the places of the C library's (ld's --wrap). Debian's libevent_core.a is made for programs:
 * it reaches `stderr` in a way that a shared object cannot have. And it calls arc4random(), which
 * glibc has since 2.36: with these two the extension runs with glibc 2.34.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern FILE *__real_stderr;
extern FILE *__wrap_stderr;
void __wrap_arc4random_buf(void *to, size_t size);
uint32_t __wrap_arc4random(void);

FILE *__wrap_stderr;

/* Before anything of libevent's runs: when the extension is loaded. */
__attribute__((constructor)) static void
static_begin(void)
{
	__wrap_stderr = __real_stderr;
}

/* Random bytes from the kernel, as arc4random_buf() gives them. Without any there is no going on. */
void
__wrap_arc4random_buf(void *to, size_t size)
{
	char *at = to;

	while (size > 0) {
		size_t part = size < 256 ? size : 256;	/* the most that getentropy() gives */

		if (getentropy(at, part) != 0)
			abort();
		at += part;
		size -= part;
	}
}

uint32_t
__wrap_arc4random(void)
{
	uint32_t value;

	__wrap_arc4random_buf(&value, sizeof(value));
	return value;
}
