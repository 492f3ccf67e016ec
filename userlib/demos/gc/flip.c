// SPDX-License-Identifier: MIT
/*
 * What revoking and granting cost by themselves, by the number of ranges
 *
 * Always the same pages, half of a semispace, are granted; but they lie in one range,
 * or in several, up to every other page. Granting them goes by groups, as the
 * collector does it, lowest first; then all of the space is revoked, as for a flip.
 * The least of several rounds counts.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "barrier.h"
#include "flip.h"
#include "measure.h"
#include "samples.h"

#define ROUNDS		5U
#define HALF		2048U	/* pages that are granted, of twice as many */
#define MAX_GROUP	64U

struct flip {
	struct barrier b;
	struct space_map map;
	uint64_t grant_ns;	/* least of the rounds */
	uint64_t revoke_ns;
	unsigned int vmas;
};

static void flip_check(const struct flip *f, const char *what, int err)
{
	if (err)
		gc_die("%s: %s: %s", f->b.ops->name, what, strerror(-err));
}

/* Half of the pages, in @nr ranges of equal size. */
static void flip_grant(struct flip *f, unsigned int nr, unsigned int group)
{
	unsigned int size = HALF / nr, i, pages = 0, runs = 0;
	struct page_run run[MAX_GROUP];

	for (i = 0; i < nr; i++) {
		run[runs++] = (struct page_run){ 2 * (size_t)size * i, size };
		pages += size;
		if (pages < group && i + 1 < nr)
			continue;
		flip_check(f, "granting", f->b.ops->grant(&f->b, &f->map, run, runs));
		pages = 0;
		runs = 0;
	}
}

static void flip_round(struct flip *f, unsigned int nr, unsigned int group)
{
	struct page_run all = { 0, 2 * HALF };
	volatile uint8_t *p;
	uint64_t start, took;
	unsigned int i;

	start = now_ns();
	flip_grant(f, nr, group);
	took = now_ns() - start;
	f->grant_ns = took < f->grant_ns ? took : f->grant_ns;
	f->vmas = measure_vmas();
	/* As after a collection: the mutators have used what they were given. */
	for (i = 0; i < HALF; i++) {
		p = f->map.mutator + (2 * (size_t)(HALF / nr) * (i / (HALF / nr)) +
				      i % (HALF / nr)) * f->b.page;
		*p = 1;
	}
	start = now_ns();
	flip_check(f, "revoking", f->b.ops->revoke(&f->b, &f->map, all));
	took = now_ns() - start;
	f->revoke_ns = took < f->revoke_ns ? took : f->revoke_ns;
}

static bool flip_barrier(const char *name, const struct options *o)
{
	static const unsigned int ranges[] = { 1, 8, 64, 512, 2048 };
	struct flip f;
	unsigned int i, round;
	int err = barrier_open(&f.b, name, false);

	if (err) {
		printf("%-16s skipped: %s\n", name, f.b.failed);
		return false;
	}
	flip_check(&f, f.b.failed, f.b.ops->map(&f.b, &f.map, 2 * HALF * f.b.page));
	memset(f.map.collector, 1, f.map.bytes);
	flip_check(&f, "revoking",
		   f.b.ops->revoke(&f.b, &f.map, (struct page_run){ 0, 2 * HALF }));
	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		f.grant_ns = UINT64_MAX;
		f.revoke_ns = UINT64_MAX;
		for (round = 0; round < ROUNDS; round++)
			flip_round(&f, ranges[i], o->config.group);
		printf("%-16s %8u %14" PRIu64 " %14" PRIu64 " %8u\n", name, ranges[i],
		       f.revoke_ns, f.grant_ns, f.vmas);
		printf("#TSV\tflip\t%s\t%u\t%" PRIu64 "\t%" PRIu64 "\t%u\n", name, ranges[i],
		       f.revoke_ns, f.grant_ns, f.vmas);
	}
	f.b.ops->unmap(&f.b, &f.map);
	f.b.ops->close(&f.b);
	return true;
}

int flip_costs(const struct options *o)
{
	const struct barrier_ops *const *list = barrier_list(false);
	unsigned int i, done = 0;

	printf("%u of %u pages granted in so many ranges, then all revoked; ns, or in a guest whose\n"
	       "clock counts instructions, instructions; the least of %u rounds\n\n"
	       "%-16s %8s %14s %14s %8s\n", HALF, 2 * HALF, ROUNDS, "barrier", "ranges",
	       "revoke all", "grant", "VMAs");
	for (i = 0; list[i]; i++)
		if (!list[i]->soft && options_wants(o->barrier, list[i]->name))
			done += flip_barrier(list[i]->name, o);
	return done ? 0 : 77;
}
