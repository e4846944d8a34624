# Three emulated hosts with Slurm: a command of its own, no group of `make check`, for it takes minutes.
.PHONY: check-slurm
check-slurm: programs $(B)/probe ## guests as jobs of Slurm on three emulated hosts: arrays, a lost node, cancel, preemption, bills (root; 10 min)
	@B=$(B) tests/cluster/slurm.sh
