// SPDX-License-Identifier: MIT
#include <codecache.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* A translated block, say, that readers find through a table. */
struct block {
	int number;
	struct codecache_defer_head head;
};

static int nr_freed;

static void check(int error)
{
	if (!error)
		return;
	fprintf(stderr, "codecache: %s\n", codecache_strerror(error));
	exit(EXIT_FAILURE);
}

static void free_block(struct codecache_defer_head *head)
{
	free((char *)head - offsetof(struct block, head));
	nr_freed++;
}

static void free_name(void *name)
{
	free(name);
	nr_freed++;
}

int main(void)
{
	struct codecache_cache *cache;
	size_t nr, total = 0;
	struct block *block;
	char *name;
	int i;

	check(codecache_open(&cache));
	for (i = 0; i < 1000; i++) {
		block = malloc(sizeof(*block));
		name = malloc(16);
		if (!block || !name)
			check(-ENOMEM);
		block->number = i;

		/* Take both out of all tables here; then: */
		check(codecache_defer_call(cache, &block->head, free_block));
		if (codecache_defer_free(cache, free_name, name))
			abort();	/* out of memory: it is still ours */

		/* Now and then, free what may be freed. It does not wait. */
		if (i % 100 == 99) {
			check(codecache_defer_drain(cache, SIZE_MAX, &nr));
			total += nr;
		}
	}
	printf("%zu freed on the way\n", total);
	check(codecache_defer_barrier(cache));
	printf("%d freed at the end, %d left\n", nr_freed,
	       (int)codecache_defer_pending(cache));

	codecache_close(cache);
	return nr_freed == 2000 ? 0 : EXIT_FAILURE;
}
