/* SPDX-License-Identifier: MIT */
#ifndef UNIT_ATOMIC_H
#define UNIT_ATOMIC_H

#define cmpxchg(p, old, new)	__sync_val_compare_and_swap(p, old, new)

#endif /* UNIT_ATOMIC_H */
