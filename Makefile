# SPDX-License-Identifier: MIT
#
# codecache: what a developer types. The module itself is built by the kernel's
# build system from Kbuild; this file stages its sources below build/, so that
# no product lands in the source tree.

B ?= build
KDIR ?= /lib/modules/$(shell uname -r)/build
Q := $(if $(filter 1,$(V)),,@)
KERNELS ?= 6.12 6.1 7 6.12-arm64 6.12-rt debug
KERNEL ?= 6.12
# As the kernel's build system is told: make check KERNEL=6.12 ARCH=arm64
lab-kernel = $(KERNEL)$(if $(filter command,$(origin ARCH)),$(ARCH:%=-%))

.DEFAULT_GOAL := all
.PHONY: all help modules modules_install install uninstall clean sparse fuzz \
	checkpatch lint model demo check deps

all: lib

include userlib/userlib.mk
include userlib/demos/demos.mk
include selftests/selftests.mk
include selftests/bench/bench.mk
include Documentation/docs.mk

help:
	@echo 'To try it (each installs what it needs, and runs in emulated guests):'
	@echo '  demo            - boot a kernel, load the module, run the demos'
	@echo '  check           - all tests and checks; ends with their count'
	@echo ''
	@echo 'To build it:'
	@echo '  all, lib        - the library, static and shared, in build/lib'
	@echo '  modules         - the module for KDIR, in build/kmod'
	@echo '  modules-NAME    - the module for a kernel of the lab: $(KERNELS)'
	@echo '  demos selftests - programs, in build/demos and build/selftests'
	@echo '  install         - library, headers, manual (PREFIX, DESTDIR)'
	@echo '  modules_install - the module for KDIR (INSTALL_MOD_PATH)'
	@echo '  uninstall clean'
	@echo ''
	@echo 'To check it:'
	@echo '  unit-check      - pure logic of the module, in user space'
	@echo '  lib-check       - the library, without a module'
	@echo '  docs-check      - examples and references of the documents'
	@echo '  model           - the protocol of grace periods, by spin'
	@echo '  check-guest     - the guest suite alone, on KERNEL'
	@echo '  torture         - a million retired extents under readers, on KERNEL'
	@echo '  check-debug     - the guest suite on a kernel that checks everything'
	@echo '  coverage        - which lines of the module the suite runs, there'
	@echo '  debug-kernel    - compile that kernel, once'
	@echo '  lint            - all static checks'
	@echo '  fuzz            - the fuzzers, for TIME seconds, on KERNEL'
	@echo '  sparse          - sparse and W=1 on the module, for 6.1 and 6.12'
	@echo '  checkpatch      - the kernel'\''s style check, --strict'
	@echo '  bench           - every benchmark, on KERNEL'
	@echo '  bench-gate      - codecache'\''s rows; fails if one is 3 % worse than before'
	@echo '  bench-growth    - what grows with what, up to a million pages; and plots'
	@echo '  bench-profile   - in which functions instructions are (ROWS="query ...")'
	@echo '  bench-protect   - what PROTECT costs, on KERNEL'
	@echo '  bench-query     - what QUERY and traps cost, on KERNEL'
	@echo '  bench-reclaim   - what readers, RETIRE and grace periods cost, on KERNEL'
	@echo '  gc-torture      - torture of the demo gc, for TIME seconds, on KERNEL'
	@echo '  gc-report       - the demo gc behind each barrier: tables and pictures'
	@echo ''
	@echo 'Variables: KDIR=$(KDIR)'
	@echo '  KERNEL=6.12 (6.1, 6.12, 6.12-rt, 7, debug), ARCH=arm64 (with 6.1, 6.12),'
	@echo '  KERNELS="$(KERNELS)" (of check, without'
	@echo '  KERNEL: the core of the suite on each, the rest of it on the first),'
	@echo '  CHECK_SECONDS=3000 (when check begins with no kernel any more),'
	@echo '  CHECK_JOBS=2 (at a time),'
	@echo '  PREFIX, DESTDIR,'
	@echo '  TIME=600, SEED=N (of the fuzzers, and of gc-torture),'
	@echo '  V=1, W=1, C=2, LLVM=1 (as the kernel has them),'
	@echo '  CODECACHE_TEST=1 (a module that tests can break on purpose),'
	@echo '  CODECACHE_KCOV=1 (a module that tells which code has run)'

# ---- the module --------------------------------------------------------------

KMOD_SRCS := Kbuild $(wildcard kmod/* uapi/linux/*.h)
kmod-args = $(foreach v,V W C CF LLVM CODECACHE_TEST CODECACHE_KCOV GCOV,\
	      $(if $($(v)),$(v)="$($(v))"))

# $(call kmod-stage,DIR): a folder of links to the sources, for products to be in
kmod-stage = @mkdir -p $(1)/kmod $(1)/uapi/linux && \
	     find $(1) -xtype l -delete && \
	     $(foreach f,$(KMOD_SRCS),ln -sfn $(CURDIR)/$(f) $(1)/$(f) &&) true

modules:
	$(call kmod-stage,$(B)/kmod)
	$(Q)$(MAKE) -C $(KDIR) M=$(abspath $(B)/kmod) $(kmod-args) modules

modules_install: modules
	$(Q)$(MAKE) -C $(KDIR) M=$(abspath $(B)/kmod) modules_install

LAB_KERNELS := $(sort $(KERNELS) 6.12-rt 6.1-arm64 6.12-arm64 debug kcsan)

.PHONY: $(LAB_KERNELS:%=modules-%) $(LAB_KERNELS:%=modules-test-%) \
	$(LAB_KERNELS:%=modules-kcov-%)
$(LAB_KERNELS:%=modules-%): modules-%:
	$(call kmod-stage,$(B)/kmod-$*)
	$(Q)selftests/qemu/kbuild.sh $* $(abspath $(B)/kmod-$*) \
		$(kmod-args) modules

$(LAB_KERNELS:%=modules-test-%): modules-test-%:
	$(call kmod-stage,$(B)/kmod-test-$*)
	$(Q)selftests/qemu/kbuild.sh $* $(abspath $(B)/kmod-test-$*) \
		$(kmod-args) CODECACHE_TEST=1 modules

$(LAB_KERNELS:%=modules-kcov-%): modules-kcov-%:
	$(call kmod-stage,$(B)/kmod-kcov-$*)
	$(Q)selftests/qemu/kbuild.sh $* $(abspath $(B)/kmod-kcov-$*) \
		$(kmod-args) CODECACHE_KCOV=1 modules

# ---- library and demos ---------------------------------------------------------

install: install-lib
uninstall: uninstall-lib

demo:
	$(Q)B=$(B) selftests/demo.sh $(KERNEL)

# ---- checks --------------------------------------------------------------------

.PHONY: check-guest
check-kernels = $(if $(filter command,$(origin KERNEL) $(origin ARCH)),\
		$(lab-kernel),$(KERNELS))
# What is said here of kernel and architecture is not for what runs on this machine.
check:
	$(Q)env -u MAKEFLAGS -u ARCH -u KERNEL B=$(B) selftests/check.sh $(check-kernels)

.PHONY: torture
torture: modules-$(KERNEL) selftests
	$(Q)selftests/qemu/run.sh --kernel $(KERNEL) --smp 4 --timeout 3000 \
		--build $(B)/selftests \
		--module $(B)/kmod-$(KERNEL)/codecache.ko \
		--add $(B)/selftests/reclaim_torture_test \
		--run "torture 2900 /bin/reclaim_torture_test"

.PHONY: debug-kernel check-debug coverage
coverage:
	$(Q)B=$(B) selftests/coverage.sh

debug-kernel:
	$(Q)selftests/qemu/debug-kernel.sh >/dev/null

check-debug: debug-kernel
	$(Q)B=$(B) selftests/guest.sh debug

check-guest:
	$(Q)env -u MAKEFLAGS -u ARCH -u KERNEL B=$(B) selftests/guest.sh $(lab-kernel)

sparse:
	$(Q)B=$(B) selftests/lint.sh sparse

lint:
	$(Q)B=$(B) selftests/lint.sh

checkpatch:
	$(Q)B=$(B) selftests/lint.sh checkpatch

model:
	$(Q)B=$(B) selftests/model/run.sh

TIME ?= 600
fuzz:
	$(Q)B=$(B) selftests/fuzz/fuzz.sh $(KERNEL) $(TIME) $(SEED)

.PHONY: gc-torture
gc-torture:
	$(Q)B=$(B) selftests/gc-torture.sh $(KERNEL) $(TIME) $(SEED)

clean:
	$(Q)rm -rf $(B)
