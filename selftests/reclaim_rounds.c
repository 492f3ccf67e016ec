// SPDX-License-Identifier: MIT
/*
 * Rounds of RETIRE against threads that store to the pages
 *
 * In each round each writer gets an extent of its own, and stores to it, over and over,
 * until that fails. Meanwhile the extents are retired, by a thread that is inside as a
 * reader. What it sees through another view once RETIRE has returned must stay as it is
 * for as long as it is inside, and be there.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "cc_extents.h"
#include "reclaim_rounds.h"

#define ZONE_PAGES	4096
#define MISSED_MS	(3000 * cc_slow())
#define SEEN		32	/* bytes of a page that are looked at */

/* One who stores; in memory that is shared with the debugger. */
struct writer {
	unsigned int cpu;
	atomic_uintptr_t target;	/* where to store in this round */
	atomic_ulong stores;
	atomic_ulong stopped;		/* the last round that stopped it */
};

/* ... and with who retires for us. */
struct common {
	atomic_ulong go;	/* the round that runs */
	atomic_bool stop;
	struct writer writers[ROUNDS_MAX_WRITERS];
	atomic_ulong asked, answered;
	struct codecache_extent extents[ROUNDS_MAX_WRITERS];
	int err;
};

static struct {
	struct retire_rounds *rounds;
	struct common *common;
	struct cc_mem mem;
	int alias_fd;
	unsigned char *map;	/* where writers store */
	unsigned char *alias;	/* where the reader looks */
	size_t page;
	struct cc_shared shared;
	struct ext_reader reader;
	pthread_t threads[ROUNDS_MAX_WRITERS];
	pid_t pids[ROUNDS_MAX_WRITERS];
	pid_t remote;
	struct sigaction old;
	cpu_set_t cpus;
} world;

/* Not for long, or others, also of an emulator, do not get to run. */
static void relax(void)
{
	static __thread unsigned int n;

	if (++n % 128 == 0)
		usleep(20);
}

static void pin(unsigned int cpu)
{
	cc_pin(cpu % sysconf(_SC_NPROCESSORS_ONLN));
}

/* ---- writers ----------------------------------------------------------------- */

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

static void store_until_trapped(struct writer *w, volatile uint64_t *at)
{
	/* With SA_NODEFER there is no mask to restore. */
	if (!sigsetjmp(out, 0)) {
		armed = 1;
		for (;;) {
			(*at)++;
			atomic_fetch_add_explicit(&w->stores, 1,
						  memory_order_relaxed);
		}
	}
	armed = 0;
}

static void read_until_refused(struct writer *w, void *at)
{
	while (getrandom(at, SEEN, 0) == SEEN)
		atomic_fetch_add(&w->stores, 1);
}

static void poke_until_refused(struct writer *w, int mem, uintptr_t at)
{
	uint64_t n = 0;

	/* The page is there once it has been written. */
	while (pwrite(mem, &n, sizeof(n), at) == sizeof(n)) {
		n++;
		atomic_fetch_add(&w->stores, 1);
	}
}

static void write_round(struct writer *w, int mem)
{
	uintptr_t at = atomic_load(&w->target);

	if (world.rounds->writer == RETIRE_STORES)
		store_until_trapped(w, (void *)at);
	else if (world.rounds->writer == RETIRE_SYSCALLS)
		read_until_refused(w, (void *)at);
	else
		poke_until_refused(w, mem, at);
}

static void write_rounds(struct writer *w, int mem)
{
	unsigned long round, go;

	pin(w->cpu);
	for (round = 1;; round++) {
		do {
			relax();
			go = atomic_load(&world.common->go);
		} while (go < round && !atomic_load(&world.common->stop));
		if (go < round)
			return;
		write_round(w, mem);
		/* Release: pairs with the acquire of await_stop(). */
		atomic_store_explicit(&w->stopped, round, memory_order_release);
	}
}

static void *writer_main(void *arg)
{
	write_rounds(arg, -1);
	return NULL;
}

/* A debugger is another process. */
static pid_t debugger_start(struct writer *w)
{
	char path[64];
	pid_t pid;
	int mem;

	snprintf(path, sizeof(path), "/proc/%d/mem", getpid());
	pid = cc_fork();
	if (pid)
		return pid;
	mem = open(path, O_RDWR | O_CLOEXEC);
	if (mem < 0)
		_exit(1);
	write_rounds(w, mem);
	_exit(0);
}

static int writer_start(unsigned int i)
{
	struct writer *w = &world.common->writers[i];

	w->cpu = i + 1;
	if (world.rounds->writer != RETIRE_POKES)
		return -pthread_create(&world.threads[i], NULL, writer_main, w);
	world.pids[i] = debugger_start(w);
	return world.pids[i] < 0 ? -errno : 0;
}

static int writer_stop(unsigned int i)
{
	if (world.rounds->writer != RETIRE_POKES)
		return -pthread_join(world.threads[i], NULL);
	return cc_wait(world.pids[i]) ? -ECHILD : 0;
}

/* ---- who retires ------------------------------------------------------------- */

static int retire_now(void)
{
	return cc_retire(world.mem.zone, world.common->extents,
			  world.rounds->writers, NULL);
}

static int remote_start(void)
{
	struct common *c = world.common;
	unsigned long n = 0;

	world.remote = cc_fork();
	if (world.remote)
		return world.remote < 0 ? -errno : 0;
	for (;;) {
		while (atomic_load(&c->asked) == n)
			relax();
		n = atomic_load(&c->asked);
		c->err = retire_now();
		atomic_store(&c->answered, n);
	}
}

static int retire(void)
{
	struct common *c = world.common;
	unsigned long n;

	if (!world.remote)
		return retire_now();
	n = atomic_load(&c->asked) + 1;
	atomic_store(&c->asked, n);
	while (atomic_load(&c->answered) != n)
		relax();
	return c->err;
}

/* ---- rounds ------------------------------------------------------------------ */

/* False if a writer goes on for seconds. */
static bool await_stop(struct writer *w, unsigned long round)
{
	long long since = cc_now_ms();
	unsigned long i;

	for (i = 1; atomic_load_explicit(&w->stopped, memory_order_acquire) !=
		    round; i++) {
		relax();
		if (i % 1024 == 0 && cc_now_ms() - since > MISSED_MS)
			return false;
	}
	return true;
}

static void await_store(struct writer *w, unsigned long stores)
{
	while (atomic_load(&w->stores) == stores)
		relax();
}

static unsigned char *place(unsigned char *map, unsigned int i)
{
	return map + world.common->extents[i].first_page * world.page;
}

/* Extents for all, and where they are to store; then off they go. */
static int hand_out(unsigned long round)
{
	bool pokes = world.rounds->writer == RETIRE_POKES;
	struct common *c = world.common;
	unsigned int i;
	int err;

	for (i = 0; i < world.rounds->writers; i++)
		c->extents[i] = (struct codecache_extent){ .nr_pages = 1 };
	err = ext_alloc(&world.mem, c->extents, i);
	if (err)
		return err;
	for (i = 0; i < world.rounds->writers; i++) {
		/* Debuggers write to what is resident only. */
		if (pokes)
			*(volatile unsigned char *)place(world.map, i) = 0;
		atomic_store(&c->writers[i].target,
			     (uintptr_t)place(pokes ? world.alias : world.map,
					      i));
	}
	atomic_store(&c->go, round);
	return 0;
}

/* What is seen of a page. */
struct sight {
	bool there;
	unsigned char bytes[SEEN];
};

static void look(unsigned int i, struct sight *sight)
{
	sight->there = false;
	if (!sigsetjmp(out, 0)) {
		armed = 1;
		memcpy(sight->bytes, place(world.alias, i), SEEN);
		sight->there = true;
	}
	armed = 0;
}

/* Everybody has been stopped: is all as it was when RETIRE had returned? */
static void judge(unsigned long round, const struct sight *seen)
{
	struct retire_rounds *r = world.rounds;
	bool stale = false, lost = false;
	struct sight now;
	unsigned int i;

	for (i = 0; i < r->writers; i++) {
		if (!await_stop(&world.common->writers[i], round)) {
			r->missed++;
			return;
		}
	}
	if (r->inside_us)
		usleep(r->inside_us);
	for (i = 0; i < r->writers; i++) {
		look(i, &now);
		/* It may never have come, but then it does not come any more. */
		if (!now.there)
			lost |= seen[i].there || !r->first;
		else if (!seen[i].there || memcmp(now.bytes, seen[i].bytes, SEEN))
			stale = true;
	}
	r->stale += stale;
	r->lost += lost;
	r->done++;
}

/* A different time in each round, within the microseconds that a system call takes. */
static void dawdle(unsigned long round)
{
	volatile unsigned long i;

	for (i = 0; i < round * 7 % 1000; i++)
		;
}

static int run_round(unsigned long round)
{
	struct retire_rounds *r = world.rounds;
	struct sight seen[ROUNDS_MAX_WRITERS];
	unsigned long stores[ROUNDS_MAX_WRITERS];
	unsigned int i;
	uint64_t outer;
	int err;

	for (i = 0; i < r->writers; i++)
		stores[i] = atomic_load(&world.common->writers[i].stores);
	err = hand_out(round);
	if (err)
		return err;
	for (i = 0; i < r->writers && !r->first; i++)
		await_store(&world.common->writers[i], stores[i]);
	dawdle(round);
	outer = ext_enter(&world.reader);
	err = retire();
	for (i = 0; i < r->writers && !err; i++)
		look(i, &seen[i]);
	if (!err)
		judge(round, seen);
	ext_exit(&world.reader, outer);
	return err;
}

/* ---- set-up ------------------------------------------------------------------ */

static int world_open(struct retire_rounds *r)
{
	bool data = r->zone_class == CODECACHE_ZONE_DATA;
	struct sigaction act = { .sa_sigaction = on_trap,
				 .sa_flags = SA_SIGINFO | SA_NODEFER };
	int err;

	if (sysconf(_SC_NPROCESSORS_ONLN) < (long)r->writers + 1)
		return -ENOTSUP;
	memset(&world, 0, sizeof(world));
	world.rounds = r;
	world.page = cc_page_size();
	world.alias_fd = -1;
	r->done = r->stale = r->missed = r->lost = 0;
	world.common = mmap(NULL, sizeof(*world.common), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (world.common == MAP_FAILED)
		return -errno;
	err = data ? cc_mem_extents_data(&world.mem, ZONE_PAGES) :
		     cc_mem_extents_code(&world.mem, ZONE_PAGES);
	if (err)
		return err;
	world.map = world.mem.map[data ? CODECACHE_VIEW_DATA :
					 CODECACHE_VIEW_WRITE];
	world.alias = world.mem.map[CODECACHE_VIEW_EXEC];
	if (data) {
		world.alias_fd = cc_view(world.mem.zone, CODECACHE_VIEW_DATA);
		world.alias = cc_map(world.alias_fd, CODECACHE_VIEW_DATA,
				     ZONE_PAGES);
		if (!world.alias)
			return -errno;
	}
	err = cc_share(&world.shared, world.mem.cache);
	if (!err)
		err = ext_register(&world.reader, world.mem.cache,
				   &world.shared);
	sigaction(SIGSEGV, &act, &world.old);
	sched_getaffinity(0, sizeof(world.cpus), &world.cpus);
	pin(0);
	return err;
}

static void world_close(void)
{
	sched_setaffinity(0, sizeof(world.cpus), &world.cpus);
	sigaction(SIGSEGV, &world.old, NULL);
	if (world.remote > 0) {
		kill(world.remote, SIGKILL);
		cc_wait(world.remote);
	}
	cc_unshare(&world.shared);
	if (world.alias_fd >= 0) {
		munmap(world.alias, ZONE_PAGES * world.page);
		close(world.alias_fd);
	}
	cc_mem_close(&world.mem);
	munmap(world.common, sizeof(*world.common));
}

int retire_rounds_run(struct retire_rounds *rounds)
{
	long long since = cc_now_ms();
	unsigned long round;
	unsigned int i, n = 0;
	int err = world_open(rounds);

	/* Before there are threads, which a copy of this process would miss. */
	if (!err && rounds->remote)
		err = remote_start();
	for (; n < rounds->writers && !err; n++)
		err = writer_start(n);
	for (round = 1; round <= rounds->nr && !err && !rounds->missed &&
			!rounds->lost; round++)
		err = run_round(round);
	rounds->ms = cc_now_ms() - since;
	for (i = 0; i < rounds->writers && world.common; i++)
		rounds->stores += atomic_load(&world.common->writers[i].stores);
	if (world.common)
		atomic_store(&world.common->stop, true);
	/* One that was missed goes on: nobody can wait for it. */
	while (n-- && !rounds->missed && !err)
		err = writer_stop(n);
	if (!rounds->missed)
		world_close();
	return err;
}
