// SPDX-License-Identifier: MIT
/*
 * ZONE_CREATE and VIEW_CREATE: which values their members take
 */
#include "cc_test.h"

#include <sys/mman.h>

#include "kselftest_harness.h"

enum { PAGES = 16 };

/* ---- ZONE_CREATE ------------------------------------------------------------ */

FIXTURE(zone_create)
{
	int cache;
	struct codecache_zone_create_args args;
};

FIXTURE_SETUP(zone_create)
{
	self->cache = cc_open();
	ASSERT_LE(0, self->cache);
	self->args = (struct codecache_zone_create_args){
		.size = sizeof(self->args),
		.zone_class = CODECACHE_ZONE_DATA,
		.bytes = PAGES * cc_page_size(),
	};
}

FIXTURE_TEARDOWN(zone_create)
{
	close(self->cache);
}

/* The result for these arguments; what was made is closed again. */
static int zone_create(FIXTURE_DATA(zone_create) *self)
{
	int err = cc_ioctl(self->cache, CODECACHE_IOC_ZONE_CREATE, &self->args);

	if (!err)
		close(self->args.out_fd);
	return err;
}

TEST_F_TIMEOUT(zone_create, takes_two_classes, CC_TIMEOUT)
{
	static const uint32_t bad[] = { 0, 3, 4, 0x101, 0x80000001, ~0U };
	unsigned int i;

	self->args.zone_class = CODECACHE_ZONE_CODE;
	EXPECT_EQ(0, zone_create(self));
	self->args.zone_class = CODECACHE_ZONE_DATA;
	EXPECT_EQ(0, zone_create(self));
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		self->args.zone_class = bad[i];
		EXPECT_EQ(-EINVAL, zone_create(self));
	}
}

TEST_F_TIMEOUT(zone_create, both_classes_may_have_extents, CC_TIMEOUT)
{
	self->args.flags = CODECACHE_ZONE_F_EXTENTS;
	EXPECT_EQ(0, zone_create(self));
	self->args.zone_class = CODECACHE_ZONE_CODE;
	EXPECT_EQ(0, zone_create(self));
	self->args.flags |= CODECACHE_ZONE_F_EXTENTS << 1;
	EXPECT_EQ(-EOPNOTSUPP, zone_create(self));
}

TEST_F_TIMEOUT(zone_create, reserved_must_be_zero, CC_TIMEOUT)
{
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		self->args.reserved = 1U << bit;
		EXPECT_EQ(-EINVAL, zone_create(self));
	}
}

TEST_F_TIMEOUT(zone_create, size_is_a_positive_number_of_pages, CC_TIMEOUT)
{
	uint64_t page = cc_page_size();
	const uint64_t bad[] = { 0, 1, page - 1, page + 1, 2 * page - 1,
				 page / 2, (1ULL << 32) + 1, ~0ULL };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		self->args.bytes = bad[i];
		EXPECT_EQ(-EINVAL, zone_create(self))
			TH_LOG("bytes %#llx", (unsigned long long)bad[i]);
	}
	self->args.bytes = page;
	EXPECT_EQ(0, zone_create(self));
}

TEST_F_TIMEOUT(zone_create, size_ends_at_the_limit, CC_TIMEOUT)
{
	struct codecache_info_args info = { .size = sizeof(info) };
	uint64_t page = cc_page_size();
	unsigned int shift;

	ASSERT_EQ(0, cc_ioctl(self->cache, CODECACHE_IOC_INFO, &info));
	self->args.bytes = info.out_max_zone_bytes;
	EXPECT_EQ(0, zone_create(self));
	self->args.bytes = info.out_max_zone_bytes + page;
	EXPECT_EQ(-ERANGE, zone_create(self));
	self->args.bytes = ~0ULL & ~(page - 1);
	EXPECT_EQ(-ERANGE, zone_create(self));
	for (shift = 43; shift < 64; shift++) {
		self->args.bytes = 1ULL << shift;
		EXPECT_EQ(-ERANGE, zone_create(self));
	}
}

TEST_F_TIMEOUT(zone_create, writes_its_reserved_output_as_zero, CC_TIMEOUT)
{
	self->args.out_reserved = 7;
	ASSERT_EQ(0, zone_create(self));
	EXPECT_EQ(0, self->args.out_reserved);
}

/* ---- VIEW_CREATE ------------------------------------------------------------ */

FIXTURE(view_create)
{
	int cache;
	int zone[3];		/* by class */
	struct codecache_view_create_args args;
};

FIXTURE_SETUP(view_create)
{
	uint32_t class;

	self->cache = cc_open();
	ASSERT_LE(0, self->cache);
	for (class = CODECACHE_ZONE_CODE; class <= CODECACHE_ZONE_DATA; class++) {
		self->zone[class] = cc_zone(self->cache, class, PAGES);
		ASSERT_LE(0, self->zone[class]);
	}
	self->args.kind = CODECACHE_VIEW_DATA;
}

FIXTURE_TEARDOWN(view_create)
{
	close(self->zone[CODECACHE_ZONE_CODE]);
	close(self->zone[CODECACHE_ZONE_DATA]);
	close(self->cache);
}

static int view_create_on(FIXTURE_DATA(view_create) *self, uint32_t zone_class)
{
	struct codecache_view_create_args args = self->args;
	int err;

	args.size = sizeof(args);
	err = cc_ioctl(self->zone[zone_class], CODECACHE_IOC_VIEW_CREATE, &args);
	if (!err)
		close(args.out_fd);
	self->args.out_bytes = args.out_bytes;
	self->args.out_reserved = args.out_reserved;
	return err;
}

/* On the zone that suits the kind. */
static int view_create(FIXTURE_DATA(view_create) *self)
{
	return view_create_on(self, cc_kind_class(self->args.kind));
}

TEST_F_TIMEOUT(view_create, kind_must_suit_the_class_of_the_zone, CC_TIMEOUT)
{
	static const uint32_t bad[] = { 0, 5, 6, 0x101, 0x80000001, ~0U };
	uint32_t kind, class;
	unsigned int i;

	for (class = CODECACHE_ZONE_CODE; class <= CODECACHE_ZONE_DATA; class++) {
		for (kind = CODECACHE_VIEW_WRITE; kind <= CODECACHE_VIEW_UFFD;
		     kind++) {
			self->args.kind = kind;
			EXPECT_EQ(cc_kind_class(kind) == class ? 0 : -EOPNOTSUPP,
				  view_create_on(self, class));
		}
		for (i = 0; i < ARRAY_LEN(bad); i++) {
			self->args.kind = bad[i];
			EXPECT_EQ(-EINVAL, view_create_on(self, class));
		}
	}
}

TEST_F_TIMEOUT(view_create, has_three_trap_modes, CC_TIMEOUT)
{
	static const uint32_t kinds[] = { CODECACHE_VIEW_WRITE,
					  CODECACHE_VIEW_EXEC,
					  CODECACHE_VIEW_DATA };
	uint32_t mode;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(kinds); i++) {
		self->args.kind = kinds[i];
		for (mode = 0; mode < 10; mode++) {
			self->args.trap_mode = mode;
			EXPECT_EQ(mode <= CODECACHE_TRAP_BLOCK ? 0 : -EOPNOTSUPP,
				  view_create(self))
				TH_LOG("kind %u, mode %u", kinds[i], mode);
		}
		for (mode = 1U << 4; mode; mode <<= 1) {
			self->args.trap_mode = mode;
			EXPECT_EQ(-EOPNOTSUPP, view_create(self));
		}
	}
}

TEST_F_TIMEOUT(view_create, uffd_views_have_one_trap_mode, CC_TIMEOUT)
{
	self->args.kind = CODECACHE_VIEW_UFFD;
	self->args.trap_mode = CODECACHE_TRAP_LOG;
	EXPECT_EQ(-EOPNOTSUPP, view_create(self));
	self->args.trap_mode = CODECACHE_TRAP_BLOCK;
	EXPECT_EQ(-EOPNOTSUPP, view_create(self));
	self->args.flags = CODECACHE_VIEW_F_BLOCK_KERNEL;
	EXPECT_EQ(-EOPNOTSUPP, view_create(self));
	self->args.trap_mode = CODECACHE_TRAP_SIGNAL;
	EXPECT_EQ(-EOPNOTSUPP, view_create(self));
	self->args.flags = 0;
	EXPECT_EQ(0, view_create(self));
}

TEST_F_TIMEOUT(view_create, reserved_must_be_zero, CC_TIMEOUT)
{
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		self->args.reserved = 1U << bit;
		EXPECT_EQ(-EINVAL, view_create(self));
	}
}

static bool kind_has(uint32_t kind, uint32_t prot)
{
	if (kind == CODECACHE_VIEW_EXEC)
		return prot == CC_NONE || prot == CC_RX;
	if (kind == CODECACHE_VIEW_UFFD)
		return false;
	return prot == CC_NONE || prot == CC_R || prot == CC_RW;
}

TEST_F_TIMEOUT(view_create, initial_protection_is_one_of_the_kind, CC_TIMEOUT)
{
	static const uint32_t bad[] = { 8, 9, 0x80000000, ~0U };
	uint32_t kind, prot;
	unsigned int i;

	self->args.flags = CODECACHE_VIEW_F_PROT;
	for (kind = CODECACHE_VIEW_WRITE; kind <= CODECACHE_VIEW_UFFD; kind++) {
		self->args.kind = kind;
		for (prot = 0; prot < 8; prot++) {
			self->args.prot = prot;
			EXPECT_EQ(kind_has(kind, prot) ? 0 : -EOPNOTSUPP,
				  view_create(self))
				TH_LOG("kind %u, protection %u", kind, prot);
		}
		if (kind == CODECACHE_VIEW_UFFD)
			continue;
		for (i = 0; i < ARRAY_LEN(bad); i++) {
			self->args.prot = bad[i];
			EXPECT_EQ(-EINVAL, view_create(self));
		}
	}
}

TEST_F_TIMEOUT(view_create, protection_without_its_flag_is_invalid, CC_TIMEOUT)
{
	uint32_t kind, prot;

	for (kind = CODECACHE_VIEW_WRITE; kind <= CODECACHE_VIEW_UFFD; kind++) {
		self->args.kind = kind;
		for (prot = 1; prot < 9; prot++) {
			self->args.prot = prot;
			EXPECT_EQ(-EINVAL, view_create(self));
		}
	}
}

TEST_F_TIMEOUT(view_create, window_lies_within_the_zone, CC_TIMEOUT)
{
	static const struct {
		uint64_t first, nr;
		int err;
	} windows[] = {
		{ 0, 1, 0 }, { 0, PAGES, 0 }, { 0, 0, 0 }, { 5, 0, 0 },
		{ PAGES - 1, 0, 0 }, { PAGES - 1, 1, 0 }, { 3, 7, 0 },
		{ 0, PAGES + 1, -ERANGE }, { 1, PAGES, -ERANGE },
		{ PAGES, 0, -ERANGE }, { PAGES, 1, -ERANGE },
		{ PAGES + 1, 0, -ERANGE }, { 1ULL << 32, 1, -ERANGE },
		{ 1ULL << 52, 1, -ERANGE }, { 0, 1ULL << 52, -ERANGE },
		{ 0, ~0ULL, -ERANGE }, { ~0ULL, 0, -ERANGE },
		{ ~0ULL - 1, 1, -ERANGE }, { ~0ULL, 1, -EOVERFLOW },
		{ 1, ~0ULL, -EOVERFLOW }, { ~0ULL, ~0ULL, -EOVERFLOW },
		{ 1ULL << 63, 1ULL << 63, -EOVERFLOW },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(windows); i++) {
		uint64_t nr = windows[i].nr ?: PAGES - windows[i].first;

		self->args.first_page = windows[i].first;
		self->args.nr_pages = windows[i].nr;
		EXPECT_EQ(windows[i].err, view_create(self))
			TH_LOG("window %u", i);
		if (!windows[i].err)
			EXPECT_EQ(nr * cc_page_size(), self->args.out_bytes);
	}
}

TEST_F_TIMEOUT(view_create, uffd_views_cover_their_zone, CC_TIMEOUT)
{
	self->args.kind = CODECACHE_VIEW_UFFD;
	self->args.nr_pages = PAGES - 1;
	EXPECT_EQ(-EINVAL, view_create(self));
	self->args.first_page = 1;
	EXPECT_EQ(-EINVAL, view_create(self));
	self->args.nr_pages = 0;
	EXPECT_EQ(-EINVAL, view_create(self));
	self->args.nr_pages = PAGES;
	EXPECT_EQ(-ERANGE, view_create(self));
	self->args.first_page = 0;
	EXPECT_EQ(0, view_create(self));
}

TEST_F_TIMEOUT(view_create, writes_its_reserved_output_as_zero, CC_TIMEOUT)
{
	self->args.out_reserved = 7;
	ASSERT_EQ(0, view_create(self));
	EXPECT_EQ(0, self->args.out_reserved);
}

TEST_F_TIMEOUT(view_create, failures_leave_nothing_behind, CC_TIMEOUT)
{
	long long objects = cc_total("charged_objects");
	uint64_t i;

	for (i = 0; i < 200; i++) {
		self->args.kind = 1 + i % 8;
		self->args.trap_mode = i % 3 == 1 ? 3 : 0;
		self->args.first_page = i % 5 == 1 ? PAGES : 0;
		self->args.prot = i % 7 == 1 ? 8 : 0;
		if (self->args.trap_mode || self->args.first_page ||
		    self->args.prot)
			EXPECT_NE(0, view_create_on(self, 1 + i % 2));
	}
	EXPECT_TRUE(cc_total_becomes("charged_objects", objects));
	EXPECT_TRUE(cc_total_becomes("views", 0));
}

/* ---- what a view starts with ------------------------------------------------- */

TEST_F_TIMEOUT(view_create, initial_protection_holds_for_every_page, CC_TIMEOUT)
{
	static const uint32_t prots[] = { CC_NONE, CC_R, CC_RW };
	unsigned int i, page;

	for (i = 0; i < ARRAY_LEN(prots); i++) {
		int zone = self->zone[CODECACHE_ZONE_DATA];
		int view = cc_view_prot(zone, CODECACHE_VIEW_DATA, prots[i]);
		unsigned char *p = cc_map(view, CODECACHE_VIEW_DATA, PAGES);

		ASSERT_NE(NULL, p);
		EXPECT_EQ(PAGES, cc_pages_with(self->cache, zone, view,
					       prots[i]));
		for (page = 0; page < PAGES; page++) {
			unsigned char *at = p + page * cc_page_size();

			EXPECT_EQ(prots[i] & CC_R ? 0 : SIGSEGV,
				  cc_load(at, NULL));
			EXPECT_EQ(prots[i] == CC_RW ? 0 : SIGSEGV,
				  cc_store(at, 1));
		}
		munmap(p, PAGES * cc_page_size());
		close(view);
	}
}

TEST_F_TIMEOUT(view_create, windows_show_the_pages_that_they_name, CC_TIMEOUT)
{
	int zone = self->zone[CODECACHE_ZONE_DATA];
	size_t size = cc_page_size();
	unsigned char *all, *some, value;
	unsigned int page;
	int view[2];

	view[0] = cc_view(zone, CODECACHE_VIEW_DATA);
	view[1] = cc_window(zone, CODECACHE_VIEW_DATA, 5, 4);
	all = cc_map(view[0], CODECACHE_VIEW_DATA, PAGES);
	some = cc_map(view[1], CODECACHE_VIEW_DATA, 4);
	ASSERT_NE(NULL, all);
	ASSERT_NE(NULL, some);
	for (page = 0; page < PAGES; page++)
		ASSERT_EQ(0, cc_store(all + page * size, 100 + page));
	for (page = 0; page < 4; page++) {
		ASSERT_EQ(0, cc_load(some + page * size, &value));
		EXPECT_EQ(105 + page, value);
		ASSERT_EQ(0, cc_store(some + page * size + 1, page));
		EXPECT_EQ(page, all[(5 + page) * size + 1]);
	}
	munmap(all, PAGES * size);
	munmap(some, 4 * size);
	close(view[0]);
	close(view[1]);
}

TEST_HARNESS_MAIN
