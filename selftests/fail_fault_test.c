// SPDX-License-Identifier: MIT
/*
 * Page faults of a program, with the first allocation that they want failing, then the
 * second, until none is left to fail
 *
 * The kernel tries a fault again that was without memory, and says so in its log. So
 * each access ends as it does else, whatever has failed: the page has come, once, or the
 * trap has been logged, answered or signalled, once. A child makes the access, since one
 * whose signal cannot be delivered does not survive it.
 */
#include "cc_reclaim.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cc_nth.h"
#include "kselftest_harness.h"

/* The page at hand, far enough from the first one to want tables of its own. */
enum { PAGES = 1200, PAGE = 700, ENTRIES = 16, VALUE = 0x5a };

#define SIGNAL	CODECACHE_TRAP_SIGNAL
#define LOG	CODECACHE_TRAP_LOG
#define BLOCK	CODECACHE_TRAP_BLOCK

/**
 * struct fault_case - an access
 * @kind: of the view
 * @how: what it does
 * @extents: the zone has extents
 * @traps: the page has no access
 * @mode: what happens then
 */
struct fault_case {
	uint32_t kind;
	enum cc_how how;
	bool extents;
	bool traps;
	uint32_t mode;
};

/* What the child tells. */
struct report {
	int nth;
	int sig;		/* that the access got */
	const void *addr;
	int value;		/* that it has loaded, or that the code returned */
	bool injected;
	bool complete;
};

/* A zone, a view for the child, and one by which we see and prepare the same pages. */
struct place {
	struct cc_mem mem;
	int view;
	int other;
	unsigned char *p;	/* the page in our view */
	struct cc_log log;
};

/* ---- what the access meets ---------------------------------------------------- */

static uint32_t other_kind(const struct fault_case *c)
{
	return cc_kind_class(c->kind) == CODECACHE_ZONE_CODE ? CODECACHE_VIEW_WRITE :
							       CODECACHE_VIEW_DATA;
}

static int make_zone(struct place *place, const struct fault_case *c)
{
	struct codecache_extent extent = { .nr_pages = PAGES };
	int err;

	if (!c->extents)
		return cc_mem_make(&place->mem, cc_kind_class(c->kind), PAGES);
	err = cc_mem_extents(&place->mem, cc_kind_class(c->kind), PAGES);
	return err ? err : cc_alloc(place->mem.zone, &extent, 1, 0);
}

static int make_view(struct place *place, const struct fault_case *c)
{
	int zone = place->mem.zone;

	if (!c->traps)
		return cc_view(zone, c->kind);
	return cc_view_trap(zone, c->kind, CC_NONE, c->mode, 0);
}

/* Code and what is loaded must be there; else the page comes by the fault. */
static void prepare(const struct place *place, const struct fault_case *c)
{
	if (c->how == CC_FETCH)
		cc_emit(place->p, VALUE);
	else if (c->how == CC_LOAD && c->kind == CODECACHE_VIEW_EXEC)
		place->p[0] = VALUE;
}

static int place_make(struct place *place, const struct fault_case *c)
{
	uint32_t other = other_kind(c);
	int err = make_zone(place, c);

	if (err)
		return err;
	place->view = make_view(place, c);
	if (place->view < 0)
		return place->view;
	err = cc_mem_map(&place->mem, other);
	if (err)
		return err;
	place->p = place->mem.map[other] + PAGE * cc_page_size();
	prepare(place, c);
	return c->traps && c->mode == LOG ?
	       cc_log_open(&place->log, place->view, ENTRIES, 0) : 0;
}

static void place_close(struct place *place, const struct fault_case *c)
{
	if (c->traps && c->mode == LOG)
		cc_log_close(&place->log);
	close(place->view);
	cc_mem_close(&place->mem);
}

/* ---- the access --------------------------------------------------------------- */

struct access {
	unsigned char *p;
	enum cc_how how;
	int nth_fd;
	int nth;
	int value;
};

/* Nothing but the access comes between, or it would be that which fails. */
static void access_now(void *arg)
{
	struct access *a = arg;
	int (*code)(void) = (int (*)(void))a->p;

	cc_nth_arm(a->nth_fd, a->nth);
	switch (a->how) {
	case CC_LOAD:
		a->value = *(volatile unsigned char *)a->p;
		break;
	case CC_STORE:
		*(volatile unsigned char *)a->p = VALUE;
		break;
	default:
		a->value = code();
		break;
	}
}

/* The child: its exit status. */
static int access_once(struct place *place, const struct fault_case *c, struct report *r)
{
	unsigned char *map = cc_map(place->view, c->kind, PAGES);
	struct access a = {
		.p = map + PAGE * cc_page_size(),
		.how = c->how,
		.nth_fd = cc_nth_open(),
		.nth = r->nth,
	};

	if (!map || a.nth_fd < 0)
		return 1;
	r->sig = cc_try(access_now, &a);
	r->injected = cc_nth_happened(a.nth_fd);
	r->value = a.value;
	r->addr = r->sig && cc_trap.addr == a.p ? place->p : cc_trap.addr;
	r->complete = true;
	return 0;
}

/* ---- what has come of it ------------------------------------------------------- */

/* One event and no other; what fails afterwards wants no other answer. */
static const char *answer(const struct place *place, const struct fault_case *c)
{
	struct codecache_event event;

	if (cc_event(place->view, &event))
		return "no event";
	if (event.page != PAGE || event.access != (c->how == CC_LOAD ? CC_R :
						   c->how == CC_STORE ? CODECACHE_PROT_WRITE :
						   CODECACHE_PROT_EXEC))
		return "another event";
	return cc_resolve(place->view, PAGE, 1, cc_kind_full(c->kind)) == 1 ?
	       NULL : "nobody woke";
}

static const char *logged_once(struct place *place)
{
	struct codecache_log_entry entry;

	if (!cc_log_next(&place->log, &entry))
		return "no entry";
	if (!cc_log_valid(&place->log, &entry) || entry.page != PAGE)
		return "another entry";
	if (cc_log_lost(&place->log))
		return "an entry is lost";
	return cc_log_next(&place->log, &entry) ? "two entries" : NULL;
}

/* A signal, but perhaps without what it tells; or it could not be delivered. */
static const char *signalled(const struct place *place, const struct report *r, int status)
{
	if (CC_STAT(place->view, faults_filled))
		return "a page has come";
	if (status == 128 + SIGSEGV && !r->complete)
		return NULL;
	if (status || r->sig != SIGSEGV)
		return "no signal";
	return r->addr == place->p || (r->injected && !r->addr) ? NULL : "another address";
}

/* The page is there, by one fault, with what it is to have. */
static const char *granted(const struct place *place, const struct fault_case *c,
			   const struct report *r)
{
	long long filled;

	if (r->sig)
		return "a signal";
	if (c->how == CC_STORE ? place->p[0] != VALUE :
	    r->value != (c->kind == CODECACHE_VIEW_EXEC ? VALUE : 0))
		return "another value";
	if (CC_STAT(place->mem.zone, resident_pages) != 1)
		return "not one page";
	if (c->kind == CODECACHE_VIEW_UFFD)
		return NULL;
	/* An answer maps a page that is there. */
	filled = CC_STAT(place->view, faults_filled);
	if (filled != 1 && (filled || c->how != CC_FETCH || c->mode != BLOCK))
		return "not one fault";
	return cc_total("charged_pages") == 1 ? NULL : "not one page is charged";
}

static long long nr_traps(const struct place *place)
{
	return CC_STAT(place->view, traps_read) + CC_STAT(place->view, traps_write) +
	       CC_STAT(place->view, traps_exec);
}

/* What is not as it would be, had nothing failed; NULL: nothing. */
static const char *outcome(struct place *place, const struct fault_case *c,
			   const struct report *r, int status)
{
	const char *what;

	if (c->traps && c->mode == SIGNAL)
		return nr_traps(place) == 1 ? signalled(place, r, status) : "not one trap";
	if (status || !r->complete)
		return "the child has not come through";
	if (c->traps && c->mode == BLOCK && CC_STAT(place->view, traps_blocked) != 1)
		return "not one sleep";
	if (c->traps && c->mode == BLOCK && !cc_no_event(place->view))
		return "two events";
	what = c->traps && c->mode == LOG ? logged_once(place) : NULL;
	return what ? what : granted(place, c, r);
}

/* ---- the sweep ------------------------------------------------------------------ */

FIXTURE(fault)
{
	struct report *report;
};

FIXTURE_VARIANT(fault)
{
	struct fault_case c;
};

#define CASE(name, ...)							\
	FIXTURE_VARIANT_ADD(fault, name) { .c = { __VA_ARGS__ } }

CASE(data_load, CODECACHE_VIEW_DATA, CC_LOAD);
CASE(data_store, CODECACHE_VIEW_DATA, CC_STORE);
CASE(data_extent_store, CODECACHE_VIEW_DATA, CC_STORE, true);
CASE(write_load, CODECACHE_VIEW_WRITE, CC_LOAD);
CASE(write_store, CODECACHE_VIEW_WRITE, CC_STORE);
CASE(write_extent_store, CODECACHE_VIEW_WRITE, CC_STORE, true);
CASE(exec_load, CODECACHE_VIEW_EXEC, CC_LOAD);
CASE(exec_fetch, CODECACHE_VIEW_EXEC, CC_FETCH);
CASE(exec_extent_fetch, CODECACHE_VIEW_EXEC, CC_FETCH, true);
CASE(uffd_load, CODECACHE_VIEW_UFFD, CC_LOAD);
CASE(uffd_store, CODECACHE_VIEW_UFFD, CC_STORE);
CASE(signal_load, CODECACHE_VIEW_DATA, CC_LOAD, false, true, SIGNAL);
CASE(signal_store, CODECACHE_VIEW_DATA, CC_STORE, false, true, SIGNAL);
CASE(signal_fetch, CODECACHE_VIEW_EXEC, CC_FETCH, false, true, SIGNAL);
CASE(log_load, CODECACHE_VIEW_DATA, CC_LOAD, false, true, LOG);
CASE(log_store, CODECACHE_VIEW_DATA, CC_STORE, false, true, LOG);
CASE(log_fetch, CODECACHE_VIEW_EXEC, CC_FETCH, false, true, LOG);
CASE(block_load, CODECACHE_VIEW_DATA, CC_LOAD, false, true, BLOCK);
CASE(block_store, CODECACHE_VIEW_DATA, CC_STORE, false, true, BLOCK);
CASE(block_fetch, CODECACHE_VIEW_EXEC, CC_FETCH, false, true, BLOCK);

FIXTURE_SETUP(fault)
{
	self->report = mmap(NULL, sizeof(*self->report), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->report);
}

FIXTURE_TEARDOWN(fault)
{
	munmap(self->report, sizeof(*self->report));
}

/* One access whose @nth allocation fails; what is wrong with it, or NULL. */
static const char *fault_once(const struct fault_case *c, unsigned int nth, struct report *r)
{
	struct place place = {};
	const char *wrong = NULL;
	int status;
	pid_t pid;

	if (place_make(&place, c))
		return "nothing to be accessed";
	memset(r, 0, sizeof(*r));
	r->nth = nth;
	pid = cc_fork();
	if (!pid)
		_exit(access_once(&place, c, r));
	if (c->traps && c->mode == BLOCK)
		wrong = answer(&place, c);
	status = cc_wait(pid);
	if (!r->complete)
		r->injected = true;	/* by that it has died */
	if (!wrong)
		wrong = outcome(&place, c, r, status);
	place_close(&place, c);
	return wrong ? wrong : cc_nothing_left() ? NULL : "something is left";
}

TEST_F_TIMEOUT(fault, without_memory_ends_as_it_does_with_it, 2 * CC_TIMEOUT)
{
	unsigned int round, nth, made = 0;
	const char *wrong;

	for (round = 0; round < CC_NTH_ROUNDS; round++) {
		for (nth = 1; nth < CC_NTH_MAX; nth++) {
			wrong = fault_once(&variant->c, nth, self->report);
			ASSERT_EQ(NULL, wrong)
				TH_LOG("%u: %s", nth, wrong);
			if (!self->report->injected)
				break;
			made++;
		}
		ASSERT_GT(CC_NTH_MAX, nth);
	}
	TH_LOG("%u made to fail", made);
	ASSERT_LT(0, made);
}

/* Before main(): one skip for all. */
static void __attribute__((constructor)) fault_skip(void)
{
	cc_nth_need();
}

TEST_HARNESS_MAIN
