# SPDX-License-Identifier: GPL-2.0
#
# What the tests of tests/launch ask of this device, in the test host; sourced by tests/lib/lguest.sh.

other_devices="$other_devices --rng"
bare=rng	# it needs nothing of the user, for tests that want any simple device

# Runs in launch.sh
starts_rng() { guest 4 'a source of random numbers' --console none --cmdline 4 --rng; }

# Run in mistakes.sh
explained_rng() { explains rng0 'lguest-rng.* holds nothing'; }
mistakes_rng() {
	value rng 100 "no key 'fast'" --rng=fast
}
