/* SPDX-License-Identifier: MIT */
/*
 * The bank: pages of accounts, and transactions that move amounts between them
 *
 * Transactions are numbered 1, 2, 3, ... What transaction n does is a function of
 * n and the seed alone: it takes two to four pages, and changes in each the
 * balance, some words of the body, and the words that witness it. All changes are
 * additions modulo 2^64 (or a maximum), so the order in which transactions meet in
 * a page does not matter: the state of the bank after the transactions 1 to T is
 * one known sequence of bytes, for every T.
 *
 * The amounts of a transaction add up to 0, and are 64 random bits each. So the
 * sum of all balances never changes, and shows it if a page lacks its part of a
 * transaction that another page has.
 */
#ifndef CHECKPOINT_BANK_H
#define CHECKPOINT_BANK_H

#include <stddef.h>
#include <stdint.h>

#define BANK_MAX_LEGS		4
#define BANK_OPENING_BALANCE	1000000ULL

/**
 * struct bank_page - one page
 * @number: which page it is, mixed with the seed
 * @newest: the highest transaction that has changed it: the version stamp
 * @balance: what the invariant is about
 * @legs: how many parts of transactions it has seen
 * @marks: the sum of their bank_mark()s
 * @check: weighted sum of all other words
 * @body: words that transactions change here and there
 */
struct bank_page {
	uint64_t number;
	uint64_t newest;
	uint64_t balance;
	uint64_t legs;
	uint64_t marks;
	uint64_t check;
	uint64_t body[];
};

struct bank {
	uint64_t seed;
	uint64_t nr_pages;
	size_t page_size;
};

/** struct bank_txn - a transaction: what each of its legs adds to which page */
struct bank_txn {
	uint64_t number;
	unsigned int nr_legs;
	uint64_t page[BANK_MAX_LEGS];
	uint64_t amount[BANK_MAX_LEGS];
};

static inline struct bank_page *bank_page(const struct bank *b, void *zone,
					  uint64_t page)
{
	return (struct bank_page *)((uint8_t *)zone + page * b->page_size);
}

/** What a leg of transaction @number adds to @marks. */
uint64_t bank_mark(const struct bank *b, uint64_t number);
/** What @number of a page must be. */
uint64_t bank_page_number(const struct bank *b, uint64_t page);
/** What @check of a page must be. */
uint64_t bank_checksum(const struct bank *b, const struct bank_page *p);
/** The state before the first transaction. */
void bank_fill(const struct bank *b, void *zone);
/** What transaction @number will do. */
void bank_plan(const struct bank *b, uint64_t number, struct bank_txn *txn);
/** Do one leg. The caller keeps everybody else off the page. */
void bank_leg(const struct bank *b, void *zone, const struct bank_txn *txn,
	      unsigned int leg);

#endif /* CHECKPOINT_BANK_H */
