/* SPDX-License-Identifier: BSD-2-Clause
 *
 * User mode: the C half of hal_user_run. user_entry.S goes there, trap_entry.S comes back.
 */
#include "hal/user.h"

#include <stddef.h>

#include "insn.h"
#include "parts.h"
#include "percpu.h"
#include "trap.h"

#define MSR_FS_BASE        0xc0000100u
#define MSR_KERNEL_GS_BASE 0xc0000102u

#define FLAG_TF (UINT64_C(1) << 8)

/* user_entry.S and trap_entry.S know these. */
#define AT(field, offset) _Static_assert(offsetof(struct keel_user_regs, field) == (offset), "layout.h")
AT(rax, X86_REGS_RAX);
AT(rbx, X86_REGS_RBX);
AT(rcx, X86_REGS_RCX);
AT(rdx, X86_REGS_RDX);
AT(rsi, X86_REGS_RSI);
AT(rdi, X86_REGS_RDI);
AT(rbp, X86_REGS_RBP);
AT(rsp, X86_REGS_RSP);
AT(r8, X86_REGS_R8);
AT(r9, X86_REGS_R9);
AT(r10, X86_REGS_R10);
AT(r11, X86_REGS_R11);
AT(r12, X86_REGS_R12);
AT(r13, X86_REGS_R13);
AT(r14, X86_REGS_R14);
AT(r15, X86_REGS_R15);
AT(rip, X86_REGS_RIP);
AT(rflags, X86_REGS_RFLAGS);
#undef AT

/* Comes back with true from a system call, whose registers are stored, and with false when x86_trap_user or
 * x86_trap_iret has dealt with everything. */
bool x86_user_enter(const struct keel_user_regs *regs, bool by_sysret);

/* SYSRET is faster but takes RIP from RCX and RFLAGS from R11. With TF set the single-step trap could come in
 * the wrong place on some CPUs; IRET is exact. */
static bool may_sysret(const struct keel_user_regs *regs)
{
    return regs->rcx == regs->rip && regs->r11 == regs->rflags && regs->rip < KEEL_USER_END &&
           (regs->rflags & FLAG_TF) == 0;
}

/* A user may load the data segment registers with the user data selector; the next program shall not see it
 * (U3). Loading FS or GS also writes the base, so this stands between reading the user's bases and writing
 * new ones. */
static void clear_selectors(void)
{
    uint32_t ds, es, fs, gs;

    __asm__ volatile("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3"
                     : "=r"(ds), "=r"(es), "=r"(fs), "=r"(gs));
    if ((ds | es | fs) != 0) {
        __asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs" : : "r"(0) : "memory");
    }
    if (gs != 0) {
        struct x86_cpu *cpu = x86_this_cpu();

        /* An NMI between the two finds its own way to x86_cpu (trap_entry.S). */
        __asm__ volatile("mov %0, %%gs" : : "r"(0) : "memory");
        x86_wrmsr(X86_MSR_GS_BASE, (uint64_t)(uintptr_t)cpu);
    }
}

/* What the instructions of the entry leave to C. */
static void store_bases(struct keel_user_regs *regs)
{
    regs->fs_base = x86_rdmsr(MSR_FS_BASE);
    regs->gs_base = x86_rdmsr(MSR_KERNEL_GS_BASE);
    clear_selectors();
}

void hal_user_run(struct keel_user_regs *regs, struct keel_user_event *event)
{
    struct x86_cpu *cpu = x86_this_cpu();

    cpu->user_regs = regs;
    cpu->user_event = event;
    x86_wrmsr(MSR_FS_BASE, regs->fs_base);
    x86_wrmsr(MSR_KERNEL_GS_BASE, regs->gs_base);
    if (x86_user_enter(regs, may_sysret(regs))) {
        store_bases(regs);
        *event = (struct keel_user_event){.reason = KEEL_USER_SYSCALL};
    }
    cpu->user_regs = NULL;
    cpu->user_event = NULL;
}

static void store_registers(struct keel_user_regs *regs, const struct x86_frame *frame)
{
    *regs = (struct keel_user_regs){
        .rax = frame->rax,
        .rbx = frame->rbx,
        .rcx = frame->rcx,
        .rdx = frame->rdx,
        .rsi = frame->rsi,
        .rdi = frame->rdi,
        .rbp = frame->rbp,
        .rsp = frame->rsp,
        .r8 = frame->r8,
        .r9 = frame->r9,
        .r10 = frame->r10,
        .r11 = frame->r11,
        .r12 = frame->r12,
        .r13 = frame->r13,
        .r14 = frame->r14,
        .r15 = frame->r15,
        .rip = frame->rip,
        .rflags = frame->rflags,
    };
    store_bases(regs);
}

static struct keel_user_event exception(const struct x86_frame *frame, uint64_t cr2)
{
    return (struct keel_user_event){
        .reason = KEEL_USER_EXCEPTION,
        .vector = (uint32_t)frame->vector,
        .error = frame->error,
        .address = frame->vector == X86_VECTOR_PF ? cr2 : frame->rip,
    };
}

void x86_trap_user(struct x86_frame *frame)
{
    const uint64_t cr2 = x86_read_cr2();
    struct x86_cpu *cpu = x86_this_cpu();

    store_registers(cpu->user_regs, frame);
    if (frame->vector < X86_VECTOR_IRQ) {
        /* DR6 tells kinds of #DB apart and is never cleared by the CPU (SDM vol. 3B, 17.2.3). */
        if (frame->vector == X86_VECTOR_DB) {
            x86_write_dr6(0xffff0ff0);
        }
        *cpu->user_event = exception(frame, cr2);
    } else {
        *cpu->user_event = (struct keel_user_event){.reason = KEEL_USER_INTERRUPT};
        x86_interrupt(frame->vector);
    }
}

/* Sanitised registers cannot make IRETQ fault (hal_user_sanitise). If one ever does, the frame that it
 * refused still lies where it read it, and the program gets the exception as if it had come one instruction
 * later. */
void x86_trap_iret(struct x86_frame *frame)
{
    const uint64_t *refused = (const uint64_t *)frame->rsp;

    frame->rip = refused[0];
    frame->rflags = refused[2];
    frame->rsp = refused[3];
    frame->error = 0;
    x86_trap_user(frame);
}
