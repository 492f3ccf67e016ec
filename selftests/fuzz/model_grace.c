// SPDX-License-Identifier: MIT
/*
 * The oracle's grace periods: who holds them up, what is gone when they are over
 *
 * When one that nobody holds up is over is left to chance. So whoever has to know
 * settles it first: waits until it is.
 */
#include "model.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* ---- readers ---------------------------------------------------------------- */

bool m_reader_lives(const struct m_reader *r)
{
	return r->used && (r->owner == M_MAIN || r->owner == w.second);
}

uint64_t m_first_held(const struct m_cache *c)
{
	uint64_t first = M_NOBODY;
	int i;

	for (i = 0; i < M_READERS; i++) {
		const struct m_reader *r = &c->reader[i];

		if (m_reader_lives(r) && r->active && r->active < first)
			first = r->active;
	}
	return first;
}

/* ---- time passes ------------------------------------------------------------- */

/* Pages go to nobody; entries, and what is known about them otherwise, stay. */
static void m_free_pages(struct m_zone *z, const struct m_extent *e)
{
	uint64_t page;

	m_take(z, e->first, e->nr, false);
	for (page = e->first; page < e->first + e->nr; page++) {
		z->nr_filled -= z->filled[page];
		z->filled[page] = false;
		z->resident[page] = false;
		if (z->data[page])
			memset(z->data[page], 0, M_PAGE);
	}
}

static void m_zone_over(struct m_zone *z, uint64_t cookie)
{
	unsigned int i = 0;

	while (i < z->nr_ext) {
		if (!z->ext[i].retired || z->ext[i].cookie > cookie) {
			i++;
			continue;
		}
		m_free_pages(z, &z->ext[i]);
		z->ext[i] = z->ext[--z->nr_ext];
	}
}

void m_over(struct m_cache *c, uint64_t cookie)
{
	unsigned int i = 0;

	if (cookie <= c->over)
		return;
	c->over = cookie;
	while (i < c->nr_pending) {
		if (c->pending[i].cookie > cookie) {
			i++;
			continue;
		}
		w.event[c->pending[i].event].count++;
		c->pending[i] = c->pending[--c->nr_pending];
	}
	for (i = 0; i < M_ZONES; i++) {
		if (w.zone[i].used && &w.cache[w.zone[i].cache] == c)
			m_zone_over(&w.zone[i], cookie);
	}
}

void m_cookie(struct m_cache *c, uint64_t cookie)
{
	uint64_t least = c->last > c->over ? c->last : c->over + 1;

	/* Without its descriptor one sees no end of a period that frees nothing. */
	if (c->fd < 0 && cookie == c->last && c->over == c->last)
		least = c->over--;
	if (cookie != c->last + 1)
		m_expect("cookie", least, cookie);
	c->last = cookie;
}

void m_completed(struct m_cache *c, uint64_t completed)
{
	m_true("grace periods complete in order", completed >= c->over);
	m_true("no grace period is over that was not asked for",
	       completed <= c->last);
	m_true("no grace period is over that a reader holds up",
	       completed < m_first_held(c));
	m_over(c, completed);
}

/* Whose descriptor is closed can only be watched from its zones. */
static void m_settle_closed(struct m_cache *c)
{
	struct codecache_stats_args stats;
	long long since;
	int i;

	for (i = 0; i < M_ZONES; i++) {
		struct m_zone *z = &w.zone[i];

		if (!z->used || &w.cache[z->cache] != c || z->fd < 0)
			continue;
		since = cc_now_ms();
		do {
			m_expect("STATS", 0, cc_stats(z->fd, &stats));
		} while (stats.out_retired_pages && cc_patient(since));
		m_expect("retired pages of a closed cache", 0,
			 stats.out_retired_pages);
	}
	m_over(c, c->last);
}

void m_settle(struct m_cache *c)
{
	uint64_t first = m_first_held(c);
	struct codecache_grace_wait_args args = {
		.size = sizeof(args),
		.cookie = c->last < first ? c->last : first - 1,
	};

	int err;

	if (args.cookie <= c->over)
		return;
	if (c->fd < 0) {
		m_settle_closed(c);
		return;
	}
	do {
		err = cc_ioctl(c->fd, CODECACHE_IOC_GRACE_WAIT, &args);
	} while (err == -EINTR);
	m_expect("GRACE_WAIT", 0, err);
	m_completed(c, args.out_completed);
	m_true("what was waited for is over", args.out_completed >= args.cookie);
}

void m_settle_zone(struct m_zone *z)
{
	if (m_retired_pages(z))
		m_settle(&w.cache[z->cache]);
}

/* Is the page about to go, or may it have gone? */
void m_settle_page(struct m_view *v, uint64_t page)
{
	struct m_extent *e = m_extent_at(&w.zone[v->zone], v->first + page);

	if (e && e->retired)
		m_settle(&w.cache[w.zone[v->zone].cache]);
}

/*
 * An eventfd tells when a zone comes to have so many pages; and how many it has is
 * known only when none is about to go.
 */
void m_settle_watched(void)
{
	int i;

	for (i = 0; i < M_ZONES; i++) {
		if (w.zone[i].used && w.zone[i].event >= 0 && w.zone[i].high_water)
			m_settle_zone(&w.zone[i]);
	}
}

void m_settle_all(void)
{
	int i;

	for (i = 0; i < M_CACHES; i++) {
		if (w.cache[i].used)
			m_settle(&w.cache[i]);
	}
	m_collect();
}

/* ---- registering -------------------------------------------------------------- */

static bool m_make_register(struct fz_rng *r, struct fz_op *op)
{
	op->nr = 2;
	op->a[0] = m_how(r);
	op->a[1] = m_any_cache(r);
	return true;
}

static struct m_reader *m_free_reader(struct m_cache *c)
{
	int i;

	for (i = 0; i < M_READERS; i++) {
		if (!c->reader[i].used)
			return &c->reader[i];
	}
	return NULL;
}

static bool m_slot_is_zero(const struct codecache_reader_slot *slot)
{
	static const struct codecache_reader_slot zero;

	return !memcmp(slot, &zero, sizeof(zero));
}

static int m_owner(uint64_t how)
{
	switch (how & M_HOW_MASK) {
	case M_HOW_SELF:
		return M_MAIN;
	case M_HOW_SECOND:
		return w.second;
	}
	return M_DEAD;
}

static void m_run_register(const struct fz_op *op)
{
	struct codecache_reader_register_args args = { .size = sizeof(args) };
	struct m_cache *c = m_open_cache(op->a[1]);
	struct m_errs errs = { 0 };
	struct m_reader *r;
	int i;

	r = c ? m_free_reader(c) : NULL;
	if (!r)
		return;
	if (!m_ioctl(op->a[0], c->fd, CODECACHE_IOC_READER_REGISTER, &args,
		     sizeof(args), &errs))
		return;
	for (i = 0; i < M_READERS; i++) {
		if (!c->reader[i].used || c->reader[i].index != args.out_index)
			continue;
		m_true("the slot is free", !m_reader_lives(&c->reader[i]));
		r = &c->reader[i];
	}
	m_true("out_index", args.out_index < 64);
	m_expect("out_offset", M_PAGE + 64 * args.out_index, args.out_offset);
	m_true("the slot is zero", m_slot_is_zero(&c->slots[args.out_index]));
	*r = (struct m_reader){
		.used = true,
		.index = args.out_index,
		.owner = m_owner(op->a[0]),
	};
}

const struct fz_type m_register = {
	"register", "how cache", 12, m_make_register, m_run_register,
};

/* A reader of a cache, or nonsense. */
static bool m_make_reader(struct fz_rng *r, struct fz_op *op)
{
	op->nr = 3;
	op->a[0] = m_how(r);
	op->a[1] = m_any_cache(r);
	op->a[2] = fz_below(r, M_READERS);
	return w.cache[op->a[1]].reader[op->a[2]].used || fz_one_in(r, 20);
}

/*
 * It may have been given up already; or else the thread is not quite dead yet, though
 * it has been joined.
 */
static void m_unregister_dead(struct m_cache *c, struct m_reader *r)
{
	struct codecache_reader_unregister_args args = {
		.size = sizeof(args),
		.index = r->index,
	};
	long long since = cc_now_ms();
	int err;

	do {
		err = cc_ioctl(c->fd, CODECACHE_IOC_READER_UNREGISTER, &args);
	} while (err == -EBUSY && cc_patient(since));
	m_true("the dead are unregistered", !err || err == -ENOENT);
	r->used = false;
}

static void m_run_unregister(const struct fz_op *op)
{
	struct m_cache *c = m_open_cache(op->a[1]);
	struct codecache_reader_unregister_args args = { .size = sizeof(args) };
	bool child = (op->a[0] & M_HOW_MASK) == M_HOW_CHILD;
	struct m_errs errs = { 0 };
	struct m_reader *r;

	if (!c)
		return;
	r = &c->reader[op->a[2] % M_READERS];
	args.index = r->used ? r->index : 1000 + op->a[2];
	m_may(&errs, !r->used, ENOENT);
	m_may(&errs, m_reader_lives(r) && child, EPERM);
	m_may(&errs, m_reader_lives(r) && r->active, EBUSY);
	if (r->used && !m_reader_lives(r) && !m_how_bad(op->a[0])) {
		m_unregister_dead(c, r);
	} else if (m_ioctl(op->a[0], c->fd, CODECACHE_IOC_READER_UNREGISTER,
			   &args, sizeof(args), &errs)) {
		r->used = false;
	}
}

const struct fz_type m_unregister = {
	"unregister", "how cache reader", 8, m_make_reader, m_run_unregister,
};

/* ---- inside and outside --------------------------------------------------------- */

static void m_run_enter(const struct fz_op *op)
{
	struct m_cache *c = m_open_cache(op->a[1]);
	struct m_reader *r = c ? &c->reader[op->a[2] % M_READERS] : NULL;
	uint64_t epoch;

	if (!r || !r->used || r->active)
		return;
	epoch = __atomic_load_n(&c->control->epoch, __ATOMIC_ACQUIRE);
	m_true("the epoch is beyond what is over", epoch > c->over);
	m_true("the epoch is not beyond what is next", epoch <= c->last + 1);
	m_expect("an empty slot", 0, c->slots[r->index].active);
	r->active = epoch;
	/* Nobody ever waits for a thread that is dead. */
	__atomic_store_n(&c->slots[r->index].active, epoch, __ATOMIC_RELAXED);
}

const struct fz_type m_enter = {
	"enter", "how cache reader", 24, m_make_reader, m_run_enter,
};

static void m_run_leave(const struct fz_op *op)
{
	struct m_cache *c = m_open_cache(op->a[1]);
	struct m_reader *r = c ? &c->reader[op->a[2] % M_READERS] : NULL;

	if (!r || !r->used || !r->active)
		return;
	m_completed(c, __atomic_load_n(&c->control->completed, __ATOMIC_ACQUIRE));
	m_expect("a slot", r->active, c->slots[r->index].active);
	__atomic_store_n(&c->slots[r->index].active, 0, __ATOMIC_RELEASE);
	r->active = 0;
}

const struct fz_type m_leave = {
	"leave", "how cache reader", 30, m_make_reader, m_run_leave,
};

/* The second thread ends, and what it was reading for; there is a new one. */
static bool m_make_thread(struct fz_rng *r, struct fz_op *op)
{
	(void)r;
	op->nr = 0;
	return true;
}

static void m_run_thread(const struct fz_op *op)
{
	(void)op;
	fz_thread_renew();
	w.second++;
}

const struct fz_type m_thread = {
	"thread", "", 2, m_make_thread, m_run_thread,
};
