// SPDX-License-Identifier: MIT
/*
 * The barrier soft: memory without protections; the mutators' code is the barrier
 *
 * One mapping of a memfd, so that memory is counted as that of the others is.
 */
#include "barrier.h"

const struct barrier_ops barrier_soft = {
	.name = "soft",
	.soft = true,
	.kernel_waits = true,	/* it never has to */
	.open = memfd_open,
	.close = memfd_close,
	.map = memfd_map_once,
	.unmap = memfd_unmap,
	.resident = memfd_resident,
};
