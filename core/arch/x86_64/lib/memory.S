/* memcpy, memmove, memset, memcmp: what the compiler calls.

   Sizes to 256 bytes are the rule (structures, names, lines) and go by unrolled words with two
   overlapping ones at the end, so that no size needs a byte loop. Larger ones use rep movsq with an
   overlapping tail: microcode moves lines whatever the element size, and the quadword form also is
   eight times fewer steps where a simulator counts each. */

#if TENON_KASAN  /* core/mm/kasan.cpp checks, then calls these */
#define memcpy raw_memcpy
#define memmove raw_memmove
#define memset raw_memset
#endif

    .macro FUNCTION name
    .section .text.leaf.\name, "ax", @progbits
    .globl \name
    .type \name, @function
    .balign 16
\name:
    .endm

/* rdi = to, rsi = from, rdx = length; returns rax = to. Every branch loads the tail before it stores
   anything, and stores it last: right for overlap with to < from as well. */
FUNCTION memmove
    movq %rdi, %rax
    subq %rsi, %rax
    cmpq %rdx, %rax
    jb copy_backward                    /* from <= to < from + length */
    jmp memcpy
    .size memmove, . - memmove
FUNCTION memcpy
    movq %rdi, %rax
    cmpq $16, %rdx
    jb copy_small
    cmpq $256, %rdx
    ja copy_large
    movq -16(%rsi,%rdx), %r8
    movq -8(%rsi,%rdx), %r9
    leaq -16(%rdi,%rdx), %r10
    subq $16, %rdx
    jz 2f
1:  movq (%rsi), %rcx
    movq 8(%rsi), %r11
    movq %rcx, (%rdi)
    movq %r11, 8(%rdi)
    addq $16, %rsi
    addq $16, %rdi
    subq $16, %rdx
    ja 1b
2:  movq %r8, (%r10)
    movq %r9, 8(%r10)
    ret
copy_small:
    cmpl $8, %edx
    jb 3f
    movq (%rsi), %rcx
    movq -8(%rsi,%rdx), %r8
    movq %rcx, (%rdi)
    movq %r8, -8(%rdi,%rdx)
    ret
3:  cmpl $4, %edx
    jb 4f
    movl (%rsi), %ecx
    movl -4(%rsi,%rdx), %r8d
    movl %ecx, (%rdi)
    movl %r8d, -4(%rdi,%rdx)
    ret
4:  testl %edx, %edx
    jz 5f
    leaq -1(%rdi,%rdx), %r10            /* 1 to 3 bytes: first, middle, last */
    movzbl (%rsi), %ecx
    movzbl -1(%rsi,%rdx), %r8d
    shrl $1, %edx
    movzbl (%rsi,%rdx), %r9d
    movb %cl, (%rdi)
    movb %r9b, (%rdi,%rdx)
    movb %r8b, (%r10)
5:  ret
copy_large:
    movq -8(%rsi,%rdx), %r8
    leaq -8(%rdi,%rdx), %r10
    movq %rdx, %rcx
    shrq $3, %rcx
    rep movsq
    movq %r8, (%r10)
    ret
copy_backward:
    movq %rdi, %rax
    cmpq $16, %rdx
    jb copy_small                       /* loads everything before it stores */
    movq (%rsi), %r8
    movq 8(%rsi), %r9
    subq $16, %rdx
    jz 7f
6:  movq 8(%rsi,%rdx), %rcx
    movq (%rsi,%rdx), %r11
    movq %rcx, 8(%rdi,%rdx)
    movq %r11, (%rdi,%rdx)
    subq $16, %rdx
    ja 6b
7:  movq %r8, (%rdi)
    movq %r9, 8(%rdi)
    ret
    .size memcpy, . - memcpy

/* rdi = to, esi = byte, rdx = length; returns rax = to */
FUNCTION memset
    movq %rdi, %r9
    movzbl %sil, %esi
    movabsq $0x0101010101010101, %rax
    imulq %rsi, %rax
    cmpq $16, %rdx
    jb 3f
    cmpq $256, %rdx
    ja 2f
    leaq -16(%rdi,%rdx), %r10
1:  movq %rax, (%rdi)
    movq %rax, 8(%rdi)
    addq $16, %rdi
    cmpq %r10, %rdi
    jb 1b
    movq %rax, (%r10)
    movq %rax, 8(%r10)
    movq %r9, %rax
    ret
2:  movq %rax, -8(%rdi,%rdx)
    movq %rdx, %rcx
    shrq $3, %rcx
    rep stosq
    movq %r9, %rax
    ret
3:  cmpl $8, %edx
    jb 4f
    movq %rax, (%rdi)
    movq %rax, -8(%rdi,%rdx)
    movq %r9, %rax
    ret
4:  cmpl $4, %edx
    jb 5f
    movl %eax, (%rdi)
    movl %eax, -4(%rdi,%rdx)
    movq %r9, %rax
    ret
5:  testl %edx, %edx
    jz 6f
    movb %al, (%rdi)
    movb %al, -1(%rdi,%rdx)
    shrl $1, %edx
    movb %al, (%rdi,%rdx)
6:  movq %r9, %rax
    ret
    .size memset, . - memset

/* rdi, rsi, rdx = length; returns eax < 0, 0, > 0 */
FUNCTION memcmp
    cmpq $8, %rdx
    jb 3f
1:  movq (%rdi), %rax
    movq (%rsi), %rcx
    cmpq %rcx, %rax
    jne 2f
    addq $8, %rdi
    addq $8, %rsi
    subq $8, %rdx
    cmpq $8, %rdx
    jae 1b
    jmp 3f
2:  bswapq %rax                         /* the first differing byte decides */
    bswapq %rcx
    cmpq %rcx, %rax
    sbbl %eax, %eax
    orl $1, %eax
    ret
3:  testq %rdx, %rdx
    jz 5f
4:  movzbl (%rdi), %eax
    movzbl (%rsi), %ecx
    subl %ecx, %eax
    jne 6f
    incq %rdi
    incq %rsi
    decq %rdx
    jnz 4b
5:  xorl %eax, %eax
6:  ret
    .size memcmp, . - memcmp

/* rdi = page; clears it. */
FUNCTION clear_page
    movl $512, %ecx
    xorl %eax, %eax
    rep stosq
    ret
    .size clear_page, . - clear_page

    .section .note.GNU-stack, "", @progbits
