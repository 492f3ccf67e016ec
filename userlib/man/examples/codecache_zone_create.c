// SPDX-License-Identifier: MIT
#include <codecache.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	struct codecache_zone *zone = NULL, *same = NULL;
	struct codecache_cache *cache;
	int error, fd;

	error = codecache_open(&cache);
	if (!error)
		error = codecache_zone_create(cache, CODECACHE_ZONE_DATA,
					      100000, &zone);
	if (error) {
		fprintf(stderr, "codecache: %s\n", codecache_strerror(error));
		codecache_close(cache);
		return 1;
	}
	/* The zone stands by itself: the cache may go. */
	codecache_close(cache);

	/* As a process would that received the descriptor over a socket. */
	fd = dup(codecache_zone_fd(zone));
	error = codecache_zone_from_fd(fd, &same);
	if (error) {
		fprintf(stderr, "codecache: %s\n", codecache_strerror(error));
		close(fd);
	} else {
		printf("%" PRIu64 " bytes, %" PRIu64 " in the other handle\n",
		       codecache_zone_bytes(zone), codecache_zone_bytes(same));
	}
	codecache_zone_destroy(same);
	codecache_zone_destroy(zone);
	return error != 0;
}
