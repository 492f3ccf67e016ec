// SPDX-License-Identifier: MIT
/*
 * The oracle: GRACE_START, _POLL, _WAIT, and eventfds
 */
#include "model.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

static bool m_make_cookie(struct fz_rng *r, struct fz_op *op)
{
	int cache = m_any_cache(r);
	const struct m_cache *c = &w.cache[cache];

	op->nr = 4;
	op->a[0] = m_how(r);
	op->a[1] = cache;
	/* Back from the last one, so that it means something without the others. */
	op->a[2] = fz_one_in(r, 12) ? fz_below(r, c->last + 1) :
				      fz_below(r, 3);
	op->a[3] = fz_below(r, 8);
	return true;
}

/* Arguments that are larger than @last name a cookie that nobody has got. */
static uint64_t m_named(const struct m_cache *c, uint64_t back)
{
	return back > c->last ? c->last + back : c->last - back;
}

static uint32_t m_urgent(uint64_t arg)
{
	return arg == 7 ? CODECACHE_GRACE_F_URGENT : 0;
}

/* ---- START, POLL, WAIT --------------------------------------------------------- */

static void m_run_start(const struct fz_op *op)
{
	struct m_cache *c = m_open_cache(op->a[1]);
	struct codecache_grace_start_args args = {
		.size = sizeof(args),
		.flags = m_urgent(op->a[3]),
	};
	struct m_errs errs = { 0 };

	if (c && m_ioctl(op->a[0], c->fd, CODECACHE_IOC_GRACE_START,
				  &args, sizeof(args), &errs))
		m_cookie(c, args.out_cookie);
}

const struct fz_type m_start = {
	"grace_start", "how cache back urgent", 6, m_make_cookie, m_run_start,
};

static void m_run_poll(const struct fz_op *op)
{
	struct m_cache *c = m_open_cache(op->a[1]);
	struct codecache_grace_poll_args args = {
		.size = sizeof(args),
		.cookie = c ? m_named(c, op->a[2]) : 0,
		.out_reserved = 1,
	};
	struct m_errs errs = { 0 };

	if (!c)
		return;
	m_may(&errs, args.cookie > c->last, EINVAL);
	if (!m_ioctl(op->a[0], c->fd, CODECACHE_IOC_GRACE_POLL, &args,
		     sizeof(args), &errs))
		return;
	m_completed(c, args.out_completed);
	if (args.cookie <= c->over && args.out_done != 1)
		/* It has become true between the two, perhaps. */
		m_expect("out_done", 0, args.out_done);
	else if (args.cookie > c->over)
		m_expect("out_done", 0, args.out_done);
	m_expect("out_reserved", 0, args.out_reserved);
}

const struct fz_type m_poll = {
	"grace_poll", "how cache back urgent", 12, m_make_cookie, m_run_poll,
};

/* Does the grace period wait for the very thread that makes the call? */
static bool m_waits_for(const struct m_cache *c, uint64_t cookie, uint64_t how)
{
	int i;

	for (i = 0; i < M_READERS; i++) {
		const struct m_reader *r = &c->reader[i];

		if (!m_reader_lives(r) || !r->active || r->active > cookie)
			continue;
		if ((how & M_HOW_MASK) == M_HOW_SELF ? r->owner == M_MAIN :
		    (how & M_HOW_MASK) == M_HOW_SECOND && r->owner == w.second)
			return true;
	}
	return false;
}

static void m_run_wait(const struct fz_op *op)
{
	struct m_cache *c = m_open_cache(op->a[1]);
	struct codecache_grace_wait_args args = {
		.size = sizeof(args),
		.flags = m_urgent(op->a[3]),
		.cookie = c ? m_named(c, op->a[2]) : 0,
	};
	struct m_errs errs = { 0 };

	if (!c)
		return;
	m_may(&errs, args.cookie > c->last, EINVAL);
	if (args.cookie <= c->last && args.cookie >= m_first_held(c)) {
		args.timeout_ns = 1000000;
		m_may(&errs, m_waits_for(c, args.cookie, op->a[0]), EDEADLK);
		m_may(&errs, !errs.nr, ETIMEDOUT);
	}
	if (!m_ioctl(op->a[0], c->fd, CODECACHE_IOC_GRACE_WAIT, &args,
		     sizeof(args), &errs))
		return;
	m_completed(c, args.out_completed);
	m_true("what was waited for is over", args.out_completed >= args.cookie);
}

const struct fz_type m_wait = {
	"grace_wait", "how cache back urgent", 6, m_make_cookie, m_run_wait,
};

/* ---- eventfds -------------------------------------------------------------------- */

static void m_run_grace_event(const struct fz_op *op)
{
	struct m_cache *c = m_open_cache(op->a[1]);
	unsigned int event = op->a[3] % M_EVENTS;
	struct codecache_grace_eventfd_args args = {
		.size = sizeof(args),
		.cookie = c ? m_named(c, op->a[2]) : 0,
		.fd = w.event[event].fd,
		.reserved = op->a[3] == 6,
	};
	struct m_errs errs = { 0 };

	/* A cookie of 0 was never given out; the text does not say what it is. */
	if (!c || !args.cookie || c->nr_pending == M_PENDING)
		return;
	if (op->a[3] == 7)
		args.fd = w.null;
	m_may(&errs, args.cookie > c->last || args.reserved || op->a[3] == 7,
	      EINVAL);
	if (!m_ioctl(op->a[0], c->fd, CODECACHE_IOC_GRACE_EVENTFD, &args,
		     sizeof(args), &errs))
		return;
	if (args.cookie <= c->over) {
		w.event[event].count++;
		return;
	}
	c->pending[c->nr_pending].event = event;
	c->pending[c->nr_pending++].cookie = args.cookie;
}

const struct fz_type m_grace_event = {
	"grace_eventfd", "how cache back event", 5, m_make_cookie,
	m_run_grace_event,
};

static bool m_make_zone_event(struct fz_rng *r, struct fz_op *op)
{
	op->nr = 5;
	op->a[0] = m_how(r);
	op->a[1] = m_any_zone(r);
	op->a[2] = fz_below(r, 8) ? fz_below(r, M_EVENTS) : M_EVENTS + fz_below(r, 2);
	op->a[3] = op->a[2] >= M_EVENTS ? fz_below(r, 5) :
					  CODECACHE_ZONE_EVENT_HIGH_WATER;
	op->a[4] = op->a[3] & CODECACHE_ZONE_EVENT_HIGH_WATER ?
		   fz_below(r, 40) : fz_one_in(r, 5);
	return (int)op->a[1] >= 0;
}

static void m_run_zone_event(const struct fz_op *op)
{
	struct m_zone *z = m_open_zone(op->a[1]);
	bool high = op->a[3] & CODECACHE_ZONE_EVENT_HIGH_WATER;
	struct codecache_zone_eventfd_args args = {
		.size = sizeof(args),
		.flags = op->a[3],
		.fd = op->a[2] < M_EVENTS ? w.event[op->a[2]].fd :
		      op->a[2] == M_EVENTS ? -1 : w.null,
		.high_water_pages = op->a[4],
	};
	struct m_errs errs = { 0 };

	if (!z)
		return;
	m_may(&errs, op->a[3] & ~3, EOPNOTSUPP);
	m_may(&errs, high != !!op->a[4] || (args.fd == -1) != !args.flags ||
		     args.fd == w.null, EINVAL);
	if (!m_ioctl(op->a[0], z->fd, CODECACHE_IOC_ZONE_EVENTFD, &args,
		     sizeof(args), &errs))
		return;
	z->event = op->a[2] < M_EVENTS ? (int)op->a[2] : -1;
	z->event_flags = op->a[3];
	z->high_water = op->a[4];
	if (z->event >= 0 && op->a[3] & CODECACHE_ZONE_EVENT_PRESSURE)
		w.event[z->event].noisy = true;
}

const struct fz_type m_zone_event = {
	"zone_eventfd", "how zone event flags pages", 5, m_make_zone_event,
	m_run_zone_event,
};

static bool m_make_event_read(struct fz_rng *r, struct fz_op *op)
{
	op->nr = 1;
	op->a[0] = fz_below(r, M_EVENTS);
	return true;
}

/* What has been added to it since; it comes a little after what it tells of. */
static void m_run_event_read(const struct fz_op *op)
{
	struct m_event *event = &w.event[op->a[0] % M_EVENTS];
	long long since = cc_now_ms();
	uint64_t sum = 0, n;

	m_settle_all();
	do {
		if (read(event->fd, &n, sizeof(n)) == sizeof(n))
			sum += n;
	} while (sum < event->count && cc_patient(since));
	if (!event->noisy || sum < event->count)
		m_expect("eventfd", event->count, sum);
	event->count = 0;
}

const struct fz_type m_event_read = {
	"eventfd_read", "event", 5, m_make_event_read, m_run_event_read,
};
