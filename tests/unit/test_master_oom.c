/*
 * test_master_oom: which cgroup is ours, and whose death a kill of the kernel's was.
 */
#include <CUnit/Basic.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/oom.h"
#include "tests/unit/suite.h"

#define V1 "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n" \
	"35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:3 - cgroup cgroup rw,memory\n"
#define V2 "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"

static void
test_the_directory_is_found(void)
{
	static const struct {
		const char *groups, *mounts, *directory, *group;
		bool v1;
	} cases[] = {
		{ "0::/system.slice/a.service\n", V2, "/sys/fs/cgroup/unified/system.slice/a.service",
		    "/system.slice/a.service", false },
		{ "9:name=systemd:/\n4:cpu,memory:/x:y\n0::/z\n", V1 V2, "/sys/fs/cgroup/memory/x:y",
		    "/x:y", true },
		{ "0::/z\n4:memory:/x", V2 V1, "/sys/fs/cgroup/memory/x", "/x", true },
		/* In a container: of its own, and of the machine's with its part mounted. */
		{ "0::/\n", V2, "/sys/fs/cgroup/unified/", "/", false },
		{ "4:memory:/docker/1/a\n", "1 2 0:3 /docker/1 /cg ro - cgroup c rw,memory\n", "/cg/a",
		    "/docker/1/a", true },
		{ "4:memory:/docker/1\n", "1 2 0:3 /docker/1 /cg ro - cgroup c rw,memory\n", "/cg",
		    "/docker/1", true },
		{ "4:memory:/docker/10\n", "1 2 0:3 /docker/1 /cg ro - cgroup c rw,memory\n", "/cg",
		    "/docker/10", true },
	};
	struct master_oom o;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_EQUAL(master_oom_parse(&o, cases[i].groups, cases[i].mounts), 0);
		CU_ASSERT_STRING_EQUAL(o.directory, cases[i].directory);
		CU_ASSERT_STRING_EQUAL(o.group, cases[i].group);
		CU_ASSERT_EQUAL(o.v1, cases[i].v1);
	}
}

static void
test_there_may_be_none(void)
{
	static const char *const groups[] = { "", "\n", "4", "4:memory", "4:memoryx:/\n", "::", "1:cpu:/\n" };
	char *path = malloc(PATH_MAX + 20);
	struct master_oom o;

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		CU_ASSERT_EQUAL(master_oom_parse(&o, groups[i], V1), -1);
	CU_ASSERT_EQUAL(master_oom_parse(&o, "4:memory:/\n", V2), -1);
	CU_ASSERT_EQUAL(master_oom_parse(&o, "4:memory:/\n", "\n1 - cgroup c\n -"), -1);
	snprintf(path, PATH_MAX + 20, "4:memory:/%0*d\n", PATH_MAX, 0);
	CU_ASSERT_EQUAL(master_oom_parse(&o, path, V1), -1);
	path[PATH_MAX] = '\n';	/* fits alone, but not behind the mount */
	path[PATH_MAX + 1] = '\0';
	CU_ASSERT_EQUAL(master_oom_parse(&o, path, V1), -1);
	CU_ASSERT_EQUAL(o.counter_fd, -1);
	master_oom_look(&o, 1);
	CU_ASSERT_FALSE(master_oom_claim(&o, 2));
	free(path);
}

static void
test_each_kill_is_for_one_death_that_follows_soon(void)
{
	char path[] = "/tmp/fastrd-oom-XXXXXX";
	struct master_oom o = { .counter_fd = mkstemp(path) };
	int fd = o.counter_fd;

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_FALSE(master_oom_claim(&o, 1000));	/* empty: nothing is known */
	CU_ASSERT_EQUAL(pwrite(fd, "low 0\noom 3\noom_kill 2\n", 23, 0), 23);
	CU_ASSERT_TRUE(master_oom_claim(&o, 2000));
	CU_ASSERT_TRUE(master_oom_claim(&o, 2001));
	CU_ASSERT_FALSE(master_oom_claim(&o, 2002));
	CU_ASSERT_EQUAL(pwrite(fd, "low 0\noom 3\noom_kill 3\n", 23, 0), 23);
	master_oom_look(&o, 3000);	/* before the death is heard of */
	CU_ASSERT_TRUE(master_oom_claim(&o, 12999));
	CU_ASSERT_EQUAL(pwrite(fd, "low 0\noom 3\noom_kill 4\n", 23, 0), 23);
	master_oom_look(&o, 20000);
	CU_ASSERT_FALSE(master_oom_claim(&o, 30001));	/* that was another program */
	close(fd);
	unlink(path);
}

static CU_TestInfo tests[] = {
	{ "directory", test_the_directory_is_found },
	{ "none", test_there_may_be_none },
	{ "kills", test_each_kill_is_for_one_death_that_follows_soon },
	CU_TEST_INFO_NULL,
};

int
main(void)
{
	return suite_run("oom", tests);
}
