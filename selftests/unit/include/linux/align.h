/* SPDX-License-Identifier: MIT */
/* Shim: for powers of two. */
#ifndef SHIM_LINUX_ALIGN_H
#define SHIM_LINUX_ALIGN_H

#define ALIGN_DOWN(x, a)	((x) & ~((__typeof__(x))(a) - 1))
#define ALIGN(x, a)		ALIGN_DOWN((x) + (a) - 1, a)

#endif /* SHIM_LINUX_ALIGN_H */
