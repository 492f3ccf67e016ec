// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache tracepoints: their definitions, made from trace.h
 *
 * Locking: tracing's own.
 */
#include <linux/types.h>

#define CREATE_TRACE_POINTS
#include "trace.h"
