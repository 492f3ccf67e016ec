// SPDX-License-Identifier: MIT
/*
 * libcodecache: the memory that a cache shares with the kernel: the page that tells
 * epochs, and the slots of readers
 *
 * Mapped once in a process, when it is first needed. The kernel does not let fork()
 * copy it, because a slot is for one thread; but a thread that forks in the middle of
 * a section goes on in the child, and code that has a reader may run there. So the
 * child gets zeros at the same addresses: a store to them harms nobody, and an epoch
 * of 0 is that of no reader.
 */
#include <sys/mman.h>

#include "internal.h"

/* What a reader uses in a child where not even zeros can be had. Never written. */
static const struct codecache_control codecache__no_control;

static int codecache__shared_map(const struct codecache_cache *cache,
				 struct codecache__shared *shared)
{
	const size_t page_size = codecache_page_size();
	void *control = NULL;
	void *slots = NULL;
	int ret;

	ret = codecache__mmap(&control, page_size, PROT_READ, MAP_SHARED,
			      cache->fd, 0);
	if (ret)
		return ret;
	ret = codecache__mmap(&slots, shared->slots_bytes, PROT_READ | PROT_WRITE,
			      MAP_SHARED, cache->fd, page_size);
	if (ret) {
		(void)codecache__munmap(control, page_size);
		return ret;
	}
	shared->control = control;
	shared->slots = slots;
	return 0;
}

static int codecache__shared_new(const struct codecache_cache *cache,
				 struct codecache__shared **shared)
{
	const size_t slot_bytes = sizeof(struct codecache_reader_slot);
	struct codecache__shared *new;
	struct codecache_info_args info;
	uint64_t bytes;
	int ret;

	ret = codecache_info(cache, &info);
	if (ret)
		return ret;
	/* A module that knows no readers leaves it 0. */
	if (!info.out_max_readers)
		return -ENOTTY;
	if (info.out_max_readers > UINT32_MAX)
		return -EOVERFLOW;
	bytes = codecache_bytes_to_pages(info.out_max_readers * slot_bytes)
		<< codecache_page_shift();
	if (bytes > SIZE_MAX)
		return -EOVERFLOW;

	new = codecache__zalloc(sizeof(*new) + (size_t)info.out_max_readers *
				sizeof(*new->by_slot));
	if (!new)
		return -ENOMEM;
	new->slots_bytes = (size_t)bytes;
	new->nr_slots = (uint32_t)info.out_max_readers;
	ret = codecache__shared_map(cache, new);
	if (ret) {
		codecache__free(new);
		return ret;
	}
	*shared = new;
	return 0;
}

/* The cache's lock is held, and codecache__list() has been called. */
int codecache__share(struct codecache_cache *cache,
		     struct codecache__shared **shared)
{
	int ret;

	*shared = cache->shared;
	if (*shared)
		return 0;
	ret = codecache__shared_new(cache, shared);
	/* Pairs with the acquire in codecache__map(): what it points to is there. */
	if (!ret)
		__atomic_store_n(&cache->shared, *shared, __ATOMIC_RELEASE);
	return ret;
}

/*
 * Zeros where something was that fork() did not copy. Not over what another handler
 * of fork() may have put there since: then *@addr becomes NULL.
 */
static bool codecache__zeros(void *where, size_t bytes, int prot, void **addr)
{
	void *mapped = where;
	int ret;

	ret = codecache__mmap(&mapped, bytes, prot, MAP_PRIVATE | MAP_ANONYMOUS |
			      MAP_FIXED_NOREPLACE, -1, 0);
	/* Kernels before 4.17 take the address for a wish. */
	if (!ret && mapped != where) {
		(void)codecache__munmap(mapped, bytes);
		ret = -EEXIST;
	}
	*addr = ret ? NULL : where;
	return !ret;
}

/* In the child of a fork(), with the lock held: readers of the parent lead nowhere. */
void codecache__shared_forked(struct codecache_cache *cache)
{
	struct codecache__shared *shared = cache->shared;
	struct codecache__reader *reader;
	void *control, *slots;
	bool right;

	if (!shared)
		return;
	right = codecache__zeros(shared->control, codecache_page_size(), PROT_READ,
				 &control);
	right &= codecache__zeros(shared->slots, shared->slots_bytes,
				  PROT_READ | PROT_WRITE, &slots);
	shared->control = control;
	shared->slots = slots;

	for (reader = cache->readers; reader; reader = reader->next) {
		if (!right && !reader->stale) {
			reader->reader.control = &codecache__no_control;
			reader->reader.slot = &reader->none;
		}
		reader->stale = true;
	}
	shared->next = cache->zeros;
	cache->zeros = shared;
	__atomic_store_n(&cache->shared, NULL, __ATOMIC_RELEASE);
}

static void codecache__shared_unmap(struct codecache__shared *shared)
{
	if (shared->control)
		(void)codecache__munmap(shared->control, codecache_page_size());
	if (shared->slots)
		(void)codecache__munmap(shared->slots, shared->slots_bytes);
	codecache__free(shared);
}

/* At the end of the cache: nobody else uses it any more. */
void codecache__shared_free(struct codecache_cache *cache)
{
	struct codecache__shared *shared;

	if (cache->shared)
		codecache__shared_unmap(cache->shared);
	while (cache->zeros) {
		shared = cache->zeros;
		cache->zeros = shared->next;
		codecache__shared_unmap(shared);
	}
}
