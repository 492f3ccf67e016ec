// SPDX-License-Identifier: MIT
/*
 * The oracle: caches, zones and views come and go
 */
#include "model.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- caches ------------------------------------------------------------------ */

static bool m_make_cache(struct fz_rng *r, struct fz_op *op)
{
	(void)r;
	op->nr = 1;
	op->a[0] = m_free_cache();
	return m_free_cache() >= 0;
}

static void m_run_cache_open(const struct fz_op *op)
{
	struct m_cache *c = &w.cache[op->a[0]];
	void *control, *slots;

	if (op->a[0] >= M_CACHES || c->used)
		return;
	c->fd = cc_open();
	m_true("open", c->fd >= 0);
	control = mmap(NULL, M_PAGE, PROT_READ, MAP_SHARED, c->fd, 0);
	slots = mmap(NULL, M_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd,
		     M_PAGE);
	m_true("mmap of a cache", control != MAP_FAILED && slots != MAP_FAILED);
	c->control = control;
	c->slots = slots;
	c->used = true;
}

const struct fz_type m_cache_open = {
	"cache_open", "cache", 20, m_make_cache, m_run_cache_open,
};

static bool m_make_cache_close(struct fz_rng *r, struct fz_op *op)
{
	op->nr = 1;
	op->a[0] = m_any_cache(r);
	return true;
}

/* Nobody could tell when the pages of such a zone are free. */
static bool m_cache_has_hidden(int cache)
{
	int i;

	for (i = 0; i < M_ZONES; i++) {
		if (w.zone[i].used && w.zone[i].cache == cache &&
		    w.zone[i].fd < 0 && m_retired_pages(&w.zone[i]))
			return true;
	}
	return false;
}

static void m_run_cache_close(const struct fz_op *op)
{
	struct m_cache *c = m_open_cache(op->a[0]);

	if (!c)
		return;
	m_settle(c);
	if (m_cache_has_hidden(op->a[0]))
		return;
	munmap((void *)c->control, M_PAGE);
	munmap(c->slots, M_PAGE);
	m_expect("close", 0, close(c->fd));
	c->fd = -1;
	memset(c->reader, 0, sizeof(c->reader));
	m_settle(c);
	m_collect();
}

const struct fz_type m_cache_close = {
	"cache_close", "cache", 2, m_make_cache_close, m_run_cache_close,
};

/* ---- zones ------------------------------------------------------------------- */

static bool m_make_zone(struct fz_rng *r, struct fz_op *op)
{
	static const uint64_t sizes[] = { 1, 2, 15, 17, 40, 64, 200, 511, 512,
					  513, 600, 1024, 1090 };

	op->nr = 6;
	op->a[0] = m_how(r) & ~(uint64_t)M_HOW_MASK;
	op->a[1] = m_free_zone();
	op->a[2] = m_any_cache(r);
	op->a[3] = fz_one_in(r, 25) ? fz_below(r, 5) : 1 + fz_below(r, 2);
	op->a[4] = M_PAGE * sizes[fz_below(r, ARRAY_LEN(sizes))];
	if (fz_one_in(r, 25))
		op->a[4] = fz_near(r, 1ULL << 42);
	op->a[5] = fz_below(r, 2);
	return m_free_zone() >= 0;
}

static void m_run_zone_create(const struct fz_op *op)
{
	struct m_cache *c = m_open_cache(op->a[2]);
	struct codecache_zone_create_args args = {
		.size = sizeof(args),
		.flags = op->a[5],
		.zone_class = op->a[3],
		.bytes = op->a[4],
		.out_reserved = 1,
	};
	struct m_zone *z = &w.zone[op->a[1] % M_ZONES];
	struct m_errs errs = { 0 };

	if (z->used || !c)
		return;
	m_may(&errs, !args.bytes || args.bytes % M_PAGE, EINVAL);
	m_may(&errs, args.zone_class < 1 || args.zone_class > 2, EINVAL);
	m_may(&errs, args.bytes > 1ULL << 42, ERANGE);
	m_may(&errs, args.flags & ~1, EOPNOTSUPP);
	if (!errs.nr && args.bytes > M_PAGES * M_PAGE)
		return;		/* right, but more than we can count */
	if (!m_ioctl(op->a[0], c->fd, CODECACHE_IOC_ZONE_CREATE, &args,
		     sizeof(args), &errs))
		return;
	m_expect("out_reserved", 0, args.out_reserved);
	m_expect("close-on-exec", FD_CLOEXEC, fcntl(args.out_fd, F_GETFD));
	z->used = true;
	z->fd = args.out_fd;
	z->cache = op->a[2];
	z->zone_class = args.zone_class;
	z->nr = args.bytes / M_PAGE;
	z->extents = args.flags;
	z->event = -1;
}

const struct fz_type m_zone_create = {
	"zone_create", "how zone cache class bytes flags", 30, m_make_zone,
	m_run_zone_create,
};

static bool m_make_on_zone(struct fz_rng *r, struct fz_op *op)
{
	op->nr = 1;
	op->a[0] = m_any_zone(r);
	return m_any_zone(r) >= 0;
}

static void m_run_zone_close(const struct fz_op *op)
{
	struct m_zone *z = m_open_zone(op->a[0]);

	if (!z)
		return;
	m_settle_zone(z);
	m_expect("close", 0, close(z->fd));
	z->fd = -1;
	m_collect();
}

const struct fz_type m_zone_close = {
	"zone_close", "zone", 3, m_make_on_zone, m_run_zone_close,
};

/* ---- views ------------------------------------------------------------------- */

static bool m_make_view(struct fz_rng *r, struct fz_op *op)
{
	const struct m_zone *z;
	int zone = m_any_zone(r);

	if (zone < 0 || m_free_view() < 0)
		return false;
	z = &w.zone[zone];
	op->nr = 9;
	op->a[0] = m_how(r) & ~(uint64_t)M_HOW_MASK;
	op->a[1] = m_free_view();
	op->a[2] = zone;
	op->a[3] = z->zone_class == CODECACHE_ZONE_CODE ? 1 + fz_below(r, 2) :
		   fz_one_in(r, 6) ? CODECACHE_VIEW_UFFD : CODECACHE_VIEW_DATA;
	if (fz_one_in(r, 20))
		op->a[3] = fz_below(r, 6);
	op->a[4] = fz_below(r, 3) ? 0 : fz_below(r, 4);
	op->a[5] = op->a[4] & 1 || fz_one_in(r, 30) ? fz_below(r, 9) : 0;
	op->a[6] = fz_one_in(r, 30) ? 3 : fz_below(r, 3);
	if (op->a[3] == CODECACHE_VIEW_UFFD && !fz_one_in(r, 4))
		op->a[4] = op->a[5] = op->a[6] = 0;
	else if (fz_one_in(r, 2))
		op->a[7] = fz_near(r, z->nr);
	op->a[8] = fz_one_in(r, 2) ? 0 : fz_near(r, z->nr - op->a[7] + 1);
	return true;
}

static bool m_has_uffd(unsigned int zone)
{
	int i;

	for (i = 0; i < M_VIEWS; i++) {
		if (w.view[i].used && w.view[i].zone == (int)zone &&
		    w.view[i].kind == CODECACHE_VIEW_UFFD)
			return true;
	}
	return false;
}

static void m_view_errs(const struct codecache_view_create_args *args,
			unsigned int zone, struct m_errs *errs)
{
	const struct m_zone *z = &w.zone[zone];
	uint64_t end = args->first_page + args->nr_pages;
	bool uffd = args->kind == CODECACHE_VIEW_UFFD;

	m_may(errs, args->kind < 1 || args->kind > 4, EINVAL);
	m_may(errs, !errs->nr && cc_kind_class(args->kind) != z->zone_class,
	      EOPNOTSUPP);
	m_may(errs, args->trap_mode > 2, EOPNOTSUPP);
	m_may(errs, args->prot > 7, EINVAL);
	m_may(errs, args->prot && !(args->flags & CODECACHE_VIEW_F_PROT), EINVAL);
	m_may(errs, args->flags & CODECACHE_VIEW_F_PROT &&
		    !m_kind_has(args->kind, args->prot), EOPNOTSUPP);
	m_may(errs, uffd && (args->flags || args->trap_mode || z->extents),
	      EOPNOTSUPP);
	m_may(errs, end < args->first_page, EOVERFLOW);
	m_may(errs, end > z->nr || args->first_page >= z->nr, ERANGE);
	m_may(errs, uffd && (args->first_page ||
			     (args->nr_pages && args->nr_pages != z->nr)), EINVAL);
	m_may(errs, uffd && m_has_uffd(zone), EBUSY);
	m_may(errs, args->kind == CODECACHE_VIEW_WRITE && z->sealed, EPERM);
}

static void m_view_begin(struct m_view *v, unsigned int zone,
			 const struct codecache_view_create_args *args)
{
	uint64_t page;

	memset(v, 0, sizeof(*v));
	v->used = true;
	v->fd = args->out_fd;
	v->zone = zone;
	v->kind = args->kind;
	v->mode = args->trap_mode;
	v->block_kernel = args->flags & CODECACHE_VIEW_F_BLOCK_KERNEL;
	v->first = args->first_page;
	v->nr = args->nr_pages ?: w.zone[zone].nr - args->first_page;
	for (page = 0; page < v->nr; page++) {
		v->p[page].prot = args->flags & CODECACHE_VIEW_F_PROT ?
				  args->prot : m_full(args->kind);
		v->p[page].mode = args->trap_mode;
	}
}

static void m_run_view_create(const struct fz_op *op)
{
	struct m_zone *z = m_open_zone(op->a[2]);
	struct m_view *v = &w.view[op->a[1] % M_VIEWS];
	struct codecache_view_create_args args = {
		.size = sizeof(args),
		.flags = op->a[4],
		.kind = op->a[3],
		.prot = op->a[5],
		.trap_mode = op->a[6],
		.first_page = op->a[7],
		.nr_pages = op->a[8],
		.out_reserved = 1,
	};
	struct m_errs errs = { 0 };

	if (v->used || !z)
		return;
	m_view_errs(&args, op->a[2], &errs);
	if (!m_ioctl(op->a[0], z->fd, CODECACHE_IOC_VIEW_CREATE, &args,
		     sizeof(args), &errs))
		return;
	m_view_begin(v, op->a[2], &args);
	m_expect("out_bytes", v->nr * M_PAGE, args.out_bytes);
	m_expect("out_reserved", 0, args.out_reserved);
	m_expect("close-on-exec", FD_CLOEXEC, fcntl(v->fd, F_GETFD));
	fcntl(v->fd, F_SETFL, O_NONBLOCK);
}

const struct fz_type m_view_create = {
	"view_create", "how view zone kind flags prot mode first nr", 50,
	m_make_view, m_run_view_create,
};

static bool m_make_on_view(struct fz_rng *r, struct fz_op *op)
{
	op->nr = 1;
	op->a[0] = m_any_view(r);
	return m_any_view(r) >= 0;
}

static void m_run_view_close(const struct fz_op *op)
{
	struct m_view *v = m_open_view(op->a[0]);

	if (!v)
		return;
	m_expect("close", 0, close(v->fd));
	v->fd = -1;
	m_collect();
}

const struct fz_type m_view_close = {
	"view_close", "view", 5, m_make_on_view, m_run_view_close,
};
