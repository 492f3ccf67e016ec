// SPDX-License-Identifier: MIT
/*
 * Extents, readers, grace periods and seals: which values the members of their
 * structures take, and what is told about those that they do not take
 */
#include "cc_reclaim.h"

#include <sys/eventfd.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

enum { PAGES = 64 };

/* A code zone with extents, one extent of it, and a plain data zone. */
FIXTURE(members)
{
	int cache;
	int zone;
	int plain;
	int event;
	struct codecache_extent live;
	struct codecache_extent_alloc_args alloc;
	struct codecache_extent_retire_args retire;
	struct codecache_zone_seal_args seal;
	struct codecache_info_args info;
};

FIXTURE_SETUP(members)
{
	self->cache = cc_open();
	ASSERT_LE(0, self->cache);
	self->zone = cc_extents(self->cache, CODECACHE_ZONE_CODE, PAGES);
	self->plain = cc_zone(self->cache, CODECACHE_ZONE_DATA, PAGES);
	ASSERT_LE(0, self->zone);
	ASSERT_LE(0, self->plain);
	self->live.nr_pages = 4;
	ASSERT_EQ(0, cc_alloc(self->zone, &self->live, 1, 0));
	self->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_LE(0, self->event);
	self->info.size = sizeof(self->info);
	ASSERT_EQ(0, cc_ioctl(self->cache, CODECACHE_IOC_INFO, &self->info));
}

FIXTURE_TEARDOWN(members)
{
	close(self->event);
	close(self->plain);
	close(self->zone);
	close(self->cache);
}

/* ---- readers and grace periods ---------------------------------------------- */

TEST_F_TIMEOUT(members, of_unregister_name_a_reader, CC_TIMEOUT)
{
	struct codecache_reader_unregister_args args = { .size = sizeof(args) };
	const uint32_t none[] = { 1, 2, 63, 64, 65535, 65536, 1U << 31, ~0U };
	unsigned int i;

	EXPECT_EQ(-ENOENT, cc_reader_drop(self->cache, 0));
	ASSERT_EQ(0, cc_reader(self->cache));
	for (i = 0; i < 32; i++) {
		args.reserved = 1U << i;
		EXPECT_EQ(-EINVAL, cc_ioctl(self->cache,
					    CODECACHE_IOC_READER_UNREGISTER,
					    &args));
	}
	for (i = 0; i < ARRAY_LEN(none); i++)
		EXPECT_EQ(-ENOENT, cc_reader_drop(self->cache, none[i]));
	EXPECT_EQ(0, cc_reader_drop(self->cache, 0));
	EXPECT_EQ(-ENOENT, cc_reader_drop(self->cache, 0));
}

TEST_F_TIMEOUT(members, of_register_are_written_all, CC_TIMEOUT)
{
	struct codecache_reader_register_args args = {
		.size = sizeof(args),
		.out_index = ~0U,
		.out_reserved = ~0U,
		.out_offset = CC_UNWRITTEN,
	};

	ASSERT_EQ(0, cc_ioctl(self->cache, CODECACHE_IOC_READER_REGISTER, &args));
	EXPECT_EQ(0, args.out_index);
	EXPECT_EQ(0, args.out_reserved);
	EXPECT_EQ(cc_page_size(), args.out_offset);
}

static int any_grace_call(FIXTURE_DATA(members) *self, int which, uint64_t cookie)
{
	switch (which) {
	case 0:
		return cc_grace_poll(self->cache, cookie) < 0 ?
		       cc_grace_poll(self->cache, cookie) : 0;
	case 1:
		return cc_grace_wait(self->cache, cookie);
	default:
		return cc_grace_eventfd(self->cache, cookie, self->event);
	}
}

TEST_F_TIMEOUT(members, cookies_must_have_been_given_out, CC_TIMEOUT)
{
	uint64_t cookie = 0;
	int which, i;

	for (i = 0; i < 3; i++) {
		const uint64_t bad[] = { cookie + 1, cookie + 2,
					 1ULL << 32 | cookie,
					 1ULL << 63 | cookie, ~0ULL };
		unsigned int k;

		for (which = 0; which < 3; which++) {
			EXPECT_EQ(0, any_grace_call(self, which, 0));
			EXPECT_EQ(0, any_grace_call(self, which, cookie));
			for (k = 0; k < ARRAY_LEN(bad); k++)
				EXPECT_EQ(-EINVAL,
					  any_grace_call(self, which, bad[k]));
		}
		ASSERT_EQ(0, cc_grace_start(self->cache, 0, &cookie));
	}
}

TEST_F_TIMEOUT(members, of_grace_poll_are_written_all, CC_TIMEOUT)
{
	struct codecache_grace_poll_args args = {
		.size = sizeof(args),
		.out_completed = CC_UNWRITTEN,
		.out_done = ~0U,
		.out_reserved = ~0U,
	};

	ASSERT_EQ(0, cc_ioctl(self->cache, CODECACHE_IOC_GRACE_POLL, &args));
	EXPECT_EQ(0, args.out_completed);
	EXPECT_EQ(1, args.out_done);
	EXPECT_EQ(0, args.out_reserved);
}

TEST_F_TIMEOUT(members, of_grace_eventfd_name_an_eventfd, CC_TIMEOUT)
{
	struct codecache_grace_eventfd_args args = {
		.size = sizeof(args),
		.fd = self->event,
	};
	const int others[] = { self->cache, self->zone, STDOUT_FILENO };
	const int none[] = { -1, -2, 1000, 0x7fffffff };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(others); i++)
		EXPECT_EQ(-EINVAL, cc_grace_eventfd(self->cache, 0, others[i]));
	for (i = 0; i < ARRAY_LEN(none); i++)
		EXPECT_EQ(-EBADF, cc_grace_eventfd(self->cache, 0, none[i]));
	for (i = 0; i < 32; i++) {
		args.reserved = 1U << i;
		EXPECT_EQ(-EINVAL, cc_ioctl(self->cache,
					    CODECACHE_IOC_GRACE_EVENTFD, &args));
	}
	EXPECT_EQ(0, cc_poll(self->event, 0));
}

/* ---- EXTENT_ALLOC ------------------------------------------------------------ */

/* With arguments of the fixture: that it is refused, and what is told then. */
static int alloc(FIXTURE_DATA(members) *self, uint32_t nr_pages)
{
	struct codecache_extent extents[2] = { { .nr_pages = 1 },
					       { .nr_pages = nr_pages } };
	int err;

	self->alloc.addr = (uintptr_t)extents;
	self->alloc.count = self->alloc.count ?: 2;
	err = cc_alloc_call(self->zone, &self->alloc);
	if (!err)
		err = cc_retire(self->zone, extents, 2, NULL);
	return err;
}

#define EXPECT_ALLOC(err, failed, nr_pages)				\
	do {								\
		EXPECT_EQ(err, alloc(self, nr_pages));			\
		EXPECT_EQ(failed, self->alloc.out_failed_index);	\
		EXPECT_EQ(0, self->alloc.out_cookie);			\
		memset(&self->alloc, 0, sizeof(self->alloc));		\
	} while (0)

TEST_F_TIMEOUT(members, of_alloc_give_a_power_of_two_to_align_to, CC_TIMEOUT)
{
	static const uint32_t bad[] = { 3, 5, 6, 7, 12, 0x7fffffff, ~0U,
					0x80000001 };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		self->alloc.align_pages = bad[i];
		EXPECT_ALLOC(-EINVAL, CC_NO_INDEX, 1);
	}
	for (i = 0; i < 4; i++) {
		self->alloc.align_pages = i ? 1 << (i - 1) : 0;
		EXPECT_ALLOC(0, CC_NO_INDEX, 1);
	}
}

TEST_F_TIMEOUT(members, of_alloc_that_are_reserved_must_be_zero, CC_TIMEOUT)
{
	struct codecache_extent extents[2] = { { .nr_pages = 1 },
					       { .nr_pages = 1 } };
	unsigned int i;

	for (i = 0; i < 32; i++) {
		self->alloc.reserved = 1U << i;
		EXPECT_ALLOC(-EINVAL, CC_NO_INDEX, 1);
		extents[1].reserved = 1U << i;
		self->alloc.addr = (uintptr_t)extents;
		self->alloc.count = 2;
		EXPECT_EQ(-EINVAL, cc_alloc_call(self->zone, &self->alloc));
		EXPECT_EQ(1, self->alloc.out_failed_index);
		memset(&self->alloc, 0, sizeof(self->alloc));
	}
	EXPECT_EQ(1, CC_STAT(self->zone, live_extents));
}

TEST_F_TIMEOUT(members, of_alloc_give_a_window_in_the_zone, CC_TIMEOUT)
{
	static const struct {
		uint64_t min, max;
		int err;
	} windows[] = {
		{ 0, PAGES, 0 }, { 0, 0, 0 }, { PAGES - 8, 0, 0 },
		{ 10, 12, 0 }, { 0, PAGES + 1, -ERANGE },
		{ 0, 1ULL << 32, -ERANGE }, { 0, ~0ULL, -ERANGE },
		{ ~0ULL, ~0ULL, -ERANGE }, { 8, 8, -EINVAL },
		{ 9, 8, -EINVAL }, { PAGES, PAGES, -EINVAL },
		{ PAGES, 0, -EINVAL }, { ~0ULL, 0, -EINVAL },
		{ 1ULL << 32, 1, -EINVAL },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(windows); i++) {
		self->alloc.min_page = windows[i].min;
		self->alloc.max_page = windows[i].max;
		EXPECT_ALLOC(windows[i].err, CC_NO_INDEX, 1);
		ASSERT_EQ(0, cc_quiesce(self->cache));
	}
}

TEST_F_TIMEOUT(members, of_alloc_give_one_place_at_most, CC_TIMEOUT)
{
	static const uint32_t two[] = { 3, 5, 6, 7 };
	static const uint64_t beyond[] = { PAGES, PAGES + 1, 1ULL << 32, ~0ULL };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(two); i++) {
		self->alloc.flags = two[i];
		EXPECT_ALLOC(-EINVAL, CC_NO_INDEX, 1);
	}
	for (i = 0; i < 3; i++) {
		/* Without a place to be near to a hint means nothing. */
		self->alloc.flags = i ? 1 << (i - 1) : 0;
		self->alloc.hint_page = 1;
		EXPECT_ALLOC(-EINVAL, CC_NO_INDEX, 1);
	}
	for (i = 0; i < ARRAY_LEN(beyond); i++) {
		self->alloc.flags = CODECACHE_EXTENT_F_NEAR;
		self->alloc.hint_page = beyond[i];
		EXPECT_ALLOC(-ERANGE, CC_NO_INDEX, 1);
	}
	self->alloc.flags = CODECACHE_EXTENT_F_NEAR;
	EXPECT_ALLOC(0, CC_NO_INDEX, 1);
}

TEST_F_TIMEOUT(members, of_alloc_give_a_length_for_each_extent, CC_TIMEOUT)
{
	EXPECT_ALLOC(-EINVAL, 1, 0);
	EXPECT_ALLOC(-ERANGE, 1, PAGES + 1);
	EXPECT_ALLOC(-ERANGE, 1, ~0U);
	/* No longer than the zone, but there is no such hole. */
	EXPECT_ALLOC(-ENOSPC, 1, PAGES);
	self->alloc.min_page = 10;
	self->alloc.max_page = 20;
	EXPECT_ALLOC(-ENOSPC, 1, 11);
	EXPECT_EQ(1, CC_STAT(self->zone, live_extents));
	EXPECT_EQ(0, CC_STAT(self->zone, retired_pages));
}

TEST_F_TIMEOUT(members, of_alloc_give_an_array_that_can_be_used, CC_TIMEOUT)
{
	const size_t page = cc_page_size();
	char *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct codecache_extent *e = (void *)(p + page);
	const uintptr_t bad[] = { 0, 1, (uintptr_t)e, (uintptr_t)(e - 1),
				  ~0UL - 7, (uintptr_t)(~0ULL << 47) };
	unsigned int i;

	ASSERT_NE(MAP_FAILED, p);
	e[-1].nr_pages = 1;
	e[-2].nr_pages = 1;
	ASSERT_EQ(0, mprotect(p + page, page, PROT_NONE));
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		struct codecache_extent_alloc_args args = {
			.addr = bad[i],
			.count = 2,
		};

		EXPECT_EQ(-EFAULT, cc_alloc_call(self->zone, &args));
		EXPECT_EQ(CC_NO_INDEX, args.out_failed_index);
		EXPECT_EQ(0, args.out_cookie);
	}
	/* None of it matters if there are none. */
	EXPECT_EQ(0, cc_alloc(self->zone, (void *)1, 0, 0));
	EXPECT_EQ(0, cc_alloc(self->zone, e - 2, 2, 0));
	EXPECT_EQ(3, CC_STAT(self->zone, live_extents));
	munmap(p, 2 * page);
}

TEST_F_TIMEOUT(members, of_alloc_give_a_number_up_to_the_limit, CC_TIMEOUT)
{
	self->alloc.count = self->info.out_max_extents + 1;
	EXPECT_ALLOC(-EINVAL, CC_NO_INDEX, 1);
	self->alloc.count = 1ULL << 32 | 1;
	EXPECT_ALLOC(-EINVAL, CC_NO_INDEX, 1);
	self->alloc.count = ~0ULL;
	EXPECT_ALLOC(-EINVAL, CC_NO_INDEX, 1);
}

/* ---- EXTENT_RETIRE ----------------------------------------------------------- */

static int retire(FIXTURE_DATA(members) *self,
		  const struct codecache_extent *extents, uint64_t count)
{
	self->retire.addr = (uintptr_t)extents;
	self->retire.count = count;
	return cc_retire_call(self->zone, &self->retire);
}

TEST_F_TIMEOUT(members, of_retire_name_whole_extents_once, CC_TIMEOUT)
{
	const uint64_t at = self->live.first_page;
	const struct codecache_extent bad[] = {
		{ at, 3, 0 }, { at, 5, 0 }, { at + 1, 3, 0 }, { at + 1, 4, 0 },
		{ at, 0, 0 }, { at, ~0U, 0 }, { PAGES, 4, 0 },
		{ 1ULL << 32 | at, 4, 0 }, { ~0ULL, 4, 0 },
		{ PAGES - 1, 1, 0 }, { 0, PAGES, 0 },
	};
	const struct codecache_extent twice[] = { self->live, self->live };
	struct codecache_extent two[2];
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		two[0] = self->live;
		two[1] = bad[i];
		EXPECT_EQ(-ENOENT, retire(self, two, 2));
		EXPECT_EQ(1, self->retire.out_failed_index)
			TH_LOG("extent %u", i);
		EXPECT_EQ(0, self->retire.out_cookie);
		EXPECT_EQ(0, self->retire.out_nr_pages);
	}
	EXPECT_EQ(-EINVAL, retire(self, twice, 2));
	EXPECT_GE(1, self->retire.out_failed_index);
	EXPECT_EQ(1, CC_STAT(self->zone, live_extents));
	EXPECT_EQ(0, CC_STAT(self->zone, retired_pages));
	/* It is there, all the time; and then it is not. */
	EXPECT_EQ(0, retire(self, &self->live, 1));
	EXPECT_EQ(CC_NO_INDEX, self->retire.out_failed_index);
	EXPECT_LT(0, self->retire.out_cookie);
	EXPECT_EQ(4, self->retire.out_nr_pages);
	EXPECT_EQ(-ENOENT, retire(self, &self->live, 1));
	EXPECT_EQ(0, self->retire.out_failed_index);
}

TEST_F_TIMEOUT(members, of_retire_that_are_reserved_must_be_zero, CC_TIMEOUT)
{
	struct codecache_extent two[2] = { self->live, self->live };
	unsigned int i;

	for (i = 0; i < 32; i++) {
		two[1].reserved = 1U << i;
		EXPECT_EQ(-EINVAL, retire(self, two, 2));
		EXPECT_EQ(1, self->retire.out_failed_index);
	}
}

TEST_F_TIMEOUT(members, of_retire_name_all_or_some, CC_TIMEOUT)
{
	self->retire.flags = CODECACHE_RETIRE_F_ALL;
	EXPECT_EQ(-EINVAL, retire(self, &self->live, 1));
	EXPECT_EQ(-EINVAL, retire(self, &self->live, 0));
	EXPECT_EQ(-EINVAL, retire(self, NULL, 1));
	EXPECT_EQ(CC_NO_INDEX, self->retire.out_failed_index);
	EXPECT_EQ(1, CC_STAT(self->zone, live_extents));
	EXPECT_EQ(0, retire(self, NULL, 0));
	EXPECT_EQ(4, self->retire.out_nr_pages);
	EXPECT_LT(0, self->retire.out_cookie);
	/* There is none left. */
	EXPECT_EQ(0, retire(self, NULL, 0));
	EXPECT_EQ(0, self->retire.out_nr_pages);
	EXPECT_EQ(0, self->retire.out_cookie);
	self->retire.flags = 0;
	EXPECT_EQ(0, retire(self, (void *)1, 0));
	EXPECT_EQ(0, self->retire.out_cookie);
	EXPECT_EQ(CC_NO_INDEX, self->retire.out_failed_index);
}

TEST_F_TIMEOUT(members, of_retire_give_an_array_that_can_be_read, CC_TIMEOUT)
{
	const uintptr_t bad[] = { 0, 1, ~0UL - 7, (uintptr_t)(~0ULL << 47) };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		EXPECT_EQ(-EFAULT, retire(self, (void *)bad[i], 1));
		EXPECT_EQ(CC_NO_INDEX, self->retire.out_failed_index);
	}
	EXPECT_EQ(-EINVAL, retire(self, &self->live,
				  self->info.out_max_extents + 1));
	EXPECT_EQ(-EINVAL, retire(self, &self->live, 1ULL << 32 | 1));
	EXPECT_EQ(1, CC_STAT(self->zone, live_extents));
}

/* Outputs of calls that were refused for their size or flags stay as they are. */
TEST_F_TIMEOUT(members, that_are_outputs_wait_for_size_and_flags, CC_TIMEOUT)
{
	self->alloc.flags = 8;
	EXPECT_EQ(-EOPNOTSUPP, cc_alloc_call(self->zone, &self->alloc));
	EXPECT_EQ(CC_UNWRITTEN, self->alloc.out_failed_index);
	EXPECT_EQ(CC_UNWRITTEN, self->alloc.out_cookie);
	self->retire.flags = 4;
	EXPECT_EQ(-EOPNOTSUPP, retire(self, &self->live, 1));
	EXPECT_EQ(CC_UNWRITTEN, self->retire.out_failed_index);
	EXPECT_EQ(CC_UNWRITTEN, self->retire.out_cookie);
}

TEST_F_TIMEOUT(members, of_zones_without_extents_do_not_matter, CC_TIMEOUT)
{
	struct codecache_extent extent = { .nr_pages = 1 };

	EXPECT_EQ(-EOPNOTSUPP, cc_alloc(self->plain, &extent, 1, 0));
	EXPECT_EQ(-EOPNOTSUPP, cc_alloc(self->plain, NULL, 0, 0));
	EXPECT_EQ(-EOPNOTSUPP, cc_retire(self->plain, &extent, 1, NULL));
	EXPECT_EQ(-EOPNOTSUPP, cc_retire_all(self->plain, NULL));
}

/* ---- ZONE_SEAL, SEAL_INFO ---------------------------------------------------- */

static int seal(FIXTURE_DATA(members) *self, int zone)
{
	int err;

	self->seal.size = sizeof(self->seal);
	err = cc_ioctl(zone, CODECACHE_IOC_ZONE_SEAL, &self->seal);
	memset(&self->seal, 0, sizeof(self->seal));
	return err;
}

TEST_F_TIMEOUT(members, of_seal_come_with_their_flags, CC_TIMEOUT)
{
	const uint32_t sign = CODECACHE_SEAL_F_SIGNATURE;
	unsigned int i;

	for (i = 0; i < 32; i++) {
		self->seal.reserved = 1U << i;
		EXPECT_EQ(-EINVAL, seal(self, self->zone));
		self->seal.digest[i] = 1;
		EXPECT_EQ(-EINVAL, seal(self, self->zone));
	}
	self->seal.signature = (uintptr_t)self;
	EXPECT_EQ(-EINVAL, seal(self, self->zone));
	self->seal.signature_len = 1;
	EXPECT_EQ(-EINVAL, seal(self, self->zone));
	self->seal.flags = sign;
	EXPECT_EQ(-EINVAL, seal(self, self->zone));
	self->seal.flags = sign;
	self->seal.signature_len = 65537;
	self->seal.signature = (uintptr_t)self;
	EXPECT_EQ(-EINVAL, seal(self, self->zone));
	self->seal.flags = sign;
	self->seal.signature_len = 100;
	self->seal.signature = 8;
	EXPECT_EQ(-EFAULT, seal(self, self->zone));
	/* None of these has sealed it. */
	EXPECT_EQ(0, seal(self, self->zone));
	EXPECT_EQ(-EPERM, seal(self, self->zone));
}

TEST_F_TIMEOUT(members, of_data_zones_cannot_be_sealed, CC_TIMEOUT)
{
	struct codecache_seal_info_args info = { .size = sizeof(info) };
	int extents = cc_extents(self->cache, CODECACHE_ZONE_DATA, PAGES);
	int view = cc_view(self->plain, CODECACHE_VIEW_DATA);

	EXPECT_EQ(-EOPNOTSUPP, seal(self, self->plain));
	EXPECT_EQ(-EOPNOTSUPP, seal(self, extents));
	EXPECT_EQ(-ENODATA, cc_ioctl(self->plain, CODECACHE_IOC_SEAL_INFO, &info));
	EXPECT_EQ(-ENODATA, cc_ioctl(view, CODECACHE_IOC_SEAL_INFO, &info));
	EXPECT_EQ(-ENODATA, cc_ioctl(self->zone, CODECACHE_IOC_SEAL_INFO, &info));
	close(view);
	close(extents);
}

/* ---- ZONE_EVENTFD ------------------------------------------------------------ */

static int zone_eventfd(FIXTURE_DATA(members) *self, uint32_t flags, int fd,
			uint64_t high_water, uint32_t reserved)
{
	struct codecache_zone_eventfd_args args = {
		.size = sizeof(args),
		.flags = flags,
		.fd = fd,
		.reserved = reserved,
		.high_water_pages = high_water,
	};

	return cc_ioctl(self->zone, CODECACHE_IOC_ZONE_EVENTFD, &args);
}

TEST_F_TIMEOUT(members, of_zone_eventfd_belong_together, CC_TIMEOUT)
{
	const uint32_t pressure = CODECACHE_ZONE_EVENT_PRESSURE;
	const uint32_t high = CODECACHE_ZONE_EVENT_HIGH_WATER;
	unsigned int i;

	EXPECT_EQ(-EINVAL, zone_eventfd(self, 0, self->event, 0, 0));
	EXPECT_EQ(-EINVAL, zone_eventfd(self, pressure, -1, 0, 0));
	EXPECT_EQ(-EINVAL, zone_eventfd(self, high, -1, 1, 0));
	EXPECT_EQ(-EINVAL, zone_eventfd(self, high, self->event, 0, 0));
	EXPECT_EQ(-EINVAL, zone_eventfd(self, pressure, self->event, 1, 0));
	EXPECT_EQ(-EINVAL, zone_eventfd(self, 0, -1, 1, 0));
	EXPECT_EQ(-EBADF, zone_eventfd(self, pressure, -2, 0, 0));
	EXPECT_EQ(-EBADF, zone_eventfd(self, pressure, 1000, 0, 0));
	EXPECT_EQ(-EINVAL, zone_eventfd(self, pressure, self->zone, 0, 0));
	EXPECT_EQ(-EOPNOTSUPP, zone_eventfd(self, 4 | pressure, self->event, 0,
					    0));
	for (i = 0; i < 32; i++)
		EXPECT_EQ(-EINVAL, zone_eventfd(self, pressure, self->event, 0,
						1U << i));
	EXPECT_EQ(0, zone_eventfd(self, pressure, self->event, 0, 0));
	EXPECT_EQ(0, zone_eventfd(self, high, self->event, ~0ULL, 0));
	EXPECT_EQ(0, zone_eventfd(self, pressure | high, self->event, 1, 0));
	EXPECT_EQ(0, zone_eventfd(self, 0, -1, 0, 0));
	EXPECT_EQ(0, zone_eventfd(self, 0, -1, 0, 0));
}

TEST_HARNESS_MAIN
