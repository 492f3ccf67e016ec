/* SPDX-License-Identifier: MIT */
/* Texts that workloads read: taken once, and kept to the end. */
#ifndef GC_TEXT_H
#define GC_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TEXT_CHUNK_BYTES	32768U
#define TEXT_MAX_DOCUMENTS	8U

/** struct text_chunk - a piece of the symbols, cut at line ends */
struct text_chunk {
	off_t at;
	size_t bytes;
	uint64_t first_line;
};

/** struct text_symbols - the text of /proc/kallsyms, in a file that has nothing else */
struct text_symbols {
	int fd;
	struct text_chunk *chunk;
	uint64_t nr_chunks;
	uint64_t nr_lines;
};

/** struct text_document - a file in memory */
struct text_document {
	const char *name;
	const char *text;
	size_t bytes;
};

struct text_documents {
	unsigned int nr;
	struct text_document of[TEXT_MAX_DOCUMENTS];
};

extern struct text_symbols text_symbols;
extern struct text_documents text_documents;
/** Where Debian's package iso-codes has its documents. */
extern const char *text_folder;

/** Read them, unless that was done; NULL, or why they cannot be had. */
const char *text_read_symbols(void);
const char *text_read_documents(void);

#endif /* GC_TEXT_H */
