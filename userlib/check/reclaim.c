// SPDX-License-Identifier: MIT
/*
 * What the library asks about extents, seals, readers and grace periods, and what it
 * makes of the answers, with a kernel of straw (fake.c).
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

#define COOKIE	(UINT64_C(1) << 40 | 5)

static struct codecache_cache *cache;
static struct codecache_zone *zone;
static struct codecache_view *view;

/* What the kernel shares with readers: a page, and slots after it. */
static struct {
	alignas(64) struct codecache_control control;
	struct codecache_reader_slot slots[4];
} memory;

/* ---- extents ------------------------------------------------------------- */

static void answer_alloc(unsigned long request, void *p)
{
	struct codecache_extent_alloc_args *args = p;
	struct codecache_extent *extents = (void *)(uintptr_t)args->addr;
	uint64_t i;

	(void)request;
	args->out_failed_index = UINT64_MAX;
	args->out_cookie = 0;
	if (fake.error) {
		args->out_failed_index = 1;
		args->out_cookie = fake.error == EAGAIN ? COOKIE : 0;
		return;
	}
	for (i = 0; i < args->count; i++)
		extents[i].first_page = 100 * (i + 1) + extents[i].nr_pages;
}

static void answer_retire(unsigned long request, void *p)
{
	struct codecache_extent_retire_args *args = p;

	(void)request;
	args->out_failed_index = fake.error ? 1 : UINT64_MAX;
	args->out_cookie = COOKIE;
	args->out_nr_pages = 12;
}

static void start(void (*answer)(unsigned long request, void *args))
{
	fake_reset();
	fake.answer = answer;
	errno = ECHILD;
}

static void check_create(void)
{
	struct codecache_zone *z;

	start(NULL);
	tap_is(codecache_zone_create_extents(cache, CODECACHE_ZONE_CODE, 1, &z), 0,
	       "zone_create_extents");
	tap_ok(fake.request == CODECACHE_IOC_ZONE_CREATE &&
	       fake.zone_create.flags == CODECACHE_ZONE_F_EXTENTS &&
	       fake.zone_create.zone_class == CODECACHE_ZONE_CODE &&
	       fake.zone_create.bytes == codecache_page_size(),
	       "... is ZONE_CREATE with the flag");
	codecache_zone_destroy(z);
	fake.error = EOPNOTSUPP;
	tap_is(codecache_zone_create_extents(cache, CODECACHE_ZONE_CODE, 1, &z),
	       -EOPNOTSUPP, "zone_create_extents by an older module");
	tap_ok(!z, "... gives NULL");
}

static void check_alloc(void)
{
	uint64_t page = 9, cookie = 9;

	start(answer_alloc);
	tap_is(codecache_extent_alloc(zone, 7, NULL, &page, &cookie), 0, "extent_alloc");
	tap_ok(fake.fd == FAKE_ZONE_FD && fake.request == CODECACHE_IOC_EXTENT_ALLOC &&
	       fake.args.size == sizeof(fake.args.extent_alloc) &&
	       !fake.args.extent_alloc.flags && fake.args.extent_alloc.count == 1 &&
	       !fake.args.extent_alloc.min_page && !fake.args.extent_alloc.max_page &&
	       !fake.args.extent_alloc.hint_page && !fake.args.extent_alloc.align_pages &&
	       !fake.args.extent_alloc.reserved,
	       "... is EXTENT_ALLOC of one, anywhere by default");
	tap_ok(page == 107 && !cookie && errno == ECHILD,
	       "... tells where, and leaves errno alone");

	fake.error = EAGAIN;
	tap_is(codecache_extent_alloc(zone, 7, NULL, &page, &cookie), -EAGAIN,
	       "extent_alloc that has to wait");
	tap_ok(page == UINT64_MAX && cookie == COOKIE && errno == ECHILD,
	       "... has no page, but a cookie, and leaves errno alone");
	fake.error = ENOSPC;
	tap_is(codecache_extent_alloc(zone, 7, NULL, &page, &cookie), -ENOSPC,
	       "extent_alloc that cannot be");
	tap_ok(page == UINT64_MAX && !cookie, "... has neither");
	fake.error = EAGAIN;
	tap_is(codecache_extent_alloc(zone, 7, NULL, &page, NULL), -EAGAIN,
	       "... or no cookie, if nobody asks");

	fake.ioctls = 0;
	tap_is(codecache_extent_alloc(zone, UINT64_C(1) << 32, NULL, &page, NULL), -ERANGE,
	       "extent_alloc of more than an extent can say");
	tap_is(codecache_extent_alloc(zone, 7, NULL, NULL, NULL), -EINVAL,
	       "extent_alloc into NULL");
	tap_is(fake.ioctls, 0, "... ask nothing of the kernel");
}

/* What a later version of the header may make of the options. */
struct longer_options {
	struct codecache_extent_options now;
	uint64_t later;
};

static void check_alloc_options(void)
{
	struct codecache_extent_options options = {
		.size = sizeof(options),
		.flags = CODECACHE_EXTENT_F_NEAR,
		.align_pages = 4,
		.min_page = 5,
		.max_page = 60,
		.hint_page = 7,
	};
	struct longer_options longer = {
		.now.size = sizeof(longer),
		.later = 1,
	};
	uint64_t page;

	start(answer_alloc);
	tap_is(codecache_extent_alloc(zone, 1, &options, &page, NULL), 0,
	       "extent_alloc with options");
	tap_ok(fake.args.extent_alloc.flags == CODECACHE_EXTENT_F_NEAR &&
	       fake.args.extent_alloc.align_pages == 4 &&
	       fake.args.extent_alloc.min_page == 5 &&
	       fake.args.extent_alloc.max_page == 60 &&
	       fake.args.extent_alloc.hint_page == 7, "... hands all of them on");

	fake.ioctls = 0;
	options.align_pages = UINT64_C(1) << 32;
	tap_is(codecache_extent_alloc(zone, 1, &options, &page, NULL), -EINVAL,
	       "extent_alloc with an alignment that the kernel cannot be told");
	options.size = sizeof(options) - 1;
	tap_is(codecache_extent_alloc(zone, 1, &options, &page, NULL), -EINVAL,
	       "extent_alloc with options that are too short");
	tap_is(codecache_extent_alloc(zone, 1, &longer.now, &page, NULL), -E2BIG,
	       "extent_alloc with options that it does not know");
	tap_is(fake.ioctls, 0, "... ask nothing of the kernel");
	longer.later = 0;
	tap_is(codecache_extent_alloc(zone, 1, &longer.now, &page, NULL), 0,
	       "extent_alloc with longer options that are zero");
}

static void check_alloc_batch(void)
{
	struct codecache_extent extents[2] = { { .nr_pages = 3 }, { .nr_pages = 4 } };
	uint64_t failed = 9, cookie = 9;

	start(answer_alloc);
	tap_is(codecache_extent_alloc_batch(zone, extents, 2, NULL, &failed, &cookie), 0,
	       "extent_alloc_batch");
	tap_ok(fake.args.extent_alloc.addr == (uintptr_t)extents &&
	       fake.args.extent_alloc.count == 2, "... is EXTENT_ALLOC of the array");
	tap_ok(extents[0].first_page == 103 && extents[1].first_page == 204 &&
	       failed == UINT64_MAX && !cookie, "... which gets the places; blames none");
	fake.error = EAGAIN;
	tap_is(codecache_extent_alloc_batch(zone, extents, 2, NULL, &failed, &cookie),
	       -EAGAIN, "extent_alloc_batch that has to wait");
	tap_ok(failed == 1 && cookie == COOKIE, "... tells for which, and for what");
	tap_is(codecache_extent_alloc_batch(zone, NULL, 0, NULL, NULL, NULL), 0,
	       "extent_alloc_batch of nothing");
	tap_is((long long)fake.args.extent_alloc.count, 0, "... is the kernel's to judge");
}

static void check_retire(void)
{
	const struct codecache_extent extents[2] = { { .nr_pages = 3 }, { .nr_pages = 4 } };
	uint64_t failed = 9, cookie = 9;

	start(answer_retire);
	tap_is(codecache_extent_retire(zone, 107, 7, &cookie), 0, "extent_retire");
	tap_ok(fake.fd == FAKE_ZONE_FD && fake.request == CODECACHE_IOC_EXTENT_RETIRE &&
	       fake.args.size == sizeof(fake.args.extent_retire) &&
	       !fake.args.extent_retire.flags && fake.args.extent_retire.count == 1,
	       "... is EXTENT_RETIRE of one");
	tap_ok(cookie == COOKIE, "... tells the grace period");
	tap_is(codecache_extent_retire_batch(zone, extents, 2, &failed, &cookie), 0,
	       "extent_retire_batch");
	tap_ok(fake.args.extent_retire.addr == (uintptr_t)extents &&
	       fake.args.extent_retire.count == 2 && failed == UINT64_MAX,
	       "... is EXTENT_RETIRE of the array, and blames none");
	fake.error = ENOENT;
	tap_is(codecache_extent_retire_batch(zone, extents, 2, &failed, &cookie), -ENOENT,
	       "extent_retire_batch that fails says why");
	tap_ok(failed == 1 && !cookie && errno == ECHILD,
	       "... which one, has no cookie, and leaves errno alone");

	tap_is(codecache_extent_retire_all(zone, &cookie), 0, "extent_retire_all");
	tap_ok(fake.args.extent_retire.flags == CODECACHE_RETIRE_F_ALL &&
	       !fake.args.extent_retire.addr && !fake.args.extent_retire.count &&
	       cookie == COOKIE, "... is EXTENT_RETIRE with F_ALL");
	fake.ioctls = 0;
	tap_is(codecache_extent_retire(zone, 0, UINT64_C(1) << 32, &cookie), -ENOENT,
	       "extent_retire of more than an extent can say");
	tap_ok(!cookie && !fake.ioctls, "... asks nothing of the kernel");
}

static void check_retire_args(void)
{
	struct codecache_extent_retire_args args;

	start(answer_retire);
	memset(&args, 0, sizeof(args));
	args.flags = CODECACHE_GRACE_F_URGENT;
	args.count = 5;
	tap_is(codecache_extent_retire_args(zone, &args), 0, "extent_retire_args");
	tap_ok(fake.args.size == sizeof(args) && fake.args.extent_retire.count == 5 &&
	       fake.args.extent_retire.flags == CODECACHE_GRACE_F_URGENT &&
	       args.out_nr_pages == 12 && args.out_cookie == COOKIE,
	       "... hands on what there is, with the size, and the results");
	tap_is(codecache_extent_retire_args(zone, NULL), -EINVAL,
	       "extent_retire_args of NULL");
}

static void check_zone_eventfd(void)
{
	start(NULL);
	tap_is(codecache_zone_eventfd(zone, 8, CODECACHE_ZONE_EVENT_HIGH_WATER, 77), 0,
	       "zone_eventfd");
	tap_ok(fake.fd == FAKE_ZONE_FD && fake.request == CODECACHE_IOC_ZONE_EVENTFD &&
	       fake.args.size == sizeof(fake.args.zone_eventfd) &&
	       fake.args.zone_eventfd.flags == CODECACHE_ZONE_EVENT_HIGH_WATER &&
	       fake.args.zone_eventfd.fd == 8 &&
	       fake.args.zone_eventfd.high_water_pages == 77 &&
	       !fake.args.zone_eventfd.reserved, "... is EVENTFD of the zone");
	fake.error = EBADF;
	tap_is(codecache_zone_eventfd(zone, -1, 0, 0), -EBADF,
	       "zone_eventfd that fails says why");
	tap_is(errno, ECHILD, "... and leaves errno alone");
}

/* ---- seals --------------------------------------------------------------- */

static void answer_seal(unsigned long request, void *p)
{
	struct codecache_zone_seal_args *args = p;
	struct codecache_seal_info_args *info = p;

	if (request == CODECACHE_IOC_SEAL_INFO)
		info->out_tag = 88;
	else
		memset(args->out_digest, 0x5a, sizeof(args->out_digest));
}

static void check_seal(void)
{
	struct codecache_seal_options options = {
		.size = sizeof(options),
		.flags = CODECACHE_SEAL_F_DIGEST | CODECACHE_SEAL_F_SIGNATURE,
		.tag = COOKIE,
		.digest = { 1, [31] = 2 },
		.signature = &memory,
		.signature_len = 99,
	};
	const struct codecache_zone_seal_args *args = &fake.args.seal;
	uint8_t digest[CODECACHE_DIGEST_BYTES] = { 0 };

	start(answer_seal);
	tap_is(codecache_zone_seal(zone, NULL, digest), 0, "zone_seal");
	tap_ok(fake.fd == FAKE_ZONE_FD && fake.request == CODECACHE_IOC_ZONE_SEAL &&
	       args->size == sizeof(*args) && !args->flags && !args->signature &&
	       !args->signature_len && !args->reserved && !args->tag && !args->digest[0],
	       "... is SEAL of the zone, zero by default");
	tap_ok(digest[0] == 0x5a && digest[31] == 0x5a, "... tells the digest");
	tap_is(codecache_zone_seal(zone, &options, NULL), 0, "zone_seal with options");
	tap_ok(args->flags == options.flags && args->tag == COOKIE &&
	       args->digest[0] == 1 && args->digest[31] == 2 &&
	       args->signature == (uintptr_t)&memory && args->signature_len == 99,
	       "... hands all of them on");
	fake.error = EBADMSG;
	tap_is(codecache_zone_seal(zone, &options, digest), -EBADMSG,
	       "zone_seal that fails says why");
	tap_ok(!digest[0] && !digest[31] && errno == ECHILD,
	       "... has no digest, and leaves errno alone");
	fake.ioctls = 0;
	options.size--;
	tap_is(codecache_zone_seal(zone, &options, digest), -EINVAL,
	       "zone_seal with options that are too short");
	tap_is(fake.ioctls, 0, "... asks nothing of the kernel");
}

static void check_seal_info(void)
{
	struct codecache_seal_info_args info;

	start(answer_seal);
	memset(&info, 0xff, sizeof(info));
	tap_is(codecache_zone_seal_info(zone, &info), 0, "zone_seal_info");
	tap_ok(fake.fd == FAKE_ZONE_FD && fake.request == CODECACHE_IOC_SEAL_INFO &&
	       info.size == sizeof(info) && !info.flags && info.out_tag == 88,
	       "... is SEAL_INFO of the zone");
	fake.error = ENODATA;
	tap_is(codecache_view_seal_info(view, &info), -ENODATA,
	       "view_seal_info of what is not sealed");
	tap_ok(fake.fd == FAKE_VIEW_FD && errno == ECHILD,
	       "... is SEAL_INFO of the view, and leaves errno alone");
	tap_is(codecache_zone_seal_info(zone, NULL), -EINVAL, "zone_seal_info into NULL");
	tap_is(codecache_view_seal_info(view, NULL), -EINVAL, "view_seal_info into NULL");
}

/* ---- readers --------------------------------------------------------------- */

static uint32_t answer_index;
static uint64_t answer_offset;

static void answer_reader(unsigned long request, void *p)
{
	struct codecache_reader_register_args *args = p;

	if (request != CODECACHE_IOC_READER_REGISTER)
		return;
	args->out_index = answer_index;
	args->out_offset = answer_offset;
}

static void start_readers(uint32_t index)
{
	start(answer_reader);
	fake.max_readers = 4;
	fake.mapped_at = &memory.control;
	fake.ring_at = &memory.slots;
	memory.control.epoch = 3;
	answer_index = index;
	answer_offset = codecache_page_size() + 64 * index;
}

static void check_register(void)
{
	const size_t page_size = codecache_page_size();
	struct codecache_reader *reader, *other;

	start_readers(2);
	tap_is(codecache_reader_register(cache, &reader), 0, "reader_register");
	tap_ok(fake.request == CODECACHE_IOC_READER_REGISTER && fake.fd == FAKE_CACHE_FD &&
	       fake.args.size == sizeof(fake.args.reader_register) &&
	       !fake.args.reader_register.flags, "... is REGISTER on the cache");
	tap_ok(fake.mmaps == 2 && fake.offset == (long long)page_size &&
	       fake.length == page_size && fake.flags == MAP_SHARED &&
	       fake.prot == (PROT_READ | PROT_WRITE), "... maps the slots, in whole pages");
	tap_ok(reader->slot == &memory.slots[2] && reader->control == &memory.control &&
	       errno == ECHILD, "... tells where, and leaves errno alone");
	answer_index = 3;
	answer_offset += 64;
	tap_ok(!codecache_reader_register(cache, &other) && fake.mmaps == 2 &&
	       other->slot == &memory.slots[3], "a second reader shares the mapping");

	tap_is(codecache_reader_unregister(other), 0, "reader_unregister");
	tap_ok(fake.request == CODECACHE_IOC_READER_UNREGISTER &&
	       fake.args.size == sizeof(fake.args.reader_unregister) &&
	       fake.args.reader_unregister.index == 3 &&
	       !fake.args.reader_unregister.reserved, "... is UNREGISTER of the slot");
	fake.error = EBUSY;
	tap_is(codecache_reader_unregister(reader), -EBUSY,
	       "reader_unregister of one that is inside");
	tap_is(codecache_reader_unregister(reader), 0, "... can be tried again");
	tap_is(errno, ECHILD, "... and leaves errno alone");
	tap_is(codecache_reader_unregister(NULL), 0, "reader_unregister of NULL");
}

static void check_register_fails(void)
{
	struct codecache_reader *reader;

	start_readers(0);
	fake.error = ENOSPC;
	tap_is(codecache_reader_register(cache, &reader), -ENOSPC,
	       "reader_register that fails says why");
	tap_ok(!reader && errno == ECHILD, "... gives NULL and leaves errno alone");
	answer_offset = 0;
	tap_is(codecache_reader_register(cache, &reader), -EIO,
	       "reader_register by a kernel that gives the control page");
	tap_ok(!reader && fake.request == CODECACHE_IOC_READER_UNREGISTER,
	       "... gives the slot back");
	answer_offset = codecache_page_size() + 8;
	tap_is(codecache_reader_register(cache, &reader), -EIO, "... or half a slot");
	answer_offset = 2 * codecache_page_size();
	tap_is(codecache_reader_register(cache, &reader), -EIO, "... or none");
	answer_index = 4;
	answer_offset = codecache_page_size();
	tap_is(codecache_reader_register(cache, &reader), -EIO, "... or one too many");
	tap_is(codecache_reader_register(cache, NULL), -EINVAL, "reader_register into NULL");
}

/* A cache of its own: what is mapped once is not mapped again. */
static void check_map_fails(void)
{
	struct codecache_reader *reader;
	struct codecache_cache *c;

	start_readers(0);
	codecache_open(&c);
	fake.max_readers = 0;
	tap_is(codecache_reader_register(c, &reader), -ENOTTY,
	       "reader_register by a module without readers");
	fake.max_readers = 4;
	fake.spare = 1;
	fake.error = ENOMEM;
	tap_is(codecache_reader_register(c, &reader), -ENOMEM,
	       "reader_register without room for the control page");
	tap_is(fake.munmaps, 0, "... leaves nothing behind");
	fake.spare = 2;
	fake.error = ENOMEM;
	tap_is(codecache_reader_register(c, &reader), -ENOMEM,
	       "reader_register without room for the slots");
	tap_ok(fake.munmaps == 1 && fake.addr == &memory.control && errno == ECHILD,
	       "... leaves nothing behind");
	tap_is(codecache_reader_register(c, &reader), 0, "... can be tried again");
	fake.munmaps = 0;
	codecache_close(c);
	tap_ok(fake.munmaps == 2, "close unmaps what was mapped, and frees readers");
}

/* The protocol, step by step. */
static void check_sections(void)
{
	struct codecache_reader *reader;
	uint64_t outer, inner;

	start_readers(1);
	codecache_reader_register(cache, &reader);
	fake.ioctls = 0;
	outer = codecache_reader_enter(reader);
	tap_ok(memory.slots[1].active == 3, "enter stores the epoch");
	memory.control.epoch = 4;
	inner = codecache_reader_enter(reader);
	tap_ok(memory.slots[1].active == 3, "... which a nested one leaves");
	memory.control.waiting = 1;
	codecache_reader_exit(reader, inner);
	tap_ok(memory.slots[1].active == 3 && !fake.ioctls,
	       "a nested exit stays inside, and tells nobody");
	codecache_reader_exit(reader, outer);
	tap_ok(!memory.slots[1].active, "the last exit stores 0");
	tap_ok(fake.ioctls == 1 && fake.request == CODECACHE_IOC_GRACE_POLL &&
	       fake.args.grace_poll.cookie == memory.control.completed + 1,
	       "... and polls for who waits");
	codecache_reader_exit(reader, codecache_reader_enter(reader));
	tap_is(fake.ioctls, 1, "... but not if it entered after that began");
	memory.control.waiting = 0;
	outer = codecache_reader_enter(reader);
	memory.control.epoch = 5;
	codecache_reader_exit(reader, outer);
	tap_is(fake.ioctls, 1, "... nor if nobody waits");
	codecache_reader_hint(NULL, 0);
	codecache_reader_unregister(reader);
}

/* A dead thread's slot goes to another one, before anybody has unregistered it. */
static void check_slot_reuse(void)
{
	struct codecache_reader *dead, *heir;
	int before;

	start_readers(1);
	codecache_reader_register(cache, &dead);
	codecache_reader_register(cache, &heir);
	before = fake.ioctls;
	tap_ok(!codecache_reader_unregister(dead) && fake.ioctls == before,
	       "a dead reader does not give up the slot of its heir");
	tap_ok(!codecache_reader_unregister(heir) && fake.ioctls == before + 1,
	       "... who gives it up himself");
	codecache_reader_register(cache, &dead);
	fake.error = ENOENT;
	tap_is(codecache_reader_unregister(dead), 0,
	       "unregister of a dead reader whose slot is free");
	codecache_reader_register(cache, &dead);
	fake.error = EPERM;
	tap_is(codecache_reader_unregister(dead), 0, "... or another process'");
}

/*
 * The memory is still there in this child, and not the kernel's to replace: so the
 * readers of the parent must lead somewhere else. (defer.c has the usual case.)
 */
static int child_of_fork(struct codecache_reader *reader)
{
	struct codecache_reader *own;
	const struct codecache_control *control;

	if (fake.anonymous != 2 || reader->slot == &memory.slots[1])
		return 1;
	codecache_reader_exit(reader, codecache_reader_enter(reader));
	fake.ioctls = 0;
	if (codecache_reader_unregister(reader) || fake.ioctls)
		return 2;
	fake.mmaps = 0;
	answer_index = 0;
	answer_offset = codecache_page_size();
	if (codecache_reader_register(cache, &own) || fake.mmaps != 2)
		return 3;
	if (codecache_control_page(cache, &control) || control != &memory.control)
		return 4;
	fake.munmaps = 0;
	codecache_close(cache);
	return fake.munmaps == 2 ? 0 : 5;
}

static void check_fork(void)
{
	struct codecache_reader *reader;
	int status = -1;
	pid_t child;

	start_readers(1);
	codecache_reader_register(cache, &reader);
	codecache_reader_enter(reader);
	child = fork();
	if (!child)
		_exit(child_of_fork(reader));
	waitpid(child, &status, 0);
	tap_is(status, 0, "a child has readers that lead nowhere, and its own");
	tap_ok(memory.slots[1].active && !fake.anonymous, "... the parent's are as before");
	codecache_reader_exit(reader, 0);
	codecache_reader_unregister(reader);
}

/* ---- grace periods --------------------------------------------------------- */

static void answer_grace(unsigned long request, void *p)
{
	struct codecache_grace_start_args *start_args = p;
	struct codecache_grace_poll_args *poll = p;

	if (request == CODECACHE_IOC_GRACE_START) {
		start_args->out_cookie = COOKIE;
	} else if (request == CODECACHE_IOC_GRACE_POLL) {
		poll->out_completed = 7;
		poll->out_done = poll->cookie <= 7;
	}
}

static void check_grace(void)
{
	uint64_t cookie = 9;

	start(answer_grace);
	fake.max_readers = 4;
	tap_is(codecache_grace_start(cache, CODECACHE_GRACE_F_URGENT, &cookie), 0,
	       "grace_start");
	tap_ok(fake.fd == FAKE_CACHE_FD && fake.request == CODECACHE_IOC_GRACE_START &&
	       fake.args.size == sizeof(fake.args.grace_start) &&
	       fake.args.grace_start.flags == CODECACHE_GRACE_F_URGENT &&
	       cookie == COOKIE, "... is START on the cache, and tells the cookie");
	fake.error = EOPNOTSUPP;
	tap_is(codecache_grace_start(cache, 8, &cookie), -EOPNOTSUPP,
	       "grace_start that fails says why");
	tap_ok(!cookie && errno == ECHILD, "... has no cookie, and leaves errno alone");
	tap_is(codecache_grace_start(cache, 0, NULL), -EINVAL, "grace_start into NULL");

	tap_is(codecache_grace_wait(cache, COOKIE, CODECACHE_GRACE_F_URGENT, 55), 0,
	       "grace_wait");
	tap_ok(fake.request == CODECACHE_IOC_GRACE_WAIT &&
	       fake.args.size == sizeof(fake.args.grace_wait) &&
	       fake.args.grace_wait.flags == CODECACHE_GRACE_F_URGENT &&
	       fake.args.grace_wait.cookie == COOKIE &&
	       fake.args.grace_wait.timeout_ns == 55, "... is WAIT on the cache");
	fake.error = ETIMEDOUT;
	tap_is(codecache_grace_wait(cache, COOKIE, 0, 1), -ETIMEDOUT,
	       "grace_wait that fails says why");
	tap_is(codecache_grace_eventfd(cache, COOKIE, 6), 0, "grace_eventfd");
	tap_ok(fake.request == CODECACHE_IOC_GRACE_EVENTFD &&
	       fake.args.size == sizeof(fake.args.grace_eventfd) &&
	       !fake.args.grace_eventfd.flags && fake.args.grace_eventfd.fd == 6 &&
	       fake.args.grace_eventfd.cookie == COOKIE &&
	       !fake.args.grace_eventfd.reserved, "... is EVENTFD on the cache");
}

static void check_poll(void)
{
	const struct codecache_control *control;

	start_readers(0);
	fake.answer = answer_grace;
	memory.control.completed = 5;
	tap_is(codecache_control_page(cache, &control), 0, "control_page");
	tap_ok(control == &memory.control && codecache_grace_completed(control) == 5,
	       "... tells what is over");
	fake.ioctls = 0;
	tap_ok(!codecache_grace_poll(cache, 5) && !codecache_grace_poll(cache, 0) &&
	       !codecache_grace_wait(cache, 5, 0, 0) && !fake.ioctls,
	       "poll and wait for what is over ask nothing of the kernel");
	tap_is(codecache_grace_poll(cache, 6), 0, "poll of what may have just ended");
	tap_ok(fake.ioctls == 1 && fake.request == CODECACHE_IOC_GRACE_POLL &&
	       fake.args.size == sizeof(fake.args.grace_poll) &&
	       fake.args.grace_poll.cookie == 6, "... is POLL on the cache");
	tap_is(codecache_grace_poll(cache, 8), -EAGAIN, "poll of what is not over");
	fake.error = EINVAL;
	tap_is(codecache_grace_poll(cache, 9), -EINVAL, "poll that fails says why");
	tap_is(errno, ECHILD, "... and leaves errno alone");
	tap_is(codecache_control_page(cache, NULL), -EINVAL, "control_page into NULL");
}

/* All of it works without the page, by asking. */
static void check_poll_unmapped(void)
{
	struct codecache_cache *c;

	start_readers(0);
	fake.answer = answer_grace;
	codecache_open(&c);
	fake.spare = 1;
	fake.error = ENOMEM;
	tap_is(codecache_grace_poll(c, 7), 0, "poll without room for the page");
	tap_ok(fake.request == CODECACHE_IOC_GRACE_POLL, "... asks the kernel");
	codecache_close(c);
}

int main(void)
{
	fake_reset();
	codecache_open(&cache);
	codecache_zone_create_extents(cache, CODECACHE_ZONE_CODE, 1, &zone);
	codecache_view_create(zone, CODECACHE_VIEW_EXEC, NULL, &view);

	check_create();
	check_alloc();
	check_alloc_options();
	check_alloc_batch();
	check_retire();
	check_retire_args();
	check_zone_eventfd();
	check_seal();
	check_seal_info();
	check_register();
	check_register_fails();
	check_map_fails();
	check_sections();
	check_slot_reuse();
	check_fork();
	check_grace();
	check_poll();
	check_poll_unmapped();

	codecache_view_destroy(view);
	codecache_zone_destroy(zone);
	codecache_close(cache);
	return tap_end();
}
