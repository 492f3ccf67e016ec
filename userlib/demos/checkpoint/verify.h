/* SPDX-License-Identifier: MIT */
/*
 * Verification: is what the files say the state of the bank at one instant?
 *
 * All that is looked at has been read back from checkpoint files: the image of a
 * full one, with every later delta applied to it. For the instant T of the file:
 *
 *  - pages: each has its number and its checksum: none was copied half changed;
 *  - future: no page has been changed by a transaction beyond T;
 *  - sum: the balances add up to what the bank began with: no transaction is there
 *    with one of its pages and not there with another;
 *  - parts: number and marks of the parts of transactions, over all pages, are those
 *    of the transactions 1 to T: all of them are there, each once;
 *  - replay: the transactions 1 to T, done again one after the other in memory of
 *    the verifier's own, give the same bytes.
 */
#ifndef CHECKPOINT_VERIFY_H
#define CHECKPOINT_VERIFY_H

#include "bank.h"

struct verifier {
	struct bank bank;
	uint8_t *restored;	/* from files */
	uint64_t restored_at;
	uint8_t *model;		/* by replay */
	uint64_t model_at;
	uint64_t legs;		/* of the transactions 1 to model_at */
	uint64_t marks;
	unsigned int complaints;	/* printed */
};

/** struct findings - what was wrong */
struct findings {
	const char *file;	/* why it could not be read, or NULL */
	uint64_t pages;
	uint64_t future;
	uint64_t replay;
	int sum;
	int parts;
};

void verify_begin(struct verifier *v);
void verify_end(struct verifier *v);
/** Read the checkpoint @path of @instant back and check it. Returns whether all is right. */
int verify_file(struct verifier *v, const char *path, uint64_t instant);

#endif /* CHECKPOINT_VERIFY_H */
