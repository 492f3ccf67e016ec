// SPDX-License-Identifier: MIT
/*
 * What the library asks about dirty pages, block traps and logs, and what it makes
 * of the answers, with a kernel of straw (fake.c).
 */
#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake.h"
#include "tap.h"

#define NR_PAGES	1000
#define DIRTY		CODECACHE_PAGE_DIRTY

static struct codecache_zone *zone;

static struct codecache_view *create_view(void)
{
	struct codecache_view *v = NULL;

	fake_reset();
	fake.bytes = NR_PAGES * codecache_page_size();
	codecache_view_create(zone, CODECACHE_VIEW_DATA, NULL, &v);
	errno = ECHILD;
	return v;
}

static void check_query(void)
{
	struct codecache_view *v = create_view();
	struct codecache_page_range ranges[4];
	uint64_t cursor = 10;
	size_t nr = 9;

	fake.query_max = 30;
	fake.nr_ranges = 2;
	tap_is(codecache_view_query(v, &cursor, 50, DIRTY | CODECACHE_PAGE_YOUNG, DIRTY,
				    ranges, 4, &nr), 0, "query");
	tap_ok(fake.fd == FAKE_VIEW_FD && fake.request == CODECACHE_IOC_VIEW_QUERY &&
	       fake.query.size == sizeof(fake.query) && !fake.query.flags &&
	       fake.query.addr == (uintptr_t)ranges && fake.query.count == 4 &&
	       fake.query.first_page == 10 && fake.query.nr_pages == 40 &&
	       fake.query.find == (DIRTY | CODECACHE_PAGE_YOUNG) &&
	       fake.query.clear == DIRTY && !fake.query.prot && !fake.query.reserved,
	       "... is QUERY with the array");
	tap_ok(cursor == 40 && nr == 2, "... moves the cursor, and tells how many");
	fake.error = EINTR;
	tap_is(codecache_view_query(v, &cursor, 50, DIRTY, 0, ranges, 4, &nr), -EINTR,
	       "query that fails says why");
	tap_ok(cursor == 40 && !nr && errno == ECHILD,
	       "... leaves the cursor and errno alone, and finds none");
	tap_ok(!codecache_view_query(v, &cursor, UINT64_MAX, DIRTY, 0, NULL, 0, &nr) &&
	       fake.query.nr_pages == NR_PAGES - 40, "query to the end of the view");

	fake.queries = 0;
	cursor = 50;
	nr = 9;
	tap_is(codecache_view_query(v, &cursor, 50, DIRTY, 0, ranges, 4, &nr), 0,
	       "query of no pages");
	tap_ok(!nr && cursor == 50, "... finds none");
	tap_is(codecache_view_query(v, &cursor, 49, DIRTY, 0, ranges, 4, &nr), -EINVAL,
	       "query backwards");
	tap_is(codecache_view_query(v, NULL, 49, DIRTY, 0, ranges, 4, &nr), -EINVAL,
	       "query without a cursor");
	tap_is(fake.queries, 0, "... ask nothing of the kernel");
	codecache_view_destroy(v);
}

static void check_query_protect(void)
{
	struct codecache_view *v = create_view();
	struct codecache_view_query_args args;
	struct codecache_page_range range;
	uint64_t cursor = 0;
	uint64_t seq = 5;
	size_t nr;

	tap_is(codecache_view_query_protect(v, &cursor, 8, DIRTY, DIRTY,
					    CODECACHE_PROT_READ, &range, 1, &nr, &seq),
	       0, "query_protect");
	tap_ok(fake.query.flags == CODECACHE_QUERY_F_PROTECT &&
	       fake.query.prot == CODECACHE_PROT_READ && fake.query.nr_pages == 8,
	       "... is QUERY with F_PROTECT");
	tap_is((long long)seq, 77, "... tells its place in the sequence");
	fake.error = EFAULT;
	cursor = 0;
	tap_is(codecache_view_query_protect(v, &cursor, 8, DIRTY, DIRTY, 0, &range, 1,
					    &nr, &seq), -EFAULT,
	       "query_protect that fails says why");
	tap_is((long long)seq, 0, "... has no place in the sequence");

	memset(&args, 0, sizeof(args));
	args.flags = CODECACHE_QUERY_F_FAST_YOUNG;
	tap_is(codecache_view_query_args(v, &args), 0, "query_args");
	tap_ok(fake.query.size == sizeof(args) &&
	       fake.query.flags == CODECACHE_QUERY_F_FAST_YOUNG,
	       "... hands on what there is, with the size");
	tap_is(codecache_view_query_args(v, NULL), -EINVAL, "query_args of NULL");
	codecache_view_destroy(v);
}

/* Is the bitmap of @nr pages from @first on what fake.c finds, and 0 after that? */
static int bitmap_is_right(const uint64_t *bitmap, uint64_t first, uint64_t nr)
{
	uint64_t i;

	for (i = 0; i < (nr + 63) / 64 * 64; i++) {
		int want = i < nr && fake_finds(first + i);

		if ((int)(bitmap[i / 64] >> i % 64 & 1) != want)
			return 0;
	}
	return bitmap[i / 64] == UINT64_MAX;
}

static void check_query_bitmap(void)
{
	alignas(8) static uint64_t bitmap[6];
	static const uint64_t limits[] = { 0, 1, 63, 64, 65, 70, 200, 299 };
	struct codecache_view *v = create_view();
	uint64_t found = 0;
	size_t i;
	int right = 0;

	for (i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		fake.query_max = limits[i];
		memset(bitmap, 0xff, sizeof(bitmap));
		right += !codecache_view_query_bitmap(v, 7, bitmap, 300, DIRTY, 0,
						      &found) &&
			 found == 100 && bitmap_is_right(bitmap, 7, 300);
	}
	tap_is(right, (long long)i, "query_bitmap, wherever the kernel stops");
	tap_ok(fake.query.flags == CODECACHE_QUERY_F_BITMAP && fake.query.find == DIRTY &&
	       !fake.query.clear, "... is QUERY with a bitmap");

	fake.query_max = 64;
	fake.error = EINTR;
	fake.spare = 1;
	tap_is(codecache_view_query_bitmap(v, 0, bitmap, 300, DIRTY, DIRTY, &found),
	       -EINTR, "query_bitmap that fails says why");
	tap_is((long long)found, 22, "... and how many it has found before");
	fake.queries = 0;
	tap_is(codecache_view_query_bitmap(v, 0, bitmap, 0, DIRTY, 0, NULL), 0,
	       "query_bitmap of nothing");
	tap_is(codecache_view_query_bitmap(v, 0, NULL, 1, DIRTY, 0, NULL), -EINVAL,
	       "query_bitmap into NULL");
	tap_is(fake.queries, 0, "... ask nothing of the kernel");
	codecache_view_destroy(v);
}

static void check_events(void)
{
	struct codecache_view *v = create_view();
	struct codecache_event events[4];
	size_t nr = 9;

	fake.nr_events = 3;
	tap_is(codecache_view_read_events(v, events, 4, &nr), 0, "read_events");
	tap_ok(fake.fd == FAKE_VIEW_FD && fake.length == sizeof(events) && nr == 3 &&
	       events[2].page == 2 && errno == ECHILD, "... is read of the view");
	fake.error = EAGAIN;
	tap_is(codecache_view_read_events(v, events, 4, &nr), -EAGAIN,
	       "read_events when there is none");
	tap_ok(!nr && errno == ECHILD, "... reads none, and leaves errno alone");
	fake.error = EINTR;
	tap_is(codecache_view_read_events(v, events, 4, &nr), -EINTR,
	       "read_events that a signal ends");
	tap_is(codecache_view_read_events(v, events, 0, &nr), -EINVAL,
	       "read_events of none");
	tap_is(codecache_view_read_events(v, events, 4, NULL), -EINVAL,
	       "read_events, but not how many");
	codecache_view_destroy(v);
}

static void check_resolve(void)
{
	struct codecache_view *v = create_view();
	uint64_t nr_woken = 9;

	tap_is(codecache_view_resolve(v, 4, 2, CODECACHE_PROT_READ,
				      CODECACHE_RANGE_F_LOG, &nr_woken), 0, "resolve");
	tap_ok(fake.request == CODECACHE_IOC_VIEW_RESOLVE && fake.fd == FAKE_VIEW_FD &&
	       fake.resolve.size == sizeof(fake.resolve) && !fake.resolve.flags &&
	       fake.resolve.first_page == 4 && fake.resolve.nr_pages == 2 &&
	       fake.resolve.prot == CODECACHE_PROT_READ &&
	       fake.resolve.trap == CODECACHE_RANGE_F_LOG, "... is RESOLVE");
	tap_is((long long)nr_woken, 3, "... tells how many woke");
	fake.error = ERANGE;
	tap_is(codecache_view_resolve(v, 4, 2, 0, 0, &nr_woken), -ERANGE,
	       "resolve that fails says why");
	tap_ok(!nr_woken && errno == ECHILD, "... woke none, and leaves errno alone");

	tap_is(codecache_view_resolve_signal(v, 6, 1, NULL), 0, "resolve_signal");
	tap_ok(fake.resolve.flags == CODECACHE_RESOLVE_F_SIGNAL &&
	       fake.resolve.first_page == 6 && fake.resolve.nr_pages == 1 &&
	       !fake.resolve.prot && !fake.resolve.trap, "... is RESOLVE with F_SIGNAL");
	tap_is(codecache_view_resolve_signal(NULL, 6, 1, NULL), -EINVAL,
	       "resolve_signal of NULL");
	codecache_view_destroy(v);
}

static void check_protect_args(void)
{
	struct codecache_view *v = create_view();
	struct codecache_view_protect_args args;

	memset(&args, 0, sizeof(args));
	args.flags = CODECACHE_PROTECT_F_BITMAP | CODECACHE_PROTECT_F_POPULATE;
	args.trap = CODECACHE_RANGE_F_BLOCK;
	args.prot = CODECACHE_PROT_READ;
	tap_is(codecache_view_protect_args(v, &args), 0, "protect_args");
	tap_ok(fake.protect.size == sizeof(args) && fake.protect.flags == args.flags &&
	       fake.protect.trap == CODECACHE_RANGE_F_BLOCK &&
	       fake.protect.prot == CODECACHE_PROT_READ,
	       "... hands on what there is, with the size");
	tap_is(codecache_view_protect_args(v, NULL), -EINVAL, "protect_args of NULL");
	codecache_view_destroy(v);
}

/* A log as the kernel would lay it out. */
static struct {
	alignas(8) uint64_t tail;
	struct codecache_log_ring ring;
	struct codecache_log_entry entries[4];
} memory;

static void log_entry(uint64_t n)
{
	struct codecache_log_entry *entry = &memory.entries[n % 4];

	entry->page = 100 + n;
	entry->stamp = n + 1;
}

static void check_log_reader(struct codecache_log *log)
{
	struct codecache_log_entry got[4];
	struct codecache_log_reader reader;
	uint64_t n;

	tap_is(codecache_log_reader(log, &reader), 0, "log_reader");
	tap_is(codecache_log_next(&reader, got), 0, "log_next of an empty log");
	log_entry(0);
	tap_ok(codecache_log_next(&reader, got) == 1 && got[0].page == 100 &&
	       memory.tail == 1, "log_next takes an entry, and gives its place free");
	for (n = 1; n < 5; n++)
		log_entry(n);
	tap_ok(codecache_log_drain(&reader, got, 3) == 3 && got[2].page == 103 &&
	       memory.tail == 4, "log_drain takes as many as it may");
	tap_is(codecache_log_reader(log, &reader), 0, "another reader");
	tap_ok(codecache_log_drain(&reader, got, 4) == 1 && got[0].page == 104,
	       "... goes on where the last one ended, around the end of the ring");
	tap_ok(!codecache_log_drain(&reader, got, 4) && memory.tail == 5,
	       "... and takes nothing twice");
}

/* What a child inherits is the parent's; it may have unmapped it itself. */
static void check_log_fork(struct codecache_log *log)
{
	int status = -1;
	pid_t child = fork();

	if (!child) {
		fake.munmaps = 0;
		fake.closes = 0;
		codecache_log_destroy(log);
		_exit(fake.munmaps || fake.closes != 1);
	}
	waitpid(child, &status, 0);
	tap_is(status, 0, "log_destroy in a child closes, and does not unmap");
}

static void check_log(void)
{
	struct codecache_view *v = create_view();
	const size_t page_size = codecache_page_size();
	struct codecache_log *log;

	memory.ring.nr_entries = 4;
	memory.ring.entries_offset = sizeof(memory.ring);
	memory.ring.lost = 6;
	fake.mapped_at = &memory.tail;
	fake.ring_at = &memory.ring;
	tap_is(codecache_log_create(v, 4, 3, &log), 0, "log_create");
	tap_ok(fake.log.size == sizeof(fake.log) && !fake.log.flags &&
	       fake.log.nr_entries == 4 && fake.log.threshold == 3,
	       "... is LOG of the view");
	tap_ok(fake.mmaps == 2 && fake.prot == PROT_READ && fake.flags == MAP_SHARED &&
	       fake.fd == FAKE_LOG_FD && fake.offset == (long long)page_size &&
	       fake.length == fake.bytes, "... maps the ring to be read only");
	tap_ok(codecache_log_fd(log) == FAKE_LOG_FD && codecache_log_lost(log) == 6 &&
	       errno == ECHILD, "... tells what it is");
	check_log_reader(log);
	check_log_fork(log);
	codecache_log_destroy(log);
	tap_ok(fake.munmaps == 2 && fake.closes == 1 && fake.fd == FAKE_LOG_FD,
	       "log_destroy unmaps both parts, and closes");

	fake.error = EBUSY;
	tap_is(codecache_log_create(v, 4, 0, &log), -EBUSY, "log_create that fails says why");
	tap_ok(!log && errno == ECHILD, "... gives NULL and leaves errno alone");
	fake.error = ENOMEM;
	fake.spare = 2;
	fake.munmaps = 0;
	fake.closes = 0;
	tap_is(codecache_log_create(v, 4, 0, &log), -ENOMEM, "log that cannot be mapped");
	tap_ok(!log && fake.munmaps == 1 && fake.closes == 1, "... leaves nothing behind");
	tap_ok(codecache_log_create(v, 4, 0, NULL) == -EINVAL &&
	       codecache_log_create(NULL, 4, 0, &log) == -EINVAL &&
	       codecache_log_reader(NULL, NULL) == -EINVAL &&
	       codecache_log_fd(NULL) == -EINVAL && !codecache_log_lost(NULL),
	       "logs of NULL");
	codecache_log_destroy(NULL);
	codecache_view_destroy(v);
}

int main(void)
{
	fake_reset();
	fake.object = CODECACHE_OBJECT_ZONE;
	fake.bytes = NR_PAGES * codecache_page_size();
	codecache_zone_from_fd(FAKE_ZONE_FD, &zone);

	check_query();
	check_query_protect();
	check_query_bitmap();
	check_events();
	check_resolve();
	check_protect_args();
	check_log();

	codecache_zone_destroy(zone);
	return tap_end();
}
