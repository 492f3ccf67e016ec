# SPDX-License-Identifier: MIT
#
# The fuzzers, and the corpus of past failures that fuzz_model has in it: part of
# selftests.mk

FUZZ := $(B)/selftests/fuzz
FUZZ_SHARED := fuzz_ops fuzz_access
FUZZ_MODEL := fuzz_model fuzz_run fuzz_call \
	      $(patsubst selftests/fuzz/%.c,%,$(wildcard selftests/fuzz/model_*.c))
FUZZ_STORM := $(patsubst selftests/fuzz/%.c,%,$(wildcard selftests/fuzz/*storm*.c))
FUZZ_CORPUS := $(sort $(wildcard selftests/fuzz/corpus/*.txt))

$(FUZZ)/%.o: selftests/fuzz/%.c
	$(call selftests-say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SELFTESTS_CFLAGS) -c -o $@ $<

# With nothing in it but a comment, if there is no failure to be kept.
$(FUZZ)/corpus.all: $(FUZZ_CORPUS) selftests/fuzz/fuzz.mk
	@mkdir -p $(@D)
	$(Q)cat /dev/null $(FUZZ_CORPUS) >$@ && echo '# end of the corpus' >>$@

$(FUZZ)/fuzz_corpus.o: selftests/fuzz/fuzz_corpus.S $(FUZZ)/corpus.all
	$(call selftests-say,AS,$@)
	$(Q)$(CC) -DFUZZ_CORPUS='"$(FUZZ)/corpus.all"' -c -o $@ $<

$(B)/selftests/fuzz_model: $(FUZZ_MODEL:%=$(FUZZ)/%.o) \
		$(FUZZ_SHARED:%=$(FUZZ)/%.o) $(FUZZ)/fuzz_corpus.o \
		$(B)/selftests/obj/shared.a
	$(call selftests-say,LD,$@)
	$(call selftests-link)

$(B)/selftests/fuzz_storm: $(FUZZ_STORM:%=$(FUZZ)/%.o) \
		$(FUZZ_SHARED:%=$(FUZZ)/%.o) $(B)/selftests/obj/shared.a
	$(call selftests-say,LD,$@)
	$(call selftests-link)

-include $(wildcard $(FUZZ)/*.d)
