/* SPDX-License-Identifier: MIT */
/*
 * JSON in the heap: documents parsed into objects, and compared with their text
 *
 * A string (or a number, true, false, null as they are written) is an object without
 * references; an array refers to a vector, which is replaced by a larger one as it
 * grows; an object refers to a list of members in the order of the text.
 */
#ifndef GC_JSON_H
#define GC_JSON_H

#include "work.h"

enum json_type { JSON_STRING = 1, JSON_LITERAL, JSON_ARRAY, JSON_OBJECT };

/* Data of every value: its type, then the bytes of a text or the number of parts. */
enum { JSON_TYPE, JSON_COUNT, JSON_TEXT };
/* References of an array, an object, a member. */
enum { ARRAY_VECTOR, ARRAY_NR_PTRS };
enum { OBJECT_FIRST, OBJECT_NR_PTRS };
enum { MEMBER_KEY, MEMBER_VALUE, MEMBER_NEXT, MEMBER_NR_PTRS };

/* Some keys, in an object of so many references, that are not made twice. */
#define JSON_KEYS	32U

#define json_parse	GC_CODE(json_parse)
#define json_compare	GC_CODE(json_compare)
#define json_drop	GC_CODE(json_drop)

static inline uint64_t json_word(struct obj *value, unsigned int i)
{
	return obj_data(value)[i];
}

static inline const char *json_text(struct obj *value)
{
	return (const char *)&obj_data(value)[JSON_TEXT];
}

/** Parse a whole text; NULL if it is not JSON. @keys is a root. Safepoint. */
struct obj *json_parse(struct work *w, struct obj **keys, const char *text, size_t bytes);
/** Is @text, to the byte, what the value is when printed? @value is a root. Safepoint. */
bool json_compare(struct work *w, struct obj **value, const char *text, size_t bytes);
/** Without a collector: free all but keys. */
void json_drop(struct work *w, struct obj *value);

#endif /* GC_JSON_H */
