/* SPDX-License-Identifier: MIT */
/*
 * SHA-256 (FIPS 180-4) in user space: what the kernel's is compared with
 */
#ifndef CC_SHA256_H
#define CC_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define CC_SHA256_LEN 32

/**
 * struct cc_sha256 - a digest that is being computed
 * @h: state
 * @bytes: that were added
 * @block: those of them that do not fill a block yet
 */
struct cc_sha256 {
	uint32_t h[8];
	uint64_t bytes;
	unsigned char block[64];
};

void cc_sha256_init(struct cc_sha256 *sha);
void cc_sha256_add(struct cc_sha256 *sha, const void *data, size_t len);
void cc_sha256_end(struct cc_sha256 *sha, unsigned char digest[CC_SHA256_LEN]);

#endif /* CC_SHA256_H */
