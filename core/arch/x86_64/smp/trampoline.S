/* Where the other CPUs start: in real mode, at the page below 1 MiB that the start-up interrupt named.
   Copied there for each. The arguments lie at 0xf00 of the page (TrampolineArgs in smp.cpp).

   Spec: Intel SDM 3A 9.4.4; 10.8.5. */

#define ARGS 0xf00
#define ARG_CR3 (ARGS + 0)
#define ARG_ENTRY (ARGS + 8)
#define ARG_STACK (ARGS + 16)
#define ARG_CPU (ARGS + 24)
#define ARG_EFER (ARGS + 32)
#define ARG_CR4 (ARGS + 40)
#define HERE(symbol) ((symbol) - trampoline_start)

    .section .rodata.trampoline, "a"
    .globl trampoline_start, trampoline_end
    .hidden trampoline_start, trampoline_end
    .balign 16
    .code16
trampoline_start:
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    movzwl %ax, %ebx
    shll $4, %ebx                       /* %ebx: this page's address */
    /* The descriptor table's address and the two far jumps' targets are known only now. */
    leal HERE(gdt)(%ebx), %eax
    movl %eax, HERE(gdt_pointer) + 2
    leal HERE(protected)(%ebx), %eax
    movl %eax, HERE(jump32)
    leal HERE(long64)(%ebx), %eax
    movl %eax, HERE(jump64)
    lgdtl HERE(gdt_pointer)
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl *HERE(jump32)
    .code32
protected:
    movw $0x18, %ax
    movw %ax, %ds
    movw %ax, %ss
    movl ARG_CR4(%ebx), %eax
    movl %eax, %cr4
    movl ARG_CR3(%ebx), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    movl ARG_EFER(%ebx), %eax
    xorl %edx, %edx
    wrmsr
    movl $0x80010033, %eax
    movl %eax, %cr0
    ljmpl *HERE(jump64)(%ebx)
    .code64
long64:
    movl $0x18, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movl %ebx, %ebx
    movq ARG_STACK(%rbx), %rsp
    movq ARG_CPU(%rbx), %rdi
    xorl %ebp, %ebp
    pushq $0
    jmp *ARG_ENTRY(%rbx)
    .balign 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff            /* 0x08: 32-bit code */
    .quad 0x00af9b000000ffff            /* 0x10: 64-bit code */
    .quad 0x00cf93000000ffff            /* 0x18: data */
gdt_pointer:
    .short 31
    .long 0
    .balign 4
jump32:
    .long 0
    .short 0x08
    .balign 4
jump64:
    .long 0
    .short 0x10
trampoline_end:
    .section .note.GNU-stack, "", @progbits
