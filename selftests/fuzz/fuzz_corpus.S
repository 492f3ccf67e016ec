/* SPDX-License-Identifier: MIT */
/* The corpus, as one file, in the program. */
	.section .rodata
	.globl	fuzz_corpus, fuzz_corpus_end
fuzz_corpus:
	.incbin	FUZZ_CORPUS
fuzz_corpus_end:
	.section .note.GNU-stack, "", %progbits
