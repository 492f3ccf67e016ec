// SPDX-License-Identifier: MIT
/*
 * Workload kallsyms: all symbols of the running kernel in search trees
 *
 * The text of /proc/kallsyms is taken once. The mutators divide its lines among
 * them, and each keeps its symbols in two treaps, by name and by address. A round
 * reads two chunks of the text again with pread(2), *straight into an old object
 * of the heap* whose pages may be ones that the mutator does not have: with some
 * barriers the kernel's own stores trap like ours, wait, and succeed; with others
 * gc_pread() has to touch the pages first. Every symbol in them
 * is then deleted and inserted anew, others are deleted, brought back and
 * looked up. Chunk by chunk all is rebuilt.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "treap.h"
#include "work.h"

#define CHUNKS		2	/* a round */
#define LOOKUPS		500
#define TOGGLES		50

/* All that a mutator keeps: an object of references. */
enum { INDEX_BY_NAME, INDEX_BY_ADDRESS, INDEX_SYMS, INDEX_BUFFER, INDEX_NR_PTRS };

/* One line of the text. */
struct line {
	uint64_t address;
	unsigned int name;	/* offset in the line */
	unsigned int name_bytes;
	unsigned int bytes;
};

static treap_order *const orders[] = {
	[INDEX_BY_NAME] = treap_by_name,
	[INDEX_BY_ADDRESS] = treap_by_address,
};

/* ---- the text ---------------------------------------------------------- */

/* "ffffffff81000000 T _text\n", perhaps with a tab and a module's name. */
static bool kallsyms_parse(const char *p, size_t left, struct line *line)
{
	const char *end = memchr(p, '\n', left), *name;
	char *rest;

	if (!end)
		return false;
	line->bytes = (unsigned int)(end - p) + 1;
	line->address = strtoull(p, &rest, 16);
	if (rest == p || end - rest < 4)
		return false;
	name = rest + 3;
	line->name = (unsigned int)(name - p);
	line->name_bytes = (unsigned int)(end - name);
	return true;
}

/* ---- symbols ----------------------------------------------------------- */

/* Make a symbol and put it into both trees. @sym is a root; the index is @index. */
static void kallsyms_insert(struct work *w, struct obj **index, struct obj **sym)
{
	unsigned int tree;
	struct obj *node;

	work_tick(w);
	for (tree = INDEX_BY_NAME; tree <= INDEX_BY_ADDRESS; tree++) {
		node = gc_alloc(&w->m, NODE_NR_PTRS, NODE_NR_DATA);
		obj_set(node, NODE_SYM, *sym);
		obj_data(node)[NODE_PRIORITY] =
			work_hash(sym_word(*sym, SYM_INDEX) * 2 + tree + w->seed);
		treap_insert(&(*index)->word[tree], node, orders[tree]);
	}
}

static void kallsyms_remove(struct work *w, struct obj *index, const struct obj *sym)
{
	unsigned int tree;
	struct obj *node;

	for (tree = INDEX_BY_NAME; tree <= INDEX_BY_ADDRESS; tree++) {
		node = treap_remove(&index->word[tree], sym, orders[tree]);
		if (!node) {
			work_fail(w, "a symbol to delete is not in its tree");
			continue;
		}
		work_check(w, obj_get(node, NODE_SYM) == sym, "a tree has another symbol");
		gc_drop(&w->m, node);
	}
}

static void kallsyms_drop(struct work *w, struct obj *sym)
{
	if (w->m.gc || !sym)
		return;
	gc_drop(&w->m, obj_get(sym, SYM_NAME));
	gc_drop(&w->m, sym);
}

/* A new symbol from the line at @at of the buffer. */
static struct obj *kallsyms_symbol(struct work *w, struct obj **index, const struct line *line,
				   size_t at, uint64_t nr)
{
	struct obj **name, *sym;
	uint64_t words = 1 + (line->name_bytes + 7) / 8;

	name = gc_push(&w->m, gc_alloc(&w->m, 0, words));
	(*name)->word[0] = line->name_bytes;
	memcpy(name_text(*name), (char *)obj_get(*index, INDEX_BUFFER)->word + at + line->name,
	       line->name_bytes);
	sym = gc_alloc(&w->m, SYM_NR_PTRS, SYM_NR_DATA);
	obj_set(sym, SYM_NAME, *name);
	sym->word[SYM_NR_PTRS + SYM_ADDRESS] = line->address;
	sym->word[SYM_NR_PTRS + SYM_INDEX] = nr;
	gc_pop(&w->m, 1);
	return sym;
}

/* Replace the symbol in slot @nr by the one of the line. */
static void kallsyms_replace(struct work *w, struct obj **index, const struct line *line,
			     size_t at, uint64_t nr)
{
	struct obj **sym = gc_push(&w->m, kallsyms_symbol(w, index, line, at, nr)), *old;

	old = obj_get(obj_get(*index, INDEX_SYMS), (unsigned int)nr);
	if (old) {
		if (!sym_word(old, SYM_ABSENT))
			kallsyms_remove(w, *index, old);
		work_check(w, sym_word(old, SYM_ADDRESS) == line->address,
			   "a symbol's address is not what it was");
		kallsyms_drop(w, old);
	}
	obj_set(obj_get(*index, INDEX_SYMS), (unsigned int)nr, *sym);
	kallsyms_insert(w, index, sym);
	gc_pop(&w->m, 1);
}

/* Read one chunk of the text into the heap, and index the lines that are ours anew. */
static void kallsyms_index(struct work *w, struct obj **index, uint64_t nr_chunk)
{
	const struct text_chunk *c = &text_symbols.chunk[nr_chunk];
	uint64_t nr = c->first_line;
	struct line line;
	char *buffer;
	size_t at = 0;

	buffer = (char *)obj_get(*index, INDEX_BUFFER)->word;
	if (gc_pread(&w->m, text_symbols.fd, buffer, c->bytes, c->at))
		gc_die("read(2) into the heap: %s", strerror(errno));
	for (; at < c->bytes; at += line.bytes, nr++) {
		gc_poll(&w->m);
		buffer = (char *)obj_get(*index, INDEX_BUFFER)->word;
		if (!kallsyms_parse(buffer + at, c->bytes - at, &line))
			gc_die("a line that was read into the heap is not what it was");
		if (nr % w->nr == w->id)
			kallsyms_replace(w, index, &line, at, nr / w->nr);
	}
}

/* ---- rounds ------------------------------------------------------------ */

static void kallsyms_lookup(struct work *w, struct obj *index, struct obj *sym)
{
	unsigned int tree;
	struct obj *node;

	work_tick(w);
	for (tree = INDEX_BY_NAME; tree <= INDEX_BY_ADDRESS; tree++) {
		node = treap_find(&index->word[tree], sym, orders[tree]);
		work_check(w, sym_word(sym, SYM_ABSENT) ? !node :
			      node && obj_get(node, NODE_SYM) == sym,
			   "a look-up does not find what it should");
		work_sum(w, (node != NULL) + sym_word(sym, SYM_ADDRESS));
	}
	work_sum(w, name_bytes(obj_get(sym, SYM_NAME)) +
		    (unsigned char)*name_text(obj_get(sym, SYM_NAME)));
}

/* Delete a symbol, or bring one back that was deleted; most others stay. */
static void kallsyms_toggle(struct work *w, struct obj **index, uint64_t nr)
{
	struct obj **sym = gc_push(&w->m, obj_get(obj_get(*index, INDEX_SYMS), (unsigned int)nr));
	bool absent = sym_word(*sym, SYM_ABSENT);

	if (absent)
		kallsyms_insert(w, index, sym);
	else
		kallsyms_remove(w, *index, *sym);
	(*sym)->word[SYM_NR_PTRS + SYM_ABSENT] = !absent;
	gc_pop(&w->m, 1);
}

static void kallsyms_round(struct work *w, struct obj **index, uint64_t nr_syms, uint64_t round)
{
	struct obj *syms;
	unsigned int i;

	for (i = 0; i < CHUNKS; i++)
		kallsyms_index(w, index, (round * CHUNKS + i) % text_symbols.nr_chunks);
	for (i = 0; i < TOGGLES; i++)
		kallsyms_toggle(w, index, work_random(w, nr_syms));
	for (i = 0; i < LOOKUPS; i++) {
		gc_poll(&w->m);
		syms = obj_get(*index, INDEX_SYMS);
		kallsyms_lookup(w, *index, obj_get(syms, (unsigned int)work_random(w, nr_syms)));
	}
}

/*
 * Walk a tree in order: symbols ascend, priorities do not. @node and @last, the
 * symbol before, are roots. Depth is some 60 at most, so recursion is fine.
 */
static uint64_t kallsyms_walk(struct work *w, struct obj **node, struct obj **last,
			      unsigned int tree)
{
	uint64_t nr = 1, priority = obj_data(*node)[NODE_PRIORITY];
	unsigned int side;
	struct obj *sym, *child;

	gc_poll(&w->m);
	for (side = NODE_LESS; side <= NODE_MORE; side++) {
		child = obj_get(*node, side);
		if (child) {
			work_check(w, obj_data(child)[NODE_PRIORITY] <= priority,
				   "a tree has its priorities wrong");
			nr += kallsyms_walk(w, gc_push(&w->m, child), last, tree);
			gc_pop(&w->m, 1);
		}
		if (side == NODE_MORE)
			break;
		sym = obj_get(*node, NODE_SYM);
		work_check(w, !*last || orders[tree](*last, sym) < 0, "a tree is out of order");
		work_sum(w, sym_word(sym, SYM_INDEX));
		*last = sym;
	}
	return nr;
}

static void kallsyms_end(struct work *w, struct obj **index, uint64_t nr_syms)
{
	uint64_t present = 0, i;
	struct obj **node, **last, *sym;
	unsigned int tree;

	for (i = 0; i < nr_syms; i++) {
		gc_poll(&w->m);
		present += !sym_word(obj_get(obj_get(*index, INDEX_SYMS), (unsigned int)i), SYM_ABSENT);
	}
	for (tree = INDEX_BY_NAME; tree <= INDEX_BY_ADDRESS; tree++) {
		node = gc_push(&w->m, obj_get(*index, tree));
		last = gc_push(&w->m, NULL);
		work_check(w, kallsyms_walk(w, node, last, tree) == present,
			   "a tree has lost or won symbols");
		gc_pop(&w->m, 2);
	}
	for (i = 0; i < nr_syms && !w->m.gc; i++) {
		sym = obj_get(obj_get(*index, INDEX_SYMS), (unsigned int)i);
		if (!sym_word(sym, SYM_ABSENT))
			kallsyms_remove(w, *index, sym);
		kallsyms_drop(w, sym);
	}
}

static void kallsyms_run(struct work *w)
{
	uint64_t nr_syms = (text_symbols.nr_lines - w->id + w->nr - 1) / w->nr, round = 0;
	struct obj **index = gc_push(&w->m, gc_alloc(&w->m, INDEX_NR_PTRS, 0)), *o;

	o = gc_alloc(&w->m, (uint32_t)nr_syms, 0);
	obj_set(*index, INDEX_SYMS, o);
	o = gc_alloc(&w->m, 0, TEXT_CHUNK_BYTES / 8 + 1);
	obj_set(*index, INDEX_BUFFER, o);
	for (round = 0; round < text_symbols.nr_chunks; round++)
		kallsyms_index(w, index, round);
	while (work_more(w))
		kallsyms_round(w, index, nr_syms, round++);
	kallsyms_end(w, index, nr_syms);
	gc_drop(&w->m, obj_get(*index, INDEX_SYMS));
	gc_drop(&w->m, obj_get(*index, INDEX_BUFFER));
	gc_drop(&w->m, *index);
	gc_pop(&w->m, 1);
}

const struct workload GC_CODE(workload_kallsyms) = {
	.name = "kallsyms",
	.what = "all symbols of this kernel in search trees, by name and by address",
	.rounds = 12,
	.prepare = text_read_symbols,
	.run = kallsyms_run,
};
