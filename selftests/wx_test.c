// SPDX-License-Identifier: MIT
/*
 * Write xor execute, as far as a mapping of a view goes: what it may be mapped
 * with, and that no call of the mm changes it, cuts it or moves it
 */
#include "cc_test.h"

#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"

enum { PAGES = 16, PAGE_NONE = 3, PAGE_READ = 4 };

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

/* A view of one kind, and another view to write its pages through. */
FIXTURE(mapping)
{
	struct cc_mem mem;
	uint32_t kind;
	int view;
	int spare;		/* a view of the same kind, not mapped */
	size_t page;
	size_t bytes;
	unsigned char *p;
	unsigned char *writer;
	unsigned char round;
	int nr_vmas;
};

FIXTURE_VARIANT(mapping)
{
	uint32_t kind;
};

FIXTURE_VARIANT_ADD(mapping, write_view) { .kind = CODECACHE_VIEW_WRITE };
FIXTURE_VARIANT_ADD(mapping, exec_view) { .kind = CODECACHE_VIEW_EXEC };
FIXTURE_VARIANT_ADD(mapping, data_view) { .kind = CODECACHE_VIEW_DATA };

FIXTURE_SETUP(mapping)
{
	bool data = variant->kind == CODECACHE_VIEW_DATA;
	uint32_t writer = data ? CODECACHE_VIEW_DATA : CODECACHE_VIEW_WRITE;
	int fd;

	ASSERT_EQ(0, data ? cc_mem_data(&self->mem, PAGES) :
			    cc_mem_code(&self->mem, PAGES));
	self->kind = variant->kind;
	self->view = self->mem.fd[variant->kind];
	self->p = self->mem.map[variant->kind];
	self->page = cc_page_size();
	self->bytes = PAGES * self->page;
	self->spare = cc_view(self->mem.zone, variant->kind);
	ASSERT_LE(0, self->spare);
	fd = cc_view(self->mem.zone, writer);
	self->writer = cc_map(fd, writer, PAGES);
	ASSERT_NE(NULL, self->writer);
	ASSERT_EQ(0, cc_protect_run(self->view, PAGE_NONE, 1, CC_NONE));
	if (variant->kind != CODECACHE_VIEW_EXEC)
		ASSERT_EQ(0, cc_protect_run(self->view, PAGE_READ, 1, CC_R));
	self->nr_vmas = cc_nr_vmas();
}

FIXTURE_TEARDOWN(mapping)
{
	munmap(self->writer, self->bytes);
	close(self->spare);
	cc_mem_close(&self->mem);
}

static uint32_t expected_prot(FIXTURE_DATA(mapping) *self, unsigned int page)
{
	if (page == PAGE_NONE)
		return CC_NONE;
	if (page == PAGE_READ && self->kind != CODECACHE_VIEW_EXEC)
		return CC_R;
	return cc_kind_full(self->kind);
}

/* Does the page show what was just stored elsewhere, and trap as it should? */
static bool page_is_intact(FIXTURE_DATA(mapping) *self, unsigned int page)
{
	unsigned char *at = self->p + page * self->page, value;
	unsigned char code[CC_CODE_LEN];
	uint32_t prot = expected_prot(self, page);
	int result;

	cc_emit(self->writer + page * self->page, self->round * PAGES + page);
	cc_emit(code, self->round * PAGES + page);
	if (prot == CC_NONE)
		return cc_load(at, NULL) == SIGSEGV && cc_trap.addr == at;
	if (cc_load(at + CC_CODE_VARIES, &value) ||
	    value != code[CC_CODE_VARIES])
		return false;
	if ((prot == CC_RW) != !cc_store(at, CC_CODE_FIRST))
		return false;
	if (prot != CC_RX)
		return cc_call(at, NULL) == SIGSEGV;
	return !cc_call(at, &result) &&
	       result == (int)(self->round * PAGES + page);
}

/* The mapping is as it was made: aliases, protections, nothing cut. */
static bool is_intact(FIXTURE_DATA(mapping) *self)
{
	unsigned int page;

	self->round++;
	for (page = 0; page < PAGES; page++) {
		if (!page_is_intact(self, page)) {
			printf("# page %u is not as it was\n", page);
			return false;
		}
	}
	return cc_nr_vmas() == self->nr_vmas && cc_vm_flag(self->p, "pf") &&
	       cc_vm_flag(self->p, "io") && cc_vm_flag(self->p, "dc") &&
	       cc_vm_flag(self->p, "dd") && cc_vm_flag(self->p, "de");
}

TEST_F_TIMEOUT(mapping, is_as_its_kind_says, CC_TIMEOUT)
{
	bool exec = self->kind == CODECACHE_VIEW_EXEC;

	EXPECT_TRUE(is_intact(self));
	EXPECT_TRUE(cc_vm_flag(self->p, "sh"));
	EXPECT_TRUE(cc_vm_flag(self->p, "rd"));
	EXPECT_EQ(exec, cc_vm_flag(self->p, "ex"));
	EXPECT_EQ(!exec, cc_vm_flag(self->p, "wr"));
	/* And what it may ever become. */
	EXPECT_EQ(exec, cc_vm_flag(self->p, "me"));
	EXPECT_EQ(!exec, cc_vm_flag(self->p, "mw"));
}

TEST_F_TIMEOUT(mapping, takes_the_access_of_its_kind_and_no_other, CC_TIMEOUT)
{
	static const int types[] = { MAP_SHARED, MAP_PRIVATE,
				     MAP_SHARED_VALIDATE };
	unsigned int i;
	int prot;
	void *p;

	for (i = 0; i < ARRAY_LEN(types); i++) {
		for (prot = 0; prot < 8; prot++) {
			bool good = prot == cc_kind_mmap(self->kind) &&
				    types[i] != MAP_PRIVATE;

			p = mmap(NULL, self->bytes, prot, types[i], self->spare,
				 0);
			EXPECT_EQ(good, p != MAP_FAILED)
				TH_LOG("type %d, access %d", types[i], prot);
			if (p != MAP_FAILED)
				munmap(p, self->bytes);
			else
				EXPECT_EQ(types[i] == MAP_PRIVATE ? EINVAL :
								    EACCES,
					  errno);
		}
	}
	EXPECT_TRUE(is_intact(self));
}

TEST_F_TIMEOUT(mapping, takes_its_own_length_at_offset_0, CC_TIMEOUT)
{
	const size_t lengths[] = { self->page, self->bytes - self->page,
				   self->bytes + 1, 2 * self->bytes };
	int prot = cc_kind_mmap(self->kind);
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(lengths); i++) {
		EXPECT_EQ(MAP_FAILED, mmap(NULL, lengths[i], prot, MAP_SHARED,
					   self->spare, 0));
		EXPECT_EQ(EINVAL, errno);
	}
	EXPECT_EQ(MAP_FAILED, mmap(NULL, self->bytes, prot, MAP_SHARED,
				   self->spare, self->page));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, self->bytes, prot, MAP_SHARED,
				   self->spare, self->bytes));
	EXPECT_TRUE(is_intact(self));
}

TEST_F_TIMEOUT(mapping, goes_where_it_is_asked_to, CC_TIMEOUT)
{
	static const int flags[] = { MAP_POPULATE, MAP_LOCKED, MAP_NORESERVE,
				     MAP_FIXED, MAP_FIXED_NOREPLACE, 0 };
	int prot = cc_kind_mmap(self->kind);
	unsigned char *hint, *p, value;
	unsigned int i;

	hint = mmap(NULL, self->bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	munmap(hint, self->bytes);
	for (i = 0; i < ARRAY_LEN(flags); i++) {
		p = mmap(hint, self->bytes, prot, MAP_SHARED | flags[i],
			 self->spare, 0);
		ASSERT_EQ(hint, p);
		self->writer[5] = i;
		ASSERT_EQ(0, cc_load(p + 5, &value));
		EXPECT_EQ(i, value);
		ASSERT_EQ(0, munmap(p, self->bytes));
	}
	EXPECT_TRUE(is_intact(self));
}

TEST_F_TIMEOUT(mapping, keeps_its_access_against_mprotect, CC_TIMEOUT)
{
	int prot, key = pkey_alloc(0, 0);
	unsigned int page;

	if (key < 0)
		TH_LOG("no protection keys here: those that need none are used");
	for (prot = 0; prot < 8; prot++) {
		EXPECT_EQ(-1, mprotect(self->p, self->bytes, prot));
		EXPECT_EQ(EACCES, errno);
		EXPECT_EQ(-1, pkey_mprotect(self->p, self->bytes, prot, -1));
		if (key >= 0)
			EXPECT_EQ(-1, pkey_mprotect(self->p, self->bytes, prot,
						    key));
		for (page = 0; page < PAGES; page += 5)
			EXPECT_EQ(-1, mprotect(self->p + page * self->page,
					       self->page, prot));
	}
	EXPECT_EQ(-1, mprotect(self->p, self->bytes, PROT_READ | PROT_GROWSUP));
	EXPECT_TRUE(is_intact(self));
	if (key >= 0)
		pkey_free(key);
}

TEST_F_TIMEOUT(mapping, stays_where_it_is_against_mremap, CC_TIMEOUT)
{
	size_t page = self->page, bytes = self->bytes;
	char *room = mmap(NULL, 4 * bytes, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct {
		unsigned char *from;
		size_t old, new;
		int flags;
	} moves[] = {
		{ self->p, bytes, bytes + page, 0 },
		{ self->p, bytes, 2 * bytes, MREMAP_MAYMOVE },
		{ self->p, bytes, bytes - page, 0 },
		{ self->p, bytes, page, MREMAP_MAYMOVE },
		{ self->p, 0, bytes, MREMAP_MAYMOVE },
		{ self->p, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED },
		{ self->p, bytes, page, MREMAP_MAYMOVE | MREMAP_FIXED },
		{ self->p, page, page, MREMAP_MAYMOVE | MREMAP_FIXED },
		{ self->p + page, page, page, MREMAP_MAYMOVE | MREMAP_FIXED },
		{ self->p + page, page, bytes, MREMAP_MAYMOVE },
		{ self->p, bytes, bytes, MREMAP_MAYMOVE | MREMAP_DONTUNMAP },
		{ self->p + page, page, page,
		  MREMAP_MAYMOVE | MREMAP_DONTUNMAP },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(moves); i++) {
		/* A target is unmapped even when the move fails. */
		mmap(room, 4 * bytes, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		EXPECT_EQ(MAP_FAILED, mremap(moves[i].from, moves[i].old,
					     moves[i].new, moves[i].flags,
					     room + bytes))
			TH_LOG("move %u", i);
		munmap(room, 4 * bytes);
		EXPECT_TRUE(is_intact(self))
			TH_LOG("after move %u", i);
	}
}

TEST_F_TIMEOUT(mapping, goes_as_a_whole_or_not_at_all, CC_TIMEOUT)
{
	size_t page = self->page;
	unsigned int i;

	for (i = 0; i < PAGES; i++) {
		EXPECT_EQ(-1, munmap(self->p + i * page, page));
		EXPECT_EQ(EINVAL, errno);
	}
	EXPECT_EQ(-1, munmap(self->p, self->bytes - page));
	EXPECT_EQ(-1, munmap(self->p + page, self->bytes - page));
	EXPECT_EQ(MAP_FAILED, mmap(self->p + page, page, PROT_READ,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
				   0));
	EXPECT_EQ(MAP_FAILED, mmap(self->p, self->bytes - page, PROT_READ,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
				   0));
	EXPECT_TRUE(is_intact(self));
	ASSERT_EQ(0, munmap(self->p, self->bytes));
	EXPECT_FALSE(cc_is_mapped(self->p));
	EXPECT_EQ(SIGSEGV, cc_load(self->p, NULL));
}

TEST_F_TIMEOUT(mapping, goes_with_what_lies_around_it, CC_TIMEOUT)
{
	size_t bytes = self->bytes;
	unsigned char *room, *p;

	room = mmap(NULL, 3 * bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	ASSERT_NE(MAP_FAILED, room);
	p = mmap(room + bytes, bytes, cc_kind_mmap(self->kind),
		 MAP_SHARED | MAP_FIXED, self->spare, 0);
	ASSERT_EQ(room + bytes, p);
	EXPECT_EQ(0, cc_load(p, NULL));
	ASSERT_EQ(0, munmap(room, 3 * bytes));
	EXPECT_FALSE(cc_is_mapped(p));
	/* Something else mapped over it does the same. */
	p = cc_map(self->spare, self->kind, PAGES);
	ASSERT_NE(NULL, p);
	ASSERT_EQ(p, mmap(p, bytes, PROT_READ,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_FALSE(cc_vm_flag(p, "pf"));
	munmap(p, bytes);
	p = cc_map(self->spare, self->kind, PAGES);
	EXPECT_NE(NULL, p);
	munmap(p, bytes);
	EXPECT_TRUE(is_intact(self));
}

/* All but 100 and 101, which poison memory. */
static const int advices[] = { 0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 13, 14, 15, 16,
			       17, 18, 19, 20, 21, 22, 23, 24, 25, 102, 103 };
static const int refused_advices[] = {
	MADV_DONTNEED, MADV_FREE, MADV_REMOVE, MADV_DOFORK, MADV_DODUMP,
	MADV_WIPEONFORK, MADV_PAGEOUT, 24 /* DONTNEED_LOCKED */,
	102 /* GUARD_INSTALL */
};

TEST_F_TIMEOUT(mapping, bears_any_advice, CC_TIMEOUT)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(refused_advices); i++)
		EXPECT_EQ(-1, madvise(self->p, self->bytes, refused_advices[i]))
			TH_LOG("advice %d", refused_advices[i]);
	for (i = 0; i < ARRAY_LEN(advices); i++) {
		madvise(self->p, self->page, advices[i]);
		madvise(self->p + 5 * self->page, 2 * self->page, advices[i]);
		madvise(self->p, self->bytes, advices[i]);
		ASSERT_TRUE(is_intact(self))
			TH_LOG("after advice %d", advices[i]);
	}
}

TEST_F_TIMEOUT(mapping, bears_being_locked, CC_TIMEOUT)
{
	unsigned char *p, value;

	EXPECT_EQ(0, mlock(self->p, self->bytes));
	EXPECT_EQ(0, mlock(self->p + self->page, self->page));
	EXPECT_EQ(0, munlock(self->p + self->page, self->page));
	EXPECT_TRUE(is_intact(self));
	ASSERT_EQ(0, mlockall(MCL_CURRENT | MCL_FUTURE));
	p = cc_map(self->spare, self->kind, PAGES);
	ASSERT_NE(NULL, p);
	self->writer[9] = 77;
	EXPECT_EQ(0, cc_load(p + 9, &value));
	EXPECT_EQ(77, value);
	EXPECT_EQ(0, munmap(p, self->bytes));
	EXPECT_EQ(0, munlockall());
	EXPECT_TRUE(is_intact(self));
}

TEST_F_TIMEOUT(mapping, bears_memory_policies_and_flushes, CC_TIMEOUT)
{
	unsigned long node = 1;

	syscall(SYS_mbind, self->p + self->page, self->page, MPOL_BIND, &node,
		8, MPOL_MF_MOVE);
	syscall(SYS_mbind, self->p, self->bytes, MPOL_BIND, &node, 8, 0);
	EXPECT_TRUE(is_intact(self));
	msync(self->p, self->bytes, MS_SYNC | MS_INVALIDATE);
	msync(self->p, self->bytes, MS_ASYNC);
	EXPECT_TRUE(is_intact(self));
	EXPECT_EQ(-1, remap_file_pages(self->p, self->page, 0, 1, 0));
	EXPECT_EQ(-1, remap_file_pages(self->p + self->page, self->page, 0, 0,
				       0));
	EXPECT_TRUE(is_intact(self));
}

TEST_F_TIMEOUT(mapping, can_be_sealed_and_still_protected, CC_TIMEOUT)
{
	if (syscall(SYS_mseal, self->p, self->bytes, 0) && errno == ENOSYS)
		SKIP(return, "this kernel has no mseal()");
	EXPECT_EQ(-1, munmap(self->p, self->bytes));
	EXPECT_TRUE(is_intact(self));
	EXPECT_EQ(0, cc_protect_run(self->view, 0, PAGES, CC_NONE));
	EXPECT_EQ(SIGSEGV, cc_load(self->p, NULL));
	EXPECT_EQ(0, cc_protect_run(self->view, 0, PAGES,
				    cc_kind_full(self->kind)));
	EXPECT_EQ(0, cc_load(self->p + PAGE_NONE * self->page, NULL));
}

/* An old personality asks for exec with each read: no view gives both. */
TEST_F_TIMEOUT(mapping, is_not_executable_because_of_a_personality, CC_TIMEOUT)
{
	int old = personality(0xffffffff);
	void *p;

	ASSERT_LE(0, personality(old | READ_IMPLIES_EXEC));
	p = cc_map(self->spare, self->kind, PAGES);
	if (p && self->kind != CODECACHE_VIEW_EXEC)
		EXPECT_EQ(SIGSEGV, cc_call(p, NULL));
	if (p)
		EXPECT_EQ(self->kind == CODECACHE_VIEW_EXEC,
			  cc_vm_flag(p, "ex"));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, self->bytes,
				   PROT_READ | PROT_WRITE | PROT_EXEC,
				   MAP_SHARED, self->spare, 0));
	EXPECT_EQ(-1, mprotect(self->p, self->bytes, PROT_READ | PROT_WRITE));
	ASSERT_LE(0, personality(old));
	EXPECT_EQ(p ? self->nr_vmas + 1 : self->nr_vmas, cc_nr_vmas());
}

TEST_HARNESS_MAIN
