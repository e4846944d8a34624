# SPDX-License-Identifier: GPL-2.0
#
# What the tests of tests/launch ask of this device, in the test host; sourced by tests/launch/lib.sh and launch.sh.

# Runs in mistakes.sh
mistakes_console() {
	value console 100 '--console names nothing: --console stdio|none|FILE' --console ''
	value console 100 '--console none is given beside another --console: leave one of them out' --console file
	wrong 101 'cannot open the console /nowhere/x: No such file or directory (check the name)' 'a console that cannot be' --kernel probe --console /nowhere/x
	wrong 100 'a terminal can have one console' 'two consoles on one terminal' --kernel probe --console stdio --console stdio
	value console 100 "no key 'speed'" --console stdio,speed=9600
}
