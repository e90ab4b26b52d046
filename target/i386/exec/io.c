/* Port input and output, with the I/O permission map of the task state (SDM vol. 1, chapter 18). */
#include "system/main-loop.h"
#include "target/i386/exec/vector.h"
#include "target/i386/exec/system.h"

enum { TSS_IO_MAP = 0x66 };

/* Below the I/O privilege level the map decides: a set bit forbids. It is read as two bytes, whatever it takes. */
void x86_check_io(X86Exec *x, uint16_t port, unsigned size)
{
    const SegmentCache *tr = &x->env->tr;
    uint32_t at;

    if (!(x->env->cr[0] & CR0_PE) || (!x86_vm86(x) && x86_cpl(x) <= x86_iopl(x))) {
        return;
    }
    if (!(tr->flags & DESC_P) || !(tr->flags >> DESC_TYPE_SHIFT & 8) || tr->limit < TSS_IO_MAP + 1) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    at = x86_ld_system(x, tr->base + TSS_IO_MAP, 2) + port / 8;
    if (at + 1 > tr->limit || x86_ld_system(x, tr->base + at, 2) >> port % 8 & ((1u << size) - 1)) {
        x86_raise_error(x, EXCP_GP, 0);
    }
}

static uint64_t port_read(X86Exec *x, uint16_t port, unsigned size)
{
    uint64_t value;

    vector_leave(x);
    big_lock();
    value = address_space_load(&address_space_io, port, size, NULL);
    big_unlock();
    x86_debug_io(x, port, size);
    return value;
}

static void port_write(X86Exec *x, uint16_t port, unsigned size, uint64_t value)
{
    vector_leave(x);
    big_lock();
    address_space_store(&address_space_io, port, value, size);
    big_unlock();
    x86_debug_io(x, port, size);
}

static uint16_t port_of(X86Exec *x, const X86Op *op)
{
    return op->flags & X86_OP_IMM ? op->imm & 0xff : x->regs[R_EDX];
}

void x86_insn_in(X86Exec *x, const X86Op *op)
{
    uint16_t port = port_of(x, op);

    x86_check_io(x, port, op->size);
    x86_put(x, R_EAX * 8, port_read(x, port, op->size), op->size);
}

void x86_insn_out(X86Exec *x, const X86Op *op)
{
    uint16_t port = port_of(x, op);

    x86_check_io(x, port, op->size);
    port_write(x, port, op->size, x86_get(x, R_EAX * 8, op->size));
}

/* Strings. Registers are true after each element, so that a fault or an interrupt can come in between. */

static int64_t step(X86Exec *x, const X86Op *op)
{
    return x86_eflags(x) & FLAG_DF ? -(int64_t)op->size : op->size;
}

static void ins_one(X86Exec *x, const X86Op *op)
{
    uint64_t linear = x86_linear_in(x, op, R_ES, x86_get(x, R_EDI * 8, op->addr_size), op->size, true);

    /* The port must not be read for nothing. */
    x86_probe_write(x, op, linear, op->size);
    x86_st(x, op, linear, port_read(x, x->regs[R_EDX], op->size), op->size);
    x86_put(x, R_EDI * 8, x86_get(x, R_EDI * 8, op->addr_size) + step(x, op), op->addr_size);
}

static void outs_one(X86Exec *x, const X86Op *op)
{
    uint64_t linear = x86_linear_in(x, op, op->seg, x86_get(x, R_ESI * 8, op->addr_size), op->size, false);

    port_write(x, x->regs[R_EDX], op->size, x86_ld(x, op, linear, op->size));
    x86_put(x, R_ESI * 8, x86_get(x, R_ESI * 8, op->addr_size) + step(x, op), op->addr_size);
}

/* Goes on at itself when somebody else wants to have a say. */
static void repeat(X86Exec *x, const X86Op *op, void (*one)(X86Exec *x, const X86Op *op))
{
    x86_check_io(x, x->regs[R_EDX], op->size);
    if (!(op->flags & (X86_OP_REP | X86_OP_REPNE))) {
        one(x, op);
        return;
    }
    while (x86_get(x, R_ECX * 8, op->addr_size) != 0) {
        one(x, op);
        x86_put(x, R_ECX * 8, x86_get(x, R_ECX * 8, op->addr_size) - 1, op->addr_size);
        if (x86_get(x, R_ECX * 8, op->addr_size) != 0 &&
            (__atomic_load_n(&x->pending, __ATOMIC_RELAXED) || x86_steps(x))) {
            x->eip -= op->length;
            return;
        }
    }
}

void x86_insn_ins(X86Exec *x, const X86Op *op)
{
    repeat(x, op, ins_one);
}

void x86_insn_outs(X86Exec *x, const X86Op *op)
{
    repeat(x, op, outs_one);
}

uint64_t *x86_cpu_live_registers(X86CPU *cpu)
{
    return cpu->exec ? cpu->exec->regs : cpu->env.regs;
}
