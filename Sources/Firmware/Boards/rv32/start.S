# QEMU's virt board jumps to the start of its memory.
    .section .text.start
    .globl _start
_start:
    la sp, stack_top
    la a0, bss_start
    la a1, bss_end
1:  bgeu a0, a1, 2f
    sw zero, 0(a0)
    addi a0, a0, 4
    j 1b
2:  call main
3:  j 3b

# void cue_semihost_write(const char *text): QEMU writes the text to its log. The three instructions are
# the mark by which it knows the call.
    .section .text
    .option push
    .option norvc
    .balign 16
    .globl cue_semihost_write
cue_semihost_write:
    mv a1, a0
    li a0, 4
    slli zero, zero, 0x1f
    ebreak
    srai zero, zero, 7
    ret
    .option pop
