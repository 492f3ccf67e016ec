// SPDX-License-Identifier: MIT
/*
 * The storm's coverage: what of the module a thread has run, and programs that have
 * reached something new, to be changed and run again
 */
#include "storm.h"

#include <fcntl.h>
#include <linux/kcov.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ST_KCOV_WORDS = 32768 };

static __thread int st_kcov = -1;
static __thread unsigned long *st_pcs;

/* ---- what was run ----------------------------------------------------------------- */

bool st_cover_open(void)
{
	void *pcs;

	st_kcov = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	if (st_kcov < 0)
		return false;
	if (!ioctl(st_kcov, KCOV_INIT_TRACE, (unsigned long)ST_KCOV_WORDS)) {
		pcs = mmap(NULL, ST_KCOV_WORDS * sizeof(*st_pcs),
			   PROT_READ | PROT_WRITE, MAP_SHARED, st_kcov, 0);
		if (pcs != MAP_FAILED && !ioctl(st_kcov, KCOV_ENABLE, KCOV_TRACE_PC)) {
			st_pcs = pcs;
			return true;
		}
	}
	close(st_kcov);
	st_kcov = -1;
	return false;
}

void st_cover_close(void)
{
	if (st_kcov < 0)
		return;
	ioctl(st_kcov, KCOV_DISABLE, 0);
	munmap(st_pcs, ST_KCOV_WORDS * sizeof(*st_pcs));
	close(st_kcov);
	st_kcov = -1;
	st_pcs = NULL;
}

void st_cover_begin(void)
{
	if (st_pcs)
		__atomic_store_n(&st_pcs[0], 0, __ATOMIC_RELAXED);
}

/* An edge is where one came from, and where one is. */
static bool st_cover_edge(unsigned long from, unsigned long to)
{
	uint64_t hash = (from * 31 ^ to) * 0x9e3779b97f4a7c15ULL;
	unsigned int bit = hash >> (64 - ST_COVER_BITS);
	unsigned long mask = 1UL << bit % 64;
	atomic_ulong *word = &st_shared->cover[bit / 64];

	if (atomic_load_explicit(word, memory_order_relaxed) & mask)
		return false;
	return !(atomic_fetch_or(word, mask) & mask);
}

bool st_cover_end(void)
{
	unsigned long i, nr, from = 0, fresh = 0;

	if (!st_pcs)
		return false;
	nr = __atomic_load_n(&st_pcs[0], __ATOMIC_RELAXED);
	for (i = 1; i <= nr && i < ST_KCOV_WORDS; i++) {
		fresh += st_cover_edge(from, st_pcs[i]);
		from = st_pcs[i];
	}
	atomic_fetch_add(&st_shared->nr_cover, fresh);
	return fresh;
}

/* ---- programs ----------------------------------------------------------------------- */

/* Whoever finds a place busy goes without: a process may be killed while it writes. */
static bool st_corpus_take(unsigned int i)
{
	unsigned int free = 0;

	return atomic_compare_exchange_strong(&st_shared->busy[i], &free, 1);
}

void st_corpus_add(const struct st_program *program)
{
	unsigned int i = atomic_fetch_add(&st_shared->nr_corpus, 1) % ST_CORPUS;

	if (!st_corpus_take(i))
		return;
	st_shared->corpus[i] = *program;
	atomic_store(&st_shared->busy[i], 0);
}

static bool st_corpus_get(struct fz_rng *r, struct st_program *program)
{
	unsigned int nr = atomic_load(&st_shared->nr_corpus), i;

	if (!nr)
		return false;
	i = fz_below(r, nr < ST_CORPUS ? nr : ST_CORPUS);
	if (!st_corpus_take(i))
		return false;
	*program = st_shared->corpus[i];
	atomic_store(&st_shared->busy[i], 0);
	return program->nr && program->nr <= ST_PROGRAM;
}

static uint64_t st_change_number(struct fz_rng *r, uint64_t a)
{
	switch (fz_below(r, 6)) {
	case 0:
		return a + 1 - fz_below(r, 3);
	case 1:
		return a ^ 1ULL << fz_below(r, 64);
	case 2:
		return fz_next(r);
	case 3:
		return 0;
	case 4:
		return fz_below(r, 16);
	default:
		return fz_below(r, ST_PAGES);
	}
}

static void st_change(struct fz_rng *r, struct st_program *p)
{
	unsigned int i = fz_below(r, p->nr);
	struct fz_op *op = &p->op[i];

	switch (fz_below(r, 4)) {
	case 0:
		fz_op_make(st_types, r, op);
		break;
	case 1:
		if (p->nr < ST_PROGRAM)
			fz_op_make(st_types, r, &p->op[p->nr++]);
		break;
	case 2:
		if (p->nr > 1)
			*op = p->op[--p->nr];
		break;
	default:
		if (op->nr)
			op->a[fz_below(r, op->nr)] =
				st_change_number(r, op->a[fz_below(r, op->nr)]);
	}
}

void st_program_make(struct fz_rng *r, struct st_program *program)
{
	unsigned int i;

	if (!st_shared->blind && fz_one_in(r, 2) && st_corpus_get(r, program)) {
		for (i = fz_below(r, 5); i; i--)
			st_change(r, program);
		return;
	}
	program->nr = 1 + fz_below(r, ST_PROGRAM);
	for (i = 0; i < program->nr; i++)
		fz_op_make(st_types, r, &program->op[i]);
}
