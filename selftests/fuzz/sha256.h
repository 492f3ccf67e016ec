/* SPDX-License-Identifier: MIT */
/* SHA-256 by FIPS 180-4, to check the module's (which is the kernel's) against. */
#ifndef FUZZ_SHA256_H
#define FUZZ_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct sha256 {
	uint32_t h[8];
	uint64_t bytes;
	unsigned char block[64];
};

void sha256_begin(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t len);
void sha256_end(struct sha256 *s, uint8_t digest[32]);

#endif /* FUZZ_SHA256_H */
