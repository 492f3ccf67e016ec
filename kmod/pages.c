// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache pages: those of a zone that PFN views have mapped
 *
 * Concepts: page table entries of PFN mappings hold no reference on their page.
 *           zone->pages does, for each page that such a view has ever mapped. In a
 *           zone with extents an entry is tagged when its extent is retired
 *           (nothing may be stored to it any more: views map it read-only) and
 *           again when its grace period is over (no view maps it any more), then
 *           it goes, and shmem's page with it. Tagging replaces an entry, so it
 *           allocates nothing and cannot fail.
 * Locking:  look-ups are lockless, under view->lock: whoever takes pages away goes
 *           through the lock of every view between tagging and freeing. Entries
 *           are added under zone->filling held shared, and only for pages that
 *           may be used; extents change under it held exclusively, so that no page
 *           comes to an extent that is no more.
 * Lifetime: an entry holds a reference on its page.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/shmem_fs.h>

#include "codecache_priv.h"
#include "testing.h"

/* ---- coming -------------------------------------------------------------- */

/* May pages come to this place? */
static bool codecache_zone_may_fill(const struct codecache_zone *zone,
				    unsigned long pgoff)
{
	struct codecache_area *area;

	lockdep_assert_held(&zone->filling);
	if (!zone->has_extents)
		return true;
	area = codecache_extmap_find(&zone->extents, pgoff);
	return area && area->state == CODECACHE_AREA_LIVE;
}

/* One page more is resident: perhaps it is time to sweep. */
static void codecache_zone_filled(struct codecache_zone *zone)
{
	u64 nr = atomic64_inc_return(&zone->nr_filled);

	if (unlikely(nr == READ_ONCE(zone->high_water)))
		codecache_zone_notify(zone, CODECACHE_ZONE_EVENT_HIGH_WATER);
}

/* Charge a page, get it from shmem and pin it; others may do the same. */
static struct page *codecache_zone_fill_locked(struct codecache_zone *zone,
					       unsigned long pgoff)
	__must_hold(&zone->filling)
{
	struct address_space *mapping = zone->storage->f_mapping;
	struct page *page, *old;
	int err;

	if (!codecache_zone_may_fill(zone, pgoff))
		return ERR_PTR(-ENXIO);
	err = codecache_user_charge_page(zone->cache->user);
	if (err)
		return ERR_PTR(err);
	page = shmem_read_mapping_page_gfp(mapping, pgoff,
					   mapping_gfp_mask(mapping));
	if (IS_ERR(page)) {
		codecache_user_uncharge_pages(zone->cache->user, 1);
		return page;
	}
	codecache_test_pause(CODECACHE_TEST_FILL);
	old = xa_cmpxchg(&zone->pages, pgoff, NULL, page, GFP_KERNEL_ACCOUNT);
	if (likely(!old)) {
		codecache_zone_filled(zone);
		return page;
	}
	put_page(page);
	codecache_user_uncharge_pages(zone->cache->user, 1);
	return xa_is_err(old) ? ERR_PTR(xa_err(old)) : old;
}

/*
 * Who is refused may have lost to threads that fill the very same page, or that
 * charge one page twice for a moment. So wait for all who are filling this zone,
 * and try again, alone.
 */
static struct page *codecache_zone_fill(struct codecache_zone *zone,
					unsigned long pgoff)
{
	struct page *page;

	down_read(&zone->filling);
	page = codecache_zone_fill_locked(zone, pgoff);
	up_read(&zone->filling);
	if (!IS_ERR(page) || PTR_ERR(page) == -ENXIO)
		return page;
	down_write(&zone->filling);
	page = xa_load(&zone->pages, pgoff);
	if (!page)
		page = codecache_zone_fill_locked(zone, pgoff);
	up_write(&zone->filling);
	return page;
}

/* ---- look-ups ------------------------------------------------------------ */

/**
 * codecache_view_entry_page - what a view may do with an entry of zone->pages
 * @view: the view
 * @entry: the entry, or NULL
 * @prot: CODECACHE_PROT_* that the page has; narrowed to what may be mapped
 *
 * Context: view->lock held, shared at least.
 * Return: the page, or NULL: there is nothing to be mapped; *@prot may have become
 * NONE.
 */
struct page *codecache_view_entry_page(const struct codecache_view *view,
				       void *entry, u32 *prot)
{
	switch (xa_pointer_tag(entry)) {
	case 0:
		break;
	case CODECACHE_TAG_RETIRED:
		*prot &= ~CODECACHE_PROT_WRITE;
		break;
	default:
		return NULL;
	}
	if (unlikely(codecache_view_sealed(view)))
		return NULL;
	return xa_untag_pointer(entry);
}

/**
 * codecache_view_page - a page of a view, allocated if need be
 * @view: the view
 * @page: its number
 * @prot: CODECACHE_PROT_* that it has; narrowed to what may be mapped
 *
 * Context: process; sleeps; view->lock held shared, which keeps the page.
 * Return: the page, or ERR_PTR: -ENXIO (there can be none), -EDQUOT, -ENOSPC
 * (limits), -ENOMEM.
 */
struct page *codecache_view_page(struct codecache_view *view,
				 unsigned long page, u32 *prot)
{
	struct codecache_zone *zone = view->zone;
	void *entry = xa_load(&zone->pages, view->first + page);
	struct page *p;

	/* Nothing is charged for a view that has lost all access. */
	if (unlikely(!entry) && !codecache_view_sealed(view))
		entry = codecache_zone_fill(zone, view->first + page);
	if (IS_ERR(entry))
		return entry;
	p = codecache_view_entry_page(view, entry, prot);
	return p ? p : ERR_PTR(-ENXIO);
}

/**
 * codecache_view_may_widen - may an entry for a page be made writable?
 * @view: the view
 * @page: a page of it whose protection allows it
 *
 * Context: view->lock held, shared at least.
 * Return: false if its extent is retired.
 */
bool codecache_view_may_widen(const struct codecache_view *view,
			      unsigned long page)
{
	u32 prot = CODECACHE_PROT_WRITE;
	void *entry;

	if (likely(!view->zone->has_extents))
		return true;
	entry = xa_load(&view->zone->pages, view->first + page);
	return codecache_view_entry_page(view, entry, &prot) && prot;
}

/**
 * codecache_view_may_fill - would an access bring a page of zeros?
 * @view: the view
 * @page: a page of it, which was not resident a moment ago
 *
 * Context: process; sleeps; view->lock held, shared at least.
 * Return: false if there can be none.
 */
bool codecache_view_may_fill(struct codecache_view *view, unsigned long page)
{
	struct codecache_zone *zone = view->zone;
	bool may;

	if (codecache_view_sealed(view))
		return false;
	down_read(&zone->filling);
	may = codecache_zone_may_fill(zone, view->first + page);
	up_read(&zone->filling);
	return may;
}

/* ---- going --------------------------------------------------------------- */

/* Entries that are tagged between two chances to be preempted. */
#define CODECACHE_TAG_BATCH	512
/* Pages that are taken out before they are put. */
#define CODECACHE_DROP_BATCH	16

static unsigned long codecache_range_end(const struct codecache_prot_range *r)
{
	return r->first_page + r->nr_pages - 1;
}

/*
 * The first entry of a range; close to the last one without a walk from the root. Then
 * @xas is at an entry, or else forgets where it is: a search that finds nothing leaves
 * the index beyond the node.
 */
static void *codecache_pages_seek(struct xa_state *xas,
				  const struct codecache_prot_range *r)
{
	void *entry = NULL;

	if (codecache_pages_near(xas, r->first_page))
		entry = xas_reload(xas);
	if (!entry)
		entry = xas_find(xas, codecache_range_end(r));
	if (!entry)
		xas_reset(xas);
	return entry;
}

/* One step more is done; let others have the lock, now and then. */
static void codecache_pages_step(struct xa_state *xas, unsigned int *steps)
{
	if (++*steps % CODECACHE_TAG_BATCH)
		return;
	xas_pause(xas);
	xas_unlock(xas);
	cond_resched();
	xas_lock(xas);
}

/* The next one; @xas as above. */
static void *codecache_pages_next(struct xa_state *xas,
				  const struct codecache_prot_range *r,
				  unsigned int *steps)
{
	unsigned long last = codecache_range_end(r);
	void *entry;

	if (xas->xa_index == last)
		return NULL;
	codecache_pages_step(xas, steps);
	entry = xas_next_entry(xas, last);
	if (!entry)
		xas_reset(xas);
	return entry;
}

/**
 * codecache_pages_tag - tag the entries of retired pages
 * @retired: which
 * @tag: CODECACHE_TAG_*
 *
 * Context: process; sleeps. Allocates nothing. For CODECACHE_TAG_RETIRED
 * zone->filling is held exclusively.
 * Return: resident pages.
 */
u64 codecache_pages_tag(const struct codecache_retired *retired,
			unsigned long tag)
{
	const struct codecache_prot_range *r = retired->ranges;
	const struct codecache_prot_range *end = r + retired->nr;
	XA_STATE(xas, &retired->zone->pages, 0);
	unsigned int steps = 0;
	void *entry;
	u64 n = 0;

	xas_lock(&xas);
	for (; r < end; r++) {
		codecache_pages_step(&xas, &steps);
		for (entry = codecache_pages_seek(&xas, r); entry;
		     entry = codecache_pages_next(&xas, r, &steps)) {
			entry = xa_untag_pointer(entry);
			xas_store(&xas, xa_tag_pointer(entry, tag));
			n++;
		}
	}
	xas_unlock(&xas);
	return n;
}

/* Drop some entries, from *@first on, of pages that no view maps any more. */
static unsigned int codecache_pages_drop(struct codecache_zone *zone,
					 unsigned long *first, unsigned long last)
{
	struct page *pages[CODECACHE_DROP_BATCH];
	XA_STATE(xas, &zone->pages, *first);
	unsigned int i, n = 0;
	void *entry;

	xas_lock(&xas);
	xas_for_each(&xas, entry, last) {
		*first = xas.xa_index + 1;
		xas_store(&xas, NULL);
		pages[n++] = xa_untag_pointer(entry);
		if (n == CODECACHE_DROP_BATCH)
			break;
	}
	xas_unlock(&xas);
	for (i = 0; i < n; i++) {
		codecache_test_poison_page(pages[i]);
		put_page(pages[i]);
	}
	return n;
}

static u64 codecache_range_free(struct codecache_zone *zone,
				const struct codecache_prot_range *r)
{
	unsigned long first = r->first_page, last = codecache_range_end(r);
	unsigned int n;
	u64 nr = 0;

	do {
		n = codecache_pages_drop(zone, &first, last);
		nr += n;
		cond_resched();
	} while (n == CODECACHE_DROP_BATCH && first <= last);
	if (nr)
		shmem_truncate_range(file_inode(zone->storage),
				     (loff_t)r->first_page << PAGE_SHIFT,
				     ((loff_t)(last + 1) << PAGE_SHIFT) - 1);
	return nr;
}

/**
 * codecache_pages_free - free retired pages
 * @retired: which; no view maps one of them, or can
 *
 * They go back to the system, and their charges with them.
 *
 * Context: process; sleeps, but for no lock that a fault or a RETIRE holds while it
 * allocates: the shrinker may call it. Allocates nothing.
 * Return: pages that were resident.
 */
u64 codecache_pages_free(const struct codecache_retired *retired)
{
	struct codecache_zone *zone = retired->zone;
	u64 i, n = 0;

	for (i = 0; i < retired->nr; i++)
		n += codecache_range_free(zone, &retired->ranges[i]);
	atomic64_sub(n, &zone->nr_filled);
	codecache_user_uncharge_pages(zone->cache->user, n);
	return n;
}

/**
 * codecache_pages_destroy - drop all entries of a zone that goes
 * @zone: which has no views any more
 *
 * Context: process; sleeps.
 */
void codecache_pages_destroy(struct codecache_zone *zone)
{
	unsigned long index;
	void *entry;
	u64 nr = 0;

	xa_for_each(&zone->pages, index, entry) {
		put_page(xa_untag_pointer(entry));
		nr++;
		cond_resched();
	}
	xa_destroy(&zone->pages);
	codecache_user_uncharge_pages(zone->cache->user, nr);
}
