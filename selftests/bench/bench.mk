# SPDX-License-Identifier: MIT
#
# The benchmarks, below $(B)/selftests: the top-level Makefile includes this. Each
# NAME_bench.c becomes a guest program, with the library and what is named here.
# $(BENCHES) lists them all.

BENCHES := $(patsubst selftests/bench/%.c,$(B)/selftests/%,\
	     $(sort $(wildcard selftests/bench/*_bench.c)))
BENCH_CFLAGS = -std=gnu11 -D_GNU_SOURCE $(CFLAGS) -Wall -Wextra -static -pthread \
	       -Iuserlib/include -Iuapi

# $(call bench-with,PROGRAMS,PARTS): what programs are made of beside their own file
bench-with = $(eval $(patsubst %,$(B)/selftests/%_bench,$(1)): \
	       $(foreach p,$(2),selftests/bench/$(p).c selftests/bench/$(p).h))

$(call bench-with,protect reader retire grace pattern trap dirty publish create \
	growth shootdown profile,measure)
$(call bench-with,pattern trap dirty shootdown,peers)
$(call bench-with,pattern,memory)
$(call bench-with,protect retire shootdown trap,smp)
$(call bench-with,retire profile,profile)
$(B)/selftests/retire_bench: $(addprefix selftests/bench/,retire.h \
	retire_codecache.c retire_memfd.c)
# What it compares with is Debian's liburcu-dev.
$(B)/selftests/reader_bench: bench-libs := $(addprefix -lurcu-,qsbr memb mb bp common)

$(B)/selftests/rivals_bench: selftests/bench/peers.h

$(BENCHES): $(B)/selftests/%: selftests/bench/%.c $(B)/lib/libcodecache.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_CFLAGS) -o $@ $(sort $(filter %.c,$^)) $(filter %.a,$^) $(bench-libs)

.PHONY: benches bench bench-gate bench-growth bench-profile
.PHONY: bench-protect bench-query bench-reclaim gc-report
benches: $(BENCHES)

bench:
	$(Q)B=$(B) selftests/bench/bench.sh $(KERNEL)

# Is a row that gates worse than what is committed?
bench-gate:
	$(Q)B=$(B) selftests/bench/bench.sh --gate $(KERNEL)
	$(Q)selftests/bench/compare.sh selftests/bench/baseline-$(KERNEL).tsv \
		$(B)/bench/gate-$(KERNEL).tsv

bench-growth:
	$(Q)B=$(B) selftests/bench/growth.sh $(KERNEL)

bench-profile:
	$(Q)B=$(B) selftests/bench/profile.sh $(KERNEL) $(ROWS)

bench-protect bench-query bench-reclaim: bench-%:
	$(Q)B=$(B) selftests/bench/$*.sh $(KERNEL)

# Of a demo: with pictures, which take gnuplot.
gc-report:
	$(Q)B=$(B) selftests/bench/gc.sh $(KERNEL)
