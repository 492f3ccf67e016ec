// SPDX-License-Identifier: MIT
/* The barriers by name. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "barrier.h"

extern const struct barrier_ops barrier_uffd_codecache;
extern const struct barrier_ops barrier_codecache;
extern const struct barrier_ops barrier_codecache_signal;
extern const struct barrier_ops barrier_uffd_memfd;
extern const struct barrier_ops barrier_mprotect;
extern const struct barrier_ops barrier_soft;

const struct barrier_ops *const barriers[] = {
	&barrier_uffd_codecache,
	&barrier_codecache,
	&barrier_codecache_signal,
	&barrier_uffd_memfd,
	&barrier_mprotect,
	&barrier_soft,
	NULL,
};

_Static_assert(sizeof(barriers) / sizeof(barriers[0]) - 1 <= BARRIER_MAX,
	       "there are more barriers than BARRIER_MAX");

int barrier_open(struct barrier *b, const char *name)
{
	unsigned int i;

	memset(b, 0, sizeof(*b));
	for (i = 0; barriers[i]; i++) {
		if (strcmp(barriers[i]->name, name))
			continue;
		b->ops = barriers[i];
		b->uffd = -1;
		b->page = (size_t)sysconf(_SC_PAGESIZE);
		return b->ops->open(b);
	}
	b->failed = "there is no barrier of this name";
	return -EINVAL;
}
