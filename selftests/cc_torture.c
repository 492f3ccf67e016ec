// SPDX-License-Identifier: MIT
/*
 * Code that comes and goes while others run it
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cc_extents.h"
#include "cc_torture.h"

#define TABLE		4096
/*
 * Readers look at a part of the table at a time, or an emulator, for which each
 * page of new code is expensive, would hardly do anything else. The part moves on.
 */
#define HOT		64
#define MAX_BATCH	16384
#define MAX_PAGES	3	/* of an extent */

/*
 * A table entry: an extent and the identity of its function, in one word, so that it
 * is found and taken out in one step. 0: none. 2^38 identities, 2^22 pages.
 */
#define WORD_PAGE_BITS	22
#define WORD_ID_SHIFT	26

struct torture_thread {
	pthread_t thread;
	unsigned int seed;
	unsigned int next;	/* where to take functions out, from here on */
	struct ext_reader reader;
	unsigned long calls, sections, wrong, traps, made, retired, unclean,
		      waits, batches;
};

static struct {
	struct torture *torture;
	struct cc_mem mem;
	struct cc_shared shared;
	unsigned char *write, *exec;
	size_t page;
	atomic_uint_least64_t table[TABLE];
	atomic_uint hot;	/* where readers look, from here on */
	atomic_ulong next_id;
	atomic_ulong retired;
	atomic_bool stop;	/* makers and evictors */
	atomic_bool stop_readers;
	atomic_int error;
	struct torture_thread threads[TORTURE_MAX_THREADS];
} world;

/* The first failure ends it all. */
static void fail(int err)
{
	int none = 0;

	atomic_compare_exchange_strong(&world.error, &none, err);
	atomic_store(&world.stop, true);
}

/* ---- functions --------------------------------------------------------------- */

/* Where an extent's second copy of the identity is: bytes before its end. */
#define TAIL	64

#if defined(__x86_64__)
static void emit(unsigned char *at, size_t bytes, uint64_t id)
{
	int32_t rel = bytes - TAIL - 15;
	/* mov $id, %rax; jmp tail */
	unsigned char head[15] = { 0x48, 0xb8, [10] = 0xe9 };
	/* mov $id, %rcx; cmp %rcx, %rax; jne 1f; ret; 1: xor %eax, %eax; ret */
	unsigned char tail[19] = { 0x48, 0xb9, [10] = 0x48, 0x39, 0xc8, 0x75,
				   0x01, 0xc3, 0x31, 0xc0, 0xc3 };

	memcpy(head + 2, &id, sizeof(id));
	memcpy(head + 11, &rel, sizeof(rel));
	memcpy(tail + 2, &id, sizeof(id));
	memcpy(at + bytes - TAIL, tail, sizeof(tail));
	memcpy(at, head, sizeof(head));
}
#elif defined(__aarch64__)
static void emit(unsigned char *at, size_t bytes, uint64_t id)
{
	uint32_t over = (bytes - TAIL - 4) / 4;
	/* ldr x0, .+8; b tail; .quad id */
	uint32_t head[4] = { 0x58000040, 0x14000000 | (over & 0x3ffffff) };
	/* ldr x1, .+16; cmp x0, x1; csel x0, x0, xzr, eq; ret; .quad id */
	uint32_t tail[6] = { 0x58000081, 0xeb01001f, 0x9a9f0000, 0xd65f03c0 };

	memcpy(head + 2, &id, sizeof(id));
	memcpy(tail + 4, &id, sizeof(id));
	memcpy(at + bytes - TAIL, tail, sizeof(tail));
	memcpy(at, head, sizeof(head));
}
#else
#error "no code generator for this machine"
#endif

/* Where instructions are cached apart, before anybody may run it. */
static void make_runnable(unsigned char *exec, size_t bytes)
{
	__builtin___clear_cache((char *)exec, (char *)exec + bytes);
}

static uint64_t word_make(const struct codecache_extent *e, uint64_t id)
{
	return id << WORD_ID_SHIFT | (uint64_t)e->nr_pages << WORD_PAGE_BITS |
	       e->first_page;
}

static uint64_t word_id(uint64_t word)
{
	return word >> WORD_ID_SHIFT;
}

static struct codecache_extent word_extent(uint64_t word)
{
	return (struct codecache_extent){
		.first_page = word & ((1U << WORD_PAGE_BITS) - 1),
		.nr_pages = word >> WORD_PAGE_BITS &
			    ((1U << (WORD_ID_SHIFT - WORD_PAGE_BITS)) - 1),
	};
}

/* ---- readers ----------------------------------------------------------------- */

static __thread sigjmp_buf out;
static __thread volatile sig_atomic_t armed;

static void on_trap(int sig, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	if (!armed) {
		signal(sig, SIG_DFL);
		return;
	}
	siglongjmp(out, 1);
}

static void note_wrong(unsigned long *count)
{
	++*count;
	if (world.torture->until_wrong)
		atomic_store(&world.stop, true);
}

/* Call what a word stands for, @times times, as long as all is well. */
static void call(struct torture_thread *t, uint64_t word, unsigned int times)
{
	const void *at = world.exec + word_extent(word).first_page * world.page;
	volatile unsigned int left = times;
	uint64_t (*fn)(void);

	memcpy(&fn, &at, sizeof(fn));
	/* With SA_NODEFER there is no mask to restore. */
	if (sigsetjmp(out, 0)) {
		armed = 0;
		note_wrong(&t->traps);
		return;
	}
	armed = 1;
	while (left--) {
		t->calls++;
		if (fn() == word_id(word))
			continue;
		note_wrong(&t->wrong);
		break;
	}
	armed = 0;
}

static uint64_t table_entry(unsigned int i)
{
	return atomic_load_explicit(&world.table[i % TABLE],
				    memory_order_acquire);
}

/* A function, of the hot part if that has some; 0: none was found. */
static uint64_t look_up(struct torture_thread *t)
{
	unsigned int hot = atomic_load(&world.hot), i;
	uint64_t word = 0;

	for (i = 0; i < 8 && !word; i++)
		word = table_entry(hot + rand_r(&t->seed) % HOT);
	return word ?: table_entry(rand_r(&t->seed));
}

/* Stay with one function for long. */
static void linger(struct torture_thread *t)
{
	unsigned int ms = rand_r(&t->seed) % (world.torture->linger_ms + 1);
	long long since = cc_now_ms();
	uint64_t word = look_up(t);

	do {
		if (word)
			call(t, word, 10);
		usleep(200);
	} while (cc_now_ms() - since < ms && !atomic_load(&world.stop_readers));
}

static void roam(struct torture_thread *t)
{
	unsigned int i, nr = 1 + rand_r(&t->seed) % 16;
	uint64_t word, inner;

	for (i = 0; i < nr; i++) {
		inner = ext_enter(&t->reader);
		word = look_up(t);
		if (word)
			call(t, word, 1);
		ext_exit(&t->reader, inner);
	}
}

static void *reader_main(void *arg)
{
	struct torture_thread *t = arg;
	uint64_t outer;
	int err = ext_register(&t->reader, world.mem.cache, &world.shared);

	if (err) {
		fail(err);
		return NULL;
	}
	while (!atomic_load(&world.stop_readers)) {
		outer = ext_enter(&t->reader);
		if (rand_r(&t->seed) % world.torture->linger_every)
			roam(t);
		else
			linger(t);
		ext_exit(&t->reader, outer);
		t->sections++;
		/* The others want to get on. */
		if (t->sections % 16 == 0)
			usleep(100);
	}
	err = ext_unregister(&t->reader);
	if (err)
		fail(err);
	return NULL;
}

/* ---- makers and evictors ------------------------------------------------------- */

/* Are the first and the last words, and now and then all of them, zero? */
static bool clean(const unsigned char *at, size_t bytes, bool all)
{
	size_t i, step = all ? 8 : bytes - 8;

	for (i = 0; i < bytes; i += step) {
		if (*(const volatile uint64_t *)(at + i))
			return false;
	}
	return true;
}

/* Write and publish a function; what it replaces, or 0. */
static uint64_t make(struct torture_thread *t, const struct codecache_extent *e)
{
	unsigned char *at = world.write + e->first_page * world.page;
	size_t bytes = e->nr_pages * world.page;
	uint64_t id = atomic_fetch_add(&world.next_id, 1);

	if (!clean(at, bytes, rand_r(&t->seed) % 16 == 0))
		note_wrong(&t->unclean);
	emit(at, bytes, id);
	make_runnable(world.exec + e->first_page * world.page, bytes);
	t->made++;
	return atomic_exchange(&world.table[rand_r(&t->seed) % TABLE],
			       word_make(e, id));
}

static void retire(struct torture_thread *t, struct codecache_extent *e,
		   unsigned int nr)
{
	int err;

	if (!nr)
		return;
	err = cc_retire(world.mem.zone, e, nr, NULL);
	if (err) {
		fail(err);
		return;
	}
	t->batches++;
	t->retired += nr;
	if (atomic_fetch_add(&world.retired, nr) + nr >= world.torture->retire)
		atomic_store(&world.stop, true);
}

/* Take up to @max functions of a part of the table out, and retire them. */
static unsigned int evict(struct torture_thread *t, struct codecache_extent *e,
			  unsigned int max)
{
	unsigned int i, nr = 0, from = t->next;
	uint64_t word;

	/* What the readers are led to now is what goes next. */
	t->next = rand_r(&t->seed);
	atomic_store(&world.hot, t->next);
	for (i = 0; i < TABLE / 4 && nr < max; i++) {
		word = atomic_exchange(&world.table[(from + i) % TABLE], 0);
		if (word)
			e[nr++] = word_extent(word);
	}
	retire(t, e, nr);
	return nr;
}

/* If there is no room, wait for a grace period, or make some. */
static bool hand_out(struct torture_thread *t, struct codecache_extent *e,
		     struct codecache_extent *old, unsigned int nr)
{
	struct codecache_extent_alloc_args args = {
		.addr = (uintptr_t)e,
		.count = nr,
	};
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++)
		e[i] = (struct codecache_extent){
			.nr_pages = rand_r(&t->seed) % 16 ? 1 : MAX_PAGES,
		};
	while (!atomic_load(&world.stop)) {
		err = cc_alloc_call(world.mem.zone, &args);
		if (!err)
			return true;
		t->waits++;
		if (err == -ENOSPC && evict(t, old, nr))
			continue;
		if (err == -EAGAIN)
			err = cc_grace_wait_ns(world.mem.cache,
					       args.out_cookie, 100000000);
		if (err && err != -ETIMEDOUT)
			fail(err);
	}
	return false;
}

static void *maker_main(void *arg)
{
	static __thread struct codecache_extent fresh[MAX_BATCH], old[MAX_BATCH];
	unsigned int i, nr, batch = world.torture->batch;
	struct torture_thread *t = arg;
	uint64_t word;

	while (hand_out(t, fresh, old, batch)) {
		for (i = nr = 0; i < batch; i++) {
			word = make(t, &fresh[i]);
			if (word)
				old[nr++] = word_extent(word);
		}
		retire(t, old, nr);
	}
	return NULL;
}

static void *evictor_main(void *arg)
{
	static __thread struct codecache_extent old[MAX_BATCH];
	struct torture_thread *t = arg;

	while (!atomic_load(&world.stop)) {
		/* Leave the readers something. */
		if (evict(t, old, world.torture->batch) < TABLE / 16)
			usleep(1000);
	}
	return NULL;
}

/* ---- a run --------------------------------------------------------------------- */

static void defaults(struct torture *t)
{
	t->makers = t->makers ?: 1;
	t->batch = t->batch ?: 1024;
	t->zone_pages = t->zone_pages ?: 32768;
	t->linger_ms = t->linger_ms ?: 20;
	t->linger_every = t->linger_every ?: 64;
}

static int world_open(struct torture *torture)
{
	int err;

	memset(&world, 0, sizeof(world));
	defaults(torture);
	if (torture->makers + torture->evictors + torture->readers >
	    TORTURE_MAX_THREADS || torture->batch > MAX_BATCH)
		return -EINVAL;
	world.torture = torture;
	world.page = cc_page_size();
	atomic_store(&world.next_id, 1);
	err = cc_mem_extents_code(&world.mem, torture->zone_pages);
	if (err)
		return err;
	world.write = world.mem.map[CODECACHE_VIEW_WRITE];
	world.exec = world.mem.map[CODECACHE_VIEW_EXEC];
	return cc_share(&world.shared, world.mem.cache);
}

static void *(*role(unsigned int i))(void *)
{
	const struct torture *t = world.torture;

	if (i < t->readers)
		return reader_main;
	i -= t->readers;
	if (i < t->makers)
		return maker_main;
	return i < t->makers + t->evictors ? evictor_main : NULL;
}

static void collect(const struct torture_thread *t)
{
	struct torture *to = world.torture;

	to->made += t->made;
	to->retired += t->retired;
	to->calls += t->calls;
	to->sections += t->sections;
	to->wrong += t->wrong;
	to->traps += t->traps;
	to->unclean += t->unclean;
	to->waits += t->waits;
	to->batches += t->batches;
}

/* Readers run on for a while after all others have ended. */
static void crowd_run(void)
{
	struct torture *torture = world.torture;
	long long since = cc_now_ms();
	unsigned int i, n;

	for (n = 0; role(n); n++) {
		world.threads[n].seed = n + 1;
		if (pthread_create(&world.threads[n].thread, NULL, role(n),
				   &world.threads[n])) {
			fail(-EAGAIN);
			break;
		}
	}
	while (!atomic_load(&world.stop)) {
		usleep(5000);
		if (torture->max_ms && cc_now_ms() - since > torture->max_ms)
			atomic_store(&world.stop, true);
	}
	torture->ms = cc_now_ms() - since;
	for (i = torture->readers; i < n; i++)
		pthread_join(world.threads[i].thread, NULL);
	atomic_store(&world.stop_readers, true);
	for (i = 0; i < n && i < torture->readers; i++)
		pthread_join(world.threads[i].thread, NULL);
	for (i = 0; i < n; i++)
		collect(&world.threads[i]);
}

/* Retire what is left: then all must be gone. */
static void settle(void)
{
	struct codecache_stats_args stats;
	uint64_t cookie;
	int err = cc_retire_all(world.mem.zone, &cookie);

	if (!err)
		err = cc_grace_wait(world.mem.cache, cookie);
	if (!err)
		err = cc_stats(world.mem.cache, &stats);
	if (err)
		fail(err);
	else
		world.torture->left = stats.out_held_pages +
				      stats.out_retired_pages +
				      stats.out_live_pages +
				      stats.out_resident_pages;
}

int torture_run(struct torture *torture)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGTRAP };
	struct sigaction act = { .sa_sigaction = on_trap,
				 .sa_flags = SA_SIGINFO | SA_NODEFER };
	struct sigaction was[ARRAY_LEN(signals)];
	unsigned int i;
	int err = world_open(torture);

	if (err)
		return err;
	for (i = 0; i < ARRAY_LEN(signals); i++)
		sigaction(signals[i], &act, &was[i]);
	crowd_run();
	settle();
	for (i = 0; i < ARRAY_LEN(signals); i++)
		sigaction(signals[i], &was[i], NULL);
	cc_unshare(&world.shared);
	cc_mem_close(&world.mem);
	return atomic_load(&world.error);
}
