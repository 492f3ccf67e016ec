// SPDX-License-Identifier: MIT
#include <codecache.h>
#include <stdio.h>

int main(void)
{
	const unsigned int version = codecache_version();
	struct codecache_cache *cache;
	int error;

	printf("libcodecache %u.%u.%u\n", version / 1000000,
	       version / 1000 % 1000, version % 1000);

	error = codecache_open(&cache);
	if (error)
		fprintf(stderr, "codecache: %s\n", codecache_strerror(error));
	codecache_close(cache);
	return error != 0;
}
