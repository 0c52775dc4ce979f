/* Copies that may fault on their user side. A fault in the word moves goes on byte by byte, so that what is
   returned, the number of bytes not done, is exact.

   The caller opened user access (stac) and closes it. */

    .macro FIXUP from, to
    .pushsection .fixups, "a"
    .balign 4
    .long \from - .
    .long \to - .
    .popsection
    .endm

    .text
/* rdi = to, rsi = from, rdx = length; returns rax = bytes not copied */
    .globl copy_user
    .hidden copy_user
    .type copy_user, @function
    .balign 16
copy_user:
    cmpq $256, %rdx
    ja 5f
1:  cmpq $16, %rdx
    jb 3f
10: movq (%rsi), %rax
11: movq 8(%rsi), %rcx
12: movq %rax, (%rdi)
13: movq %rcx, 8(%rdi)
    addq $16, %rsi
    addq $16, %rdi
    subq $16, %rdx
    jmp 1b
3:  testb $8, %dl
    jz 4f
14: movq (%rsi), %rax
15: movq %rax, (%rdi)
    addq $8, %rsi
    addq $8, %rdi
    subq $8, %rdx
4:  testb $4, %dl
    jz 6f
16: movl (%rsi), %eax
17: movl %eax, (%rdi)
    addq $4, %rsi
    addq $4, %rdi
    subq $4, %rdx
6:  testq %rdx, %rdx
    jz 8f
7:                                      /* bytes: the last three, or what is left after a fault */
18: movb (%rsi), %al
19: movb %al, (%rdi)
    incq %rsi
    incq %rdi
    decq %rdx
    jnz 7b
8:  xorl %eax, %eax
    ret
5:  movq %rdx, %rcx
    shrq $3, %rcx
    andl $7, %edx
20: rep movsq
    jmp 4b
21: leaq (%rdx,%rcx,8), %rdx            /* a fault in rep movsq: rcx quadwords are left */
    jmp 7b
9:  movq %rdx, %rax
    ret
    FIXUP 10b, 7b
    FIXUP 11b, 7b
    FIXUP 12b, 7b
    FIXUP 13b, 7b
    FIXUP 14b, 7b
    FIXUP 15b, 7b
    FIXUP 16b, 7b
    FIXUP 17b, 7b
    FIXUP 18b, 9b
    FIXUP 19b, 9b
    FIXUP 20b, 21b
    .size copy_user, . - copy_user

/* rdi = to, rsi = length; returns rax = bytes not cleared */
    .globl clear_user_bytes
    .hidden clear_user_bytes
    .type clear_user_bytes, @function
    .balign 16
clear_user_bytes:
    movq %rsi, %rcx
    shrq $3, %rcx
    andl $7, %esi
    xorl %eax, %eax
1:  rep stosq
    movq %rsi, %rcx
2:  rep stosb
    movq %rcx, %rax
    ret
3:  leaq (%rsi,%rcx,8), %rcx
    jmp 2b
4:  movq %rcx, %rax
    ret
    FIXUP 1b, 3b
    FIXUP 2b, 4b
    .size clear_user_bytes, . - clear_user_bytes

    .section .note.GNU-stack, "", @progbits
