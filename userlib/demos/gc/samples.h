/* SPDX-License-Identifier: MIT */
/* Durations, all of them kept: median, 99th percentile, longest. */
#ifndef GC_SAMPLES_H
#define GC_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

struct samples {
	uint64_t *ns;
	size_t nr;
	size_t room;
};

uint64_t now_ns(void);
void samples_add(struct samples *s, uint64_t ns);
/** The sample that @percent of all do not exceed; 0 if there is none. Sorts. */
uint64_t samples_percentile(struct samples *s, unsigned int percent);
void samples_free(struct samples *s);

#endif /* GC_SAMPLES_H */
