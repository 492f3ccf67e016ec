/* SPDX-License-Identifier: MIT */
/*
 * The oracle: what the uapi says that caches, zones and views are, in user space
 *
 * Written from the text of the uapi, page by page and without regard to speed; it
 * shares nothing with the module. One process, one operation at a time. What the
 * uapi leaves to chance is either waited for (m_settle()), or known as MAYBE.
 */
#ifndef FUZZ_MODEL_H
#define FUZZ_MODEL_H

#include <linux/codecache.h>
#include <stdbool.h>
#include <stdint.h>

#include "cc_traps.h"
#include "fuzz.h"

enum { M_PAGE = 4096, M_PAGES = 1100, M_CACHES = 3, M_ZONES = 4, M_VIEWS = 8,
       M_READERS = 6, M_EVENTS = 3, M_EXTENTS = 100, M_PENDING = 12,
       M_LOG = 64 };

#define M_NOBODY	(~0ULL)

/**
 * enum m_bit - is it so?
 * @M_NO: no
 * @M_YES: yes
 * @M_MAYBE: perhaps; if it is reported, then as CODECACHE_PAGE_UNSURE
 * @M_VAGUE: perhaps: CODECACHE_QUERY_F_FAST_YOUNG
 */
enum m_bit { M_NO, M_YES, M_MAYBE, M_VAGUE };

/**
 * struct m_vpage - a page of a view
 * @prot: CODECACHE_PROT_*
 * @mode: enum codecache_trap_mode
 * @entry: what its page table entry allows, CODECACHE_PROT_*; 0: there is none
 * @dirty: enum m_bit
 * @young: enum m_bit
 * @lost: M_NO, M_YES
 * @unsure: M_NO, M_YES, M_MAYBE: are @dirty and @young reported as such?
 * @sure: CODECACHE_PAGE_*: of @dirty and @young, what has been seen since it was unsure
 * @fast: made old without a flush
 */
struct m_vpage {
	uint8_t prot;
	uint8_t mode;
	uint8_t entry;
	uint8_t dirty;
	uint8_t young;
	uint8_t lost;
	uint8_t unsure;
	uint8_t sure;
	bool fast;
};

struct m_view {
	bool used;
	int fd;			/* -1: closed */
	int zone;
	uint32_t kind;
	uint32_t mode;
	bool block_kernel;
	uint64_t first;
	uint64_t nr;
	unsigned char *map;	/* NULL: not mapped */
	uint64_t seq;
	struct m_vpage p[M_PAGES];
	struct {
		bool made;
		struct cc_log log;
		uint64_t head, lost, tail;
		uint32_t nr, threshold;
		struct codecache_log_entry want[M_LOG];
	} log;
	struct {
		uint64_t protects, protected, queries, found, populated, logged,
			 log_lost, blocked, resolved;
	} nr_of;
};

struct m_extent {
	uint32_t first;
	uint32_t nr;
	bool retired;
	uint64_t cookie;
};

struct m_zone {
	bool used;
	int fd;
	int cache;
	uint32_t zone_class;
	uint64_t nr;
	bool extents;
	bool sealed;
	struct codecache_seal_info_args seal;
	int event;		/* index, -1: none */
	uint32_t event_flags;
	uint64_t high_water;
	unsigned int nr_ext;
	struct m_extent ext[M_EXTENTS];
	unsigned char *data[M_PAGES];	/* NULL: zeros */
	bool resident[M_PAGES];	/* allocated, by whoever touched it */
	bool filled[M_PAGES];	/* by a view that is not uffd's */
	uint64_t nr_filled;
	uint64_t nr_allocated;
	uint64_t nr_retired;
};

/* Whose reader it is: M_MAIN, or the number of a second thread, or dead. */
enum { M_MAIN = 0, M_DEAD = -1 };

struct m_reader {
	bool used;
	uint32_t index;
	int owner;
	uint64_t active;
};

struct m_cache {
	bool used;
	int fd;
	const struct codecache_control *control;
	struct codecache_reader_slot *slots;
	uint64_t last;		/* the last cookie that was given out */
	uint64_t over;		/* the last one that is known to be over */
	struct m_reader reader[M_READERS];
	unsigned int nr_pending;
	struct {
		int event;
		uint64_t cookie;
	} pending[M_PENDING];
};

struct m_event {
	int fd;
	uint64_t count;
	bool noisy;		/* may be told of pressure at any time */
};

struct m_world {
	struct m_cache cache[M_CACHES];
	struct m_zone zone[M_ZONES];
	struct m_view view[M_VIEWS];
	struct m_event event[M_EVENTS];
	int second;		/* number of the second thread */
	uint64_t max_pages;	/* limits; 0: none */
	uint64_t max_held;
	uint64_t unlimited_held;
	int file;		/* for the kernel to read and write: one page */
	unsigned char *file_map;
	int memory;		/* /proc/self/mem */
	int null;
};

extern struct m_world w;

/* ---- telling (fuzz_model.c) ------------------------------------------------- */

/* The run has failed: says what, and does not return. */
void m_fail(const char *what, int64_t want, int64_t got)
	__attribute__((noreturn));

static inline void m_expect(const char *what, int64_t want, int64_t got)
{
	if (want != got)
		m_fail(what, want, got);
}

static inline void m_true(const char *what, bool so)
{
	if (!so)
		m_fail(what, 1, 0);
}

/* ---- pages of zones (model_zone.c) ------------------------------------------ */

struct m_extent *m_extent_at(struct m_zone *z, uint64_t page);
const unsigned char *m_data(const struct m_zone *z, uint64_t page);
unsigned char *m_data_to_write(struct m_zone *z, uint64_t page);
/* May one more page be charged? */
bool m_may_fill(void);
void m_fill(struct m_zone *z, uint64_t page);
uint64_t m_charged(void);
uint64_t m_held(const struct m_cache *c);
uint64_t m_retired_pages(const struct m_zone *z);
void m_zone_drop(struct m_zone *z);
void m_view_drop(struct m_view *v);
/* Objects that nobody has any more are gone. */
void m_collect(void);

/* Where EXTENT_ALLOC may put @nr pages. */
struct m_want {
	uint64_t nr, align, min, end, hint;
	uint32_t flags;
	bool patient;		/* as if all grace periods were over */
};

bool m_place(const struct m_zone *z, const struct m_want *want, uint64_t *first);

/* ---- grace periods (model_grace.c) ------------------------------------------- */

bool m_reader_lives(const struct m_reader *r);
/* The first cookie that a reader holds up. */
uint64_t m_first_held(const struct m_cache *c);
/* All grace periods up to @cookie are over: what was retired is gone. */
void m_over(struct m_cache *c, uint64_t cookie);
/* A cookie that was given out just now. */
void m_cookie(struct m_cache *c, uint64_t cookie);
/* The kernel says that all up to @completed are over: can that be? */
void m_completed(struct m_cache *c, uint64_t completed);
/* Wait until nothing is retired but what readers hold. */
void m_settle(struct m_cache *c);
void m_settle_zone(struct m_zone *z);
void m_settle_page(struct m_view *v, uint64_t page);
void m_settle_all(void);
void m_settle_watched(void);

/* ---- pages of views (model_view.c) ------------------------------------------- */

/**
 * enum m_fate - what comes of an access
 * @M_DONE: it is made
 * @M_SEGV: SIGSEGV, SEGV_MAPERR
 * @M_ACCERR: SIGSEGV, SEGV_ACCERR
 * @M_BUS: SIGBUS
 * @M_SLEEPS: the thread sleeps; nothing has changed yet
 */
enum m_fate { M_DONE, M_SEGV, M_ACCERR, M_BUS, M_SLEEPS };

/* Does the page allow it, whatever its protection? */
bool m_usable(const struct m_view *v, uint64_t page, uint32_t access);
/* An access, of the program or @kernel; @tid for the log. */
enum m_fate m_access(struct m_view *v, uint64_t page, uint32_t access,
		     bool kernel, pid_t tid);
/* Would that be M_SLEEPS? */
bool m_would_sleep(const struct m_view *v, uint64_t page, uint32_t access,
		   bool kernel);
void m_protect(struct m_view *v, uint64_t first, uint64_t nr, uint32_t prot,
	       uint32_t trap);
uint64_t m_populate(struct m_view *v, uint64_t first, uint64_t nr);
/* Entries are gone: of views that may write only, or of all. */
void m_take(struct m_zone *z, uint64_t first, uint64_t nr, bool writers);
void m_unmapped(struct m_view *v, bool exact);
uint32_t m_full(uint32_t kind);
bool m_kind_has(uint32_t kind, uint32_t prot);
uint32_t m_trap_mode(const struct m_view *v, uint32_t trap);
/* The bits of a page that are so for sure, and those that may be. */
uint32_t m_state(const struct m_vpage *p, uint32_t *may);

/* ---- block traps (model_access.c) ---------------------------------------------- */

/* How a thread that sleeps is answered. */
enum { M_ALLOW, M_DENY, M_PROTECT, M_TOO_LITTLE, M_INTERRUPT, M_UNMAP, M_CLOSE,
       M_NR_ANSWERS };

/*
 * The second thread makes an access and sleeps. It is answered as @answer says; if it
 * sleeps again it is allowed first, and denied then. What has come of it in the end.
 */
enum m_fate m_sleep(struct m_view *v, struct fz_access *a, uint64_t page,
		    uint32_t access, bool kernel, unsigned int answer);

/* ---- calls (fuzz_call.c) ------------------------------------------------------ */

/* Errors that a call may give; none: it must succeed. */
struct m_errs {
	unsigned int nr;
	int e[12];
};

static inline void m_may(struct m_errs *errs, bool so, int e)
{
	unsigned int i;

	for (i = 0; i < errs->nr; i++)
		so &= errs->e[i] != e;
	if (so)
		errs->e[errs->nr++] = e;
}

/* How an ioctl is made: the lowest bits by whom, the others with which mistake. */
enum { M_HOW_SELF, M_HOW_SECOND, M_HOW_CHILD, M_HOW_MASK = 3,
       M_BAD_NONE = 0, M_BAD_SHORT, M_BAD_LONG_ZERO, M_BAD_LONG, M_BAD_HUGE,
       M_BAD_FLAG, M_BAD_ADDR, M_BAD_FD };

uint64_t m_how(struct fz_rng *r);
/* Memory that children share: for structures, and for what they point to. */
extern unsigned char *m_arena;
enum { M_ARENA_ARGS = 0, M_ARENA_DATA = M_PAGE, M_ARENA_BYTES = 17 * M_PAGE };
/* Where memory ends. */
#define M_ARENA_END	(m_arena + M_ARENA_BYTES)

/*
 * The ioctl. True if it has succeeded, as it should; false if it has failed, as it
 * should. Else the run has failed.
 */
bool m_ioctl(uint64_t how, int fd, unsigned int nr, void *args, size_t size,
	     struct m_errs *errs);
/* The thread that makes calls of this kind. */
pid_t m_caller(uint64_t how);
int m_errno(void);	/* of the last m_ioctl() */
/* Is the call made with a mistake, so that nothing else is looked at? */
bool m_how_bad(uint64_t how);

/* ---- types of operations ------------------------------------------------------- */

extern const struct fz_type
	/* model_life.c */
	m_cache_open, m_cache_close, m_zone_create, m_zone_close, m_view_create,
	m_view_close,
	/* model_map.c */
	m_view_map, m_view_munmap, m_view_unmap, m_fork,
	/* model_prot.c, model_bits.c */
	m_protect_ranges, m_protect_bits, m_resolve,
	/* model_query.c */
	m_query,
	/* model_access.c */
	m_load, m_store, m_fetch, m_emit,
	/* model_sys.c */
	m_sys_read, m_sys_write, m_peek, m_poke,
	/* model_mm.c */
	m_mm, m_stats, m_info, m_limit,
	/* model_trap.c */
	m_log_make, m_log_read, m_log_tail, m_events,
	/* model_extent.c */
	m_alloc, m_retire, m_seal, m_seal_info,
	/* model_grace.c */
	m_register, m_unregister, m_enter, m_leave, m_thread,
	/* model_clock.c */
	m_start, m_poll, m_wait, m_grace_event, m_zone_event, m_event_read;

/* Objects that an operation names, or NULL: it has nothing to do then. */
static inline struct m_cache *m_open_cache(uint64_t i)
{
	return i < M_CACHES && w.cache[i].used && w.cache[i].fd >= 0 ?
	       &w.cache[i] : NULL;
}

static inline struct m_zone *m_open_zone(uint64_t i)
{
	return i < M_ZONES && w.zone[i].used && w.zone[i].fd >= 0 ?
	       &w.zone[i] : NULL;
}

static inline struct m_view *m_open_view(uint64_t i)
{
	return i < M_VIEWS && w.view[i].used && w.view[i].fd >= 0 ?
	       &w.view[i] : NULL;
}

static inline struct m_view *m_view_mapped(uint64_t i)
{
	return i < M_VIEWS && w.view[i].used && w.view[i].map ?
	       &w.view[i] : NULL;
}

/* ---- choosing (fuzz_call.c) ----------------------------------------------------- */

/* A random object; -1: there is none. */
int m_any_cache(struct fz_rng *r);
int m_any_zone(struct fz_rng *r);
int m_any_view(struct fz_rng *r);
int m_mapped_view(struct fz_rng *r);
int m_free_cache(void);
int m_free_zone(void);
int m_free_view(void);
/* Some page of the view, the interesting ones first; and how many from there. */
uint64_t m_any_page(struct fz_rng *r, const struct m_view *v);

#endif /* FUZZ_MODEL_H */
