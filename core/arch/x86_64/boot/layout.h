// Numbers that assembly, the linker script and C++ must agree on.
#pragma once

#define TENON_LOAD_BASE 0x200000
#define TENON_LINK_BASE 0xffffffff80000000

// The descriptor table is Linux's, as programs see its user selectors in signal frames and ptrace.
#define KERNEL_CS 0x10
#define KERNEL_DS 0x18
#define USER_CS32 0x23
#define USER_DS 0x2b
#define USER_CS 0x33
#define GDT_TSS 0x40
#define GDT_CPU_NUMBER 0x7b

// Offset of `symbol` from the start of the image, and its physical address when not relocated.
#define RVA(symbol) ((symbol)-mb2_header)
#define PHYS(symbol) (TENON_LOAD_BASE + (symbol)-mb2_header)

#define BOOT_STACK_SIZE 16384
#ifndef __ASSEMBLER__
inline constexpr unsigned long kBootStackSize = BOOT_STACK_SIZE;
#endif
