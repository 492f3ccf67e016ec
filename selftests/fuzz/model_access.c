// SPDX-License-Identifier: MIT
/*
 * The oracle: what the program does to memory; block traps and their answers
 *
 * An access that will sleep is made by the second thread, and answered by the first.
 * All others are made by the first: if one sleeps that should not, the watchdog tells.
 */
#include "model.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz_run.h"

static void m_access_second(void *arg)
{
	fz_access_run(arg);
}

/* ---- events --------------------------------------------------------------------- */

static void m_take_event(struct m_view *v, uint64_t page, uint32_t access,
			 bool kernel)
{
	struct codecache_event e;
	int err = cc_event(v->fd, &e);

	m_true("an access waits for its event", !err || !fz_thread_done(0));
	m_expect("an event", 0, err);
	v->seq++;
	v->nr_of.blocked++;
	m_expect("seq of an event", v->seq, e.seq);
	m_expect("page of an event", page, e.page);
	m_expect("access of an event", access, e.access);
	m_expect("tid of an event", fz_thread_tid(), e.tid);
	m_expect("flags of an event", kernel ? CODECACHE_EVENT_F_KERNEL : 0,
		 e.flags);
	m_expect("reserved of an event", 0, e.reserved);
	m_expect("no further event", -1, read(v->fd, &e, sizeof(e)));
	m_expect("errno of a read without event", EAGAIN, errno);
}

static void m_answer_resolve(struct m_view *v, uint64_t page, uint32_t prot,
			     uint32_t flags)
{
	struct codecache_view_resolve_args args = {
		.size = sizeof(args),
		.flags = flags,
		.first_page = page,
		.nr_pages = 1,
		.prot = prot,
	};

	m_expect("RESOLVE", 0, cc_ioctl(v->fd, CODECACHE_IOC_VIEW_RESOLVE, &args));
	m_expect("out_nr_woken", 1, args.out_nr_woken);
	v->nr_of.resolved++;
	if (flags)
		return;
	v->seq++;
	v->nr_of.protects++;
	v->nr_of.protected++;
	m_expect("out_seq", v->seq, args.out_seq);
	m_protect(v, page, 1, prot, 0);
}

static void m_answer_protect(struct m_view *v, uint64_t page)
{
	v->seq++;
	m_expect("PROTECT of a page on which a thread sleeps", v->seq,
		 cc_protect_seq(v->fd, page, 1, m_full(v->kind)));
	v->nr_of.protects++;
	v->nr_of.protected++;
	v->nr_of.resolved++;
	m_protect(v, page, 1, m_full(v->kind), 0);
}

/* True if the access will be tried again and can still be made. */
static bool m_answer(struct m_view *v, uint64_t page, uint32_t access,
		     unsigned int answer)
{
	switch (answer) {
	case M_DENY:
		m_answer_resolve(v, page, 0, CODECACHE_RESOLVE_F_SIGNAL);
		return false;
	case M_PROTECT:
		m_answer_protect(v, page);
		return true;
	case M_TOO_LITTLE:
		m_answer_resolve(v, page, access == CC_R ||
				 v->kind == CODECACHE_VIEW_EXEC ? 0 : CC_R, 0);
		return true;
	case M_INTERRUPT:
		fz_thread_signal(SIGUSR1);
		return true;
	case M_UNMAP:
		m_settle_zone(&w.zone[v->zone]);
		m_expect("munmap", 0, munmap(v->map, v->nr * M_PAGE));
		v->nr_of.resolved++;
		m_unmapped(v, false);
		return false;
	case M_CLOSE:
		m_expect("close", 0, close(v->fd));
		v->fd = -1;
		return false;
	}
	m_answer_resolve(v, page, m_full(v->kind), 0);
	return true;
}

/* The kernel may try twice before it gives up: it is denied as often. */
static void m_sleep_denied(struct m_view *v, uint64_t page, uint32_t access)
{
	long long since = cc_now_ms();

	while (!fz_thread_done(5) && cc_patient(since)) {
		if (!(cc_poll(v->fd, 0) & POLLIN))
			continue;
		m_take_event(v, page, access, true);
		m_answer(v, page, access, M_DENY);
	}
}

enum m_fate m_sleep(struct m_view *v, struct fz_access *a, uint64_t page,
		    uint32_t access, bool kernel, unsigned int answer)
{
	enum m_fate fate = M_SLEEPS;

	fz_thread_begin(m_access_second, a);
	while (fate == M_SLEEPS) {
		m_take_event(v, page, access, kernel);
		if (!m_answer(v, page, access, answer)) {
			fate = M_SEGV;
			break;
		}
		fate = m_access(v, page, access, kernel, fz_thread_tid());
		answer = answer == M_TOO_LITTLE || answer == M_INTERRUPT ?
			 M_ALLOW : M_DENY;
	}
	if (kernel && fate == M_SEGV)
		m_sleep_denied(v, page, access);
	else
		m_true("it wakes", fz_thread_done(CC_PATIENCE_MS));
	return fate;
}

/* ---- loads, stores and fetches ---------------------------------------------------- */

static void m_compare_fate(const struct fz_access *a, enum m_fate fate)
{
	static const int sigs[] = { 0, SIGSEGV, SIGSEGV, SIGBUS };
	static const int codes[] = { 0, SEGV_MAPERR, SEGV_ACCERR, BUS_ADRERR };

	run_count(fate == M_DONE ? RUN_DONE : RUN_REFUSED);
	m_expect("signal", sigs[fate], a->sig);
	if (fate == M_DONE)
		return;
	m_expect("si_code", codes[fate], a->code);
	m_expect("si_addr", (intptr_t)a->p, (intptr_t)a->addr);
}

static enum m_fate m_access_do(struct m_view *v, struct fz_access *a,
			       uint32_t access, uint64_t answer)
{
	uint64_t page = (a->p - v->map) / M_PAGE;
	enum m_fate fate;

	if (w.max_pages)
		m_settle_all();
	m_settle_page(v, page);
	fate = m_access(v, page, access, false, gettid());
	if (fate == M_SLEEPS)
		fate = m_sleep(v, a, page, access, false, answer);
	else
		fz_access_run(a);
	m_compare_fate(a, fate);
	return fate;
}

static bool m_make_access(struct fz_rng *r, struct fz_op *op)
{
	int view = m_mapped_view(r);

	if (view < 0)
		return false;
	op->nr = 5;
	op->a[0] = view;
	op->a[1] = m_any_page(r, &w.view[view]);
	op->a[2] = fz_one_in(r, 3) ? fz_below(r, M_PAGE) : fz_below(r, 8) * 64;
	op->a[3] = fz_one_in(r, 2) ? 0 : fz_below(r, M_NR_ANSWERS);
	if (op->a[3] >= M_UNMAP && !fz_one_in(r, 10))
		op->a[3] = 0;
	op->a[4] = fz_below(r, 256);
	return true;
}

/* The view that is accessed, and where; NULL: nothing to do. */
static struct m_view *m_access_at(const struct fz_op *op, struct fz_access *a)
{
	struct m_view *v = m_view_mapped(op->a[0]);

	if (!v || op->a[1] >= v->nr)
		return NULL;
	a->p = v->map + op->a[1] * M_PAGE + op->a[2] % M_PAGE;
	return v;
}

static void m_run_load(const struct fz_op *op)
{
	struct fz_access a = { .how = FZ_LOAD };
	struct m_view *v = m_access_at(op, &a);

	if (!v)
		return;
	if (m_access_do(v, &a, CC_R, op->a[3]) == M_DONE)
		m_expect("a byte", m_data(&w.zone[v->zone], v->first +
					  op->a[1])[op->a[2] % M_PAGE], a.value);
	m_collect();
}

const struct fz_type m_load = {
	"load", "view page offset answer unused", 240, m_make_access, m_run_load,
};

static void m_run_store(const struct fz_op *op)
{
	struct fz_access a = { .how = FZ_STORE, .value = op->a[4] & 0xff };
	struct m_view *v = m_access_at(op, &a);

	if (!v)
		return;
	if (m_access_do(v, &a, CODECACHE_PROT_WRITE, op->a[3]) == M_DONE)
		m_data_to_write(&w.zone[v->zone], v->first + op->a[1])
			[op->a[2] % M_PAGE] = op->a[4];
	m_collect();
}

const struct fz_type m_store = {
	"store", "view page offset answer value", 300, m_make_access,
	m_run_store,
};

/* ---- code ------------------------------------------------------------------------ */

/* A function that returns @value, as cc_emit() makes it; false: something else. */
static bool m_is_code(const unsigned char *at, uint32_t *value)
{
	memcpy(value, at + 1, sizeof(*value));
	return at[0] == 0xb8 && at[5] == 0xc3;
}

static bool m_make_code(struct fz_rng *r, struct fz_op *op)
{
	if (!m_make_access(r, op))
		return false;
	op->a[2] = fz_below(r, 4) * (M_PAGE / 4 - 2);
	op->a[4] = fz_next(r) & 0xffffffff;
	return true;
}

static void m_run_emit(const struct fz_op *op)
{
	unsigned char code[CC_CODE_LEN];
	struct fz_access a = { .how = FZ_STORE };
	struct m_view *v = m_access_at(op, &a);
	unsigned char *at = a.p;
	unsigned int i;

	if (!v || op->a[2] % M_PAGE > M_PAGE - CC_CODE_LEN)
		return;
	cc_emit(code, op->a[4]);
	for (i = 0; i < CC_CODE_LEN && v->map; i++) {
		a.p = at + i;
		a.value = code[i];
		if (m_access_do(v, &a, CODECACHE_PROT_WRITE, op->a[3]) != M_DONE)
			break;
		m_data_to_write(&w.zone[v->zone], v->first + op->a[1])
			[op->a[2] % M_PAGE + i] = code[i];
	}
	m_collect();
}

const struct fz_type m_emit = {
	"emit", "view page offset answer value", 60, m_make_code, m_run_emit,
};

/* Only what is code, or is refused, is run. */
static void m_run_fetch(const struct fz_op *op)
{
	struct fz_access a = { .how = FZ_FETCH };
	struct m_view *v = m_access_at(op, &a);
	const unsigned char *data;
	uint32_t value;

	if (!v || op->a[2] % M_PAGE > M_PAGE - CC_CODE_LEN)
		return;
	data = m_data(&w.zone[v->zone], v->first + op->a[1]);
	if (v->kind == CODECACHE_VIEW_EXEC && m_usable(v, op->a[1], CC_R) &&
	    !m_is_code(data + op->a[2] % M_PAGE, &value))
		return;
	if (m_access_do(v, &a, CODECACHE_PROT_EXEC, op->a[3]) == M_DONE) {
		m_is_code(data + op->a[2] % M_PAGE, &value);
		m_expect("what code returns", value, a.value);
	}
	m_collect();
}

const struct fz_type m_fetch = {
	"fetch", "view page offset answer unused", 70, m_make_code, m_run_fetch,
};
