/* <tenon/arch/recovery.h>: a call that leaves a mark, and the two ways back to it. */

/* Bytes between the frames of the call and its caller's: what runs past the end of a local array
   drowns there. */
#define MOAT 512

    .text

    .globl guarded_call
    .hidden guarded_call
    .type guarded_call, @function
guarded_call:                           /* rdi: function, rsi: argument, rdx: where the mark goes */
    pushq %rbp
    movq %rsp, %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $8, %rsp
    movq %rsp, (%rdx)
    movq %rdi, %rax
    movq %rsi, %rdi
    /* A module that does not keep them finds nothing of its caller's in them to write through. */
    xorl %ebx, %ebx
    xorl %r12d, %r12d
    xorl %r13d, %r13d
    xorl %r14d, %r14d
    xorl %r15d, %r15d
    subq $MOAT, %rsp
    call *%rax
    addq $MOAT, %rsp
    movl $1, %eax
1:  addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size guarded_call, . - guarded_call

    .globl abandon_call
    .hidden abandon_call
    .type abandon_call, @function
abandon_call:                           /* rdi: the mark. Also where a redirected trap continues */
    movq %rdi, %rsp
    cld
    xorl %eax, %eax
    jmp 1b
    .size abandon_call, . - abandon_call

    .globl abandon_landing
    .hidden abandon_landing
    .type abandon_landing, @function
abandon_landing:                        /* somebody's `ret` came here */
    andq $-16, %rsp
    cld
    call tenon_abandon_innermost
    ud2
    .size abandon_landing, . - abandon_landing

    .section .note.GNU-stack, "", @progbits
