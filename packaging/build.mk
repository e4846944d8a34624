# Packages, and what a distribution's administrator finds: lguest-guest, units, completion.
COMPLETIONS := $(addprefix $(B)/completion/,lguest-run lguestctl)
.PHONY: completion deb check-deb check-guest-deb check-systemd
completion: $(COMPLETIONS)
$(B)/completion/%: $(B)/% packaging/completion
	@mkdir -p $(@D)
	packaging/completion $< > $@.tmp && mv $@.tmp $@

man: $(B)/man/lguest-guest.8
$(B)/man/lguest-guest.8: packaging/lguest-guest.8 VERSION
	@mkdir -p $(@D)
	sed "s,@VERSION@,$$(cat VERSION)," $< > $@

deb: ## Debian packages of the last commit, in build/deb
	@scripts/deb build/deb

check-deb: ## the packages: lintian, built twice, installed and purged in a fresh Debian, the module for three kernels (root; 10 min)
	@packaging/tests/deb.sh

check-guest-deb: ## the guest kernel's packages: packed twice, installed, a module built against them, purged (root; minutes; TWICE=1: the kernel twice)
	@packaging/tests/guest-deb.sh

check-systemd: $(B)/probe ## the packages in an emulated Debian with systemd: units, users, control groups, ends (root; minutes)
	@B=$(B) packaging/tests/systemd.sh
