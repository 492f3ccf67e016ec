// SPDX-License-Identifier: MIT
/*
 * Looking at the whole heap after a collection, with the world stopped
 *
 * Two walks through the collector's view. One along the copies from first to last
 * byte: they must lie end to end, and the crossing map must be right. One from
 * the roots along all references: each must lead into to-space, to where objects
 * are, and to a header that makes sense.
 *
 * Of a remembered set: what refers from old space to the nursery is in it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gc_priv.h"
#include "remember.h"

struct walk {
	struct gc *gc;
	uint64_t *seen;		/* a bit for each word of to-space */
	uint64_t *todo;		/* offsets of objects to look into */
	size_t nr_todo;
	size_t room;
	uint64_t objects;
	uint64_t bytes;
};

static void verify_fault(struct gc *gc, const char *what, uint64_t where)
{
	if (stat_read(&gc->stats.faults_found) < 10)
		printf("gc: verify: %s, at offset %#llx of to-space\n", what,
		       (unsigned long long)where);
	stat_add(&gc->stats.faults_found, 1);
}

static void verify_copies(struct gc *gc)
{
	struct space *to = gc->to;
	uint64_t at = 0, next, end;
	size_t page;

	while (at < to->copy_top) {
		next = at + obj_bytes(space_at(to, at)->header);
		end = next < to->copy_top ? next : to->copy_top;
		if (!(space_at(to, at)->header & OBJ_IS_HEADER) || next <= at ||
		    next > to->copy_top) {
			verify_fault(gc, "copies do not lie end to end", at);
			return;
		}
		for (page = (at + gc->page - 1) / gc->page; page * gc->page < end; page++)
			if (to->cross[page] * sizeof(uint64_t) != at)
				verify_fault(gc, "the crossing map is wrong", page * gc->page);
		at = next;
	}
}

/* Whether an object can lie there. */
static bool verify_place(struct gc *gc, uint64_t at)
{
	struct space *to = gc->to;
	uint64_t end = at < to->copy_top ? to->copy_top : to->map.bytes;
	uint64_t header;

	if (at >= to->map.bytes || at % sizeof(uint64_t) ||
	    (at >= to->copy_top && at < to->alloc_bottom))
		return false;
	header = space_at(to, at)->header;
	return (header & OBJ_IS_HEADER) && obj_bytes(header) <= end - at &&
	       obj_nr_ptrs(header) < header >> 32;
}

static void verify_reference(struct walk *w, struct obj *ref)
{
	uint64_t at = space_offset(w->gc->to, ref), word = at / sizeof(uint64_t);

	if (!ref)
		return;
	if (!verify_place(w->gc, at)) {
		verify_fault(w->gc, "a reference leads to no object", at);
		return;
	}
	if (w->seen[word / 64] & 1ULL << word % 64)
		return;
	w->seen[word / 64] |= 1ULL << word % 64;
	w->objects++;
	w->bytes += obj_bytes(space_at(w->gc->to, at)->header);
	if (w->nr_todo == w->room) {
		w->room = 2 * w->room + 1024;
		w->todo = realloc(w->todo, w->room * sizeof(*w->todo));
		if (!w->todo)
			gc_die("no memory to verify the heap");
	}
	w->todo[w->nr_todo++] = at;
}

static void verify_roots(struct walk *w)
{
	struct mutator *m;
	unsigned int i;

	for (i = 0; i < GC_MAX_GLOBALS; i++)
		verify_reference(w, w->gc->global[i]);
	for (m = w->gc->mutators; m; m = m->next)
		for (i = 0; i < m->nr_roots; i++)
			verify_reference(w, m->root[i]);
}

/* With the world stopped, and nobody in the nursery. */
void verify_heap_stopped(struct gc *gc)
{
	struct walk w = { .gc = gc };
	struct obj *o;
	uint32_t i;

	w.seen = calloc(gc->config.heap_bytes / 512 + 1, sizeof(*w.seen));
	if (!w.seen)
		gc_die("no memory to verify the heap");
	verify_copies(gc);
	verify_roots(&w);
	while (w.nr_todo) {
		o = space_at(gc->to, w.todo[--w.nr_todo]);
		for (i = 0; i < obj_nr_ptrs(o->header); i++)
			verify_reference(&w, obj_get(o, i));
	}
	stat_add(&gc->stats.walks, 1);
	free(w.todo);
	free(w.seen);
}

void verify_heap(struct gc *gc)
{
	world_stop(gc);
	verify_heap_stopped(gc);
	world_resume(gc);
}

/* With the world stopped, before a young collection: look at all of old space. */
void verify_remembered(struct gc *gc)
{
	uint64_t at, slot;
	struct obj *o;
	uint32_t i;

	for (at = 0; at < gc->to->copy_top; at += obj_bytes(o->header)) {
		o = space_at(gc->to, at);
		for (i = 0; i < obj_nr_ptrs(o->header); i++) {
			slot = at + sizeof(*o) + i * sizeof(o->word[0]);
			if (space_offset(&gc->nursery, obj_get(o, i)) < gc->nursery.map.bytes &&
			    !remember_is_set(gc->remembered, slot / gc->unit))
				verify_fault(gc, "what refers to a young object is not remembered",
					     slot);
		}
	}
}
