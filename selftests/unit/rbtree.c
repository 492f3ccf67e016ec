// SPDX-License-Identifier: MIT
/*
 * The kernel's red-black trees, as its tools in user space have them: a file of
 * the kernel's source package, which this only points to
 */
#include <lib/rbtree.c>
