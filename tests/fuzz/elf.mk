FUZZ_elf := tests/fuzz/elf.c core/elf.c
FUZZ_elf_FLAGS := -Dpread=fuzz_pread -Dfstat=fuzz_fstat
