// SPDX-License-Identifier: MIT
/*
 * Code pages in a memfd that is mapped twice, see retire.h
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "retire.h"

static size_t offset_of(const struct method *m, unsigned int i)
{
	return (size_t)i * m->step * page_size;
}

static int map_page(const struct method *m, char *window, int prot, size_t offset,
		    size_t bytes)
{
	void *p = mmap(window + offset, bytes, prot, MAP_SHARED | MAP_FIXED, m->fd,
		       offset);

	return p == MAP_FAILED ? -errno : 0;
}

int memfd_setup(struct method *m)
{
	size_t bytes = SPAN_PAGES * page_size;

	m->fd = memfd_create("retire_bench", MFD_CLOEXEC);
	if (m->fd < 0 || ftruncate(m->fd, bytes))
		return -errno;
	m->write = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
	m->exec = mmap(NULL, bytes, PROT_READ | PROT_EXEC, MAP_SHARED, m->fd, 0);
	if (m->write == MAP_FAILED || m->exec == MAP_FAILED)
		return -errno;
	memset(m->write, 1, bytes);
	return 0;
}

/* How many calls it takes, and for how many bytes each. */
static unsigned int nr_runs(const struct method *m, unsigned int n, size_t *bytes)
{
	*bytes = m->step == 1 ? n * page_size : page_size;
	return m->step == 1 ? 1 : n;
}

int memfd_keep(struct method *m, unsigned int n)
{
	(void)m;
	(void)n;
	return 0;
}

int memfd_map(struct method *m, unsigned int n)
{
	size_t bytes, offset;
	unsigned int i, runs = nr_runs(m, n, &bytes);
	int err = 0;

	for (i = 0; i < runs && !err; i++) {
		offset = offset_of(m, i);
		err = map_page(m, m->write, PROT_READ | PROT_WRITE, offset, bytes);
		if (!err)
			err = map_page(m, m->exec, PROT_READ | PROT_EXEC, offset,
				       bytes);
	}
	return err;
}

static int barrier_of(const struct method *m)
{
	return syscall(SYS_membarrier, m->barrier, 0, 0) ? -errno : 0;
}

/* What is not mapped traps; its memory goes by punching a hole. */
int memfd_unmap(struct method *m, unsigned int n)
{
	size_t bytes, offset;
	unsigned int i, runs = nr_runs(m, n, &bytes);
	int err = barrier_of(m);

	if (err)
		return err;
	for (i = 0; i < runs; i++) {
		offset = offset_of(m, i);
		if (munmap(m->write + offset, bytes) ||
		    munmap(m->exec + offset, bytes) ||
		    fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      offset, bytes))
			return -errno;
	}
	return 0;
}

/* Memory goes, and both windows lose it; who comes there finds zeros. */
int memfd_remove(struct method *m, unsigned int n)
{
	size_t bytes;
	unsigned int i, runs = nr_runs(m, n, &bytes);
	int err = barrier_of(m);

	if (err)
		return err;
	for (i = 0; i < runs; i++) {
		if (madvise(m->write + offset_of(m, i), bytes, MADV_REMOVE))
			return -errno;
	}
	return 0;
}

/* Page table entries go; memory stays, and who comes there finds the old code. */
int memfd_dontneed(struct method *m, unsigned int n)
{
	size_t bytes, offset;
	unsigned int i, runs = nr_runs(m, n, &bytes);
	int err = barrier_of(m);

	if (err)
		return err;
	for (i = 0; i < runs; i++) {
		offset = offset_of(m, i);
		if (madvise(m->write + offset, bytes, MADV_DONTNEED) ||
		    madvise(m->exec + offset, bytes, MADV_DONTNEED))
			return -errno;
	}
	return 0;
}

int memfd_barrier(struct method *m, unsigned int n)
{
	(void)n;
	return barrier_of(m);
}
