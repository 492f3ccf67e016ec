# SPDX-License-Identifier: MIT
#
# The documents: target doc-examples makes the programs that they show, linked
# statically for a guest, and docs-check checks documents against sources (TAP).
#
# Included by the top-level Makefile, which sets B, CC and Q. It also works beside
# userlib.mk alone:
#
#	make -f userlib/userlib.mk -f Documentation/docs.mk docs-check B=/tmp/build

DOC_EXAMPLES := $(patsubst Documentation/examples/%.c,$(B)/examples/%,\
		  $(sort $(wildcard Documentation/examples/*.c)))
DOC_CFLAGS = -std=c11 -Wall -Wextra -Iuapi -Iuserlib/include -pthread \
	     $(CPPFLAGS) $(CFLAGS)

.PHONY: doc-examples docs-check
doc-examples: $(DOC_EXAMPLES)

$(B)/examples/%: Documentation/examples/%.c $(B)/lib/libcodecache.a
	@mkdir -p $(@D)
	@$(if $(filter 1,$(V)),:,echo '  CCLD    $@')
	$(Q)$(CC) $(DOC_CFLAGS) $(LDFLAGS) -static -o $@ $^

docs-check: $(B)/lib/libcodecache.a
	$(Q)CC='$(CC)' Documentation/check-docs.sh $(B)/lib/libcodecache.a
