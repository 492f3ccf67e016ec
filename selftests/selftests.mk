# SPDX-License-Identifier: MIT
#
# The tests: guest programs below $(B)/selftests (target selftests), and tests of
# the module's pure logic that run on the host (target unit-check)
#
# The top-level Makefile includes this. It also stands alone, from the top folder:
#
#	make -f selftests/selftests.mk selftests B=/tmp/build
#
# $(SELFTESTS) lists the guest programs. Each *_test.c becomes one; those in
# SELFTESTS_32 also become a 32-bit one, NAME32. How long they take and how many
# processors they want is in selftests/plan.conf.

ifndef LIB_MAP
include userlib/userlib.mk
endif

B ?= build
Q ?= $(if $(filter 1,$(V)),,@)
CFLAGS ?= -O2 -g

# All other *.c are shared: an archive, from which a program takes what it uses.
SELFTESTS_TESTS := $(filter-out cc_test,$(patsubst selftests/%.c,%,\
		     $(sort $(wildcard selftests/*_test.c))))
SELFTESTS_SHARED := $(filter-out $(SELFTESTS_TESTS),\
		      $(patsubst selftests/%.c,%,$(sort $(wildcard selftests/*.c))))
# What makes code, or counts on much address space, is not for 32 bit.
SELFTESTS_SHARED_32 := $(filter-out cc_torture cc_churn cc_bystand \
			reclaim_rounds,\
			$(SELFTESTS_SHARED))
SELFTESTS_NAMES := $(filter-out compat_test,$(SELFTESTS_TESTS))
# Also built for 32-bit processes, as uapi_test32 and so on; none where CC cannot.
SELFTESTS_32 := uapi_test uapi_fd_test uapi_fields_test uapi_protect_test \
		uapi_query_test uapi_reclaim_test trap_uapi_test

SELFTESTS := $(SELFTESTS_NAMES:%=$(B)/selftests/%) \
	     $(SELFTESTS_32:%=$(B)/selftests/%32) \
	     $(if $(SELFTESTS_32),$(B)/selftests/compat_test) \
	     $(B)/selftests/fuzz_model $(B)/selftests/fuzz_storm

# Where the kernel's test harness is; asked for once, when it is needed.
KSELFTEST ?= $(shell selftests/qemu/kselftest.sh)/tools/testing/selftests
selftests-harness = $(eval selftests-harness := $(KSELFTEST))$(selftests-harness)

SELFTESTS_WARN ?= -Wall -Wextra
SELFTESTS_CFLAGS = -std=gnu11 -D_GNU_SOURCE $(CFLAGS) $(SELFTESTS_WARN) -static -pthread \
		   -Iuapi -Iselftests -isystem $(selftests-harness) -MMD -MP

selftests-say = @$(if $(filter 1,$(V)),:,printf '  %-7s %s\n' $(1) $(2))

.PHONY: selftests unit-programs unit-check
selftests: $(SELFTESTS)

$(B)/selftests/obj/%.o: selftests/%.c
	$(call selftests-say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SELFTESTS_CFLAGS) -c -o $@ $<

$(B)/selftests/obj/%.32.o: selftests/%.c
	$(call selftests-say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SELFTESTS_CFLAGS) -m32 -c -o $@ $<

$(B)/selftests/obj/shared.a: $(SELFTESTS_SHARED:%=$(B)/selftests/obj/%.o)
$(B)/selftests/obj/shared32.a: $(SELFTESTS_SHARED_32:%=$(B)/selftests/obj/%.32.o)
$(B)/selftests/obj/shared.a $(B)/selftests/obj/shared32.a:
	$(call selftests-say,AR,$@)
	@rm -f $@
	$(Q)$(AR) rcsD $@ $^

selftests-link = $(Q)$(CC) $(SELFTESTS_CFLAGS) $(LDFLAGS) $(1) -o $@ $^

$(SELFTESTS_NAMES:%=$(B)/selftests/%): $(B)/selftests/%: \
		$(B)/selftests/obj/%.o $(B)/selftests/obj/shared.a
	$(call selftests-say,LD,$@)
	$(call selftests-link)

# The one that uses the library; the others make their calls themselves.
$(B)/selftests/obj/lib_test.o: SELFTESTS_CFLAGS += -Iuserlib/include
$(B)/selftests/lib_test: $(B)/lib/libcodecache.a

$(SELFTESTS_32:%=$(B)/selftests/%32): $(B)/selftests/%32: \
		$(B)/selftests/obj/%.32.o $(B)/selftests/obj/shared32.a
	$(call selftests-say,LD,$@)
	$(call selftests-link,-m32)

$(B)/selftests/compat_test: $(B)/selftests/obj/compat_test.32.o \
		$(B)/selftests/obj/shared32.a
	$(call selftests-say,LD,$@)
	$(call selftests-link,-m32)

# Pure logic of the module, compiled for user space behind a shim of the few
# kernel headers that it includes. The red-black trees are the kernel's own, as its
# tools have them; that folder comes last, so that the shim goes before its like.
unit-tools = $(selftests-harness)/../..
UNIT_FLAGS = -std=gnu11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Wno-sign-compare \
	     -fsanitize=address,undefined -fno-sanitize-recover=all \
	     -Iselftests/unit/include -Iuapi -Ikmod -Iselftests \
	     -isystem $(selftests-harness) -idirafter $(unit-tools)/include \
	     -idirafter $(unit-tools) -MMD -MP
UNIT_TESTS := range_test protmap_test extmap_test extfit_test

$(UNIT_TESTS:%=$(B)/selftests/unit/%): $(B)/selftests/unit/%_test: \
		selftests/unit/%_test.c kmod/%.c selftests/unit/shim.c
	$(call selftests-say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(UNIT_FLAGS) -o $@ $(filter %.c,$^)

# What else a test is made of.
$(B)/selftests/unit/extmap_test $(B)/selftests/unit/extfit_test: \
		kmod/extmap.c kmod/extfit.c selftests/unit/rbtree.c \
		selftests/unit/extmap_model.c

# The compiler of the demo jit; it needs no more of the library than headers.
UNIT_JIT_TESTS := jit_parse_test jit_code_test jit_arm64_test
UNIT_JIT_SRCS := $(addprefix userlib/demos/jit/,ast.c backend_arm64.c backend_bytecode.c \
		   backend_x86_64.c die.c emit.c parse.c rules.c)

$(UNIT_JIT_TESTS:%=$(B)/selftests/unit/%): $(B)/selftests/unit/%: \
		selftests/unit/%.c $(UNIT_JIT_SRCS)
	$(call selftests-say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(UNIT_FLAGS) -Iuserlib/demos/jit -o $@ $(filter %.c,$^)

unit-programs: $(UNIT_TESTS:%=$(B)/selftests/unit/%) \
	       $(UNIT_JIT_TESTS:%=$(B)/selftests/unit/%)

unit-check: unit-programs
	$(Q)for test in $(UNIT_TESTS) $(UNIT_JIT_TESTS); do \
		$(B)/selftests/unit/$$test || exit; \
	done

include selftests/fuzz/fuzz.mk

-include $(wildcard $(B)/selftests/obj/*.d $(B)/selftests/unit/*.d)
