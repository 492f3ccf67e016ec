// SPDX-License-Identifier: MIT
/* Durations, all of them kept: median, 99th percentile, longest. */
#include <stdlib.h>
#include <time.h>

#include "samples.h"

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void samples_add(struct samples *s, uint64_t ns)
{
	if (s->nr == s->room) {
		size_t room = s->room ? 2 * s->room : 1024;
		uint64_t *more = realloc(s->ns, room * sizeof(*more));

		if (!more)
			return;
		s->ns = more;
		s->room = room;
	}
	s->ns[s->nr++] = ns;
}

static int samples_compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

uint64_t samples_percentile(struct samples *s, unsigned int percent)
{
	size_t at;

	if (!s->nr)
		return 0;
	qsort(s->ns, s->nr, sizeof(*s->ns), samples_compare);
	at = (s->nr * percent + 99) / 100;
	return s->ns[at ? at - 1 : 0];
}

void samples_free(struct samples *s)
{
	free(s->ns);
	*s = (struct samples){ 0 };
}
