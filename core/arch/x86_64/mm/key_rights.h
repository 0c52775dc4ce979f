/* The rights to protection keys, for assembly and C++. Spec: Intel SDM 3A 4.6.2. */
#pragma once

#define MSR_PKRS 0x6e1
#define RIGHTS_OF_MODULES 8 /* key 1: write disabled */

#ifdef __ASSEMBLER__
/* Changes eax, ecx, edx. */
    .macro SET_RIGHTS rights
    movl $MSR_PKRS, %ecx
    movl \rights, %eax
    xorl %edx, %edx
    wrmsr
    .endm
#endif
