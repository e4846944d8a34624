#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Prints the assembler source that holds the given flat guests and the table `images` that lgtest looks them up in.
set -eu
echo '	.section .rodata'
for f; do
	n=$(basename "$f" .bin)
	printf '\t.balign 64\n%s_start:\n\t.incbin "%s"\n%s_end:\n%s_name:\n\t.asciz "%s"\n' "$n" "$f" "$n" "$n" "$n"
done
printf '\t.section .data.rel.ro, "aw"\n\t.balign 8\n\t.globl images, nimages\nimages:\n'
for f; do
	n=$(basename "$f" .bin)
	printf '\t.quad %s_name, %s_start, %s_end\n' "$n" "$n" "$n"
done
printf 'nimages:\n\t.quad %d\n\t.section .note.GNU-stack, "", @progbits\n' $#
