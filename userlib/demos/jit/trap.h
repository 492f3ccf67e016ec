/* SPDX-License-Identifier: MIT */
/* Calls into code that may not be there any more: a signal is an answer, too. */
#ifndef JIT_TRAP_H
#define JIT_TRAP_H

#include "emit.h"

/** Once for the process. */
void trap_install(void);
/** Once for each thread that makes calls: a stack for the handler. */
void trap_thread_begin(void);
void trap_thread_end(void);
/** struct backend's call(). Returns false if it was ended by a signal. */
bool trap_call(const struct backend *backend, const uint8_t *start, size_t bytes,
	       size_t entry, const struct record *record, struct scratch *scratch,
	       struct verdict *verdict);

#endif /* JIT_TRAP_H */
