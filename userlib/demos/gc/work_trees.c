// SPDX-License-Identifier: MIT
/*
 * Workload trees: binary trees after the fashion of GCBench
 *
 * A long-lived tree and a long-lived large array beside many short-lived trees of
 * several depths, built from the root down and from the leaves up. Each round
 * also grafts a new subtree into the long-lived tree: old objects come to refer
 * to new ones. And with a collector the mutators share trees: each puts its newest
 * on a board, and looks at its neighbour's, so that several threads meet in pages
 * that are not scanned yet. (Without one, nobody would know when to free it.)
 */
#include <stdio.h>

#include "work.h"

#define LONG_DEPTH	14U
#define MIN_DEPTH	4U
#define MAX_DEPTH	12U
#define NODES_A_DEPTH	4096U	/* built and dropped, in each round at each depth */
#define ARRAY_WORDS	32768U
#define POLL_DEPTH	6U
#define BOARD_GLOBAL	0

/*
 * What a mutator keeps, in one small object: what a root refers to is copied while
 * the world stands still, and the array is large.
 */
enum { OWN_TREE, OWN_ARRAY, OWN_NR_PTRS };

enum { NODE_LEFT, NODE_RIGHT, NODE_NR_PTRS };
enum { NODE_KEY, NODE_DEPTH, NODE_NR_DATA };

static uint64_t trees_child_key(uint64_t key, unsigned int side)
{
	return work_hash(key * 2 + side + 1);
}

static struct obj *trees_node(struct work *w, uint64_t key, unsigned int depth)
{
	struct obj *o = gc_alloc(&w->m, NODE_NR_PTRS, NODE_NR_DATA);

	work_tick(w);
	obj_data(o)[NODE_KEY] = key;
	obj_data(o)[NODE_DEPTH] = depth;
	return o;
}

/* From the root down: nodes get their children later, in already old pages. */
static void trees_populate(struct work *w, struct obj **at, unsigned int depth)
{
	uint64_t key = obj_data(*at)[NODE_KEY];
	unsigned int side;
	struct obj *o;

	if (!depth)
		return;
	for (side = NODE_LEFT; side <= NODE_RIGHT; side++) {
		o = trees_node(w, trees_child_key(key, side), depth - 1);
		obj_set(*at, side, o);
		trees_populate(w, gc_push(&w->m, o), depth - 1);
		gc_pop(&w->m, 1);
	}
}

/* From the leaves up. */
static struct obj *trees_make(struct work *w, uint64_t key, unsigned int depth)
{
	struct obj **left, **right, *o;

	if (!depth)
		return trees_node(w, key, 0);
	left = gc_push(&w->m, trees_make(w, trees_child_key(key, NODE_LEFT), depth - 1));
	right = gc_push(&w->m, trees_make(w, trees_child_key(key, NODE_RIGHT), depth - 1));
	o = trees_node(w, key, depth);
	obj_set(o, NODE_LEFT, *left);
	obj_set(o, NODE_RIGHT, *right);
	gc_pop(&w->m, 2);
	return o;
}

static struct obj *trees_build(struct work *w, uint64_t key, unsigned int depth, bool down)
{
	struct obj **root, *o;

	if (!down)
		return trees_make(w, key, depth);
	root = gc_push(&w->m, trees_node(w, key, depth));
	trees_populate(w, root, depth);
	o = *root;
	gc_pop(&w->m, 1);
	return o;
}

/* Walk a tree: so many nodes, all keys right; returns the sum of the keys. Safepoint. */
static uint64_t trees_check(struct work *w, struct obj *o, uint64_t key, unsigned int depth,
			    uint64_t *nr)
{
	uint64_t *data = obj_data(o), sum = data[NODE_KEY];
	struct obj **at;
	unsigned int side;

	++*nr;
	work_tick(w);
	if (data[NODE_KEY] != key || data[NODE_DEPTH] != depth) {
		work_fail(w, "a node of a tree is not what it was");
		return 0;
	}
	if (!depth) {
		work_check(w, !o->word[NODE_LEFT] && !o->word[NODE_RIGHT], "a leaf has children");
		return sum;
	}
	at = gc_push(&w->m, o);
	if (depth >= POLL_DEPTH)
		gc_poll(&w->m);
	for (side = NODE_LEFT; side <= NODE_RIGHT; side++)
		sum += trees_check(w, obj_get(*at, side), trees_child_key(key, side), depth - 1, nr);
	gc_pop(&w->m, 1);
	return sum;
}

static void trees_verify(struct work *w, struct obj *o, bool sum)
{
	uint64_t nr = 0, depth = obj_data(o)[NODE_DEPTH], keys;

	keys = trees_check(w, o, obj_data(o)[NODE_KEY], (unsigned int)depth, &nr);
	work_check(w, nr == (2ULL << depth) - 1, "a tree has lost or won nodes");
	if (sum)
		work_sum(w, keys + nr);
}

static void trees_drop(struct work *w, struct obj *o)
{
	if (w->m.gc || !o)
		return;
	trees_drop(w, obj_get(o, NODE_LEFT));
	trees_drop(w, obj_get(o, NODE_RIGHT));
	gc_drop(&w->m, o);
}

/* Show a tree to the neighbours, and look at one of theirs. */
static void trees_share(struct work *w, struct obj *tree)
{
	struct obj **board = gc_global(&w->m, BOARD_GLOBAL), *theirs;

	if (!board)
		return;
	obj_publish(*board, w->id, tree);
	theirs = obj_observe(*board, (w->id + 1) % w->nr);
	if (theirs)
		trees_verify(w, theirs, false);
}

static void trees_short(struct work *w, unsigned int depth)
{
	unsigned int i, nr = NODES_A_DEPTH >> depth ? NODES_A_DEPTH >> depth : 1;
	struct obj **tree;

	for (i = 0; i < nr; i++) {
		tree = gc_push(&w->m, trees_build(w, work_random(w, UINT64_MAX), depth, i & 1));
		trees_verify(w, *tree, true);
		if (i == 0)
			trees_share(w, *tree);
		trees_drop(w, *tree);
		gc_pop(&w->m, 1);
	}
}

/* Replace a subtree of the long-lived tree by an equal one that is new. */
static void trees_graft(struct work *w, struct obj **own)
{
	unsigned int depth = LONG_DEPTH, graft = 4 + (unsigned int)work_random(w, 6), side = 0;
	uint64_t way = work_random(w, UINT64_MAX), key;
	struct obj *new, *at, *old;
	unsigned int i;

	key = obj_data(obj_get(*own, OWN_TREE))[NODE_KEY];
	for (i = depth; i > graft; i--)
		key = trees_child_key(key, way >> i & 1);
	new = trees_build(w, key, graft, way & 1);
	old = at = obj_get(*own, OWN_TREE);	/* it may have moved */
	for (i = depth; i > graft; i--) {
		old = at;
		side = way >> i & 1;
		at = obj_get(at, side);
	}
	obj_set(old, side, new);
	trees_drop(w, at);
}

static void trees_array(struct work *w, struct obj *array, struct obj *tree)
{
	uint64_t i = work_random(w, ARRAY_WORDS / 2), *data = obj_data(array);

	work_check(w, data[i] == work_hash(i), "a number in the large array is not what it was");
	work_sum(w, data[i]);
	i = work_random(w, ARRAY_WORDS / 2);
	work_check(w, !obj_get(array, (unsigned int)i) ||
		   obj_data(obj_get(array, (unsigned int)i))[NODE_DEPTH] == LONG_DEPTH,
		   "a reference in the large array leads astray");
	obj_set(array, (unsigned int)i, tree);
}

static void trees_run(struct work *w)
{
	struct obj **own = gc_push(&w->m, gc_alloc(&w->m, OWN_NR_PTRS, 0)), *o;
	unsigned int depth, i;

	o = trees_build(w, w->seed + w->id, LONG_DEPTH, true);
	obj_set(*own, OWN_TREE, o);
	o = gc_alloc(&w->m, ARRAY_WORDS / 2, ARRAY_WORDS / 2);
	obj_set(*own, OWN_ARRAY, o);
	for (i = 0; i < ARRAY_WORDS / 2; i++)
		obj_data(o)[i] = work_hash(i);
	while (work_more(w)) {
		for (depth = MIN_DEPTH; depth <= MAX_DEPTH; depth += 2)
			trees_short(w, depth);
		for (i = 0; i < 8; i++)
			trees_graft(w, own);
		for (i = 0; i < 256; i++)
			trees_array(w, obj_get(*own, OWN_ARRAY), obj_get(*own, OWN_TREE));
	}
	trees_verify(w, obj_get(*own, OWN_TREE), true);
	trees_drop(w, obj_get(*own, OWN_TREE));
	gc_drop(&w->m, obj_get(*own, OWN_ARRAY));
	gc_drop(&w->m, *own);
	gc_pop(&w->m, 1);
}

static void trees_setup(struct mutator *m, unsigned int nr)
{
	struct obj **board = gc_global(m, BOARD_GLOBAL);

	if (board)
		*board = gc_alloc(m, nr, 0);
}

const struct workload GC_CODE(workload_trees) = {
	.name = "trees",
	.what = "binary trees, short-lived, long-lived and shared",
	.rounds = 36,
	.setup = trees_setup,
	.run = trees_run,
};
