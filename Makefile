# The commands of the project: `make help` lists them. Each folder's build.mk names what is built from it;
# this file holds what they share: flags, the build folder, and the rules that turn a source into an object.
#
# V=release (default) is hardened and optimised; V=asan builds the same programs with ASan and UBSan.

V ?= release
B := build/$(V)
CC ?= gcc
PKG_CONFIG ?= pkg-config
prefix ?= /usr/local

WARN := -Wall -Wextra -Wshadow -Wconversion -Werror
CPPFLAGS_ALL := -D_GNU_SOURCE -Ikmod/include/uapi -I. -Ibuild/include
CFLAGS_release := -O2 -ffunction-sections -fdata-sections -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
LDFLAGS_release := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code
CFLAGS_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all -fPIE
LDFLAGS_asan := -pie -fsanitize=address,undefined
CFLAGS_ALL := -std=gnu11 $(WARN) $(CFLAGS_$(V)) $(CFLAGS)
LDFLAGS_ALL := $(LDFLAGS_$(V)) $(LDFLAGS)

# Programs leave out what nothing in them reaches. Test programs do not: nothing reaches the tests of Criterion but their section.
UNREACHED_release := -Wl,--gc-sections

PROGRAMS :=
.DEFAULT_GOAL := all

# One version for programs, module and manual pages: the file VERSION.
VERSION_H := build/include/version.h
$(VERSION_H): VERSION
	@mkdir -p $(@D)
	@printf '#define LGUEST_VERSION "%s"\n' "$$(cat VERSION)" > $@

# A program is named once, with its objects and libraries:
#   $(eval $(call program,lguest-core,core/core.o core/memory.o,-pthread))
define program
PROGRAMS += $(B)/$(1)
$(B)/$(1): $$(addprefix $(B)/,$(2))
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS_ALL) $$(LDFLAGS_ALL) $$(UNREACHED_$$(V)) -o $$@ $$^ $(3)
endef

include policy/build.mk ipc/build.mk devices/build.mk core/build.mk control/build.mk record/build.mk run/build.mk policy/all.mk
include kmod/build.mk guest/build.mk packaging/build.mk
include tests/build.mk

$(B)/%.o: %.c | $(VERSION_H)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

-include $(shell [ -d $(B) ] && find $(B) -name '*.d' -type f)

.PHONY: all programs dist journey lint hooks help clean
all: programs ## build every program and the module
programs: $(PROGRAMS)

clean: ## remove what was built (caches outside the tree stay)
	rm -rf build

dist: ## build/lguest-VERSION.tar.xz from the last commit
	@scripts/dist build

journey: ## the story of the code in order (CHAPTER="Host Switcher" for parts, HTML=FILE for a page)
	@scripts/journey $(if $(HTML),--html "$(HTML)") $(CHAPTER)

lint: $(VERSION_H) ## clang-tidy, cppcheck, shellcheck, mandoc (sparse: make check-module)
	@scripts/lint

hooks: ## for this checkout: a commit has a short subject and a body; what breaks layers or lint is not pushed
	@ln -sf "$(CURDIR)"/scripts/hooks/* "$$(git rev-parse --git-path hooks)/"

help: ## list the commands
	@grep -hE '^[a-z0-9.-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | awk -F'\t' ' \
		$$1 ~ /^bench/ { m = m line($$1, $$2); next } \
		$$1 ~ /^(check|lint|mission|recovery|launch|linux|fuzz)/ { c = c line($$1, $$2); next } \
		$$1 ~ /^(run|all|guest|module|install|uninstall|module-install|help)$$/ { u = u line($$1, $$2); next } \
		{ d = d line($$1, $$2) } \
		function line(name, what) { return sprintf("  %-16s %s\n", name, what) } \
		END { printf "Build and use\n%s\nCheck\n%s\nMeasure\n%s\nDevelop\n%s", u, c, m, d }'
