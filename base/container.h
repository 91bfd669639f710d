/*
 * container: from a member back to the structure that holds it.
 *
 * For intrusive nodes and for callbacks that are handed a member: list nodes, jobs,
 * timers.
 */
#ifndef BASE_CONTAINER_H
#define BASE_CONTAINER_H

#include <stddef.h>
#include <stdint.h>

/* The `type` whose `member` is at `ptr`. A pointer to anything but that member's type
 * does not compile. The result is writable even when `ptr` points to const. */
#define container_of(ptr, type, member) \
	((void)sizeof((ptr) == &((type *)0)->member), \
	    (type *)((uintptr_t)(ptr) - offsetof(type, member)))

#endif
