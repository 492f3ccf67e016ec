// SPDX-License-Identifier: MIT
#include <codecache.h>
#include <inttypes.h>
#include <stdio.h>

int main(void)
{
	struct codecache_info_args info;
	struct codecache_cache *cache;
	int error;

	error = codecache_open(&cache);
	if (!error)
		error = codecache_info(cache, &info);
	if (error) {
		fprintf(stderr, "codecache: %s\n", codecache_strerror(error));
		codecache_close(cache);
		return 1;
	}

	printf("ABI %" PRIu32 ", zones of up to %" PRIu64 " bytes\n",
	       info.out_abi_version, (uint64_t)info.out_max_zone_bytes);
	if (info.out_features & CODECACHE_FEAT_UFFD_VIEWS)
		printf("views of kind uffd are there\n");
	codecache_close(cache);
	return 0;
}
