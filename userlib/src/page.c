// SPDX-License-Identifier: MIT
/*
 * libcodecache: pages, instruction fetch, and the version
 *
 * The page size is asked for each time: C libraries answer from memory, and a
 * copy of our own would need initialising.
 */
#include <unistd.h>

#include "internal.h"

size_t codecache_page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

unsigned int codecache_page_shift(void)
{
	return (unsigned int)__builtin_ctzl((unsigned long)codecache_page_size());
}

uint64_t codecache_bytes_to_pages(uint64_t bytes)
{
	const uint64_t page_size = codecache_page_size();

	/* Not (bytes + page_size - 1) / page_size, which overflows near the top. */
	return bytes / page_size + (bytes % page_size != 0);
}

void codecache_sync_code(const void *addr, size_t bytes)
{
	char *start = (char *)(uintptr_t)addr;

	/* Where the builtin is empty, it does not order stores before it either. */
	__asm__ volatile("" : : : "memory");
	__builtin___clear_cache(start, start + bytes);
}

unsigned int codecache_version(void)
{
	return CODECACHE_VERSION_NUMBER;
}
