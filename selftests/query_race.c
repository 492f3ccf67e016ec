// SPDX-License-Identifier: MIT
/*
 * Writers within the pages that are asked about
 *
 * Each page has a counter, which every store increments. A collector asks and
 * clears, and when the call has returned it keeps the counter of each page that
 * was found, which it reads through another view. A page may be written again
 * meanwhile: then it is found by a later call. When the writers have stopped and
 * everything has been asked for, each page's counter must be one that somebody has
 * kept: else its last store was never found. Later stores would hide that, so the
 * writers are stopped often; what else is going on goes on for a while.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cc_test.h"
#include "query_rounds.h"

#define MAX_THREADS	6
#define PHASE_MS	20	/* with writers */
#define AFTER_MS	4	/* without */

static struct {
	struct query_race *race;
	struct cc_mem mem;
	int view;
	unsigned char *map;
	unsigned char *alias;	/* a second view, never protected, never asked */
	int alias_fd;
	size_t page;
	atomic_bool stop_writers, stop_collectors;
	atomic_int error;
	atomic_ulong *kept;	/* by page */
	atomic_ulong stores, reports, queries, unsure;
	struct sigaction old;
} world;

static __thread sigjmp_buf retry;
static __thread bool armed;

static void on_trap(int sig, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	if (!armed) {
		signal(sig, SIG_DFL);
		return;
	}
	siglongjmp(retry, 1);
}

static void fail(int err)
{
	int none = 0;

	atomic_compare_exchange_strong(&world.error, &none, err);
}

static atomic_ulong *counter(unsigned char *map, unsigned long page)
{
	return (atomic_ulong *)(map + page * world.page);
}

/* ---- threads --------------------------------------------------------------------- */

static void *writer_main(void *arg)
{
	bool mends = world.race->flags & CODECACHE_QUERY_F_PROTECT;
	static __thread unsigned long page, stores;	/* survive traps */
	static __thread unsigned int seed;

	seed = (uintptr_t)arg;
	/* Traps come back to here: with SA_NODEFER there is no mask to restore. */
	if (sigsetjmp(retry, 0) && mends) {
		int err = cc_protect_run(world.view, page, 1, CC_RW);

		if (err)
			fail(err);
	}
	armed = true;
	while (!atomic_load(&world.stop_writers)) {
		page = rand_r(&seed) % world.race->nr_pages;
		atomic_fetch_add(counter(world.map, page), 1);
		stores++;
	}
	armed = false;
	atomic_fetch_add(&world.stores, stores);
	return NULL;
}

static void keep(uint64_t first, uint64_t nr)
{
	uint64_t page;

	for (page = first; page < first + nr; page++) {
		unsigned long now = atomic_load(counter(world.alias, page));
		unsigned long was = atomic_load(&world.kept[page]);

		while (was < now &&
		       !atomic_compare_exchange_weak(&world.kept[page], &was,
						     now))
			;
	}
}

/* One call from @first on; where the next must go on, 0 if it failed. */
static uint64_t collect(uint64_t first, unsigned int room)
{
	struct codecache_page_range r[CC_QUERY_ROOM];
	struct codecache_view_query_args args = {
		.flags = world.race->flags,
		.prot = world.race->flags & CODECACHE_QUERY_F_PROTECT ? CC_R : 0,
		.find = CC_DIRTY,
		.clear = CC_DIRTY,
		.first_page = first,
		.addr = (uintptr_t)r,
		.count = room,
	};
	int err = cc_query_call(world.view, &args);
	uint64_t i;

	if (err) {
		fail(err);
		return 0;
	}
	for (i = 0; i < args.out_count; i++) {
		keep(r[i].first_page, r[i].nr_pages);
		if (r[i].state & CC_UNSURE)
			atomic_fetch_add(&world.unsure, r[i].nr_pages);
	}
	atomic_fetch_add(&world.reports, args.out_nr_pages);
	atomic_fetch_add(&world.queries, 1);
	return args.out_next_page;
}

static void collect_all(unsigned int room)
{
	uint64_t page = 0;

	do {
		page = collect(page, room);
	} while (page && page < world.race->nr_pages);
}

static void *collector_main(void *arg)
{
	unsigned int seed = (uintptr_t)arg;

	while (!atomic_load(&world.stop_collectors))
		collect_all(1 + rand_r(&seed) % CC_QUERY_ROOM);
	return NULL;
}

static void *narrower_main(void *arg)
{
	unsigned int seed = (uintptr_t)arg;

	while (!atomic_load(&world.stop_collectors)) {
		unsigned long first = rand_r(&seed) % world.race->nr_pages;
		unsigned long nr = 1 + rand_r(&seed) %
				   (world.race->nr_pages - first);
		int err = cc_protect_run(world.view, first, nr,
					 world.race->narrow);

		if (!err)
			err = cc_protect_run(world.view, first, nr, CC_RW);
		if (err)
			fail(err);
	}
	return NULL;
}

static void *unmapper_main(void *arg)
{
	size_t bytes = world.race->nr_pages * world.page;
	void *at;

	(void)arg;
	while (!atomic_load(&world.stop_collectors)) {
		int err = world.race->munmaps ? munmap(world.map, bytes) :
						cc_unmap(world.view, &at);

		if (!err && !world.race->munmaps && at != world.map)
			err = -EBADMSG;
		if (!err && mmap(world.map, bytes, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_FIXED_NOREPLACE, world.view,
				 0) != world.map)
			err = -errno;
		if (err)
			fail(err);
		usleep(2000);
	}
	return NULL;
}

/* ---- a run ----------------------------------------------------------------------- */

static int world_open(struct query_race *race)
{
	struct sigaction act = { .sa_sigaction = on_trap,
				 .sa_flags = SA_SIGINFO | SA_NODEFER };
	unsigned long page;
	int err;

	race->phases = race->phases ?: 100;
	race->nr_pages = race->nr_pages ?: 4096;
	race->writers = race->writers ?: 2;
	race->collectors = race->collectors ?: 1;
	memset(&world, 0, sizeof(world));
	world.race = race;
	world.page = cc_page_size();
	err = cc_mem_data(&world.mem, race->nr_pages);
	if (err)
		return err;
	world.view = world.mem.fd[CODECACHE_VIEW_DATA];
	world.map = world.mem.map[CODECACHE_VIEW_DATA];
	world.alias_fd = cc_view(world.mem.zone, CODECACHE_VIEW_DATA);
	world.alias = cc_map(world.alias_fd, CODECACHE_VIEW_DATA,
			     race->nr_pages);
	world.kept = calloc(race->nr_pages, sizeof(*world.kept));
	if (!world.alias || !world.kept)
		return -ENOMEM;
	for (page = 0; page < race->nr_pages; page += 2)
		atomic_store(counter(world.map, page), 0);
	sigaction(SIGSEGV, &act, &world.old);
	return 0;
}

static void world_close(void)
{
	sigaction(SIGSEGV, &world.old, NULL);
	munmap(world.alias, world.race->nr_pages * world.page);
	close(world.alias_fd);
	free(world.kept);
	cc_mem_close(&world.mem);
}

static void *(*role(unsigned int i))(void *)
{
	const struct query_race *race = world.race;

	if (i < race->writers)
		return writer_main;
	i -= race->writers;
	if (i < race->collectors)
		return collector_main;
	i -= race->collectors;
	if (race->narrows && i-- == 0)
		return narrower_main;
	return race->unmap && i == 0 ? unmapper_main : NULL;
}

/* Everybody is gone: what has nobody found? */
static void settle(struct query_race *race)
{
	unsigned long page;

	collect_all(CC_QUERY_ROOM);
	for (page = 0; page < race->nr_pages; page++)
		race->lost += atomic_load(counter(world.alias, page)) !=
			      atomic_load(&world.kept[page]);
}

static int phase(struct query_race *race)
{
	pthread_t threads[MAX_THREADS];
	unsigned int i, n;
	int err;

	atomic_store(&world.stop_writers, false);
	atomic_store(&world.stop_collectors, false);
	for (n = 0; n < MAX_THREADS && role(n); n++) {
		err = -pthread_create(&threads[n], NULL, role(n),
				      (void *)(uintptr_t)(rand() + n));
		if (err)
			return err;
	}
	usleep(PHASE_MS * 1000);
	atomic_store(&world.stop_writers, true);
	for (i = 0; i < n; i++) {
		if (i == race->writers) {
			usleep(AFTER_MS * 1000);
			atomic_store(&world.stop_collectors, true);
		}
		pthread_join(threads[i], NULL);
	}
	settle(race);
	return atomic_load(&world.error);
}

/* A phase has a length in time, in which a slow machine gets little done. */
static bool more_phases(const struct query_race *race, unsigned int done)
{
	return done < race->phases ||
	       (atomic_load(&world.stores) <= QUERY_RACE_STORES &&
		done < 10 * race->phases);
}

int query_race_run(struct query_race *race)
{
	unsigned int i;
	int err = world_open(race);

	race->lost = 0;
	for (i = 0; more_phases(race, i) && !err; i++)
		err = phase(race);
	race->stores = atomic_load(&world.stores);
	race->queries = atomic_load(&world.queries);
	race->reports = atomic_load(&world.reports);
	race->unsure = atomic_load(&world.unsure);
	world_close();
	return err;
}
