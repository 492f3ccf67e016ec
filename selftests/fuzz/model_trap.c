// SPDX-License-Identifier: MIT
/*
 * The oracle: logs, and reading events when there are none
 */
#include "model.h"

#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- logs ------------------------------------------------------------------------- */

static bool m_make_log(struct fz_rng *r, struct fz_op *op)
{
	int view = m_any_view(r);

	if (view < 0 || (w.view[view].log.made && !fz_one_in(r, 30)))
		return false;
	op->nr = 4;
	op->a[0] = m_how(r) & ~(uint64_t)M_HOW_MASK;
	op->a[1] = view;
	op->a[2] = fz_one_in(r, 12) ? fz_near(r, 1 << 21) :
				      1ULL << fz_below(r, 7);
	op->a[3] = fz_one_in(r, 2) ? 0 : fz_near(r, op->a[2]);
	return true;
}

/* Map both parts of a log that has been made. */
static void m_log_map(struct m_view *v,
		      const struct codecache_view_log_args *args)
{
	struct cc_log *log = &v->log.log;
	void *tail, *ring;

	tail = mmap(NULL, M_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		    args->out_fd, 0);
	ring = mmap(NULL, args->out_ring_bytes, PROT_READ, MAP_SHARED,
		    args->out_fd, M_PAGE);
	m_true("mmap of a log", tail != MAP_FAILED && ring != MAP_FAILED);
	*log = (struct cc_log){
		.fd = args->out_fd,
		.tail = tail,
		.ring = ring,
		.ring_bytes = args->out_ring_bytes,
	};
	v->log.made = true;
	v->log.nr = args->nr_entries;
	v->log.threshold = args->threshold ?: (args->nr_entries + 1) / 2;
	m_expect("nr_entries of the ring", v->log.nr, log->ring->nr_entries);
	m_expect("head of a new log", 0, log->ring->head);
}

static void m_run_log_make(const struct fz_op *op)
{
	struct m_view *v = m_open_view(op->a[1]);
	struct codecache_view_log_args args = {
		.size = sizeof(args),
		.nr_entries = op->a[2],
		.threshold = op->a[3],
	};
	struct m_errs errs = { 0 };

	if (!v)
		return;
	m_may(&errs, v->kind == CODECACHE_VIEW_UFFD, EOPNOTSUPP);
	m_may(&errs, !args.nr_entries || args.nr_entries & (args.nr_entries - 1) ||
		     args.nr_entries > 1 << 20 || args.threshold > args.nr_entries,
	      EINVAL);
	m_may(&errs, v->log.made, EBUSY);
	if (!errs.nr && args.nr_entries > M_LOG)
		return;		/* right, but more than we can count */
	if (m_ioctl(op->a[0], v->fd, CODECACHE_IOC_VIEW_LOG, &args, sizeof(args),
		    &errs))
		m_log_map(v, &args);
}

const struct fz_type m_log_make = {
	"log_make", "how view entries threshold", 12, m_make_log, m_run_log_make,
};

static int m_logged_view(struct fz_rng *r)
{
	int view = m_any_view(r);

	return view >= 0 && w.view[view].log.made ? view : -1;
}

static bool m_make_log_read(struct fz_rng *r, struct fz_op *op)
{
	op->nr = 2;
	op->a[0] = m_logged_view(r);
	op->a[1] = fz_below(r, M_LOG);
	return (int)op->a[0] >= 0;
}

static void m_compare_entry(struct m_view *v, uint64_t n)
{
	const struct codecache_log_entry *want = &v->log.want[n % v->log.nr];
	const struct codecache_log_entry *got =
		(const void *)((const char *)v->log.log.ring +
			       v->log.log.ring->entries_offset);

	got += n % v->log.nr;
	m_expect("stamp of an entry", want->stamp, got->stamp);
	m_expect("seq of an entry", want->seq, got->seq);
	m_expect("page of an entry", want->page, got->page);
	m_expect("access of an entry", want->access, got->access);
	m_expect("tid of an entry", want->tid, got->tid);
}

static void m_compare_log(struct m_view *v)
{
	uint64_t used = v->log.tail > v->log.head ? v->log.nr :
			v->log.head - v->log.tail;

	m_expect("head of a log", v->log.head, cc_log_head(&v->log.log));
	m_expect("lost of a log", v->log.lost, cc_log_lost(&v->log.log));
	m_expect("poll of a log", used >= v->log.threshold ? POLLIN : 0,
		 cc_poll(v->log.log.fd, 0));
}

/* All that is in the ring is compared; then some of it has been read. */
static void m_run_log_read(const struct fz_op *op)
{
	struct m_view *v = m_open_view(op->a[0]);
	uint64_t n;

	if (!v || !v->log.made)
		return;
	m_compare_log(v);
	n = v->log.head > v->log.nr ? v->log.head - v->log.nr : 0;
	for (; n < v->log.head; n++)
		m_compare_entry(v, n);
	if (v->log.tail > v->log.head)
		v->log.tail = v->log.head;
	v->log.tail += op->a[1] % (v->log.head - v->log.tail + 1);
	atomic_store_explicit(v->log.log.tail, v->log.tail, memory_order_release);
	m_compare_log(v);
}

const struct fz_type m_log_read = {
	"log_read", "view entries", 25, m_make_log_read, m_run_log_read,
};

static bool m_make_log_tail(struct fz_rng *r, struct fz_op *op)
{
	op->nr = 2;
	op->a[0] = m_logged_view(r);
	if ((int)op->a[0] < 0)
		return false;
	op->a[1] = fz_one_in(r, 2) ? fz_next(r) :
				     fz_below(r, w.view[op->a[0]].log.head + 3);
	return true;
}

/* Nonsense, or less than has been read already. */
static void m_run_log_tail(const struct fz_op *op)
{
	struct m_view *v = m_open_view(op->a[0]);

	if (!v || !v->log.made)
		return;
	v->log.tail = op->a[1];
	atomic_store_explicit(v->log.log.tail, v->log.tail, memory_order_release);
	m_compare_log(v);
}

const struct fz_type m_log_tail = {
	"log_tail", "view tail", 2, m_make_log_tail, m_run_log_tail,
};

/* ---- events ------------------------------------------------------------------------- */

static bool m_make_events(struct fz_rng *r, struct fz_op *op)
{
	op->nr = 2;
	op->a[0] = m_any_view(r);
	op->a[1] = fz_one_in(r, 3) ? fz_below(r, 33) : 32 * (1 + fz_below(r, 3));
	return m_any_view(r) >= 0;
}

/* Nobody sleeps between two operations. */
static void m_run_events(const struct fz_op *op)
{
	struct m_view *v = m_open_view(op->a[0]);
	struct codecache_event e[4];
	int want = EAGAIN;
	ssize_t n;

	if (!v)
		return;
	if (op->a[1] < sizeof(*e))
		want = EINVAL;
	if (v->kind == CODECACHE_VIEW_UFFD)
		want = EBADF;
	n = read(v->fd, e, op->a[1] < sizeof(e) ? op->a[1] : sizeof(e));
	m_expect("read of a view", -1, n);
	m_expect("errno", want, errno);
	m_expect("poll of a view", 0, cc_poll(v->fd, 0));
}

const struct fz_type m_events = {
	"events", "view bytes", 4, m_make_events, m_run_events,
};
