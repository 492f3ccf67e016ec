// SPDX-License-Identifier: MIT
#include <codecache.h>
#include <inttypes.h>
#include <stdio.h>

int main(void)
{
	const uint64_t bytes = 100000;
	const uint64_t pages = codecache_bytes_to_pages(bytes);

	printf("%" PRIu64 " bytes fill %" PRIu64 " pages of %zu bytes\n",
	       bytes, pages, codecache_page_size());
	return pages << codecache_page_shift() < bytes;
}
