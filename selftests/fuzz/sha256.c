// SPDX-License-Identifier: MIT
/*
 * SHA-256 by FIPS 180-4. Its constants are computed, not copied: the first 32 bits of
 * the fractional parts of square and cube roots of the first primes.
 */
#include "sha256.h"

#include <string.h>

static uint32_t sha256_h[8], sha256_k[64];

/* The fraction of the root: the largest r with r^power <= prime * 2^(32 * power). */
static uint32_t sha256_root(uint32_t prime, int power)
{
	unsigned __int128 r = 0, want = (unsigned __int128)prime << 64, v;
	int bit;

	/* Cubes with 32 bits of fraction need 96 bits beside the prime's. */
	if (power == 3)
		want <<= 32;
	for (bit = 36; bit >= 0; bit--) {
		v = r | (unsigned __int128)1 << bit;
		if ((power == 2 ? v * v : v * v * v) <= want)
			r = v;
	}
	return r;
}

static void sha256_constants(void)
{
	uint32_t n, prime = 2, d;

	for (n = 0; n < 64; prime++) {
		for (d = 2; d * d <= prime && prime % d; d++)
			;
		if (d * d <= prime)
			continue;
		if (n < 8)
			sha256_h[n] = sha256_root(prime, 2);
		sha256_k[n++] = sha256_root(prime, 3);
	}
}

static uint32_t ror(uint32_t x, int n)
{
	return x >> n | x << (32 - n);
}

/* The message schedule. */
static void sha256_expand(const unsigned char *p, uint32_t w[64])
{
	int i;

	for (i = 0; i < 16; i++, p += 4)
		w[i] = (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
	for (; i < 64; i++)
		w[i] = w[i - 16] + w[i - 7] +
		       (ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^ w[i - 15] >> 3) +
		       (ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^ w[i - 2] >> 10);
}

static void sha256_block(struct sha256 *s, const unsigned char *p)
{
	uint32_t w[64], v[8], t1, t2;
	int i;

	sha256_expand(p, w);
	memcpy(v, s->h, sizeof(v));
	for (i = 0; i < 64; i++) {
		t1 = v[7] + (ror(v[4], 6) ^ ror(v[4], 11) ^ ror(v[4], 25)) +
		     ((v[4] & v[5]) ^ (~v[4] & v[6])) + sha256_k[i] + w[i];
		t2 = (ror(v[0], 2) ^ ror(v[0], 13) ^ ror(v[0], 22)) +
		     ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
		memmove(v + 1, v, 7 * sizeof(*v));
		v[4] += t1;
		v[0] = t1 + t2;
	}
	for (i = 0; i < 8; i++)
		s->h[i] += v[i];
}

void sha256_begin(struct sha256 *s)
{
	if (!sha256_k[0])
		sha256_constants();
	memcpy(s->h, sha256_h, sizeof(s->h));
	s->bytes = 0;
}

void sha256_add(struct sha256 *s, const void *data, size_t len)
{
	const unsigned char *p = data;
	size_t n;

	while (len) {
		n = 64 - s->bytes % 64;
		if (n > len)
			n = len;
		memcpy(s->block + s->bytes % 64, p, n);
		s->bytes += n;
		p += n;
		len -= n;
		if (s->bytes % 64 == 0)
			sha256_block(s, s->block);
	}
}

void sha256_end(struct sha256 *s, uint8_t digest[32])
{
	static const unsigned char pad[64] = { 0x80 };
	uint64_t bits = s->bytes * 8;
	unsigned char length[8];
	int i;

	for (i = 0; i < 8; i++)
		length[i] = bits >> (56 - 8 * i);
	sha256_add(s, pad, 1 + (119 - s->bytes % 64) % 64);
	sha256_add(s, length, 8);
	for (i = 0; i < 32; i++)
		digest[i] = s->h[i / 4] >> (24 - 8 * (i % 4));
}
