# SPDX-License-Identifier: GPL-2.0
#
# What the tests of tests/launch ask of this device, in the test host; sourced by tests/lib/lguest.sh.

# Runs in mistakes.sh
mistakes_block() {
	value block 100 '--block names nothing: --block \[ro:\]IMAGE' --block ''
	value block 101 'cannot open the image /nowhere for writing: No such file or directory (check the name)' --block /nowhere
	value block 101 'the image /dev/null is neither a file nor a block device: name one of these' --block /dev/null
	value block 101 'the image fifo is neither a file nor a block device' --block ro:fifo
	value block 101 'the image empty is smaller than one sector: make it as large' --block empty
	value block 100 "no key 'readonly'" --block img,readonly
	value block 100 "'ro' takes no value" --block img,ro=1
	value block 100 "'serial' needs a value: serial=" --block img,serial
	value block 100 'serial=.* has more than 20 characters' --block img,serial=123456789012345678901
	value block 100 'window=1K is not a multiple of 256K from 3072K to 256M' --block img,window=1K
	value block 100 'sector=1000 is neither 512 nor 4096' --block img,sector=1000
	value block 100 'bw=0 is not a number from 1 to 1T' --block img,bw=0
	value block 100 'iops=x is not a number from 1 to 1T' --block img,iops=x
	value block 100 "'burst' needs a value: burst=" --block img,burst
	value block 100 'burst= is what may be saved up of bw=, which is not said: say both' --block img,burst=1M
	value block 100 'burst= is what may be saved up of bw=, which is not said: say both' --block img,iops=9,burst=1M
	value block 100 'window=x is not a size like 8M' --block img,window=x
	value block 100 'dma=none is neither window nor direct' --block img,dma=none
}
