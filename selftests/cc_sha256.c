// SPDX-License-Identifier: MIT
/*
 * SHA-256 (FIPS 180-4) in user space: what the kernel's is compared with
 */
#include <string.h>

#include "cc_sha256.h"

static const uint32_t k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
	0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, unsigned int n)
{
	return x >> n | x << (32 - n);
}

static uint32_t load(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static void store(unsigned char *p, uint32_t x)
{
	p[0] = x >> 24;
	p[1] = x >> 16;
	p[2] = x >> 8;
	p[3] = x;
}

static void schedule(uint32_t w[64], const unsigned char *block)
{
	unsigned int i;

	for (i = 0; i < 16; i++)
		w[i] = load(block + 4 * i);
	for (; i < 64; i++) {
		uint32_t a = w[i - 15], b = w[i - 2];

		w[i] = w[i - 16] + w[i - 7] +
		       (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) +
		       (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
	}
}

static void add_block(struct cc_sha256 *sha, const unsigned char *block)
{
	uint32_t w[64], s[8], t1, t2;
	unsigned int i;

	schedule(w, block);
	memcpy(s, sha->h, sizeof(s));
	for (i = 0; i < 64; i++) {
		t1 = s[7] + k[i] + w[i] + ((s[4] & s[5]) ^ (~s[4] & s[6])) +
		     (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25));
		t2 = ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2])) +
		     (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22));
		memmove(s + 1, s, 7 * sizeof(*s));
		s[4] += t1;
		s[0] = t1 + t2;
	}
	for (i = 0; i < 8; i++)
		sha->h[i] += s[i];
}

void cc_sha256_init(struct cc_sha256 *sha)
{
	static const uint32_t h[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};

	memcpy(sha->h, h, sizeof(h));
	sha->bytes = 0;
}

void cc_sha256_add(struct cc_sha256 *sha, const void *data, size_t len)
{
	const unsigned char *p = data;
	size_t used = sha->bytes % sizeof(sha->block), n;

	sha->bytes += len;
	while (len) {
		n = sizeof(sha->block) - used;
		if (n > len)
			n = len;
		memcpy(sha->block + used, p, n);
		used = (used + n) % sizeof(sha->block);
		if (!used)
			add_block(sha, sha->block);
		p += n;
		len -= n;
	}
}

void cc_sha256_end(struct cc_sha256 *sha, unsigned char digest[CC_SHA256_LEN])
{
	const unsigned char pad[64] = { 0x80 };
	uint64_t bits = sha->bytes * 8;
	unsigned char length[8];
	unsigned int i;

	store(length, bits >> 32);
	store(length + 4, bits);
	/* The length comes last in its block. */
	cc_sha256_add(sha, pad, 1 + (119 - sha->bytes % 64) % 64);
	cc_sha256_add(sha, length, sizeof(length));
	for (i = 0; i < 8; i++)
		store(digest + 4 * i, sha->h[i]);
}
