// SPDX-License-Identifier: MIT
/*
 * sqrt: a table of 64 Mi square roots in a handful of pages
 *
 * The program reads table[i], a plain array of 512 MiB. Only K pages of it exist
 * at any time; each of the others is made when it is touched, by the handler of
 * the trap, and thrown away when its memory is wanted for another:
 *
 *   zone            K pages: all the memory that there is
 *   slot views      K views of one page each; a slot is mapped into the table where
 *                   its page belongs for the time being, over a reservation
 *   filler view     another view of the same K pages (Map2), never revoked
 *
 * A touched page that is not there traps on the reservation. The handler takes a
 * slot, moves it there, fills it through the filler view, and only then makes it
 * readable: the table never shows a page that is half done.
 *
 * Which slot? Policy *clock* asks whether a page was used since the hand last came
 * by. Instead of a bit in hardware: the hand sets the page to NONE, on probation. If
 * it is touched again a trap gives it back, cheaply; if not, it is the next to go.
 *
 * The handler makes system calls and does arithmetic in a signal handler. It may:
 * the signal is synchronous, raised by a load from the table and by nothing else.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <codecache.h>

#define TABLE_ENTRIES	(64ULL << 20)
#define NO_PAGE		UINT64_MAX
#define NO_SLOT		UINT32_MAX
#define HOT_PAGES	512U
#define EXIT_SKIP	77

struct slot {
	struct codecache_view *view;
	uint64_t page;		/* of the table, or NO_PAGE */
	bool readable;		/* else on probation */
};

static struct {
	const double *table;
	uint64_t nr_pages;
	size_t page_bytes;
	uint32_t *where;	/* the slot of each page of the table, or NO_SLOT */

	struct codecache_cache *cache;
	struct codecache_zone *zone;
	struct codecache_view *filler;
	double *fill;
	struct slot *slot;
	uint32_t nr_slots;
	uint32_t hand;
	bool clock;

	uint64_t fills;		/* traps for a page that was not there */
	uint64_t returns;	/* traps for a page on probation */
	uint64_t protects;
} t;

static struct {
	uint64_t k;		/* 0: 1, 64 and 1024 */
	uint64_t lookups;
	uint64_t seed;
} opt = { 0, 500000, 1 };

static void die(int status, const char *format, ...)
{
	va_list args;
	char text[256];

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	dprintf(STDOUT_FILENO, "sqrt: %s\n", text);
	_exit(status);
}

static void must(int err, const char *what)
{
	if (err)
		die(1, "%s: %s", what, codecache_strerror(err));
}

/* ---- the trap ---------------------------------------------------------- */

static void slot_protect(struct slot *s, uint32_t prot)
{
	must(codecache_view_protect_range(s->view, 0, 1, prot), "protect");
	s->readable = prot != CODECACHE_PROT_NONE;
	t.protects++;
}

/* The next slot to be used: free, or on probation and not touched since. */
static struct slot *slot_choose(void)
{
	struct slot *s;

	for (;;) {
		s = &t.slot[t.hand];
		t.hand = (t.hand + 1) % t.nr_slots;
		if (s->page == NO_PAGE || !s->readable)
			return s;
		slot_protect(s, CODECACHE_PROT_NONE);
		if (!t.clock)
			return s;
	}
}

/* Take a slot, which nobody can read any more, out of the table. */
static void slot_take_out(struct slot *s)
{
	void *at = codecache_view_addr(s->view);

	t.where[s->page] = NO_SLOT;
	must(codecache_view_unmap(s->view), "unmap");
	if (mmap(at, t.page_bytes, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) != at)
		die(1, "the table has lost a page of its addresses");
	s->page = NO_PAGE;
}

static void slot_put_in(struct slot *s, uint64_t page)
{
	size_t nr = t.page_bytes / sizeof(double), i;
	double *to = t.fill + (size_t)(s - t.slot) * nr;

	for (i = 0; i < nr; i++)
		to[i] = sqrt((double)(page * nr + i));
	must(codecache_view_map(s->view, (char *)(uintptr_t)t.table + page * t.page_bytes,
				MAP_FIXED), "map");
	s->page = page;
	t.where[page] = (uint32_t)(s - t.slot);
	slot_protect(s, CODECACHE_PROT_READ);
}

static void on_trap(int sig, siginfo_t *info, void *context)
{
	uint64_t offset = (uintptr_t)info->si_addr - (uintptr_t)t.table, page;
	struct slot *s;

	(void)context;
	if (offset >= t.nr_pages * t.page_bytes) {
		signal(sig, SIG_DFL);	/* not ours: let it happen again */
		return;
	}
	page = offset / t.page_bytes;
	if (t.where[page] == NO_SLOT) {
		s = slot_choose();
		if (s->page != NO_PAGE)
			slot_take_out(s);
		slot_put_in(s, page);
		t.fills++;
		return;
	}
	s = &t.slot[t.where[page]];
	if (s->readable)
		die(1, "a trap at %p, which is readable", info->si_addr);
	slot_protect(s, CODECACHE_PROT_READ);
	t.returns++;
}

/* ---- setting up and taking down ---------------------------------------- */

static void table_reserve(void)
{
	struct sigaction act = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };

	t.page_bytes = codecache_page_size();
	t.nr_pages = TABLE_ENTRIES * sizeof(double) / t.page_bytes;
	t.table = mmap(NULL, TABLE_ENTRIES * sizeof(double), PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	t.where = malloc(t.nr_pages * sizeof(*t.where));
	if (t.table == MAP_FAILED || !t.where)
		die(1, "no room for the table");
	memset(t.where, 0xff, t.nr_pages * sizeof(*t.where));	/* NO_SLOT */
	sigaction(SIGSEGV, &act, NULL);
}

static void slots_allow(uint64_t k)
{
	struct rlimit limit = { k + 64, k + 64 };

	if (k + 64 > 1024 && setrlimit(RLIMIT_NOFILE, &limit))
		die(1, "%" PRIu64 " slots need as many descriptors: %s", k, strerror(errno));
}

static void slots_create(uint32_t k)
{
	struct codecache_view_options options = {
		.size = sizeof(options),
		.flags = CODECACHE_VIEW_F_PROT,
		.prot = CODECACHE_PROT_NONE,
		.nr_pages = 1,
	};
	uint32_t i;

	must(codecache_zone_create(t.cache, CODECACHE_ZONE_DATA, k * t.page_bytes, &t.zone),
	     "zone");
	must(codecache_view_create(t.zone, CODECACHE_VIEW_DATA, NULL, &t.filler), "filler view");
	must(codecache_view_map(t.filler, NULL, 0), "filler view");
	t.fill = codecache_view_addr(t.filler);
	t.slot = calloc(k, sizeof(*t.slot));
	if (!t.slot)
		die(1, "no memory for slots");
	for (i = 0; i < k; i++) {
		options.first_page = i;
		t.slot[i].page = NO_PAGE;
		must(codecache_view_create(t.zone, CODECACHE_VIEW_DATA, &options,
					   &t.slot[i].view), "slot view");
	}
	t.nr_slots = k;
	t.hand = 0;
	t.fills = t.returns = t.protects = 0;
}

static void slots_destroy(void)
{
	uint32_t i;

	for (i = 0; i < t.nr_slots; i++) {
		if (t.slot[i].page != NO_PAGE) {
			slot_protect(&t.slot[i], CODECACHE_PROT_NONE);
			slot_take_out(&t.slot[i]);
		}
		codecache_view_destroy(t.slot[i].view);
	}
	free(t.slot);
	codecache_view_destroy(t.filler);
	codecache_zone_destroy(t.zone);
}

/* ---- look-ups ---------------------------------------------------------- */
static uint64_t random_below(uint64_t *state, uint64_t below)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return (x ^ x >> 31) % below;
}

/*
 * Some look-ups in one page, then in another: one anywhere, or more often one of
 * the hot pages, the first of them more often than the last.
 */
static uint64_t next_index(uint64_t *state, uint64_t *page)
{
	uint64_t nr = t.page_bytes / sizeof(double), hot;

	if (*page == NO_PAGE || !random_below(state, 16)) {
		hot = random_below(state, HOT_PAGES) * random_below(state, HOT_PAGES) / HOT_PAGES;
		*page = random_below(state, 4) ? hot * (t.nr_pages / HOT_PAGES) :
						 random_below(state, t.nr_pages);
	}
	return *page * nr + random_below(state, nr);
}

static uint64_t resident_pages(void)
{
	struct codecache_stats_args stats;

	must(codecache_zone_stats(t.zone, &stats), "stats");
	return stats.out_resident_pages;
}

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void show(const char *mark, uint64_t done, uint64_t resident, double seconds)
{
	double hits = done ? 100.0 * (double)(done - t.fills) / (double)done : 0;

	printf("%s%7" PRIu32 " %10" PRIu64 " %8" PRIu64 " %10" PRIu64, mark, t.nr_slots, done,
	       t.fills, t.returns);
	printf(" %9" PRIu64 " %7.2f %9" PRIu64 " %8.2f\n", t.protects, hits, resident, seconds);
}

/* Look up so many square roots with K pages; returns how many were wrong. */
static uint64_t run(uint32_t k, uint64_t lookups)
{
	uint64_t state = opt.seed, page = NO_PAGE, wrong = 0, most = 0, resident, n, i;
	struct timespec start;
	double root, want, seconds, shown = 0;

	slots_create(k);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (n = 0; n < lookups; n++) {
		i = next_index(&state, &page);
		root = t.table[i];
		want = sqrt((double)i);
		if (memcmp(&root, &want, sizeof(root)) && wrong++ < 5)
			printf("sqrt: table[%" PRIu64 "] is %.17g, not %.17g\n", i, root, want);
		if (n % 1024 && n + 1 < lookups)
			continue;
		resident = resident_pages();
		most = resident > most ? resident : most;
		seconds = seconds_since(&start);
		if (seconds >= shown + 1) {
			show("  ", n, resident, seconds);
			shown = seconds;
		}
	}
	seconds = seconds_since(&start);
	show("= ", n, most, seconds);
	if (most > k)
		printf("sqrt: %" PRIu64 " pages were resident, of %" PRIu32 "\n", most, k);
	printf("#DEMO sqrt k=%" PRIu32 " lookups=%" PRIu64 " fills=%" PRIu64 " returns=%" PRIu64,
	       k, n, t.fills, t.returns);
	printf(" protect_calls=%" PRIu64 " resident_most=%" PRIu64 " wrong=%" PRIu64 " ms=%.0f\n",
	       t.protects, most, wrong, seconds * 1e3);
	slots_destroy();
	return wrong + (most > k);
}

static void usage(FILE *f)
{
	fputs("Usage: sqrt [-k PAGES] [-n LOOKUPS] [-s SEED] [-p clock|fifo]\n"
	      "\n"
	      "A table of 64 Mi square roots, of which only so many pages are in memory: by\n"
	      "default 1, then 64, then 1024, for 500000 look-ups in all, each compared.\n"
	      "Exit status: 0 all right; 1 not; 2 usage; 77 the module is not there.\n", f);
}

static uint64_t number(const char *text, uint64_t max)
{
	char *end;
	uint64_t n = strtoull(text, &end, 0);

	if (end == text || *end || n < 1 || n > max) {
		fprintf(stderr, "sqrt: %s: not a number from 1 to %" PRIu64 "\n", text, max);
		exit(2);
	}
	return n;
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	int option;

	t.clock = true;
	while ((option = getopt_long(argc, argv, "k:n:s:p:h", options, NULL)) != -1) {
		if (option == 'k') {
			opt.k = number(optarg, 65536);
		} else if (option == 'n') {
			opt.lookups = number(optarg, UINT64_MAX);
		} else if (option == 's') {
			opt.seed = number(optarg, UINT64_MAX);
		} else if (option == 'p' && (!strcmp(optarg, "fifo") || !strcmp(optarg, "clock"))) {
			t.clock = optarg[0] == 'c';
		} else {
			usage(option == 'h' ? stdout : stderr);
			exit(option == 'h' ? 0 : 2);
		}
	}
}

int main(int argc, char **argv)
{
	static const uint32_t ks[] = { 1, 64, 1024 };
	uint64_t wrong = 0;
	int err, i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	parse(argc, argv);
	err = codecache_open(&t.cache);
	if (err)
		die(EXIT_SKIP, "cannot run here: %s", codecache_strerror(err));
	table_reserve();
	slots_allow(opt.k ? opt.k : ks[2]);
	printf("a table of %llu square roots, %" PRIu64 " pages; policy %s\n", TABLE_ENTRIES,
	       t.nr_pages, t.clock ? "clock" : "fifo");
	printf("        K   look-ups    fills given back   PROTECT   hits%%  resident  seconds\n");
	if (opt.k)
		wrong = run((uint32_t)opt.k, opt.lookups);
	for (i = 0; i < 3 && !opt.k; i++)
		wrong += run(ks[i], (opt.lookups + (unsigned int)i) / 3);
	codecache_close(t.cache);
	printf("%s\n", wrong ? "FAILED" : "all look-ups verified");
	return wrong ? 1 : 0;
}
