/* Instructions that load, store and examine segment registers and descriptor tables. */
#include "target/i386/exec/alu.h"
#include "target/i386/exec/system.h"

/* UMIP: the addresses of tables are no longer anybody's to read. */
static void need_umip_right(X86Exec *x)
{
    if (x->env->cr[4] & CR4_UMIP && x86_cpl(x) != 0) {
        x86_raise_error(x, EXCP_GP, 0);
    }
}

static void need_protected(X86Exec *x)
{
    if (!x86_protected(x)) {
        x86_raise(x, EXCP_UD);
    }
}

/* Data segments. */

void x86_insn_mov_sreg(X86Exec *x, const X86Op *op)
{
    if (op->flags & X86_OP_TO_REG) {
        if (op->reg > R_GS || op->reg == R_CS) {
            x86_raise(x, EXCP_UD);
        }
        x86_load_segment(x, op->reg, x86_read_rm(x, op, 2));
        if (op->reg == R_SS) {
            x86_shadow(x, true);
        }
    } else if (op->reg > R_GS) {
        x86_raise(x, EXCP_UD);
    } else {
        x86_write_rm(x, op, op->flags & X86_OP_MEM ? 2 : op->size, x->env->segs[op->reg].selector);
    }
}

void x86_insn_push_sreg(X86Exec *x, const X86Op *op)
{
    X86Stack stack = x86_stack(x);

    if (op->size == 4) { /* CPUs since the Core leave the upper half alone */
        stack.sp -= 2;
        x86_stack_push(x, &stack, x->env->segs[op->reg].selector, 2);
    } else {
        x86_stack_push(x, &stack, x->env->segs[op->reg].selector, op->size);
    }
    x86_stack_commit(x, &stack);
}

void x86_insn_pop_sreg(X86Exec *x, const X86Op *op)
{
    X86Stack stack = x86_stack(x);
    uint16_t selector = x86_stack_pop(x, &stack, 2);        /* no more is read */

    stack.sp += op->size - 2;
    x86_load_segment(x, op->reg, selector);
    x86_stack_commit(x, &stack);    /* as wide as the stack was */
    if (op->reg == R_SS) {
        x86_shadow(x, true);
    }
}

/* LES, LDS, LSS, LFS, LGS: offset, then selector. */
void x86_insn_load_far_pointer(X86Exec *x, const X86Op *op)
{
    static const struct { uint16_t id; uint8_t seg; } of[] = {
        { X86_LES, R_ES }, { X86_LDS, R_DS }, { X86_LSS, R_SS }, { X86_LFS, R_FS }, { X86_LGS, R_GS },
    };
    uint64_t offset = x86_ld(x, op, x86_linear(x, op, op->size, false), op->size);
    uint16_t selector = x86_ld16(x, op, x86_linear_in(x, op, op->seg, x86_offset(x, op, op->size), 2, false));
    unsigned i = 0;

    while (of[i].id != op->id) {
        i++;
    }
    x86_load_segment(x, of[i].seg, selector);
    x86_put(x, op->reg, offset, op->size);
}

/* Tables. */

void x86_insn_load_table(X86Exec *x, const X86Op *op)
{
    SegmentCache *table = op->id == X86_LGDT ? &x->env->gdt : &x->env->idt;
    unsigned base_size = x86_long_code(x) ? 8 : 4;
    uint64_t linear, base;
    uint16_t limit;

    x86_need_cpl0(x);
    linear = x86_linear(x, op, 2 + base_size, false);
    limit = x86_ld16(x, op, linear);
    base = x86_ld(x, op, linear + 2, base_size);
    if (base_size == 4 && op->size == 2) {
        base &= 0xffffff;
    }
    if (!x86_canonical(base)) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    table->base = base;
    table->limit = limit;
}

void x86_insn_store_table(X86Exec *x, const X86Op *op)
{
    const SegmentCache *table = op->id == X86_SGDT ? &x->env->gdt : &x->env->idt;
    unsigned base_size = x86_long_code(x) ? 8 : 4;
    struct { uint16_t limit; uint64_t base; } __attribute__((packed)) image = { table->limit, table->base };

    need_umip_right(x);
    x86_st_bytes(x, op, x86_linear(x, op, 2 + base_size, true), &image, 2 + base_size);
}

void x86_insn_lldt(X86Exec *x, const X86Op *op)
{
    need_protected(x);
    x86_need_cpl0(x);
    x86_load_ldt(x, x86_read_rm(x, op, 2), EXCP_GP, 0);
}

void x86_insn_ltr(X86Exec *x, const X86Op *op)
{
    X86Descriptor d;
    uint16_t selector;
    uint64_t base;

    need_protected(x);
    x86_need_cpl0(x);
    selector = x86_read_rm(x, op, 2);
    if (!(selector & ~3u)) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    if (selector & 4) {
        x86_raise_error(x, EXCP_GP, selector & ~3u);
    }
    d = x86_descriptor_or(x, selector, EXCP_GP, 0);
    if (d.high & DESC_S || (x86_desc_type(&d) != TYPE_TSS32 && (x86_long_mode(x) || x86_desc_type(&d) != TYPE_TSS16))) {
        x86_raise_error(x, EXCP_GP, selector & ~3u);
    }
    if (!(d.high & DESC_P)) {
        x86_raise_error(x, EXCP_NP, selector & ~3u);
    }
    base = x86_desc_base(&d);
    if (x86_long_mode(x)) {
        base |= x86_descriptor_upper(x, &d, 0) << 32;
        if (!x86_canonical(base)) {
            x86_raise_error(x, EXCP_GP, selector & ~3u);
        }
    }
    d.high |= DESC_BUSY;
    x86_st_system(x, d.linear + 4, d.high, 4);
    x->env->tr = x86_segment_of(selector, &d);
    x->env->tr.base = base;
}

static void store_selector(X86Exec *x, const X86Op *op, uint16_t selector)
{
    need_protected(x);
    need_umip_right(x);
    x86_write_rm(x, op, op->flags & X86_OP_MEM ? 2 : op->size, selector);
}

void x86_insn_sldt(X86Exec *x, const X86Op *op)
{
    store_selector(x, op, x->env->ldt.selector);
}

void x86_insn_str(X86Exec *x, const X86Op *op)
{
    store_selector(x, op, x->env->tr.selector);
}

/* Examination: ZF says whether the descriptor is there and may be seen; nothing faults but the operand. */

static void set_zf(X86Exec *x, bool on)
{
    x86_set_arith(x, (x86_eflags(x) & FLAGS_ARITH & ~FLAG_ZF) | (on ? FLAG_ZF : 0));
}

static bool visible(X86Exec *x, uint16_t selector, X86Descriptor *d)
{
    unsigned dpl;

    if (!(selector & ~3u) || !x86_descriptor(x, selector, d)) {
        return false;
    }
    if (d->high & DESC_S && (d->high & (DESC_CODE | DESC_C)) == (DESC_CODE | DESC_C)) {
        return true;
    }
    dpl = x86_desc_dpl(d);
    return x86_cpl(x) <= dpl && (selector & 3u) <= dpl;
}

/* Types of system descriptors that LAR, and those that LSL, has an answer for. In long mode: 2, 9, 11, and 12 for LAR. */
static bool has_type(const X86Exec *x, const X86Descriptor *d, uint16_t types)
{
    uint16_t in_long_mode = 1 << TYPE_LDT | 1 << TYPE_TSS32 | 1 << TYPE_TSS32_BUSY | 1 << TYPE_CALL32;

    return d->high & DESC_S || (types & (x86_long_mode(x) ? in_long_mode : 0xffff)) >> x86_desc_type(d) & 1;
}

enum {
    LSL_TYPES = 1 << TYPE_TSS16 | 1 << TYPE_LDT | 1 << TYPE_TSS16_BUSY | 1 << TYPE_TSS32 | 1 << TYPE_TSS32_BUSY,
    LAR_TYPES = LSL_TYPES | 1 << TYPE_CALL16 | 1 << TYPE_TASK | 1 << TYPE_CALL32,
};

void x86_insn_lar(X86Exec *x, const X86Op *op)
{
    X86Descriptor d;
    bool ok;

    need_protected(x);
    ok = visible(x, x86_read_rm(x, op, 2), &d) && has_type(x, &d, LAR_TYPES);
    if (ok) {
        x86_put(x, op->reg, op->size == 2 ? d.high & 0xff00 : d.high & 0xf0ff00, op->size);
    }
    set_zf(x, ok);
}

void x86_insn_lsl(X86Exec *x, const X86Op *op)
{
    X86Descriptor d;
    bool ok;

    need_protected(x);
    ok = visible(x, x86_read_rm(x, op, 2), &d) && has_type(x, &d, LSL_TYPES);
    if (ok) {
        x86_put(x, op->reg, x86_desc_limit(&d), op->size);
    }
    set_zf(x, ok);
}

/* VERR, VERW */
void x86_insn_verify(X86Exec *x, const X86Op *op)
{
    X86Descriptor d;
    bool ok;

    need_protected(x);
    ok = visible(x, x86_read_rm(x, op, 2), &d) && d.high & DESC_S;
    if (ok && op->id == X86_VERW) {
        ok = !(d.high & DESC_CODE) && d.high & DESC_W;
    } else if (ok) {
        ok = !(d.high & DESC_CODE) || d.high & DESC_R;
    }
    set_zf(x, ok);
}

void x86_insn_arpl(X86Exec *x, const X86Op *op)
{
    uint16_t to, from = x86_get(x, op->reg, 2);
    bool raised;

    need_protected(x);
    to = x86_read_rm(x, op, 2);
    raised = (to & 3) < (from & 3);
    if (raised) {
        x86_write_rm(x, op, 2, (to & ~3u) | (from & 3));
    }
    set_zf(x, raised);
}
