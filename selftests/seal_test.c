// SPDX-License-Identifier: MIT
/*
 * ZONE_SEAL: the digest is that of the content, and nobody changes it any more
 */
#include "cc_reclaim.h"
#include "cc_sha256.h"
#include "seal_signature.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "kselftest_harness.h"

enum { PAGES = 64 };

#define W	CODECACHE_VIEW_WRITE
#define X	CODECACHE_VIEW_EXEC

#define DIGEST		CODECACHE_SEAL_F_DIGEST
#define SIGNATURE	CODECACHE_SEAL_F_SIGNATURE

/* A code zone with a write and an exec view, plain or with extents. */
FIXTURE(seal)
{
	struct cc_mem mem;
	size_t page;
	unsigned char *w;
	unsigned char *x;
	struct codecache_zone_seal_args args;
	unsigned char digest[CC_SHA256_LEN];	/* what it should be */
	uint64_t bytes;
};

FIXTURE_VARIANT(seal)
{
	bool extents;
};

FIXTURE_VARIANT_ADD(seal, plain) { .extents = false };
FIXTURE_VARIANT_ADD(seal, extents) { .extents = true };

/* Extents of 10 pages, with a hole of 6 between two of them. */
static int make_extents(int zone)
{
	struct codecache_extent e[] = {
		{ .nr_pages = 10 }, { .nr_pages = 6 }, { .nr_pages = 10 },
	};

	return cc_alloc(zone, e, ARRAY_LEN(e), CODECACHE_EXTENT_F_LOW) ?:
	       cc_retire_run(zone, 10, 6, NULL);
}

static bool is_usable(bool extents, unsigned int page)
{
	return !extents || page < 10 || (page >= 16 && page < 26);
}

FIXTURE_SETUP(seal)
{
	if (!variant->extents) {
		ASSERT_EQ(0, cc_mem_code(&self->mem, PAGES));
	} else {
		ASSERT_EQ(0, cc_mem_extents_code(&self->mem, PAGES));
		ASSERT_EQ(0, make_extents(self->mem.zone));
		ASSERT_EQ(0, cc_quiesce(self->mem.cache));
	}
	self->page = cc_page_size();
	self->w = self->mem.map[W];
	self->x = self->mem.map[X];
}

FIXTURE_TEARDOWN(seal)
{
	cc_mem_close(&self->mem);
}

/* Fill some pages, and work out the digest of it all. */
static void fill(FIXTURE_DATA(seal) *self, bool extents, unsigned int step,
		 unsigned int salt)
{
	unsigned char *page = calloc(1, self->page);
	struct cc_sha256 sha;
	unsigned int i, k;

	cc_sha256_init(&sha);
	for (i = 0; i < PAGES; i++) {
		if (!is_usable(extents, i))
			continue;
		memset(page, 0, self->page);
		if (step && i % step == 0) {
			for (k = 0; k < self->page; k++)
				page[k] = i * 31 + k * 7 + k / 251 + salt;
			cc_emit(page, i);
			memcpy(self->w + i * self->page, page, self->page);
		}
		cc_sha256_add(&sha, page, self->page);
	}
	self->bytes = sha.bytes;
	cc_sha256_end(&sha, self->digest);
	free(page);
}

static int seal_by(FIXTURE_DATA(seal) *self, uint32_t flags)
{
	self->args.size = sizeof(self->args);
	self->args.flags = flags;
	memset(self->args.out_digest, 0x5a, sizeof(self->args.out_digest));
	self->args.out_bytes = CC_UNWRITTEN;
	return cc_ioctl(self->mem.zone, CODECACHE_IOC_ZONE_SEAL, &self->args);
}

static int seal(FIXTURE_DATA(seal) *self)
{
	return seal_by(self, 0);
}

static int seal_info(int fd, struct codecache_seal_info_args *info)
{
	memset(info, 0xff, sizeof(*info));
	info->size = sizeof(*info);
	info->flags = 0;
	return cc_ioctl(fd, CODECACHE_IOC_SEAL_INFO, info);
}

static bool is_the_digest(FIXTURE_DATA(seal) *self, const unsigned char *digest)
{
	return !memcmp(digest, self->digest, sizeof(self->digest));
}

/* Nothing can be stored through a mapping of a write view, or read. */
static bool has_no_access(unsigned char *p)
{
	return cc_load(p, NULL) == SIGSEGV && cc_trap.addr == p &&
	       cc_store(p, 1) == SIGSEGV && cc_trap.addr == p &&
	       cc_kernel_load(p) == -EFAULT &&
	       cc_kernel_store(p, 1) == -EFAULT;
}

/* As if nobody had tried to seal it. */
static bool is_open(FIXTURE_DATA(seal) *self)
{
	struct codecache_seal_info_args info;
	int view = cc_view(self->mem.zone, W);
	unsigned char *p = cc_map(view, W, PAGES);
	bool open;

	open = p && !cc_store(p + 9, 1) && !cc_store(self->w + 9, self->x[9]) &&
	       !cc_kernel_store(self->w + 9, 9) && self->x[9] == 9 &&
	       seal_info(self->mem.zone, &info) == -ENODATA &&
	       seal_info(self->mem.fd[X], &info) == -ENODATA;
	if (p)
		munmap(p, PAGES * cc_page_size());
	close(view);
	return open;
}

/* ---- the digest ------------------------------------------------------------------- */

TEST_F_TIMEOUT(seal, tells_the_digest_of_the_content, CC_TIMEOUT)
{
	static const unsigned int steps[] = { 0, 1, 5 };	/* 0: no page */
	struct codecache_seal_info_args info;
	unsigned int i, k;

	for (i = 0; i < ARRAY_LEN(steps); i++) {
		fill(self, variant->extents, steps[i], i);
		self->args.tag = 0xfedcba9876543210ULL + i;
		ASSERT_EQ(0, seal(self));
		EXPECT_TRUE(is_the_digest(self, self->args.out_digest));
		EXPECT_EQ(self->bytes, self->args.out_bytes);
		EXPECT_EQ((variant->extents ? 20 : PAGES) * self->page,
			  self->bytes);
		for (k = 0; k < 3; k++) {
			ASSERT_EQ(0, seal_info(k ? self->mem.fd[k > 1 ? W : X] :
						   self->mem.zone, &info));
			EXPECT_TRUE(is_the_digest(self, info.out_digest));
			EXPECT_EQ(self->bytes, info.out_bytes);
			EXPECT_EQ(self->args.tag, info.out_tag);
			EXPECT_EQ(0, info.out_signed);
			EXPECT_EQ(0, info.out_reserved);
		}
		cc_mem_close(&self->mem);
		seal_setup(_metadata, self, variant);
	}
}

TEST_F_TIMEOUT(seal, takes_the_digest_that_it_should_find, CC_TIMEOUT)
{
	unsigned int i;

	fill(self, variant->extents, 3, 0);
	for (i = 0; i < CC_SHA256_LEN; i += 7) {
		memcpy(self->args.digest, self->digest, CC_SHA256_LEN);
		self->args.digest[i] ^= 1 << i % 8;
		EXPECT_EQ(-EBADMSG, seal_by(self, DIGEST));
		EXPECT_TRUE(is_open(self));
	}
	/* That one has left a mark, which belongs to the content now. */
	memcpy(self->args.digest, self->digest, CC_SHA256_LEN);
	EXPECT_EQ(-EBADMSG, seal_by(self, DIGEST));
	fill(self, variant->extents, 3, 0);
	EXPECT_EQ(0, seal_by(self, DIGEST));
	EXPECT_TRUE(is_the_digest(self, self->args.out_digest));
	EXPECT_TRUE(has_no_access(self->w));
}

/* ---- who may do what ---------------------------------------------------------------- */

TEST_F_TIMEOUT(seal, takes_write_views_their_access, CC_TIMEOUT)
{
	int second = cc_view(self->mem.zone, W);
	int window = cc_window(self->mem.zone, W, 2, 4);
	unsigned char *p = cc_map(second, W, PAGES);
	unsigned char *q = cc_map(window, W, 4);
	unsigned int i;

	ASSERT_NE(NULL, p);
	ASSERT_NE(NULL, q);
	fill(self, variant->extents, 1, 0);
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, cc_store(p + i * self->page, CC_CODE_FIRST) +
			     cc_store(q + i * self->page, CC_CODE_FIRST));
	ASSERT_EQ(0, seal(self));
	for (i = 0; i < PAGES; i++) {
		EXPECT_TRUE(has_no_access(self->w + i * self->page + i));
		EXPECT_TRUE(has_no_access(p + i * self->page));
		EXPECT_TRUE(i > 3 || has_no_access(q + i * self->page));
		if (is_usable(variant->extents, i))
			EXPECT_EQ((int)i, cc_run(self->x + i * self->page));
	}
	munmap(p, PAGES * self->page);
	munmap(q, 4 * self->page);
	close(second);
	close(window);
}

TEST_F_TIMEOUT(seal, charges_nobody_for_a_page_that_nobody_gets, CC_TIMEOUT)
{
	ASSERT_EQ(0, seal(self));
	EXPECT_TRUE(has_no_access(self->w));
	EXPECT_EQ(0, cc_populate(self->mem.fd[W], 0, PAGES, CC_RW));
	EXPECT_EQ(0, CC_STAT(self->mem.zone, resident_pages));
}

TEST_F_TIMEOUT(seal, cannot_be_got_around, CC_TIMEOUT)
{
	const int view = self->mem.fd[W];
	uint64_t bits = 1;
	int log, fresh;

	fill(self, variant->extents, 1, 0);
	fresh = cc_view(self->mem.zone, W);
	log = cc_view_trap(self->mem.zone, W, CC_NONE, CODECACHE_TRAP_LOG, 0);
	ASSERT_LE(0, fresh);
	ASSERT_LE(0, log);
	ASSERT_EQ(0, seal(self));
	/* No new write view; an old one, mapped only now, is worth nothing. */
	EXPECT_EQ(-EPERM, cc_view(self->mem.zone, W));
	EXPECT_EQ(-EPERM, cc_window(self->mem.zone, W, 0, 1));
	EXPECT_EQ(-EPERM, cc_view_prot(self->mem.zone, W, CC_R));
	EXPECT_TRUE(has_no_access(cc_map(fresh, W, PAGES)));
	EXPECT_TRUE(has_no_access(cc_map(log, W, PAGES)));
	EXPECT_EQ(0, CC_STAT(log, traps_logged));
	/* Protections may be changed, and mean nothing. */
	EXPECT_EQ(0, cc_protect_run(view, 0, PAGES, CC_R));
	EXPECT_EQ(0, cc_protect_run(view, 0, PAGES, CC_RW));
	EXPECT_TRUE(has_no_access(self->w));
	EXPECT_EQ(0, cc_protect_bits(view, &bits, 1, 0, CC_NONE, NULL));
	EXPECT_EQ(0, cc_protect_bits(view, &bits, 1, 0, CC_RW, NULL));
	EXPECT_TRUE(has_no_access(self->w));
	EXPECT_EQ(0, cc_populate(view, 0, PAGES, CC_RW));
	EXPECT_TRUE(has_no_access(self->w));
	EXPECT_EQ(0, cc_resolve(view, 0, PAGES, CC_RW));
	EXPECT_TRUE(has_no_access(self->w));
	ASSERT_EQ(0, cc_unmap(view, NULL));
	self->mem.map[W] = cc_map(view, W, PAGES);
	EXPECT_TRUE(has_no_access(self->mem.map[W]));
	EXPECT_EQ(-EPERM, seal(self));
	EXPECT_EQ(3, cc_run(self->x + 3 * self->page));
}

TEST_F_TIMEOUT(seal, leaves_exec_views_alone, CC_TIMEOUT)
{
	int second;
	unsigned char *p;

	fill(self, variant->extents, 1, 0);
	ASSERT_EQ(0, seal(self));
	second = cc_view(self->mem.zone, X);
	p = cc_map(second, X, PAGES);
	ASSERT_NE(NULL, p);
	EXPECT_EQ(5, cc_run(p + 5 * self->page));
	EXPECT_EQ(0, cc_protect_run(second, 0, PAGES, CC_NONE));
	EXPECT_EQ(SIGSEGV, cc_call(p + 5 * self->page, NULL));
	EXPECT_EQ(5, cc_run(self->x + 5 * self->page));
	EXPECT_LE(0, cc_populate(second, 0, PAGES, CC_RX));
	EXPECT_EQ(5, cc_run(p + 5 * self->page));
	EXPECT_EQ(SIGSEGV, cc_store(p, 1));
	EXPECT_EQ(-EFAULT, cc_kernel_store(p, 1));
	munmap(p, PAGES * self->page);
	close(second);
}

TEST_F_TIMEOUT(seal, gives_who_waits_to_store_the_signal, CC_TIMEOUT)
{
	struct cc_hit hit = { .how = CC_STORE, .value = 1 };
	struct codecache_event event;
	int view;

	view = cc_view_trap(self->mem.zone, W, CC_R, CODECACHE_TRAP_BLOCK, 0);
	hit.p = cc_map(view, W, PAGES);
	ASSERT_NE(NULL, hit.p);
	ASSERT_EQ(0, cc_hit_start(&hit));
	ASSERT_EQ(0, cc_event(view, &event));
	ASSERT_EQ(0, seal(self));
	EXPECT_LE(0, cc_resolve(view, 0, 1, CC_RW));
	EXPECT_TRUE(cc_hit_segv(&hit));
	/* And who comes later at once. */
	EXPECT_EQ(0, cc_resolve(view, 0, 1, CC_R));
	ASSERT_EQ(0, cc_hit_start(&hit));
	EXPECT_TRUE(cc_hit_segv(&hit));
	EXPECT_TRUE(cc_no_event(view));
	close(view);
}

/* ---- extents ------------------------------------------------------------------------ */

FIXTURE(sealed)
{
	FIXTURE_DATA(seal) seal;
	struct cc_shared shared;
	int reader;
};

FIXTURE_SETUP(sealed)
{
	struct cc_mem *mem = &self->seal.mem;

	ASSERT_EQ(0, cc_mem_extents_code(mem, PAGES));
	ASSERT_EQ(0, make_extents(mem->zone));
	ASSERT_EQ(0, cc_share(&self->shared, mem->cache));
	self->reader = cc_reader(mem->cache);
	ASSERT_LE(0, self->reader);
	self->seal.page = cc_page_size();
	self->seal.w = mem->map[W];
	self->seal.x = mem->map[X];
	fill(&self->seal, true, 1, 0);
}

FIXTURE_TEARDOWN(sealed)
{
	cc_unshare(&self->shared);
	cc_mem_close(&self->seal.mem);
}

TEST_F_TIMEOUT(sealed, waits_for_what_is_retired, CC_TIMEOUT)
{
	uint64_t cookie;

	cc_enter(&self->shared, self->reader);
	ASSERT_EQ(0, cc_retire_run(self->seal.mem.zone, 16, 10, &cookie));
	EXPECT_EQ(-EBUSY, seal(&self->seal));
	EXPECT_TRUE(is_open(&self->seal));
	cc_exit(&self->shared, self->reader, 0);
	ASSERT_EQ(0, cc_grace_wait(self->seal.mem.cache, cookie));
	EXPECT_EQ(0, seal(&self->seal));
	EXPECT_EQ(10 * self->seal.page, self->seal.args.out_bytes);
}

TEST_F_TIMEOUT(sealed, zones_are_retired_whole, CC_TIMEOUT)
{
	struct codecache_extent extent = { .nr_pages = 1 };
	const int zone = self->seal.mem.zone;
	struct codecache_seal_info_args info;
	unsigned char *x = self->seal.x;
	uint64_t cookie;

	ASSERT_EQ(0, cc_quiesce(self->seal.mem.cache));
	ASSERT_EQ(0, seal(&self->seal));
	EXPECT_EQ(-EPERM, cc_alloc(zone, &extent, 1, 0));
	EXPECT_EQ(-EPERM, cc_retire_run(zone, 0, 10, NULL));
	EXPECT_EQ(-EPERM, cc_retire_run(zone, 16, 10, NULL));
	EXPECT_EQ(2, CC_STAT(zone, live_extents));
	cc_enter(&self->shared, self->reader);
	ASSERT_EQ(0, cc_retire_all(zone, &cookie));
	EXPECT_TRUE(cc_grace_holds(self->seal.mem.cache, cookie));
	EXPECT_EQ(17, cc_run(x + 17 * self->seal.page));
	EXPECT_TRUE(has_no_access(self->seal.w));
	cc_exit(&self->shared, self->reader, 0);
	ASSERT_EQ(0, cc_grace_wait(self->seal.mem.cache, cookie));
	EXPECT_EQ(SIGSEGV, cc_call(x + 17 * self->seal.page, NULL));
	EXPECT_EQ(SIGSEGV, cc_load(x, NULL));
	EXPECT_EQ(0, CC_STAT(zone, resident_pages));
	/* It is empty, and sealed. */
	EXPECT_EQ(-EPERM, cc_alloc(zone, &extent, 1, 0));
	EXPECT_EQ(-EPERM, cc_view(zone, W));
	EXPECT_EQ(-EPERM, seal(&self->seal));
	ASSERT_EQ(0, seal_info(zone, &info));
	EXPECT_TRUE(is_the_digest(&self->seal, info.out_digest));
}

/* ---- other processes ------------------------------------------------------------------ */

/* All that it has is an exec view. */
static int check_and_run(int sock, const unsigned char *digest, uint64_t tag)
{
	struct codecache_seal_info_args info;
	int view = cc_recv_fd(sock);
	unsigned char *p = cc_map(view, X, PAGES);

	if (!p || seal_info(view, &info))
		return 1;
	if (memcmp(info.out_digest, digest, CC_SHA256_LEN) || info.out_tag != tag)
		return 2;
	return cc_run(p + 7 * cc_page_size()) == 7 ? 0 : 3;
}

TEST_F_TIMEOUT(seal, is_told_to_who_has_an_exec_view_alone, CC_TIMEOUT)
{
	int socks[2], view = cc_view(self->mem.zone, X);
	pid_t pid;

	fill(self, variant->extents, 1, 0);
	self->args.tag = 42;
	ASSERT_EQ(0, seal(self));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, socks));
	pid = cc_fork();
	if (!pid) {
		cc_mem_close(&self->mem);
		close(view);
		_exit(check_and_run(socks[1], self->digest, 42));
	}
	ASSERT_EQ(0, cc_send_fd(socks[0], view));
	EXPECT_EQ(0, cc_wait(pid));
	close(view);
}

/* ---- debuggers ------------------------------------------------------------------------ */

/* A process that makes its zone itself and seals it. */
static void be_debugged(uintptr_t *at)
{
	struct codecache_zone_seal_args args = { .size = sizeof(args) };
	struct cc_mem mem;

	if (cc_mem_code(&mem, PAGES))
		_exit(100);
	cc_emit(mem.map[W], 42);
	at[0] = (uintptr_t)mem.map[X];
	at[1] = (uintptr_t)mem.map[W];
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	if (cc_ioctl(mem.zone, CODECACHE_IOC_ZONE_SEAL, &args))
		_exit(101);
	raise(SIGSTOP);
	_exit(cc_run(mem.map[X]));
}

static bool stops(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) &&
	       WSTOPSIG(status) == SIGSTOP;
}

TEST(debuggers_do_not_write_to_what_is_sealed)
{
	uintptr_t *at = mmap(NULL, cc_page_size(), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = cc_fork();

	if (!pid)
		be_debugged(at);
	ASSERT_TRUE(stops(pid));
	EXPECT_EQ(0, cc_poke_code(pid, at[0], 43));
	ASSERT_EQ(0, ptrace(PTRACE_CONT, pid, NULL, NULL));
	ASSERT_TRUE(stops(pid));
	EXPECT_EQ(-1, cc_poke_code(pid, at[0], 44));
	EXPECT_EQ(-1, cc_poke_code(pid, at[1], 44));
	EXPECT_EQ(cc_code_begin(43), cc_peek_code(pid, at[0]));
	/* A write view has no access, so it reads no zeros. */
	EXPECT_EQ(-EIO, cc_peek_code(pid, at[1]));
	ASSERT_EQ(0, ptrace(PTRACE_CONT, pid, NULL, NULL));
	EXPECT_EQ(43, cc_wait(pid));
}

/* A write view has nothing left that a trap mode could grant, or a debugger could read. */
TEST_F_TIMEOUT(seal, leaves_nothing_to_trap_modes_and_debuggers, CC_TIMEOUT)
{
	int logs = cc_view_trap(self->mem.zone, W, CC_NONE, CODECACHE_TRAP_LOG, 0);
	unsigned char *p = cc_map(logs, W, PAGES), c;
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	const unsigned int there = 0, never = 1;

	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, cc_store(self->w + there * self->page, 1));
	ASSERT_EQ(0, seal(self));
	EXPECT_EQ(SIGSEGV, cc_store(p + there * self->page, 2));
	EXPECT_EQ(SIGSEGV, cc_load(p + never * self->page, NULL));
	EXPECT_EQ(0, CC_STAT(logs, traps_logged));
	EXPECT_EQ(-1, pread(fd, &c, 1, (uintptr_t)(self->w + there * self->page)));
	EXPECT_EQ(-1, pread(fd, &c, 1, (uintptr_t)(self->w + never * self->page)));
	EXPECT_EQ(1, pread(fd, &c, 1, (uintptr_t)(self->x + never * self->page)));
	EXPECT_EQ(0, c);
	close(fd);
	munmap(p, PAGES * self->page);
	close(logs);
}

/* ---- signatures ----------------------------------------------------------------------- */

static int seal_signed(FIXTURE_DATA(seal) *self, const void *bytes, size_t len)
{
	self->args.signature = (uintptr_t)bytes;
	self->args.signature_len = len;
	return seal_by(self, SIGNATURE);
}

/* What the signature has been made for. */
static void fill_signed(FIXTURE_DATA(seal) *self)
{
	unsigned int i;

	for (i = 0; i < SIGNED_PAGES; i++)
		memset(self->w + i * self->page, SIGNED_BYTE(i), self->page);
	self->args.tag = SIGNED_TAG;
}

FIXTURE(signature)
{
	FIXTURE_DATA(seal) seal;
	bool ready;
};

FIXTURE_SETUP(signature)
{
	ASSERT_EQ(0, cc_mem_code(&self->seal.mem, SIGNED_PAGES));
	self->seal.page = cc_page_size();
	self->seal.w = self->seal.mem.map[W];
	self->seal.x = self->seal.mem.map[X];
	fill_signed(&self->seal);
	if (self->seal.page != 4096)
		SKIP(return, "the signature is for pages of 4096 bytes");
	if (seal_signed(&self->seal, "", 1) == -EOPNOTSUPP)
		SKIP(return, "this kernel cannot check signatures");
	self->ready = true;
}

FIXTURE_TEARDOWN(signature)
{
	cc_mem_close(&self->seal.mem);
}

TEST_F_TIMEOUT(signature, that_is_none_is_a_bad_message, CC_TIMEOUT)
{
	static unsigned char bytes[65536];
	static const unsigned int lens[] = { 1, 2, 16, 100, 1000, 65536 };
	unsigned int i, k;

	if (!self->ready)
		return;
	for (i = 0; i < ARRAY_LEN(lens); i++) {
		for (k = 0; k < lens[i]; k++)
			bytes[k] = k * 73 + i;
		EXPECT_EQ(-EBADMSG, seal_signed(&self->seal, bytes, lens[i]));
	}
	/* The beginning of one, and one with an end too much. */
	memcpy(bytes, signature, sizeof(signature));
	for (i = 1; i < sizeof(signature); i += 50)
		EXPECT_EQ(-EBADMSG, seal_signed(&self->seal, bytes, i));
	EXPECT_EQ(0, cc_store(self->seal.w, 1));
}

TEST_F_TIMEOUT(signature, by_somebody_unknown_is_not_enough, CC_TIMEOUT)
{
	struct codecache_seal_info_args info;

	if (!self->ready)
		return;
	EXPECT_EQ(-ENOKEY, seal_signed(&self->seal, signature,
				       sizeof(signature)));
	EXPECT_EQ(-ENODATA, seal_info(self->seal.mem.zone, &info));
	EXPECT_EQ(0, cc_store(self->seal.w, SIGNED_BYTE(0)));
	EXPECT_EQ(-ENOKEY, seal_signed(&self->seal, signature,
				       sizeof(signature)));
	EXPECT_EQ(0, cc_store(self->seal.w, SIGNED_BYTE(0)));
}

/* Whether this kernel trusts the certificate of selftests/qemu/debug/trusted.pem. */
static bool trusts_ours(void)
{
	struct utsname name;

	return !uname(&name) && strstr(name.release, "-codecache-debug");
}

TEST_F_TIMEOUT(signature, by_somebody_trusted_seals, CC_TIMEOUT)
{
	struct codecache_seal_info_args info;

	if (!self->ready)
		return;
	if (!trusts_ours()) {
		EXPECT_EQ(-ENOKEY, seal_signed(&self->seal, trusted_signature,
					       sizeof(trusted_signature)));
		SKIP(return, "only the debug kernel trusts a key of ours");
	}
	/* Not for another content, nor for another tag. */
	ASSERT_EQ(0, cc_store(self->seal.w, SIGNED_BYTE(0) + 1));
	EXPECT_EQ(-EKEYREJECTED, seal_signed(&self->seal, trusted_signature,
					     sizeof(trusted_signature)));
	fill_signed(&self->seal);
	self->seal.args.tag ^= 1;
	EXPECT_EQ(-EKEYREJECTED, seal_signed(&self->seal, trusted_signature,
					     sizeof(trusted_signature)));
	EXPECT_EQ(-ENODATA, seal_info(self->seal.mem.zone, &info));
	self->seal.args.tag ^= 1;
	EXPECT_EQ(0, seal_signed(&self->seal, trusted_signature,
				 sizeof(trusted_signature)));
	ASSERT_EQ(0, seal_info(self->seal.mem.zone, &info));
	EXPECT_EQ(1, info.out_signed);
	EXPECT_EQ(SIGNED_TAG, info.out_tag);
	EXPECT_EQ(SIGSEGV, cc_store(self->seal.w, 1));
}

TEST_F_TIMEOUT(signature, is_for_one_content_and_one_tag, CC_TIMEOUT)
{
	if (!self->ready)
		return;
	self->seal.args.tag ^= 1ULL << 63;
	EXPECT_EQ(-EKEYREJECTED, seal_signed(&self->seal, signature,
					     sizeof(signature)));
	self->seal.args.tag = SIGNED_TAG;
	ASSERT_EQ(0, cc_store(self->seal.w + 3 * self->seal.page, 1));
	EXPECT_EQ(-EKEYREJECTED, seal_signed(&self->seal, signature,
					     sizeof(signature)));
	fill_signed(&self->seal);
	EXPECT_EQ(-ENOKEY, seal_signed(&self->seal, signature,
				       sizeof(signature)));
	/* A wrong digest comes first. */
	self->seal.args.digest[0] = 1;
	EXPECT_EQ(-EBADMSG, seal_by(&self->seal, SIGNATURE | DIGEST));
	memset(self->seal.args.digest, 0, CC_SHA256_LEN);
	self->seal.args.signature = 0;
	self->seal.args.signature_len = 0;
	EXPECT_EQ(0, seal(&self->seal));
}

/* The last hash that is named in it is that of the signature itself. */
TEST_F_TIMEOUT(signature, by_an_unknown_algorithm_is_not_supported, CC_TIMEOUT)
{
	static const unsigned char sha256[] = {
		0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
	};
	unsigned char bytes[sizeof(signature)];
	size_t at = sizeof(bytes) - sizeof(sha256);

	if (!self->ready)
		return;
	memcpy(bytes, signature, sizeof(bytes));
	while (at && memcmp(bytes + at, sha256, sizeof(sha256)))
		at--;
	ASSERT_LT(0, at);
	bytes[at + sizeof(sha256) - 1] = 0x7f;
	EXPECT_EQ(-EOPNOTSUPP, seal_signed(&self->seal, bytes, sizeof(bytes)));
	EXPECT_EQ(0, cc_store(self->seal.w, SIGNED_BYTE(0)));
}

TEST_HARNESS_MAIN
