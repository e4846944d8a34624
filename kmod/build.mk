# lg.ko: built by the kernel's own build system against the headers in KDIR, here in kmod/ (its objects are ignored by git).

KVER ?= 6.1
KDIR ?= $(shell tests/host/headers.sh $(KVER))

.PHONY: module
module: ## build lg.ko against the test host's headers (KVER=6.1|6.12|7.3, or KDIR=...)
	@mkdir -p build	# one at a time here: the suite's lanes both ask for it
	flock build/module.lock $(MAKE) -C $(KDIR) M=$(CURDIR)/kmod W=1 LGUEST_VERSION=$(shell cat VERSION) modules
