// SPDX-License-Identifier: MIT
/* Texts that workloads read: taken once, and kept to the end. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "text.h"

struct text_symbols text_symbols = { .fd = -1 };
struct text_documents text_documents;
const char *text_folder = "/usr/share/iso-codes/json";

/* ---- symbols --------------------------------------------------------------- */

static const char *text_copy(char *buffer)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	size_t n;

	if (!f)
		return "/proc/kallsyms cannot be read";
	while ((n = fread(buffer, 1, TEXT_CHUNK_BYTES, f)) > 0) {
		if (write(text_symbols.fd, buffer, n) != (ssize_t)n) {
			fclose(f);
			return "no memory for the symbols";
		}
	}
	fclose(f);
	return NULL;
}

static const char *text_cut(char *buffer)
{
	struct text_symbols *t = &text_symbols;
	off_t at = 0;
	ssize_t n, i, end;
	struct text_chunk *more;

	while ((n = pread(t->fd, buffer, TEXT_CHUNK_BYTES, at)) > 0) {
		more = realloc(t->chunk, (t->nr_chunks + 1) * sizeof(*more));
		if (!more)
			return "no memory for the symbols";
		t->chunk = more;
		more += t->nr_chunks++;
		more->at = at;
		more->first_line = t->nr_lines;
		for (i = 0, end = 0; i < n; i++) {
			if (buffer[i] != '\n')
				continue;
			end = i + 1;
			t->nr_lines++;
		}
		if (!end)
			return "/proc/kallsyms is not what it is expected to be";
		more->bytes = (size_t)end;
		at += end;
	}
	return t->nr_lines ? NULL : "/proc/kallsyms is empty";
}

const char *text_read_symbols(void)
{
	char *buffer;
	const char *reason = "no memory for the symbols";

	if (text_symbols.fd >= 0)
		return NULL;
	buffer = malloc(TEXT_CHUNK_BYTES);
	text_symbols.fd = memfd_create("kallsyms", MFD_CLOEXEC);
	if (buffer && text_symbols.fd >= 0) {
		reason = text_copy(buffer);
		if (!reason)
			reason = text_cut(buffer);
	}
	free(buffer);
	return reason;
}

/* ---- documents ------------------------------------------------------------- */

/* Languages alone (iso_639-3) would be as much as all others: left out. */
static const char *const names[] = {
	"iso_15924", "iso_3166-1", "iso_3166-2", "iso_3166-3", "iso_4217", "iso_639-2",
	"iso_639-5",
};

_Static_assert(sizeof(names) / sizeof(names[0]) <= TEXT_MAX_DOCUMENTS, "too many documents");

static const char *text_document(struct text_document *doc)
{
	char path[256];
	FILE *f;
	long bytes;
	char *text;

	snprintf(path, sizeof(path), "%s/%s.json", text_folder, doc->name);
	f = fopen(path, "re");
	if (!f)
		return "the documents of the package iso-codes are not there";
	fseek(f, 0, SEEK_END);
	bytes = ftell(f);
	rewind(f);
	text = malloc((size_t)bytes + 1);
	if (!text || fread(text, 1, (size_t)bytes, f) != (size_t)bytes) {
		fclose(f);
		free(text);
		return "a document cannot be read";
	}
	fclose(f);
	text[bytes] = 0;
	doc->text = text;
	doc->bytes = (size_t)bytes;
	return NULL;
}

const char *text_read_documents(void)
{
	struct text_documents *t = &text_documents;
	const char *reason;

	while (t->nr < sizeof(names) / sizeof(names[0])) {
		t->of[t->nr].name = names[t->nr];
		reason = text_document(&t->of[t->nr]);
		if (reason)
			return reason;
		t->nr++;
	}
	return NULL;
}
