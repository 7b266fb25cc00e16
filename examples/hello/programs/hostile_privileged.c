/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Instructions that only a kernel may execute, and ports (Intel SDM vol. 3A, 5.9; vol. 1, 19.5).
 */
#include "attempt.h"

ATTEMPT_CODE(do_cli, "cli");
ATTEMPT_CODE(do_sti, "sti");
ATTEMPT_CODE(do_hlt, "hlt");
ATTEMPT_CODE(do_read_cr0, "movq %cr0, %rax");
ATTEMPT_CODE(do_write_cr0, "movl $0x33, %eax; movq %rax, %cr0");
ATTEMPT_CODE(do_write_cr2, "movq %rdi, %cr2");
ATTEMPT_CODE(do_read_cr3, "movq %cr3, %rax");
ATTEMPT_CODE(do_write_cr3, "xorl %eax, %eax; movq %rax, %cr3");
ATTEMPT_CODE(do_write_cr4, "xorl %eax, %eax; movq %rax, %cr4");
ATTEMPT_CODE(do_write_cr8, "xorl %eax, %eax; movq %rax, %cr8");
ATTEMPT_CODE(do_clts, "clts");
ATTEMPT_CODE(do_lmsw, "xorl %eax, %eax; lmsw %ax");
ATTEMPT_CODE(do_rdmsr, "movl %edi, %ecx; rdmsr");
ATTEMPT_CODE(do_wrmsr, "movl %edi, %ecx; xorl %eax, %eax; xorl %edx, %edx; wrmsr");
ATTEMPT_CODE(do_lgdt, "lgdt -16(%rsp)");
ATTEMPT_CODE(do_lidt, "lidt -16(%rsp)");
ATTEMPT_CODE(do_lldt, "xorl %eax, %eax; lldt %ax");
ATTEMPT_CODE(do_ltr, "xorl %eax, %eax; ltr %ax");
ATTEMPT_CODE(do_invlpg, "invlpg (%rsp)");
ATTEMPT_CODE(do_invd, "invd");
ATTEMPT_CODE(do_wbinvd, "wbinvd");
ATTEMPT_CODE(do_swapgs, "swapgs");
ATTEMPT_CODE(do_sysretq, "leaq 1f(%rip), %rcx; movl $0x202, %r11d; sysretq; 1:");
ATTEMPT_CODE(do_write_dr7, "xorl %eax, %eax; movq %rax, %dr7");
ATTEMPT_CODE(do_read_dr0, "movq %dr0, %rax");
ATTEMPT_CODE(do_iretq, "movq %rsp, %rax; pushq $0x10; pushq %rax; pushq $2; pushq $0x08; leaq 1f(%rip), %rax;"
                       "pushq %rax; iretq; 1:");
ATTEMPT_CODE(do_lretq, "pushq $0x08; leaq 1f(%rip), %rax; pushq %rax; lretq; 1: popq %rax; popq %rax");
ATTEMPT_CODE(do_rsm, "rsm");
ATTEMPT_CODE(do_in, "movl %edi, %edx; inb %dx, %al");
ATTEMPT_CODE(do_out, "movl %edi, %edx; movb $0x10, %al; outb %al, %dx");
ATTEMPT_CODE(do_in32, "movl %edi, %edx; inl %dx, %eax");
ATTEMPT_CODE(do_out_immediate, "outb %al, $0x80");
ATTEMPT_CODE(do_insb, "movl %edi, %edx; leaq -64(%rsp), %rdi; movl $4, %ecx; rep insb");
ATTEMPT_CODE(do_outsb, "movl %edi, %edx; movq %rsp, %rsi; movl $4, %ecx; rep outsb");

/* What these do depends on the CPU, also on whether it has them. None may do harm. */
ATTEMPT_CODE(do_xsetbv, "xorl %ecx, %ecx; xorl %edx, %edx; movl $7, %eax; xsetbv");
ATTEMPT_CODE(do_monitor, "movq %rsp, %rax; xorl %ecx, %ecx; xorl %edx, %edx; monitor");
ATTEMPT_CODE(do_mwait, "xorl %eax, %eax; xorl %ecx, %ecx; mwait");
ATTEMPT_CODE(do_vmcall, "xorl %eax, %eax; vmcall");
ATTEMPT_CODE(do_vmmcall, "xorl %eax, %eax; vmmcall");
ATTEMPT_CODE(do_vmrun, "xorl %eax, %eax; vmrun");
ATTEMPT_CODE(do_sysexit, "leaq 1f(%rip), %rdx; movq %rsp, %rcx; sysexitq; 1:");
ATTEMPT_CODE(do_sgdt, "sgdt -16(%rsp)");
ATTEMPT_CODE(do_sidt, "sidt -16(%rsp)");
ATTEMPT_CODE(do_smsw, "smsw %rax");
ATTEMPT_CODE(do_str, "str %rax");
ATTEMPT_CODE(do_invpcid,
             "movl $2, %eax; xorl %ecx, %ecx; pushq $0; pushq $0; invpcid (%rsp), %rax; popq %rax;"
             "popq %rax");
ATTEMPT_CODE(do_clac, "clac");
ATTEMPT_CODE(do_stac, "stac");

uint32_t attempt_privileged(void)
{
    static const struct attempt instructions[] = {
        {"cli", REPORTED, do_cli, 0},
        {"sti", REPORTED, do_sti, 0},
        {"hlt", REPORTED, do_hlt, 0},
        {"read CR0", REPORTED, do_read_cr0, 0},
        {"write CR0", REPORTED, do_write_cr0, 0},
        {"write CR2", REPORTED, do_write_cr2, 0},
        {"read CR3", REPORTED, do_read_cr3, 0},
        {"write CR3", REPORTED, do_write_cr3, 0},
        {"write CR4", REPORTED, do_write_cr4, 0},
        {"write CR8", REPORTED, do_write_cr8, 0},
        {"clts", REPORTED, do_clts, 0},
        {"lmsw", REPORTED, do_lmsw, 0},
        {"rdmsr EFER", REPORTED, do_rdmsr, 0xc0000080},
        {"wrmsr EFER", REPORTED, do_wrmsr, 0xc0000080},
        {"wrmsr LSTAR", REPORTED, do_wrmsr, 0xc0000082},
        {"wrmsr KERNEL_GS_BASE", REPORTED, do_wrmsr, 0xc0000102},
        {"wrmsr APIC_BASE", REPORTED, do_wrmsr, 0x1b},
        {"wrmsr reserved", REPORTED, do_wrmsr, 0xdeadbeef},
        {"lgdt", REPORTED, do_lgdt, 0},
        {"lidt", REPORTED, do_lidt, 0},
        {"lldt", REPORTED, do_lldt, 0},
        {"ltr", REPORTED, do_ltr, 0},
        {"invlpg", REPORTED, do_invlpg, 0},
        {"invd", REPORTED, do_invd, 0},
        {"wbinvd", REPORTED, do_wbinvd, 0},
        {"swapgs", REPORTED, do_swapgs, 0},
        {"sysretq", REPORTED, do_sysretq, 0},
        {"write DR7", REPORTED, do_write_dr7, 0},
        {"read DR0", REPORTED, do_read_dr0, 0},
        {"rsm", REPORTED, do_rsm, 0},
    };
    static const struct attempt ports[] = {
        {"in from the serial port", REPORTED, do_in, 0x3f8},
        {"out to the exit device", REPORTED, do_out, 0xf4},
        {"out to the keyboard controller", REPORTED, do_out, 0x64},
        {"out to the reset register", REPORTED, do_out, 0xcf9},
        {"out to an immediate port", REPORTED, do_out_immediate, 0},
        {"in, 32 bits, PCI configuration", REPORTED, do_in32, 0xcfc},
        {"in, 32 bits, across the last port", REPORTED, do_in32, 0xffff},
        {"rep insb", REPORTED, do_insb, 0x3f8},
        {"rep outsb", REPORTED, do_outsb, 0x3f8},
    };
    static const struct attempt models[] = {
        /* QEMU 7.2 reads the frame of these two with kernel rights: a page fault under SMAP, not #GP. */
        {"iretq to ring 0", REFUSED, do_iretq, 0},
        {"lretq to ring 0", REFUSED, do_lretq, 0},
        {"xsetbv", REFUSED, do_xsetbv, 0},
        {"monitor", SURVIVED, do_monitor, 0},
        {"mwait", SURVIVED, do_mwait, 0},
        {"vmcall", SURVIVED, do_vmcall, 0},
        {"vmmcall", SURVIVED, do_vmmcall, 0},
        {"vmrun", REFUSED, do_vmrun, 0},
        {"sysexit", REFUSED, do_sysexit, 0},
        {"sgdt", SURVIVED, do_sgdt, 0},
        {"sidt", SURVIVED, do_sidt, 0},
        {"smsw", SURVIVED, do_smsw, 0},
        {"str", SURVIVED, do_str, 0},
        {"invpcid", REFUSED, do_invpcid, 0},
        {"clac", REFUSED, do_clac, 0},
        {"stac", REFUSED, do_stac, 0},
    };
    return make_attempts("privileged instructions", instructions, COUNT_OF(instructions)) +
           make_attempts("ports", ports, COUNT_OF(ports)) +
           make_attempts("instructions that CPUs do not agree on", models, COUNT_OF(models));
}
