/* SPDX-License-Identifier: MIT */
/* Shim: the kernel's sort() is qsort() with one argument more. */
#ifndef SHIM_LINUX_SORT_H
#define SHIM_LINUX_SORT_H

#include <stdlib.h>

#define sort(base, nr, size, cmp, swap) \
	((void)(swap), qsort(base, nr, size, cmp))

#endif /* SHIM_LINUX_SORT_H */
