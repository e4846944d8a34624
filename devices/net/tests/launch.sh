# SPDX-License-Identifier: GPL-2.0
#
# What the tests of tests/launch ask of this device, in the test host; sourced by tests/lib/lguest.sh.

# Runs in mistakes.sh
mistakes_net() {
	value net 100 '--net names nothing: --net TAP' --net ''
	value net 105 'there is no tap tap9: ip tuntap add tap9 mode tap user NAME makes one' --net tap9
	value net 105 'there is no tap a-name-that-is-too-long' --net a-name-that-is-too-long
	value net 105 'lo is not a tap interface with one queue: ip tuntap add TAP mode tap user NAME makes one' --net lo
	value net 100 'mac=01:00:00:00:00:01 is not an address like 52:54' --net tap0,mac=01:00:00:00:00:01
	value net 100 "'unowned' takes no value" --net tap0,unowned=1
	value net 100 'bw=x is not a number from 1 to 1T' --net tap0,bw=x
	value net 100 'pps=0 is not a number from 1 to 1T' --net tap0,pps=0
	value net 100 'burst= is what may be saved up of bw=, which is not said: say both' --net tap0,pps=9,burst=1M
}
