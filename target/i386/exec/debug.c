/* Debug registers, breakpoints and single step (SDM vol. 3, chapter 17). */
#include "target/i386/exec/system.h"

#define DR6_BD (1u << 13)
#define DR6_BS (1u << 14)
#define DR6_WRITABLE 0xe00fu
#define DR6_ONES 0xffff0ff0u
#define DR7_ENABLED 0xffu
#define DR7_ONES 0x400u
#define DR7_ZEROS 0xd000u
enum { ON_EXECUTE, ON_WRITE, ON_IO, ON_ACCESS };

/* X86Exec.stepping; breakpoints that were hit stand above, as in DR6. */
enum { STEP_ACTIVE = 1 << 0, STEP_TF = 1 << 1, STEP_SHADOW = 1 << 2, STEP_RF = 1 << 3, STEP_NO_TRAP = 1 << 4, STEP_HIT_SHIFT = 8 };

static bool enabled(const X86CPUState *env, unsigned i)
{
    return env->dr[7] >> i * 2 & 3;
}

static unsigned kind_of(const X86CPUState *env, unsigned i)
{
    return env->dr[7] >> (16 + i * 4) & 3;
}

static unsigned length_of(const X86CPUState *env, unsigned i)
{
    static const uint8_t lengths[] = { 1, 2, 8, 4 };

    return lengths[env->dr[7] >> (18 + i * 4) & 3];
}

/* The enabled breakpoints of the kinds (bits) that [address, address + length) touches. */
static unsigned hits(const X86CPUState *env, uint64_t address, unsigned length, unsigned kinds)
{
    unsigned result = 0;

    for (unsigned i = 0; i < 4; i++) {
        uint64_t size = length_of(env, i), at = env->dr[i] & ~(size - 1);

        if (enabled(env, i) && kinds >> kind_of(env, i) & 1 && address < at + size && at < address + length) {
            result |= 1 << i;
        }
    }
    return result;
}

void x86_shadow(X86Exec *x, bool no_trap)
{
    x->env->hflags |= 1u << HF_INHIBIT_IRQ_SHIFT;
    x->stepping |= no_trap ? STEP_NO_TRAP : 0;
    x86_recheck(x);
}

bool x86_steps(const X86Exec *x)
{
    const X86CPUState *env = x->env;

    return unlikely(env->eflags & (FLAG_TF | FLAG_RF) || env->hflags & 1u << HF_INHIBIT_IRQ_SHIFT || env->dr[7] & DR7_ENABLED);
}

void x86_step_before(X86Exec *x)
{
    X86CPUState *env = x->env;
    uint64_t linear = x86_long_code(x) ? x->eip : (uint32_t)(env->segs[R_CS].base + x->eip);
    unsigned found;

    x->stepping = STEP_ACTIVE | (env->eflags & FLAG_TF ? STEP_TF : 0) | (env->eflags & FLAG_RF ? STEP_RF : 0) |
                  (env->hflags & 1u << HF_INHIBIT_IRQ_SHIFT ? STEP_SHADOW : 0);
    if (!(env->dr[7] & DR7_ENABLED) || env->eflags & FLAG_RF) {
        return;
    }
    found = hits(env, linear, 1, 1 << ON_EXECUTE);
    if (found) {
        env->dr[6] |= found;
        x86_raise(x, EXCP_DB);
    }
}

void x86_step_after(X86Exec *x)
{
    uint32_t step = x->stepping, trap = step >> STEP_HIT_SHIFT & 15;

    x->stepping = 0;
    if (step & STEP_RF) {
        x->env->eflags &= ~(uint64_t)FLAG_RF;
    }
    if (step & STEP_SHADOW) {
        x->env->hflags &= ~(1u << HF_INHIBIT_IRQ_SHIFT);
        x86_recheck(x);
    }
    if (step & STEP_TF) {
        trap |= DR6_BS;
    }
    if (trap && !(step & STEP_NO_TRAP)) {
        x86_debug_trap(x, trap);
    }
}

void x86_step_paused(X86Exec *x)
{
    if (x->stepping & STEP_TF || x->stepping >> STEP_HIT_SHIFT & 15) {
        x->env->eflags |= FLAG_RF;
    }
    x->stepping &= ~STEP_RF;
    x86_step_after(x);
}

void x86_step_restart(X86Exec *x)
{
    bool tf = x->env->eflags & FLAG_TF;

    if (x->stepping & STEP_ACTIVE) {
        x->stepping = (x->stepping & ~STEP_TF) | (tf ? STEP_TF : 0);
    } else if (tf) {
        x->op = NULL;
        x86_debug_trap(x, DR6_BS);
    }
}

void x86_step_keep_rf(X86Exec *x)
{
    x->stepping &= ~STEP_RF;
}

void x86_debug_trap(X86Exec *x, uint64_t dr6)
{
    x->env->dr[6] |= dr6;
    x86_exception(x, EXCP_DB, false, 0);
}

bool x86_debug_watches(const X86Exec *x, uint64_t linear_page)
{
    return x->env->dr[7] & DR7_ENABLED &&
           hits(x->env, linear_page & ~(TARGET_PAGE_SIZE - 1), TARGET_PAGE_SIZE, 1 << ON_WRITE | 1 << ON_ACCESS);
}

void x86_debug_access(X86Exec *x, uint64_t linear, unsigned length, bool is_write)
{
    x->stepping |= hits(x->env, linear, length, is_write ? 1 << ON_WRITE | 1 << ON_ACCESS : 1 << ON_ACCESS) << STEP_HIT_SHIFT;
}

void x86_debug_io(X86Exec *x, uint16_t port, unsigned size)
{
    if (unlikely(x->env->dr[7] & DR7_ENABLED) && x->env->cr[4] & CR4_DE) {
        x->stepping |= hits(x->env, port, size, 1 << ON_IO) << STEP_HIT_SHIFT;
    }
}

/* Pages under watch come and go. */
static void flush_watched(X86Exec *x)
{
    for (unsigned i = 0; i < 4; i++) {
        if (enabled(x->env, i)) {
            x86_tlb_flush_page(x, x->env->dr[i]);
            x86_tlb_flush_page(x, x->env->dr[i] + 7);
        }
    }
}

static void update_io_flag(X86Exec *x)
{
    bool io = false;

    for (unsigned i = 0; i < 4; i++) {
        io |= enabled(x->env, i) && kind_of(x->env, i) == ON_IO;
    }
    x->env->hflags = (x->env->hflags & ~(1u << HF_IOBPT_SHIFT)) | (io ? 1u << HF_IOBPT_SHIFT : 0);
}

static void write_dr(X86Exec *x, unsigned n, uint64_t value)
{
    X86CPUState *env = x->env;

    if (n >= 6 && value >> 32) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    if (n == 6) {
        env->dr[6] = (value & DR6_WRITABLE) | DR6_ONES;
        return;
    }
    flush_watched(x);
    env->dr[n] = n == 7 ? (value & ~(uint64_t)DR7_ZEROS) | DR7_ONES : value;
    flush_watched(x);
    update_io_flag(x);
}

/* DR4 and DR5 are other names of DR6 and DR7 unless CR4.DE is set. */
void x86_insn_mov_dr(X86Exec *x, const X86Op *op)
{
    unsigned n = op->reg, size = x86_long_code(x) ? 8 : 4;

    if (n > 7 || ((n == 4 || n == 5) && x->env->cr[4] & CR4_DE)) {
        x86_raise(x, EXCP_UD);
    }
    n = n == 4 || n == 5 ? n + 2 : n;
    x86_need_cpl0(x);
    if (x->env->dr[7] & DR7_GD) {
        x->env->dr[6] |= DR6_BD;
        x86_raise(x, EXCP_DB);
    }
    if (op->flags & X86_OP_TO_REG) {
        write_dr(x, n, x86_get(x, op->rm, size));
    } else {
        x86_put(x, op->rm, x->env->dr[n], size);
    }
}
