// SPDX-License-Identifier: MIT
/* Treaps of symbols in the heap: search trees, balanced by random priorities. */
#include <string.h>

#include "treap.h"

static uint64_t treap_priority(const struct obj *node)
{
	return node->word[NODE_NR_PTRS + NODE_PRIORITY];
}

static int treap_compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

int treap_by_address(const struct obj *a, const struct obj *b)
{
	int r = treap_compare(sym_word(a, SYM_ADDRESS), sym_word(b, SYM_ADDRESS));

	return r ? r : treap_compare(sym_word(a, SYM_INDEX), sym_word(b, SYM_INDEX));
}

int treap_by_name(const struct obj *a, const struct obj *b)
{
	const struct obj *x = obj_get(a, SYM_NAME), *y = obj_get(b, SYM_NAME);
	uint64_t nx = name_bytes(x), ny = name_bytes(y);
	int r = memcmp(name_text(x), name_text(y), nx < ny ? nx : ny);

	if (!r)
		r = treap_compare(nx, ny);
	return r ? r : treap_by_address(a, b);
}

void treap_insert(uint64_t *tree, struct obj *node, treap_order *order)
{
	const struct obj *sym = obj_get(node, NODE_SYM);
	uint64_t *less = &node->word[NODE_LESS], *more = &node->word[NODE_MORE];
	struct obj *at;

	while ((at = ref_load(tree)) && treap_priority(at) >= treap_priority(node))
		tree = &at->word[order(sym, obj_get(at, NODE_SYM)) < 0 ? NODE_LESS : NODE_MORE];
	ref_store(tree, node);
	/* Split what was there into what is less and what is more. */
	while (at) {
		if (order(sym, obj_get(at, NODE_SYM)) < 0) {
			ref_store(more, at);
			more = &at->word[NODE_LESS];
			at = ref_load(more);
		} else {
			ref_store(less, at);
			less = &at->word[NODE_MORE];
			at = ref_load(less);
		}
	}
	ref_store(less, NULL);
	ref_store(more, NULL);
}

static uint64_t *treap_place(uint64_t *tree, const struct obj *sym, treap_order *order)
{
	struct obj *at;
	int r;

	while ((at = ref_load(tree))) {
		r = order(sym, obj_get(at, NODE_SYM));
		if (!r)
			return tree;
		tree = &at->word[r < 0 ? NODE_LESS : NODE_MORE];
	}
	return NULL;
}

struct obj *treap_remove(uint64_t *tree, const struct obj *sym, treap_order *order)
{
	uint64_t *place = treap_place(tree, sym, order);
	struct obj *node, *less, *more;

	if (!place)
		return NULL;
	node = ref_load(place);
	less = obj_get(node, NODE_LESS);
	more = obj_get(node, NODE_MORE);
	/* Merge its two subtrees in its place. */
	while (less && more) {
		if (treap_priority(less) > treap_priority(more)) {
			ref_store(place, less);
			place = &less->word[NODE_MORE];
			less = ref_load(place);
		} else {
			ref_store(place, more);
			place = &more->word[NODE_LESS];
			more = ref_load(place);
		}
	}
	ref_store(place, less ? less : more);
	return node;
}

struct obj *treap_find(const uint64_t *tree, const struct obj *sym, treap_order *order)
{
	const uint64_t *place = treap_place((uint64_t *)(uintptr_t)tree, sym, order);

	return place ? ref_load(place) : NULL;
}
