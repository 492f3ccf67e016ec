/* SPDX-License-Identifier: MIT */
/* Shim. */
#ifndef SHIM_LINUX_SCHED_H
#define SHIM_LINUX_SCHED_H

#define cond_resched()		((void)0)

#endif /* SHIM_LINUX_SCHED_H */
