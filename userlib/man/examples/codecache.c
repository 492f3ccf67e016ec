// SPDX-License-Identifier: MIT
#include <codecache.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) || defined(__i386__)
static const uint8_t code[] = { 0xb8, 42, 0, 0, 0, 0xc3 };
#elif defined(__aarch64__)
static const uint32_t code[] = { 0x52800540, 0xd65f03c0 };
#elif defined(__riscv)
static const uint32_t code[] = { 0x02a00513, 0x00008067 };
#else
#error "put the machine code of: return 42, here"
#endif

static void check(int error)
{
	if (!error)
		return;
	fprintf(stderr, "codecache: %s\n", codecache_strerror(error));
	exit(EXIT_FAILURE);
}

int main(void)
{
	struct codecache_cache *cache;
	struct codecache_view *write, *exec;
	struct codecache_zone *zone;
	int (*run)(void);
	void *entry;

	check(codecache_open(&cache));
	check(codecache_zone_create(cache, CODECACHE_ZONE_CODE, 65536, &zone));
	check(codecache_view_create(zone, CODECACHE_VIEW_WRITE, NULL, &write));
	check(codecache_view_create(zone, CODECACHE_VIEW_EXEC, NULL, &exec));
	check(codecache_view_map(write, NULL, 0));
	check(codecache_view_map(exec, NULL, 0));

	/* Written here, run there: no page is ever both. */
	memcpy(codecache_view_addr(write), code, sizeof(code));
	entry = codecache_view_addr(exec);
	codecache_sync_code(entry, sizeof(code));
	memcpy(&run, &entry, sizeof(run));
	printf("the code returns %d\n", run());

	/* Done with page 0: from now on, writing to it traps. */
	check(codecache_view_protect_range(write, 0, 1, CODECACHE_PROT_READ));

	codecache_view_destroy(exec);
	codecache_view_destroy(write);
	codecache_zone_destroy(zone);
	codecache_close(cache);
	return 0;
}
