/* SPDX-License-Identifier: MIT */
/* Shim. */
#include <linux/slab.h>
