// SPDX-License-Identifier: MIT
/*
 * Zones with extents: outside those that are handed out every access traps, whatever
 * the kind of view, the trap mode and the protections; none reads zeros
 */
#include "cc_reclaim.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

/* An extent that lives, and next to it one that did, and was written. */
enum { PAGES = 64, LIVE = 16, GONE = 24, END = 32 };

#define W	CODECACHE_VIEW_WRITE
#define X	CODECACHE_VIEW_EXEC
#define DATA	CODECACHE_VIEW_DATA

FIXTURE(outside)
{
	struct cc_mem mem;
	struct cc_log log;
	int view;
	unsigned char *p;
	size_t page;
	int mem_fd;		/* /proc/self/mem */
};

FIXTURE_VARIANT(outside)
{
	uint32_t kind;
	uint32_t mode;
};

#define VARIANT(name, _kind, _mode)					\
	FIXTURE_VARIANT_ADD(outside, name)				\
	{ .kind = _kind, .mode = CODECACHE_TRAP_ ## _mode }

VARIANT(write_signal, W, SIGNAL);
VARIANT(write_log, W, LOG);
VARIANT(write_block, W, BLOCK);
VARIANT(exec_signal, X, SIGNAL);
VARIANT(exec_log, X, LOG);
VARIANT(exec_block, X, BLOCK);
VARIANT(data_signal, DATA, SIGNAL);
VARIANT(data_log, DATA, LOG);
VARIANT(data_block, DATA, BLOCK);

static int extent_at(int zone, uint64_t first, uint32_t nr_pages)
{
	struct codecache_extent extent = { .nr_pages = nr_pages };
	struct codecache_extent_alloc_args args = {
		.addr = (uintptr_t)&extent,
		.count = 1,
		.min_page = first,
		.max_page = first + nr_pages,
	};

	return cc_alloc_call(zone, &args);
}

/* Write to an extent, see it in the view, and have it freed. */
static bool use_and_lose(FIXTURE_DATA(outside) *self, uint32_t kind)
{
	unsigned int page;
	uint64_t cookie;

	if (extent_at(self->mem.zone, GONE, END - GONE))
		return false;
	for (page = GONE; page < END; page++)
		cc_emit(self->mem.map[kind] + page * self->page, page);
	for (page = GONE; page < END; page++) {
		if (cc_load(self->p + page * self->page, NULL))
			return false;
	}
	return !cc_retire_run(self->mem.zone, GONE, END - GONE, &cookie) &&
	       !cc_grace_wait(self->mem.cache, cookie);
}

FIXTURE_SETUP(outside)
{
	uint32_t kind = variant->kind;
	uint32_t writer = kind == DATA ? DATA : W;

	ASSERT_EQ(0, cc_mem_extents(&self->mem, cc_kind_class(kind), PAGES));
	ASSERT_EQ(0, cc_mem_map(&self->mem, writer));
	self->page = cc_page_size();
	self->view = cc_view_trap(self->mem.zone, kind, cc_kind_full(kind),
				  variant->mode, 0);
	ASSERT_LE(0, self->view);
	ASSERT_EQ(0, cc_log_open(&self->log, self->view, 64, 0));
	self->p = cc_map(self->view, kind, PAGES);
	ASSERT_NE(NULL, self->p);
	ASSERT_EQ(0, extent_at(self->mem.zone, LIVE, GONE - LIVE));
	ASSERT_TRUE(use_and_lose(self, writer));
	self->mem_fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->mem_fd);
}

FIXTURE_TEARDOWN(outside)
{
	close(self->mem_fd);
	cc_log_close(&self->log);
	munmap(self->p, PAGES * self->page);
	close(self->view);
	cc_mem_close(&self->mem);
}

/* As a thread of its own: one that sleeps in a trap must not hang the test. */
static bool traps(void *p, enum cc_how how)
{
	struct cc_hit hit = { .how = how, .p = p, .value = 1 };

	return !cc_hit_start(&hit) && cc_hit_segv(&hit);
}

/* The first thing that an access to a page outside can do; NULL: nothing. */
static const char *use(FIXTURE_DATA(outside) *self, uint32_t kind,
		       unsigned int page)
{
	unsigned char *at = self->p + page * self->page + 40;
	char byte;

	if (!traps(at, CC_LOAD))
		return "be loaded from";
	if (!traps(at, CC_STORE))
		return "be stored to";
	if (kind == X && !traps(at, CC_FETCH))
		return "be run";
	if (cc_kernel_load(at) != -EFAULT)
		return "be loaded from by the kernel";
	if (cc_kernel_store(at, 1) != -EFAULT)
		return "be stored to by the kernel";
	if (pread(self->mem_fd, &byte, 1, (uintptr_t)at) != -1)
		return "be read by a debugger";
	return NULL;
}

static bool all_trap(FIXTURE_DATA(outside) *self, uint32_t kind)
{
	static const unsigned int pages[] = { 0, LIVE - 1, GONE, GONE + 1,
					      END - 1, END, PAGES - 1 };
	unsigned int i;
	const char *can;

	for (i = 0; i < ARRAY_LEN(pages); i++) {
		can = use(self, kind, pages[i]);
		if (!can)
			continue;
		printf("# page %u can %s\n", pages[i], can);
		return false;
	}
	/* Nobody has been asked, or told. */
	return !cc_log_head(&self->log) && !cc_log_lost(&self->log) &&
	       !CC_STAT(self->view, traps_blocked) &&
	       cc_no_event(self->view);
}

TEST_F_TIMEOUT(outside, every_access_traps, CC_TIMEOUT)
{
	EXPECT_TRUE(all_trap(self, variant->kind));
	EXPECT_EQ(0, CC_STAT(self->mem.zone, resident_pages));
}

TEST_F_TIMEOUT(outside, inside_none_does, CC_TIMEOUT)
{
	unsigned char *at, value;
	unsigned int page;

	for (page = LIVE; page < GONE; page++) {
		at = self->p + page * self->page;
		EXPECT_EQ(0, cc_load(at, &value));
		EXPECT_EQ(0, value);
		if (variant->kind != X) {
			EXPECT_EQ(0, cc_store(at + self->page - 1, 1));
			EXPECT_EQ(0, cc_kernel_store(at, 7));
			EXPECT_EQ(7, *at);
			continue;
		}
		cc_emit(self->mem.map[W] + page * self->page, page);
		EXPECT_EQ((int)page, cc_run(at));
	}
	EXPECT_EQ(GONE - LIVE, CC_STAT(self->mem.zone, resident_pages));
	EXPECT_TRUE(all_trap(self, variant->kind));
}

/* With pages that are NONE a trap would be logged, or would sleep. */
TEST_F_TIMEOUT(outside, protections_do_not_matter, CC_TIMEOUT)
{
	const uint32_t full = cc_kind_full(variant->kind);
	const uint32_t prots[] = { CC_NONE, CC_NONE, full, full };
	static const uint32_t modes[] = { CC_LOG, CC_BLOCK, CC_SIGNAL, CC_LOG };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(prots); i++) {
		ASSERT_LT(0, cc_protect_trap(self->view, 0, PAGES, prots[i],
					     modes[i]));
		EXPECT_TRUE(all_trap(self, variant->kind))
			TH_LOG("protection %u, mode %u", prots[i], modes[i]);
	}
}

TEST_F_TIMEOUT(outside, populate_maps_nothing, CC_TIMEOUT)
{
	const uint32_t full = cc_kind_full(variant->kind);

	EXPECT_EQ(0, cc_populate(self->view, 0, LIVE, full));
	EXPECT_EQ(0, cc_populate(self->view, GONE, PAGES - GONE, full));
	EXPECT_EQ(0, CC_STAT(self->mem.zone, resident_pages));
	EXPECT_EQ(GONE - LIVE, cc_populate(self->view, 0, PAGES, full));
	EXPECT_EQ(GONE - LIVE, CC_STAT(self->mem.zone, resident_pages));
	EXPECT_TRUE(all_trap(self, variant->kind));
}

TEST_F_TIMEOUT(outside, resolve_grants_nothing, CC_TIMEOUT)
{
	const uint32_t full = cc_kind_full(variant->kind);

	ASSERT_EQ(0, cc_protect_run(self->view, 0, PAGES, CC_NONE));
	EXPECT_EQ(0, cc_resolve(self->view, 0, LIVE, full));
	EXPECT_EQ(0, cc_resolve(self->view, GONE, PAGES - GONE, full));
	EXPECT_TRUE(all_trap(self, variant->kind));
	EXPECT_EQ(0, cc_resolve(self->view, 0, PAGES, CC_NONE));
	EXPECT_TRUE(all_trap(self, variant->kind));
}

/* Pages around a page that faults are mapped if they are there: these are not. */
TEST_F_TIMEOUT(outside, faults_nearby_map_nothing, CC_TIMEOUT)
{
	unsigned int page;

	for (page = LIVE; page < GONE; page++)
		ASSERT_EQ(0, cc_load(self->p + page * self->page, NULL));
	ASSERT_EQ(0, cc_protect_run(self->view, 0, PAGES, CC_NONE));
	ASSERT_EQ(0, cc_protect_run(self->view, 0, PAGES,
				    cc_kind_full(variant->kind)));
	ASSERT_EQ(0, cc_load(self->p + LIVE * self->page, NULL));
	EXPECT_TRUE(all_trap(self, variant->kind));
}

TEST_F_TIMEOUT(outside, windows_trap_where_their_zone_does, CC_TIMEOUT)
{
	int view = cc_window(self->mem.zone, variant->kind, LIVE + 4, 12);
	unsigned char *p = cc_map(view, variant->kind, 12);
	unsigned int page;

	ASSERT_NE(NULL, p);
	for (page = 0; page < 12; page++) {
		unsigned char *at = p + page * self->page + 3;

		EXPECT_EQ(page < 4 ? 0 : SIGSEGV, cc_load(at, NULL));
		EXPECT_TRUE(page < 4 || cc_trap.addr == at);
	}
	munmap(p, 12 * self->page);
	close(view);
}

TEST_F_TIMEOUT(outside, pages_become_usable_when_handed_out, CC_TIMEOUT)
{
	unsigned char *at = self->p + GONE * self->page, value;

	EXPECT_TRUE(traps(at, CC_LOAD));
	ASSERT_EQ(0, extent_at(self->mem.zone, GONE, 1));
	EXPECT_EQ(0, cc_load(at, &value));
	EXPECT_EQ(0, value);
	EXPECT_EQ(variant->kind == X ? SIGSEGV : 0, cc_store(at, 1));
	EXPECT_TRUE(traps(at + self->page, CC_LOAD));
}

TEST_HARNESS_MAIN
