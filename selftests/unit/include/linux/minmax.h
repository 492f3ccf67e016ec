/* SPDX-License-Identifier: MIT */
/* Shim: as strict about types as the kernel's, each argument evaluated once. */
#ifndef SHIM_LINUX_MINMAX_H
#define SHIM_LINUX_MINMAX_H

#define shim_compare(a, b, op) ({			\
	__typeof__(a) shim_a = (a);			\
	__typeof__(b) shim_b = (b);			\
	(void)(&shim_a == &shim_b);			\
	shim_a op shim_b ? shim_a : shim_b; })

#define min(a, b)		shim_compare(a, b, <)
#define max(a, b)		shim_compare(a, b, >)
#define min_t(type, a, b)	min((type)(a), (type)(b))
#define max_t(type, a, b)	max((type)(a), (type)(b))
#define clamp(x, lo, hi)	min(max(x, lo), hi)

#endif /* SHIM_LINUX_MINMAX_H */
