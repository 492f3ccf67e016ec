/* SPDX-License-Identifier: MIT */
/* What the ways to change protections have in common. */
#ifndef FUZZ_MODEL_PROT_H
#define FUZZ_MODEL_PROT_H

#include "model.h"

/* Where what a structure points to lies: as it should, nowhere, cut off by a hole. */
enum { M_AT_HOME, M_AT_NOWHERE, M_AT_THE_END, M_AT_NR };

void *m_vector(uint64_t where);

uint64_t m_any_where(struct fz_rng *r);
uint64_t m_any_prot(struct fz_rng *r, const struct m_view *v);
uint64_t m_any_trap(struct fz_rng *r);

/* One range; @errs gets all that is wrong with it. */
void m_range_errs(const struct m_view *v, uint64_t first, uint64_t nr,
		  uint64_t prot, uint64_t trap, struct m_errs *errs);
bool m_protect_call(uint64_t how, struct m_view *v,
		    struct codecache_view_protect_args *args,
		    struct m_errs *errs);
/* What has been done is told. @nothing: there was nothing to do. */
void m_protect_told(struct m_view *v, bool nothing, bool populate,
		    uint64_t populated,
		    const struct codecache_view_protect_args *args);

#endif /* FUZZ_MODEL_PROT_H */
