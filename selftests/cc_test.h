/* SPDX-License-Identifier: MIT */
/*
 * What the tests share: objects by raw ioctls, accesses that may trap, and what
 * the kernel says about us in procfs, sysfs, debugfs and cgroupfs
 *
 * No dependence on the test harness: failures come back as values. Calls that
 * make a descriptor give it or -errno; other calls 0 or -errno.
 */
#ifndef CC_TEST_H
#define CC_TEST_H

#include <limits.h>
#include <linux/codecache.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define CC_DEBUGFS	"/sys/kernel/debug/codecache"
#define CC_TRACEFS	"/sys/kernel/tracing"
#define CC_CGROUPFS	"/sys/fs/cgroup"
#define CC_PARAMS	"/sys/module/codecache/parameters"
#define CC_PATH		256

/* The environment's CODECACHE_SLOW: how much slower than a stock kernel, or 1. */
int cc_slow(void);

/* Deadlines are for hangs, not for speed: an emulated guest is slow. */
#define CC_PATIENCE_MS	(20000 * cc_slow())
/* For TEST_F_TIMEOUT(). */
#define CC_TIMEOUT	(120 * cc_slow())

#define CC_NONE	CODECACHE_PROT_NONE
#define CC_R	CODECACHE_PROT_READ
#define CC_RW	(CODECACHE_PROT_READ | CODECACHE_PROT_WRITE)
#define CC_RX	(CODECACHE_PROT_READ | CODECACHE_PROT_EXEC)

/* ---- objects (cc_test.c) ------------------------------------------------- */

size_t cc_page_size(void);
int cc_ioctl(int fd, unsigned int nr, void *args);
int cc_open(void);
int cc_zone(int cache, uint32_t zone_class, uint64_t nr_pages);
int cc_view(int zone, uint32_t kind);	/* of the whole zone */
int cc_window(int zone, uint32_t kind, uint64_t first, uint64_t nr_pages);
int cc_view_prot(int zone, uint32_t kind, uint32_t prot);
int cc_stats(int fd, struct codecache_stats_args *stats);

/* The access that a kind is mapped with, as PROT_*; and its name. */
int cc_kind_mmap(uint32_t kind);
uint32_t cc_kind_class(uint32_t kind);
uint32_t cc_kind_full(uint32_t kind);
const char *cc_kind_name(uint32_t kind);

/* A mapping of all of a view, or NULL with errno. */
void *cc_map(int view, uint32_t kind, uint64_t nr_pages);

/* PROTECT; @failed, unless NULL, gets out_failed_index or CC_UNWRITTEN. */
#define CC_UNWRITTEN	0x5a5a5a5a5a5a5a5aULL
#define CC_NO_INDEX	(~0ULL)
int cc_protect(int view, const struct codecache_prot_range *ranges,
	       uint64_t count, uint64_t *failed);
int cc_protect_run(int view, uint64_t first, uint64_t nr, uint32_t prot);
int cc_protect_bits(int view, const uint64_t *words, uint64_t nr_bits,
		    uint64_t first, uint32_t prot, uint64_t *failed);

/* PROTECT of one range; its place in the sequence, 0 if it failed. */
uint64_t cc_protect_seq(int view, uint64_t first, uint64_t nr, uint32_t prot);
/* PROTECT of one range that populates; how many pages, or -errno. */
long long cc_populate(int view, uint64_t first, uint64_t nr, uint32_t prot);

#define CC_DIRTY	CODECACHE_PAGE_DIRTY
#define CC_YOUNG	CODECACHE_PAGE_YOUNG
#define CC_LOST		CODECACHE_PAGE_LOST
#define CC_UNSURE	CODECACHE_PAGE_UNSURE

/* One QUERY; outputs are CC_UNWRITTEN unless the kernel writes them. */
int cc_query_call(int view, struct codecache_view_query_args *args);

/*
 * QUERY with an array, as often as it takes to get to the end. @args says what:
 * nr_pages is not 0; count is the room for one call, 0: CC_QUERY_ROOM. @state
 * gets the state of each page from first_page on, 0: not found; NULL: not wanted.
 * How many pages were found, or -errno; -EBADMSG: ranges that do not ascend, are
 * not merged, or say what nobody asked for.
 */
#define CC_QUERY_ROOM	512
long long cc_query_args(int view, struct codecache_view_query_args *args,
			uint16_t *state);
long long cc_query(int view, uint64_t first, uint64_t nr, uint32_t find,
		   uint32_t clear, uint16_t *state);
/* Clear all that is known about the first pages (but kind exec: no dirty bits). */
int cc_query_reset(int view, uint64_t nr);

int cc_unmap(int view, void **addr);	/* VIEW_UNMAP */

/**
 * struct cc_mem - a zone of one class with its views, mapped
 * @cache: descriptor
 * @zone: descriptor
 * @fd: of the view of each kind, by enum codecache_view_kind; -1: none
 * @map: where it is mapped; NULL: nowhere
 * @nr_pages: of the zone
 */
struct cc_mem {
	int cache;
	int zone;
	int fd[5];
	unsigned char *map[5];
	uint64_t nr_pages;
};

/* A zone without views, to which they may be added. */
int cc_mem_make(struct cc_mem *mem, uint32_t zone_class, uint64_t nr_pages);
/* Write and exec views of a code zone, or a data view of a data zone. */
int cc_mem_code(struct cc_mem *mem, uint64_t nr_pages);
int cc_mem_data(struct cc_mem *mem, uint64_t nr_pages);
int cc_mem_map(struct cc_mem *mem, uint32_t kind);	/* one more view */
void cc_mem_close(struct cc_mem *mem);

/* ---- accesses that may trap (cc_test.c) ---------------------------------- */

/**
 * struct cc_trap - the last signal that an access of this thread got
 * @sig: 0: none
 * @code: si_code
 * @addr: si_addr
 * @error: the processor's page fault error code: 1 protection, 2 write,
 *	4 user, 16 instruction
 */
struct cc_trap {
	int sig;
	int code;
	void *addr;
	unsigned long error;
};

extern __thread struct cc_trap cc_trap;

/* 0, or the signal that came of it. */
int cc_load(const volatile void *p, unsigned char *value);
int cc_store(volatile void *p, unsigned char value);
int cc_call(const void *code, int *result);
int cc_try(void (*fn)(void *arg), void *arg);

/* For loops that wait for another thread. */
static inline void cc_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/*
 * A function that returns @value: CC_CODE_LEN bytes, at any multiple of
 * CC_CODE_ALIGN. The first and the last are always the same; that at CC_CODE_VARIES
 * tells values apart; one may be stored across pages, CC_CODE_HALF in each.
 */
#if defined(__aarch64__)
#define CC_CODE_LEN	16
#define CC_CODE_ALIGN	4
#define CC_CODE_FIRST	0x5f
#define CC_CODE_VARIES	4
#define CC_CODE_HALF	8
#define CC_CODE_LAST	0xd6
#else
#define CC_CODE_LEN	6
#define CC_CODE_ALIGN	1
#define CC_CODE_FIRST	0xb8
#define CC_CODE_VARIES	1
#define CC_CODE_HALF	3
#define CC_CODE_LAST	0xc3
#endif
void cc_emit(void *at, int value);

/* The same by a debugger; 0 or -1. And how it begins: 48 bits, or -errno. */
long cc_poke_code(pid_t pid, uintptr_t at, int value);
int64_t cc_peek_code(pid_t pid, uintptr_t at);
int64_t cc_code_begin(int value);

/* What code at @p does, -1 when it traps. */
int cc_run(const void *p);

/* ---- processes (cc_test.c) ----------------------------------------------- */

/* fork(), but the child dies with its parent. */
pid_t cc_fork(void);
/* Its exit status, or 128 and the signal that ended it. */
int cc_wait(pid_t pid);
/* Keep the calling thread on one CPU, numbered from 0; false: there is none. */
bool cc_pin(unsigned int cpu);
int cc_send_fd(int sock, int fd);
int cc_recv_fd(int sock);

/* ---- what the kernel says (cc_sys.c) -------------------------------------- */

long long cc_now_ms(void);
/* Sleep a little; false once @since is CC_PATIENCE_MS ago. */
bool cc_patient(long long since);

int cc_write_file(const char *path, const char *text);
ssize_t cc_read_file(const char *path, char *buf, size_t size);
/* The number after "key:" or "key " at the start of a line; -1: no such key. */
long long cc_value(const char *path, const char *key);
/* The number that a file consists of; -1: cannot tell. */
long long cc_number(const char *path);

/* A line of debugfs' totals. */
long long cc_total(const char *key);
/* Closing takes effect with a delay: wait until a total is @want. */
bool cc_total_becomes(const char *key, long long want);
/* No object and no page is left in the whole module. */
bool cc_nothing_left(void);

/* The debugfs folder of an object, told by descriptors; -1: not so deep. */
int cc_debugfs_dir(char path[CC_PATH], int cache, int zone, int view);
/* How many pages of a view have a protection, as debugfs tells; -1: unknown. */
long long cc_pages_with(int cache, int zone, int view, uint32_t prot);

int cc_nr_vmas(void);
bool cc_is_mapped(const void *addr);
/* Is a flag ("dd", "io", ...) in the VmFlags of the mapping at @addr? */
bool cc_vm_flag(const void *addr, const char *flag);

/* The module's trace events, on or off. */
int cc_trace_enable(bool on);
/* Trace the module from now on; false: this kernel cannot. Then the trace. */
bool cc_trace_start(void);
ssize_t cc_trace_stop(char *text, size_t size);
/* Is there a line of this event with these words? */
bool cc_traced(const char *text, const char *event, const char *words);

long long cc_param(const char *name);
int cc_set_param(const char *name, unsigned long long value);

/* A memory cgroup; @path gets its folder. */
int cc_cgroup_make(char path[CC_PATH], const char *name);
int cc_cgroup_enter(const char *path);
int cc_cgroup_remove(const char *path);

#endif /* CC_TEST_H */
