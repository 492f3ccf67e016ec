/* SPDX-License-Identifier: MIT */
#ifndef JIT_DIE_H
#define JIT_DIE_H

/** Something cannot be as it is: say so, and leave at once with status 1. */
void die(const char *format, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

#endif /* JIT_DIE_H */
