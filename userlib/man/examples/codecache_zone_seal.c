// SPDX-License-Identifier: MIT
#include <codecache.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(int error)
{
	if (!error)
		return;
	fprintf(stderr, "codecache: %s\n", codecache_strerror(error));
	exit(EXIT_FAILURE);
}

/* A zone of code, as a compiler might have left it. */
static struct codecache_zone *compile(struct codecache_cache *cache)
{
	struct codecache_view *view;
	struct codecache_zone *zone;

	check(codecache_zone_create(cache, CODECACHE_ZONE_CODE,
				    4 * codecache_page_size(), &zone));
	check(codecache_view_create(zone, CODECACHE_VIEW_WRITE, NULL, &view));
	check(codecache_view_map(view, NULL, 0));
	memset(codecache_view_addr(view), 0xc3, 100);
	codecache_view_destroy(view);
	return zone;
}

int main(void)
{
	struct codecache_seal_options options = {
		.size = sizeof(options),
		.flags = CODECACHE_SEAL_F_DIGEST,
		.tag = 20261,
	};
	struct codecache_seal_info_args info;
	struct codecache_zone *zone, *same;
	struct codecache_cache *cache;
	struct codecache_view *exec, *write;
	int other, again, writable;
	size_t i;

	check(codecache_open(&cache));
	zone = compile(cache);
	same = compile(cache);

	/* The digest of one is the expected one of the other. */
	check(codecache_zone_seal(zone, NULL, options.digest));
	options.digest[0] ^= 1;
	other = codecache_zone_seal(same, &options, NULL);
	printf("with another digest: %s\n", codecache_strerror(other));
	options.digest[0] ^= 1;
	check(codecache_zone_seal(same, &options, NULL));
	again = codecache_zone_seal(same, &options, NULL);

	/* Who was given nothing but an exec view can tell what it runs. */
	check(codecache_view_create(same, CODECACHE_VIEW_EXEC, NULL, &exec));
	check(codecache_view_seal_info(exec, &info));
	printf("version %" PRIu64 " of ", (uint64_t)info.out_tag);
	for (i = 0; i < CODECACHE_DIGEST_BYTES; i++)
		printf("%02x", info.out_digest[i]);
	putchar('\n');
	writable = codecache_view_create(same, CODECACHE_VIEW_WRITE, NULL,
					 &write);

	codecache_view_destroy(exec);
	codecache_zone_destroy(same);
	codecache_zone_destroy(zone);
	codecache_close(cache);
	return other == -EBADMSG && again == -EPERM && writable == -EPERM &&
	       info.out_tag == 20261 &&
	       !memcmp(info.out_digest, options.digest,
		       CODECACHE_DIGEST_BYTES) ? 0 : EXIT_FAILURE;
}
