/* Every way into the kernel but start-up: traps and interrupts, SYSCALL, NMI and friends; and the
   switch between kernel stacks.

   All build a UserRegs frame (<tenon/arch/impl/user_regs.h>). From user mode it is at the top of the
   task's kernel stack, where user_regs() finds it. GS discipline: user mode runs with the user's GS
   base, the kernel with the CPU's; the entry from user mode swaps, and nothing in the kernel
   touches the other one but the context switch. NMI, #DF and #MC can hit between a swap and the
   mode that it belongs to, so they look up what GS must be.

   Spec: Intel SDM 3A 6.12-6.15; SDM 2B SYSCALL, SYSRET, SWAPGS. */

#include "core/arch/x86_64/boot/layout.h"
#include "core/arch/x86_64/mm/key_rights.h"

/* CpuLocal (<tenon/arch/impl/cpu.h>), checked in cpu/cpu_local.cpp. */
#define LOCAL_KERNEL_STACK tenon_cpu_local+16(%rip)
#define LOCAL_USER_STACK tenon_cpu_local+24(%rip)
/* UserRegs */
#define FRAME_R11 (6*8)
#define FRAME_RCX (11*8)
#define FRAME_RDI (14*8)
#define FRAME_ORIGINAL (15*8)
#define FRAME_RIP (16*8)
#define FRAME_CS (17*8)
#define FRAME_FLAGS (18*8)
#define FRAME_RSP (19*8)

    .section .text.entry, "ax"

    .macro LOCAL name
    .globl \name
    .hidden \name
    .type \name, @function
\name:
    .endm

    .macro PUSH_FROM_RDX
    pushq %rdx
    pushq %rcx
    pushq %rax
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    .endm

    .macro POP_TO_RDX
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    popq %rcx
    popq %rdx
    .endm

    /* What user code left in registers is no input to speculation in the kernel. */
    .macro CLEAR_REGISTERS
    xorl %eax, %eax
    xorl %ecx, %ecx
    xorl %r8d, %r8d
    xorl %r9d, %r9d
    xorl %r10d, %r10d
    xorl %r11d, %r11d
    xorl %r12d, %r12d
    xorl %r13d, %r13d
    xorl %r14d, %r14d
    xorl %r15d, %r15d
    .endm

    /* Protection keys: what the interrupted code may do goes to `register`, and from the frame back;
       the core runs with all rights. `mov` to 32 bits clears the upper ones. */
    .macro TAKE_RIGHTS register
    xorl \register, \register
    cmpb $0, tenon_keys_on(%rip)
    je .Lall_rights\@
    movl $MSR_PKRS, %ecx
    rdmsr
    movl %eax, \register
    testl %eax, %eax
    jz .Lall_rights\@
    SET_RIGHTS $0
.Lall_rights\@:
    .endm

    .macro GIVE_RIGHTS_BACK
    movl FRAME_ORIGINAL(%rsp), %eax
    testl %eax, %eax
    jz .Lrights_back\@
    SET_RIGHTS %eax
.Lrights_back\@:
    .endm

/* --- SYSCALL ------------------------------------------------------------------------------------ */

    .balign 64
LOCAL entry_syscall
    swapgs
    movq %rsp, %gs:LOCAL_USER_STACK
    movq %gs:LOCAL_KERNEL_STACK, %rsp
    pushq $USER_DS
    pushq %gs:LOCAL_USER_STACK
    pushq %r11
    pushq $USER_CS
    pushq %rcx
    pushq %rax                          /* original_rax */
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq $-38                          /* rax: what a tracer sees before there is a result */
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    xorl %ebp, %ebp
    movq %rsp, %rdi
    sti
    call syscall_dispatch               /* returns with interrupts off; al: SYSRET will do */
    testb %al, %al
    jz return_user
    POP_TO_RDX
    popq %rsi
    popq %rdi
    movq 32(%rsp), %rsp                 /* behind original_rax, rip, cs, flags */
    swapgs
    sysretq

/* --- Traps and interrupts ----------------------------------------------------------------------- */

/* One stub a vector, 16 bytes apart: error code (pushed by the CPU for some), vector, go. */
    .balign 16
LOCAL trap_stubs
    .set vector, 0
    .rept 256
    .balign 16
    .if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
    .else
    pushq $0
    .endif
    .if vector < 128
    pushq $vector
    .else
    pushq $(vector - 256)
    .endif
    .if (vector == 2) || (vector == 8) || (vector == 18)
    jmp paranoid_entry
    .elseif (vector == 1)
    jmp debug_entry
    .else
    jmp common_entry
    .endif
    .set vector, vector + 1
    .endr

    /* On the stack: vector, error code, rip, cs, flags, rsp, ss. The vector's slot becomes rdi's. */
    .balign 16
common_entry:
    cld
    testb $3, 24(%rsp)
    jz kernel_entry
    swapgs
    pushq %rsi
    movzbl 8(%rsp), %esi
    movq %rdi, 8(%rsp)
    PUSH_FROM_RDX
    CLEAR_REGISTERS
    xorl %ebp, %ebp
    movq %rsp, %rdi
    movl FRAME_ORIGINAL(%rsp), %edx
    movq $-1, FRAME_ORIGINAL(%rsp)
    call trap_from_user                 /* returns with interrupts off and nothing left to do */
LOCAL return_user
    POP_TO_RDX
    popq %rsi
    popq %rdi
    addq $8, %rsp
    swapgs
    iretq

kernel_entry:
    pushq %rsi
    movzbl 8(%rsp), %esi
    movq %rdi, 8(%rsp)
    PUSH_FROM_RDX
    movq %rsp, %rdi
    TAKE_RIGHTS %r12d
    movl FRAME_ORIGINAL(%rsp), %edx
    movq %r12, FRAME_ORIGINAL(%rsp)
    /* A frame for the interrupted instruction, so that traces name it. */
    movq FRAME_RIP(%rsp), %rax
    movq %rdi, %rbx
    pushq %rax
    pushq %rbp
    movq %rsp, %rbp
    andq $-16, %rsp
    call trap_from_kernel
    movq %rbx, %rsp
    GIVE_RIGHTS_BACK
    POP_TO_RDX
    popq %rsi
    popq %rdi
    addq $8, %rsp
    iretq

    /* Debug exceptions have a stack of their own: one that MOV SS held back comes after SYSCALL, still
       on the user's stack and with the user's GS. From user mode they go to the task's stack. */
debug_entry:
    testb $3, 24(%rsp)
    jz paranoid_entry
    swapgs
    pushq %rdi
    movq %rsp, %rdi
    movq %gs:LOCAL_KERNEL_STACK, %rsp
    pushq 56(%rdi)
    pushq 48(%rdi)
    pushq 40(%rdi)
    pushq 32(%rdi)
    pushq 24(%rdi)
    pushq 16(%rdi)
    pushq 8(%rdi)
    movq (%rdi), %rdi
    swapgs
    jmp common_entry

    /* On a stack of its own (IST), in an unknown GS state. %r14: the GS base to put back. */
paranoid_entry:
    cld
    pushq %rsi
    movzbl 8(%rsp), %esi
    movq %rdi, 8(%rsp)
    PUSH_FROM_RDX
    TAKE_RIGHTS %r15d
    movl FRAME_ORIGINAL(%rsp), %r12d
    movq %r15, FRAME_ORIGINAL(%rsp)
    movq %rsp, %rbx
    movl %esi, %r13d
    cmpb $0, x86_has_fsgsbase(%rip)
    jz 1f
    rdgsbase %r14
    movl $GDT_CPU_NUMBER, %eax
    lsl %eax, %eax
    leaq x86_cpu_offsets(%rip), %rcx
    movq (%rcx,%rax,8), %rax
    wrgsbase %rax
    jmp 2f
1:  movl $0xc0000101, %ecx              /* without FSGSBASE user bases are below 2^47, ours above */
    rdmsr
    shlq $32, %rdx
    leaq (%rax,%rdx), %r14
    testq %r14, %r14
    js 2f
    swapgs
2:  movq %rbx, %rdi
    movl %r13d, %esi
    movl %r12d, %edx
    movq FRAME_RIP(%rsp), %rax
    pushq %rax
    pushq %rbp
    movq %rsp, %rbp
    andq $-16, %rsp
    call trap_paranoid
    movq %rbx, %rsp
    cmpb $0, x86_has_fsgsbase(%rip)
    jz 3f
    wrgsbase %r14
    jmp 4f
3:  testq %r14, %r14
    js 4f
    swapgs
4:  GIVE_RIGHTS_BACK
    POP_TO_RDX
    popq %rsi
    popq %rdi
    addq $8, %rsp
    iretq

/* --- Kernel stacks ------------------------------------------------------------------------------ */

/* Task* switch_stacks(uptr* save_sp, uptr load_sp, Task* previous) */
LOCAL switch_stacks
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    movq %rdx, %rax
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret

/* A new task's first switch "returns" here: rbx = function, r12 = argument, rax = who ran before. */
LOCAL first_switch
    movq %rax, %rdi
    xorl %ebp, %ebp
    call task_first_run
    testq %rbx, %rbx
    jz 1f
    movq %r12, %rdi
    call *%rbx
    ud2
1:  movq %rsp, %rdi                     /* the frame lies right behind */
    call user_first_run
    jmp return_user

/* enter_user_frame(UserRegs*): never back. */
LOCAL enter_user_frame
    movq %rdi, %rsp
    jmp return_user

    .section .note.GNU-stack, "", @progbits
