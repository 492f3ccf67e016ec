// SPDX-License-Identifier: MIT
/*
 * What it costs to take code pages back: EXTENT_RETIRE until they are free, against
 * munmap() and madvise() after membarrier()
 *
 * Usage: retire_bench instructions | codecache | barriers | shootdowns | profile ROW N
 *
 * Work: N pages of a code cache that is mapped twice, to be written and to be run,
 * all resident in both, are given back, and are handed out and touched again before
 * the next round. They are every other page, as evicted code lies between code that
 * stays, or adjacent ones, which the peers take in one call. codecache's pages are N
 * extents, in one call or in N; the work that it leaves to a kernel thread counts.
 * The peers have a membarrier() in each batch, after which a runtime would look at its
 * readers: that is not counted, since there are none.
 *
 * "instructions" wants a guest whose clock counts instructions (QEMU -icount
 * shift=0), as does "codecache", which leaves the peers out; "barriers" such a guest with
 * two CPUs, one of which is idle; "shootdowns" wants two CPUs, on one of which a thread
 * spins, and counts the TLB row of /proc/interrupts; "profile" tells where the
 * instructions of a row go.
 */
#include <errno.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "measure.h"
#include "profile.h"
#include "retire.h"
#include "smp.h"

#define ROUNDS		5
#define PROFILE_PAGES	65536
#define PROFILE_ROUNDS	256

size_t page_size;
struct codecache_cache *cache;

static const struct codecache_control *control;
static int sink;	/* a pipe: to write to it reads memory */

static const unsigned int counts[] = { 1, 64, MAX_PAGES };
static const char *const columns[] = { "N = 1", "N = 64", "N = 4096" };
#define NR_COUNTS (sizeof(counts) / sizeof(counts[0]))

#define GLOBAL	MEMBARRIER_CMD_GLOBAL
#define PRIVATE	MEMBARRIER_CMD_PRIVATE_EXPEDITED

#define OURS(title, pages, hand_out, give_back)				\
	{ .name = title, .step = pages, .traps = true,			\
	  .setup = cc_setup, .make = hand_out, .retire = give_back }
#define PEER(title, pages, hand_out, give_back, command)		\
	{ .name = title, .step = pages, .traps = hand_out == memfd_map,	\
	  .setup = memfd_setup, .make = hand_out, .retire = give_back,	\
	  .barrier = command }

static struct method methods[] = {
	OURS("codecache, one call", 2, cc_make, cc_retire),
	OURS("codecache, N calls", 2, cc_make, cc_retire_each),
	PEER("munmap, membarrier global", 2, memfd_map, memfd_unmap, GLOBAL),
	PEER("munmap, membarrier private", 2, memfd_map, memfd_unmap, PRIVATE),
	PEER("MADV_REMOVE, membarrier private", 2, memfd_keep, memfd_remove, PRIVATE),
	PEER("MADV_DONTNEED, membarrier private", 2, memfd_keep, memfd_dontneed, PRIVATE),
	PEER("membarrier global alone", 2, memfd_keep, memfd_barrier, GLOBAL),
	PEER("membarrier private alone", 2, memfd_keep, memfd_barrier, PRIVATE),
	OURS("codecache, N extents", 1, cc_make, cc_retire),
	OURS("codecache, one extent", 1, cc_make_whole, cc_retire_whole),
	PEER("munmap, one range", 1, memfd_map, memfd_unmap, PRIVATE),
	PEER("MADV_REMOVE, one range", 1, memfd_keep, memfd_remove, PRIVATE),
	PEER("MADV_DONTNEED, one range", 1, memfd_keep, memfd_dontneed, PRIVATE),
};

#define NR_METHODS (sizeof(methods) / sizeof(methods[0]))

/* Each page resident in both windows. */
static void touch(const struct method *m, unsigned int n)
{
	size_t step = m->step * page_size;
	unsigned int i;

	for (i = 0; i < n; i++) {
		*(volatile char *)(m->write + i * step) = 1;
		(void)*(volatile char *)(m->exec + i * step);
	}
}

/* The kernel cannot read what is gone: no signal is raised. */
static void check_traps(const struct method *m, unsigned int n)
{
	size_t step = m->step * page_size;
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (write(sink, m->exec + i * step, 1) >= 0 || errno != EFAULT ||
		    write(sink, m->write + i * step, 1) >= 0 || errno != EFAULT)
			measure_die("a page is there that should be gone", 0);
	}
}

static unsigned int nr_vmas(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned int n = 0;
	int c;

	if (!f)
		measure_die("/proc/self/maps", errno);
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

/* ---- instructions -------------------------------------------------------- */

/* What is measured of each method and number of pages. */
enum phase {
	MAKE,		/* handing out */
	TOUCH,		/* and first use */
	CALL,		/* giving back, until the caller has it off its hands */
	GONE,		/* ... and until the pages are free */
	VMAS,		/* that there are more of then */
	NR_PHASES,
};

static struct cost costs[NR_METHODS][NR_PHASES][NR_COUNTS];

/* One that sleeps, if it has another CPU to wait for. */
static bool sleeps(const struct method *m)
{
	return m->barrier == GLOBAL && sysconf(_SC_NPROCESSORS_ONLN) > 1;
}

static void retire_once(struct method *m, unsigned int n, struct cost *call,
			struct cost *gone)
{
	struct meter meter;

	if (sleeps(m))
		measure_burn(true);
	meter_start(&meter);
	measure_check(m->name, m->retire(m, n));
	cost_add(call, meter_end(&meter));
	if (m->cookie)
		meter_spin(&meter, &control->completed, m->cookie);
	cost_add(gone, meter_end(&meter));
	if (sleeps(m))
		measure_burn(false);
}

static void measure_once(struct method *m, unsigned int n, unsigned int column,
			 struct cost (*cost)[NR_COUNTS])
{
	unsigned int before = nr_vmas();
	uint64_t start, made, touched;

	start = measure_now();
	measure_check(m->name, m->make(m, n));
	made = measure_now();
	touch(m, n);
	touched = measure_now();
	if (nr_vmas() > before)
		measure_die("pages that are handed out make mappings", 0);
	before = nr_vmas();
	retire_once(m, n, &cost[CALL][column], &cost[GONE][column]);
	cost_add(&cost[VMAS][column], measure_clock() + nr_vmas() - before);
	cost_add(&cost[MAKE][column], made - start);
	cost_add(&cost[TOUCH][column], touched - start);
	if (m->traps)
		check_traps(m, n);
}

static void measure(struct method *m, unsigned int n, unsigned int column,
		    struct cost (*cost)[NR_COUNTS])
{
	int i, k;

	/* The first round finds nothing as the others do. */
	for (i = 0; i <= ROUNDS; i++) {
		for (k = 0; k < NR_PHASES && i <= 1; k++)
			cost[k][column] = COST_UNKNOWN;
		measure_once(m, n, column, cost);
	}
}

/* Does a method do what this is about? */
static bool has_phase(const struct method *m, enum phase phase)
{
	switch (phase) {
	case MAKE:
		return m->make != memfd_keep;
	case TOUCH:
		return m->retire != memfd_barrier;
	default:
		return true;
	}
}

static void print(enum phase phase, const char *what, const char *title,
		  unsigned int step)
{
	const struct table table = { what, title, columns, NR_COUNTS };
	unsigned int i;

	table_head(&table);
	for (i = 0; i < NR_METHODS; i++) {
		if (methods[i].step == step && has_phase(&methods[i], phase))
			table_line(&table, methods[i].name, costs[i][phase],
				   phase == VMAS ? NULL : counts);
	}
}

static void bench_instructions(bool peers)
{
	unsigned int i, k;

	measure_calibrate();
	for (i = 0; i < NR_METHODS; i++) {
		for (k = 0; k < NR_PHASES * NR_COUNTS; k++)
			costs[i][k / NR_COUNTS][k % NR_COUNTS] = COST_UNKNOWN;
		if (methods[i].barrier ? !peers : !cache)
			continue;
		measure_check(methods[i].name, methods[i].setup(&methods[i]));
		for (k = 0; k < NR_COUNTS; k++)
			measure(&methods[i], counts[k], k, costs[i]);
	}
	print(GONE, "retire", "Instructions a page until it is free, every other page", 2);
	print(CALL, "retire-call", "... until the call returns", 2);
	print(GONE, "retire-run", "Instructions a page until it is free, adjacent pages", 1);
	print(CALL, "retire-run-call", "... until the call returns", 1);
	print(MAKE, "make", "Instructions a page to hand it out, every other page", 2);
	print(TOUCH, "touch", "... and to store to it, and load, for the first time", 2);
	print(MAKE, "make-run", "Instructions a page to hand it out, adjacent pages", 1);
	print(TOUCH, "touch-run", "... and to store to it, and load, for the first time", 1);
	print(VMAS, "retire-vmas", "Mappings more once they are gone, every other page", 2);
}

/*
 * With one CPU membarrier() has nothing to do. With a second one, which is idle here,
 * the global kind waits for a grace period of RCU, as codecache does; both CPUs'
 * instructions count.
 */
static void bench_barriers(void)
{
	const struct table table = {
		"retire-two-cpus", "Instructions a page until it is free, two CPUs",
		columns, NR_COUNTS - 1,
	};
	unsigned int i, k;
	struct method *m;

	smp_pin(0);
	measure_calibrate();
	table_head(&table);
	for (i = 0; i < NR_METHODS; i++) {
		m = &methods[i];
		if (m->step != 2 || (m->retire != cc_retire && m->retire != memfd_unmap &&
				     m->retire != memfd_barrier))
			continue;
		measure_check(m->name, m->setup(m));
		for (k = 0; k < table.nr; k++)
			measure(m, counts[k], k, costs[i]);
		table_line(&table, m->name, costs[i][GONE], counts);
	}
}

/* ---- shootdowns ---------------------------------------------------------- */

static struct cost count_shootdowns(struct method *m, unsigned int n)
{
	struct cost cost = COST_UNKNOWN;
	uint64_t before;
	int i;

	for (i = 0; i < 3; i++) {
		measure_check(m->name, m->make(m, n));
		touch(m, n);
		before = smp_shootdowns();
		measure_check(m->name, m->retire(m, n));
		measure_check(m->name, codecache_grace_wait(cache, m->cookie, 0, 0));
		cost_add(&cost, smp_shootdowns() - before);
	}
	return cost;
}

static void bench_shootdowns(void)
{
	const struct table table = {
		"retire-shootdowns", "TLB shootdown interrupts in one pass", columns,
		NR_COUNTS,
	};
	struct cost cells[NR_COUNTS];
	unsigned int i, k;

	smp_pin(0);
	smp_spin(1);
	table_head(&table);
	for (i = 0; i < NR_METHODS; i++) {
		measure_check(methods[i].name, methods[i].setup(&methods[i]));
		for (k = 0; k < NR_COUNTS; k++)
			cells[k] = count_shootdowns(&methods[i], counts[k]);
		table_line(&table, methods[i].name, cells, NULL);
	}
	smp_stop();
}

/* ---- where the instructions go -------------------------------------------- */

static void profile(unsigned int row, unsigned int n)
{
	struct cost unused = COST_UNKNOWN;
	struct method *m = &methods[row - 1];
	unsigned int i;

	if (row - 1 >= NR_METHODS || n - 1 >= MAX_PAGES)
		measure_die("no such row, or so many pages", EINVAL);
	measure_check(m->name, m->setup(m));
	measure_calibrate();
	profile_open();
	for (i = 0; i < PROFILE_PAGES / n && i < PROFILE_ROUNDS; i++) {
		measure_check(m->name, m->make(m, n));
		touch(m, n);
		profile_switch(true);
		retire_once(m, n, &unused, &unused);
		profile_switch(false);
	}
	printf("%s, N = %u:\n", m->name, n);
	profile_print();
}

static int usage(void)
{
	fprintf(stderr,
		"usage: retire_bench instructions|codecache|barriers|shootdowns|profile ROW N\n");
	return 2;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	int fds[2];

	if (argc != (strcmp(mode, "profile") ? 2 : 4))
		return usage();
	measure_init("retire_bench");
	page_size = codecache_page_size();
	if (measure_open(&cache))
		measure_check("control", codecache_control_page(cache, &control));
	else if (strcmp(mode, "instructions"))
		measure_die("the module is needed", 0);
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0))
		measure_die("membarrier", errno);
	if (pipe(fds))
		measure_die("pipe", errno);
	sink = fds[1];
	if (!strcmp(mode, "instructions") || !strcmp(mode, "codecache"))
		bench_instructions(!strcmp(mode, "instructions"));
	else if (!strcmp(mode, "barriers"))
		bench_barriers();
	else if (!strcmp(mode, "shootdowns"))
		bench_shootdowns();
	else if (!strcmp(mode, "profile"))
		profile(atoi(argv[2]), atoi(argv[3]));
	else
		return usage();
	if (cache)
		codecache_close(cache);
	return 0;
}
