// SPDX-License-Identifier: MIT
/*
 * Owners of extents, who must not notice what bystanders do
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cc_bystand.h"

#define MAX_OWNERS	8
#define MAX_EXTENTS	8	/* of an owner at a time */
#define MAX_PAGES	4	/* of an extent */

struct owner {
	pthread_t thread;
	unsigned int nr;
	unsigned int seed;
	uint64_t serial;
	struct ext_reader reader;
	bool reads;
	unsigned long pages, unclean, foreign;
};

struct doer {
	pthread_t thread;
	unsigned int bit;
	unsigned int seed;
};

static struct {
	struct churn *churn;
	struct cc_mem mem;
	struct cc_shared shared;
	struct bystand bystand;
	unsigned char *map;	/* the owners' views: to write, */
	unsigned char *alias;	/* and to look once more */
	int alias_fd;
	size_t page;
	atomic_ulong rounds;
	atomic_bool stop;
	atomic_int error;
	struct owner owners[MAX_OWNERS];
	struct doer doers[CHURN_BITS];
} world;

static void fail(int err)
{
	int none = 0;

	atomic_compare_exchange_strong(&world.error, &none, err);
	atomic_store(&world.stop, true);
}

/* ---- what an owner looks at ---------------------------------------------------- */

/* Words of a page that owners use; some rounds look at all of them. */
static const unsigned int words[] = { 0, 1, 8, 63, 100, 256, 400, 511 };

static volatile uint64_t *word_at(unsigned char *map, uint64_t page,
				  unsigned int word)
{
	return (volatile uint64_t *)(map + page * world.page) + word;
}

static uint64_t pattern(const struct owner *o, uint64_t page, unsigned int word)
{
	return (uint64_t)(o->nr + 1) << 56 | o->serial << 32 | page_mark(page) |
	       word;
}

/* Zero, or what bystanders store there. */
static bool stray_or_zero(uint64_t value)
{
	const uint64_t stray = STRAY_VALUE;
	const unsigned char *is = (const unsigned char *)&value;
	const unsigned char *may = (const unsigned char *)&stray;
	unsigned int i;

	for (i = 0; i < sizeof(value); i++) {
		if (is[i] && is[i] != may[i])
			return false;
	}
	return true;
}

static void note_wrong(unsigned long *count)
{
	++*count;
	if (world.churn->until_wrong)
		atomic_store(&world.stop, true);
}

/* A page that has just been handed out. */
static void inspect(struct owner *o, uint64_t page)
{
	unsigned int i;

	if (!stray_or_zero(*word_at(world.map, page, STRAY_WORD)))
		note_wrong(&o->unclean);
	if (rand_r(&o->seed) % 8 == 0) {
		for (i = 0; i < world.page / sizeof(uint64_t); i++) {
			if (i != STRAY_WORD && *word_at(world.map, page, i))
				note_wrong(&o->unclean);
		}
	}
	for (i = 0; i < ARRAY_LEN(words); i++) {
		if (*word_at(world.map, page, words[i]))
			note_wrong(&o->unclean);
	}
}

static void fill(struct owner *o, uint64_t page)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(words); i++)
		*word_at(world.map, page, words[i]) = pattern(o, page, words[i]);
	o->pages++;
}

static void verify(struct owner *o, unsigned char *map, uint64_t page)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(words); i++) {
		if (*word_at(map, page, words[i]) != pattern(o, page, words[i]))
			note_wrong(&o->foreign);
	}
	if (!stray_or_zero(*word_at(map, page, STRAY_WORD)))
		note_wrong(&o->foreign);
}

/* ---- owners -------------------------------------------------------------------- */

#define for_each_page(page, e, nr)					\
	for (unsigned int e_i = 0; e_i < (nr); e_i++)			\
		for (uint64_t page = (e)[e_i].first_page;		\
		     page < (e)[e_i].first_page + (e)[e_i].nr_pages; page++)

static void use(struct owner *o, const struct codecache_extent *e, unsigned int nr)
{
	for_each_page(page, e, nr)
		inspect(o, page);
	for_each_page(page, e, nr)
		fill(o, page);
	if (rand_r(&o->seed) % 4 == 0)
		usleep(rand_r(&o->seed) % 300);
	for_each_page(page, e, nr)
		verify(o, rand_r(&o->seed) % 2 ? world.map : world.alias, page);
}

/* What is retired stays as it is for who is inside. */
static int retire(struct owner *o, const struct codecache_extent *e, unsigned int nr)
{
	uint64_t outer = 0;
	int err;

	if (o->reads)
		outer = ext_enter(&o->reader);
	err = cc_retire(world.mem.zone, e, nr, NULL);
	if (!err && o->reads) {
		if (rand_r(&o->seed) % 8 == 0)
			usleep(rand_r(&o->seed) % 3000);
		for_each_page(page, e, nr)
			verify(o, world.alias, page);
	}
	if (o->reads)
		ext_exit(&o->reader, outer);
	return err;
}

/* The others may have all of it at the moment. */
static int alloc(struct codecache_extent *e, unsigned int nr)
{
	long long since = cc_now_ms();
	int err;

	do {
		err = ext_alloc(&world.mem, e, nr);
	} while (err == -ENOSPC && cc_patient(since));
	return err;
}

static int own(struct owner *o)
{
	struct codecache_extent e[MAX_EXTENTS];
	unsigned int i, nr = 1 + rand_r(&o->seed) % MAX_EXTENTS;
	int err;

	for (i = 0; i < nr; i++)
		e[i] = (struct codecache_extent){
			.nr_pages = 1 + rand_r(&o->seed) % MAX_PAGES,
		};
	err = alloc(e, nr);
	if (err)
		return err;
	o->serial++;
	use(o, e, nr);
	return retire(o, e, nr);
}

static void *owner_main(void *arg)
{
	struct owner *o = arg;
	int err = 0;

	o->reads = !(world.churn->bystanders & CHURN_GARBAGE);
	if (o->reads)
		err = ext_register(&o->reader, world.mem.cache, &world.shared);
	while (!err && !atomic_load(&world.stop)) {
		err = own(o);
		if (atomic_fetch_add(&world.rounds, 1) + 1 >=
		    world.churn->rounds)
			atomic_store(&world.stop, true);
	}
	if (err)
		fail(err);
	return NULL;
}

/* ---- a run ---------------------------------------------------------------------- */

static void *doer_main(void *arg)
{
	struct doer *d = arg;
	unsigned int n;
	int err = 0;

	for (n = 1; !err && !atomic_load(&world.bystand.stop); n++) {
		err = bystand_act(&world.bystand, d->bit, &d->seed);
		/* The owners want to get on. */
		if (n % 8 == 0)
			usleep(200);
	}
	if (err)
		fail(err);
	return NULL;
}

static int open_views(void)
{
	bool data = world.churn->zone_class == CODECACHE_ZONE_DATA;
	uint32_t kind = data ? CODECACHE_VIEW_DATA : CODECACHE_VIEW_WRITE;

	world.map = world.mem.map[kind];
	world.alias = world.mem.map[CODECACHE_VIEW_EXEC];
	world.bystand.kind[STRAY_WRITE] = kind;
	world.bystand.kind[STRAY_READ] = data ? kind : CODECACHE_VIEW_EXEC;
	if (!data)
		return 0;
	world.alias_fd = cc_view(world.mem.zone, kind);
	world.alias = cc_map(world.alias_fd, kind, world.mem.nr_pages);
	return world.alias ? 0 : -errno;
}

static int world_open(struct churn *churn)
{
	int err;

	memset(&world, 0, sizeof(world));
	churn->owners = churn->owners ?: 2;
	churn->nr_pages = churn->nr_pages ?: 1024;
	churn->zone_class = churn->zone_class ?: CODECACHE_ZONE_CODE;
	world.churn = churn;
	world.page = cc_page_size();
	world.alias_fd = -1;
	err = churn->zone_class == CODECACHE_ZONE_DATA ?
		      cc_mem_extents_data(&world.mem, churn->nr_pages) :
		      cc_mem_extents_code(&world.mem, churn->nr_pages);
	if (!err)
		err = open_views();
	if (!err)
		err = cc_share(&world.shared, world.mem.cache);
	world.bystand.mem = &world.mem;
	world.bystand.shared = &world.shared;
	world.bystand.page = world.page;
	return err ? err : bystand_open(&world.bystand);
}

static void world_close(void)
{
	bystand_close(&world.bystand);
	cc_unshare(&world.shared);
	if (world.alias_fd >= 0) {
		munmap(world.alias, world.mem.nr_pages * world.page);
		close(world.alias_fd);
	}
	cc_mem_close(&world.mem);
}

static unsigned int start_all(void)
{
	struct churn *churn = world.churn;
	unsigned int i, n = 0;

	for (i = 0; i < churn->owners; i++) {
		world.owners[i].nr = i;
		world.owners[i].seed = i + 1;
		if (pthread_create(&world.owners[i].thread, NULL, owner_main,
				   &world.owners[i]))
			fail(-EAGAIN);
	}
	for (i = 0; i < CHURN_BITS; i++) {
		if (!(churn->bystanders >> i & 1))
			continue;
		world.doers[n].bit = i;
		world.doers[n].seed = 100 + i;
		if (pthread_create(&world.doers[n].thread, NULL, doer_main,
				   &world.doers[n]))
			fail(-EAGAIN);
		n++;
	}
	return n;
}

static void crowd_run(void)
{
	struct churn *churn = world.churn;
	long long since = cc_now_ms();
	unsigned int i, n = start_all();

	while (!atomic_load(&world.stop)) {
		usleep(5000);
		if (churn->until_wrong && atomic_load(&world.bystand.foreign))
			atomic_store(&world.stop, true);
		if (churn->max_ms && cc_now_ms() - since > churn->max_ms)
			atomic_store(&world.stop, true);
	}
	churn->ms = cc_now_ms() - since;
	for (i = 0; i < churn->owners; i++) {
		pthread_join(world.owners[i].thread, NULL);
		churn->pages += world.owners[i].pages;
		churn->unclean += world.owners[i].unclean;
		churn->foreign += world.owners[i].foreign;
	}
	atomic_store(&world.bystand.stop, true);
	for (i = 0; i < n; i++)
		pthread_join(world.doers[i].thread, NULL);
	for (i = 0; i < CHURN_BITS; i++)
		churn->deeds[i] = atomic_load(&world.bystand.deeds[i]);
	churn->foreign += atomic_load(&world.bystand.foreign);
	churn->done = atomic_load(&world.rounds);
}

/* All that is left goes, as well. */
static void settle(void)
{
	struct codecache_stats_args stats;
	int err = cc_retire_all(world.mem.zone, NULL);

	if (!err && !ext_drained(&world.mem))
		world.churn->left = 1;
	if (!err)
		err = cc_stats(world.mem.cache, &stats);
	if (err)
		fail(err);
	else
		world.churn->left += stats.out_live_pages +
				     stats.out_resident_pages;
}

int churn_run(struct churn *churn)
{
	int err = world_open(churn);

	if (err)
		return err;
	crowd_run();
	settle();
	world_close();
	return atomic_load(&world.error);
}
