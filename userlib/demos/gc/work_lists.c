// SPDX-License-Identifier: MIT
/*
 * Workload lists: the circular lists of the lecture
 *
 * A table of circular lists, each of elements that are numbered around the
 * circle. Over and over a list is replaced by a new one, and another is walked
 * once around, which must lead back to its start through every number, and turned
 * a little. The table itself is an object of several pages.
 */
#include "work.h"

#define LISTS		1024U
#define MIN_LENGTH	8U
#define MAX_LENGTH	200U
#define STEPS		64	/* a round */

enum { ELEM_NEXT, ELEM_NR_PTRS };			/* references */
enum { ELEM_INDEX, ELEM_LENGTH, ELEM_KEY, ELEM_NR_DATA };	/* data */

static struct obj *lists_element(struct work *w, uint64_t index, uint64_t length, uint64_t key)
{
	struct obj *o = gc_alloc(&w->m, ELEM_NR_PTRS, ELEM_NR_DATA);

	work_tick(w);
	obj_data(o)[ELEM_INDEX] = index;
	obj_data(o)[ELEM_LENGTH] = length;
	obj_data(o)[ELEM_KEY] = key;
	return o;
}

static struct obj *lists_make(struct work *w)
{
	uint64_t length = MIN_LENGTH + work_random(w, MAX_LENGTH - MIN_LENGTH);
	uint64_t key = work_random(w, UINT64_MAX), i;
	struct obj **head, **last, *o;

	o = lists_element(w, 0, length, key);
	head = gc_push(&w->m, o);
	last = gc_push(&w->m, o);
	for (i = 1; i < length; i++) {
		o = lists_element(w, i, length, key);
		obj_set(*last, ELEM_NEXT, o);
		*last = o;
	}
	obj_set(*last, ELEM_NEXT, *head);
	o = *head;
	gc_pop(&w->m, 2);
	return o;
}

/* Without a collector: free a list. */
static void lists_drop(struct work *w, struct obj *head)
{
	struct obj *o, *next;

	if (w->m.gc || !head)
		return;
	for (o = obj_get(head, ELEM_NEXT); o != head; o = next) {
		next = obj_get(o, ELEM_NEXT);
		gc_drop(&w->m, o);
	}
	gc_drop(&w->m, head);
}

static void lists_check(struct work *w, struct obj *head)
{
	uint64_t length = obj_data(head)[ELEM_LENGTH], key = obj_data(head)[ELEM_KEY];
	uint64_t index = obj_data(head)[ELEM_INDEX], i;
	struct obj *o = head;

	for (i = 0; i < length; i++) {
		work_tick(w);
		if (obj_data(o)[ELEM_INDEX] != index || obj_data(o)[ELEM_KEY] != key) {
			work_fail(w, "an element of a list is not what it was");
			return;
		}
		index = index + 1 == length ? 0 : index + 1;
		o = obj_get(o, ELEM_NEXT);
	}
	work_check(w, o == head, "a circular list does not lead back to its start");
	work_sum(w, key + length + index);
}

static void lists_step(struct work *w, struct obj **table)
{
	unsigned int slot = (unsigned int)work_random(w, LISTS), turn;
	struct obj *o = lists_make(w);

	lists_drop(w, obj_get(*table, slot));
	obj_set(*table, slot, o);
	slot = (unsigned int)work_random(w, LISTS);
	o = obj_get(*table, slot);
	if (!o)
		return;
	lists_check(w, o);
	for (turn = (unsigned int)work_random(w, 8); turn; turn--)
		o = obj_get(o, ELEM_NEXT);
	obj_set(*table, slot, o);
}

static void lists_run(struct work *w)
{
	struct obj **table = gc_push(&w->m, gc_alloc(&w->m, LISTS, 0));
	unsigned int i;

	while (work_more(w))
		for (i = 0; i < STEPS; i++)
			lists_step(w, table);
	for (i = 0; i < LISTS; i++) {
		gc_poll(&w->m);
		if (!obj_get(*table, i))
			continue;
		lists_check(w, obj_get(*table, i));
		lists_drop(w, obj_get(*table, i));
	}
	gc_drop(&w->m, *table);
	gc_pop(&w->m, 1);
}

const struct workload GC_CODE(workload_lists) = {
	.name = "lists",
	.what = "circular lists, replaced and walked around",
	.rounds = 120,
	.run = lists_run,
};
