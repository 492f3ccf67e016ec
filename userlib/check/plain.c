// SPDX-License-Identifier: MIT
/*
 * What the library does when there is nothing to work on: NULL, descriptors that
 * are not codecache's, no module. Runs everywhere, and with a module, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <codecache.h>

#include "tap.h"

/* Any address: the functions must not follow it. */
static char nowhere;
#define NOT_NULL(type) ((type *)(void *)&nowhere)

static void check_null_cache(void)
{
	struct codecache_stats_args stats;
	struct codecache_info_args info;
	struct codecache_zone *zone = NOT_NULL(struct codecache_zone);

	codecache_close(NULL);
	tap_ok(true, "codecache_close(NULL) does nothing");
	tap_is(codecache_open(NULL), -EINVAL, "codecache_open(NULL)");
	tap_is(codecache_fd(NULL), -EINVAL, "codecache_fd(NULL)");
	tap_is(codecache_info(NULL, &info), -EINVAL, "codecache_info(NULL, info)");
	tap_is(codecache_stats(NULL, &stats), -EINVAL, "codecache_stats(NULL, stats)");
	tap_is(codecache_zone_create(NULL, CODECACHE_ZONE_CODE, 1, &zone), -EINVAL,
	       "codecache_zone_create(NULL, ...)");
	tap_ok(!zone, "... sets the zone to NULL");
}

static void check_null_zone(void)
{
	struct codecache_view *view = NOT_NULL(struct codecache_view);
	struct codecache_stats_args stats;

	codecache_zone_destroy(NULL);
	tap_ok(true, "codecache_zone_destroy(NULL) does nothing");
	tap_is(codecache_zone_from_fd(0, NULL), -EINVAL, "codecache_zone_from_fd(0, NULL)");
	tap_is(codecache_zone_fd(NULL), -EINVAL, "codecache_zone_fd(NULL)");
	tap_ok(!codecache_zone_bytes(NULL), "codecache_zone_bytes(NULL) is 0");
	tap_is(codecache_zone_stats(NULL, &stats), -EINVAL, "codecache_zone_stats(NULL)");
	tap_is(codecache_view_create(NULL, CODECACHE_VIEW_EXEC, NULL, &view), -EINVAL,
	       "codecache_view_create(NULL, ...)");
	tap_ok(!view, "... sets the view to NULL");
}

static void check_null_view(void)
{
	const struct codecache_prot_range range = { .nr_pages = 1 };
	const uint64_t bitmap = 1;
	struct codecache_stats_args stats;
	uint64_t failed = 5;

	codecache_view_destroy(NULL);
	tap_ok(true, "codecache_view_destroy(NULL) does nothing");
	tap_is(codecache_view_from_fd(0, NULL), -EINVAL, "codecache_view_from_fd(0, NULL)");
	tap_is(codecache_view_map(NULL, NULL, 0), -EINVAL, "codecache_view_map(NULL)");
	tap_is(codecache_view_unmap(NULL), -EINVAL, "codecache_view_unmap(NULL)");
	tap_is(codecache_view_fd(NULL), -EINVAL, "codecache_view_fd(NULL)");
	tap_ok(!codecache_view_addr(NULL), "codecache_view_addr(NULL) is NULL");
	tap_ok(!codecache_view_bytes(NULL), "codecache_view_bytes(NULL) is 0");
	tap_ok(!codecache_view_nr_pages(NULL), "codecache_view_nr_pages(NULL) is 0");
	tap_ok(codecache_view_page_of(NULL, &nowhere) == UINT64_MAX,
	       "codecache_view_page_of(NULL) is UINT64_MAX");
	tap_is(codecache_view_stats(NULL, &stats), -EINVAL, "codecache_view_stats(NULL)");
	tap_is(codecache_view_protect(NULL, &range, 1, &failed), -EINVAL,
	       "codecache_view_protect(NULL, ...)");
	tap_ok(failed == UINT64_MAX, "... blames no range");
	tap_is(codecache_view_protect_range(NULL, 0, 1, 0), -EINVAL,
	       "codecache_view_protect_range(NULL, ...)");
	tap_is(codecache_view_protect_bitmap(NULL, 0, &bitmap, 64, 0, NULL), -EINVAL,
	       "codecache_view_protect_bitmap(NULL, ...)");
}

static void check_null_extents(void)
{
	uint64_t page = 5, cookie = 5, failed = 5;
	struct codecache_extent extent = { .nr_pages = 1 };
	struct codecache_extent_retire_args args;
	struct codecache_zone *zone = NOT_NULL(struct codecache_zone);

	tap_is(codecache_zone_create_extents(NULL, CODECACHE_ZONE_CODE, 1, &zone),
	       -EINVAL, "codecache_zone_create_extents(NULL, ...)");
	tap_ok(!zone, "... sets the zone to NULL");
	tap_is(codecache_extent_alloc(NULL, 1, NULL, &page, &cookie), -EINVAL,
	       "codecache_extent_alloc(NULL, ...)");
	tap_ok(page == UINT64_MAX && !cookie, "... has neither page nor cookie");
	failed = cookie = 5;
	tap_is(codecache_extent_alloc_batch(NULL, &extent, 1, NULL, &failed, &cookie),
	       -EINVAL, "codecache_extent_alloc_batch(NULL, ...)");
	tap_ok(failed == UINT64_MAX && !cookie, "... blames no extent");
	failed = cookie = 5;
	tap_is(codecache_extent_retire_batch(NULL, &extent, 1, &failed, &cookie),
	       -EINVAL, "codecache_extent_retire_batch(NULL, ...)");
	tap_ok(failed == UINT64_MAX && !cookie, "... blames no extent");
	tap_ok(codecache_extent_retire(NULL, 0, 1, NULL) == -EINVAL &&
	       codecache_extent_retire_all(NULL, NULL) == -EINVAL &&
	       codecache_extent_retire_args(NULL, &args) == -EINVAL &&
	       codecache_zone_eventfd(NULL, -1, 0, 0) == -EINVAL,
	       "extents of NULL");
}

static void check_null_grace(void)
{
	struct codecache_reader *reader = NOT_NULL(struct codecache_reader);
	const struct codecache_control *control = NOT_NULL(struct codecache_control);
	struct codecache_seal_info_args info;
	uint8_t digest[CODECACHE_DIGEST_BYTES] = { 5 };
	uint64_t cookie = 5;
	size_t nr = 5;

	tap_is(codecache_reader_register(NULL, &reader), -EINVAL,
	       "codecache_reader_register(NULL, ...)");
	tap_ok(!reader, "... sets the reader to NULL");
	tap_is(codecache_reader_unregister(NULL), 0, "codecache_reader_unregister(NULL)");
	tap_is(codecache_grace_start(NULL, 0, &cookie), -EINVAL,
	       "codecache_grace_start(NULL, ...)");
	tap_ok(!cookie, "... has no cookie");
	tap_ok(codecache_grace_poll(NULL, 0) == -EINVAL &&
	       codecache_grace_wait(NULL, 0, 0, 0) == -EINVAL &&
	       codecache_grace_eventfd(NULL, 0, -1) == -EINVAL, "grace periods of NULL");
	tap_is(codecache_control_page(NULL, &control), -EINVAL,
	       "codecache_control_page(NULL, ...)");
	tap_ok(!control, "... sets the page to NULL");
	tap_ok(codecache_defer_drain(NULL, 1, &nr) == -EINVAL && !nr &&
	       codecache_defer_free(NULL, free, NULL) == -EINVAL &&
	       codecache_defer_barrier(NULL) == -EINVAL &&
	       codecache_defer_thread_start(NULL) == -EINVAL &&
	       codecache_defer_thread_stop(NULL) == -EINVAL &&
	       !codecache_defer_pending(NULL), "deferred frees of NULL");
	tap_is(codecache_zone_seal(NULL, NULL, digest), -EINVAL,
	       "codecache_zone_seal(NULL, ...)");
	tap_ok(!digest[0], "... has no digest");
	tap_ok(codecache_zone_seal_info(NULL, &info) == -EINVAL &&
	       codecache_view_seal_info(NULL, &info) == -EINVAL, "seals of NULL");
}

static void check_foreign(int fd, int expected, const char *what)
{
	struct codecache_zone *zone = NOT_NULL(struct codecache_zone);
	struct codecache_view *view = NOT_NULL(struct codecache_view);
	char text[100];

	errno = ECHILD;
	snprintf(text, sizeof(text), "no zone of %s", what);
	tap_is(codecache_zone_from_fd(fd, &zone), expected, text);
	snprintf(text, sizeof(text), "no view of %s", what);
	tap_is(codecache_view_from_fd(fd, &view), expected, text);
	snprintf(text, sizeof(text), "... NULL for %s, and errno left alone", what);
	tap_ok(!zone && !view && errno == ECHILD, text);
	snprintf(text, sizeof(text), "... %s not closed", what);
	tap_ok(fcntl(fd, F_GETFD) >= 0 || expected == -EBADF, text);
}

static void check_descriptors(void)
{
	int null = open("/dev/null", O_RDWR);
	int pair[2], ends[2];

	check_foreign(-1, -EBADF, "descriptor -1");
	check_foreign(null, -ENOTTY, "/dev/null");
	close(null);
	check_foreign(null, -EBADF, "a closed descriptor");
	if (!socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) {
		check_foreign(pair[0], -ENOTTY, "a socket");
		close(pair[0]);
		close(pair[1]);
	}
	if (!pipe(ends)) {
		check_foreign(ends[0], -ENOTTY, "a pipe");
		close(ends[0]);
		close(ends[1]);
	}
}

static void check_open(void)
{
	struct codecache_cache *cache = NOT_NULL(struct codecache_cache);
	int ret;

	errno = ECHILD;
	ret = codecache_open(&cache);
	tap_ok(errno == ECHILD, "codecache_open() leaves errno alone");
	if (access(CODECACHE_DEVICE, F_OK)) {
		tap_is(ret, -ENOENT, "without a module, codecache_open() is -ENOENT");
		tap_ok(!cache, "... and sets the cache to NULL");
		tap_ok(strstr(codecache_strerror(ret), "not loaded"),
		       "... which codecache_strerror() says is no module");
	} else {
		tap_skip("without a module, codecache_open() is -ENOENT", "there is one");
	}
	if (!ret)
		codecache_close(cache);
}

static void check_pages(void)
{
	const uint64_t page = codecache_page_size();

	tap_is((long long)page, sysconf(_SC_PAGESIZE), "codecache_page_size()");
	tap_ok(UINT64_C(1) << codecache_page_shift() == page, "codecache_page_shift()");
	tap_ok(codecache_bytes_to_pages(0) == 0, "no bytes take no pages");
	tap_ok(codecache_bytes_to_pages(1) == 1, "a byte takes a page");
	tap_ok(codecache_bytes_to_pages(page) == 1, "a page's bytes take a page");
	tap_ok(codecache_bytes_to_pages(page + 1) == 2, "a byte more takes two");
	tap_ok(codecache_bytes_to_pages(UINT64_MAX) == UINT64_MAX / page + 1,
	       "codecache_bytes_to_pages() does not overflow");
	codecache_sync_code(&nowhere, sizeof(nowhere));
	codecache_sync_code(&nowhere, 0);
	tap_ok(true, "codecache_sync_code() of this and of nothing");
	tap_ok(codecache_version() / 1000000 == 1, "codecache_version() is that of the soname");
}

static void check_strerror(void)
{
	static const int errors[] = {
		EPERM, ENOENT, EINTR, ENXIO, E2BIG, EBADF, ENOMEM, EACCES, EFAULT,
		EBUSY, EEXIST, ENODEV, EINVAL, ENFILE, EMFILE, ENOTTY, ENOSPC,
		ERANGE, EOVERFLOW, EOPNOTSUPP, EDQUOT, EAGAIN, EIO, EBADMSG, EDEADLK,
		EKEYREJECTED, ENODATA, ENOKEY, ETIMEDOUT,
	};
	const char *unknown = codecache_strerror(4000);
	size_t i, nr = sizeof(errors) / sizeof(errors[0]);
	bool same = true, known = true;

	for (i = 0; i < nr; i++) {
		const char *text = codecache_strerror(-errors[i]);

		same &= text == codecache_strerror(errors[i]);
		known &= text != unknown && *text && !strchr(text, '\n');
	}
	tap_ok(same, "codecache_strerror() takes both signs");
	tap_ok(known, "codecache_strerror() knows each error of the contract");
	tap_ok(unknown && codecache_strerror(INT_MIN) == unknown &&
	       codecache_strerror(INT_MAX) == unknown,
	       "codecache_strerror() has an answer to anything");
	tap_ok(!strcmp(codecache_strerror(0), "success"), "codecache_strerror(0)");
	tap_ok(strstr(codecache_strerror(-EDQUOT), "user_max_pages") &&
	       strstr(codecache_strerror(-ENOSPC), "system_max_pages"),
	       "codecache_strerror() names the parameters of the limits");
}

int main(void)
{
	check_null_cache();
	check_null_zone();
	check_null_view();
	check_null_extents();
	check_null_grace();
	check_descriptors();
	check_open();
	check_pages();
	check_strerror();
	return tap_end();
}
