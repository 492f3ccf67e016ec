// SPDX-License-Identifier: MIT
#include <codecache.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct table {
	int version;
	int is_free;	/* stands for: its memory is somebody else's by now */
};

static struct codecache_cache *cache;
static struct table *_Atomic current;
static atomic_int stop;

static void check(int error)
{
	if (!error)
		return;
	fprintf(stderr, "codecache: %s\n", codecache_strerror(error));
	exit(EXIT_FAILURE);
}

/* Look things up, without a lock. Counts what should not be. */
static void *look_up(void *unused)
{
	struct codecache_reader *reader;
	struct table *table;
	uint64_t outer;
	long wrong = 0;

	(void)unused;
	check(codecache_reader_register(cache, &reader));
	while (!stop) {
		outer = codecache_reader_enter(reader);
		table = current;
		wrong += table->is_free;	/* it is not, before the exit */
		codecache_reader_exit(reader, outer);
	}
	check(codecache_reader_unregister(reader));
	return (void *)wrong;
}

int main(void)
{
	static struct table tables[64];
	struct table *old;
	pthread_t thread;
	uint64_t cookie;
	void *wrong;
	int i;

	check(codecache_open(&cache));
	current = &tables[0];
	check(-pthread_create(&thread, NULL, look_up, NULL));

	for (i = 1; i < 64; i++) {
		tables[i].version = i;
		old = atomic_exchange(&current, &tables[i]);
		/* Nobody finds it any more. Who has may still be using it. */
		check(codecache_grace_start(cache, 0, &cookie));
		check(codecache_grace_wait(cache, cookie, 0, 0));
		old->is_free = 1;
	}
	stop = 1;
	check(-pthread_join(thread, &wrong));
	printf("%d tables were replaced, %ld times a free one was used\n",
	       i - 1, (long)wrong);

	codecache_close(cache);
	return wrong ? EXIT_FAILURE : 0;
}
