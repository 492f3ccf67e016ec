// SPDX-License-Identifier: MIT
/*
 * See clock.h. The protocol is that of <linux/codecache_reclaim.h>: a grace period
 * first gives all threads a barrier, then looks at the slots. The memory is not copied
 * by fork(), as the module's is not.
 */
#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "fake.h"

void *__real_mmap(void *addr, size_t length, int prot, int flags, int fd, long offset);

static struct {
	pthread_mutex_t lock;
	bool on;
	pid_t pid;
	struct codecache_control *control;
	struct codecache_reader_slot *slots;
	bool taken[CLOCK_READERS];
	pthread_t who[CLOCK_READERS];
	uint64_t next, running;
	bool asked;
	struct clock_told told;
	struct clock_noted noted;
} clk = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void *clock_memory(size_t bytes)
{
	void *memory = __real_mmap(NULL, bytes, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || madvise(memory, bytes, MADV_DONTFORK))
		return NULL;
	return memory;
}

bool clock_start(void)
{
	const long ret = syscall(SYS_membarrier,
				 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);

	clk.control = clock_memory(codecache_page_size());
	clk.slots = clock_memory(codecache_page_size());
	if (ret || !clk.control || !clk.slots)
		return false;
	clk.pid = getpid();
	clk.next = 1;
	clk.control->epoch = 1;
	clk.on = true;
	return true;
}

void clock_tell(struct clock_told told)
{
	pthread_mutex_lock(&clk.lock);
	clk.told = told;
	pthread_mutex_unlock(&clk.lock);
}

struct clock_noted clock_noted(void)
{
	struct clock_noted noted;

	pthread_mutex_lock(&clk.lock);
	noted = clk.noted;
	pthread_mutex_unlock(&clk.lock);
	return noted;
}

void clock_reap(unsigned int slot)
{
	pthread_mutex_lock(&clk.lock);
	clk.taken[slot] = false;
	pthread_mutex_unlock(&clk.lock);
}

unsigned int clock_readers(void)
{
	unsigned int i, nr = 0;

	pthread_mutex_lock(&clk.lock);
	for (i = 0; i < CLOCK_READERS; i++)
		nr += clk.taken[i];
	pthread_mutex_unlock(&clk.lock);
	return nr;
}

bool clock_has(int fd)
{
	return clk.on && fd == FAKE_CACHE_FD;
}

void *clock_mmap(size_t length, long long offset)
{
	if (length != codecache_page_size())
		return MAP_FAILED;
	return offset ? (void *)clk.slots : (void *)clk.control;
}

/* Not really: the kernel goes on to use it. In a child it is the child's. */
bool clock_munmap(const void *addr)
{
	return clk.on && clk.pid == getpid() &&
	       (addr == clk.control || addr == clk.slots);
}

/* ---- the clock --------------------------------------------------------- */

static bool clock_blocks(unsigned int slot, uint64_t cookie)
{
	uint64_t active = __atomic_load_n(&clk.slots[slot].active, __ATOMIC_ACQUIRE);

	return clk.taken[slot] && active && active <= cookie;
}

static void clock_begin(void)
{
	clk.running = clk.next++;
	clk.asked = false;
	__atomic_store_n(&clk.control->epoch, clk.next, __ATOMIC_RELEASE);
}

/* The lock is held. */
static void clock_tick(void)
{
	bool blocked = clk.told.stopped;
	unsigned int i;

	if (!clk.running)
		return;
	syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
	for (i = 0; i < CLOCK_READERS && !clk.told.careless; i++)
		blocked |= clock_blocks(i, clk.running);
	__atomic_store_n(&clk.control->waiting, blocked, __ATOMIC_RELAXED);
	if (blocked)
		return;
	__atomic_store_n(&clk.control->completed, clk.running, __ATOMIC_RELEASE);
	clk.running = 0;
	if (clk.asked)
		clock_begin();
}

static bool clock_over(uint64_t cookie)
{
	return cookie <= clk.control->completed;
}

/* ---- the calls: 0 or a positive errno ----------------------------------- */

static int clock_register(struct codecache_reader_register_args *args)
{
	unsigned int i;

	clk.noted.registers++;
	for (i = 0; i < CLOCK_READERS && clk.taken[i]; i++)
		;
	if (i == CLOCK_READERS)
		return ENOSPC;
	clk.taken[i] = true;
	clk.who[i] = pthread_self();
	__atomic_store_n(&clk.slots[i].active, 0, __ATOMIC_RELAXED);
	args->out_index = i;
	args->out_offset = codecache_page_size() + i * sizeof(*clk.slots);
	return 0;
}

static int clock_unregister(const struct codecache_reader_unregister_args *args)
{
	clk.noted.unregisters++;
	if (args->index >= CLOCK_READERS || !clk.taken[args->index])
		return ENOENT;
	if (__atomic_load_n(&clk.slots[args->index].active, __ATOMIC_RELAXED))
		return EBUSY;
	clk.taken[args->index] = false;
	return 0;
}

static int clock_grace_start(struct codecache_grace_start_args *args)
{
	clk.noted.starts++;
	if (clk.told.start_error)
		return clk.told.start_error;
	args->out_cookie = clk.next;
	clk.asked = true;
	if (!clk.running)
		clock_begin();
	return 0;
}

static bool clock_given_out(uint64_t cookie)
{
	return cookie < clk.next || (clk.asked && cookie == clk.next);
}

static int clock_grace_poll(struct codecache_grace_poll_args *args)
{
	clk.noted.polls++;
	if (!clock_given_out(args->cookie))
		return EINVAL;
	clock_tick();
	args->out_done = clock_over(args->cookie);
	args->out_completed = clk.control->completed;
	return 0;
}

static bool clock_waits_for_me(uint64_t cookie)
{
	unsigned int i;

	for (i = 0; i < CLOCK_READERS; i++)
		if (clock_blocks(i, cookie) &&
		    pthread_equal(clk.who[i], pthread_self()))
			return true;
	return false;
}

/* A fifth of a millisecond at a time, with the lock left to others. */
static int clock_grace_wait(struct codecache_grace_wait_args *args)
{
	const struct timespec time = { .tv_nsec = 200000 };
	uint64_t ns;

	clk.noted.waits++;
	if (clk.told.wait_error)
		return clk.told.wait_error;
	if (!clock_given_out(args->cookie))
		return EINVAL;
	for (ns = 0; ; ns += 200000) {
		clock_tick();
		if (clock_over(args->cookie))
			break;
		if (clock_waits_for_me(args->cookie))
			return EDEADLK;
		if (args->timeout_ns && ns >= args->timeout_ns)
			return ETIMEDOUT;
		pthread_mutex_unlock(&clk.lock);
		nanosleep(&time, NULL);
		pthread_mutex_lock(&clk.lock);
	}
	args->out_completed = clk.control->completed;
	return 0;
}

static int clock_call(unsigned long request, void *args)
{
	switch (request) {
	case CODECACHE_IOC_INFO:
		((struct codecache_info_args *)args)->out_max_readers = CLOCK_READERS;
		return 0;
	case CODECACHE_IOC_READER_REGISTER:
		return clock_register(args);
	case CODECACHE_IOC_READER_UNREGISTER:
		return clock_unregister(args);
	case CODECACHE_IOC_GRACE_START:
		return clock_grace_start(args);
	case CODECACHE_IOC_GRACE_POLL:
		return clock_grace_poll(args);
	case CODECACHE_IOC_GRACE_WAIT:
		return clock_grace_wait(args);
	default:
		return ENOTTY;
	}
}

int clock_ioctl(unsigned long request, void *args)
{
	int error;

	pthread_mutex_lock(&clk.lock);
	error = clock_call(request, args);
	pthread_mutex_unlock(&clk.lock);
	errno = error ? error : EXDEV;
	return error ? -1 : 0;
}
