// SPDX-License-Identifier: MIT
/*
 * Whatever cannot be had: each call, mmap and fault is made with the first allocation
 * or copy of user memory failing, then the second, until none is left to fail
 *
 * An injected failure is either survived or an errno that the uapi names, and then
 * nothing has changed, and the same call works. Needs a kernel with fault injection
 * (make check-debug). What the kernel's own threads allocate cannot be reached so, and
 * calls are left out that allocate nothing and copy nothing that is made to fail.
 * Faults are made by system calls: those of the program itself are tried again by the
 * kernel, which says so in its log.
 */
#include "cc_reclaim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"

enum { PAGES = 600, ENTRIES = 16, MANY = 60, NTH_MAX = 2000 };

#define W	CODECACHE_VIEW_WRITE
#define X	CODECACHE_VIEW_EXEC
#define DATA	CODECACHE_VIEW_DATA

/* What all cases have: a data zone, a code zone with extents, and their views. */
struct world {
	struct cc_mem data;
	struct cc_mem code;
	struct cc_shared shared;
	unsigned char *p;	/* the data view */
	int spare;		/* a data view that is not mapped */
	int event;
	int file;
	int nth;		/* /proc/thread-self/fail-nth */
	int fd;			/* what the operation has made */
	void *map;
	size_t bytes;
	struct cc_log log;
	struct codecache_extent extent;
	uint64_t cookie;
};

/**
 * struct nth_case - an operation that is made to fail
 * @op: 0 or -errno
 * @undo: of an operation that has succeeded
 * @before: makes ready; not made to fail
 * @more: pages may have become resident all the same
 */
struct nth_case {
	int (*op)(struct world *w);
	void (*undo)(struct world *w);
	void (*before)(struct world *w);
	bool more;
};

/* ---- the kernel's fault injection ------------------------------------------- */

static const char *const nth_faults[] = { "failslab", "fail_page_alloc", "fail_usercopy" };

static int nth_set(const char *fault, const char *name, const char *value)
{
	char path[CC_PATH];

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", fault, name);
	return cc_write_file(path, value);
}

/* All allocations may fail, and none says so; false: the kernel has not all of it. */
static bool nth_ready(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(nth_faults); i++) {
		if (nth_set(nth_faults[i], "verbose", "0"))
			return false;
	}
	return !nth_set("failslab", "ignore-gfp-wait", "N") &&
	       !nth_set("fail_page_alloc", "ignore-gfp-wait", "N") &&
	       !nth_set("fail_page_alloc", "ignore-gfp-highmem", "N") &&
	       !nth_set("fail_page_alloc", "min-order", "0") &&
	       !access("/proc/thread-self/fail-nth", W_OK);
}

/* The @nth from now on fails; whatever comes with this call does not count. */
static void nth_arm(struct world *w, unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	if (pwrite(w->nth, text, len, 0) != len)
		_exit(9);
}

/* Has it failed? What is left may fail in this very read, and does not count then. */
static bool nth_happened(struct world *w)
{
	char text[16] = "";
	ssize_t n = pread(w->nth, text, sizeof(text) - 1, 0);

	if (n > 0 && text[0] == '0')
		return true;
	while (pwrite(w->nth, "0", 1, 0) != 1)
		;	/* it may fail in here too, but only once */
	return false;
}

/* ---- operations: objects ------------------------------------------------------- */

static int made(struct world *w, int fd)
{
	w->fd = fd;
	return fd < 0 ? fd : 0;
}

static void close_made(struct world *w)
{
	close(w->fd);
}

static int op_open(struct world *w)
{
	w->fd = open(CODECACHE_DEVICE, O_RDWR | O_CLOEXEC);
	return w->fd < 0 ? -errno : 0;
}

static int op_zone(struct world *w)
{
	return made(w, cc_zone(w->data.cache, CODECACHE_ZONE_DATA, PAGES));
}

static int op_zone_extents(struct world *w)
{
	return made(w, cc_extents(w->data.cache, CODECACHE_ZONE_CODE, PAGES));
}

static int op_view(struct world *w)
{
	return made(w, cc_view(w->data.zone, DATA));
}

static int op_view_uffd(struct world *w)
{
	return made(w, cc_view(w->data.zone, CODECACHE_VIEW_UFFD));
}

static int op_log(struct world *w)
{
	struct codecache_view_log_args args = {
		.size = sizeof(args),
		.nr_entries = ENTRIES,
	};
	int err = cc_ioctl(w->spare, CODECACHE_IOC_VIEW_LOG, &args);

	w->fd = args.out_fd;
	return err;
}

/* A view has one log in its life. */
static void undo_log(struct world *w)
{
	close(w->fd);
	close(w->spare);
	w->spare = cc_view(w->data.zone, DATA);
}

/* ---- operations: mappings ------------------------------------------------------- */

static int mapped(struct world *w, int fd, size_t bytes, off_t offset)
{
	w->bytes = bytes;
	w->map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	return w->map == MAP_FAILED ? -errno : 0;
}

static void unmap(struct world *w)
{
	munmap(w->map, w->bytes);
}

static int op_map(struct world *w)
{
	return mapped(w, w->spare, PAGES * cc_page_size(), 0);
}

static int op_map_slots(struct world *w)
{
	return mapped(w, w->data.cache, cc_page_size(), cc_page_size());
}

static void before_view_unmap(struct world *w)
{
	w->map = cc_map(w->spare, DATA, PAGES);
	cc_store(w->map, 1);
}

static int op_view_unmap(struct world *w)
{
	return cc_unmap(w->spare, NULL);
}

/* ---- operations: protections ------------------------------------------------------ */

static int op_protect(struct world *w)
{
	struct codecache_prot_range r[MANY];
	unsigned int i;

	for (i = 0; i < MANY; i++)
		r[i] = (struct codecache_prot_range){
			.first_page = i * 9,
			.nr_pages = 1 + i % 3,
			.prot = i % 2 ? CC_R : CC_NONE,
			.flags = i % 4 ? 0 : CC_LOG,
		};
	return cc_protect(w->data.fd[DATA], r, MANY, NULL);
}

static int op_protect_bits(struct world *w)
{
	uint64_t words[PAGES / 64];

	memset(words, 0x35, sizeof(words));
	return cc_protect_bits(w->data.fd[DATA], words, sizeof(words) * 8, 0, CC_R, NULL);
}

static void undo_protect(struct world *w)
{
	cc_protect_run(w->data.fd[DATA], 0, PAGES, CC_RW);
}

static int op_populate(struct world *w)
{
	long long nr = cc_populate(w->data.fd[DATA], 500, 30, CC_RW);

	return nr < 0 ? nr : 0;
}

static int op_resolve(struct world *w)
{
	long long nr = cc_resolve(w->data.fd[DATA], 3, 4, CC_R);

	return nr < 0 ? nr : 0;
}

static int query(struct world *w, uint32_t flags, uint32_t prot)
{
	struct codecache_page_range r[4];
	uint64_t words[PAGES / 64 + 1];
	struct codecache_view_query_args args = {
		.size = sizeof(args),
		.flags = flags,
		.addr = (uintptr_t)(flags & CODECACHE_QUERY_F_BITMAP ? (void *)words : r),
		.count = flags & CODECACHE_QUERY_F_BITMAP ? PAGES : ARRAY_LEN(r),
		.find = CC_DIRTY,
		.clear = CC_DIRTY,
		.prot = prot,
	};
	int err = cc_ioctl(w->data.fd[DATA], CODECACHE_IOC_VIEW_QUERY, &args);

	return err ? err : args.out_nr_pages ? 0 : -ENODATA;
}

static void before_query(struct world *w)
{
	cc_protect_run(w->data.fd[DATA], 0, PAGES, CC_RW);
	cc_store(w->p, 1);
	cc_store(w->p + 70 * cc_page_size(), 1);
}

static int op_query_protect(struct world *w)
{
	return query(w, CODECACHE_QUERY_F_PROTECT, CC_R);
}

/* ---- operations: extents and grace periods ------------------------------------------ */

static int op_alloc(struct world *w)
{
	w->extent = (struct codecache_extent){ .nr_pages = 5 };
	return cc_alloc(w->code.zone, &w->extent, 1, 0);
}

static void retire(struct world *w)
{
	cc_retire_run(w->code.zone, w->extent.first_page, 5, NULL);
	cc_quiesce(w->code.cache);
}

static void before_retire(struct world *w)
{
	op_alloc(w);
	cc_store(w->code.map[W] + w->extent.first_page * cc_page_size(), 1);
}

static int op_retire(struct world *w)
{
	return cc_retire_run(w->code.zone, w->extent.first_page, 5, &w->cookie);
}

static void quiesce(struct world *w)
{
	cc_quiesce(w->code.cache);
}

static int op_register(struct world *w)
{
	return made(w, cc_reader(w->data.cache));
}

static void unregister(struct world *w)
{
	cc_reader_drop(w->data.cache, w->fd);
}

static void before_grace(struct world *w)
{
	cc_grace_start(w->data.cache, 0, &w->cookie);
}

static int op_grace_event(struct world *w)
{
	return cc_grace_eventfd(w->data.cache, w->cookie, w->event);
}

/* Once sealed always sealed: of a zone that is made for it. */
static void before_seal(struct world *w)
{
	w->fd = cc_zone(w->code.cache, CODECACHE_ZONE_CODE, 4);
}

static int op_seal(struct world *w)
{
	struct codecache_zone_seal_args args = { .size = sizeof(args) };

	return cc_ioctl(w->fd, CODECACHE_IOC_ZONE_SEAL, &args);
}

/* ---- operations: faults ------------------------------------------------------------- */

/* A page that nobody has touched yet, each time. */
static unsigned char *fresh(struct world *w)
{
	return cc_map(w->spare, DATA, PAGES);
}

static void before_fault(struct world *w)
{
	close(w->spare);
	w->fd = cc_zone(w->data.cache, CODECACHE_ZONE_DATA, PAGES);
	w->spare = cc_view_trap(w->fd, DATA, CC_RW, CODECACHE_TRAP_LOG, 0);
	w->map = fresh(w);
	w->bytes = PAGES * cc_page_size();
}

static void undo_fault(struct world *w)
{
	munmap(w->map, w->bytes);
	close(w->fd);
	close(w->spare);
	w->spare = cc_view(w->data.zone, DATA);
}

static void before_trap(struct world *w)
{
	before_fault(w);
	cc_protect_run(w->spare, 0, PAGES, CC_NONE);
}

/* For the kernel it is an error to be without memory. */
static int op_kernel_store(struct world *w)
{
	return pread(w->file, w->map, 1, 0) == 1 ? 0 : -errno;
}

static int op_kernel_load(struct world *w)
{
	return pwrite(w->file, w->map, 1, 0) == 1 ? 0 : -errno;
}

/* ---- what there is --------------------------------------------------------------------- */

/* All that a call that fails may not have changed. */
struct nth_state {
	struct codecache_stats_args cache, code, view;
	long long none, vmas;
	int fd;
};

static void look(const struct world *w, struct nth_state *s)
{
	memset(s, 0, sizeof(*s));
	cc_stats(w->data.cache, &s->cache);
	cc_stats(w->code.zone, &s->code);
	cc_stats(w->data.fd[DATA], &s->view);
	s->none = cc_pages_with(w->data.cache, w->data.zone, w->data.fd[DATA], CC_NONE);
	s->vmas = cc_nr_vmas();
	s->fd = dup(0);		/* the lowest that is free */
	close(s->fd);
}

/* The first difference; NULL: there is none. */
static const char *differs(const struct nth_state *a, const struct nth_state *b, bool more)
{
	if (a->cache.out_nr_zones != b->cache.out_nr_zones)
		return "zones";
	if (a->cache.out_nr_views != b->cache.out_nr_views)
		return "views";
	if (a->cache.out_readers != b->cache.out_readers)
		return "readers";
	if (a->code.out_live_extents != b->code.out_live_extents ||
	    a->code.out_live_pages != b->code.out_live_pages ||
	    a->code.out_retired_pages != b->code.out_retired_pages)
		return "extents";
	if (!more && a->view.out_resident_pages != b->view.out_resident_pages)
		return "resident pages";
	if (a->view.out_protect_calls != b->view.out_protect_calls || a->none != b->none)
		return "protections";
	if (a->vmas != b->vmas)
		return "mappings";
	return a->fd == b->fd ? NULL : "descriptors";
}

/* ---- the sweep ------------------------------------------------------------------------- */

FIXTURE(nth)
{
	struct world w;
};

FIXTURE_VARIANT(nth)
{
	struct nth_case c;
};

#define CASE(name, ...)							\
	FIXTURE_VARIANT_ADD(nth, name) { .c = { __VA_ARGS__ } }

CASE(open, op_open, close_made);
CASE(zone_create, op_zone, close_made);
CASE(zone_create_extents, op_zone_extents, close_made);
CASE(view_create, op_view, close_made);
CASE(view_create_uffd, op_view_uffd, close_made);
CASE(view_log, op_log, undo_log);
CASE(view_map, op_map, unmap);
CASE(slots_map, op_map_slots, unmap);
CASE(view_unmap, op_view_unmap, NULL, before_view_unmap);
CASE(protect, op_protect, undo_protect);
CASE(protect_bitmap, op_protect_bits, undo_protect);
CASE(populate, op_populate, NULL, NULL, true);
CASE(resolve, op_resolve, undo_protect);
CASE(query_protect, op_query_protect, NULL, before_query);
CASE(extent_alloc, op_alloc, retire);
CASE(extent_retire, op_retire, quiesce, before_retire);
CASE(reader_register, op_register, unregister);
CASE(grace_eventfd, op_grace_event, NULL, before_grace);
CASE(zone_seal, op_seal, close_made, before_seal);
CASE(kernel_store, op_kernel_store, undo_fault, before_trap);
CASE(kernel_load, op_kernel_load, undo_fault, before_trap);

FIXTURE_SETUP(nth)
{
	struct world *w = &self->w;

	memset(w, 0, sizeof(*w));
	ASSERT_EQ(0, cc_mem_data(&w->data, PAGES));
	ASSERT_EQ(0, cc_mem_extents_code(&w->code, PAGES));
	ASSERT_EQ(0, cc_share(&w->shared, w->data.cache));
	w->p = w->data.map[DATA];
	w->spare = cc_view(w->data.zone, DATA);
	w->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->file = memfd_create("nth", MFD_CLOEXEC);
	ASSERT_EQ(0, ftruncate(w->file, 4096));
	w->nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, w->nth);
	/* What is only made once is there already. */
	ASSERT_EQ(0, cc_store(w->p, 1));
}

FIXTURE_TEARDOWN(nth)
{
	struct world *w = &self->w;

	close(w->nth);
	close(w->file);
	close(w->event);
	close(w->spare);
	cc_unshare(&w->shared);
	cc_mem_close(&w->code);
	cc_mem_close(&w->data);
	EXPECT_TRUE(cc_nothing_left());
}

static bool is_named(int err)
{
	return err == -ENOMEM || err == -EFAULT;
}

TEST_F_TIMEOUT(nth, failure_is_survived_or_told_and_changes_nothing, 2 * CC_TIMEOUT)
{
	const struct nth_case *c = &variant->c;
	unsigned int nth, failed = 0;
	struct nth_state was, is;
	struct world *w = &self->w;
	bool injected;
	int err;

	for (nth = 1; nth < NTH_MAX; nth++) {
		if (c->before)
			c->before(w);
		look(w, &was);
		nth_arm(w, nth);
		err = c->op(w);
		injected = nth_happened(w);
		if (err) {
			failed++;
			ASSERT_TRUE(injected && is_named(err))
				TH_LOG("%u: %s", nth, strerror(-err));
			look(w, &is);
			ASSERT_EQ(NULL, differs(&was, &is, c->more))
				TH_LOG("%u: %s: %s", nth, strerror(-err),
				       differs(&was, &is, c->more));
			ASSERT_EQ(0, c->op(w))
				TH_LOG("%u: not even the second time", nth);
		}
		if (c->undo)
			c->undo(w);
		if (!injected)
			break;
	}
	ASSERT_GT(NTH_MAX, nth);
	TH_LOG("%u made to fail, %u told", nth - 1, failed);
	ASSERT_LT(1, nth);
}

/* Before main(): one skip for all. */
static void __attribute__((constructor)) nth_skip(void)
{
	if (nth_ready())
		return;
	printf("TAP version 13\n1..0 # SKIP this kernel has no fault injection\n");
	fflush(stdout);
	_exit(77);
}

TEST_HARNESS_MAIN
