/* SPDX-License-Identifier: MIT */
/*
 * Treaps of symbols in the heap: search trees, balanced by random priorities
 *
 * No function here is a safepoint. A tree is the place of the reference to its
 * root: a word of an object, so it too is good until the next safepoint only.
 */
#ifndef GC_TREAP_H
#define GC_TREAP_H

#include "gc.h"

/* A symbol. Its name is an object without references: a length, then the bytes. */
enum { SYM_NAME, SYM_NR_PTRS };
enum { SYM_ADDRESS, SYM_INDEX, SYM_ABSENT, SYM_NR_DATA };

/* A node of a tree. */
enum { NODE_SYM, NODE_LESS, NODE_MORE, NODE_NR_PTRS };
enum { NODE_PRIORITY, NODE_NR_DATA };

#define treap_by_name		GC_CODE(treap_by_name)
#define treap_by_address	GC_CODE(treap_by_address)
#define treap_insert		GC_CODE(treap_insert)
#define treap_remove		GC_CODE(treap_remove)
#define treap_find		GC_CODE(treap_find)

/** Orders two symbols: negative, zero, positive. */
typedef int treap_order(const struct obj *a, const struct obj *b);

int treap_by_name(const struct obj *a, const struct obj *b);
int treap_by_address(const struct obj *a, const struct obj *b);

/** Put a new node in, whose symbol is not there yet. */
void treap_insert(uint64_t *tree, struct obj *node, treap_order *order);
/** Take the node of a symbol out; NULL if there is none. */
struct obj *treap_remove(uint64_t *tree, const struct obj *sym, treap_order *order);
/** The node of a symbol that is equal to @sym; NULL if there is none. */
struct obj *treap_find(const uint64_t *tree, const struct obj *sym, treap_order *order);

static inline uint64_t sym_word(const struct obj *sym, unsigned int i)
{
	return sym->word[SYM_NR_PTRS + i];
}

static inline uint64_t name_bytes(const struct obj *name)
{
	return name->word[0];
}

static inline char *name_text(const struct obj *name)
{
	return (char *)(uintptr_t)&name->word[1];
}

#endif /* GC_TREAP_H */
