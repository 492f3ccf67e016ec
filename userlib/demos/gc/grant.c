// SPDX-License-Identifier: MIT
/*
 * Giving scanned pages to the mutators
 *
 * Pages that the background has scanned are collected, and granted together: with
 * one PROTECT wherever they lie, or, where the barrier's system call takes a single
 * range, with one call for each run of neighbours. A trap is answered at once, and
 * what is pending goes with it. A larger group means fewer calls, and more traps at
 * pages that were scanned already.
 *
 * Torture takes random pages away again (*shuffle*). They are scanned, so a trap
 * there is answered by granting them anew.
 */
#include <string.h>

#include "gc_priv.h"

/* Pages granted, or deferred ones that are: how long did they wait? */
static void grant_note(struct gc *gc, size_t page)
{
	gc->to->done[page] = PAGE_OPEN;
	if (gc->deferred != page)
		return;
	gc->deferred = GC_NO_PAGE;
	while (gc->nr_deferred)
		samples_add(&gc->trap, now_ns() - gc->deferred_ns[--gc->nr_deferred]);
}

static void grant_runs(struct gc *gc, const struct page_run *runs, unsigned int nr)
{
	int err = gc->barrier.ops->grant(&gc->barrier, &gc->to->map, runs, nr);

	/* -EEXIST: the mutators had a page that was not scanned. */
	if (err && gc->config.sabotage == GC_SABOTAGE_NONE)
		gc_die("pages from %zu on were not granted: %s", runs->first, strerror(-err));
}

/* Grant a page by itself. */
void grant_now(struct gc *gc, size_t page)
{
	struct page_run run = { page, 1 };

	grant_runs(gc, &run, 1);
	grant_note(gc, page);
}

/* Insertion: pages come in order but for those that trapped. */
static void grant_sort(struct gc *gc)
{
	unsigned int i, j;
	size_t page;

	for (i = 1; i < gc->nr_pending; i++) {
		page = gc->pending[i];
		for (j = i; j && gc->pending[j - 1] > page; j--)
			gc->pending[j] = gc->pending[j - 1];
		gc->pending[j] = page;
	}
}

/* Grant all pages that are scanned. */
void grant_pending(struct gc *gc)
{
	struct page_run runs[GC_MAX_GROUP];
	unsigned int i, nr = 0;

	if (!gc->nr_pending)
		return;
	grant_sort(gc);
	for (i = 0; i < gc->nr_pending; i++) {
		if (nr && runs[nr - 1].first + runs[nr - 1].nr == gc->pending[i])
			runs[nr - 1].nr++;
		else
			runs[nr++] = (struct page_run){ gc->pending[i], 1 };
	}
	grant_runs(gc, runs, nr);
	for (i = 0; i < gc->nr_pending; i++)
		grant_note(gc, gc->pending[i]);
	gc->nr_pending = 0;
}

/* A page is scanned: grant it with others, or now if a mutator has waited for it. */
void grant_page(struct gc *gc, size_t page)
{
	gc->to->done[page] = PAGE_SCANNED;
	gc->pending[gc->nr_pending++] = page;
	if (gc->nr_pending == gc->config.group || page == gc->deferred)
		grant_pending(gc);
}

static uint64_t grant_random(struct gc *gc)
{
	gc->random = gc->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return gc->random >> 33;
}

/* Torture: take a page away that the mutators have, or else give them one back. */
void grant_shuffle(struct gc *gc)
{
	size_t page = grant_random(gc) % (gc->background + 1);
	struct barrier *b = &gc->barrier;
	int err;

	if (gc->nr_shut == GC_MAX_SHUT || (gc->nr_shut && grant_random(gc) % 2)) {
		page = gc->shut[--gc->nr_shut];
		if (gc->to->done[page] == PAGE_SHUT)
			grant_now(gc, page);
		return;
	}
	if (gc->to->done[page] != PAGE_OPEN)
		return;
	gc->to->done[page] = PAGE_SHUT;
	err = b->ops->revoke(b, &gc->to->map, (struct page_run){ page, 1 });
	if (err)
		gc_die("page %zu was not taken away: %s", page, strerror(-err));
	gc->shut[gc->nr_shut++] = page;
	stat_add(&gc->stats.shuts, 1);
}

/* Give all pages back that torture has taken away. */
void grant_shut(struct gc *gc)
{
	size_t page;

	while (gc->nr_shut) {
		page = gc->shut[--gc->nr_shut];
		if (gc->to->done[page] == PAGE_SHUT)
			grant_now(gc, page);
	}
}
