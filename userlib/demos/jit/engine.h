/* SPDX-License-Identifier: MIT */
/*
 * Engines: where code lies, and when its memory is used again
 *
 * An engine has room for a number of pages. place() finds room for a unit's code and
 * puts it there. Once the unit is out of the table, retire() gives the room back: at
 * a time when no runner can be in that code any more, which is what engines differ
 * in. To add one, write its struct engine_ops and name it in main.c.
 */
#ifndef JIT_ENGINE_H
#define JIT_ENGINE_H

#include <codecache.h>

#include "table.h"

#define ENGINE_MAX_BATCH	64U

struct engine;

/** struct guard - what a runner has of an engine; written by the runner alone */
struct guard {
	_Alignas(64) _Atomic uint64_t active;	/* munmap: the epoch it entered at, or 0 */
	struct guard *next;			/* munmap: under the engine's lock */
	struct codecache_reader *reader;	/* codecache */
	uint64_t outer;				/* codecache */
	uint64_t stalls;			/* times that it had to wait for others */
	uint64_t stall_ns;
	uint64_t longest_ns;
};

/**
 * struct engine_ops - an engine; functions return 0 or -errno
 * @name: as on the command line
 * @what: one line about it
 * @open: get ready; on failure engine->failed says what failed, and absent why
 * @close: nothing is in use any more
 * @attach: a runner begins; @detach: it ends
 * @enter: from here on units that the runner finds in the table stay, with their
 *	code; @leave: until here
 * @safepoint: called by runners between two sections; may be NULL
 * @place: put the code in @code where it can be run; -ENOSPC: something has to be
 *	retired, or flushed; -EAGAIN: something has been, and waiting helps
 * @wait: after -EAGAIN
 * @retire: give @nr units back which nobody can find any more, with their code; takes
 *	over the units
 * @flush: empty the table and the whole cache, then go on; NULL: the engine can retire
 *	one unit without the others. Calls of place(), what follows it until the unit
 *	is in the table, retire() and flush() exclude each other if there is one.
 * @finish: the threads have ended, the table is empty: wait for all that is retired
 * @resident: pages of memory that are in use for code, now
 */
struct engine_ops {
	const char *name;
	const char *what;
	int (*open)(struct engine *e);
	void (*close)(struct engine *e);
	int (*attach)(struct engine *e, struct guard *g);
	void (*detach)(struct engine *e, struct guard *g);
	void (*enter)(struct engine *e, struct guard *g);
	void (*leave)(struct engine *e, struct guard *g);
	void (*safepoint)(struct engine *e, struct guard *g);
	int (*place)(struct engine *e, const struct code *code, struct piece *piece);
	void (*wait)(struct engine *e);
	void (*retire)(struct engine *e, struct unit **units, unsigned int nr);
	void (*flush)(struct engine *e);
	void (*finish)(struct engine *e);
	uint64_t (*resident)(struct engine *e);
};

/** struct engine_counts - what an engine has done */
struct engine_counts {
	_Atomic uint64_t calls;		/* system calls, but for those of waiting */
	_Atomic uint64_t barriers;	/* grace periods, membarriers, or stops */
	_Atomic uint64_t flushes;	/* of TLBs, where that is known */
	_Atomic uint64_t returned;	/* pages given back to the system */
	_Atomic uint64_t dropped;	/* units that a flush took out of the table */
	_Atomic uint64_t waits;		/* times that a compiler waited for room */
	_Atomic uint64_t wait_ns;
};

struct engine {
	const struct engine_ops *ops;
	const char *failed;
	bool absent;			/* because this system lacks something */
	bool keep;			/* units stay until the end: see engine_unit_done() */
	struct table *table;
	uint64_t max_pages;
	size_t page_size;
	struct engine_counts counts;
	pthread_mutex_t lock;		/* the engine's own */
	_Atomic(struct unit *) kept;
	void *priv;
};

extern const struct engine_ops engine_codecache;
extern const struct engine_ops engine_flush;
extern const struct engine_ops engine_munmap;

int engine_open(struct engine *e, const struct engine_ops *ops);
void engine_close(struct engine *e);
/** Nobody uses this unit any more. */
void engine_unit_done(struct engine *e, struct unit *unit);

/** Pages that hold so many bytes. */
uint64_t engine_pages(const struct engine *e, size_t bytes);
/** Code was written at @exec, through another mapping perhaps: let it be fetched. */
void engine_sync_code(struct engine *e, const void *exec, size_t bytes);
/** Have every CPU that runs a thread of ours forget what it has fetched ahead. */
void engine_sync_cores(struct engine *e);

/** Add to a counter. */
static inline void engine_count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/** Nanoseconds since some time in the past. */
uint64_t now_ns(void);

#endif /* JIT_ENGINE_H */
