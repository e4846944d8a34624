# SPDX-License-Identifier: GPL-2.0
#
# What the tests of tests/launch ask of this device, in the test host; sourced by tests/lib/lguest.sh.

# Runs in mistakes.sh
mistakes_console() {
	value console 100 '--console names nothing: --console stdio|none|FILE' --console ''
	value console 100 '--console none is given beside another --console: leave one of them out' --console file
	wrong 101 'cannot open the console /nowhere/x: No such file or directory (check the name)' 'a console that cannot be' --kernel probe --console /nowhere/x
	wrong 100 'a terminal can have one console' 'two consoles on one terminal' --kernel probe --console stdio --console stdio
	wrong 100 'limit=0 is not a number of MiB from 1 to 1048576' 'a console of no length' --kernel probe --console file,limit=0
	value console 100 "no key 'speed'" --console stdio,speed=9600
}
