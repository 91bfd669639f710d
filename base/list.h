/*
 * list: an intrusive, doubly linked list; also a queue.
 *
 * The nodes are members of what is listed (see base/container.h), so nothing here
 * allocates or fails, and every operation takes constant time. A list owns nothing:
 * who listed something frees it, after removing it. Not thread safe.
 *
 * The list is a ring through a head that is part of it, so that no end is special;
 * the head therefore must not be moved or copied while the list is in use.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/container.h"
#include "base/must.h"

/* Zero-initialised before first use; zero again whenever it is in no list. */
struct list_node {
	struct list_node *next, *prev;
};

struct list {
	struct list_node ring;
};

/* An empty list. Nodes of what was in it are not touched. */
static inline void
list_init(struct list *l)
{
	l->ring.next = l->ring.prev = &l->ring;
}

static inline bool
list_is_empty(const struct list *l)
{
	return l->ring.next == &l->ring;
}

/* Is the node in a list? */
static inline bool
list_has(const struct list_node *node)
{
	return node->next != NULL;
}

/* The first node, still in the list; NULL when there is none. */
static inline struct list_node *
list_first(const struct list *l)
{
	return list_is_empty(l) ? NULL : l->ring.next;
}

/* Put a node that is in no list at the beginning. */
static inline void
list_prepend(struct list *l, struct list_node *node)
{
	must(!list_has(node));
	node->next = l->ring.next;
	node->prev = &l->ring;
	node->next->prev = node;
	l->ring.next = node;
}

/* Put a node that is in no list at the end. */
static inline void
list_append(struct list *l, struct list_node *node)
{
	must(!list_has(node));
	node->next = &l->ring;
	node->prev = l->ring.prev;
	l->ring.prev->next = node;
	l->ring.prev = node;
}

/* Take a node out of the list it is in; no-op when it is in none. */
static inline void
list_remove(struct list_node *node)
{
	if (!list_has(node))
		return;
	node->next->prev = node->prev;
	node->prev->next = node->next;
	node->next = node->prev = NULL;
}

/* Take the first node out; NULL when there is none. */
static inline struct list_node *
list_take(struct list *l)
{
	struct list_node *node = list_first(l);

	if (node != NULL)
		list_remove(node);
	return node;
}

/* Append all nodes of `from`, in their order; `from` is empty afterwards. */
static inline void
list_append_all(struct list *l, struct list *from)
{
	if (list_is_empty(from))
		return;
	from->ring.next->prev = l->ring.prev;
	l->ring.prev->next = from->ring.next;
	from->ring.prev->next = &l->ring;
	l->ring.prev = from->ring.prev;
	list_init(from);
}

/* Walk the list, first to last. The body must not remove any node. */
#define LIST_EACH(node, l) \
	for (struct list_node *node = (l)->ring.next; node != &(l)->ring; node = node->next)

#endif
