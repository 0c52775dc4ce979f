/* The two doors. GRUB (multiboot2: BIOS, and UEFI after it left boot services) and PVH (QEMU
   -kernel) both enter here in 32-bit protected mode with paging off, %ebx at their info structure.
   The image may lie at any multiple of 2 MiB below 4 GiB.

   This code builds page tables that map the first 4 GiB at 0 and the image at its link address,
   enters long mode and calls start_linked(), which finds out the rest in C++.

   Spec: Multiboot2 2.0 section 3.1; Xen docs/misc/pvh.pandoc; Intel SDM 3A 10.8.5. */

#include "core/arch/x86_64/boot/layout.h"

    .section .multiboot2, "ax"
    .balign 8
mb2_header:
    .long 0xe85250d6, 0, mb2_end - mb2_header, -(0xe85250d6 + 0 + (mb2_end - mb2_header))
    /* What we like to be told; nothing is required. */
    .balign 8
1:  .short 1, 1
    .long 2f - 1b, 1, 3, 4, 6, 8, 14, 15
2:  .balign 8
    .short 3, 0                         /* entry address */
    .long 12, PHYS(tenon_entry32)
    .balign 8
    .short 5, 1                         /* framebuffer, optional */
    .long 20, 1024, 768, 32
    .balign 8
    .short 6, 1                         /* modules on page boundaries */
    .long 8
    .balign 8
    .short 10, 1                        /* relocatable: 2 MiB .. 3 GiB, lowest first */
    .long 24, TENON_LOAD_BASE, 0xc0000000, 0x200000, 1
    .balign 8
    .short 0, 0
    .long 8
mb2_end:

    .code32
    .globl tenon_entry32
    .hidden tenon_entry32
tenon_entry32:
    cli
    cld
    /* There is no stack yet, and without one no way to learn where we are. Both info structures
       have a 32-bit word at offset 4 that can hold one return address. */
    movl %eax, %edi
    movl 4(%ebx), %edx
    leal 8(%ebx), %esp
    call 1f
1:  popl %ebp
    subl $(1b - mb2_header), %ebp       /* %ebp: where the image starts */
    movl %edx, 4(%ebx)
    leal RVA(boot_stack_end)(%ebp), %esp
    pushl %ebx
    pushl %edi

    /* Long mode there at all? */
    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb no_long_mode
    movl $0x80000001, %eax
    cpuid
    btl $29, %edx
    jnc no_long_mode
    movl %edx, %esi                     /* bit 20: NX */

    /* Clear the six tables, then 4 x 512 large pages at 0 and the image's first GiB. */
    leal RVA(boot_tables)(%ebp), %edi
    xorl %eax, %eax
    movl $(6 * 1024), %ecx
    rep stosl
    leal RVA(boot_tables)(%ebp), %edi
    leal (0x1000 + 3)(%edi), %eax       /* pml4[0] -> low pdpt, pml4[511] -> the same */
    movl %eax, (%edi)
    movl %eax, 511*8(%edi)
    leal (0x2000 + 3)(%edi), %eax
    movl $4, %ecx
    leal 0x1000(%edi), %edx
2:  movl %eax, (%edx)                   /* pdpt[0..3] */
    addl $0x1000, %eax
    addl $8, %edx
    loop 2b
    leal 0x2000(%edi), %edx
    movl $0x83, %eax
    movl $2048, %ecx
3:  movl %eax, (%edx)
    addl $0x200000, %eax
    addl $8, %edx
    loop 3b
    /* pdpt[510] (top 2 GiB) wants a directory of its own: 16 large pages for the image. It lies
       behind the others. */
    leal RVA(boot_image_pd)(%ebp), %edx
    leal 3(%edx), %eax
    movl %eax, (0x1000 + 510*8)(%edi)
    leal 0x83(%ebp), %eax
    movl $16, %ecx
4:  movl %eax, (%edx)
    movl $0, 4(%edx)
    addl $0x200000, %eax
    addl $8, %edx
    loop 4b

    movl %cr4, %eax
    orl $0x20, %eax                     /* PAE */
    movl %eax, %cr4
    movl %edi, %cr3
    movl $0xc0000080, %ecx              /* EFER: LME, NXE where there is NX, SCE */
    rdmsr
    orl $0x101, %eax
    btl $20, %esi
    jnc 5f
    orl $0x800, %eax
5:  wrmsr
    popl %esi                           /* magic */
    popl %edi                           /* info */
    movl $0x80010033, %eax              /* PG WP NE ET MP PE */
    movl %eax, %cr0

    leal RVA(boot_gdt)(%ebp), %eax
    movl %eax, RVA(boot_gdt_pointer + 2)(%ebp)
    lgdt RVA(boot_gdt_pointer)(%ebp)
    leal RVA(long_mode)(%ebp), %eax
    pushl $KERNEL_CS
    pushl %eax
    lret

no_long_mode:
    leal RVA(no_long_mode_text)(%ebp), %esi
6:  movw $0x3fd, %dx
    inb %dx, %al
    testb $0x20, %al
    jz 6b
    movw $0x3f8, %dx
    lodsb
    testb %al, %al
    jz 7f
    outb %al, %dx
    jmp 6b
7:  hlt
    jmp 7b

    .code64
long_mode:
    movl $KERNEL_DS, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    /* From the identity map to the link address. */
    movq $TENON_LINK_BASE, %rax
    leaq RVA(boot_stack_end)(%rax), %rsp
    leaq RVA(linked)(%rax), %rcx
    jmp *%rcx
linked:
    lgdt boot_gdt_pointer_linked(%rip)
    /* start_linked(magic, info, image_phys) */
    movl %edi, %eax
    movl %esi, %edi
    movl %eax, %esi
    movl %ebp, %edx
    xorl %ebp, %ebp
    call start_linked
    ud2

    /* start_enter(start_root, entry, stack, image_entry, argument, link_minus_phys): into the image at
       its final place. This code is mapped at its old address in the old tables only, so the change
       of the image's root entry happens in the identity map, which start_root keeps. */
    .globl start_enter
    .hidden start_enter
start_enter:
    movq %rdx, %rsp
    xorl %ebp, %ebp
    leaq 1f(%rip), %rax
    subq %r9, %rax
    jmp *%rax
1:  movq %rcx, 511*8(%rdi)
    movq %rdi, %cr3
    movq %r8, %rdi
    pushq $0                            /* end of the frame chain; aligns the stack as a call does */
    jmp *%rsi

    .balign 8
boot_gdt:
    .quad 0, 0
    .quad 0x00af9b000000ffff            /* KERNEL_CS */
    .quad 0x00cf93000000ffff            /* KERNEL_DS */
boot_gdt_end:
no_long_mode_text:
    .asciz "TENON PANIC: this CPU has no long mode\r\n"

    .section .data, "aw"
    .balign 8
boot_gdt_pointer:
    .short boot_gdt_end - boot_gdt - 1
    .long 0
    .balign 8
boot_gdt_pointer_linked:
    .short boot_gdt_end - boot_gdt - 1
    .quad boot_gdt

    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 8, 18                      /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .quad PHYS(tenon_entry32)

    .section .bss.page_aligned, "aw", @nobits
    .balign 4096
boot_tables:
    .skip 6 * 4096
boot_image_pd:
    .skip 4096
    .globl boot_tables, boot_stack_guard, boot_stack
    .hidden boot_tables, boot_stack_guard, boot_stack
boot_stack_guard:                       /* unmapped in the final tables */
    .skip 4096
boot_stack:
    .skip BOOT_STACK_SIZE
boot_stack_end:
    .section .note.GNU-stack, "", @progbits
