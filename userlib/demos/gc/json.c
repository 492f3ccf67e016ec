// SPDX-License-Identifier: MIT
/*
 * JSON in the heap: documents parsed into objects, and compared with their text
 *
 * The text lies outside the heap, so pointers into it stay good at safepoints.
 * Escapes in strings are kept as they are written.
 */
#include <string.h>

#include "json.h"

#define MAX_DEPTH	32U

/* ---- parsing --------------------------------------------------------------- */

struct parser {
	struct work *w;
	struct obj **keys;
	const char *at;
	const char *end;
	unsigned int depth;
};

static struct obj *parse_value(struct parser *p);

static char parse_peek(struct parser *p)
{
	while (p->at < p->end && strchr(" \t\r\n", *p->at))
		p->at++;
	return p->at < p->end ? *p->at : 0;
}

static bool parse_char(struct parser *p, char c)
{
	if (parse_peek(p) != c)
		return false;
	p->at++;
	return true;
}

static struct obj *parse_make(struct parser *p, const char *text, size_t bytes,
			      enum json_type type)
{
	struct obj *o = gc_alloc(&p->w->m, 0, JSON_TEXT + (bytes + 7) / 8);

	work_tick(p->w);
	obj_data(o)[JSON_TYPE] = type;
	obj_data(o)[JSON_COUNT] = bytes;
	memcpy(&obj_data(o)[JSON_TEXT], text, bytes);
	return o;
}

/* The text between quotes; NULL if there is none. */
static const char *parse_quoted(struct parser *p, size_t *bytes)
{
	const char *start;

	if (!parse_char(p, '"'))
		return NULL;
	for (start = p->at; p->at < p->end && *p->at != '"'; p->at++)
		if (*p->at == '\\')
			p->at++;
	if (p->at >= p->end)
		return NULL;
	*bytes = (size_t)(p->at++ - start);
	return start;
}

static struct obj *parse_literal(struct parser *p)
{
	const char *start = p->at;

	while (p->at < p->end && strchr("+-.0123456789Eaeflnrstu", *p->at))
		p->at++;
	return p->at == start ? NULL : parse_make(p, start, (size_t)(p->at - start), JSON_LITERAL);
}

static struct obj *parse_key(struct parser *p)
{
	struct obj *key;
	const char *text;
	size_t bytes;
	unsigned int i;

	text = parse_quoted(p, &bytes);
	if (!text || !parse_char(p, ':'))
		return NULL;
	for (i = 0; i < JSON_KEYS && (key = obj_get(*p->keys, i)); i++)
		if (json_word(key, JSON_COUNT) == bytes && !memcmp(json_text(key), text, bytes))
			return key;
	key = parse_make(p, text, bytes, JSON_STRING);
	if (i < JSON_KEYS)
		obj_set(*p->keys, i, key);
	return key;
}

/* One member, appended to @object; *@last is the one before. Both are roots. */
static bool parse_member(struct parser *p, struct obj **object, struct obj **last)
{
	struct mutator *m = &p->w->m;
	struct obj **key = gc_push(m, parse_key(p)), **value, *member;

	if (!*key)
		return false;
	value = gc_push(m, parse_value(p));
	if (!*value)
		return false;
	member = gc_alloc(m, MEMBER_NR_PTRS, 0);
	obj_set(member, MEMBER_KEY, *key);
	obj_set(member, MEMBER_VALUE, *value);
	if (*last)
		obj_set(*last, MEMBER_NEXT, member);
	else
		obj_set(*object, OBJECT_FIRST, member);
	*last = member;
	obj_data(*object)[JSON_COUNT]++;
	gc_pop(m, 2);
	return true;
}

static struct obj *parse_object(struct parser *p)
{
	struct mutator *m = &p->w->m;
	struct obj **object = gc_push(m, gc_alloc(m, OBJECT_NR_PTRS, JSON_TEXT)), *o;
	struct obj **last = gc_push(m, NULL);

	obj_data(*object)[JSON_TYPE] = JSON_OBJECT;
	if (!parse_char(p, '}')) {
		do {
			if (!parse_member(p, object, last))
				return NULL;
		} while (parse_char(p, ','));
		if (!parse_char(p, '}'))
			return NULL;
	}
	o = *object;
	gc_pop(m, 2);
	return o;
}

/* Append to an array: into a vector of twice the size if this one is full. */
static void parse_append(struct parser *p, struct obj **array, struct obj **value)
{
	uint64_t nr = json_word(*array, JSON_COUNT), i;
	struct obj *old = obj_get(*array, ARRAY_VECTOR), *more;

	if (!old || nr == obj_nr_ptrs(old->header)) {
		more = gc_alloc(&p->w->m, nr ? 2 * (uint32_t)nr : 4, 0);
		old = obj_get(*array, ARRAY_VECTOR);	/* it may have moved */
		for (i = 0; i < nr; i++)
			obj_set(more, (unsigned int)i, obj_get(old, (unsigned int)i));
		obj_set(*array, ARRAY_VECTOR, more);
		if (old)
			gc_drop(&p->w->m, old);
	}
	obj_set(obj_get(*array, ARRAY_VECTOR), (unsigned int)nr, *value);
	obj_data(*array)[JSON_COUNT] = nr + 1;
}

static struct obj *parse_array(struct parser *p)
{
	struct mutator *m = &p->w->m;
	struct obj **array = gc_push(m, gc_alloc(m, ARRAY_NR_PTRS, JSON_TEXT)), **value, *o;

	obj_data(*array)[JSON_TYPE] = JSON_ARRAY;
	if (!parse_char(p, ']')) {
		do {
			value = gc_push(m, parse_value(p));
			if (!*value)
				return NULL;
			parse_append(p, array, value);
			gc_pop(m, 1);
		} while (parse_char(p, ','));
		if (!parse_char(p, ']'))
			return NULL;
	}
	o = *array;
	gc_pop(m, 1);
	return o;
}

static struct obj *parse_value(struct parser *p)
{
	struct obj *o = NULL;
	const char *text;
	size_t bytes;

	if (p->depth == MAX_DEPTH)
		return NULL;
	p->depth++;
	switch (parse_peek(p)) {
	case '{':
		p->at++;
		o = parse_object(p);
		break;
	case '[':
		p->at++;
		o = parse_array(p);
		break;
	case '"':
		text = parse_quoted(p, &bytes);
		if (text)
			o = parse_make(p, text, bytes, JSON_STRING);
		break;
	default:
		o = parse_literal(p);
	}
	p->depth--;
	return o;
}

struct obj *json_parse(struct work *w, struct obj **keys, const char *text, size_t bytes)
{
	struct parser p = { w, keys, text, text + bytes, 0 };
	unsigned int roots = w->m.nr_roots;
	struct obj *o = parse_value(&p);

	w->m.nr_roots = roots;	/* what a failure has left */
	return o && !parse_peek(&p) ? o : NULL;
}

/* ---- printing -------------------------------------------------------------- */

/* What is printed is compared with the text at once. */
struct printer {
	struct work *w;
	const char *at;
	const char *end;
	unsigned int depth;
};

static bool print_bytes(struct printer *p, const char *bytes, size_t nr)
{
	if ((size_t)(p->end - p->at) < nr || memcmp(p->at, bytes, nr))
		return false;
	p->at += nr;
	return true;
}

static bool print_line(struct printer *p)
{
	static const char blanks[] = "\n                                                  ";

	return print_bytes(p, blanks, 1 + 2 * p->depth);
}

/* A string, a key or a literal, with what stands around it. */
static bool print_text(struct printer *p, struct obj *value, const char *quote, const char *after)
{
	work_tick(p->w);
	return print_bytes(p, quote, strlen(quote)) &&
	       print_bytes(p, json_text(value), json_word(value, JSON_COUNT)) &&
	       print_bytes(p, after, strlen(after));
}

static bool print_value(struct printer *p, struct obj **value);

static bool print_members(struct printer *p, struct obj **object)
{
	struct mutator *m = &p->w->m;
	struct obj **member = gc_push(m, obj_get(*object, OBJECT_FIRST)), **value;
	bool same = true;

	while (same && *member) {
		same = print_line(p) &&
		       print_text(p, obj_get(*member, MEMBER_KEY), "\"", "\": ");
		value = gc_push(m, obj_get(*member, MEMBER_VALUE));
		same = same && print_value(p, value);
		gc_pop(m, 1);
		*member = obj_get(*member, MEMBER_NEXT);
		same = same && (!*member || print_bytes(p, ",", 1));
	}
	gc_pop(m, 1);
	return same;
}

static bool print_elements(struct printer *p, struct obj **array)
{
	uint64_t nr = json_word(*array, JSON_COUNT), i;
	struct mutator *m = &p->w->m;
	struct obj **value;
	bool same = true;

	for (i = 0; i < nr && same; i++) {
		value = gc_push(m, obj_get(obj_get(*array, ARRAY_VECTOR), (unsigned int)i));
		same = print_line(p) && print_value(p, value) &&
		       (i + 1 == nr || print_bytes(p, ",", 1));
		gc_pop(m, 1);
	}
	return same;
}

/* An array or an object; an empty one is on one line. */
static bool print_parts(struct printer *p, struct obj **value)
{
	bool array = json_word(*value, JSON_TYPE) == JSON_ARRAY, some;
	bool same = print_bytes(p, array ? "[" : "{", 1);

	some = json_word(*value, JSON_COUNT) > 0;
	p->depth++;
	same = same && (array ? print_elements(p, value) : print_members(p, value));
	p->depth--;
	return same && (!some || print_line(p)) && print_bytes(p, array ? "]" : "}", 1);
}

static bool print_value(struct printer *p, struct obj **value)
{
	gc_poll(&p->w->m);
	switch (json_word(*value, JSON_TYPE)) {
	case JSON_STRING:
		return print_text(p, *value, "\"", "\"");
	case JSON_LITERAL:
		return print_text(p, *value, "", "");
	case JSON_ARRAY:
	case JSON_OBJECT:
		return print_parts(p, value);
	default:
		return false;
	}
}

bool json_compare(struct work *w, struct obj **value, const char *text, size_t bytes)
{
	struct printer p = { w, text, text + bytes, 0 };
	unsigned int roots = w->m.nr_roots;
	bool same = print_value(&p, value);

	w->m.nr_roots = roots;
	while (p.at < p.end && *p.at == '\n')
		p.at++;
	return same && p.at == p.end;
}

/* ---- freeing --------------------------------------------------------------- */

void json_drop(struct work *w, struct obj *value)
{
	struct obj *part, *next;
	uint64_t i;

	if (w->m.gc || !value)
		return;
	if (json_word(value, JSON_TYPE) == JSON_ARRAY && (part = obj_get(value, ARRAY_VECTOR))) {
		for (i = 0; i < json_word(value, JSON_COUNT); i++)
			json_drop(w, obj_get(part, (unsigned int)i));
		gc_drop(&w->m, part);
	}
	if (json_word(value, JSON_TYPE) == JSON_OBJECT) {
		for (part = obj_get(value, OBJECT_FIRST); part; part = next) {
			next = obj_get(part, MEMBER_NEXT);
			json_drop(w, obj_get(part, MEMBER_VALUE));
			gc_drop(&w->m, part);
		}
	}
	gc_drop(&w->m, value);
}
