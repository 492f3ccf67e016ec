// SPDX-License-Identifier: MIT
/*
 * Loading the module with an allocation failing, each of the last ones in turn: it is
 * loaded and works, or it is not and leaves nothing behind
 *
 * Most of what loading a module allocates is the kernel's own, and comes before the
 * module's first function runs, so that the sweep goes backwards from the end. Wants the
 * module's file as /codecache.ko, or where CODECACHE_KO says, and nobody else who uses
 * the module.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cc_nth.h"
#include "kselftest_harness.h"

/* More than the module's own function allocates; and more than loading does. */
enum { LAST = 200, ALL = 1000000 };

static int module_file(void)
{
	return open(getenv("CODECACHE_KO") ?: "/codecache.ko", O_RDONLY | O_CLOEXEC);
}

static int unload(void)
{
	long long since = cc_now_ms();

	while (syscall(SYS_delete_module, "codecache", O_NONBLOCK)) {
		if (errno != EWOULDBLOCK || !cc_patient(since))
			return -errno;
	}
	return 0;
}

static bool is_gone(void)
{
	return access("/sys/module/codecache", F_OK) && access(CC_DEBUGFS, F_OK) &&
	       access(CODECACHE_DEVICE, F_OK);
}

static bool works(void)
{
	struct cc_mem mem;
	bool good = !cc_mem_data(&mem, 1) && !cc_store(mem.map[CODECACHE_VIEW_DATA], 1);

	cc_mem_close(&mem);
	return good;
}

/* Load it with the @nth allocation failing; *@left: how many more it would have taken. */
static int load(int nth_fd, unsigned int nth, unsigned int *left)
{
	char text[16] = "";
	int fd = module_file(), err = 0;

	cc_nth_arm(nth_fd, nth);
	if (syscall(SYS_finit_module, fd, "", 0))
		err = -errno;
	if (pread(nth_fd, text, sizeof(text) - 1, 0) > 0)
		*left = atoi(text);
	cc_nth_happened(nth_fd);
	close(fd);
	return err;
}

FIXTURE(init)
{
	int nth;
};

FIXTURE_SETUP(init)
{
	self->nth = cc_nth_open();
	ASSERT_LE(0, self->nth);
	ASSERT_EQ(0, unload());
}

FIXTURE_TEARDOWN(init)
{
	unsigned int left;

	if (is_gone())
		EXPECT_EQ(0, load(self->nth, ALL, &left));
	EXPECT_TRUE(works());
	close(self->nth);
}

TEST_F_TIMEOUT(init, without_memory_leaves_nothing_behind, 4 * CC_TIMEOUT)
{
	unsigned int i, all, left = 0, failed = 0;
	int err;

	ASSERT_EQ(0, load(self->nth, ALL, &left));
	all = ALL - left;
	ASSERT_LT(LAST, all);
	ASSERT_EQ(0, unload());
	for (i = 0; i < LAST; i++) {
		err = load(self->nth, all - i, &left);
		if (err) {
			failed++;
			ASSERT_TRUE(cc_nth_named(err))
				TH_LOG("%u: %s", all - i, strerror(-err));
			ASSERT_TRUE(is_gone());
			continue;
		}
		ASSERT_TRUE(works());
		ASSERT_EQ(0, unload());
	}
	TH_LOG("the last %u of %u made to fail, %u told", LAST, all, failed);
	ASSERT_LT(0, failed);
}

/* Before main(): one skip for all. */
static void __attribute__((constructor)) init_skip(void)
{
	cc_nth_need();
}

TEST_HARNESS_MAIN
