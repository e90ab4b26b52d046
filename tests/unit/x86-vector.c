/*
 * Vector, x87 and bit instructions beside the host's own CPU: each form is run natively with random registers, and by its
 * handler, and everything that it may change is compared. What the manuals leave undefined is left out.
 */
#include <cpuid.h>
#include <glib.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "target/i386/exec/features.h"
#include "target/i386/exec/flags.h"
#include "target/i386/exec/mem.h"
#include "target/i386/exec/x87.h"

/* --- The state that is compared. --- */
enum { XSAVE_SIZE = 4096, BUFFER = 8192, OPERAND_AT = 4096 };

typedef struct State {
    uint64_t regs[16], flags;
    uint8_t xsave[XSAVE_SIZE] __attribute__((aligned(64)));
} State;

typedef struct Native {
    State in, out;
    uint64_t host_rsp, signal_number, trap, exit_rip;
    uint8_t code[4096] __attribute__((aligned(4096)));
} Native;

static Native *native;          /* readable, writable and executable */
static uint8_t *buffer;         /* the memory operand is in its second page */
static bool host_has_avx;
static X86Exec *exec;
static X86CPU *cpu;

/* --- Running natively. --- */
static unsigned put(unsigned at, const void *bytes, unsigned length)
{
    memcpy(native->code + at, bytes, length);
    return at + length;
}
#define PUT(...) at = put(at, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static unsigned put_rip(unsigned at, const void *target)
{
    int32_t distance = (int32_t)((const uint8_t *)target - (native->code + at + 4));

    return put(at, &distance, 4);
}

/* mov between a general register and memory. */
static unsigned put_mov(unsigned at, unsigned reg, const uint64_t *where, bool store)
{
    PUT(0x48 | (reg >> 3) << 2, store ? 0x89 : 0x8b, (reg & 7) << 3 | 5);
    return put_rip(at, where);
}

static void build(const uint8_t *insn, unsigned length)
{
    unsigned at = 0;

    PUT(0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57);   /* push rbx, rbp, r12 … r15 */
    at = put_mov(at, 4, &native->host_rsp, true);
    PUT(0xb8, 7, 0, 0, 0, 0x31, 0xd2);                                 /* mov eax, 7; xor edx, edx */
    PUT(0x48, 0x0f, 0xae, 0x2d);                                        /* xrstor64 */
    at = put_rip(at, native->in.xsave);
    PUT(0xff, 0x35);                                                    /* push flags; popfq */
    at = put_rip(at, &native->in.flags);
    PUT(0x9d);
    for (unsigned i = 0; i < 16; i++) {
        at = i == 4 ? at : put_mov(at, i, &native->in.regs[i], false);
    }
    at = put(at, insn, length);
    native->exit_rip = (uint64_t)(native->code + at);
    for (unsigned i = 0; i < 16; i++) {
        at = i == 4 ? at : put_mov(at, i, &native->out.regs[i], true);
    }
    at = put_mov(at, 4, &native->host_rsp, false);
    PUT(0x9c, 0x8f, 0x05);                                              /* pushfq; pop flags */
    at = put_rip(at, &native->out.flags);
    PUT(0xb8, 7, 0, 0, 0, 0x31, 0xd2, 0x48, 0x0f, 0xae, 0x25);          /* xsave64 */
    at = put_rip(at, native->out.xsave);
    PUT(0xdb, 0xe3, 0xfc);                                              /* fninit; cld */
    PUT(0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    ucontext_t *u = context;

    native->signal_number = number;
    native->trap = u->uc_mcontext.gregs[REG_TRAPNO];
    u->uc_mcontext.gregs[REG_RIP] = native->exit_rip;
}

static void run_native(const uint8_t *insn, unsigned length)
{
    uint32_t mxcsr = 0x1f80;

    native->signal_number = 0;
    memset(native->out.xsave, 0, XSAVE_SIZE);
    build(insn, length);
    ((void (*)(void))(uintptr_t)native->code)();
    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
}

/* --- Running by the handler. --- */
static void take_state(const State *s)
{
    X86CPUState *env = &cpu->env;
    uint16_t tags = (uint8_t)~s->xsave[4];

    memcpy(exec->regs, s->regs, sizeof(s->regs));
    exec->regs[X86_REG_ZERO / 8] = 0;
    x86_set_eflags(exec, (uint32_t)s->flags);
    memcpy(&env->fpuc, s->xsave, 2);
    memcpy(&env->fpus, s->xsave + 2, 2);
    memcpy(&env->mxcsr, s->xsave + 24, 4);
    env->fptags = tags;
    for (unsigned i = 0; i < 8; i++) {
        FPReg *r = &env->fpregs[(x87_top(env) + i) & 7];

        memcpy(&r->mantissa, s->xsave + 32 + 16 * i, 8);
        memcpy(&r->exponent, s->xsave + 40 + 16 * i, 2);
    }
    for (unsigned i = 0; i < 16; i++) {
        memcpy(&env->xmm_regs[i].q[0], s->xsave + 160 + 16 * i, 16);
        memcpy(&env->xmm_regs[i].q[2], s->xsave + 576 + 16 * i, 16);
    }
}

static void give_state(State *s)
{
    X86CPUState *env = &cpu->env;

    memcpy(s->regs, exec->regs, sizeof(s->regs));
    s->flags = x86_eflags(exec);
    memset(s->xsave, 0, XSAVE_SIZE);
    memcpy(s->xsave, &env->fpuc, 2);
    memcpy(s->xsave + 2, &env->fpus, 2);
    s->xsave[4] = (uint8_t)~env->fptags;
    memcpy(s->xsave + 24, &env->mxcsr, 4);
    for (unsigned i = 0; i < 8; i++) {
        const FPReg *r = &env->fpregs[(x87_top(env) + i) & 7];

        memcpy(s->xsave + 32 + 16 * i, &r->mantissa, 8);
        memcpy(s->xsave + 40 + 16 * i, &r->exponent, 2);
    }
    for (unsigned i = 0; i < 16; i++) {
        memcpy(s->xsave + 160 + 16 * i, &env->xmm_regs[i].q[0], 16);
        memcpy(s->xsave + 576 + 16 * i, &env->xmm_regs[i].q[2], 16);
    }
}

static const X86Op *end(X86Exec *x, const X86Op *op)
{
    return NULL;
}

/* Whether it raised an exception. */
static bool run_handler(const X86Op *decoded, State *out)
{
    static X86Op ops[2];
    volatile bool raised = true;

    ops[0] = *decoded;
    ops[0].fn = vector_prepare(exec, &ops[0]);
    ops[1].fn = end;
    if (setjmp(exec->exit) == 0) {
        for (const X86Op *op = ops; op; op = op->fn(exec, op)) {
        }
        raised = false;
    }
    vector_leave(exec);
    give_state(out);
    return raised;
}

/* --- Random states. --- */
static uint64_t seed = 88172645463325252ull;

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Numbers near the edges of formats more often than chance would have them. */
static uint64_t interesting(void)
{
    static const uint64_t some[] = {
        0, 1, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, 0x7ff0000000000001, 0x3ff0000000000000, 0xbff0000000000000,
        0x0010000000000000, 0x000fffffffffffff, 0x8000000000000000, 0x7fefffffffffffff, 0x43e0000000000000, 0x41e0000000000000,
        0x7f8000007f800001, 0x3f800000bf800000, 0x00800000007fffff, 0xffffffffffffffff, 0x4f0000005f000000, 0x7f7fffff00000001,
        0x0101010101010101, 0x8080808080808080, 0x7fff7fff80008000, 0x3ff8000000000000, 0x4008000000000000, 0xc024000000000000,
    };

    switch (rnd() % 8) {
    case 0: case 1: case 2: return some[rnd() % G_N_ELEMENTS(some)];
    case 3: return rnd() & rnd() & rnd();
    case 4: return (rnd() % 64) << 52 | 0x3e00000000000000 | (rnd() >> 20);
    default: return rnd();
    }
}

static void random_x87(uint8_t *x)
{
    unsigned top = rnd() % 8;
    uint16_t control = 0x37f, status = (uint16_t)(top << 11 | (rnd() & 0x4700));

    if (rnd() % 2) {
        control = (uint16_t)((rnd() & 0xf00) | 0x7f);
    }
    if (rnd() % 4 == 0) {
        control &= (uint16_t)(0xffc0 | rnd());
    }
    status |= rnd() & 0x3f & control;       /* none is pending */
    memcpy(x, &control, 2);
    memcpy(x + 2, &status, 2);
    x[4] = rnd() % 3 ? 0xff : (uint8_t)rnd();
    for (unsigned i = 0; i < 8; i++) {
        static const uint16_t exponents[] = { 0, 1, 0x3fff, 0x4000, 0x7ffe, 0x7fff, 0x3ffe, 0x401e, 0x403e, 0x3f80, 0x3c00 };
        uint64_t mantissa = rnd() % 3 ? rnd() | 1ull << 63 : 1ull << 63;
        uint16_t exponent = exponents[rnd() % G_N_ELEMENTS(exponents)];

        if (rnd() % 4 == 0) {
            exponent = (uint16_t)(0x3fff - 40 + rnd() % 80);
        }
        if (rnd() % 8 == 0) {
            mantissa = interesting();
        }
        exponent |= rnd() & 0x8000;
        memcpy(x + 32 + 16 * i, &mantissa, 8);
        memcpy(x + 40 + 16 * i, &exponent, 2);
    }
}

static void random_state(State *s, bool unmasked)
{
    uint32_t mxcsr = 0x1f80;
    uint64_t bv = host_has_avx ? 7 : 3;

    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < 16; i++) {
        s->regs[i] = interesting();
    }
    s->regs[R_EDI] = (uint64_t)buffer + OPERAND_AT;
    s->regs[R_ESP] = 0;
    s->flags = 0x202 | (rnd() & FLAGS_ARITH);
    random_x87(s->xsave);
    if (rnd() % 2) {
        mxcsr |= rnd() & 0xe07f;
    }
    if (unmasked) {
        mxcsr &= 0xe07f | (uint32_t)rnd();
    }
    memcpy(s->xsave + 24, &mxcsr, 4);
    for (unsigned i = 0; i < 16; i++) {
        uint64_t low[2] = { interesting(), interesting() }, high[2] = { interesting(), interesting() };

        memcpy(s->xsave + 160 + 16 * i, low, 16);
        if (host_has_avx) {
            memcpy(s->xsave + 576 + 16 * i, high, 16);
        }
    }
    memcpy(s->xsave + 512, &bv, 8);
    for (unsigned i = 0; i < BUFFER / 8; i++) {
        uint64_t v = interesting();

        memcpy(buffer + 8 * i, &v, 8);
    }
}

/* --- Comparing. --- */
/* Flags that the manuals leave undefined. */
static uint32_t undefined_flags(unsigned id)
{
    switch (id) {
    case X86_LZCNT: case X86_TZCNT: return FLAG_OF | FLAG_SF | FLAG_PF | FLAG_AF;
    case X86_ANDN: case X86_BLSI: case X86_BLSR: case X86_BZHI: return FLAG_AF | FLAG_PF;
    case X86_BLSMSK: return FLAG_AF | FLAG_PF;
    case X86_BEXTR: return FLAG_AF | FLAG_SF | FLAG_PF;
    default: return 0;
    }
}

static bool is_x87(unsigned id)
{
    return id >= X86_FADD && id <= X86_FWAIT;
}

static GString *difference(const X86Op *op, const State *a, const State *b)
{
    GString *text = g_string_new("");
    uint32_t flags = FLAGS_ARITH & ~undefined_flags(op->id), mxcsr[2];
    uint16_t status[2];

    for (unsigned i = 0; i < 16; i++) {
        if (i != R_ESP && a->regs[i] != b->regs[i]) {
            g_string_append_printf(text, " r%u %" PRIx64 " %" PRIx64, i, a->regs[i], b->regs[i]);
        }
    }
    if ((a->flags ^ b->flags) & flags) {
        g_string_append_printf(text, " flags %" PRIx64 " %" PRIx64, a->flags & flags, b->flags & flags);
    }
    memcpy(&mxcsr[0], a->xsave + 24, 4);
    memcpy(&mxcsr[1], b->xsave + 24, 4);
    if (mxcsr[0] != mxcsr[1]) {
        g_string_append_printf(text, " mxcsr %x %x", mxcsr[0], mxcsr[1]);
    }
    for (unsigned i = 0; i < 16; i++) {
        uint64_t v[8];

        memcpy(v, a->xsave + 160 + 16 * i, 16);
        memcpy(v + 4, b->xsave + 160 + 16 * i, 16);
        memcpy(v + 2, a->xsave + 576 + 16 * i, 16);
        memcpy(v + 6, b->xsave + 576 + 16 * i, 16);
        if (memcmp(v, v + 4, 32)) {
            g_string_append_printf(text, " ymm%u %016" PRIx64 "%016" PRIx64 "%016" PRIx64 "%016" PRIx64
                                   " %016" PRIx64 "%016" PRIx64 "%016" PRIx64 "%016" PRIx64,
                                   i, v[3], v[2], v[1], v[0], v[7], v[6], v[5], v[4]);
        }
    }
    memcpy(&status[0], a->xsave + 2, 2);
    memcpy(&status[1], b->xsave + 2, 2);
    if (status[0] != status[1] || a->xsave[4] != b->xsave[4] || memcmp(a->xsave, b->xsave, 2)) {
        g_string_append_printf(text, " x87 status %x %x tags %x %x control %x %x", status[0], status[1], a->xsave[4], b->xsave[4],
                               a->xsave[0] | a->xsave[1] << 8, b->xsave[0] | b->xsave[1] << 8);
    }
    for (unsigned i = 0; i < 8; i++) {
        uint64_t m[2];
        uint16_t e[2];

        memcpy(&m[0], a->xsave + 32 + 16 * i, 8);
        memcpy(&m[1], b->xsave + 32 + 16 * i, 8);
        memcpy(&e[0], a->xsave + 40 + 16 * i, 2);
        memcpy(&e[1], b->xsave + 40 + 16 * i, 2);
        if (m[0] != m[1] || e[0] != e[1]) {
            g_string_append_printf(text, " st%u %x:%" PRIx64 " %x:%" PRIx64, i, e[0], m[0], e[1], m[1]);
        }
    }
    return text;
}

/* Components that are in their initial state are not written by XSAVE in the host's image as they look here. */
static void normalize(State *s)
{
    uint64_t bv;

    memcpy(&bv, s->xsave + 512, 8);
    if (!(bv & 4)) {
        memset(s->xsave + 576, 0, 256);
    }
}

static char *hex(const uint8_t *bytes, unsigned length)
{
    GString *s = g_string_new("");

    for (unsigned i = 0; i < length; i++) {
        g_string_append_printf(s, "%02x ", bytes[i]);
    }
    return g_string_free(s, false);
}

static unsigned bad;

/* What differs by design or by the host's whim. */
static bool comparable(const X86Op *op)
{
    switch (op->id) {
    case X86_RDRAND: case X86_RDSEED: case X86_XSAVES: case X86_XRSTORS:
        return false;
    default:
        return x86_has_feature(cpu, x86_op_feature(op));
    }
}

static unsigned tried;

/* Where the last x87 instruction and its operand were is not the same, nor what of it a CPU keeps. */
static void blank(uint8_t *image, unsigned from, unsigned to)
{
    memset(image + from, 0, to - from);
}

static void blank_pointers(const X86Op *op, uint8_t *image)
{
    switch (op->id) {
    case X86_FNSTENV: case X86_FNSAVE:
        blank(image, op->size == 2 ? 6 : 12, op->size == 2 ? 14 : 28);
        break;
    case X86_XSAVE: case X86_XSAVEOPT: case X86_XSAVEC:
        blank(image, 512, 520);     /* which components are in use is a CPU's choice, and by it what XSAVEOPT leaves out */
        /* fall through */
    case X86_FXSAVE:
        blank(image, 6, 24);
        break;
    }
}

/* A plausible image for what loads one. */
static void make_image(const X86Op *op)
{
    uint8_t *image = buffer + OPERAND_AT;
    static const uint64_t xcr0 = 7;
    uint64_t bv = rnd() & xcr0;
    uint32_t mxcsr = rnd() & 0xffff;

    switch (op->id) {
    case X86_FXRSTOR: case X86_XRSTOR: case X86_XSAVE: case X86_XSAVEOPT: case X86_XSAVEC:
        memcpy(image + 24, &mxcsr, 4);
        memset(image + 512, 0, 64);
        memcpy(image + 512, &bv, 8);
        if (op->id == X86_XRSTOR && (cpu->features[FEAT_XSAVE] & 2) && rnd() % 2) {
            bv = (bv | (rnd() & 7)) | 1ull << 63;
            memcpy(image + 520, &bv, 8);
        }
        /* With too many bits it is refused. */
        if (rnd() % 8 == 0) {
            image[rnd() % 2 ? 519 + 8 * (rnd() % 2) : 528 + rnd() % 48] ^= rnd() % 2 ? 0x10 : 0x80;
        }
        /* In the compacted form the host has loaded the registers before it sees that MXCSR is wrong. */
        if (rnd() % 8 == 0 && !(image[527] & 0x80)) {
            image[26] = 1;
        }
        break;
    }
}

static bool compare(const uint8_t *insn, const X86Op *op, bool unmasked)
{
    static State a, b;
    static uint8_t before[BUFFER], after[BUFFER], result[BUFFER];
    bool raised;
    GString *text;

    random_state(&native->in, unmasked);
    make_image(op);
    if (op->id == X86_XSAVE || op->id == X86_XSAVEOPT || op->id == X86_XSAVEC || op->id == X86_XRSTOR) {
        native->in.regs[R_EAX] = rnd() & 7;
        native->in.regs[R_EDX] = 0;
    }
    memcpy(before, buffer, BUFFER);
    run_native(insn, op->length);
    memcpy(after, buffer, BUFFER);
    memcpy(buffer, before, BUFFER);
    take_state(&native->in);
    a = native->out;
    normalize(&a);
    raised = run_handler(op, &b);
    tried++;
    text = difference(op, &a, &b);
    if (raised != (native->signal_number != 0)) {
        g_string_append_printf(text, " signal %d raised %d", (int)native->signal_number, raised);
    }
    memcpy(result, buffer, BUFFER);
    blank_pointers(op, result + OPERAND_AT);
    blank_pointers(op, after + OPERAND_AT);
    for (unsigned i = 0; i < BUFFER; i++) {
        if (result[i] != after[i]) {
            g_string_append_printf(text, " memory %d: %02x %02x", (int)i - OPERAND_AT, after[i], result[i]);
            break;
        }
    }
    if (text->len) {
        g_autofree char *bytes = hex(insn, op->length);

        if (bad++ < 60) {
            g_test_message("%s%s: %s%s", bytes, x86_insn_info[op->id].name, is_x87(op->id) ? "x87" : "", text->str);
        }
    }
    raised = text->len == 0;
    g_string_free(text, true);
    return raised;
}

/* --- The forms. --- */
static const unsigned rounds_default = 6;
static unsigned rounds;

static void try_bytes(const uint8_t *bytes, unsigned available, bool want_x87)
{
    X86Op op;
    int length = x86_decode(bytes, available, X86_CODE_64, &op);

    if (length <= 0 || x86_insn_info[op.id].unit != X86_UNIT_VECTOR || is_x87(op.id) != want_x87 || !comparable(&op)) {
        return;
    }
    for (unsigned i = 0; i < rounds; i++) {
        if (!compare(bytes, &op, i % 3 == 2)) {
            break;
        }
    }
}

/* Register forms with random registers (not rsp), memory forms at [rdi]. */
static unsigned modrm_of(unsigned digit, bool mem)
{
    return mem ? digit << 3 | 7 : 0xc0 | digit << 3 | (rnd() % 4);
}

static void all_legacy(void)
{
    static const uint8_t prefixes[] = { 0, 0x66, 0xf3, 0xf2 };

    for (unsigned i = 0; i < 4 * 4 * 256 * 16; i++) {
        unsigned prefix = prefixes[i & 3], map = i >> 2 & 3, opcode = i >> 4 & 255, digit = i >> 12 & 7, mem = i >> 15 & 1;
        uint8_t bytes[16];
        unsigned n = 0;

        if (map == 0 || (digit == 4 && opcode != 0xae && opcode != 0xc7) || (map == 1 && (opcode == 0x38 || opcode == 0x3a))) {
            continue;
        }
        if (prefix) {
            bytes[n++] = prefix;
        }
        if (rnd() % 2) {
            bytes[n++] = rnd() % 2 ? 0x48 : 0x40;
        }
        bytes[n++] = 0x0f;
        if (map > 1) {
            bytes[n++] = map == 2 ? 0x38 : 0x3a;
        }
        bytes[n++] = opcode;
        bytes[n++] = modrm_of(digit, mem);
        bytes[n++] = (uint8_t)rnd();
        bytes[n++] = 0;
        try_bytes(bytes, n, false);
    }
    g_assert_cmpuint(bad, ==, 0);
}

static void all_vex(void)
{
    for (unsigned i = 0; host_has_avx && i < 4 * 4 * 256 * 16 * 4; i++) {
        unsigned pp = i & 3, map = i >> 2 & 3, opcode = i >> 4 & 255, digit = i >> 12 & 7, mem = i >> 15 & 1, l = i >> 16 & 1,
                 w = i >> 17 & 1, vvvv = rnd() % 16;
        uint8_t bytes[16] = { 0xc4, 0xe0 | map, w << 7 | vvvv << 3 | l << 2 | pp, opcode, modrm_of(digit, mem), (uint8_t)rnd(), 0 };

        if (map == 0 || digit == 4) {
            continue;
        }
        if (rnd() % 4) {
            bytes[2] |= 0x78;
        }
        if (vvvv == 11) {       /* rsp */
            bytes[2] ^= 8;
        }
        try_bytes(bytes, 7, false);
        bytes[2] = (bytes[2] & 0x87) | (rnd() % 2 ? 0x60 : 0x30);
        try_bytes(bytes, 7, false);
    }
    g_assert_cmpuint(bad, ==, 0);
}

static void all_x87(void)
{
    for (unsigned opcode = 0xd8; opcode < 0xe0; opcode++) {
        for (unsigned modrm = 0; modrm < 256; modrm++) {
            uint8_t bytes[2] = { opcode, modrm };

            if (modrm >= 0xc0 || (modrm & 0xc7) == 7) {
                try_bytes(bytes, 2, true);
            }
        }
    }
    g_assert_cmpuint(bad, ==, 0);
}

/* --- Set-up. --- */
static void ask_features(void)
{
    unsigned a, b, c, d;

    __cpuid(1, a, b, c, d);
    cpu->features[FEAT_1_EDX] = d;
    cpu->features[FEAT_1_ECX] = c;
    host_has_avx = c & 1u << 27 && c & 1u << 28;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        cpu->features[FEAT_7_0_EBX] = b;
        cpu->features[FEAT_7_0_ECX] = c;
    }
    if (__get_cpuid_count(13, 1, &a, &b, &c, &d)) {
        cpu->features[FEAT_XSAVE] = a;
    }
    if (__get_cpuid(0x80000001, &a, &b, &c, &d)) {
        cpu->features[FEAT_8000_0001_ECX] = c & ~0x40u;     /* SSE4A is no part of this */
        cpu->features[FEAT_8000_0001_EDX] = d;
    }
}

static void map_identity(void)
{
    exec->tlb = calloc(X86_TLB_SIZE, sizeof(X86TlbEntry));
    for (unsigned i = 0; i < X86_TLB_SIZE; i++) {
        exec->tlb[i] = (X86TlbEntry){ .read = UINT64_MAX & ~0xfffull, .write = UINT64_MAX & ~0xfffull };
    }
    for (unsigned at = 0; at < BUFFER; at += TARGET_PAGE_SIZE) {
        uint64_t page = (uint64_t)buffer + at;

        *x86_tlb_entry(exec, page) = (X86TlbEntry){ .read = page, .write = page };
    }
}

static void set_up(void)
{
    struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
    X86CPUState *env;

    native = mmap(NULL, sizeof(*native), PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    buffer = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    exec = aligned_alloc(64, (sizeof(*exec) + 63) & ~63ul);
    memset(exec, 0, sizeof(*exec));
    cpu = calloc(1, sizeof(*cpu));
    env = exec->env = &cpu->env;
    exec->cpu = cpu;
    x86_cpu_state_reset(env, 0);
    env->cr[0] = 0x80000033;
    env->cr[4] = 0x406a0;
    env->xcr0 = 7;
    env->efer = 0x500;
    env->segs[R_CS].flags = 0x00af9a00 | 3 << 13;
    env->segs[R_SS].flags = 0x00cf9200 | 3 << 13;
    env->segs[R_DS].flags = 0x00cf9200 | 3 << 13;
    env->hflags = x86_cpu_state_hflags(env);
    exec->delivering = -1;
    exec->mode = X86_CODE_64 | MODE_FLAT;
    exec->engine = calloc(1, sizeof(X86ExecPrivate));
    exec->regs[X86_REG_RIP / 8] = 0x1000;
    map_identity();
    ask_features();
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGILL, &action, NULL);
    sigaction(SIGTRAP, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

/* SIGFPE is the unit's own; natively run instructions need it too. */
static struct sigaction unit_sigfpe;

static void sigfpe(int number, siginfo_t *info, void *context)
{
    uint64_t rip = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];

    if (rip >= (uint64_t)native->code && rip < (uint64_t)native->code + sizeof(native->code)) {
        on_signal(number, info, context);
    } else {
        unit_sigfpe.sa_sigaction(number, info, context);
    }
}

static void take_sigfpe(void)
{
    struct sigaction action = { .sa_sigaction = sigfpe, .sa_flags = SA_SIGINFO | SA_NODEFER };
    uint32_t mxcsr = 0x1f00;
    uint64_t result;

    vector_run_unmasked((VectorStub *)(uintptr_t)getpid, NULL, NULL, NULL, NULL, &mxcsr, &result);    /* installs it */
    sigaction(SIGFPE, &action, &unit_sigfpe);
}

int main(int argc, char **argv)
{
    const char *text = g_getenv("X86_VECTOR_ROUNDS");

    g_test_init(&argc, &argv, NULL);
    rounds = text ? (unsigned)atoi(text) : rounds_default;
    if (g_getenv("X86_VECTOR_SEED")) {
        seed = strtoull(g_getenv("X86_VECTOR_SEED"), NULL, 0);
    }
    set_up();
    take_sigfpe();
    g_test_add_func("/x86-vector/legacy_forms_do_what_the_host_does", all_legacy);
    g_test_add_func("/x86-vector/vex_forms_do_what_the_host_does", all_vex);
    g_test_add_func("/x86-vector/x87_does_what_the_host_does", all_x87);
    int status = g_test_run();

    g_test_message("%u instructions", tried);
    return status;
}
