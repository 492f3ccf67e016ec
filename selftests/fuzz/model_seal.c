// SPDX-License-Identifier: MIT
/*
 * The oracle: SEAL, with a digest of its own, and SEAL_INFO
 */
#include "model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cc_sha256.h"

/* ---- the digest ----------------------------------------------------------------------- */

static uint64_t m_digest_run(struct cc_sha256 *s, const struct m_zone *z,
			     uint64_t first, uint64_t nr)
{
	uint64_t page;

	for (page = first; page < first + nr; page++)
		cc_sha256_add(s, m_data(z, page), M_PAGE);
	return nr * M_PAGE;
}

static int m_by_page(const void *a, const void *b)
{
	const struct m_extent *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* All pages in ascending order, or those of extents; how many bytes. */
static uint64_t m_digest(struct m_zone *z, uint8_t digest[32])
{
	struct cc_sha256 s;
	uint64_t bytes = 0;
	unsigned int i;

	cc_sha256_init(&s);
	qsort(z->ext, z->nr_ext, sizeof(z->ext[0]), m_by_page);
	if (!z->extents)
		bytes = m_digest_run(&s, z, 0, z->nr);
	for (i = 0; i < z->nr_ext; i++)
		bytes += m_digest_run(&s, z, z->ext[i].first, z->ext[i].nr);
	cc_sha256_end(&s, digest);
	return bytes;
}

/* ---- SEAL ----------------------------------------------------------------------------- */

/* What the caller says about the content: nothing, the truth, or something else. */
enum { M_SAY_NOTHING, M_SAY_DIGEST, M_SAY_WRONG, M_SAY_WITHOUT_FLAG, M_SAY_SIGNED,
       M_SAY_NR };

static bool m_make_seal(struct fz_rng *r, struct fz_op *op)
{
	int zone = m_any_zone(r);

	if (zone < 0 || w.zone[zone].nr > 600 || !fz_one_in(r, 3))
		return false;
	op->nr = 4;
	op->a[0] = m_how(r);
	op->a[1] = zone;
	op->a[2] = fz_one_in(r, 4) ? fz_below(r, 2) :
		   fz_one_in(r, 8) ? M_SAY_WITHOUT_FLAG + fz_below(r, 2) :
		   M_SAY_WRONG;
	op->a[3] = fz_next(r);
	return true;
}

static void m_seal_say(struct codecache_zone_seal_args *args, uint64_t say,
		       const uint8_t digest[32], struct m_errs *errs)
{
	if (say == M_SAY_DIGEST || say == M_SAY_WRONG)
		args->flags = CODECACHE_SEAL_F_DIGEST;
	if (say == M_SAY_DIGEST || say == M_SAY_WRONG ||
	    say == M_SAY_WITHOUT_FLAG)
		memcpy(args->digest, digest, 32);
	if (say == M_SAY_WRONG) {
		args->digest[args->tag % 32] ^= 1;
		m_may(errs, true, EBADMSG);
	}
	m_may(errs, say == M_SAY_WITHOUT_FLAG, EINVAL);
	if (say != M_SAY_SIGNED)
		return;
	args->flags = CODECACHE_SEAL_F_SIGNATURE;
	args->signature = (uintptr_t)m_arena + M_ARENA_DATA;
	args->signature_len = 100;
	m_may(errs, true, EBADMSG);	/* it is none */
	m_may(errs, true, EOPNOTSUPP);
}

static void m_run_seal(const struct fz_op *op)
{
	struct m_zone *z = m_open_zone(op->a[1]);
	struct codecache_zone_seal_args args = {
		.size = sizeof(args),
		.tag = op->a[3],
	};
	struct codecache_seal_info_args *seal;
	struct m_errs errs = { 0 };
	uint8_t digest[32];
	uint64_t bytes;

	if (!z)
		return;
	m_settle_zone(z);
	bytes = m_digest(z, digest);
	m_may(&errs, z->zone_class != CODECACHE_ZONE_CODE, EOPNOTSUPP);
	m_may(&errs, z->sealed, EPERM);
	m_may(&errs, m_retired_pages(z), EBUSY);
	m_seal_say(&args, op->a[2], digest, &errs);
	/* It takes entries away from writers, also when it fails then. */
	if (!m_how_bad(op->a[0]) && z->zone_class == CODECACHE_ZONE_CODE &&
	    !z->sealed && !m_retired_pages(z) && op->a[2] != M_SAY_WITHOUT_FLAG)
		m_take(z, 0, z->nr, true);
	if (!m_ioctl(op->a[0], z->fd, CODECACHE_IOC_ZONE_SEAL, &args,
		     sizeof(args), &errs))
		return;
	m_expect("out_bytes", bytes, args.out_bytes);
	m_expect("out_digest", 0, memcmp(digest, args.out_digest, 32));
	z->sealed = true;
	seal = &z->seal;
	memcpy(seal->out_digest, digest, 32);
	seal->out_tag = args.tag;
	seal->out_bytes = bytes;
}

const struct fz_type m_seal = {
	"seal", "how zone say tag", 8, m_make_seal, m_run_seal,
};

/* ---- SEAL_INFO -------------------------------------------------------------------------- */

static bool m_make_seal_info(struct fz_rng *r, struct fz_op *op)
{
	op->nr = 3;
	op->a[0] = m_how(r);
	op->a[1] = fz_below(r, 2);
	op->a[2] = op->a[1] ? m_any_view(r) : m_any_zone(r);
	return (int)op->a[2] >= 0;
}

static void m_run_seal_info(const struct fz_op *op)
{
	struct m_view *v = op->a[1] ? m_open_view(op->a[2]) : NULL;
	struct m_zone *z = op->a[1] ? NULL : m_open_zone(op->a[2]);
	struct codecache_seal_info_args args = { .size = sizeof(args) };
	struct m_errs errs = { 0 };
	int fd;

	if (!v && !z)
		return;
	fd = v ? v->fd : z->fd;
	if (v)
		z = &w.zone[v->zone];
	m_may(&errs, !z->sealed, ENODATA);
	if (!m_ioctl(op->a[0], fd, CODECACHE_IOC_SEAL_INFO, &args, sizeof(args),
		     &errs))
		return;
	m_expect("out_digest", 0, memcmp(z->seal.out_digest, args.out_digest, 32));
	m_expect("out_tag", z->seal.out_tag, args.out_tag);
	m_expect("out_bytes", z->seal.out_bytes, args.out_bytes);
	m_expect("out_signed", 0, args.out_signed);
	m_expect("out_reserved", 0, args.out_reserved);
}

const struct fz_type m_seal_info = {
	"seal_info", "how view which", 5, m_make_seal_info, m_run_seal_info,
};
