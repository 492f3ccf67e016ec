# SPDX-License-Identifier: MIT
#
# The demos: $(B)/demos/sqrt, gc, checkpoint and jit, linked statically so that they
# run in a guest that has nothing else.
#
# Included by the top-level Makefile, which sets B, CC, CFLAGS and Q, and whose
# target demo runs what $(DEMOS) names. It also works beside userlib.mk alone:
#
#	make -f userlib/userlib.mk -f userlib/demos/demos.mk demos B=/tmp/build

DEMOS_DIR := userlib/demos
DEMOS := $(B)/demos/sqrt $(B)/demos/gc $(B)/demos/checkpoint $(B)/demos/jit
DEMOS_CFLAGS = -std=c11 -Iuserlib/include -Iuapi -D_GNU_SOURCE -pthread \
	       -Wall -Wextra -Wshadow -Wstrict-prototypes $(CPPFLAGS) $(CFLAGS)

# Not beside the programs: gc is one, and a folder of objects; so are others.
DEMOS_SQRT_OBJS := $(B)/demos/obj/sqrt.o
DEMOS_GC_OBJS := $(patsubst $(DEMOS_DIR)/%.c,$(B)/demos/obj/%.o,\
		   $(sort $(wildcard $(DEMOS_DIR)/gc/*.c)))
# What gc compiles three times: for barriers in the page tables, and for two in the code.
DEMOS_GC_WORK := $(sort $(wildcard $(DEMOS_DIR)/gc/work_*.c)) \
		 $(DEMOS_DIR)/gc/treap.c $(DEMOS_DIR)/gc/json.c
DEMOS_GC_CODE_OBJS := $(foreach code,soft cards,\
			$(DEMOS_GC_WORK:$(DEMOS_DIR)/%.c=$(B)/demos/obj/%.$(code).o))
DEMOS_CHECKPOINT_OBJS := $(patsubst $(DEMOS_DIR)/%.c,$(B)/demos/obj/%.o,\
			   $(sort $(wildcard $(DEMOS_DIR)/checkpoint/*.c)))
DEMOS_JIT_OBJS := $(patsubst $(DEMOS_DIR)/%.c,$(B)/demos/obj/%.o,\
		    $(sort $(wildcard $(DEMOS_DIR)/jit/*.c)))

.PHONY: demos
demos: $(DEMOS)

$(B)/demos/obj/%.o: $(DEMOS_DIR)/%.c
	@mkdir -p $(@D)
	@$(if $(filter 1,$(V)),:,echo '  CC      $@')
	$(Q)$(CC) $(DEMOS_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/demos/obj/%.soft.o: $(DEMOS_DIR)/%.c
	@mkdir -p $(@D)
	@$(if $(filter 1,$(V)),:,echo '  CC      $@')
	$(Q)$(CC) $(DEMOS_CFLAGS) -DGC_SOFT -MMD -MP -c -o $@ $<

$(B)/demos/obj/%.cards.o: $(DEMOS_DIR)/%.c
	@mkdir -p $(@D)
	@$(if $(filter 1,$(V)),:,echo '  CC      $@')
	$(Q)$(CC) $(DEMOS_CFLAGS) -DGC_CARDS -MMD -MP -c -o $@ $<

$(B)/demos/sqrt: $(DEMOS_SQRT_OBJS)
$(B)/demos/gc: $(DEMOS_GC_OBJS) $(DEMOS_GC_CODE_OBJS)
$(B)/demos/checkpoint: $(DEMOS_CHECKPOINT_OBJS)
$(B)/demos/jit: $(DEMOS_JIT_OBJS)
$(DEMOS): $(B)/lib/libcodecache.a
	@$(if $(filter 1,$(V)),:,echo '  LD      $@')
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -static -pthread -o $@ $(filter %.o,$^) \
		$(B)/lib/libcodecache.a -lm

-include $(DEMOS_SQRT_OBJS:.o=.d) $(DEMOS_GC_OBJS:.o=.d) \
	 $(DEMOS_GC_CODE_OBJS:.o=.d) \
	 $(DEMOS_CHECKPOINT_OBJS:.o=.d) $(DEMOS_JIT_OBJS:.o=.d)
