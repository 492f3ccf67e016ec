// SPDX-License-Identifier: MIT
/*
 * The storm's ioctls: every structure member by member, from a table of what each is
 */
#include "storm.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>

/* What a member means, and so which values it likes. */
enum st_member { ST_END, ST_FLAGS, ST_PAGE_NR, ST_COUNT, ST_PROT, ST_TRAP, ST_MODE,
		 ST_SMALL, ST_RANGES, ST_EXTENTS, ST_RESULT, ST_COOKIE, ST_EFD,
		 ST_BYTES, ST_POWER, ST_TIME, ST_ZERO, ST_FIND };

struct st_call {
	unsigned int nr;
	enum st_kind on;
	uint16_t size;
	int16_t out_fd;		/* where the new descriptor is told; -1: none */
	enum st_kind makes;
	uint16_t flags;
	struct {
		uint8_t offset, width, what;
	} member[9];
};

#define ST_AT(type, name, what)	\
	{ offsetof(struct codecache_##type##_args, name), \
	  sizeof(((struct codecache_##type##_args *)0)->name), what }
#define ST_CALL(NR, type, object)	\
	.nr = CODECACHE_IOC_##NR, .on = object, .size = sizeof(struct codecache_##type##_args)
#define ST_OUT(type)	offsetof(struct codecache_##type##_args, out_fd)

static const struct st_call st_calls[] = {
	{ ST_CALL(INFO, info, ST_CACHE), .out_fd = -1 },
	{ ST_CALL(ZONE_CREATE, zone_create, ST_CACHE),
	  .out_fd = ST_OUT(zone_create), .makes = ST_ZONE, .flags = 1,
	  .member = { ST_AT(zone_create, zone_class, ST_SMALL),
		      ST_AT(zone_create, reserved, ST_ZERO),
		      ST_AT(zone_create, bytes, ST_BYTES) } },
	{ ST_CALL(VIEW_CREATE, view_create, ST_ZONE),
	  .out_fd = ST_OUT(view_create), .makes = ST_VIEW, .flags = 3,
	  .member = { ST_AT(view_create, kind, ST_SMALL),
		      ST_AT(view_create, prot, ST_PROT),
		      ST_AT(view_create, trap_mode, ST_MODE),
		      ST_AT(view_create, first_page, ST_ZERO),
		      ST_AT(view_create, nr_pages, ST_ZERO) } },
	{ ST_CALL(VIEW_PROTECT, view_protect, ST_VIEW), .out_fd = -1,
	  .flags = 3,
	  .member = { ST_AT(view_protect, addr, ST_RANGES),
		      ST_AT(view_protect, count, ST_COUNT),
		      ST_AT(view_protect, first_page, ST_ZERO),
		      ST_AT(view_protect, prot, ST_ZERO),
		      ST_AT(view_protect, trap, ST_ZERO) } },
	{ ST_CALL(VIEW_PROTECT, view_protect, ST_VIEW), .out_fd = -1,
	  .flags = 3,		/* as for a bitmap */
	  .member = { ST_AT(view_protect, addr, ST_RESULT),
		      ST_AT(view_protect, count, ST_PAGE_NR),
		      ST_AT(view_protect, first_page, ST_PAGE_NR),
		      ST_AT(view_protect, prot, ST_PROT),
		      ST_AT(view_protect, trap, ST_TRAP) } },
	{ ST_CALL(VIEW_QUERY, view_query, ST_VIEW), .out_fd = -1, .flags = 7,
	  .member = { ST_AT(view_query, addr, ST_RESULT),
		      ST_AT(view_query, count, ST_COUNT),
		      ST_AT(view_query, first_page, ST_PAGE_NR),
		      ST_AT(view_query, nr_pages, ST_ZERO),
		      ST_AT(view_query, find, ST_FIND),
		      ST_AT(view_query, clear, ST_FIND),
		      ST_AT(view_query, prot, ST_PROT) } },
	{ ST_CALL(VIEW_RESOLVE, view_resolve, ST_VIEW), .out_fd = -1,
	  .flags = 1,
	  .member = { ST_AT(view_resolve, first_page, ST_PAGE_NR),
		      ST_AT(view_resolve, nr_pages, ST_COUNT),
		      ST_AT(view_resolve, prot, ST_PROT),
		      ST_AT(view_resolve, trap, ST_TRAP) } },
	{ ST_CALL(VIEW_LOG, view_log, ST_VIEW), .out_fd = ST_OUT(view_log),
	  .makes = ST_LOG,
	  .member = { ST_AT(view_log, nr_entries, ST_POWER),
		      ST_AT(view_log, threshold, ST_ZERO) } },
	{ ST_CALL(VIEW_UNMAP, view_unmap, ST_VIEW), .out_fd = -1 },
	{ ST_CALL(EXTENT_ALLOC, extent_alloc, ST_ZONE), .out_fd = -1,
	  .flags = 7,
	  .member = { ST_AT(extent_alloc, addr, ST_EXTENTS),
		      ST_AT(extent_alloc, count, ST_COUNT),
		      ST_AT(extent_alloc, min_page, ST_ZERO),
		      ST_AT(extent_alloc, max_page, ST_ZERO),
		      ST_AT(extent_alloc, hint_page, ST_ZERO),
		      ST_AT(extent_alloc, align_pages, ST_POWER) } },
	{ ST_CALL(EXTENT_RETIRE, extent_retire, ST_ZONE), .out_fd = -1,
	  .flags = 3,
	  .member = { ST_AT(extent_retire, addr, ST_EXTENTS),
		      ST_AT(extent_retire, count, ST_COUNT) } },
	{ ST_CALL(ZONE_SEAL, zone_seal, ST_ZONE), .out_fd = -1, .flags = 3,
	  .member = { ST_AT(zone_seal, signature, ST_RESULT),
		      ST_AT(zone_seal, signature_len, ST_ZERO),
		      ST_AT(zone_seal, tag, ST_COOKIE) } },
	{ ST_CALL(ZONE_EVENTFD, zone_eventfd, ST_ZONE), .out_fd = -1,
	  .flags = 3,
	  .member = { ST_AT(zone_eventfd, fd, ST_EFD),
		      ST_AT(zone_eventfd, high_water_pages, ST_ZERO) } },
	{ ST_CALL(SEAL_INFO, seal_info, ST_VIEW), .out_fd = -1 },
	{ ST_CALL(SEAL_INFO, seal_info, ST_ZONE), .out_fd = -1 },
	{ ST_CALL(STATS, stats, ST_VIEW), .out_fd = -1 },
	{ ST_CALL(STATS, stats, ST_ZONE), .out_fd = -1 },
	{ ST_CALL(STATS, stats, ST_CACHE), .out_fd = -1 },
	{ ST_CALL(READER_REGISTER, reader_register, ST_CACHE), .out_fd = -1 },
	{ ST_CALL(READER_UNREGISTER, reader_unregister, ST_CACHE),
	  .out_fd = -1,
	  .member = { ST_AT(reader_unregister, index, ST_SMALL) } },
	{ ST_CALL(GRACE_START, grace_start, ST_CACHE), .out_fd = -1,
	  .flags = 1 },
	{ ST_CALL(GRACE_POLL, grace_poll, ST_CACHE), .out_fd = -1,
	  .member = { ST_AT(grace_poll, cookie, ST_COOKIE) } },
	{ ST_CALL(GRACE_WAIT, grace_wait, ST_CACHE), .out_fd = -1,
	  .flags = 1,
	  .member = { ST_AT(grace_wait, cookie, ST_COOKIE),
		      ST_AT(grace_wait, timeout_ns, ST_TIME) } },
	{ ST_CALL(GRACE_EVENTFD, grace_eventfd, ST_CACHE), .out_fd = -1,
	  .member = { ST_AT(grace_eventfd, cookie, ST_COOKIE),
		      ST_AT(grace_eventfd, fd, ST_EFD) } },
};

/* ---- members -------------------------------------------------------------------------------- */

static uint64_t st_member_make(struct fz_rng *r, unsigned int what)
{
	static const uint64_t prots[] = { 0, 1, 3, 3, 5, 5 };

	switch (what) {
	case ST_FLAGS:
	case ST_MODE:
	case ST_SMALL:
		return fz_below(r, 5);
	case ST_PROT:
		return fz_one_in(r, 20) ? fz_below(r, 9) : prots[fz_below(r, 6)];
	case ST_TRAP:
		return fz_one_in(r, 2) ? 0 : 1ULL << fz_below(r, 3);
	case ST_FIND:
		return fz_below(r, 8);
	case ST_COUNT:
		return fz_one_in(r, 4) ? fz_below(r, 300) : fz_below(r, 8);
	case ST_BYTES:
		return ST_PAGE * (1 + fz_below(r, ST_PAGES));
	case ST_POWER:
		return 1ULL << fz_below(r, 10);
	case ST_TIME:
		return 1 + fz_below(r, 20000000);
	case ST_PAGE_NR:
		return fz_near(r, ST_PAGES);
	case ST_ZERO:
		return fz_one_in(r, 4) ? fz_below(r, 64) : 0;
	}
	return fz_next(r);
}

/* Ranges of a vector. */
static void st_fill_ranges(struct codecache_prot_range *range, unsigned int nr,
			   struct fz_rng *r)
{
	unsigned int i, at = fz_below(r, 64);

	for (i = 0; i < nr; i++) {
		range[i] = (struct codecache_prot_range){
			.first_page = at,
			.nr_pages = fz_few(r, 64),
			.prot = st_member_make(r, ST_PROT),
			.flags = st_member_make(r, ST_TRAP),
		};
		at += range[i].nr_pages + fz_below(r, 3);
	}
}

/* Lengths to be handed out, or extents that were, sometime, somewhere. */
static void st_fill_extents(struct codecache_extent *extent, unsigned int nr,
			    struct fz_rng *r)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		extent[i] = st.extent[fz_below(r, 32)];
		if (!extent[i].nr_pages || fz_one_in(r, 2))
			extent[i].nr_pages = fz_few(r, 64);
	}
}

/* What structures point to: st_words, or something else. */
static uint64_t st_point(unsigned int what, uint64_t seed)
{
	struct fz_rng r = { seed };
	unsigned int i;

	if (fz_one_in(&r, 12))
		return (uintptr_t)st_address(fz_next(&r));
	if (fz_one_in(&r, 30))
		return fz_next(&r) & 0x7fffffffffffUL;
	if (what == ST_RANGES)
		st_fill_ranges((void *)st_words, 512, &r);
	else if (what == ST_EXTENTS)
		st_fill_extents((void *)st_words, 512, &r);
	else
		for (i = 0; i < 1024; i++)
			st_words[i] = fz_next(&r) & fz_next(&r);
	return (uintptr_t)st_words;
}

static uint64_t st_member_value(unsigned int what, uint64_t a)
{
	switch (what) {
	case ST_RANGES:
	case ST_EXTENTS:
	case ST_RESULT:
		return st_point(what, a);
	case ST_COOKIE:
		return atomic_load(&st.cookie) + 1 - a % 3;
	case ST_EFD:
		return a % 16 ? (uint64_t)st_fd(ST_EVENTFD, a) : ~0ULL;
	}
	return a;
}

/* ---- making them ------------------------------------------------------------------------------- */

/* a: which, on which descriptor, where the structure is, flags, members. */
static bool st_make_ioctl(struct fz_rng *r, struct fz_op *op)
{
	const struct st_call *call;
	unsigned int i;

	op->a[0] = fz_below(r, ARRAY_LEN(st_calls));
	call = &st_calls[op->a[0]];
	if (call->nr == CODECACHE_IOC_ZONE_SEAL && !fz_one_in(r, 6))
		return false;
	op->a[1] = fz_below(r, ST_FDS);
	op->a[2] = fz_one_in(r, 25) ? fz_next(r) : 0;
	op->a[3] = fz_one_in(r, 40) ? fz_next(r) : fz_next(r) & call->flags;
	for (i = 0; i < ARRAY_LEN(call->member) && call->member[i].what; i++)
		op->a[4 + i] = st_member_make(r, call->member[i].what);
	op->nr = 4 + i;
	return true;
}

/* Learn from what a call has told. */
static void st_learn(const struct st_call *call, const unsigned char *args,
		     uint64_t i)
{
	const struct codecache_extent_alloc_args *alloc = (const void *)args;
	int fd;

	if (call->out_fd >= 0) {
		memcpy(&fd, args + call->out_fd, sizeof(fd));
		if (call->makes == ST_VIEW)
			fcntl(fd, F_SETFL, O_NONBLOCK);
		st_keep(call->makes, i, fd);
	} else if (call->nr == CODECACHE_IOC_GRACE_START) {
		atomic_store(&st.cookie, ((const struct codecache_grace_start_args *)
					  args)->out_cookie);
	} else if (call->nr == CODECACHE_IOC_EXTENT_RETIRE) {
		atomic_store(&st.cookie, ((const struct codecache_extent_retire_args *)
					  args)->out_cookie);
	} else if (call->nr == CODECACHE_IOC_EXTENT_ALLOC && alloc->count &&
		   alloc->addr == (uintptr_t)st_words) {
		memcpy(&st.extent[atomic_fetch_add(&st.nr_extents, 1) % 32],
		       st_words, sizeof(struct codecache_extent));
	}
}

static void st_run_ioctl(const struct fz_op *op)
{
	const struct st_call *call = &st_calls[op->a[0] % ARRAY_LEN(st_calls)];
	unsigned char own[512] = { 0 }, *args = own;
	uint32_t flags = op->a[3];
	unsigned int i;
	uint64_t value;
	int err;

	memcpy(own, &(uint32_t){ call->size }, 4);
	memcpy(own + 4, &flags, 4);
	for (i = 0; i < ARRAY_LEN(call->member) && call->member[i].what; i++) {
		value = st_member_value(call->member[i].what, op->a[4 + i]);
		memcpy(own + call->member[i].offset, &value, call->member[i].width);
	}
	/* In a view, where the kernel has to get it, and its results to: perhaps. */
	if (op->a[2])
		args = st_address(op->a[2]);
	err = cc_ioctl(st_fd(call->on, op->a[1]), call->nr, args);
	st_good(op, !err);
	if (!err && args == own)
		st_learn(call, own, fz_next(&st_rng));
}

const struct fz_type st_ioctl = {
	"ioctl", "which on where flags member...", 300, st_make_ioctl, st_run_ioctl,
};
