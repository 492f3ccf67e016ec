# SPDX-License-Identifier: MIT
#
# libcodecache: targets lib, lib-examples (the manual's, linked statically, for a
# guest that has nothing else), install-lib, uninstall-lib and lib-check
#
# The top-level Makefile includes this. It also stands alone, from the top folder:
#
#	make -f userlib/userlib.mk lib B=/tmp/build CC=clang CFLAGS='-O1 -m32'
#
# CFLAGS, CPPFLAGS and LDFLAGS are the user's and come last; LIB_WARN, LIB_HARDEN
# and LIB_WERROR may be set too. What the library cannot do without is not theirs.

B ?= build
Q ?= $(if $(filter 1,$(V)),,@)
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
PKGCONFIGDIR ?= $(LIBDIR)/pkgconfig
INSTALL ?= install
CFLAGS ?= -O2 -g

# The soname is the first number, the nodes of libcodecache.map the first two.
LIB_MAJOR := 1
LIB_MINOR := 0
LIB_PATCH := 0
LIB_VERSION := $(LIB_MAJOR).$(LIB_MINOR).$(LIB_PATCH)
LIB_NUMBER := ($(LIB_MAJOR) * 1000000 + $(LIB_MINOR) * 1000 + $(LIB_PATCH))

LIB_WARN ?= -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
	    -Wmissing-prototypes -Wconversion
# Fortification warns where nothing is optimised.
LIB_HARDEN ?= $(if $(filter -O0,$(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
LIB_WERROR ?=

LIB_CPPFLAGS = -Iuserlib/include -Iuapi -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
	       -DCODECACHE_VERSION_NUMBER='$(LIB_NUMBER)' $(CPPFLAGS)
LIB_CFLAGS = -std=c11 -fPIC -pthread -fvisibility=hidden $(LIB_WARN) $(LIB_WERROR) \
	     $(LIB_HARDEN) $(CFLAGS)
LIB_COMPILE = $(CC) $(LIB_CPPFLAGS) $(LIB_CFLAGS) -MMD -MP -c
LIB_LINK = $(CC) $(CFLAGS) -pthread -shared -Wl,-soname,$(LIB_SONAME) -Wl,-z,defs \
	   -Wl,-z,relro,-z,now -Wl,--version-script=$(LIB_MAP) $(LDFLAGS)

LIB_MAP := userlib/libcodecache.map
LIB_HEADERS := $(sort $(wildcard userlib/include/*.h))
LIB_UAPI := $(sort $(wildcard uapi/linux/*.h))
LIB_SRCS := $(sort $(wildcard userlib/src/*.c))
LIB_OBJS := $(LIB_SRCS:userlib/src/%.c=$(B)/userlib/%.o)
LIB_LINKNAME := libcodecache.so
LIB_SONAME := $(LIB_LINKNAME).$(LIB_MAJOR)
LIB_SO := $(LIB_LINKNAME).$(LIB_VERSION)
LIB_FILES := $(addprefix $(B)/lib/,libcodecache.a $(LIB_SO) $(LIB_SONAME) \
	       $(LIB_LINKNAME) codecache.pc)
LIB_PAGES := $(sort $(wildcard userlib/man/*.[347]))
LIB_EXAMPLES := $(patsubst userlib/man/examples/%.c,$(B)/examples/%, \
		  $(sort $(wildcard userlib/man/examples/*.c)))

lib-quote = '$(subst ','\'',$(1))'
lib-say = @$(if $(filter 1,$(V)),:,printf '  %-7s %s\n' $(1) '$(2)')

.PHONY: lib lib-examples install-lib uninstall-lib lib-check lib-force
lib: $(LIB_FILES)
lib-examples: $(LIB_EXAMPLES)

# A file that changes only when its content does: what depends on it is made
# again for other flags, or another prefix, and not otherwise.
define lib-if-changed
@mkdir -p $(@D)
@$(1) >$@.tmp
@if cmp -s $@.tmp $@; then rm $@.tmp; else mv $@.tmp $@; fi
endef

$(B)/userlib/flags: lib-force
	$(call lib-if-changed,printf '%s\n' $(call lib-quote,$(LIB_COMPILE) $(AR) $(LIB_LINK)))

$(B)/userlib/%.o: userlib/src/%.c $(B)/userlib/flags
	$(call lib-say,CC,$@)
	$(Q)$(LIB_COMPILE) -o $@ $<

$(B)/lib/libcodecache.a: $(LIB_OBJS)
	$(call lib-say,AR,$@)
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(AR) rcsD $@ $(LIB_OBJS)

$(B)/lib/$(LIB_SO): $(LIB_OBJS) $(LIB_MAP)
	$(call lib-say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(LIB_LINK) -o $@ $(LIB_OBJS)

$(B)/lib/$(LIB_SONAME) $(B)/lib/$(LIB_LINKNAME): $(B)/lib/$(LIB_SO)
	$(Q)ln -sfn $(LIB_SO) $@

$(B)/examples/%: userlib/man/examples/%.c $(B)/lib/libcodecache.a
	$(call lib-say,CCLD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LIB_WARN) $(LIB_WERROR) $(CPPFLAGS) -Iuserlib/include -Iuapi \
		$(CFLAGS) -static -pthread $(LDFLAGS) -o $@ $^

# Folders below the prefix are told relative to it, so that the file may move.
lib-below = $(patsubst $(PREFIX)/%,$${prefix}/%,$(1))
$(B)/lib/codecache.pc: userlib/codecache.pc.in lib-force
	$(call lib-if-changed,sed -e '/SPDX/d' -e 's|@PREFIX@|$(PREFIX)|' \
		-e 's|@LIBDIR@|$(call lib-below,$(LIBDIR))|' \
		-e 's|@INCLUDEDIR@|$(call lib-below,$(INCLUDEDIR))|' \
		-e 's|@VERSION@|$(LIB_VERSION)|' $<)

# Each name that a page documents gets a page: its own, or a link to it.
install-lib: lib
	$(call lib-say,INSTALL,libcodecache $(LIB_VERSION))
	$(Q)$(INSTALL) -d $(DESTDIR)$(INCLUDEDIR)/linux $(DESTDIR)$(LIBDIR) \
		$(DESTDIR)$(PKGCONFIGDIR) $(addprefix $(DESTDIR)$(MANDIR)/man,3 4 7)
	$(Q)$(INSTALL) -m 644 $(LIB_HEADERS) $(DESTDIR)$(INCLUDEDIR)
	$(Q)$(INSTALL) -m 644 $(LIB_UAPI) $(DESTDIR)$(INCLUDEDIR)/linux
	$(Q)$(INSTALL) -m 644 $(B)/lib/libcodecache.a $(DESTDIR)$(LIBDIR)
	$(Q)$(INSTALL) -m 755 $(B)/lib/$(LIB_SO) $(DESTDIR)$(LIBDIR)
	$(Q)ln -sfn $(LIB_SO) $(DESTDIR)$(LIBDIR)/$(LIB_SONAME)
	$(Q)ln -sfn $(LIB_SONAME) $(DESTDIR)$(LIBDIR)/$(LIB_LINKNAME)
	$(Q)$(INSTALL) -m 644 $(B)/lib/codecache.pc $(DESTDIR)$(PKGCONFIGDIR)
	$(Q)for page in $(LIB_PAGES); do \
		section=man$${page##*.}; \
		$(INSTALL) -m 644 $$page $(DESTDIR)$(MANDIR)/$$section || exit; \
		for name in $$(userlib/man/names.sh $$page | tail -n +2); do \
			echo ".so $$section/$${page##*/}" \
				>$(DESTDIR)$(MANDIR)/$$section/$$name.$${page##*.} || exit; \
		done; \
	done

uninstall-lib:
	$(call lib-say,REMOVE,libcodecache)
	$(Q)rm -f $(LIB_HEADERS:userlib/include/%=$(DESTDIR)$(INCLUDEDIR)/%) \
		$(LIB_UAPI:uapi/%=$(DESTDIR)$(INCLUDEDIR)/%) \
		$(addprefix $(DESTDIR)$(LIBDIR)/,libcodecache.a $(LIB_SO) \
			$(LIB_SONAME) $(LIB_LINKNAME)) \
		$(DESTDIR)$(PKGCONFIGDIR)/codecache.pc
	$(Q)for page in $(LIB_PAGES); do \
		for name in $$(userlib/man/names.sh $$page); do \
			rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$$name.$${page##*.}; \
		done; \
	done

# Builds in folders of its own, with its own flags: none of ours go along.
lib-check:
	$(Q)B='$(B)' CC='$(CC)' MAKEFLAGS= userlib/lib-check.sh

-include $(LIB_OBJS:.o=.d)
