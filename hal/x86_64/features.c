/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the CPU can do (CPUID, Intel SDM vol. 2A), and its control registers set accordingly (U5): every
 * protection that it has is on, and every bit that no reason is given for here is off.
 */
#include "hal/vector_image.h"
#include "insn.h"
#include "parts.h"
#include "trap.h"

#include <string.h>

#include "hal/machine.h"
#include "hal/user.h"

struct x86_features x86_features;
uint8_t x86_smap_on;

/* SDM vol. 3A, 2.5. */
#define CR0_PE (UINT64_C(1) << 0)
#define CR0_MP (UINT64_C(1) << 1)
#define CR0_ET (UINT64_C(1) << 4)
#define CR0_NE (UINT64_C(1) << 5)
#define CR0_WP (UINT64_C(1) << 16)
#define CR0_AM (UINT64_C(1) << 18)
#define CR0_PG (UINT64_C(1) << 31)

#define CR4_DE         (UINT64_C(1) << 3)
#define CR4_PAE        (UINT64_C(1) << 5)
#define CR4_MCE        (UINT64_C(1) << 6)
#define CR4_OSFXSR     (UINT64_C(1) << 9)
#define CR4_OSXMMEXCPT (UINT64_C(1) << 10)
#define CR4_UMIP       (UINT64_C(1) << 11)
#define CR4_PCIDE      (UINT64_C(1) << 17)
#define CR4_OSXSAVE    (UINT64_C(1) << 18)
#define CR4_SMEP       (UINT64_C(1) << 20)
#define CR4_SMAP       (UINT64_C(1) << 21)

#define EFER_SCE (UINT64_C(1) << 0)
#define EFER_LME (UINT64_C(1) << 8)
#define EFER_LMA (UINT64_C(1) << 10)
#define EFER_NXE (UINT64_C(1) << 11)

/* SDM vol. 4, table 2-2. */
#define MSR_SYSENTER_CS 0x174u
#define MSR_EFER        0xc0000080u
#define MSR_STAR        0xc0000081u
#define MSR_LSTAR       0xc0000082u
#define MSR_CSTAR       0xc0000083u
#define MSR_FMASK       0xc0000084u

/* Memory types (SDM vol. 3A, table 11-10) by enum hal_cache: PWT and PCD alone choose, since the half that
 * the PAT bit chooses is the same. Entries 0 and 3 are what they are after reset: mappings from before go on.
 */
#define PAT_UC   UINT64_C(0x00)
#define PAT_WC   UINT64_C(0x01)
#define PAT_WT   UINT64_C(0x04)
#define PAT_WB   UINT64_C(0x06)
#define PAT_HALF (PAT_UC << 24 | PAT_WT << 16 | PAT_WC << 8 | PAT_WB)
#define PAT      (PAT_HALF << 32 | PAT_HALF)

/* All flags that SYSCALL can clear: CF, PF, AF, ZF, SF, TF, IF, DF, OF, IOPL, NT, RF, VM, AC, VIF, VIP, ID.
 */
#define SYSCALL_FLAGS_CLEARED UINT64_C(0x3f7fd5)

/* Of a sum over sizes and offsets, which differs where one of them does. */
#define LAYOUT_FACTOR UINT64_C(0x9e3779b97f4a7c15)

static bool bit(uint32_t word, unsigned number)
{
    return (word >> number & 1) != 0;
}

/* The components that the kernel can save in HAL_VECTOR_SIZE_MAX bytes (SDM vol. 1, 13.2 and 13.3). AVX-512
 * is all three of its components, and nothing without AVX. */
static void find_vector_state(struct x86_features *f)
{
    const struct x86_cpuid leaf = x86_cpuid(0xd, 0);
    uint64_t xcr0 = ((uint64_t)leaf.edx << 32 | leaf.eax) &
                    (X86_XCR0_X87 | X86_XCR0_SSE | X86_XCR0_AVX | X86_XCR0_AVX512);

    if ((xcr0 & X86_XCR0_AVX) == 0 || (xcr0 & X86_XCR0_AVX512) != X86_XCR0_AVX512) {
        xcr0 &= ~X86_XCR0_AVX512;
    }
    f->xcr0 = xcr0;
    for (unsigned component = 2; component < 64; component++) {
        if ((xcr0 >> component & 1) != 0) {
            const struct x86_cpuid place = x86_cpuid(0xd, component);

            f->xsave_layout = (f->xsave_layout * LAYOUT_FACTOR + place.eax) * LAYOUT_FACTOR + place.ebx;
        }
    }
}

static void find(struct x86_features *f)
{
    const uint32_t leaves = x86_cpuid(0, 0).eax;
    const uint32_t extended = x86_cpuid(0x80000000, 0).eax;
    const struct x86_cpuid basic = x86_cpuid(1, 0);

    f->xsave = bit(basic.ecx, 26) && leaves >= 0xd;
    f->x2apic = bit(basic.ecx, 21);
    f->tsc_deadline = bit(basic.ecx, 24);
    if (leaves >= 7) {
        const struct x86_cpuid seven = x86_cpuid(7, 0);
        f->smep = bit(seven.ebx, 7);
        f->smap = bit(seven.ebx, 20);
        f->umip = bit(seven.ecx, 2);
        f->pcid = bit(basic.ecx, 17) && bit(seven.ebx, 10); /* of no use without INVPCID */
    }
    if (extended >= 0x80000001) {
        f->pages_1g = bit(x86_cpuid(0x80000001, 0).edx, 26);
    }
    f->tsc_invariant = extended >= 0x80000007 && bit(x86_cpuid(0x80000007, 0).edx, 8);
    /* "AuthenticAMD"; newer ones save the pointers always (AMD APM vol. 3, CPUID Fn8000_0008_EBX[2]). */
    f->fpu_pointer_leak = x86_cpuid(0, 0).ebx == 0x68747541 &&
                          !(extended >= 0x80000008 && bit(x86_cpuid(0x80000008, 0).ebx, 2));
    if (f->xsave) {
        find_vector_state(f);
    }
}

void x86_features_find(void)
{
    find(&x86_features);
}

/* The registers are set, and vector images laid out, as the boot CPU's features ask. */
bool x86_features_same(void)
{
    const struct x86_features *boot = &x86_features;
    struct x86_features own = {0};

    find(&own);
    return own.xsave == boot->xsave && own.smep == boot->smep && own.smap == boot->smap &&
           own.umip == boot->umip && own.pages_1g == boot->pages_1g && own.x2apic == boot->x2apic &&
           own.pcid == boot->pcid && own.tsc_deadline == boot->tsc_deadline &&
           own.tsc_invariant == boot->tsc_invariant && own.xcr0 == boot->xcr0 &&
           own.xsave_layout == boot->xsave_layout && own.fpu_pointer_leak == boot->fpu_pointer_leak;
}

void x86_control_init(void)
{
    struct x86_features *f = &x86_features;

    f->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
    /* MCE: a machine check is then reported; without it the CPU shuts down. DE: no I/O breakpoints by DR4 and
     * DR5 aliases. Not FSGSBASE: user code could then change bases without the kernel's checks. Not PGE: a
     * write to CR3 shall flush what it can. PCIDE asks for PCID 0 in CR3, where firmware may have set other
     * bits. Not TSD, PCE: RDTSC is the user's, RDPMC is not. */
    f->cr4 = CR4_DE | CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT | (f->xsave ? CR4_OSXSAVE : 0) |
             (f->smep ? CR4_SMEP : 0) | (f->smap ? CR4_SMAP : 0) | (f->umip ? CR4_UMIP : 0) |
             (f->pcid ? CR4_PCIDE : 0);
    f->efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
    x86_wrmsr(MSR_EFER, f->efer);
    x86_write_cr0(f->cr0);
    x86_write_cr3(hal_pte_target(x86_read_cr3()).value);
    x86_write_cr4(f->cr4);
    if (f->pcid) { /* firmware may have used others */
        x86_invpcid(X86_INVPCID_EVERYTHING, 0, 0);
    }
    f->pat = PAT;
    x86_wrmsr(X86_MSR_PAT, f->pat);
    /* Debug registers: nothing armed, all status bits off (SDM vol. 3B, 17.2). */
    x86_write_dr7(0x400);
    x86_write_dr6(0xffff0ff0);
    x86_smap_on = f->smap ? 1 : 0;
}

/* From the registers, not from what they were meant to be: what is named here is on. */
void x86_control_report(unsigned cpu)
{
    const uint64_t cr0 = x86_read_cr0(), cr4 = x86_read_cr4();

    x86_print("keel: cpu %u:%s%s%s%s%s%s%s\n", (uint64_t)cpu, (cr0 & CR0_WP) != 0 ? " WP" : "",
              (x86_rdmsr(MSR_EFER) & EFER_NXE) != 0 ? " NX" : "", (cr4 & CR4_SMEP) != 0 ? " SMEP" : "",
              (cr4 & CR4_SMAP) != 0 ? " SMAP" : "", (cr4 & CR4_UMIP) != 0 ? " UMIP" : "",
              (cr4 & CR4_OSXSAVE) != 0 ? " XSAVE" : "", (cr4 & CR4_PCIDE) != 0 ? " PCID" : "");
}

void x86_syscall_init(void)
{
    x86_wrmsr(MSR_STAR, (uint64_t)X86_SYSRET_BASE << 48 | (uint64_t)X86_KERNEL_CS << 32);
    x86_wrmsr(MSR_LSTAR, (uint64_t)(uintptr_t)x86_syscall_entry);
    x86_wrmsr(MSR_FMASK, SYSCALL_FLAGS_CLEARED);
    /* No 32-bit user code exists, so SYSCALL never comes from there; SYSENTER faults with a null selector. */
    x86_wrmsr(MSR_CSTAR, 0);
    x86_wrmsr(MSR_SYSENTER_CS, 0);
}

/* The image of a program that has just begun. */
static _Alignas(64) unsigned char first_image[HAL_VECTOR_SIZE_MAX];

/* FXSAVE tells which bits of MXCSR exist (SDM vol. 1, 11.6.6). */
static uint32_t find_mxcsr_mask(void)
{
    _Alignas(16) unsigned char image[X86_FXSAVE_SIZE];
    uint32_t mask;

    __asm__ volatile("fxsave64 %0" : "=m"(image));
    memcpy(&mask, image + 28, sizeof(mask));
    return mask;
}

bool x86_vector_registers_same(void)
{
    return find_mxcsr_mask() == x86_features.mxcsr_mask;
}

void x86_vector_registers_load(void)
{
    if (x86_features.xsave) {
        x86_write_xcr0(x86_features.xcr0);
    }
    hal_vector_load(first_image);
}

void x86_vector_registers_init(void)
{
    struct x86_features *f = &x86_features;

    f->vector_size = X86_FXSAVE_SIZE;
    if (f->xsave) {
        x86_write_xcr0(f->xcr0);
        f->vector_size = x86_cpuid(0xd, 0).ebx;
        if (f->vector_size > HAL_VECTOR_SIZE_MAX) {
            hal_panic("the CPU's vector state does not fit a vector image");
        }
    }
    f->mxcsr_mask = find_mxcsr_mask();
    hal_vector_init(first_image);
    x86_vector_registers_load();
}
