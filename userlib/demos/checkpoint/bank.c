// SPDX-License-Identifier: MIT
/* The bank: see bank.h. */
#include "bank.h"

#define BODY_WORDS	8	/* of the body, changed by a leg */
#define HEAD_WORDS	(sizeof(struct bank_page) / sizeof(uint64_t))
#define CHECK_WORD	(offsetof(struct bank_page, check) / sizeof(uint64_t))

/*
 * Where the legs go: most to a window of a sixteenth of the pages, that moves on
 * every WINDOW_TXNS transactions; one in COLD_ONE_IN anywhere. So a delta has
 * less to copy than a full snapshot, and still pages from everywhere.
 */
#define WINDOW_TXNS	16384
#define WINDOW_PART	16
#define COLD_ONE_IN	64

/* Scrambles 64 bits, one to one. */
static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	return x ^ x >> 32;
}

uint64_t bank_mark(const struct bank *b, uint64_t number)
{
	return mix(b->seed ^ mix(number));
}

uint64_t bank_page_number(const struct bank *b, uint64_t page)
{
	return mix(b->seed + 1) ^ page;
}

/* Every word has an odd weight: no change of one word goes unseen. */
static uint64_t weight(size_t word)
{
	return 2 * word + 1;
}

uint64_t bank_checksum(const struct bank *b, const struct bank_page *p)
{
	const uint64_t *word = &p->number;
	size_t nr = b->page_size / sizeof(*word), i;
	uint64_t sum = 0;

	for (i = 0; i < nr; i++)
		if (i != CHECK_WORD)
			sum += word[i] * weight(i);
	return sum;
}

void bank_fill(const struct bank *b, void *zone)
{
	size_t nr = b->page_size / sizeof(uint64_t) - HEAD_WORDS, i;
	uint64_t page;

	for (page = 0; page < b->nr_pages; page++) {
		struct bank_page *p = bank_page(b, zone, page);
		uint64_t random = mix(b->seed * 3 + page);

		p->number = bank_page_number(b, page);
		p->newest = 0;
		p->balance = BANK_OPENING_BALANCE;
		p->legs = 0;
		p->marks = 0;
		for (i = 0; i < nr; i++)
			p->body[i] = random += 0x9e3779b97f4a7c15ULL;
		p->check = bank_checksum(b, p);
	}
}

static uint64_t bank_choose(const struct bank *b, uint64_t number, uint64_t random)
{
	uint64_t window = b->nr_pages / WINDOW_PART, start;

	if (random % COLD_ONE_IN == 0 || !window)
		return (random >> 8) % b->nr_pages;
	start = mix(b->seed ^ ~(number / WINDOW_TXNS)) % b->nr_pages;
	return (start + (random >> 8) % window) % b->nr_pages;
}

void bank_plan(const struct bank *b, uint64_t number, struct bank_txn *txn)
{
	uint64_t random = bank_mark(b, number), sum = 0;
	unsigned int i;

	txn->number = number;
	txn->nr_legs = 2 + random % (BANK_MAX_LEGS - 1);
	for (i = 0; i < txn->nr_legs; i++) {
		random = mix(random + 1);
		txn->page[i] = bank_choose(b, number, random);
		random = mix(random + 1);
		txn->amount[i] = random;
		sum += random;
	}
	/* The same page may be in it twice, but not only that page. */
	if (txn->page[1] == txn->page[0])
		txn->page[1] = (txn->page[0] + 1) % b->nr_pages;
	txn->amount[txn->nr_legs - 1] -= sum;
}

/* Add to a word, and keep the checksum right. */
static void bank_add(struct bank_page *p, size_t word, uint64_t what)
{
	(&p->number)[word] += what;
	p->check += what * weight(word);
}

void bank_leg(const struct bank *b, void *zone, const struct bank_txn *txn,
	      unsigned int leg)
{
	struct bank_page *p = bank_page(b, zone, txn->page[leg]);
	size_t nr = b->page_size / sizeof(uint64_t) - HEAD_WORDS;
	uint64_t random = txn->amount[leg] ^ txn->number;
	uint64_t *word = &p->number;
	unsigned int i;

	if (txn->number > p->newest)
		bank_add(p, &p->newest - word, txn->number - p->newest);
	bank_add(p, &p->balance - word, txn->amount[leg]);
	bank_add(p, &p->legs - word, 1);
	bank_add(p, &p->marks - word, bank_mark(b, txn->number));
	for (i = 0; i < BODY_WORDS; i++) {
		random = mix(random + 1);
		bank_add(p, HEAD_WORDS + (random >> 16) % nr, random);
	}
}
