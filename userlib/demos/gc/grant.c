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
 * there is answered by granting them anew; but until then they must not change.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

static uint64_t grant_sum(const struct gc *gc, size_t page)
{
	const volatile uint64_t *word = space_at(gc->to, page * gc->page)->word - 1;
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < gc->page / sizeof(*word); i++)
		sum = (sum ^ word[i]) * 0x9e3779b97f4a7c15ULL;
	return sum;
}

static void grant_take(struct gc *gc, size_t page)
{
	struct barrier *b = &gc->barrier;
	int err = b->ops->revoke(b, &gc->to->map, (struct page_run){ page, 1 });

	if (err)
		gc_die("page %zu was not taken away: %s", page, strerror(-err));
	gc->to->done[page] = PAGE_SHUT;
	gc->shut[gc->nr_shut++] = (struct shut){ page, grant_sum(gc, page) };
	stat_add(&gc->stats.shuts, 1);
}

/* Give a page back that was taken away; nobody can have written to it meanwhile. */
static void grant_back(struct gc *gc, unsigned int i)
{
	struct shut shut = gc->shut[i];

	gc->shut[i] = gc->shut[--gc->nr_shut];
	if (grant_sum(gc, shut.page) != shut.sum) {
		stat_add(&gc->stats.faults_found, 1);
		/* No printf(): a mutator may hold stdout's lock and wait for us. */
		dprintf(STDOUT_FILENO, "gc: page %zu was written to while no mutator had it\n",
			shut.page);
	}
	grant_now(gc, shut.page);
}

/* Torture: take a page away that the mutators have, or else give one back. */
void grant_shuffle(struct gc *gc)
{
	size_t page = grant_random(gc) % (gc->background + 1);

	if (gc->nr_shut == GC_MAX_SHUT || (gc->nr_shut && grant_random(gc) % 2))
		grant_back(gc, (unsigned int)(grant_random(gc) % gc->nr_shut));
	else if (gc->to->done[page] == PAGE_OPEN)
		grant_take(gc, page);
}

/* A mutator waits for a page that torture has taken away. */
void grant_wanted(struct gc *gc, size_t page)
{
	unsigned int i;

	for (i = 0; gc->shut[i].page != page; i++)
		;
	grant_back(gc, i);
}

/* Give all pages back that torture has taken away. */
void grant_shut(struct gc *gc)
{
	while (gc->nr_shut)
		grant_back(gc, 0);
}
