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
CPPFLAGS_ALL := -D_GNU_SOURCE -Ikmod/include/uapi -I.
CFLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
LDFLAGS_release := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code
CFLAGS_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all -fPIE
LDFLAGS_asan := -pie -fsanitize=address,undefined
CFLAGS_ALL := -std=gnu11 $(WARN) $(CFLAGS_$(V)) $(CFLAGS)
LDFLAGS_ALL := $(LDFLAGS_$(V)) $(LDFLAGS)

PROGRAMS :=
.DEFAULT_GOAL := all

# A program is named once, with its objects and libraries:
#   $(eval $(call program,lguest-core,core/core.o core/memory.o,-pthread))
define program
PROGRAMS += $(B)/$(1)
$(B)/$(1): $$(addprefix $(B)/,$(2))
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS_ALL) $$(LDFLAGS_ALL) -o $$@ $$^ $(3)
endef

include policy/build.mk ipc/build.mk devices/build.mk core/build.mk run/build.mk
include kmod/build.mk guest/build.mk
include tests/build.mk

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

-include $(shell [ -d $(B) ] && find $(B) -name '*.d')

.PHONY: all programs help clean
all: programs ## build every program and the module
programs: $(PROGRAMS)

clean: ## remove what was built (caches outside the tree stay)
	rm -rf build

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16
