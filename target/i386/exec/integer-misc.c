/* Integer instructions without operands: decimal adjustment, flags, and hints to the CPU. */
#include <sched.h>

#include "target/i386/exec/alu.h"
#include "target/i386/exec/engine.h"
#include "target/i386/exec/mem.h"

/* --- decimal --- */

void x86_decimal_adjust(X86Exec *x, const X86Op *op)
{
    uint32_t flags = x86_eflags(x), new = 0;
    uint8_t al = (uint8_t)x->regs[R_EAX], old = al;
    bool minus = op->id == X86_DAS, carry = flags & FLAG_CF;

    if ((al & 15) > 9 || flags & FLAG_AF) {
        if (minus ? old < 6 : old > 0xf9) {
            new |= FLAG_CF;
        }
        al = minus ? al - 6 : al + 6;
        new |= FLAG_AF;
    }
    new |= carry && minus ? FLAG_CF : 0;
    if (old > 0x99 || carry) {
        al = minus ? al - 0x60 : al + 0x60;
        new |= FLAG_CF;
    } else if (!minus) {
        new &= ~FLAG_CF;
    }
    x86_put(x, 8 * R_EAX, al, 1);
    x86_cc_mixed(x, x86_sign_extend(al, 1), new);
}

void x86_ascii_adjust(X86Exec *x, const X86Op *op)
{
    uint32_t flags = x86_eflags(x);
    uint16_t ax = (uint16_t)x->regs[R_EAX];
    uint32_t new = 0;

    if ((ax & 15) > 9 || flags & FLAG_AF) {
        ax = op->id == X86_AAA ? ax + 0x106 : ax - 0x106;
        new = FLAG_CF | FLAG_AF;
    }
    ax &= 0xff0f;
    x86_put(x, 8 * R_EAX, ax, 2);
    x86_cc_mixed(x, x86_sign_extend(ax, 1), new);
}

void x86_ascii_multiply(X86Exec *x, const X86Op *op)
{
    uint8_t base = (uint8_t)op->imm, al = (uint8_t)x->regs[R_EAX], ah = (uint8_t)(x->regs[R_EAX] >> 8);

    if (op->id == X86_AAM) {
        if (base == 0) {
            x86_raise(x, EXCP_DE);
        }
        ah = al / base;
        al = al % base;
    } else {
        al = (uint8_t)(al + ah * base);
        ah = 0;
    }
    x86_put(x, 8 * R_EAX, (uint64_t)(ah << 8 | al), 2);
    x86_cc_logic(x, x86_sign_extend(al, 1));
}

/* --- flags --- */

void x86_lahf(X86Exec *x, const X86Op *op)
{
    x86_put(x, 8 * R_EAX + 1, x86_eflags(x) & 0xff, 1);
}

void x86_sahf(X86Exec *x, const X86Op *op)
{
    uint32_t low = FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF;

    x86_set_arith(x, (x86_of(x) ? FLAG_OF : 0) | (x->regs[R_EAX] >> 8 & low));
}

void x86_salc(X86Exec *x, const X86Op *op)
{
    x86_put(x, 8 * R_EAX, x86_cf(x) ? 0xff : 0, 1);
}

void x86_carry(X86Exec *x, const X86Op *op)
{
    uint32_t arith = x86_eflags(x) & FLAGS_ARITH;

    x86_set_arith(x, op->id == X86_CLC ? arith & ~FLAG_CF : op->id == X86_STC ? arith | FLAG_CF : arith ^ FLAG_CF);
}

void x86_cld(X86Exec *x, const X86Op *op)
{
    x->env->eflags &= ~(uint64_t)FLAG_DF;
}

void x86_std(X86Exec *x, const X86Op *op)
{
    x->env->eflags |= FLAG_DF;
}

/* --- hints --- */

void x86_nop(X86Exec *x, const X86Op *op)
{
}

/* Spinning for another CPU, which may need this one's time on the host. */
void x86_pause(X86Exec *x, const X86Op *op)
{
    if (++x->engine->pauses % 64 == 0) {
        sched_yield();
    }
}

void x86_fence(X86Exec *x, const X86Op *op)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Caches have no other effect; the address is translated, and may fault. */
void x86_clflush(X86Exec *x, const X86Op *op)
{
    x86_ld8(x, op, x86_linear(x, op, 1, false));
}
