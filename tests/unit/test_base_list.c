/*
 * Tests of base/list.h and base/container.h: order, removal anywhere, and what a
 * node says of itself.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>

#include "base/list.h"
#include "tests/unit/suite.h"

struct item {
	char name;
	struct list_node node;
};

static struct item items[5];
static struct list list;

static void
reset(void)
{
	for (size_t i = 0; i < 5; i++)
		items[i] = (struct item){ .name = (char)('a' + i) };
	list_init(&list);
}

static char
name_of(const struct list_node *node)
{
	return node != NULL ? container_of(node, struct item, node)->name : '-';
}

/* The names in a list, which is also walked backwards. */
static const char *
names(const struct list *l)
{
	static char text[8];
	const struct list_node *back = l->ring.prev;
	size_t n = 0;

	LIST_EACH(node, l)
		text[n++] = name_of(node);
	text[n] = '\0';
	for (; n > 0; back = back->prev)
		CU_ASSERT_EQUAL(name_of(back), text[--n]);
	CU_ASSERT_PTR_EQUAL(back, &l->ring);
	return text;
}

static void
nodes_leave_in_the_order_in_which_they_came(void)
{
	reset();
	CU_ASSERT(list_is_empty(&list));
	CU_ASSERT_PTR_NULL(list_first(&list));
	CU_ASSERT_PTR_NULL(list_take(&list));
	for (size_t i = 0; i < 3; i++)
		list_append(&list, &items[i].node);
	CU_ASSERT_STRING_EQUAL(names(&list), "abc");
	CU_ASSERT_EQUAL(name_of(list_first(&list)), 'a');
	CU_ASSERT_EQUAL(name_of(list_take(&list)), 'a');
	list_append(&list, &items[0].node);
	CU_ASSERT_STRING_EQUAL(names(&list), "bca");
	CU_ASSERT_EQUAL(name_of(list_take(&list)), 'b');
	CU_ASSERT_EQUAL(name_of(list_take(&list)), 'c');
	CU_ASSERT_EQUAL(name_of(list_take(&list)), 'a');
	CU_ASSERT(list_is_empty(&list));
}

static void
a_node_is_removed_from_any_place_and_knows_it(void)
{
	reset();
	for (size_t i = 0; i < 5; i++) {
		CU_ASSERT_FALSE(list_has(&items[i].node));
		list_append(&list, &items[i].node);
		CU_ASSERT(list_has(&items[i].node));
	}
	list_remove(&items[2].node);
	CU_ASSERT_STRING_EQUAL(names(&list), "abde");
	list_remove(&items[0].node);
	list_remove(&items[4].node);
	CU_ASSERT_STRING_EQUAL(names(&list), "bd");
	CU_ASSERT_FALSE(list_has(&items[2].node));
	list_remove(&items[2].node);
	CU_ASSERT_STRING_EQUAL(names(&list), "bd");
	list_remove(&items[1].node);
	list_remove(&items[3].node);
	CU_ASSERT(list_is_empty(&list));
}

static void
one_list_is_appended_to_another(void)
{
	struct list more;

	reset();
	list_init(&more);
	list_append_all(&list, &more);
	CU_ASSERT(list_is_empty(&list));
	list_append(&more, &items[0].node);
	list_append(&more, &items[1].node);
	list_append_all(&list, &more);
	CU_ASSERT(list_is_empty(&more));
	CU_ASSERT_STRING_EQUAL(names(&list), "ab");
	list_append(&more, &items[2].node);
	list_append_all(&list, &more);
	CU_ASSERT_STRING_EQUAL(names(&list), "abc");
	list_append_all(&list, &more);
	CU_ASSERT_STRING_EQUAL(names(&list), "abc");
	list_append(&more, &items[3].node);
	CU_ASSERT_STRING_EQUAL(names(&more), "d");
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "nodes leave in the order in which they came",
		    nodes_leave_in_the_order_in_which_they_came },
		{ "a node is removed from any place and knows it",
		    a_node_is_removed_from_any_place_and_knows_it },
		{ "one list is appended to another", one_list_is_appended_to_another },
		CU_TEST_INFO_NULL,
	};

	return suite_run("list", tests);
}
