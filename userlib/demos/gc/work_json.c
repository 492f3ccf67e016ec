// SPDX-License-Identifier: MIT
/*
 * Workload json: the documents of Debian's package iso-codes
 *
 * Countries, their subdivisions, currencies, scripts and languages, 620 KiB of JSON as
 * iso-codes ships it, in /usr/share/iso-codes/json. Each mutator keeps them parsed. A
 * round parses one of them anew into the heap, in place of what was there; prints
 * another, which must be the file to the byte; sorts a table of its entries, by the
 * first string in each, into a new vector; and looks entries up in it.
 */
#include <string.h>

#include "json.h"
#include "text.h"

#define LOOKUPS		32U
#define LARGE_BYTES	100000U	/* a document that comes in one round of eight only */

/* All that a mutator keeps. */
enum { OWN_DOCUMENTS, OWN_KEYS, OWN_NR_PTRS };

static const struct text_document *json_pick(struct work *w, unsigned int *which)
{
	const struct text_documents *all = &text_documents;

	do
		*which = (unsigned int)work_random(w, all->nr);
	while (all->of[*which].bytes > LARGE_BYTES && work_random(w, 8));
	return &all->of[*which];
}

/* Parse a document and put it in its place. */
static void json_load(struct work *w, struct obj **own, unsigned int which)
{
	const struct text_document *doc = &text_documents.of[which];
	struct obj **keys = gc_push(&w->m, obj_get(*own, OWN_KEYS)), *new, *documents;

	new = json_parse(w, keys, doc->text, doc->bytes);
	work_check(w, new, "a document cannot be parsed");
	documents = obj_get(*own, OWN_DOCUMENTS);
	json_drop(w, obj_get(documents, which));
	obj_set(documents, which, new);
	gc_pop(&w->m, 1);
}

static void json_print(struct work *w, struct obj **own)
{
	const struct text_document *doc;
	struct obj **value;
	unsigned int which;

	doc = json_pick(w, &which);
	value = gc_push(&w->m, obj_get(obj_get(*own, OWN_DOCUMENTS), which));
	work_check(w, *value && json_compare(w, value, doc->text, doc->bytes),
		   "a document is not printed as it was parsed");
	gc_pop(&w->m, 1);
}

/* The first string in an entry: its value, or NULL. Not a safepoint. */
static struct obj *json_first(struct obj *entry)
{
	struct obj *member = obj_get(entry, OBJECT_FIRST);

	return member ? obj_get(member, MEMBER_VALUE) : NULL;
}

static int json_order(struct obj *a, struct obj *b)
{
	struct obj *x = json_first(a), *y = json_first(b);
	uint64_t nx = json_word(x, JSON_COUNT), ny = json_word(y, JSON_COUNT);
	int r = memcmp(json_text(x), json_text(y), nx < ny ? nx : ny);

	return r ? r : (nx > ny) - (nx < ny);
}

/* Heap sort: let the entry at @i sink. Not a safepoint. */
static void json_sink(struct obj *vector, unsigned int i, unsigned int nr)
{
	struct obj *entry = obj_get(vector, i), *child;
	unsigned int next;

	for (; (next = 2 * i + 1) < nr; i = next) {
		if (next + 1 < nr &&
		    json_order(obj_get(vector, next), obj_get(vector, next + 1)) < 0)
			next++;
		child = obj_get(vector, next);
		if (json_order(entry, child) >= 0)
			break;
		obj_set(vector, i, child);
	}
	obj_set(vector, i, entry);
}

static void json_sort(struct work *w, struct obj **vector, unsigned int nr)
{
	struct obj *last;
	unsigned int i;

	for (i = nr / 2; i-- > 0; gc_poll(&w->m))
		json_sink(*vector, i, nr);
	for (i = nr; i-- > 1; gc_poll(&w->m)) {
		work_tick(w);
		last = obj_get(*vector, i);
		obj_set(*vector, i, obj_get(*vector, 0));
		obj_set(*vector, 0, last);
		json_sink(*vector, 0, i);
	}
}

static void json_check_order(struct work *w, struct obj *vector, unsigned int nr)
{
	unsigned int i, at;
	struct obj *first;

	for (i = 0; i < LOOKUPS; i++) {
		at = 1 + (unsigned int)work_random(w, nr - 1);
		work_check(w, json_order(obj_get(vector, at - 1), obj_get(vector, at)) <= 0,
			   "a sorted table is not sorted");
		first = json_first(obj_get(vector, at));
		work_sum(w, json_word(first, JSON_COUNT) + (unsigned char)*json_text(first));
	}
}

/* The entries of a document are the array that is its first member. */
static struct obj *json_table(struct obj *own, unsigned int which)
{
	return json_first(obj_get(obj_get(own, OWN_DOCUMENTS), which));
}

static void json_tables(struct work *w, struct obj **own)
{
	struct obj **sorted, *table;
	unsigned int which, nr, i;

	json_pick(w, &which);
	nr = (unsigned int)json_word(json_table(*own, which), JSON_COUNT);
	sorted = gc_push(&w->m, gc_alloc(&w->m, nr, 0));
	table = obj_get(json_table(*own, which), ARRAY_VECTOR);
	for (i = 0; i < nr; i++)
		obj_set(*sorted, i, obj_get(table, i));
	json_sort(w, sorted, nr);
	json_check_order(w, *sorted, nr);
	gc_drop(&w->m, *sorted);
	gc_pop(&w->m, 1);
}

static void json_end(struct work *w, struct obj *own)
{
	struct obj *documents = obj_get(own, OWN_DOCUMENTS), *keys = obj_get(own, OWN_KEYS);
	unsigned int i;

	for (i = 0; i < text_documents.nr; i++)
		json_drop(w, obj_get(documents, i));
	for (i = 0; i < JSON_KEYS && obj_get(keys, i); i++)
		gc_drop(&w->m, obj_get(keys, i));
	gc_drop(&w->m, documents);
	gc_drop(&w->m, keys);
	gc_drop(&w->m, own);
}

static void json_run(struct work *w)
{
	struct obj **own = gc_push(&w->m, gc_alloc(&w->m, OWN_NR_PTRS, 0)), *o;
	unsigned int which;

	o = gc_alloc(&w->m, text_documents.nr, 0);
	obj_set(*own, OWN_DOCUMENTS, o);
	o = gc_alloc(&w->m, JSON_KEYS, 0);
	obj_set(*own, OWN_KEYS, o);
	for (which = 0; which < text_documents.nr; which++)
		json_load(w, own, which);
	while (work_more(w)) {
		json_pick(w, &which);
		json_load(w, own, which);
		json_print(w, own);
		json_tables(w, own);
	}
	json_end(w, *own);
	gc_pop(&w->m, 1);
}

const struct workload GC_CODE(workload_json) = {
	.name = "json",
	.what = "the documents of the package iso-codes, parsed, printed and sorted",
	.rounds = 150,
	.prepare = text_read_documents,
	.run = json_run,
};
