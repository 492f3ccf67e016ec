// SPDX-License-Identifier: MIT
/*
 * libcodecache: registering readers
 *
 * Entering and exiting is inline, in codecache_reclaim.h.
 *
 * The kernel takes a slot back when its thread dies, tells nobody, and may give it to
 * another thread, while the dead one's reader is still there to be unregistered. To
 * give a slot up in its name would throw the other one out: so who gets a slot makes
 * the reader that had it before stale. Registering and unregistering are ordered by
 * the lock, so that this is never too late.
 */
#include "internal.h"

static struct codecache__reader *codecache__reader(const struct codecache_reader *r)
{
	/* It is the first member. */
	return (struct codecache__reader *)(uintptr_t)r;
}

static int codecache__slot_drop(const struct codecache_cache *cache, uint32_t index)
{
	struct codecache_reader_unregister_args args = {
		.size = sizeof(args),
		.index = index,
	};

	return codecache__ioctl(cache->fd, CODECACHE_IOC_READER_UNREGISTER, &args);
}

static void codecache__reader_link(struct codecache_cache *cache,
				   struct codecache__reader *reader)
{
	reader->cache = cache;
	reader->next = cache->readers;
	reader->prev = &cache->readers;
	if (reader->next)
		reader->next->prev = &reader->next;
	cache->readers = reader;
}

static void codecache__reader_unlink(struct codecache__reader *reader)
{
	*reader->prev = reader->next;
	if (reader->next)
		reader->next->prev = reader->prev;
	if (!reader->stale)
		reader->cache->shared->by_slot[reader->index] = NULL;
}

/* The lock is held. */
static int codecache__reader_add(struct codecache_cache *cache,
				 struct codecache__reader *reader)
{
	struct codecache_reader_register_args args = { .size = sizeof(args) };
	const size_t page_size = codecache_page_size();
	struct codecache__shared *shared;
	struct codecache__reader *before;
	uint64_t offset;
	int ret;

	ret = codecache__share(cache, &shared);
	if (ret)
		return ret;
	ret = codecache__ioctl(cache->fd, CODECACHE_IOC_READER_REGISTER, &args);
	if (ret)
		return ret;
	/* Before the slots, this wraps to beyond their end. */
	offset = args.out_offset - page_size;
	if (args.out_index >= shared->nr_slots || offset >= shared->slots_bytes ||
	    offset % sizeof(*reader->reader.slot)) {
		(void)codecache__slot_drop(cache, args.out_index);
		return -EIO;
	}

	before = shared->by_slot[args.out_index];
	if (before)
		before->stale = true;
	shared->by_slot[args.out_index] = reader;
	reader->index = args.out_index;
	reader->reader.slot =
		(struct codecache_reader_slot *)(void *)(shared->slots + offset);
	reader->reader.control = shared->control;
	codecache__reader_link(cache, reader);
	return 0;
}

int codecache_reader_register(struct codecache_cache *cache,
			      struct codecache_reader **reader)
{
	struct codecache__reader *new;
	int ret;

	if (!reader)
		return -EINVAL;
	*reader = NULL;
	if (!cache)
		return -EINVAL;
	ret = codecache__list(cache);
	if (ret)
		return ret;
	new = codecache__zalloc(sizeof(*new));
	if (!new)
		return -ENOMEM;

	pthread_mutex_lock(&cache->lock);
	ret = codecache__reader_add(cache, new);
	pthread_mutex_unlock(&cache->lock);
	if (ret) {
		codecache__free(new);
		return ret;
	}
	*reader = &new->reader;
	return 0;
}

int codecache_reader_unregister(struct codecache_reader *reader)
{
	struct codecache__reader *own = codecache__reader(reader);
	struct codecache_cache *cache;
	int ret = 0;

	if (!reader)
		return 0;
	cache = own->cache;
	pthread_mutex_lock(&cache->lock);
	if (!own->stale)
		ret = codecache__slot_drop(cache, own->index);
	/* Its thread is dead, and the slot free, or another process' by now. */
	if (ret == -ENOENT || ret == -EPERM)
		ret = 0;
	if (!ret)
		codecache__reader_unlink(own);
	pthread_mutex_unlock(&cache->lock);
	if (!ret)
		codecache__free(own);
	return ret;
}

/* At the end of the cache: its descriptor may have copies that keep slots alive. */
void codecache__readers_free(struct codecache_cache *cache)
{
	struct codecache__reader *reader;

	while (cache->readers) {
		reader = cache->readers;
		if (!reader->stale)
			(void)codecache__slot_drop(cache, reader->index);
		codecache__reader_unlink(reader);
		codecache__free(reader);
	}
}

void codecache_reader_hint(const struct codecache_reader *reader, uint64_t entered)
{
	const struct codecache_control *control;
	uint64_t completed;

	if (!reader)
		return;
	control = reader->control;
	/*
	 * The epoch moves on when a grace period begins: it does not wait for who
	 * entered since, and as long as another reader stalls it, sections of this
	 * one must not cost a system call each.
	 */
	if (entered == __atomic_load_n(&control->epoch, __ATOMIC_RELAXED))
		return;
	(void)codecache__grace_poll(codecache__reader(reader)->cache,
				    codecache_grace_completed(control) + 1,
				    &completed);
}
