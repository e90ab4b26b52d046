/* x87 control instructions and environments in memory (SDM vol. 1, 8.1.10): they work on env. */
#include <string.h>

#include "target/i386/exec/x87.h"

VECTOR_OP(fninit)
VECTOR_OP(fnsetpm)
VECTOR_OP(fnclex)
VECTOR_OP(fldcw)
VECTOR_OP(fnstcw)
VECTOR_OP(fnstsw)
VECTOR_OP(fldenv)
VECTOR_OP(fnstenv)
VECTOR_OP(frstor)
VECTOR_OP(fnsave)
VECTOR_OP(fwait)

static void enter_waiting(X86Exec *x)
{
    x87_enter_env(x);
    x87_check_pending(x);
}

static void reset(X86Exec *x)
{
    X86CPUState *env = x->env;

    env->fpuc = FCW_INIT;
    env->fpus = 0;
    env->fptags = 0xff;
    env->fpop = 0;
    env->fpip = env->fpdp = 0;
    x->vector->fcs = x->vector->fds = 0;
}

static void fninit(X86Exec *x, const X86Op *op)
{
    x87_enter_env(x);
    reset(x);
}

static void fnclex(X86Exec *x, const X86Op *op)
{
    x87_enter_env(x);
    x->env->fpus &= (uint16_t)~(FSW_EXCEPTIONS | FSW_SF | FSW_ES | FSW_B);
}

static void check_available(X86Exec *x)
{
    if (x->env->hflags & (1u << HF_EM_SHIFT | 1u << HF_TS_SHIFT)) {
        x86_raise(x, EXCP_NM);
    }
}

static void fnsetpm(X86Exec *x, const X86Op *op)
{
    check_available(x);
}

static uint16_t status(X86Exec *x)
{
    uint16_t value = x->env->fpus;

    if (x->vector->x87_loaded) {
        __asm__ volatile("fnstsw %0" : "=a"(value));
    }
    return value;
}

static void fnstcw(X86Exec *x, const X86Op *op)
{
    check_available(x);
    x86_st16(x, op, x86_linear(x, op, 2, true), x->env->fpuc);
}

static void fnstsw(X86Exec *x, const X86Op *op)
{
    check_available(x);
    if (op->flags & X86_OP_MEM) {
        x86_st16(x, op, x86_linear(x, op, 2, true), status(x));
    } else {
        x86_put(x, R_EAX * 8, status(x), 2);
    }
}

static void fldcw(X86Exec *x, const X86Op *op)
{
    X86CPUState *env = x->env;
    uint16_t value;

    check_available(x);
    if (!x->vector->x87_loaded) {
        x87_check_pending(x);
    }
    value = x86_ld16(x, op, x86_linear(x, op, 2, false));
    if (x->vector->x87_loaded && status(x) & ~value & FSW_EXCEPTIONS) {
        x87_unload(x);          /* becomes pending by this */
    }
    x87_set_control(env, value);
    if (x->vector->x87_loaded) {
        __asm__ volatile("fldcw %0" : : "m"(env->fpuc));
    } else {
        x87_update_summary(env);
    }
}

static void fwait(X86Exec *x, const X86Op *op)
{
    const uint32_t both = 1u << HF_MP_SHIFT | 1u << HF_TS_SHIFT;

    if ((x->env->hflags & both) == both) {
        x86_raise(x, EXCP_NM);
    }
    if (!x->vector->x87_loaded) {
        x87_check_pending(x);
    }
}

/* Environments: 14 bytes with 16-bit operands, 28 with 32; in real and virtual-8086 mode pointers are linear. */
static bool short_format(const X86Op *op)
{
    return op->size2 == 14 || op->size2 == 94;
}

static bool real_format(const X86Exec *x)
{
    return (x->env->hflags & (1u << HF_PE_SHIFT | 1u << HF_VM_SHIFT)) != 1u << HF_PE_SHIFT;
}

static void put16(uint8_t *to, uint16_t value)
{
    memcpy(to, &value, 2);
}

static void put32(uint8_t *to, uint32_t value)
{
    memcpy(to, &value, 4);
}

static uint32_t get(const uint8_t *from, unsigned size)
{
    uint32_t value = 0;

    memcpy(&value, from, size);
    return value;
}

static unsigned store_environment(X86Exec *x, const X86Op *op, uint8_t *to)
{
    const X86CPUState *env = x->env;
    uint16_t tags = x87_full_tags(env), fcs = x->vector->fcs, fds = x->vector->fds, fop = env->fpop & 0x7ff;
    uint32_t ip = (uint32_t)env->fpip, dp = (uint32_t)env->fpdp;
    bool real = real_format(x);

    if (real) {
        ip += fcs << 4;
        dp += fds << 4;
    }
    if (short_format(op)) {
        const uint16_t words[7] = { env->fpuc, env->fpus, tags, ip, real ? (ip >> 16 & 15) << 12 | fop : fcs, dp,
                                    real ? (dp >> 16 & 15) << 12 : fds };

        for (unsigned i = 0; i < 7; i++) {
            put16(to + 2 * i, words[i]);
        }
        return 14;
    }
    put32(to, 0xffff0000u | env->fpuc);
    put32(to + 4, 0xffff0000u | env->fpus);
    put32(to + 8, 0xffff0000u | tags);
    put32(to + 12, real ? ip & 0xffff : ip);
    put32(to + 16, real ? (ip >> 16) << 12 | fop : (uint32_t)fop << 16 | fcs);
    put32(to + 20, real ? dp & 0xffff : dp);
    put32(to + 24, real ? (dp >> 16) << 12 : 0xffff0000u | fds);
    return 28;
}

static unsigned load_environment(X86Exec *x, const X86Op *op, const uint8_t *from)
{
    X86CPUState *env = x->env;
    unsigned step = short_format(op) ? 2 : 4;
    uint16_t tags = get(from + 2 * step, 2);
    uint32_t ip = get(from + 3 * step, step), cs = get(from + 4 * step, step), dp = get(from + 5 * step, step),
             ds = get(from + 6 * step, step);

    x87_set_control(env, get(from, 2));
    env->fpus = get(from + step, 2);
    env->fptags = 0;
    for (unsigned i = 0; i < 8; i++) {
        env->fptags |= (tags >> (2 * i) & 3) == 3 ? 1 << i : 0;
    }
    if (real_format(x)) {
        env->fpip = (ip & 0xffff) | (cs >> 12) << 16;
        env->fpop = cs & 0x7ff;
        env->fpdp = (dp & 0xffff) | (ds >> 12) << 16;
        x->vector->fcs = x->vector->fds = 0;
    } else {
        env->fpip = ip;
        env->fpdp = dp;
        env->fpop = step == 4 ? cs >> 16 & 0x7ff : env->fpop;
        x->vector->fcs = cs;
        x->vector->fds = ds;
    }
    x87_update_summary(env);
    return 7 * step;
}

static void fnstenv(X86Exec *x, const X86Op *op)
{
    uint8_t image[28];
    unsigned length;

    x87_enter_env(x);
    length = store_environment(x, op, image);
    vector_write(x, op, x86_linear(x, op, length, true), image, length);
    x->env->fpuc |= FCW_MASKS;
    x87_update_summary(x->env);
}

static void fldenv(X86Exec *x, const X86Op *op)
{
    uint8_t image[28];
    unsigned length = short_format(op) ? 14 : 28;

    enter_waiting(x);
    vector_read(x, op, x86_linear(x, op, length, false), image, length);
    load_environment(x, op, image);
}

static void fnsave(X86Exec *x, const X86Op *op)
{
    X86CPUState *env = x->env;
    uint8_t image[108];
    unsigned length;

    x87_enter_env(x);
    length = store_environment(x, op, image);
    for (unsigned i = 0; i < 8; i++, length += 10) {
        const FPReg *r = &env->fpregs[(x87_top(env) + i) & 7];

        memcpy(image + length, &r->mantissa, 8);
        put16(image + length + 8, r->exponent);
    }
    vector_write(x, op, x86_linear(x, op, length, true), image, length);
    reset(x);
}

static void frstor(X86Exec *x, const X86Op *op)
{
    X86CPUState *env = x->env;
    uint8_t image[108];
    unsigned length = (short_format(op) ? 14 : 28) + 80, at;

    enter_waiting(x);
    vector_read(x, op, x86_linear(x, op, length, false), image, length);
    at = load_environment(x, op, image);
    for (unsigned i = 0; i < 8; i++, at += 10) {
        FPReg *r = &env->fpregs[(x87_top(env) + i) & 7];

        memcpy(&r->mantissa, image + at, 8);
        r->exponent = get(image + at + 8, 2);
    }
}

X86OpFn *x87_control_handler(const X86Op *op)
{
    switch (op->id) {
    case X86_FNINIT: return op_fninit;
    case X86_FNSETPM: return op_fnsetpm;
    case X86_FNCLEX: return op_fnclex;
    case X86_FLDCW: return op_fldcw;
    case X86_FNSTCW: return op_fnstcw;
    case X86_FNSTSW: return op_fnstsw;
    case X86_FLDENV: return op_fldenv;
    case X86_FNSTENV: return op_fnstenv;
    case X86_FRSTOR: return op_frstor;
    case X86_FNSAVE: return op_fnsave;
    case X86_FWAIT: return op_fwait;
    default: return NULL;
    }
}
