// SPDX-License-Identifier: MIT
/*
 * For the tests of extents, readers and grace periods, by raw ioctls
 */
#include "cc_reclaim.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- extents -------------------------------------------------------------- */

int cc_extents(int cache, uint32_t zone_class, uint64_t nr_pages)
{
	struct codecache_zone_create_args args = {
		.size = sizeof(args),
		.flags = CODECACHE_ZONE_F_EXTENTS,
		.zone_class = zone_class,
		.bytes = nr_pages * cc_page_size(),
	};
	int err = cc_ioctl(cache, CODECACHE_IOC_ZONE_CREATE, &args);

	return err ? err : args.out_fd;
}

int cc_mem_extents(struct cc_mem *mem, uint32_t zone_class, uint64_t nr_pages)
{
	int err = cc_mem_make(mem, zone_class, nr_pages);

	if (err)
		return err;
	close(mem->zone);
	mem->zone = cc_extents(mem->cache, zone_class, nr_pages);
	return mem->zone < 0 ? mem->zone : 0;
}

int cc_mem_extents_code(struct cc_mem *mem, uint64_t nr_pages)
{
	int err = cc_mem_extents(mem, CODECACHE_ZONE_CODE, nr_pages);

	if (!err)
		err = cc_mem_map(mem, CODECACHE_VIEW_WRITE);
	return err ? err : cc_mem_map(mem, CODECACHE_VIEW_EXEC);
}

int cc_mem_extents_data(struct cc_mem *mem, uint64_t nr_pages)
{
	int err = cc_mem_extents(mem, CODECACHE_ZONE_DATA, nr_pages);

	return err ? err : cc_mem_map(mem, CODECACHE_VIEW_DATA);
}

int cc_alloc_call(int zone, struct codecache_extent_alloc_args *args)
{
	args->size = sizeof(*args);
	args->out_failed_index = CC_UNWRITTEN;
	args->out_cookie = CC_UNWRITTEN;
	return cc_ioctl(zone, CODECACHE_IOC_EXTENT_ALLOC, args);
}

int cc_alloc(int zone, struct codecache_extent *extents, uint64_t count,
	     uint32_t flags)
{
	struct codecache_extent_alloc_args args = {
		.flags = flags,
		.addr = (uintptr_t)extents,
		.count = count,
	};

	return cc_alloc_call(zone, &args);
}

long long cc_extent(int zone, uint64_t nr_pages)
{
	struct codecache_extent extent = { .nr_pages = nr_pages };
	int err = cc_alloc(zone, &extent, 1, 0);

	return err ? err : (long long)extent.first_page;
}

int cc_retire_call(int zone, struct codecache_extent_retire_args *args)
{
	args->size = sizeof(*args);
	args->out_failed_index = CC_UNWRITTEN;
	args->out_cookie = CC_UNWRITTEN;
	args->out_nr_pages = CC_UNWRITTEN;
	return cc_ioctl(zone, CODECACHE_IOC_EXTENT_RETIRE, args);
}

static int cc_retire_cookie(int zone, struct codecache_extent_retire_args *args,
			    uint64_t *cookie)
{
	int err = cc_retire_call(zone, args);

	if (cookie)
		*cookie = args->out_cookie;
	return err;
}

int cc_retire(int zone, const struct codecache_extent *extents, uint64_t count,
	      uint64_t *cookie)
{
	struct codecache_extent_retire_args args = {
		.addr = (uintptr_t)extents,
		.count = count,
	};

	return cc_retire_cookie(zone, &args, cookie);
}

int cc_retire_run(int zone, uint64_t first, uint64_t nr_pages, uint64_t *cookie)
{
	struct codecache_extent extent = {
		.first_page = first,
		.nr_pages = nr_pages,
	};

	return cc_retire(zone, &extent, 1, cookie);
}

int cc_retire_all(int zone, uint64_t *cookie)
{
	struct codecache_extent_retire_args args = {
		.flags = CODECACHE_RETIRE_F_ALL,
	};

	return cc_retire_cookie(zone, &args, cookie);
}

/* ---- grace periods -------------------------------------------------------- */

int cc_grace_start(int cache, uint32_t flags, uint64_t *cookie)
{
	struct codecache_grace_start_args args = {
		.size = sizeof(args),
		.flags = flags,
		.out_cookie = CC_UNWRITTEN,
	};
	int err = cc_ioctl(cache, CODECACHE_IOC_GRACE_START, &args);

	*cookie = args.out_cookie;
	return err;
}

int cc_grace_poll(int cache, uint64_t cookie)
{
	struct codecache_grace_poll_args args = {
		.size = sizeof(args),
		.cookie = cookie,
	};
	int err = cc_ioctl(cache, CODECACHE_IOC_GRACE_POLL, &args);

	return err ? err : (int)args.out_done;
}

int cc_grace_wait_ns(int cache, uint64_t cookie, uint64_t ns)
{
	struct codecache_grace_wait_args args = {
		.size = sizeof(args),
		.cookie = cookie,
		.timeout_ns = ns,
	};

	return cc_ioctl(cache, CODECACHE_IOC_GRACE_WAIT, &args);
}

int cc_grace_wait(int cache, uint64_t cookie)
{
	return cc_grace_wait_ns(cache, cookie, CC_PATIENCE_MS * 1000000ULL);
}

int cc_grace_eventfd(int cache, uint64_t cookie, int fd)
{
	struct codecache_grace_eventfd_args args = {
		.size = sizeof(args),
		.cookie = cookie,
		.fd = fd,
	};

	return cc_ioctl(cache, CODECACHE_IOC_GRACE_EVENTFD, &args);
}

int cc_quiesce(int cache)
{
	uint64_t cookie;
	int err = cc_grace_start(cache, 0, &cookie);

	return err ? err : cc_grace_wait(cache, cookie);
}

/* Each question has the kernel look at the readers. */
bool cc_grace_holds(int cache, uint64_t cookie)
{
	int i;

	for (i = 0; i < 20; i++) {
		if (cc_grace_poll(cache, cookie))
			return false;
		usleep(5000);
	}
	return true;
}

/* ---- readers -------------------------------------------------------------- */

int cc_share(struct cc_shared *shared, int cache)
{
	struct codecache_info_args info = { .size = sizeof(info) };
	const size_t page = cc_page_size();
	void *control, *slots;
	int err;

	err = cc_ioctl(cache, CODECACHE_IOC_INFO, &info);
	if (err)
		return err;
	control = mmap(NULL, page, PROT_READ, MAP_SHARED, cache, 0);
	if (control == MAP_FAILED)
		return -errno;
	slots = mmap(NULL, info.out_max_readers * sizeof(*shared->slots),
		     PROT_READ | PROT_WRITE, MAP_SHARED, cache, page);
	if (slots == MAP_FAILED) {
		munmap(control, page);
		return -errno;
	}
	shared->control = control;
	shared->slots = slots;
	shared->nr_slots = info.out_max_readers;
	return 0;
}

void cc_unshare(struct cc_shared *shared)
{
	munmap(shared->slots, shared->nr_slots * sizeof(*shared->slots));
	munmap((void *)shared->control, cc_page_size());
	memset(shared, 0, sizeof(*shared));
}

uint64_t cc_completed(const struct cc_shared *shared)
{
	return __atomic_load_n(&shared->control->completed, __ATOMIC_ACQUIRE);
}

bool cc_waiting(const struct cc_shared *shared)
{
	return __atomic_load_n(&shared->control->waiting, __ATOMIC_RELAXED);
}

int cc_reader(int cache)
{
	struct codecache_reader_register_args args = {
		.size = sizeof(args),
		.out_offset = CC_UNWRITTEN,
	};
	int err = cc_ioctl(cache, CODECACHE_IOC_READER_REGISTER, &args);

	if (err)
		return err;
	if (args.out_offset != cc_page_size() + args.out_index *
			       sizeof(struct codecache_reader_slot))
		return -EBADMSG;
	return args.out_index;
}

int cc_reader_drop(int cache, uint32_t index)
{
	struct codecache_reader_unregister_args args = {
		.size = sizeof(args),
		.index = index,
	};

	return cc_ioctl(cache, CODECACHE_IOC_READER_UNREGISTER, &args);
}

uint64_t cc_enter(const struct cc_shared *shared, uint32_t index)
{
	struct codecache_reader_slot *slot = &shared->slots[index];
	uint64_t outer = __atomic_load_n(&slot->active, __ATOMIC_RELAXED);

	if (!outer)
		__atomic_store_n(&slot->active,
				 __atomic_load_n(&shared->control->epoch,
						 __ATOMIC_ACQUIRE),
				 __ATOMIC_RELAXED);
	/* The kernel has the fence that this lacks. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return outer;
}

void cc_exit(const struct cc_shared *shared, uint32_t index, uint64_t outer)
{
	__atomic_store_n(&shared->slots[index].active, outer, __ATOMIC_RELEASE);
}

static void *cc_inside_main(void *arg)
{
	struct cc_inside *in = arg;
	uint64_t outer = 0;

	in->index = cc_reader(in->cache);
	if (in->index >= 0)
		outer = cc_enter(in->shared, in->index);
	atomic_store(&in->tid, gettid());
	/* Asleep: hundreds of these may share one emulated processor. */
	while (sem_wait(&in->leave))
		;	/* a signal */
	if (in->index >= 0) {
		cc_exit(in->shared, in->index, outer);
		cc_reader_drop(in->cache, in->index);
	}
	return NULL;
}

int cc_inside_start(struct cc_inside *in, int cache,
		    const struct cc_shared *shared)
{
	long long since = cc_now_ms();
	int err;

	in->cache = cache;
	in->shared = shared;
	atomic_store(&in->tid, 0);
	sem_init(&in->leave, 0, 0);
	err = -pthread_create(&in->thread, NULL, cc_inside_main, in);
	while (!err && !atomic_load(&in->tid)) {
		if (!cc_patient(since))
			err = -ETIME;
	}
	return err ? err : in->index < 0 ? in->index : 0;
}

int cc_inside_stop(struct cc_inside *in)
{
	sem_post(&in->leave);
	return -pthread_join(in->thread, NULL);
}

/* ---- writers -------------------------------------------------------------- */

static void cc_writer_store(void *arg)
{
	struct cc_writer *writer = arg;
	unsigned long n = 0;

	while (!atomic_load_explicit(&writer->stop, memory_order_relaxed)) {
		*writer->p = ++n;
		atomic_store_explicit(&writer->stored, n, memory_order_release);
	}
}

static void *cc_writer_main(void *arg)
{
	struct cc_writer *writer = arg;

	writer->sig = cc_try(cc_writer_store, writer);
	writer->trap = cc_trap;
	atomic_store(&writer->ended, true);
	return NULL;
}

int cc_writer_start(struct cc_writer *writer, void *p)
{
	writer->p = p;
	atomic_store(&writer->stored, 0);
	atomic_store(&writer->stop, false);
	atomic_store(&writer->ended, false);
	return -pthread_create(&writer->thread, NULL, cc_writer_main, writer);
}

bool cc_writer_goes_on(struct cc_writer *writer, unsigned long more)
{
	unsigned long from = atomic_load(&writer->stored);
	long long since = cc_now_ms();

	while (atomic_load(&writer->stored) - from < more) {
		if (atomic_load(&writer->ended) || !cc_patient(since))
			return false;
	}
	return true;
}

bool cc_writer_ends(struct cc_writer *writer)
{
	long long since = cc_now_ms();

	while (!atomic_load(&writer->ended)) {
		if (!cc_patient(since))
			return false;
	}
	return !pthread_join(writer->thread, NULL);
}

bool cc_writer_segv(struct cc_writer *writer)
{
	return cc_writer_ends(writer) && writer->sig == SIGSEGV &&
	       writer->trap.addr == writer->p;
}

/* ---- numbers and accesses ------------------------------------------------- */

bool cc_stat_becomes(int fd, size_t offset, long long want)
{
	long long since = cc_now_ms();

	do {
		if (cc_stat(fd, offset) == want)
			return true;
	} while (cc_patient(since));
	return false;
}

int cc_kernel_store(void *p, unsigned char value)
{
	int fds[2], err = 0;

	if (pipe(fds))
		return -errno;
	if (write(fds[1], &value, 1) != 1 || read(fds[0], p, 1) != 1)
		err = -errno;
	close(fds[0]);
	close(fds[1]);
	return err;
}

int cc_kernel_load(const void *p)
{
	int fds[2], err = 0;

	if (pipe(fds))
		return -errno;
	if (write(fds[1], p, 1) != 1)
		err = -errno;
	close(fds[0]);
	close(fds[1]);
	return err;
}
