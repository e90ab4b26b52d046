/* The state of an x86 CPU at reset, and what follows from it. */
#include "target/i386/cpu-state.h"

#include <string.h>

/* Descriptor flags in the upper dword: present, S, and type. */
enum { SEG_DATA = 0x9300, SEG_CODE = 0x9b00, SEG_LDT = 0x8200, SEG_TSS = 0x8b00 };
enum { DESC_B = 1 << 22, DESC_L = 1 << 21, DESC_DPL_SHIFT = 13 };
#define CR0_RESET 0x60000010u       /* CD, NW, ET */
#define CR0_PE 0x1u
#define CR4_OSFXSR 0x200u
#define CR4_UMIP 0x800u
#define CR4_OSXSAVE 0x40000u
#define CR4_SMAP 0x200000u
#define XCR0_SSE_AVX 6u
#define EFER_LMA 0x400u
#define EFER_SVME 0x1000u
#define EFLAGS_TF 0x100u
#define EFLAGS_IOPL 0x3000u
#define EFLAGS_VM 0x20000u

static SegmentCache segment(uint32_t selector, uint64_t base, uint32_t flags)
{
    return (SegmentCache){ .selector = selector, .base = base, .limit = 0xffff, .flags = flags };
}

void x86_cpu_state_reset(X86CPUState *env, uint32_t edx)
{
    memset(env, 0, sizeof(*env));
    env->regs[R_EDX] = edx;
    env->eip = 0xfff0;
    env->eflags = 2;
    env->cr[0] = CR0_RESET;
    env->segs[R_CS] = segment(0xf000, 0xffff0000, SEG_CODE);
    for (unsigned i = 0; i < CPU_SEGMENTS; i++) {
        if (i != R_CS) {
            env->segs[i] = segment(0, 0, SEG_DATA);
        }
    }
    env->ldt = segment(0, 0, SEG_LDT);
    env->tr = segment(0, 0, SEG_TSS);
    env->gdt = env->idt = segment(0, 0, 0);
    env->dr[6] = 0xffff0ff0;
    env->dr[7] = 0x400;
    env->fpuc = 0x37f;
    env->fptags = 0xff;
    env->mxcsr = 0x1f80;
    env->a20_mask = -1;
    env->smbase = 0x30000;
    env->pat = 0x0007040600070406ull;
    env->hflags = x86_cpu_state_hflags(env);
    env->hflags2 = HF2_GIF | HF2_VGIF;
    env->interrupt_injected = -1;
    env->exception_nr = -1;
    env->mcg_cap = 0x100010a;
    env->mcg_ctl = UINT64_MAX;
    for (unsigned i = 0; i < sizeof(env->mce_banks) / sizeof(env->mce_banks[0]); i += 4) {
        env->mce_banks[i] = UINT64_MAX;     /* each bank's control register */
    }
    env->xcr0 = 1;
    env->msr_ia32_misc_enable = 1;          /* fast strings */
}

uint32_t x86_cpu_state_hflags(const X86CPUState *env)
{
    uint32_t derived = HF_CPL_MASK | 1u << HF_CS32_SHIFT | 1u << HF_SS32_SHIFT | 1u << HF_ADDSEG_SHIFT | 1u << HF_PE_SHIFT |
                       7u << HF_MP_SHIFT | 3u << HF_IOPL_SHIFT | 1u << HF_LMA_SHIFT | 1u << HF_CS64_SHIFT | 1u << HF_TF_SHIFT |
                       1u << HF_VM_SHIFT | 1u << HF_SVME_SHIFT | 1u << HF_OSFXSR_SHIFT | 1u << HF_SMAP_SHIFT |
                       1u << HF_UMIP_SHIFT | 1u << HF_AVX_EN_SHIFT;
    const SegmentCache *cs = &env->segs[R_CS], *ss = &env->segs[R_SS];
    uint32_t h = env->hflags & ~derived;

    h |= ss->flags >> DESC_DPL_SHIFT & HF_CPL_MASK;
    h |= (env->cr[0] & CR0_PE) << HF_PE_SHIFT;
    h |= (env->cr[0] << (HF_MP_SHIFT - 1)) & (7u << HF_MP_SHIFT);   /* MP, EM, TS stand side by side in CR0 too */
    h |= env->eflags & (EFLAGS_TF | EFLAGS_VM | EFLAGS_IOPL);
    h |= env->cr[4] & CR4_OSFXSR ? 1u << HF_OSFXSR_SHIFT : 0;
    h |= env->cr[4] & CR4_SMAP ? 1u << HF_SMAP_SHIFT : 0;
    h |= env->cr[4] & CR4_UMIP ? 1u << HF_UMIP_SHIFT : 0;
    h |= env->cr[4] & CR4_OSXSAVE && (env->xcr0 & XCR0_SSE_AVX) == XCR0_SSE_AVX ? 1u << HF_AVX_EN_SHIFT : 0;
    h |= env->efer & EFER_SVME ? 1u << HF_SVME_SHIFT : 0;
    h |= env->efer & EFER_LMA ? 1u << HF_LMA_SHIFT : 0;
    if (env->efer & EFER_LMA && cs->flags & DESC_L) {
        return h | 1u << HF_CS32_SHIFT | 1u << HF_SS32_SHIFT | 1u << HF_CS64_SHIFT;
    }
    h |= cs->flags & DESC_B ? 1u << HF_CS32_SHIFT : 0;
    h |= ss->flags & DESC_B ? 1u << HF_SS32_SHIFT : 0;
    if (!(env->cr[0] & CR0_PE) || env->eflags & EFLAGS_VM || !(h & 1u << HF_CS32_SHIFT)) {
        h |= 1u << HF_ADDSEG_SHIFT;
    } else {
        h |= (env->segs[R_DS].base | env->segs[R_ES].base | ss->base) != 0 ? 1u << HF_ADDSEG_SHIFT : 0;
    }
    return h;
}
