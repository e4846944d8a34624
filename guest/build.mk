# The guest kernel and the test guests' root file system. Both scripts work without make, too.
.PHONY: guest guest-initramfs
guest: ## the guest kernel (minutes the first time, then from the cache)
	@guest/build.sh

.PHONY: guest-6.12
guest-6.12: ## the guest kernel of Debian's 6.12 (the same, in a part of its own of the cache)
	@guest/build-6.12.sh

guest-initramfs: ## a root file system with a shell, build/guest/initramfs
	@mkdir -p build/guest
	guest/mkinitramfs.sh -o build/guest/initramfs

.PHONY: guest-deb
guest-deb: ## Debian packages of the guest kernel, in build/deb: image and headers for guests, lguest-kernel-6.1 for the host (SERIES=6.12: of that one)
	@guest/deb.sh build/deb
