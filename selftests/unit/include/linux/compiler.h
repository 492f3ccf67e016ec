/* SPDX-License-Identifier: MIT */
/* Accesses that the compiler must not repeat or leave out. */
#ifndef UNIT_COMPILER_H
#define UNIT_COMPILER_H

#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value)	(*(volatile __typeof__(x) *)&(x) = (value))

#endif /* UNIT_COMPILER_H */
