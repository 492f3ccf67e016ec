# SPDX-License-Identifier: MIT
#
# The benchmarks, below $(B)/selftests: the top-level Makefile includes this. Each
# NAME_bench.c becomes a guest program, with the library and what is named here.
# $(BENCHES) lists them all.

BENCHES := $(patsubst selftests/bench/%.c,$(B)/selftests/%,\
	     $(sort $(wildcard selftests/bench/*_bench.c)))
BENCH_CFLAGS = -std=gnu11 -D_GNU_SOURCE $(CFLAGS) -Wall -Wextra -static -pthread \
	       -Iuserlib/include -Iuapi

bench-measured := $(addprefix $(B)/selftests/,reader_bench retire_bench grace_bench)

$(bench-measured): selftests/bench/measure.c selftests/bench/measure.h
$(B)/selftests/retire_bench: $(addprefix selftests/bench/,retire.h \
	retire_codecache.c retire_memfd.c profile.c profile.h)
# What it compares with is Debian's liburcu-dev.
$(B)/selftests/reader_bench: bench-libs := $(addprefix -lurcu-,qsbr memb mb bp common)

$(BENCHES): $(B)/selftests/%: selftests/bench/%.c $(B)/lib/libcodecache.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_CFLAGS) -o $@ $(filter %.c,$^) $(filter %.a,$^) $(bench-libs)

.PHONY: benches bench-protect bench-query bench-reclaim
benches: $(BENCHES)

bench-protect bench-query bench-reclaim: bench-%:
	$(Q)B=$(B) selftests/bench/$*.sh $(KERNEL)
