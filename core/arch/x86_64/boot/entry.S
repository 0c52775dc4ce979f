    .section .text.boot, "ax"
    .code32
    .globl tenon_entry32
    .hidden tenon_entry32
tenon_entry32:
    cli
1:  hlt
    jmp 1b
    .code64
    call kernel_main
    .section .note.GNU-stack, "", @progbits
