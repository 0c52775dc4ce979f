/* <tenon/arch/recovery.h>: a call that leaves a mark, and the two ways back to it. */

/* Where there is no stack for the call, bytes between its frames and its caller's: what runs past
   the end of a local array drowns there. */
#define MOAT 512

#include "core/arch/x86_64/mm/key_rights.h"

    .macro LEAVE_MARK
    pushq %rbp
    movq %rsp, %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $8, %rsp
    movq %rsp, (%rdx)
    movq %rdi, %r8
    movq %rsi, %rdi
    movq %rcx, %r9
    .endm

    /* A module that does not keep them finds nothing of its caller's in the callee-saved registers to
       write through, and as the frame pointer a copy of our frame on its own stack. That stack begins
       at %r9; the low bits there are its owner's. The way back is by current()->crossing->mark: the
       module has had every register. */
    .macro ENTER
    xorl %ebx, %ebx
    xorl %r12d, %r12d
    xorl %r13d, %r13d
    xorl %r14d, %r14d
    xorl %r15d, %r15d
    subq $MOAT, %rsp
    andq $-16, %r9
    cmovnzq %r9, %rsp
    pushq 8(%rbp)
    pushq (%rbp)
    movq %rsp, %rbp
    call *%r8
    movq %gs:tenon_cpu_local+8(%rip), %rdx      /* CpuLocal::current */
    movq tenon_crossing_of_task(%rip), %rcx
    movq (%rdx,%rcx), %rdx
    movq 8(%rdx), %rsp                          /* Crossing::mark */
    .endm

    .text

    .globl guarded_call_plain
    .hidden guarded_call_plain
    .type guarded_call_plain, @function
guarded_call_plain:                     /* rdi: function, rsi: argument, rdx: where the mark goes,
                                           rcx: stack */
    LEAVE_MARK
    ENTER
    movl $1, %eax
1:  addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size guarded_call_plain, . - guarded_call_plain

    .globl guarded_call_keyed
    .hidden guarded_call_keyed
    .type guarded_call_keyed, @function
guarded_call_keyed:                     /* the same, without the right to write core data */
    LEAVE_MARK
    movq $0, 8(%rdx)                    /* no call is out */
    SET_RIGHTS $RIGHTS_OF_MODULES
    ENTER
    SET_RIGHTS $0
    movl $1, %eax
    jmp 1b
    .size guarded_call_keyed, . - guarded_call_keyed

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
    cmpb $0, tenon_keys_on(%rip)
    je 2f
    SET_RIGHTS $0                       /* it may have been the module's own return */
2:  call tenon_abandon_innermost
    ud2
    .size abandon_landing, . - abandon_landing

    .section .note.GNU-stack, "", @progbits
