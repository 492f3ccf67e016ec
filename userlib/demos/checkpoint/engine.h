/* SPDX-License-Identifier: MIT */
/*
 * Engines: what keeps the pages of a snapshot from changing before they are copied
 *
 * An engine has a zone of memory for the bank. Those that *trap* arm it while the
 * mutators are stopped: every page that is to be in the snapshot becomes
 * read-only. Then copier_walk() and traps open it page by page. To add one, write
 * its struct engine_ops and name it in main.c.
 */
#ifndef CHECKPOINT_ENGINE_H
#define CHECKPOINT_ENGINE_H

#include "copy.h"

struct engine;

/** struct shot - a snapshot that is being taken, and what is known about it then */
struct shot {
	bool full;
	uint64_t instant;
	uint64_t base;		/* instant of the one before */
	const char *path;	/* the file */
	uint64_t pages;		/* in the file */
	uint64_t bytes;		/* of the file */
	uint64_t saved;		/* pages copied because a mutator wanted to store */
	uint64_t traps;
	uint64_t faults;	/* page faults that getrusage() counts */
	uint64_t arm_ns;	/* the calls that are made while mutators are stopped */
	uint64_t ns;		/* from asking the mutators to stop to a whole file */
};

/**
 * struct engine_ops - an engine; functions return 0 or -errno
 * @name: as on the command line
 * @what: one line about it
 * @deltas: can tell which pages have been stored to; else every snapshot is full
 * @traps: mutators trap, so that SABOTAGE_COPY has something to spoil
 * @open: get the zone, zeroed and writable; on failure engine->failed says what
 *	failed, and absent why
 * @close: the opposite
 * @arm: the mutators are stopped: copier_expect() the pages of the snapshot, and
 *	forbid stores to them from now on
 * @allow: allow stores to pages that are copied; async-signal-safe
 * @take: in place of copier and file: wait for the file to be written
 */
struct engine_ops {
	const char *name;
	const char *what;
	bool deltas;
	bool traps;
	int (*open)(struct engine *e);
	void (*close)(struct engine *e);
	int (*arm)(struct engine *e, struct shot *shot);
	int (*allow)(struct engine *e, struct codecache_prot_range *ranges, size_t nr);
	int (*take)(struct engine *e, struct shot *shot);
};

struct engine {
	const struct engine_ops *ops;
	const char *failed;
	bool absent;		/* because this system lacks something */
	uint8_t *zone;
	size_t bytes;
	struct copier copier;
	struct codecache_prot_range *ranges;	/* of the file */
	void *priv;		/* the engine's own */
};

extern const struct engine_ops engine_block;
extern const struct engine_ops engine_signal;
extern const struct engine_ops engine_mprotect;
extern const struct engine_ops engine_fork;

/** Get memory for the zone and its copy. */
int engine_open(struct engine *e, const struct engine_ops *ops, uint64_t nr_pages,
		size_t page_size);
void engine_close(struct engine *e);
/** How a header of a file of this engine begins. */
struct file_header engine_header(const struct engine *e, const struct shot *shot);

/* SIGSEGV as a trap: what the engines signal and mprotect share. One at a time. */
void segv_install(struct engine *e);
void segv_remove(void);

#endif /* CHECKPOINT_ENGINE_H */
