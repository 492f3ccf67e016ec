// SPDX-License-Identifier: MIT
/*
 * What a remembered set costs by itself, by the number of pages that are written
 *
 * A word is stored to each of so many pages of old space, evenly spaced; then the set is
 * taken, which must find just these. Once more for each number, and several times: the
 * least counts. All pages have been used before, so that none is mapped now.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cards.h"
#include "flip.h"
#include "gc_priv.h"
#include "measure.h"
#include "remember.h"

#define ROUNDS	5U
#define PAGES	4096U

struct take {
	struct barrier b;
	struct space_map map;
	uint64_t bitmap[PAGES];		/* bits: room for parts of a page */
	size_t units;			/* all in all */
	uint64_t write_ns;		/* least of the rounds */
	uint64_t take_ns;
	unsigned int vmas;
};

static void take_check(const struct take *t, const char *what, int err)
{
	if (err)
		gc_die("%s: %s: %s", t->b.ops->name, what, strerror(-err));
}

static void take_write(struct take *t, unsigned int nr)
{
	bool cards = t->b.ops->remember->cards;
	volatile uint64_t *word;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		word = (uint64_t *)(void *)(t->map.mutator + PAGES / nr * i * t->b.page);
		*word = i;
		if (cards)
			cards_mark((const uint64_t *)(uintptr_t)word);
	}
}

static void take_round(struct take *t, unsigned int nr)
{
	uint64_t start = now_ns(), took;
	unsigned int found = 0;
	size_t i;

	take_write(t, nr);
	took = now_ns() - start;
	t->write_ns = took < t->write_ns ? took : t->write_ns;
	t->vmas = measure_vmas();
	start = now_ns();
	take_check(t, "taking the set",
		   t->b.ops->remember->take(&t->b, &t->map, t->units, t->bitmap));
	took = now_ns() - start;
	t->take_ns = took < t->take_ns ? took : t->take_ns;
	for (i = 0; i < t->units; i++)
		found += remember_is_set(t->bitmap, i);
	if (found != nr)
		gc_die("%s: %u pages were written, and %u are remembered", t->b.ops->name, nr,
		       found);
}

static void take_set(struct take *t, const char *name)
{
	static const unsigned int numbers[] = { 1, 8, 64, 512, 2048, 4096 };
	unsigned int i, round;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		t->write_ns = UINT64_MAX;
		t->take_ns = UINT64_MAX;
		for (round = 0; round < ROUNDS; round++)
			take_round(t, numbers[i]);
		printf("%-12s %8u %14" PRIu64 " %14" PRIu64 " %8u\n", name, numbers[i],
		       t->write_ns, t->take_ns, t->vmas);
		printf("#TSV\ttake\t%s\t%u\t%" PRIu64 "\t%" PRIu64 "\t%u\n", name, numbers[i],
		       t->write_ns, t->take_ns, t->vmas);
	}
}

static bool take_barrier(const char *name)
{
	struct take *t = calloc(1, sizeof(*t));
	bool done = false;

	if (!t)
		gc_die("out of memory");
	if (barrier_open(&t->b, name, true)) {
		printf("%-12s skipped: %s\n", name, t->b.failed);
		free(t);
		return done;
	}
	take_check(t, t->b.failed, t->b.ops->map(&t->b, &t->map, PAGES * t->b.page));
	memset(t->map.collector, 1, t->map.bytes);
	t->units = t->map.bytes / (t->b.ops->remember->unit ? t->b.ops->remember->unit : t->b.page);
	take_write(t, PAGES);
	take_check(t, "taking the set",
		   t->b.ops->remember->take(&t->b, &t->map, t->units, t->bitmap));
	take_set(t, name);
	t->b.ops->unmap(&t->b, &t->map);
	t->b.ops->close(&t->b);
	free(t);
	return true;
}

int take_costs(const struct options *o)
{
	const struct barrier_ops *const *list = barrier_list(true);
	unsigned int i, done = 0;

	printf("so many of %u pages of old space written, then the remembered set taken; ns, or in\n"
	       "a guest whose clock counts instructions, instructions; the least of %u rounds\n\n"
	       "%-12s %8s %14s %14s %8s\n", PAGES, ROUNDS, "remembered", "pages", "write",
	       "take", "VMAs");
	signals_enter();
	for (i = 0; list[i]; i++)
		if (options_wants(o->barrier, list[i]->name))
			done += take_barrier(list[i]->name);
	signals_leave();
	return done ? 0 : 77;
}
