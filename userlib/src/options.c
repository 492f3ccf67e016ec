// SPDX-License-Identifier: MIT
/*
 * libcodecache: option structures, which may be older or newer than the library
 */
#include <string.h>

#include "internal.h"

/*
 * Take over the caller's options, which may be NULL, as the kernel does with
 * structures: what an older caller lacks is zero, what a newer one knows more must
 * be zero. All of them start with their size, a uint32_t; @known is what the
 * library knows, @first_version what every caller has at least.
 */
int codecache__copy_options(void *to, size_t known, const void *from,
			    size_t first_version)
{
	const unsigned char *bytes = from;
	uint32_t size;
	size_t i;

	memset(to, 0, known);
	if (!from)
		return 0;
	memcpy(&size, from, sizeof(size));
	if (size < first_version)
		return -EINVAL;
	for (i = known; i < size; i++)
		if (bytes[i])
			return -E2BIG;

	memcpy(to, from, size < known ? size : known);
	return 0;
}
