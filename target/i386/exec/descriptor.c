/* Operands, stacks, and descriptors with their loads into segment registers (SDM vol. 3, chapters 3 and 5). */
#include "target/i386/exec/system.h"

void x86_system_mode(X86Exec *x)
{
    x86_mode_changed(x);
    x86_recheck(x);
}

void x86_system_set_eflags(X86Exec *x, uint32_t eflags)
{
    x86_set_eflags(x, eflags | 2);
    x86_system_mode(x);
}

bool x86_feature(const X86Exec *x, X86FeatureWordIndex word, uint64_t mask)
{
    return x->cpu->features[word] & mask;
}

/* Operands. */

uint64_t x86_read_rm(X86Exec *x, const X86Op *op, unsigned size)
{
    if (op->flags & X86_OP_MEM) {
        return x86_ld(x, op, x86_linear(x, op, size, false), size);
    }
    return x86_get(x, op->rm, size);
}

void x86_write_rm(X86Exec *x, const X86Op *op, unsigned size, uint64_t value)
{
    if (op->flags & X86_OP_MEM) {
        x86_st(x, op, x86_linear(x, op, size, true), value, size);
    } else {
        x86_put(x, op->rm, value, size);
    }
}

/* Stacks. */

static uint64_t stack_mask(const SegmentCache *ss)
{
    return ss->flags & DESC_B ? 0xffffffff : 0xffff;
}

X86Stack x86_stack(const X86Exec *x)
{
    const SegmentCache *ss = &x->env->segs[R_SS];

    return (X86Stack){ .segment = *ss, .sp = x->regs[R_ESP], .mask = x86_long_code(x) ? UINT64_MAX : stack_mask(ss) };
}

X86Stack x86_stack_at(const SegmentCache *segment, uint64_t sp, uint32_t error)
{
    return (X86Stack){ .segment = *segment, .sp = sp, .mask = stack_mask(segment), .error = error, .system = true };
}

/* Stacks are writable data segments, which may grow downwards. */
static uint64_t stack_linear(X86Exec *x, const X86Stack *stack, uint64_t offset, unsigned size)
{
    const SegmentCache *s = &stack->segment;
    uint64_t last = offset + size - 1;

    if (stack->mask == UINT64_MAX) {
        if (!x86_canonical(offset) || !x86_canonical(last)) {
            x86_raise_error(x, EXCP_SS, stack->error);
        }
        return offset;
    }
    if (s->flags & DESC_E && !(s->flags & DESC_CODE) && s->flags & DESC_S ? offset <= s->limit || last > stack_mask(s)
                                                                          : last > s->limit) {
        x86_raise_error(x, EXCP_SS, stack->error);
    }
    return (uint32_t)(s->base + offset);
}

void x86_stack_push(X86Exec *x, X86Stack *stack, uint64_t value, unsigned size)
{
    uint64_t sp = stack->sp - size, linear = stack_linear(x, stack, sp & stack->mask, size);

    if (stack->system) {
        x86_st_system(x, linear, value, size);
    } else {
        x86_st(x, x->op, linear, value, size);
    }
    stack->sp = sp;
}

uint64_t x86_stack_pop(X86Exec *x, X86Stack *stack, unsigned size)
{
    uint64_t linear = stack_linear(x, stack, stack->sp & stack->mask, size);
    uint64_t value = stack->system ? x86_ld_system(x, linear, size) : x86_ld(x, x->op, linear, size);

    stack->sp += size;
    return value;
}

void x86_stack_commit(X86Exec *x, const X86Stack *stack)
{
    unsigned size = stack->mask == UINT64_MAX ? 8 : stack->mask == 0xffff ? 2 : 4;

    x86_put(x, R_ESP * 8, stack->sp, size);
}

/* Descriptors. */

bool x86_descriptor(X86Exec *x, uint16_t selector, X86Descriptor *d)
{
    const SegmentCache *table = selector & 4 ? &x->env->ldt : &x->env->gdt;
    uint64_t both;

    if ((selector | 7u) > table->limit) {
        return false;
    }
    d->selector = selector;
    d->linear = table->base + (selector & ~7u);
    if (!x86_long_mode(x)) {
        d->linear = (uint32_t)d->linear;
    }
    both = x86_ld_system(x, d->linear, 8);
    d->low = both;
    d->high = both >> 32;
    return true;
}

X86Descriptor x86_descriptor_or(X86Exec *x, uint16_t selector, unsigned vector, uint32_t ext)
{
    X86Descriptor d;

    if (!x86_descriptor(x, selector, &d)) {
        x86_raise_error(x, vector, (selector & ~3u) | ext);
    }
    return d;
}

uint64_t x86_descriptor_upper(X86Exec *x, const X86Descriptor *d, uint32_t ext)
{
    const SegmentCache *table = d->selector & 4 ? &x->env->ldt : &x->env->gdt;
    uint64_t upper;

    if ((d->selector & ~7u) + 15u > table->limit) {
        x86_raise_error(x, EXCP_GP, (d->selector & ~3u) | ext);
    }
    upper = x86_ld_system(x, d->linear + 8, 8);
    if (upper >> 40 & 0x1f) {
        x86_raise_error(x, EXCP_GP, (d->selector & ~3u) | ext);
    }
    return upper;
}

void x86_descriptor_accessed(X86Exec *x, X86Descriptor *d)
{
    if (!(d->high & DESC_A)) {
        d->high |= DESC_A;
        x86_st_system(x, d->linear + 4, d->high, 4);
    }
}

SegmentCache x86_segment_of(uint16_t selector, const X86Descriptor *d)
{
    return (SegmentCache){ .selector = selector, .base = x86_desc_base(d), .limit = x86_desc_limit(d), .flags = d->high };
}

/* Loads. */

void x86_set_real_segment(X86Exec *x, unsigned seg, uint16_t selector)
{
    SegmentCache *s = &x->env->segs[seg];

    s->selector = selector;
    s->base = (uint32_t)selector << 4;
    if (x86_vm86(x)) {
        s->limit = 0xffff;
        s->flags = DESC_P | DESC_S | DESC_W | DESC_A | DESC_DPL;
    }
}

void x86_set_cs(X86Exec *x, const X86Descriptor *d, unsigned cpl)
{
    x->env->segs[R_CS] = x86_segment_of((d->selector & ~3u) | cpl, d);
}

/* SS may be null in 64-bit mode only, and not at level 3. */
static void load_null(X86Exec *x, unsigned seg, uint16_t selector)
{
    uint32_t flags = 0;

    if (seg == R_SS) {
        if (!x86_long_code(x) || x86_cpl(x) == 3 || (selector & 3) != x86_cpl(x)) {
            x86_raise_error(x, EXCP_GP, 0);
        }
        flags = x86_cpl(x) << DESC_DPL_SHIFT;
    }
    x->env->segs[seg] = (SegmentCache){ .selector = selector, .flags = flags };
}

static void check_stack_segment(X86Exec *x, const X86Descriptor *d)
{
    uint32_t error = d->selector & ~3u, kind = d->high & (DESC_S | DESC_CODE | DESC_W);

    if (kind != (DESC_S | DESC_W) || (d->selector & 3) != x86_cpl(x) || x86_desc_dpl(d) != x86_cpl(x)) {
        x86_raise_error(x, EXCP_GP, error);
    }
    if (!(d->high & DESC_P)) {
        x86_raise_error(x, EXCP_SS, error);
    }
}

static void check_data_segment(X86Exec *x, const X86Descriptor *d)
{
    uint32_t error = d->selector & ~3u;
    unsigned dpl = x86_desc_dpl(d);
    bool is_code = d->high & DESC_CODE;

    if (!(d->high & DESC_S) || (is_code && !(d->high & DESC_R))) {
        x86_raise_error(x, EXCP_GP, error);
    }
    if (!(is_code && d->high & DESC_C) && ((d->selector & 3u) > dpl || x86_cpl(x) > dpl)) {
        x86_raise_error(x, EXCP_GP, error);
    }
    if (!(d->high & DESC_P)) {
        x86_raise_error(x, EXCP_NP, error);
    }
}

void x86_load_segment(X86Exec *x, unsigned seg, uint16_t selector)
{
    X86Descriptor d;

    if (!x86_protected(x)) {
        x86_set_real_segment(x, seg, selector);
    } else if (!(selector & ~3u)) {
        load_null(x, seg, selector);
    } else {
        d = x86_descriptor_or(x, selector, EXCP_GP, 0);
        if (seg == R_SS) {
            check_stack_segment(x, &d);
        } else {
            check_data_segment(x, &d);
        }
        x86_descriptor_accessed(x, &d);
        x->env->segs[seg] = x86_segment_of(selector, &d);
    }
    if (!x86_long_code(x)) {    /* there, nothing of the mode follows from data segments */
        x86_system_mode(x);
    }
}

void x86_load_ldt(X86Exec *x, uint16_t selector, unsigned vector, uint32_t ext)
{
    uint32_t error = (selector & ~3u) | ext;
    X86Descriptor d;
    uint64_t base;

    if (!(selector & ~3u)) {
        x->env->ldt = (SegmentCache){ .selector = selector };
        return;
    }
    if (selector & 4) {
        x86_raise_error(x, vector, error);
    }
    d = x86_descriptor_or(x, selector, vector, ext);
    if (d.high & DESC_S || x86_desc_type(&d) != TYPE_LDT) {
        x86_raise_error(x, vector, error);
    }
    if (!(d.high & DESC_P)) {
        x86_raise_error(x, vector == EXCP_GP ? EXCP_NP : vector, error);
    }
    base = x86_desc_base(&d);
    if (x86_long_mode(x)) {
        base |= x86_descriptor_upper(x, &d, ext) << 32;
        if (!x86_canonical(base)) {
            x86_raise_error(x, EXCP_GP, error);
        }
    }
    x->env->ldt = x86_segment_of(selector, &d);
    x->env->ldt.base = base;
}

/* A null FS or GS keeps its base: in 64-bit mode that is what counts. */
void x86_drop_segments(X86Exec *x, unsigned cpl)
{
    static const uint8_t data[] = { R_ES, R_DS, R_FS, R_GS };

    for (unsigned i = 0; i < sizeof(data); i++) {
        SegmentCache *s = &x->env->segs[data[i]];
        bool conforming = (s->flags & (DESC_CODE | DESC_C)) == (DESC_CODE | DESC_C);

        if (s->selector & ~3u && !conforming && (s->flags >> DESC_DPL_SHIFT & 3) < cpl) {
            s->selector = 0;
            s->flags &= ~DESC_P;
        }
    }
}
