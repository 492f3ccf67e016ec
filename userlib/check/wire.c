// SPDX-License-Identifier: MIT
/*
 * What the library asks of the kernel, and what it makes of the answers, with a
 * kernel of straw (fake.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake.h"
#include "tap.h"

#define SOME_ADDR	((void *)(uintptr_t)0x40000000)
#define NR_PAGES	16

static struct codecache_cache *cache;
static struct codecache_zone *zone;

static uint64_t page_size(void)
{
	return codecache_page_size();
}

static void check_cache(void)
{
	struct codecache_info_args info;
	struct codecache_stats_args stats;
	struct codecache_cache *none;

	fake_reset();
	errno = ECHILD;
	tap_is(codecache_open(&cache), 0, "open");
	tap_ok(errno == ECHILD, "... leaves errno alone in success");
	tap_ok(!strcmp(fake.path, "/dev/codecache"), "... opens the device");
	tap_ok((fake.open_flags & O_ACCMODE) == O_RDWR && (fake.open_flags & O_CLOEXEC),
	       "... to read and write, close-on-exec");
	tap_is(codecache_fd(cache), FAKE_CACHE_FD, "... and keeps the descriptor");
	fake.error = EDQUOT;
	tap_is(codecache_open(&none), -EDQUOT, "open that fails says why");
	tap_ok(!none && errno == ECHILD, "... gives NULL and leaves errno alone");

	memset(&info, 0xff, sizeof(info));
	tap_is(codecache_info(cache, &info), 0, "info");
	tap_ok(fake.request == CODECACHE_IOC_INFO && info.size == sizeof(info) &&
	       !info.flags, "... is INFO with size and flags");
	fake.object = CODECACHE_OBJECT_CACHE;
	memset(&stats, 0xff, sizeof(stats));
	tap_is(codecache_stats(cache, &stats), 0, "stats");
	tap_ok(fake.fd == FAKE_CACHE_FD && stats.size == sizeof(stats) &&
	       !stats.flags && stats.out_object == CODECACHE_OBJECT_CACHE,
	       "... is STATS with size and flags");
	tap_is(codecache_info(cache, NULL), -EINVAL, "info into NULL");
	tap_is(codecache_stats(cache, NULL), -EINVAL, "stats into NULL");
}

static void check_zone(void)
{
	struct codecache_zone *none;

	fake_reset();
	errno = ECHILD;
	tap_is(codecache_zone_create(cache, CODECACHE_ZONE_DATA,
				     (NR_PAGES - 1) * page_size() + 1, &zone), 0,
	       "zone_create");
	tap_ok(fake.fd == FAKE_CACHE_FD && fake.request == CODECACHE_IOC_ZONE_CREATE &&
	       fake.zone_create.size == sizeof(fake.zone_create) &&
	       fake.zone_create.zone_class == CODECACHE_ZONE_DATA &&
	       !fake.zone_create.flags && !fake.zone_create.reserved,
	       "... is ZONE_CREATE on the cache");
	tap_ok(fake.zone_create.bytes == NR_PAGES * page_size() &&
	       codecache_zone_bytes(zone) == NR_PAGES * page_size(),
	       "... in whole pages, rounded up");
	tap_is(codecache_zone_fd(zone), FAKE_ZONE_FD, "... keeps the descriptor");

	fake.ioctls = 0;
	tap_is(codecache_zone_create(cache, CODECACHE_ZONE_DATA, UINT64_MAX, &none),
	       -EOVERFLOW, "zone_create that cannot be rounded up");
	tap_is(fake.ioctls, 0, "... asks nothing of the kernel");
	fake.error = ENOSPC;
	tap_is(codecache_zone_create(cache, CODECACHE_ZONE_DATA, 1, &none), -ENOSPC,
	       "zone_create that fails says why");
	tap_ok(!none && errno == ECHILD, "... gives NULL and leaves errno alone");
	tap_is(codecache_zone_create(cache, CODECACHE_ZONE_DATA, 1, NULL), -EINVAL,
	       "zone_create into NULL");
}

static void check_from_fd(void)
{
	struct codecache_zone *z;
	struct codecache_view *v;

	fake_reset();
	fake.object = CODECACHE_OBJECT_ZONE;
	fake.kind = CODECACHE_ZONE_CODE;
	fake.bytes = 3 * page_size();
	tap_is(codecache_zone_from_fd(77, &z), 0, "zone_from_fd");
	tap_ok(codecache_zone_fd(z) == 77 && codecache_zone_bytes(z) == 3 * page_size(),
	       "... takes the descriptor and the size");
	codecache_zone_destroy(z);
	tap_ok(fake.closes == 1 && fake.fd == 77, "... which is closed with the zone");
	tap_is(codecache_view_from_fd(77, &v), -EINVAL, "view_from_fd of a zone");
	tap_is(fake.closes, 1, "... leaves the descriptor open");

	fake.object = CODECACHE_OBJECT_VIEW;
	fake.kind = CODECACHE_VIEW_EXEC;
	tap_is(codecache_zone_from_fd(77, &z), -EINVAL, "zone_from_fd of a view");
	tap_is(codecache_view_from_fd(77, &v), 0, "view_from_fd");
	tap_ok(codecache_view_fd(v) == 77 && codecache_view_bytes(v) == 3 * page_size() &&
	       codecache_view_nr_pages(v) == 3, "... takes the descriptor and the size");
	fake.mapped_at = SOME_ADDR;
	codecache_view_map(v, NULL, 0);
	tap_is(fake.prot, PROT_READ | PROT_EXEC, "... and the kind");
	codecache_view_destroy(v);

	fake.error = EINVAL;
	tap_is(codecache_zone_from_fd(77, &z), -ENOTTY, "zone_from_fd of a driver that knows only EINVAL");
	fake.object = 0;
	tap_is(codecache_zone_from_fd(77, &z), -ENOTTY, "zone_from_fd of a driver that takes any ioctl");
}

/* What a later version of the header may make of the options. */
struct longer_options {
	struct codecache_view_options now;
	uint64_t later;
};

static void check_options(void)
{
	struct longer_options longer = { .now.size = sizeof(longer) };
	struct codecache_view_options options = { .size = sizeof(options) - 1 };
	struct codecache_view *v;

	fake_reset();
	fake.bytes = page_size();
	tap_is(codecache_view_create(zone, CODECACHE_VIEW_DATA, &options, &v), -EINVAL,
	       "view_create with options that are too short");
	options.size = 0;
	tap_is(codecache_view_create(zone, CODECACHE_VIEW_DATA, &options, &v), -EINVAL,
	       "view_create with options without a size");
	longer.later = 1;
	tap_is(codecache_view_create(zone, CODECACHE_VIEW_DATA, &longer.now, &v), -E2BIG,
	       "view_create with options that it does not know");
	tap_ok(!v && !fake.ioctls, "... asks nothing of the kernel");
	longer.later = 0;
	tap_is(codecache_view_create(zone, CODECACHE_VIEW_DATA, &longer.now, &v), 0,
	       "view_create with longer options that are zero");
	codecache_view_destroy(v);

	options = (struct codecache_view_options){
		.size = sizeof(options),
		.flags = CODECACHE_VIEW_F_PROT,
		.prot = CODECACHE_PROT_READ,
		.trap_mode = 9,
		.first_page = 5,
		.nr_pages = 6,
	};
	tap_is(codecache_view_create(zone, CODECACHE_VIEW_DATA, &options, &v), 0,
	       "view_create with options");
	tap_ok(fake.view_create.flags == CODECACHE_VIEW_F_PROT &&
	       fake.view_create.prot == CODECACHE_PROT_READ &&
	       fake.view_create.trap_mode == 9 && fake.view_create.first_page == 5 &&
	       fake.view_create.nr_pages == 6, "... hands all of them on");
	codecache_view_destroy(v);
}

static struct codecache_view *create_view(uint32_t kind)
{
	struct codecache_view *v = NULL;

	fake_reset();
	fake.bytes = NR_PAGES * page_size();
	fake.mapped_at = SOME_ADDR;
	codecache_view_create(zone, kind, NULL, &v);
	return v;
}

static void check_view(void)
{
	struct codecache_view *none, *v;

	errno = ECHILD;
	v = create_view(CODECACHE_VIEW_DATA);
	tap_ok(fake.fd == FAKE_ZONE_FD && fake.request == CODECACHE_IOC_VIEW_CREATE &&
	       fake.view_create.size == sizeof(fake.view_create) &&
	       fake.view_create.kind == CODECACHE_VIEW_DATA &&
	       !fake.view_create.flags && !fake.view_create.prot &&
	       !fake.view_create.trap_mode && !fake.view_create.reserved &&
	       !fake.view_create.first_page && !fake.view_create.nr_pages,
	       "view_create is VIEW_CREATE on the zone, zero by default");
	tap_ok(codecache_view_fd(v) == FAKE_VIEW_FD &&
	       codecache_view_nr_pages(v) == NR_PAGES && !codecache_view_addr(v),
	       "... keeps descriptor and length, and is not mapped");
	tap_is(codecache_view_unmap(v), -EINVAL, "unmap of what is not mapped");
	tap_ok(codecache_view_page_of(v, SOME_ADDR) == UINT64_MAX,
	       "page_of in what is not mapped");
	codecache_view_destroy(v);
	tap_ok(!fake.unmaps && !fake.munmaps && fake.closes == 1 && fake.fd == FAKE_VIEW_FD,
	       "destroy closes, and does not unmap what is not mapped");
	fake.error = EBUSY;
	tap_is(codecache_view_create(zone, CODECACHE_VIEW_UFFD, NULL, &none), -EBUSY,
	       "view_create that fails says why");
	tap_ok(!none && errno == ECHILD, "... gives NULL and leaves errno alone");
	tap_is(codecache_view_create(zone, CODECACHE_VIEW_DATA, NULL, NULL), -EINVAL,
	       "view_create into NULL");
}

static void check_map_kind(uint32_t kind, int prot, const char *what)
{
	struct codecache_view *v = create_view(kind);

	codecache_view_map(v, NULL, 0);
	tap_ok(fake.prot == prot && fake.flags == MAP_SHARED && !fake.addr &&
	       fake.length == NR_PAGES * page_size() && fake.fd == FAKE_VIEW_FD &&
	       !fake.offset, what);
	codecache_view_destroy(v);
}

static void check_map(void)
{
	struct codecache_view *v;

	check_map_kind(CODECACHE_VIEW_WRITE, PROT_READ | PROT_WRITE, "map of kind write");
	check_map_kind(CODECACHE_VIEW_EXEC, PROT_READ | PROT_EXEC, "map of kind exec");
	check_map_kind(CODECACHE_VIEW_DATA, PROT_READ | PROT_WRITE, "map of kind data");
	check_map_kind(CODECACHE_VIEW_UFFD, PROT_READ | PROT_WRITE, "map of kind uffd");

	v = create_view(CODECACHE_VIEW_DATA);
	errno = ECHILD;
	fake.error = EEXIST;
	tap_is(codecache_view_map(v, SOME_ADDR, MAP_FIXED_NOREPLACE), -EEXIST,
	       "map that fails says why");
	tap_ok(!codecache_view_addr(v) && errno == ECHILD,
	       "... leaves the view unmapped and errno alone");
	fake.mmaps = 0;
	tap_is(codecache_view_map(v, NULL, MAP_FIXED), -EINVAL, "map fixed at NULL");
	tap_is(codecache_view_map(v, NULL, MAP_PRIVATE), -EOPNOTSUPP, "map private");
	tap_is(codecache_view_map(v, NULL, MAP_ANONYMOUS), -EOPNOTSUPP, "map anonymous");
	tap_is(fake.mmaps, 0, "... ask nothing of the kernel");

	tap_is(codecache_view_map(v, SOME_ADDR, MAP_FIXED), 0, "map fixed");
	tap_ok(fake.addr == SOME_ADDR && fake.flags == (MAP_SHARED | MAP_FIXED) &&
	       codecache_view_addr(v) == SOME_ADDR, "... there, and nowhere else");
	tap_is(codecache_view_map(v, NULL, 0), -EBUSY, "map twice");
	fake.error = ENOMEM;
	tap_is(codecache_view_unmap(v), -ENOMEM, "unmap that fails says why");
	tap_ok(codecache_view_addr(v) == SOME_ADDR, "... leaves the view mapped");
	tap_is(codecache_view_unmap(v), 0, "unmap");
	tap_ok(fake.fd == FAKE_VIEW_FD && fake.request == CODECACHE_IOC_VIEW_UNMAP &&
	       fake.unmap.size == sizeof(fake.unmap) && !fake.unmap.flags &&
	       !fake.munmaps && !codecache_view_addr(v), "... is UNMAP of the view");
	tap_is(codecache_view_map(v, NULL, 0), 0, "map again");
	fake.unmaps = 0;
	codecache_view_destroy(v);
	tap_is(fake.unmaps, 1, "destroy unmaps");
}

/* Where the module cannot, or need not, save what the page tables know. */
static void check_munmap(void)
{
	struct codecache_view *v = create_view(CODECACHE_VIEW_DATA);

	codecache_view_map(v, NULL, 0);
	fake.error = ENOTTY;
	tap_is(codecache_view_unmap(v), 0, "unmap by a module without UNMAP");
	tap_ok(fake.munmaps == 1 && fake.addr == SOME_ADDR &&
	       fake.length == NR_PAGES * page_size() && !codecache_view_addr(v),
	       "... is munmap of all of it");
	codecache_view_map(v, NULL, 0);
	fake.error = EINVAL;
	tap_is(codecache_view_unmap(v), -EINVAL, "unmap of what is not mapped any more");
	tap_ok(fake.munmaps == 1 && !codecache_view_addr(v),
	       "... does not unmap what may be there now");
	codecache_view_destroy(v);

	v = create_view(CODECACHE_VIEW_UFFD);
	codecache_view_map(v, NULL, 0);
	tap_is(codecache_view_unmap(v), 0, "unmap of kind uffd");
	tap_ok(fake.munmaps == 1 && !fake.unmaps, "... is munmap");
	codecache_view_destroy(v);
}

static void check_map_too_large(void)
{
	struct codecache_view *v = create_view(CODECACHE_VIEW_DATA);

	if (sizeof(size_t) > 4) {
		tap_skip("map of more than the address space", "64 bits");
		codecache_view_destroy(v);
		return;
	}
	codecache_view_destroy(v);
	fake.bytes = UINT64_C(1) << 32;
	codecache_view_create(zone, CODECACHE_VIEW_DATA, NULL, &v);
	tap_is(codecache_view_map(v, NULL, 0), -EOVERFLOW,
	       "map of more than the address space");
	codecache_view_destroy(v);
}

static void check_page_of(void)
{
	struct codecache_view *v = create_view(CODECACHE_VIEW_DATA);
	char *start = SOME_ADDR;
	char *end = start + NR_PAGES * page_size();

	codecache_view_map(v, start, MAP_FIXED);
	tap_ok(codecache_view_page_of(v, start) == 0, "page_of the first byte");
	tap_ok(codecache_view_page_of(v, start + page_size() - 1) == 0 &&
	       codecache_view_page_of(v, start + page_size()) == 1,
	       "page_of the edge of two pages");
	tap_ok(codecache_view_page_of(v, end - 1) == NR_PAGES - 1, "page_of the last byte");
	tap_ok(codecache_view_page_of(v, end) == UINT64_MAX &&
	       codecache_view_page_of(v, start - 1) == UINT64_MAX &&
	       codecache_view_page_of(v, NULL) == UINT64_MAX, "page_of what is outside");
	codecache_view_destroy(v);
}

/* What the child does with the view of its parent; 0 if as it should. */
static int child_of_fork(struct codecache_view *v)
{
	fake.unmaps = 0;
	if (codecache_view_unmap(v) != -EINVAL)
		return 1;
	if (codecache_view_map(v, NULL, 0))
		return 2;
	if (codecache_view_unmap(v) || fake.unmaps != 1)
		return 3;
	return 0;
}

static void check_fork(void)
{
	struct codecache_view *v = create_view(CODECACHE_VIEW_DATA);
	int status = -1;
	pid_t child;

	codecache_view_map(v, NULL, 0);
	child = fork();
	if (!child)
		_exit(child_of_fork(v));
	waitpid(child, &status, 0);
	tap_is(status, 0, "a child unmaps only what it mapped");

	child = fork();
	if (!child) {
		fake.unmaps = 0;
		codecache_view_destroy(v);
		_exit(fake.unmaps || fake.munmaps || !fake.closes);
	}
	waitpid(child, &status, 0);
	tap_is(status, 0, "a child that destroys does not unmap what is its own there");
	codecache_view_destroy(v);
}

static void check_protect(void)
{
	struct codecache_view *v = create_view(CODECACHE_VIEW_DATA);
	const struct codecache_prot_range ranges[2] = {
		{ .first_page = 3, .nr_pages = 2, .prot = CODECACHE_PROT_READ },
		{ .first_page = 9, .nr_pages = 1 },
	};
	uint64_t failed = 5;

	errno = ECHILD;
	tap_is(codecache_view_protect(v, ranges, 2, &failed), 0, "protect");
	tap_ok(fake.fd == FAKE_VIEW_FD && fake.request == CODECACHE_IOC_VIEW_PROTECT &&
	       fake.protect.size == sizeof(fake.protect) && !fake.protect.flags &&
	       fake.protect.addr == (uintptr_t)ranges && fake.protect.count == 2 &&
	       !fake.protect.first_page && !fake.protect.prot && !fake.protect.trap,
	       "... is PROTECT of the array");
	tap_ok(failed == UINT64_MAX, "... blames none");
	fake.error = EINVAL;
	fake.failed_index = 1;
	tap_is(codecache_view_protect(v, ranges, 2, &failed), -EINVAL,
	       "protect that fails says why");
	tap_ok(failed == 1 && errno == ECHILD, "... which one, and leaves errno alone");
	fake.error = EINVAL;
	tap_is(codecache_view_protect(v, ranges, 2, NULL), -EINVAL,
	       "... or not which one, if nobody asks");
	tap_is(codecache_view_protect(v, NULL, 0, NULL), 0, "protect of nothing");
	tap_is((long long)fake.protect.count, 0, "... is the kernel's to judge");

	tap_is(codecache_view_protect_range(v, 7, 4, CODECACHE_PROT_READ), 0,
	       "protect_range");
	tap_ok(fake.protect.count == 1 && fake.range.first_page == 7 &&
	       fake.range.nr_pages == 4 && fake.range.prot == CODECACHE_PROT_READ &&
	       !fake.range.flags, "... is PROTECT of one range");
	fake.ioctls = 0;
	tap_is(codecache_view_protect_range(v, 0, UINT64_C(1) << 32, 0), -ERANGE,
	       "protect_range of more pages than a range can say");
	tap_is(codecache_view_protect_range(v, 0, 1, 1U << 16), -EINVAL,
	       "protect_range with more than a range can say");
	tap_is(fake.ioctls, 0, "... ask nothing of the kernel");
	codecache_view_destroy(v);
}

static void check_protect_bitmap(void)
{
	struct codecache_view *v = create_view(CODECACHE_VIEW_DATA);
	alignas(8) static const uint64_t bitmap[2] = { 5, 1 };
	uint64_t failed = 5;

	tap_is(codecache_view_protect_bitmap(v, 2, bitmap, 65, CODECACHE_PROT_NONE,
					     &failed), 0, "protect_bitmap");
	tap_ok(fake.protect.size == sizeof(fake.protect) &&
	       fake.protect.flags == CODECACHE_PROTECT_F_BITMAP &&
	       fake.protect.addr == (uintptr_t)bitmap && fake.protect.count == 65 &&
	       fake.protect.first_page == 2 && !fake.protect.prot &&
	       !fake.protect.trap, "... is PROTECT of the bitmap");
	tap_ok(failed == UINT64_MAX, "... blames no bit");
	fake.error = ERANGE;
	fake.failed_index = 64;
	tap_is(codecache_view_protect_bitmap(v, 2, bitmap, 65, CODECACHE_PROT_READ,
					     &failed), -ERANGE,
	       "protect_bitmap that fails says why");
	tap_is((long long)failed, 64, "... and which bit");
	codecache_view_destroy(v);
}

int main(void)
{
	check_cache();
	check_zone();
	check_from_fd();
	check_view();
	check_options();
	check_map();
	check_munmap();
	check_map_too_large();
	check_page_of();
	check_fork();
	check_protect();
	check_protect_bitmap();

	fake_reset();
	codecache_zone_destroy(zone);
	tap_ok(fake.closes == 1 && fake.fd == FAKE_ZONE_FD, "zone_destroy closes");
	codecache_close(cache);
	tap_ok(fake.closes == 2 && fake.fd == FAKE_CACHE_FD, "close closes");
	return tap_end();
}
