/*
 * x87 instructions on the host's x87.
 *
 * The host's registers are the guest's from the first instruction on that needs them (x87_loaded). Exceptions that the
 * guest unmasks are unmasked there too: the host then leaves operands as the architecture says, and only notes it; it
 * would trap at the next waiting instruction, but before that the state goes to env, and the guest's next instruction finds it there.
 * So while x87_loaded, no exception is pending. env->fpuc is always true.
 */
#include <string.h>

#include "system/main-loop.h"
#include "target/i386/exec/x87.h"

/* FNSAVE's image in 64-bit mode. */
typedef struct __attribute__((packed)) Image {
    uint16_t control, unused0, status, unused1, tags, unused2;
    uint32_t pointers[4];
    struct __attribute__((packed)) {
        uint64_t mantissa;
        uint16_t exponent;
    } st[8];
} Image;

uint16_t x87_full_tags(const X86CPUState *env)
{
    uint16_t tags = 0;

    for (unsigned i = 0; i < 8; i++) {
        const FPReg *r = &env->fpregs[i];
        unsigned exponent = r->exponent & 0x7fff, tag;

        if (env->fptags >> i & 1) {
            tag = 3;
        } else if (exponent == 0 && r->mantissa == 0) {
            tag = 1;
        } else {
            tag = exponent == 0 || exponent == 0x7fff || !(r->mantissa >> 63) ? 2 : 0;
        }
        tags |= tag << (2 * i);
    }
    return tags;
}

static void load_host(X86Exec *x, uint16_t control)
{
    const X86CPUState *env = x->env;
    Image image = { .control = control, .tags = 0 };

    image.status = env->fpus & (uint16_t)~(FSW_ES | FSW_B);
    for (unsigned i = 0; i < 8; i++) {
        const FPReg *r = &env->fpregs[(x87_top(env) + i) & 7];

        image.st[i].mantissa = r->mantissa;
        image.st[i].exponent = r->exponent;
        image.tags |= (env->fptags >> i & 1 ? 3 : 0) << (2 * i);    /* only "empty" counts */
    }
    __asm__ volatile("frstor %0" : : "m"(image));
    x->vector->x87_loaded = true;
}

void x87_unload(X86Exec *x)
{
    X86CPUState *env = x->env;
    Image image;

    __asm__ volatile("fnsave %0" : "=m"(image) : : "memory");
    x->vector->x87_loaded = false;
    env->fpus = image.status;
    env->fptags = 0;
    for (unsigned i = 0; i < 8; i++) {
        env->fpregs[(x87_top(env) + i) & 7] = (FPReg){ image.st[i].mantissa, image.st[i].exponent };
        env->fptags |= (image.tags >> (2 * i) & 3) == 3 ? 1 << i : 0;
    }
    x87_update_summary(env);
}

void x87_check_pending(X86Exec *x)
{
    X86CPUState *env = x->env;

    if (likely(!(env->fpus & ~env->fpuc & FSW_EXCEPTIONS))) {
        return;
    }
    if (env->cr[0] & CR0_NE) {
        x86_raise(x, EXCP_MF);
    }
    if (x86_ferr) {     /* as the PC's first machines did: by an interrupt */
        big_lock();
        x86_ferr(x->cpu);
        big_unlock();
    }
}

static inline void check_available(X86Exec *x)
{
    if (unlikely(x->env->hflags & (1u << HF_EM_SHIFT | 1u << HF_TS_SHIFT))) {
        x86_raise(x, EXCP_NM);
    }
}

void x87_enter_env(X86Exec *x)
{
    check_available(x);
    if (x->vector->x87_loaded) {
        x87_unload(x);
    }
}

/* Before a waiting instruction on the host. */
static inline void enter(X86Exec *x)
{
    check_available(x);
    if (likely(x->vector->x87_loaded)) {
        return;
    }
    x87_check_pending(x);
    /* One that is pending all the same (CR0.NE = 0): the instruction runs as if it were masked. */
    load_host(x, x->env->fpus & ~x->env->fpuc & FSW_EXCEPTIONS ? x->env->fpuc | FCW_MASKS : x->env->fpuc);
}

/* After it: where it was, and what it raised. */
static inline void leave(X86Exec *x, const X86Op *op, uint32_t status)
{
    X86CPUState *env = x->env;

    env->fpop = (op->opcode & 7) << 8 | op->imm8;
    env->fpip = x->regs[X86_REG_RIP / 8] + op->offset;
    if (unlikely((x->mode & MODE_CODE_MASK) != X86_CODE_64)) {
        env->fpip = (uint32_t)env->fpip;
    }
    x->vector->fcs = env->segs[R_CS].selector;
    if (unlikely(status & ~env->fpuc & FSW_EXCEPTIONS)) {
        x87_unload(x);
    }
}

static void note_operand(X86Exec *x, const X86Op *op)
{
    x->env->fpdp = vector_offset(x, op);
    if (op->addr_size < 8) {
        x->env->fpdp &= op->addr_size == 4 ? UINT32_MAX : UINT16_MAX;
    }
    x->vector->fds = x->env->segs[op->seg].selector;
}

VECTOR_OP(on_registers)
VECTOR_OP(with_flags)
VECTOR_OP(from_memory)
VECTOR_OP(to_memory)

static inline VectorStub *stub_of(const X86Op *op)
{
    return (VectorStub *)op->link;
}

static void on_registers(X86Exec *x, const X86Op *op)
{
    enter(x);
    leave(x, op, stub_of(op)(NULL, NULL, NULL, NULL));
}

static void with_flags(X86Exec *x, const X86Op *op)
{
    uint64_t result;

    enter(x);
    result = stub_of(op)((void *)(uintptr_t)(x86_eflags(x) & FLAGS_ARITH), NULL, NULL, NULL);
    if (op->id != X86_FCMOVCC) {
        x86_set_arith(x, result >> 16 & FLAGS_ARITH);
    }
    leave(x, op, result & 0xffff);
}

static void from_memory(X86Exec *x, const X86Op *op)
{
    uint64_t linear;
    const X86TlbEntry *e;
    void *operand = x->vector->memory;

    check_available(x);
    if (!x->vector->x87_loaded) {
        x87_check_pending(x);
    }
    linear = x86_linear(x, op, op->size2, false);
    e = x86_tlb_entry(x, linear);
    if (likely(linear - e->read <= TARGET_PAGE_SIZE - op->size2)) {
        operand = (void *)(uintptr_t)(linear + e->addend);
    } else {
        x86_ld_bytes(x, op, linear, operand, op->size2);
    }
    enter(x);
    note_operand(x, op);
    leave(x, op, stub_of(op)(operand, NULL, NULL, NULL));
}

static void to_memory(X86Exec *x, const X86Op *op)
{
    uint64_t linear;
    uint32_t status;

    check_available(x);
    if (!x->vector->x87_loaded) {
        x87_check_pending(x);
    }
    linear = x86_linear(x, op, op->size2, true);
    vector_probe(x, op, linear, op->size2);
    enter(x);
    note_operand(x, op);
    status = stub_of(op)(x->vector->memory, NULL, NULL, NULL);
    /* With an unmasked one of these nothing is stored. */
    if (likely(!(status & ~x->env->fpuc & (FSW_IE | FSW_OE | FSW_UE)))) {
        vector_write(x, op, linear, x->vector->memory, op->size2);
    }
    leave(x, op, status);
}

/* Bytes of a memory operand, by opcode and ModRM.reg; stores have STORE. Control instructions: 0. */
enum { STORE = 0x80 };
static const uint8_t sizes[8][8] = {
    { 4, 4, 4, 4, 4, 4, 4, 4 },
    { 4, 0, STORE | 4, STORE | 4, 0, 0, 0, 0 },
    { 4, 4, 4, 4, 4, 4, 4, 4 },
    { 4, STORE | 4, STORE | 4, STORE | 4, 0, 10, 0, STORE | 10 },
    { 8, 8, 8, 8, 8, 8, 8, 8 },
    { 8, STORE | 8, STORE | 8, STORE | 8, 0, 0, 0, 0 },
    { 2, 2, 2, 2, 2, 2, 2, 2 },
    { 2, STORE | 2, STORE | 2, STORE | 2, 10, 8, STORE | 10, STORE | 8 },
};

static bool uses_flags(unsigned id)
{
    return id == X86_FCMOVCC || id == X86_FCOMI || id == X86_FCOMIP || id == X86_FUCOMI || id == X86_FUCOMIP;
}

static VectorStub *x87_stub(const X86Op *op)
{
    static const uint8_t set_flags[] = { 0x57, 0x9d },     /* push rdi; popfq */
        status[] = { 0x31, 0xc0, 0xdf, 0xe0, 0xc3 },        /* xor eax, eax; fnstsw ax; ret */
        /* pushfq; pop rdx; xor eax, eax; fnstsw ax; shl rdx, 16; or rax, rdx; ret */
        both[] = { 0x9c, 0x5a, 0x31, 0xc0, 0xdf, 0xe0, 0x48, 0xc1, 0xe2, 0x10, 0x48, 0x09, 0xd0, 0xc3 };
    bool mem = op->flags & X86_OP_MEM, flags = uses_flags(op->id);
    uint8_t code[32];
    unsigned n = 0, modrm = mem ? (op->imm8 & 0x38) | 7 : op->imm8;

    if (flags) {
        memcpy(code, set_flags, sizeof(set_flags));
        n += sizeof(set_flags);
    }
    code[n++] = op->opcode;
    code[n++] = modrm;
    if (flags) {
        memcpy(code + n, both, sizeof(both));
        n += sizeof(both);
    } else {
        memcpy(code + n, status, sizeof(status));
        n += sizeof(status);
    }
    return vector_stub_raw(1ull << 62 | op->opcode << 8 | modrm | (uint64_t)mem << 16, code, n);
}

static bool is_x87(unsigned id)
{
    return id >= X86_FADD && id <= X86_FWAIT;
}

X86OpFn *x87_handler(X86Op *op)
{
    X86OpFn *control = x87_control_handler(op);
    bool mem = op->flags & X86_OP_MEM;
    VectorStub *stub;
    uint8_t size;

    if (control || !is_x87(op->id)) {
        return control;
    }
    size = mem ? sizes[op->opcode & 7][op->imm8 >> 3 & 7] : 0;
    stub = mem && !size ? NULL : x87_stub(op);
    if (!stub) {
        return x86_op_undefined;
    }
    op->link = (void *)stub;
    op->size2 = size & ~STORE;
    return !mem ? (uses_flags(op->id) ? op_with_flags : op_on_registers) : size & STORE ? op_to_memory : op_from_memory;
}
