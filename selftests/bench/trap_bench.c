// SPDX-License-Identifier: MIT
/*
 * What a trap costs in each mode, in the operations of Appel and Li, against mprotect()
 * with SIGSEGV and userfaultfd
 *
 * trap: a store to a protected page, and a handler that does nothing: it goes on behind
 * the store (x86-64 only). appel1: the handler protects another page and unprotects this
 * one. appel2: 100 pages are protected at once, and each is stored to, and unprotected
 * by the handler. 100 pages are stored to in a random order; the figures are for one.
 * What takes several pages takes them in one call where there is such a call: PROTECT.
 *
 * The handler is that of a signal, or a thread that waits for events, to which the CPU
 * has to switch and back: all stay on the first CPU. In log mode nobody handles anything:
 * the store is allowed, and noted.
 *
 * Each figure is the mean of all rounds but the first, not the least of them: what is put
 * off until later, such as memory that RCU gives back, meets some rounds and not others,
 * and so does a thread that another one preempts. Which ones depends on where the ticks of
 * the kernel fall, and that on how long everything before has taken.
 *
 * Wants a guest with one CPU whose clock counts instructions (QEMU -icount shift=0).
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <codecache.h>

#include "measure.h"
#include "peers.h"
#include "smp.h"

#define PAGES	100
#define ROUNDS	40
/* Of the store below. */
#define STORE_BYTES	3
#ifdef __x86_64__
#define CAN_STEP	true
#else
#define CAN_STEP	false
#endif

#define RW	(CODECACHE_PROT_READ | CODECACHE_PROT_WRITE)

static struct codecache_cache *cache;
static struct codecache_view *view;
static struct codecache_log *note;
static struct peer peer;
static char *map;
static unsigned int pages[PAGES];	/* in random order */

/* What the handler does: leave page @now as it is; or unprotect it, and protect @next. */
static bool skip;
static int next = -1;

/**
 * struct way - one way to trap
 * @name: what it is called
 * @setup: map it; false: not on this kernel, or without the module
 * @protect: some pages
 * @swap: unprotect a page, and protect another one if that is not negative
 * @signal: what a handler gets; 0: @wait is called by a thread
 * @wait: for an event; return its page, or a negative number: it ends
 */
struct way {
	const char *name;
	bool (*setup)(void);
	void (*protect)(const unsigned int *nrs, unsigned int n);
	void (*swap)(unsigned int nr, int other);
	int signal;
	int (*wait)(void);
};

static const struct way *way;

static unsigned int page_of(const void *addr)
{
	return ((const char *)addr - map) / codecache_page_size();
}

/* ---- codecache ----------------------------------------------------------- */

static bool map_view(uint32_t trap_mode)
{
	struct codecache_view_options options = {
		.size = sizeof(options), .trap_mode = trap_mode,
	};
	struct codecache_zone *zone;

	if (!cache)
		return false;
	measure_check("zone", codecache_zone_create(cache, CODECACHE_ZONE_DATA,
						    PAGES * codecache_page_size(), &zone));
	measure_check("view", codecache_view_create(zone, CODECACHE_VIEW_DATA, &options,
						    &view));
	measure_check("map", codecache_view_map(view, NULL, 0));
	map = codecache_view_addr(view);
	return true;
}

static bool signal_setup(void) { return map_view(CODECACHE_TRAP_SIGNAL); }
static bool block_setup(void) { return map_view(CODECACHE_TRAP_BLOCK); }

static bool log_setup(void)
{
	if (!map_view(CODECACHE_TRAP_LOG))
		return false;
	measure_check("log", codecache_log_create(view, 1024, 0, &note));
	return true;
}

static void cc_protect(const unsigned int *nrs, unsigned int n)
{
	struct codecache_prot_range ranges[PAGES];
	unsigned int i;

	for (i = 0; i < n; i++)
		ranges[i] = (struct codecache_prot_range){
			nrs[i], 1, CODECACHE_PROT_READ, 0,
		};
	measure_check("PROTECT", codecache_view_protect(view, ranges, n, NULL));
}

static void cc_swap(unsigned int nr, int other)
{
	struct codecache_prot_range ranges[] = {
		{ nr, 1, RW, 0 }, { other, 1, CODECACHE_PROT_READ, 0 },
	};

	measure_check("PROTECT",
		      codecache_view_protect(view, ranges, other < 0 ? 1 : 2, NULL));
}

static int block_wait(void)
{
	struct codecache_event event;
	size_t nr;

	if (codecache_view_read_events(view, &event, 1, &nr))
		return -1;
	return event.page;
}

/* ---- peers --------------------------------------------------------------- */

static bool mprotect_setup(void)
{
	peer_map(&peer, PAGES);
	map = peer.map;
	return true;
}

static void set_prot(unsigned int nr, int prot)
{
	if (mprotect(map + nr * peer_page_size, peer_page_size, prot))
		measure_die("mprotect", errno);
}

static void mprotect_protect(const unsigned int *nrs, unsigned int n)
{
	unsigned int i;

	/* In one call, as they are all there are. */
	if (n == PAGES && mprotect(map, PAGES * peer_page_size, PROT_READ))
		measure_die("mprotect", errno);
	for (i = 0; i < n && n < PAGES; i++)
		set_prot(nrs[i], PROT_READ);
}

static void mprotect_swap(unsigned int nr, int other)
{
	set_prot(nr, PROT_READ | PROT_WRITE);
	if (other >= 0)
		set_prot(other, PROT_READ);
}

static bool sigbus_setup(void)
{
	peer_map(&peer, PAGES);
	map = peer.map;
	memset(map, 1, PAGES * peer_page_size);
	return peer_uffd(&peer, UFFD_FEATURE_SIGBUS);
}

static bool event_setup(void)
{
	peer_map(&peer, PAGES);
	map = peer.map;
	memset(map, 1, PAGES * peer_page_size);
	return peer_uffd(&peer, 0);
}

static void uffd_protect(const unsigned int *nrs, unsigned int n)
{
	unsigned int i;

	if (n == PAGES)
		peer_protect(&peer, 0, PAGES, true);
	for (i = 0; i < n && n < PAGES; i++)
		peer_protect(&peer, nrs[i], 1, true);
}

/* This page last: to unprotect it wakes who waits for it. */
static void uffd_swap(unsigned int nr, int other)
{
	if (other >= 0)
		peer_protect(&peer, other, 1, true);
	peer_protect(&peer, nr, 1, false);
}

static int event_wait(void)
{
	struct uffd_msg msg;

	if (read(peer.uffd, &msg, sizeof(msg)) != sizeof(msg))
		return -1;
	return page_of((void *)(uintptr_t)msg.arg.pagefault.address);
}

static const struct way ways[] = {
	{ "codecache, signal", signal_setup, cc_protect, cc_swap, SIGSEGV, NULL },
	{ "codecache, block", block_setup, cc_protect, cc_swap, 0, block_wait },
	{ "codecache, log", log_setup, cc_protect, NULL, 0, NULL },
	{ "mprotect, signal", mprotect_setup, mprotect_protect, mprotect_swap, SIGSEGV, NULL },
	{ "userfaultfd, SIGBUS", sigbus_setup, uffd_protect, uffd_swap, SIGBUS, NULL },
	{ "userfaultfd, events", event_setup, uffd_protect, uffd_swap, 0, event_wait },
};

#define NR_WAYS	(sizeof(ways) / sizeof(ways[0]))

/* ---- handling ------------------------------------------------------------ */

#ifdef __x86_64__
/* Three bytes long wherever @p comes from, so that a handler can step over it. */
static inline void store(char *p)
{
	__asm__ volatile("movb $2, (%0)" : : "a"(p) : "memory");
}

static bool step_over(ucontext_t *u)
{
	u->uc_mcontext.gregs[REG_RIP] += STORE_BYTES;
	return true;
}
#else
static inline void store(char *p)
{
	*(volatile char *)p = 2;
}

static bool step_over(ucontext_t *u)
{
	(void)u;
	return false;
}
#endif

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	if (!skip || !step_over(context))
		way->swap(page_of(info->si_addr), next);
}

static void *handle_events(void *data)
{
	const struct way *mine = data;
	int page;

	while ((page = mine->wait()) >= 0)
		mine->swap(page, next);
	return NULL;
}

/* ---- measuring ----------------------------------------------------------- */

static void shuffle(void)
{
	unsigned long long seed = 1;
	unsigned int i, k, swap;

	for (i = 0; i < PAGES; i++)
		pages[i] = i;
	for (i = PAGES - 1; i; i--) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		k = (seed >> 33) % (i + 1);
		swap = pages[i];
		pages[i] = pages[k];
		pages[k] = swap;
	}
}

static void store_to(unsigned int nr)
{
	store(map + nr * codecache_page_size());
}

/* From one state to the same: all pages are writable. */
static void unprotect_all(void)
{
	unsigned int i;

	skip = false;
	next = -1;
	for (i = 0; i < PAGES; i++)
		store_to(i);
}

/**
 * struct mean - of rounds
 * @rounds: that were measured
 * @sum: of their instructions
 * @cost: of the least and of the worst one
 */
struct mean {
	unsigned int rounds;
	uint64_t sum;
	struct cost cost;
};

static void mean_add(struct mean *mean, uint64_t took)
{
	/* The first one makes what the others find. */
	if (mean->rounds++) {
		mean->sum += took - measure_clock();
		cost_add(&mean->cost, took);
	}
}

/* As table_line() wants it: the mean where the least would be. */
static struct cost mean_cost(const struct mean *mean)
{
	struct cost cost = mean->cost;

	if (mean->rounds > 1)
		cost.min = mean->sum / (mean->rounds - 1);
	return cost;
}

static void trap(struct mean *mean)
{
	uint64_t start;
	unsigned int i;

	way->protect(pages, PAGES);
	skip = true;
	start = measure_now();
	for (i = 0; i < PAGES; i++)
		store_to(pages[i]);
	mean_add(mean, measure_now() - start);
	unprotect_all();
}

/* Half of the pages are protected at any time; the one that was unprotected longest is next. */
static void appel1(struct mean *mean)
{
	uint64_t start;
	unsigned int i;

	way->protect(pages, PAGES / 2);
	start = measure_now();
	for (i = 0; i < PAGES; i++) {
		next = pages[(i + PAGES / 2) % PAGES];
		store_to(pages[i]);
	}
	mean_add(mean, measure_now() - start);
	unprotect_all();
}

static void appel2(struct mean *mean)
{
	uint64_t start;
	unsigned int i;

	next = -1;
	skip = false;
	start = measure_now();
	way->protect(pages, PAGES);
	for (i = 0; i < PAGES; i++)
		store_to(pages[i]);
	mean_add(mean, measure_now() - start);
}

/* What is logged must be read, or it is lost: no part of what is measured. */
static void drain(void)
{
	struct codecache_log_reader reader;
	struct codecache_log_entry entry;

	if (!note)
		return;
	measure_check("log", codecache_log_reader(note, &reader));
	while (codecache_log_next(&reader, &entry))
		;
	if (codecache_log_lost(note))
		measure_die("an entry is lost", 0);
}

static void measure(const struct table *table)
{
	static const unsigned int per[] = { PAGES, PAGES, PAGES };
	struct mean means[3] = {
		{ .cost = COST_UNKNOWN }, { .cost = COST_UNKNOWN }, { .cost = COST_UNKNOWN },
	};
	struct cost costs[3];
	pthread_t thread;
	int i;

	if (way->wait)
		measure_check("thread", pthread_create(&thread, NULL, handle_events,
						       (void *)way));
	memset(map, 1, PAGES * codecache_page_size());
	for (i = 0; i < ROUNDS; i++) {
		if (way->signal && CAN_STEP)
			trap(&means[0]);
		if (way->swap)
			appel1(&means[1]);
		appel2(&means[2]);
		drain();
	}
	for (i = 0; i < 3; i++)
		costs[i] = mean_cost(&means[i]);
	table_line(table, way->name, costs, per);
	/* Its thread waits on, for events that do not come any more. */
	note = NULL;
}

int main(void)
{
	static const char *const columns[] = { "trap", "appel1", "appel2" };
	const struct table table = { "traps", "Instructions a page", columns, 3 };
	struct sigaction act = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	unsigned int i;

	measure_init("trap_bench");
	smp_pin(0);
	measure_open(&cache);
	shuffle();
	sigaction(SIGSEGV, &act, NULL);
	sigaction(SIGBUS, &act, NULL);
	measure_calibrate();
	table_head(&table);
	for (i = 0; i < NR_WAYS; i++) {
		way = &ways[i];
		if (way->setup())
			measure(&table);
	}
	return 0;
}
