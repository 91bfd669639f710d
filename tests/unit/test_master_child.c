/*
 * test_master_child: the table of children, their channels, how their ends are told.
 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "master/child.h"
#include "master/shortage.h"
#include "tests/unit/suite.h"

static struct master_children table;
static struct master_generation *one = (void *)&table.at[0], *two = (void *)&table.at[1];

static struct master_child *
added(enum master_role role, struct master_generation *g, pid_t pid)
{
	struct master_child *c = master_child_free_record(&table, role, g);

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	c->pid = pid;
	return c;
}

static unsigned
counted(const struct master_generation *g)
{
	struct master_child *c = NULL;
	unsigned n = 0;

	while ((c = master_child_next(&table, g, c)) != NULL)
		n++;
	return n;
}

static void
test_a_full_table_is_no_limit_of_the_systems(void)
{
	char text[256];

	memset(&table, 0, sizeof(table));
	for (int i = 0; i < MASTER_MAX_CHILDREN; i++)
		added(ROLE_WORKER, one, 1 + i);
	errno = 0;
	CU_ASSERT_PTR_NULL(master_child_free_record(&table, ROLE_WORKER, one));
	CU_ASSERT_EQUAL(errno, MASTER_SHORTAGE_CHILDREN);
	CU_ASSERT_STRING_EQUAL(master_shortage_text(text, sizeof(text), "start worker 3", errno),
	    "cannot start worker 3: too many earlier processes have not ended yet; "
	    "wait for them, or kill them");
	master_child_remove(&table.at[7]);
	CU_ASSERT_PTR_EQUAL(master_child_free_record(&table, ROLE_ZYGOTE, two), &table.at[7]);
	CU_ASSERT_EQUAL(table.at[7].role, ROLE_ZYGOTE);
	CU_ASSERT_EQUAL(table.at[7].channel, -1);
}

static void
test_children_are_walked_by_generation_and_may_be_removed_meanwhile(void)
{
	struct master_child *c = NULL;

	memset(&table, 0, sizeof(table));
	CU_ASSERT_EQUAL(counted(NULL), 0);
	for (int i = 0; i < 6; i++)
		added(ROLE_WORKER, i % 2 ? two : one, 1 + i);
	CU_ASSERT_EQUAL(counted(NULL), 6);
	CU_ASSERT_EQUAL(counted(one), 3);
	while ((c = master_child_next(&table, one, c)) != NULL)
		master_child_remove(c);
	CU_ASSERT_EQUAL(counted(one), 0);
	CU_ASSERT_EQUAL(counted(two), 3);
	/* The last record is not beyond the table. */
	table.at[MASTER_MAX_CHILDREN - 1] = table.at[1];
	CU_ASSERT_EQUAL(counted(two), 4);
}

static void
test_a_channel_is_read_until_its_other_side_is_gone(void)
{
	char text[WIRE_MESSAGE_MAX + 1], longer[WIRE_MESSAGE_MAX + 100];
	struct master_child *c;
	int pair[2];

	memset(&table, 0, sizeof(table));
	c = added(ROLE_WORKER, one, 1);
	CU_ASSERT_FALSE(master_child_receive(c, text));		/* none yet */
	master_child_order(c, "SERVE");
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	c->channel = pair[0];
	CU_ASSERT_FALSE(master_child_receive(c, text));
	CU_ASSERT_EQUAL(c->channel, pair[0]);
	master_child_order(c, "DRAIN 5");
	CU_ASSERT_EQUAL(recv(pair[1], text, sizeof(text), 0), 7);
	memset(longer, 'x', sizeof(longer));
	send(pair[1], "READY", 5, 0);
	send(pair[1], longer, sizeof(longer), 0);
	close(pair[1]);
	CU_ASSERT_TRUE(master_child_receive(c, text));
	CU_ASSERT_STRING_EQUAL(text, "READY");
	CU_ASSERT_TRUE(master_child_receive(c, text));
	CU_ASSERT_EQUAL(strlen(text), WIRE_MESSAGE_MAX);
	CU_ASSERT_FALSE(master_child_receive(c, text));
	CU_ASSERT_EQUAL(c->channel, -1);
	CU_ASSERT_EQUAL(close(pair[0]), -1);	/* closed already */
	master_child_order(c, "SERVE");
	master_child_remove(c);
}

static void
test_endings(void)
{
	char text[MASTER_ENDING_BYTES], name[MASTER_NAME_BYTES];
	struct master_child c = { .role = ROLE_WORKER, .slot = 12 };

	CU_ASSERT_STRING_EQUAL(master_child_name(&c, name), "worker 12");
	CU_ASSERT_STRING_EQUAL(master_child_ending(3 << 8, text), "exit status 3");
	CU_ASSERT_STRING_EQUAL(master_child_ending(SIGKILL, text), "signal 9 (Killed)");
	/* Its Python never got as far as fastrapi. */
	CU_ASSERT_EQUAL(master_child_exit_code(&c, 1 << 8), WIRE_EXIT_PYTHON);
	CU_ASSERT_EQUAL(master_child_exit_code(&c, SIGSEGV), WIRE_EXIT_BUG);
	c.begun = true;
	/* Our own faults come with FAILED; whoever ends without is the application. */
	CU_ASSERT_EQUAL(master_child_exit_code(&c, 1 << 8), WIRE_EXIT_APP);
	CU_ASSERT_EQUAL(master_child_exit_code(&c, SIGSEGV), WIRE_EXIT_APP);
	CU_ASSERT_EQUAL(master_child_exit_code(&c, 9 << 8), WIRE_EXIT_APP);
	CU_ASSERT_EQUAL(master_child_exit_code(&c, 0), WIRE_EXIT_APP);
	c.imported = true;
	CU_ASSERT_EQUAL(master_child_exit_code(&c, SIGSEGV), WIRE_EXIT_BUG);
	c.role = ROLE_ZYGOTE;
	CU_ASSERT_STRING_EQUAL(master_child_name(&c, name), "zygote");
}

static void
test_shortages(void)
{
	char text[256];

	CU_ASSERT_TRUE(master_shortage(EMFILE));
	CU_ASSERT_FALSE(master_shortage(EACCES));
	CU_ASSERT_FALSE(master_shortage(0));
	CU_ASSERT_STRING_EQUAL(master_shortage_text(text, sizeof(text), "start a worker", EAGAIN),
	    "cannot start a worker: Resource temporarily unavailable; "
	    "raise the limit of processes (ulimit -u, TasksMax= of a service)");
	CU_ASSERT_STRING_EQUAL(master_shortage_text(text, sizeof(text), "listen", EACCES),
	    "cannot listen: Permission denied");
	CU_ASSERT_STRING_EQUAL(master_shortage_text(text, 12, "listen", ENOMEM), "cannot list");
}

/* It has not read what it was told: Linux tells that first, and then what it has said. */
static void
test_the_last_words_of_one_that_has_not_read_all(void)
{
	char text[WIRE_MESSAGE_MAX + 1];
	struct master_child c = { .pid = 1 };
	int pair[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	c.channel = pair[0];
	CU_ASSERT_EQUAL(send(pair[1], "FAILED 3 x", 10, 0), 10);
	master_child_order(&c, WIRE_SERVE);
	close(pair[1]);
	CU_ASSERT_TRUE_FATAL(master_child_receive(&c, text));
	CU_ASSERT_STRING_EQUAL(text, "FAILED 3 x");
	CU_ASSERT_FALSE(master_child_receive(&c, text));
	CU_ASSERT_EQUAL(c.channel, -1);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "test_a_full_table_is_no_limit_of_the_systems",
		    test_a_full_table_is_no_limit_of_the_systems },
		{ "test_children_are_walked_by_generation_and_may_be_removed_meanwhile",
		    test_children_are_walked_by_generation_and_may_be_removed_meanwhile },
		{ "test_a_channel_is_read_until_its_other_side_is_gone",
		    test_a_channel_is_read_until_its_other_side_is_gone },
		{ "test_the_last_words_of_one_that_has_not_read_all",
		    test_the_last_words_of_one_that_has_not_read_all },
		{ "test_endings", test_endings },
		{ "test_shortages", test_shortages },
		CU_TEST_INFO_NULL,
	};

	return suite_run("master_child", tests);
}
