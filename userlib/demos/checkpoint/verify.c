// SPDX-License-Identifier: MIT
/* Verification: see verify.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "verify.h"
#include "world.h"

#define COMPLAINTS	4	/* to print, at most */

static void verify_replay(struct verifier *v, uint64_t instant)
{
	const struct bank *b = &v->bank;
	struct bank_txn txn;
	unsigned int i;

	while (v->model_at < instant) {
		bank_plan(b, ++v->model_at, &txn);
		for (i = 0; i < txn.nr_legs; i++)
			bank_leg(b, v->model, &txn, i);
		v->legs += txn.nr_legs;
		v->marks += txn.nr_legs * bank_mark(b, txn.number);
	}
}

static void verify_pages(struct verifier *v, uint64_t instant, struct findings *f)
{
	uint64_t balance = 0, legs = 0, marks = 0, page;
	const struct bank *b = &v->bank;

	for (page = 0; page < b->nr_pages; page++) {
		const struct bank_page *p = bank_page(b, v->restored, page);

		f->pages += p->number != bank_page_number(b, page) ||
			    p->check != bank_checksum(b, p);
		f->future += p->newest > instant;
		f->replay += memcmp(p, bank_page(b, v->model, page), b->page_size) != 0;
		balance += p->balance;
		legs += p->legs;
		marks += p->marks;
	}
	f->sum = balance != b->nr_pages * BANK_OPENING_BALANCE;
	f->parts = legs != v->legs || marks != v->marks;
}

static void verify_complain(struct verifier *v, uint64_t instant, const struct findings *f)
{
	if (v->complaints++ >= COMPLAINTS)
		return;
	if (f->file) {
		printf("checkpoint: instant %llu: %s\n", (unsigned long long)instant, f->file);
		return;
	}
	printf("checkpoint: instant %llu: %llu pages damaged, %llu from the future, sum %s, parts %s, %llu pages not as replayed\n",
	       (unsigned long long)instant, (unsigned long long)f->pages,
	       (unsigned long long)f->future, f->sum ? "WRONG" : "right",
	       f->parts ? "WRONG" : "right", (unsigned long long)f->replay);
}

int verify_file(struct verifier *v, const char *path, uint64_t instant)
{
	const struct bank *b = &v->bank;
	struct findings f = { 0 };

	f.file = file_apply(path, v->restored, b->nr_pages, b->page_size, &v->restored_at);
	if (!f.file && v->restored_at != instant)
		f.file = "the file is from another instant";
	if (!f.file) {
		verify_replay(v, instant);
		verify_pages(v, instant, &f);
	}
	if (!f.file && !f.pages && !f.future && !f.replay && !f.sum && !f.parts)
		return 1;
	verify_complain(v, instant, &f);
	return 0;
}

void verify_begin(struct verifier *v)
{
	size_t bytes = v->bank.nr_pages * v->bank.page_size;

	v->restored = calloc(1, bytes);
	v->model = malloc(bytes);
	if (!v->restored || !v->model)
		die("no memory to verify with");
	bank_fill(&v->bank, v->model);
}

void verify_end(struct verifier *v)
{
	free(v->restored);
	free(v->model);
}
