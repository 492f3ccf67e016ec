// SPDX-License-Identifier: MIT
/*
 * The calling convention that all ioctls share: sizes that may grow, flags,
 * addresses, descriptors
 */
#include "cc_reclaim.h"
#include "layout.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "kselftest_harness.h"

enum { ON_CACHE, ON_ZONE, ON_VIEW, NR_OBJECTS };
enum { PAGES = 8, EXTENT_PAGES = 1 << 16, ROOM = 8192 };

/* The first page of the view, by a vector and by a bitmap, becomes read-only. */
static struct codecache_prot_range one_range = { .nr_pages = 1, .prot = CC_R };
static uint64_t one_bit = 1;
/* An extent to be had, and one to be given back; where to tell what happens. */
static struct codecache_extent one_extent;
static struct codecache_extent given;
static int event = -1;

static void fill_nothing(void *args)
{
	(void)args;
}

static void fill_zone_create(void *p)
{
	struct codecache_zone_create_args *args = p;

	args->zone_class = CODECACHE_ZONE_DATA;
	args->bytes = PAGES * cc_page_size();
}

static void fill_view_create(void *p)
{
	struct codecache_view_create_args *args = p;

	args->kind = CODECACHE_VIEW_DATA;
}

static void fill_protect(void *p)
{
	struct codecache_view_protect_args *args = p;

	args->addr = (uintptr_t)&one_range;
	args->count = 1;
}

static void fill_query(void *p)
{
	struct codecache_view_query_args *args = p;

	args->find = CODECACHE_PAGE_DIRTY;
}

static void fill_resolve(void *p)
{
	struct codecache_view_resolve_args *args = p;

	args->nr_pages = 1;
	args->prot = CC_R;
}

static void fill_log(void *p)
{
	struct codecache_view_log_args *args = p;

	args->nr_entries = 4;
}

static void fill_protect_bitmap(void *p)
{
	struct codecache_view_protect_args *args = p;

	args->flags = CODECACHE_PROTECT_F_BITMAP;
	args->addr = (uintptr_t)&one_bit;
	args->count = 1;
	args->prot = CC_R;
}

static void fill_grace_eventfd(void *p)
{
	struct codecache_grace_eventfd_args *args = p;

	args->fd = event;
}

static void fill_extent_alloc(void *p)
{
	struct codecache_extent_alloc_args *args = p;

	one_extent = (struct codecache_extent){ .nr_pages = 1 };
	args->addr = (uintptr_t)&one_extent;
	args->count = 1;
}

static void fill_extent_retire(void *p)
{
	struct codecache_extent_retire_args *args = p;

	args->addr = (uintptr_t)&given;
	args->count = 1;
}

static void fill_zone_eventfd(void *p)
{
	struct codecache_zone_eventfd_args *args = p;

	args->flags = CODECACHE_ZONE_EVENT_PRESSURE;
	args->fd = event;
}

/* One ioctl, valid arguments for it, and a descriptor to use it on. */
FIXTURE(call)
{
	struct cc_mem mem;
	uint32_t kind;
	int fds[NR_OBJECTS];
	unsigned char *args;	/* ROOM bytes, then a page without access */
	long long objects;
	struct codecache_stats_args stats;	/* of the cache, at first */
	int next_fd;
};

FIXTURE_VARIANT(call)
{
	unsigned int nr;
	unsigned int size;
	unsigned int min;	/* of the first version; 0: size */
	unsigned int outputs;	/* offset of the first; size: there are none */
	unsigned int fd_at;	/* offset of a new descriptor; 0: makes none */
	int on;
	unsigned int also;	/* bits of other descriptors that take it */
	uint32_t kind;		/* of the view; 0: data */
	bool extents;		/* in a zone that has them */
	uint32_t flags;
	void (*fill)(void *args);
	bool (*before)(FIXTURE_DATA(call) *self);
	bool (*after)(FIXTURE_DATA(call) *self);	/* a success */
};

/* Another view in the place of the one that there is. */
static bool renew_view(FIXTURE_DATA(call) *self)
{
	munmap(self->mem.map[self->kind], self->mem.nr_pages * cc_page_size());
	close(self->mem.fd[self->kind]);
	if (cc_mem_map(&self->mem, self->kind))
		return false;
	self->fds[ON_VIEW] = self->mem.fd[self->kind];
	return true;
}

static int seal(FIXTURE_DATA(call) *self)
{
	struct codecache_zone_seal_args args = { .size = sizeof(args) };

	return cc_ioctl(self->mem.zone, CODECACHE_IOC_ZONE_SEAL, &args);
}

static bool seal_zone(FIXTURE_DATA(call) *self)
{
	return !seal(self);
}

/* Another zone, not sealed, in the place of the one that there is. */
static bool renew_zone(FIXTURE_DATA(call) *self)
{
	close(self->mem.zone);
	self->mem.zone = cc_zone(self->mem.cache, cc_kind_class(self->kind),
				 self->mem.nr_pages);
	self->fds[ON_ZONE] = self->mem.zone;
	return self->mem.zone >= 0 && renew_view(self);
}

static bool register_reader(FIXTURE_DATA(call) *self)
{
	return cc_reader(self->mem.cache) == 0;
}

static bool drop_reader(FIXTURE_DATA(call) *self)
{
	return !cc_reader_drop(self->mem.cache, 0);
}

static bool give_extent(FIXTURE_DATA(call) *self)
{
	given = (struct codecache_extent){ .nr_pages = 1 };
	return !cc_alloc(self->mem.zone, &given, 1, CODECACHE_EXTENT_F_LOW);
}

#define CALL(name, _nr, type, ...)					\
	FIXTURE_VARIANT_ADD(call, name)					\
	{								\
		.nr = CODECACHE_IOC_ ## _nr,				\
		.size = sizeof(struct codecache_ ## type ## _args),	\
		__VA_ARGS__						\
	}
#define OUT(type, out)							\
	.outputs = offsetof(struct codecache_ ## type ## _args, out_ ## out)
#define NO_OUT(type) .outputs = sizeof(struct codecache_ ## type ## _args)
#define NEW_FD(type)							\
	.fd_at = offsetof(struct codecache_ ## type ## _args, out_fd)

CALL(info, INFO, info, OUT(info, abi_version), .on = ON_CACHE,
     .fill = fill_nothing, .min = 80);
CALL(zone_create, ZONE_CREATE, zone_create, OUT(zone_create, fd),
     .on = ON_CACHE, .fill = fill_zone_create, NEW_FD(zone_create),
     .flags = CODECACHE_ZONE_F_EXTENTS);
CALL(reader_register, READER_REGISTER, reader_register,
     OUT(reader_register, index), .on = ON_CACHE, .fill = fill_nothing,
     .after = drop_reader);
CALL(reader_unregister, READER_UNREGISTER, reader_unregister,
     NO_OUT(reader_unregister), .on = ON_CACHE, .fill = fill_nothing,
     .before = register_reader, .after = register_reader);
CALL(grace_start, GRACE_START, grace_start, OUT(grace_start, cookie),
     .on = ON_CACHE, .fill = fill_nothing, .flags = CODECACHE_GRACE_F_URGENT);
CALL(grace_poll, GRACE_POLL, grace_poll, OUT(grace_poll, completed),
     .on = ON_CACHE, .fill = fill_nothing);
CALL(grace_wait, GRACE_WAIT, grace_wait, OUT(grace_wait, completed),
     .on = ON_CACHE, .fill = fill_nothing, .flags = CODECACHE_GRACE_F_URGENT);
CALL(grace_eventfd, GRACE_EVENTFD, grace_eventfd, NO_OUT(grace_eventfd),
     .on = ON_CACHE, .fill = fill_grace_eventfd);
CALL(view_create, VIEW_CREATE, view_create, OUT(view_create, bytes),
     .on = ON_ZONE, .fill = fill_view_create, NEW_FD(view_create),
     .flags = CODECACHE_VIEW_F_PROT | CODECACHE_VIEW_F_BLOCK_KERNEL);
CALL(extent_alloc, EXTENT_ALLOC, extent_alloc, OUT(extent_alloc, failed_index),
     .on = ON_ZONE, .fill = fill_extent_alloc, .extents = true,
     .flags = CODECACHE_EXTENT_F_LOW | CODECACHE_EXTENT_F_HIGH |
	      CODECACHE_EXTENT_F_NEAR);
CALL(extent_retire, EXTENT_RETIRE, extent_retire,
     OUT(extent_retire, failed_index), .on = ON_ZONE,
     .fill = fill_extent_retire, .extents = true,
     .flags = CODECACHE_GRACE_F_URGENT | CODECACHE_RETIRE_F_ALL,
     .before = give_extent, .after = give_extent);
CALL(zone_seal, ZONE_SEAL, zone_seal, OUT(zone_seal, digest), .on = ON_ZONE,
     .fill = fill_nothing, .kind = CODECACHE_VIEW_WRITE,
     .flags = CODECACHE_SEAL_F_DIGEST | CODECACHE_SEAL_F_SIGNATURE,
     .after = renew_zone);
CALL(zone_seal_info, SEAL_INFO, seal_info, OUT(seal_info, digest),
     .on = ON_ZONE, .also = 1 << ON_VIEW, .fill = fill_nothing,
     .kind = CODECACHE_VIEW_EXEC, .before = seal_zone);
CALL(view_seal_info, SEAL_INFO, seal_info, OUT(seal_info, digest),
     .on = ON_VIEW, .also = 1 << ON_ZONE, .fill = fill_nothing,
     .kind = CODECACHE_VIEW_EXEC, .before = seal_zone);
CALL(zone_eventfd, ZONE_EVENTFD, zone_eventfd, NO_OUT(zone_eventfd),
     .on = ON_ZONE, .fill = fill_zone_eventfd,
     .flags = CODECACHE_ZONE_EVENT_PRESSURE | CODECACHE_ZONE_EVENT_HIGH_WATER);
CALL(protect, VIEW_PROTECT, view_protect, OUT(view_protect, failed_index),
     .on = ON_VIEW, .fill = fill_protect, .min = 48,
     .flags = CODECACHE_PROTECT_F_BITMAP | CODECACHE_PROTECT_F_POPULATE);
CALL(protect_bitmap, VIEW_PROTECT, view_protect,
     OUT(view_protect, failed_index), .on = ON_VIEW,
     .fill = fill_protect_bitmap, .min = 48,
     .flags = CODECACHE_PROTECT_F_BITMAP | CODECACHE_PROTECT_F_POPULATE);
CALL(query, VIEW_QUERY, view_query, OUT(view_query, next_page), .on = ON_VIEW,
     .fill = fill_query,
     .flags = CODECACHE_QUERY_F_BITMAP | CODECACHE_QUERY_F_PROTECT |
	      CODECACHE_QUERY_F_FAST_YOUNG);
CALL(resolve, VIEW_RESOLVE, view_resolve, OUT(view_resolve, nr_woken),
     .on = ON_VIEW, .fill = fill_resolve,
     .flags = CODECACHE_RESOLVE_F_SIGNAL);
CALL(log, VIEW_LOG, view_log, OUT(view_log, ring_bytes), .on = ON_VIEW,
     .fill = fill_log, NEW_FD(view_log), .after = renew_view);
CALL(unmap, VIEW_UNMAP, view_unmap, OUT(view_unmap, addr), .on = ON_VIEW,
     .fill = fill_nothing, .after = renew_view);
CALL(cache_stats, STATS, stats, OUT(stats, object), .on = ON_CACHE,
     .also = 1 << ON_ZONE | 1 << ON_VIEW, .fill = fill_nothing, .min = 144);
CALL(zone_stats, STATS, stats, OUT(stats, object), .on = ON_ZONE,
     .also = 1 << ON_CACHE | 1 << ON_VIEW, .fill = fill_nothing, .min = 144);
CALL(view_stats, STATS, stats, OUT(stats, object), .on = ON_VIEW,
     .also = 1 << ON_CACHE | 1 << ON_ZONE, .fill = fill_nothing, .min = 144);

static int lowest_free_fd(void)
{
	int fd = dup(STDOUT_FILENO);

	close(fd);
	return fd;
}

/* Use the view: it is as it was. */
static bool view_works(FIXTURE_DATA(call) *self)
{
	void *p = self->mem.map[self->kind];

	return self->kind == CODECACHE_VIEW_EXEC ? !cc_load(p, NULL) :
						   !cc_store(p, 1);
}

static int make_zone(FIXTURE_DATA(call) *self, bool extents)
{
	struct codecache_extent first = { .nr_pages = PAGES };
	uint32_t zone_class = cc_kind_class(self->kind);
	int err;

	if (!extents)
		return cc_mem_make(&self->mem, zone_class, PAGES);
	err = cc_mem_extents(&self->mem, zone_class, EXTENT_PAGES);
	return err ?: cc_alloc(self->mem.zone, &first, 1, CODECACHE_EXTENT_F_LOW);
}

FIXTURE_SETUP(call)
{
	/* What the test before has retired holds its cache for a moment. */
	ASSERT_TRUE(cc_nothing_left());
	self->kind = variant->kind ?: CODECACHE_VIEW_DATA;
	ASSERT_EQ(0, make_zone(self, variant->extents));
	ASSERT_EQ(0, cc_mem_map(&self->mem, self->kind));
	self->fds[ON_CACHE] = self->mem.cache;
	self->fds[ON_ZONE] = self->mem.zone;
	self->fds[ON_VIEW] = self->mem.fd[self->kind];
	self->args = mmap(NULL, ROOM + cc_page_size(), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->args);
	ASSERT_EQ(0, mprotect(self->args + ROOM, cc_page_size(), PROT_NONE));
	event = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, event);
	ASSERT_TRUE(view_works(self));
	if (variant->before)
		ASSERT_TRUE(variant->before(self));
	self->objects = cc_total("charged_objects");
	ASSERT_LE(3, self->objects);
	ASSERT_EQ(0, cc_stats(self->mem.cache, &self->stats));
	self->next_fd = lowest_free_fd();
}

FIXTURE_TEARDOWN(call)
{
	close(event);
	munmap(self->args, ROOM + cc_page_size());
	cc_mem_close(&self->mem);
}

/* Valid arguments of a certain size, at @at; what they do not need is zero. */
static void *prepare(const FIXTURE_VARIANT(call) *variant, void *at,
		     uint32_t size)
{
	struct codecache_info_args *head = at;

	memset(at, 0, variant->size);
	variant->fill(at);
	head->size = size;
	return at;
}

static int issue(FIXTURE_DATA(call) *self, const FIXTURE_VARIANT(call) *variant,
		 void *args)
{
	return cc_ioctl(self->fds[variant->on], variant->nr, args);
}

/* After a success: take back what it has made; false: that cannot be done. */
static bool undo(FIXTURE_DATA(call) *self, const FIXTURE_VARIANT(call) *variant,
		 const void *args)
{
	int fd;

	if (variant->fd_at) {
		memcpy(&fd, (const char *)args + variant->fd_at, sizeof(fd));
		close(fd);
	}
	return !variant->after || variant->after(self);
}

static bool nothing_changed(FIXTURE_DATA(call) *self)
{
	struct codecache_stats_args now;

	return lowest_free_fd() == self->next_fd &&
	       cc_total_becomes("charged_objects", self->objects) &&
	       cc_pages_with(self->fds[ON_CACHE], self->fds[ON_ZONE],
			     self->fds[ON_VIEW], cc_kind_full(self->kind)) ==
		       (long long)self->mem.nr_pages &&
	       !cc_stats(self->mem.cache, &now) &&
	       now.out_readers == self->stats.out_readers &&
	       now.out_live_extents == self->stats.out_live_extents &&
	       now.out_live_pages == self->stats.out_live_pages &&
	       now.out_retired_pages == self->stats.out_retired_pages &&
	       view_works(self);
}

TEST_F_TIMEOUT(call, exact_size_succeeds, CC_TIMEOUT)
{
	void *args = prepare(variant, self->args, variant->size);

	ASSERT_EQ(0, issue(self, variant, args));
	ASSERT_TRUE(undo(self, variant, args));
}

TEST_F_TIMEOUT(call, short_sizes_are_invalid, CC_TIMEOUT)
{
	uint32_t size;

	for (size = 0; size < (variant->min ?: variant->size); size++) {
		void *args = prepare(variant, self->args, size);

		ASSERT_EQ(-EINVAL, issue(self, variant, args))
			TH_LOG("size %u", size);
	}
	EXPECT_TRUE(nothing_changed(self));
}

/* Callers that were compiled with less: what they do not know stays untouched. */
TEST_F_TIMEOUT(call, older_structures_succeed, CC_TIMEOUT)
{
	uint32_t size = variant->min ?: variant->size, i;

	for (; size < variant->size; size++) {
		void *args = prepare(variant, self->args, size);

		memset(self->args + size, 0xa5, 600 - size);
		ASSERT_EQ(0, issue(self, variant, args))
			TH_LOG("size %u", size);
		for (i = size; i < 600; i++)
			ASSERT_EQ(0xa5, self->args[i]);
		ASSERT_TRUE(undo(self, variant, args));
	}
}

TEST_F_TIMEOUT(call, longer_structures_with_a_zero_tail_succeed, CC_TIMEOUT)
{
	const uint32_t sizes[] = { variant->size + 1, variant->size + 4,
				   variant->size + 8, 2 * variant->size, 512,
				   513, 1000, 4095, 4096 };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		void *args = prepare(variant, self->args, sizes[i]);

		ASSERT_EQ(0, issue(self, variant, args))
			TH_LOG("size %u", sizes[i]);
		EXPECT_EQ(sizes[i], ((struct codecache_info_args *)args)->size);
		ASSERT_TRUE(undo(self, variant, args));
	}
}

TEST_F_TIMEOUT(call, longer_structures_with_a_nonzero_tail_are_too_big,
	       CC_TIMEOUT)
{
	uint32_t size, i;

	for (size = variant->size + 1; size <= variant->size + 20; size++) {
		for (i = variant->size; i < size; i++) {
			prepare(variant, self->args, size);
			self->args[i] = 1;
			ASSERT_EQ(-E2BIG, issue(self, variant, self->args))
				TH_LOG("size %u, byte %u", size, i);
			self->args[i] = 0;
		}
	}
	prepare(variant, self->args, 4096);
	self->args[4095] = 0x80;
	EXPECT_EQ(-E2BIG, issue(self, variant, self->args));
	EXPECT_TRUE(nothing_changed(self));
}

TEST_F_TIMEOUT(call, structures_beyond_a_page_are_too_big, CC_TIMEOUT)
{
	const uint32_t sizes[] = { 4097, ROOM, 0x7fffffff, 0x80000000,
				   0xffffffff };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		prepare(variant, self->args, sizes[i]);
		EXPECT_EQ(-E2BIG, issue(self, variant, self->args));
	}
	EXPECT_TRUE(nothing_changed(self));
}

TEST_F_TIMEOUT(call, unknown_flags_are_refused, CC_TIMEOUT)
{
	struct codecache_info_args *head;
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		if (variant->flags & 1U << bit)
			continue;
		head = prepare(variant, self->args, variant->size);
		head->flags |= 1U << bit;
		ASSERT_EQ(-EOPNOTSUPP, issue(self, variant, head))
			TH_LOG("bit %u", bit);
	}
	EXPECT_TRUE(nothing_changed(self));
}

TEST_F_TIMEOUT(call, other_kinds_of_descriptor_are_refused, CC_TIMEOUT)
{
	int on;

	for (on = 0; on < NR_OBJECTS; on++) {
		void *args = prepare(variant, self->args, variant->size);
		bool takes = on == variant->on || variant->also & 1 << on;
		int want = takes ? 0 : -ENOTTY;

		EXPECT_EQ(want, cc_ioctl(self->fds[on], variant->nr, args));
		if (!want)
			ASSERT_TRUE(undo(self, variant, args));
	}
}

TEST_F_TIMEOUT(call, bad_addresses_fault, CC_TIMEOUT)
{
	unsigned char *end = self->args + ROOM;
	uintptr_t bad[] = { 0, 1, (uintptr_t)end, ~0UL, ~0UL - 4095,
			    (uintptr_t)(~0ULL << 47) };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		ASSERT_EQ(-EFAULT, issue(self, variant, (void *)bad[i]))
			TH_LOG("address %#lx", (unsigned long)bad[i]);
	}
	/* Half of it can be read: a size and flags, but no more. */
	for (i = 8; i < variant->size; i++) {
		memset(end - i, 0, i);
		((struct codecache_info_args *)(end - i))->size = variant->size;
		ASSERT_EQ(-EFAULT, issue(self, variant, end - i));
	}
	/* What it knows can be read, the tail cannot. */
	prepare(variant, end - variant->size, variant->size + 8);
	EXPECT_EQ(-EFAULT, issue(self, variant, end - variant->size));
	EXPECT_TRUE(nothing_changed(self));
}

TEST_F_TIMEOUT(call, the_end_of_accessible_memory_will_do, CC_TIMEOUT)
{
	void *args = prepare(variant, self->args + ROOM - variant->size,
			     variant->size);

	ASSERT_EQ(0, issue(self, variant, args));
	ASSERT_TRUE(undo(self, variant, args));
}

TEST_F_TIMEOUT(call, readonly_structures_fault_and_change_nothing, CC_TIMEOUT)
{
	prepare(variant, self->args, variant->size);
	ASSERT_EQ(0, mprotect(self->args, ROOM, PROT_READ));
	if (variant->outputs == variant->size) {
		EXPECT_EQ(0, issue(self, variant, self->args));
		return;
	}
	EXPECT_EQ(-EFAULT, issue(self, variant, self->args));
	EXPECT_TRUE(nothing_changed(self));
}

TEST_F_TIMEOUT(call, outputs_end_where_the_structure_ends, CC_TIMEOUT)
{
	unsigned char *page = self->args + cc_page_size();
	unsigned char *args = page - variant->size;
	uint32_t size = variant->size;
	unsigned int i;

	prepare(variant, args, size);
	memset(page, 0xa5, 64);
	ASSERT_EQ(0, issue(self, variant, args));
	ASSERT_TRUE(undo(self, variant, args));
	for (i = 0; i < 64; i++)
		ASSERT_EQ(0xa5, page[i]);

	/* A tail that the kernel does not know is read but never written. */
	memset(page, 0, 64);
	prepare(variant, args, size + 64);
	ASSERT_EQ(0, mprotect(page, ROOM - cc_page_size(), PROT_READ));
	ASSERT_EQ(0, issue(self, variant, args));
	ASSERT_TRUE(undo(self, variant, args));
}

TEST_F_TIMEOUT(call, inputs_are_left_alone, CC_TIMEOUT)
{
	unsigned char before[ROOM];
	unsigned int i;

	prepare(variant, self->args, variant->size);
	memcpy(before, self->args, variant->size);
	ASSERT_EQ(0, issue(self, variant, self->args));
	ASSERT_TRUE(undo(self, variant, self->args));
	for (i = 0; i < variant->outputs; i++) {
		EXPECT_EQ(before[i], self->args[i])
			TH_LOG("byte %u was written", i);
	}
}

TEST_F_TIMEOUT(call, what_is_in_the_outputs_is_ignored, CC_TIMEOUT)
{
	static const unsigned char patterns[2] = { 0x55, 0xff };
	unsigned char *args = self->args;
	unsigned int i, k, kept[512] = { 0 };

	for (k = 0; k < 2; k++) {
		prepare(variant, args, variant->size);
		memset(args + variant->outputs, patterns[k],
		       variant->size - variant->outputs);
		ASSERT_EQ(0, issue(self, variant, args));
		ASSERT_TRUE(undo(self, variant, args));
		for (i = variant->outputs; i < variant->size; i++)
			kept[i] += args[i] == patterns[k];
	}
	/* No byte may show both times what was there before. */
	for (i = variant->outputs; i < variant->size; i++)
		EXPECT_GT(2, kept[i])
			TH_LOG("byte %u was not written", i);
}

/* ---- a size that changes while the kernel reads it -------------------------- */

struct flipper {
	volatile uint32_t *word;
	uint32_t values[2];
	volatile bool stop;
};

static void *flip(void *p)
{
	struct flipper *f = p;
	unsigned int i;

	for (i = 0; !f->stop; i++)
		*f->word = f->values[i & 1];
	return NULL;
}

TEST_F_TIMEOUT(call, a_size_that_changes_meanwhile_does_no_harm, CC_TIMEOUT)
{
	unsigned char *args = prepare(variant, self->args, variant->size);
	struct flipper f = { .word = (uint32_t *)args,
			     .values = { variant->size, 4096 } };
	unsigned int i, seen[2] = { 0 };
	pthread_t thread;
	int err;

	memset(args + variant->size, 0xa5, 4096 - variant->size);
	ASSERT_EQ(0, pthread_create(&thread, NULL, flip, &f));
	for (i = 0; i < 2000; i++) {
		err = issue(self, variant, args);
		seen[!err]++;
		if (err)
			ASSERT_EQ(-E2BIG, err);
		if (!err)
			ASSERT_TRUE(undo(self, variant, args));
	}
	f.stop = true;
	pthread_join(thread, NULL);
	for (i = variant->size; i < 4096; i++)
		ASSERT_EQ(0xa5, args[i]);
	TH_LOG("%u succeeded, %u were too big", seen[1], seen[0]);
}

TEST_HARNESS_MAIN
