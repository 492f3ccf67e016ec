// SPDX-License-Identifier: MIT
/* The barriers, and the remembered sets, by name. */
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
extern const struct barrier_ops remember_codecache;
extern const struct barrier_ops remember_mprotect;
extern const struct barrier_ops remember_cards;

static const struct barrier_ops *const barriers[] = {
	&barrier_uffd_codecache,
	&barrier_codecache,
	&barrier_codecache_signal,
	&barrier_uffd_memfd,
	&barrier_mprotect,
	&barrier_soft,
	NULL,
};

static const struct barrier_ops *const remembered_sets[] = {
	&remember_codecache,
	&remember_mprotect,
	&remember_cards,
	NULL,
};

_Static_assert(sizeof(barriers) / sizeof(barriers[0]) - 1 <= BARRIER_MAX,
	       "there are more barriers than BARRIER_MAX");

const struct barrier_ops *const *barrier_list(bool generational)
{
	return generational ? remembered_sets : barriers;
}

int barrier_open(struct barrier *b, const char *name, bool generational)
{
	const struct barrier_ops *const *list = barrier_list(generational);
	unsigned int i;

	memset(b, 0, sizeof(*b));
	for (i = 0; list[i]; i++) {
		if (strcmp(list[i]->name, name))
			continue;
		b->ops = list[i];
		b->uffd = -1;
		b->page = (size_t)sysconf(_SC_PAGESIZE);
		return b->ops->open(b);
	}
	b->failed = "there is no barrier of this name";
	return -EINVAL;
}
