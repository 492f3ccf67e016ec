// SPDX-License-Identifier: MIT
/*
 * Whatever cannot be had: each ioctl, mmap, munmap, read and fork, and faults of system
 * calls, with the first allocation or copy of user memory failing, then the second, until
 * none is left to fail
 *
 * An injected failure is either survived or an errno that the uapi names, and then
 * nothing has changed, and the same call works. Needs a kernel with fault injection
 * (make check-debug). What the kernel's own threads allocate cannot be reached so.
 * Structures of the length that the kernel knows are copied word by word, which is not
 * made to fail: calls that copy nothing else are made with a longer or a shorter one.
 * Faults of the program itself are in fail_fault_test.
 */
#include "cc_reclaim.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cc_nth.h"
#include "kselftest_harness.h"

enum { PAGES = 600, ENTRIES = 16, MANY = 60 };

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
	int nth;		/* by which things are made to fail */
	int fd;			/* what the operation has made */
	void *map;
	size_t bytes;
	struct codecache_extent extent;
	uint64_t cookie;
	struct cc_hit hit;
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

/* ---- operations: structures ---------------------------------------------------- */

static int op_info(struct world *w)
{
	return CC_CALL_SHORTER(w->data.cache, CODECACHE_IOC_INFO,
			    &(struct codecache_info_args){});
}

static int stats_of(int fd)
{
	return CC_CALL_SHORTER(fd, CODECACHE_IOC_STATS, &(struct codecache_stats_args){});
}

static int op_stats(struct world *w)
{
	return stats_of(w->data.cache) ?: stats_of(w->data.zone) ?: stats_of(w->data.fd[DATA]);
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

static int mapped_prot(struct world *w, int fd, size_t bytes, off_t offset, int prot)
{
	w->bytes = bytes;
	w->map = mmap(NULL, bytes, prot, MAP_SHARED, fd, offset);
	return w->map == MAP_FAILED ? -errno : 0;
}

static int mapped(struct world *w, int fd, size_t bytes, off_t offset)
{
	return mapped_prot(w, fd, bytes, offset, PROT_READ | PROT_WRITE);
}

static void unmap(struct world *w)
{
	munmap(w->map, w->bytes);
}

static int op_map(struct world *w)
{
	return mapped(w, w->spare, PAGES * cc_page_size(), 0);
}

static int op_map_exec(struct world *w)
{
	return mapped_prot(w, w->fd, PAGES * cc_page_size(), 0, PROT_READ | PROT_EXEC);
}

static int op_map_uffd(struct world *w)
{
	return mapped(w, w->fd, PAGES * cc_page_size(), 0);
}

static void before_map_exec(struct world *w)
{
	w->fd = cc_view(w->code.zone, X);
}

static void before_map_uffd(struct world *w)
{
	w->fd = cc_view(w->data.zone, CODECACHE_VIEW_UFFD);
}

static void unmap_close(struct world *w)
{
	munmap(w->map, w->bytes);
	close(w->fd);
}

static int op_map_log(struct world *w)
{
	return mapped(w, w->fd, cc_page_size(), 0);
}

static void before_map_log(struct world *w)
{
	op_log(w);
}

static void undo_map_log(struct world *w)
{
	munmap(w->map, w->bytes);
	undo_log(w);
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
	return CC_CALL_LONGER(w->spare, CODECACHE_IOC_VIEW_UNMAP,
			   &(struct codecache_view_unmap_args){});
}

static int op_munmap(struct world *w)
{
	return munmap(w->map, PAGES * cc_page_size()) ? -errno : 0;
}

/* A child has none of our mappings, but a copy of one that is shmem's, if it is told to. */
static void before_fork(struct world *w)
{
	before_map_uffd(w);
	op_map_uffd(w);
	madvise(w->map, w->bytes, MADV_DOFORK);
	cc_store(w->map, 1);
}

static int op_fork(struct world *w)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	w->cookie = pid;
	return pid < 0 ? -errno : 0;
}

static void undo_fork(struct world *w)
{
	waitpid(w->cookie, NULL, 0);
	unmap_close(w);
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

/* Pages are there, but the mapping has no table for them yet: PROTECT makes it, or not. */
static int op_protect_upgrade(struct world *w)
{
	return cc_protect_run(w->spare, 0, PAGES, CC_RW);
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

static int query(struct world *w, uint32_t flags, uint32_t find, uint32_t prot)
{
	struct codecache_page_range r[4];
	uint64_t words[PAGES / 64 + 1];
	struct codecache_view_query_args args = {
		.flags = flags,
		.addr = (uintptr_t)(flags & CODECACHE_QUERY_F_BITMAP ? (void *)words : r),
		.count = flags & CODECACHE_QUERY_F_BITMAP ? PAGES : ARRAY_LEN(r),
		.nr_pages = PAGES,
		.find = find,
		.clear = find,
		.prot = prot,
	};

	return CC_CALL_LONGER(w->data.fd[DATA], CODECACHE_IOC_VIEW_QUERY, &args);
}

static void before_query(struct world *w)
{
	cc_protect_run(w->data.fd[DATA], 0, PAGES, CC_RW);
	cc_store(w->p, 1);
	cc_store(w->p + 70 * cc_page_size(), 1);
}

static int op_query_protect(struct world *w)
{
	return query(w, CODECACHE_QUERY_F_PROTECT, CC_DIRTY, CC_R);
}

static int op_query(struct world *w)
{
	return query(w, 0, CC_DIRTY | CC_YOUNG, 0);
}

static int op_query_bits(struct world *w)
{
	return query(w, CODECACHE_QUERY_F_BITMAP, CC_DIRTY, 0);
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

/* Of a new cache, which has no page for slots yet. */
static int op_register(struct world *w)
{
	int index = cc_reader(w->fd);

	return index < 0 ? index : 0;
}

static void before_register(struct world *w)
{
	w->fd = cc_open();
}

static void before_unregister(struct world *w)
{
	w->fd = cc_reader(w->data.cache);
}

static int op_unregister(struct world *w)
{
	return CC_CALL_LONGER(w->data.cache, CODECACHE_IOC_READER_UNREGISTER,
			   &(struct codecache_reader_unregister_args){ .index = w->fd });
}

static int op_grace_start(struct world *w)
{
	return CC_CALL_LONGER(w->data.cache, CODECACHE_IOC_GRACE_START,
			   &(struct codecache_grace_start_args){});
}

static int op_grace_poll(struct world *w)
{
	return CC_CALL_LONGER(w->data.cache, CODECACHE_IOC_GRACE_POLL,
			   &(struct codecache_grace_poll_args){ .cookie = w->cookie });
}

static int op_grace_wait(struct world *w)
{
	return CC_CALL_LONGER(w->data.cache, CODECACHE_IOC_GRACE_WAIT,
			   &(struct codecache_grace_wait_args){ .cookie = w->cookie });
}

static int op_zone_event(struct world *w)
{
	struct codecache_zone_eventfd_args args = {
		.flags = CODECACHE_ZONE_EVENT_PRESSURE,
		.fd = w->event,
	};

	return CC_CALL_LONGER(w->data.zone, CODECACHE_IOC_ZONE_EVENTFD, &args);
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

static void before_seal_info(struct world *w)
{
	before_seal(w);
	op_seal(w);
}

static int op_seal_info(struct world *w)
{
	return CC_CALL_LONGER(w->fd, CODECACHE_IOC_SEAL_INFO,
			   &(struct codecache_seal_info_args){});
}

/* No better signature is at hand for any content: that it is told apart is success. */
static int op_seal_signature(struct world *w)
{
	unsigned char none[64] = "nothing that is signed";
	struct codecache_zone_seal_args args = {
		.size = sizeof(args),
		.flags = CODECACHE_SEAL_F_SIGNATURE,
		.signature = (uintptr_t)none,
		.signature_len = sizeof(none),
	};
	int err = cc_ioctl(w->fd, CODECACHE_IOC_ZONE_SEAL, &args);

	return err == -EBADMSG ? 0 : err ? err : -EINVAL;
}

/* ---- operations: faults, and their events ----------------------------------------- */

static void before_fault(struct world *w)
{
	close(w->spare);
	w->fd = cc_zone(w->data.cache, CODECACHE_ZONE_DATA, PAGES);
	w->spare = cc_view_trap(w->fd, DATA, CC_RW, CODECACHE_TRAP_LOG, 0);
	w->map = cc_map(w->spare, DATA, PAGES);
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

static void before_upgrade(struct world *w)
{
	before_trap(w);
	cc_store(w->map, 1);
	munmap(w->map, w->bytes);
	w->map = cc_map(w->spare, DATA, PAGES);
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

/* A thread that sleeps in a trap, whose event is to be read. */
static void before_read(struct world *w)
{
	close(w->spare);
	w->fd = cc_zone(w->data.cache, CODECACHE_ZONE_DATA, PAGES);
	w->spare = cc_view_trap(w->fd, DATA, CC_NONE, CODECACHE_TRAP_BLOCK, 0);
	w->map = cc_map(w->spare, DATA, PAGES);
	w->bytes = PAGES * cc_page_size();
	w->hit = (struct cc_hit){ .how = CC_STORE, .p = w->map, .value = 1 };
	cc_hit_start(&w->hit);
	cc_blocked(w->spare, 1);
}

static int op_read(struct world *w)
{
	struct codecache_event event;
	ssize_t n = read(w->spare, &event, sizeof(event));

	return n == sizeof(event) ? 0 : n < 0 ? -errno : -EBADMSG;
}

static void undo_read(struct world *w)
{
	cc_protect_run(w->spare, 0, PAGES, CC_RW);
	cc_hit_ends(&w->hit);
	undo_fault(w);
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

/* Each ioctl of a cache, of a zone, and of a view. */
CASE(info, op_info);
CASE(zone_create, op_zone, close_made);
CASE(zone_create_extents, op_zone_extents, close_made);
CASE(reader_register, op_register, close_made, before_register);
CASE(reader_unregister, op_unregister, NULL, before_unregister);
CASE(grace_start, op_grace_start);
CASE(grace_poll, op_grace_poll, NULL, before_grace);
CASE(grace_wait, op_grace_wait, NULL, before_grace);
CASE(grace_eventfd, op_grace_event, NULL, before_grace);
CASE(view_create, op_view, close_made);
CASE(view_create_uffd, op_view_uffd, close_made);
CASE(extent_alloc, op_alloc, retire);
CASE(extent_retire, op_retire, quiesce, before_retire);
CASE(zone_seal, op_seal, close_made, before_seal);
CASE(zone_seal_signature, op_seal_signature, close_made, before_seal);
CASE(zone_eventfd, op_zone_event);
CASE(view_protect, op_protect, undo_protect);
CASE(view_protect_bitmap, op_protect_bits, undo_protect);
CASE(view_protect_upgrade, op_protect_upgrade, undo_fault, before_upgrade);
CASE(view_protect_populate, op_populate, NULL, NULL, true);
CASE(view_query, op_query, NULL, before_query);
CASE(view_query_bitmap, op_query_bits, NULL, before_query);
CASE(view_query_protect, op_query_protect, NULL, before_query);
CASE(view_resolve, op_resolve, undo_protect);
CASE(view_log, op_log, undo_log);
CASE(view_unmap, op_view_unmap, NULL, before_view_unmap);
CASE(seal_info, op_seal_info, close_made, before_seal_info);
CASE(stats, op_stats);

/* Other system calls, and faults that they make. */
CASE(open, op_open, close_made);
CASE(map_data, op_map, unmap);
CASE(map_exec, op_map_exec, unmap_close, before_map_exec);
CASE(map_uffd, op_map_uffd, unmap_close, before_map_uffd);
CASE(map_slots, op_map_slots, unmap);
CASE(map_log, op_map_log, undo_map_log, before_map_log);
CASE(munmap, op_munmap, NULL, before_view_unmap);
CASE(fork, op_fork, undo_fork, before_fork);
CASE(read, op_read, undo_read, before_read);
CASE(kernel_fill, op_kernel_store, undo_fault, before_fault);
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
	w->nth = cc_nth_open();
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

/* One call; what is wrong with it, or NULL. */
static const char *nth_once(struct world *w, const struct nth_case *c, unsigned int nth,
			    bool *injected, int *err)
{
	struct cc_nth_state was, is;
	const char *wrong = NULL;

	if (c->before)
		c->before(w);
	cc_nth_look(&was, &w->data, w->code.zone);
	cc_nth_arm(w->nth, nth);
	*err = c->op(w);
	*injected = cc_nth_happened(w->nth);
	if (*err) {
		if (!*injected || !cc_nth_named(*err))
			return "another error";
		cc_nth_look(&is, &w->data, w->code.zone);
		wrong = cc_nth_differs(&was, &is, c->more);
		if (c->op(w))
			return "not even the second time";
	}
	if (c->undo)
		c->undo(w);
	return wrong;
}

/*
 * Some allocations take a page for the slab, others find one: the n-th is not the same each
 * time, so that one round may miss one.
 */
TEST_F_TIMEOUT(nth, failure_is_survived_or_told_and_changes_nothing, 2 * CC_TIMEOUT)
{
	unsigned int round, nth, made = 0, failed = 0;
	bool injected = true;
	const char *wrong;
	int err;

	for (round = 0; round < CC_NTH_ROUNDS; round++, injected = true) {
		for (nth = 1; nth < CC_NTH_MAX && injected; nth++) {
			wrong = nth_once(&self->w, &variant->c, nth, &injected, &err);
			ASSERT_EQ(NULL, wrong)
				TH_LOG("%u: %s: %s", nth, strerror(-err), wrong);
			made += injected;
			failed += !!err;
		}
		ASSERT_GT(CC_NTH_MAX, nth);
	}
	TH_LOG("%u made to fail, %u told", made, failed);
	ASSERT_LT(0, made);
}

/* Before main(): one skip for all. */
static void __attribute__((constructor)) nth_skip(void)
{
	cc_nth_need();
}

TEST_HARNESS_MAIN
