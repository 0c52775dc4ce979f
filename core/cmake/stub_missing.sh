#!/bin/sh
# While the kernel grows: writes OUT.S with a stub for each symbol that no object defines. A stub that is
# called ends the kernel and names itself.
out=$1; shift
nm -P "$@" 2>/dev/null | awk '$2 == "U" {u[$1]=1} $2 != "U" && NF >= 2 {d[$1]=1}
  END {for (s in u) if (!(s in d) && s !~ /^tenon_(image|text|rodata|data|percpu|fixups|ksyms|relr|rela|ro_after_init|build_id|exports|got)/ && s != "_GLOBAL_OFFSET_TABLE_") print s}' | sort > "$out.list"
{
    echo '.section .text.missing, "ax"'
    i=0
    while read -r s; do
        i=$((i + 1))
        printf '.globl %s\n.type %s, @function\n%s: leaq 9f(%%rip), %%rdi\njmp tenon_missing_symbol\n9: .asciz "%s"\n' "$s" "$s" "$s" "$s"
    done < "$out.list"
    echo '.section .note.GNU-stack,"",@progbits'
} > "$out"
n=$(wc -l < "$out.list")
[ "$n" -eq 0 ] || echo "kernel: $n symbols have no definition yet: $out.list" >&2
