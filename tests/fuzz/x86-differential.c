/*
 * The engine beside the host's own CPU: random instructions on random registers, flags, vectors and memory, once
 * natively (native-run.h) and once in the engine (differential-guest.h); whatever is architecturally defined has to be
 * equal.
 *
 *     x86-differential [--tests N] [--seed S] [--only INDEX] [--name MNEMONIC] [--32 | --64] [--verbose]
 *
 * A test is made of seed and index alone. What it runs is one instruction, sometimes up to six, with breakpoint
 * instructions all around. Left out: what would take the process along (system calls, segment loads), what no two CPUs
 * answer alike (CPUID, time, random numbers), and addresses that one of the two sees differently.
 */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "differential-guest.h"
#include "target/i386/exec/exec.h"
#include "x86-undefined.h"

enum { INSNS_MAX = 6, SHOWN_MAX = 40 };

typedef struct Test {
    bool is_64;
    unsigned count, length, offset;         /* instructions, bytes, where in the page of code */
    X86Op ops[INSNS_MAX];
    uint8_t code[INSNS_MAX * 15];
    uint8_t data[DATA_SIZE];
    NativeState state;
} Test;

static uint64_t random_state;
static uint8_t *native_code, *native_data;  /* the first: where it may be written */
static bool verbose;
static const char *only_name;
static int only_bits;

static uint64_t random64(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static unsigned below(unsigned n)
{
    return (unsigned)(random64() >> 32) % n;
}

/* --- what is run --- */

static bool is_allowed(const X86Op *op, bool is_64, bool is_first)
{
    if (op->seg == R_FS && op->flags & X86_OP_SEG) { /* the process' own */
        return false;
    }
    switch (op->id) {
    case X86_FNSTENV:
    case X86_FNSAVE:
    case X86_FXSAVE: /* not behind x87 instructions: the host forgets their selectors */
        return is_first;
    case X86_MASKMOVQ: case X86_MASKMOVDQU: /* may fault or not if no byte is selected */
        return is_first;
    case X86_SYSRET: /* one vendor's CPUs have it only there */
        return is_64;
    /* take the process along, or see another system */
    case X86_SYSCALL: case X86_SYSENTER: case X86_SYSEXIT: case X86_IRET: case X86_CALL_FAR: case X86_CALL_FAR_IND: case X86_JMP_FAR:
    case X86_JMP_FAR_IND: case X86_RET_FAR: case X86_POP_SREG: case X86_LES: case X86_LDS: case X86_LSS: case X86_LFS:
    case X86_LGS: case X86_WRFSBASE: case X86_RDFSBASE: case X86_WRGSBASE: case X86_LAR: case X86_LSL: case X86_VERR:
    case X86_VERW: case X86_SGDT: case X86_SIDT: case X86_SLDT: case X86_STR: case X86_SMSW:
    /* differ from moment to moment and CPU to CPU */
    case X86_CPUID: case X86_RDTSC: case X86_RDTSCP: case X86_RDPID: case X86_RDPMC: case X86_RDRAND: case X86_RDSEED:
    case X86_XGETBV: case X86_RDPKRU: case X86_WRPKRU: case X86_MONITOR: case X86_MWAIT:
    /* have more state on the host */
    case X86_XSAVE:
    case X86_XSAVEC:
    case X86_XSAVEOPT:
    case X86_XSAVES:
    case X86_XRSTOR:
    case X86_XRSTORS:
    case X86_FXRSTOR:
        return false;
    case X86_MOV_SREG:
        return !(op->flags & X86_OP_TO_REG);
    case X86_INT:
        return op->imm != 0x80;
    case X86_INT1: case X86_VMMCALL:
        return false;
    default:
        break;
    }
    return guest_has(op) && x86_op_feature(op) != X86_FEATURE_SVM && x86_op_feature(op) != X86_FEATURE_SKINIT &&
           x86_op_feature(op) != X86_FEATURE_SSE4A;
}

static bool is_relative_branch(const X86Op *op)
{
    return (op->id >= X86_JMP && op->id <= X86_CALL && op->id != X86_JMP_IND);
}

/* Bytes that are an instruction of the tables, of each map alike. */
static void random_bytes(uint8_t *bytes)
{
    static const uint8_t prefixes[] = { 0x66, 0x66, 0x66, 0xf2, 0xf3, 0xf2, 0xf3, 0x67, 0xf0, 0x2e, 0x65 };
    uint64_t choice = random64();
    uint8_t *p = bytes;

    for (int i = 0; i < 16; i += 8) {
        uint64_t bits = random64();
        memcpy(bytes + i, &bits, 8);
    }
    for (unsigned count = "\0\0\0\0\0\0\0\1\1\1\1\1\1\2\2\3"[choice & 15]; count; count--) {
        *p++ = prefixes[below(sizeof(prefixes))];
    }
    if (choice & 16) {
        *p++ = 0x40 | (choice >> 5 & 15);
    }
    switch (choice >> 16 & 15) {
    case 0 ... 6:
        break;
    case 7 ... 10:
        *p++ = 0x0f;
        break;
    case 11:
        *p++ = 0x0f;
        *p++ = 0x38;
        break;
    case 12:
        *p++ = 0x0f;
        *p++ = 0x3a;
        break;
    case 13:
        bytes[0] = 0xc5;
        break;
    default:
        bytes[0] = 0xc4;
        bytes[1] = (bytes[1] & 0xe0) | (1 + (choice >> 32) % 3);
        if (choice >> 40 & 1) { /* vvvv unused */
            bytes[2] |= 0x78;
        }
        break;
    }
}

/* An instruction that may be run. */
static unsigned random_instruction(uint8_t *bytes, X86Op *op, bool is_64, bool is_first)
{
    for (;;) {
        int length;

        random_bytes(bytes);
        length = x86_decode(bytes, 16, is_64 ? X86_CODE_64 : X86_CODE_32, op);
        if (length <= 0 || !is_allowed(op, is_64, is_first) ||
            (only_name && strcmp(only_name, x86_insn_info[op->id].name))) {
            continue;
        }
        if (is_relative_branch(op)) { /* ahead, into breakpoints */
            unsigned size = op->opcode < 0xe8 && op->map == 0 ? 1 : op->opcode == 0xeb ? 1 : op->size == 2 ? 2 : 4;

            memset(bytes + length - size, 0, size);
            bytes[length - size] = below(100);
            x86_decode(bytes, 16, is_64 ? X86_CODE_64 : X86_CODE_32, op);
        }
        return length;
    }
}

/* --- state --- */

static uint64_t random_integer(void)
{
    uint64_t choice = random64();

    switch (choice & 15) {
    case 0 ... 4:
        return DATA + (choice >> 8) % DATA_SIZE;
    case 5:
        return DATA + PAGE * (1 + (choice >> 8) % DATA_PAGES) - (choice >> 32 & 15);
    case 6:
        return choice >> 8 & 0xff;
    case 7:
        return -(choice >> 8 & 0xff);
    case 8:
        return 1ull << (choice >> 8 & 63);
    case 9:
        return (1ull << (choice >> 8 & 63)) - 1;
    case 10:
        return (int64_t)(int32_t)(choice >> 8);
    case 11:
        return CODE + 0xd00 + (choice >> 8 & 0xff);
    default:
        return random64();
    }
}

/* Integers, floats, doubles, of all kinds. */
static uint64_t random_vector_part(void)
{
    static const uint32_t floats[] = {0,          0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000,
                                      0x7fc00000, 0x7f800001, 0xffc12345, 1,          0x807fffff, 0x00800000,
                                      0x7f7fffff, 0x4f000000, 0xcf000000, 0x3f000000, 0x42280000};
    static const uint64_t doubles[] = {0,
                                       1ull << 63,
                                       0x3ff0000000000000,
                                       0xbff0000000000000,
                                       0x7ff0000000000000,
                                       0xfff0000000000000,
                                       0x7ff8000000000000,
                                       0x7ff0000000000001,
                                       1,
                                       0x800fffffffffffff,
                                       0x0010000000000000,
                                       0x7fefffffffffffff,
                                       0x41e0000000000000,
                                       0xc3e0000000000000,
                                       0x3fe0000000000000};
    uint64_t choice = random64();

    switch (choice & 7) {
    case 0 ... 1:
        return floats[(choice >> 8) % G_N_ELEMENTS(floats)] | (uint64_t)floats[(choice >> 32) % G_N_ELEMENTS(floats)]
                                                                  << 32;
    case 2:
        return doubles[(choice >> 8) % G_N_ELEMENTS(doubles)];
    case 3: { /* ordinary numbers */
        float f[2] = { (int32_t)(choice >> 8) / 1024.0f, (int32_t)(choice >> 24) / 3.0f };
        uint64_t v;

        memcpy(&v, f, 8);
        return v;
    }
    case 4: {
        double f = (int64_t)choice / 1048576.0;
        uint64_t v;

        memcpy(&v, &f, 8);
        return v;
    }
    case 5: /* offsets for gathers */
        return (choice >> 8 & 0xff) | (choice >> 16 & 0xff) << 32;
    default:
        return random64();
    }
}

static void random_x87(NativeState *s)
{
    static const uint8_t special[][10] = {
        {0},
        {[9] = 0x80},
        {[7] = 0x80, 0xff, 0x3f},
        {[7] = 0x80, 0xff, 0x7f},
        {[7] = 0x80, 0xff, 0xff},
        {[7] = 0xc0, 0xff, 0x7f},
        {1, [7] = 0x80, 0xff, 0x7f},
        {1},
        {[7] = 0x80},
        {[7] = 0x80, 0, 0x40},
        {[6] = 1, 0, 0x12, 0x34},
        {[7] = 0x80, 0x1e, 0x40},
    };

    for (unsigned i = 0; i < 8; i++) {
        uint64_t bits[2] = { random64(), random64() };
        unsigned choice = below(8);

        memcpy(s->st[i], bits, 10);
        if (choice < 3) {
            memcpy(s->st[i], special[below(G_N_ELEMENTS(special))], 10);
        } else if (choice < 7) { /* normal, and not far from 1 */
            s->st[i][7] |= 0x80;
            s->st[i][8] = bits[1] % 80 + 0xd0;
            s->st[i][9] = 0x3f | (bits[1] & 0x80);
        }
    }
    s->ftw = below(4) ? 0xff : random64();
    s->fsw = below(4) ? 0 : (random64() & 0x7f00);
    if (!below(2)) {
        s->fsw |= below(8) << 11;
    }
    s->fcw = below(3) ? 0x37f : 0x40 | 0x3f | (random64() & 0xf00);
    if (!below(16)) {
        s->fcw &= ~(random64() & 0x3f);
    }
    if (!(~s->fcw & 0x3f) ? !below(4) : !below(8)) { /* exceptions that were masked; pending ones */
        s->fsw |= random64() & 0x7f;
    }
    if (s->fsw & ~s->fcw & 0x3f) { /* the summary follows */
        s->fsw |= 0x8080;
    }
}

static void random_machine(Test *t)
{
    NativeState *s = &t->state;

    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < 16; i++) {
        s->regs[i] = random_integer();
        if (!t->is_64) {
            s->regs[i] = i < 8 ? (uint32_t)s->regs[i] : 0;
        }
    }
    s->regs[R_ESP] = DATA + PAGE + below(2 * PAGE);
    if (below(4)) {
        s->regs[R_ESP] &= ~7;
        s->regs[R_EBP] = DATA + PAGE + below(2 * PAGE);
    }
    if (below(4)) {
        s->regs[R_ECX] = below(80);
    }
    s->rflags = 0x202 | (random64() & (FLAGS_ARITH | FLAG_DF));
    if (!below(20)) {
        s->rflags |= FLAG_TF;
    }
    if (below(3)) {
        s->rflags &= ~FLAG_DF;
    }
    s->mxcsr = 0x1f80 | (below(3) ? 0 : random64() & 0xe07f);
    if (!below(16)) {
        s->mxcsr &= ~(random64() & 0x1f80);
    }
    for (unsigned i = 0; i < 64; i++) {
        s->ymm[i / 4][i % 4] = random_vector_part();
    }
    random_x87(s);
    for (unsigned i = 0; i < DATA_SIZE; i += 8) {
        uint64_t v = (i & 0xff) < 0x60 ? random_vector_part() : (i & 0xff) < 0x80 ? random_integer() : random64();
        memcpy(t->data + i, &v, 8);
    }
}

/* Lets the memory operand be in the pages of data, by its base register or its displacement. */
static void aim(Test *t, unsigned index, uint8_t *bytes)
{
    X86Op *op = &t->ops[index];
    uint64_t *regs = t->state.regs;
    unsigned size = op->size2 ? op->size2 : 64;
    uint64_t target = DATA + below(DATA_SIZE), offset;

    if (!(op->flags & X86_OP_MEM) || !below(20)) {
        return;
    }
    if (below(2)) {
        target &= ~15;
    }
    if (!below(8)) {
        target = (target & -PAGE) + PAGE - below(size + 2);
    }
    if ((op->id == X86_BT || op->id == X86_BTS || op->id == X86_BTR || op->id == X86_BTC) &&
        !(op->flags & X86_OP_IMM)) {
        regs[op->reg / 8] = (int64_t)below(4000) - 2000;
    }
    offset = (int64_t)op->disp;
    if (!(op->flags & X86_OP_VSIB) && op->index != X86_REG_ZERO) {
        if (op->index == op->base || below(2)) {
            regs[op->index / 8] = below(64);
        }
        offset += regs[op->index / 8] << op->scale;
    }
    if (op->base < X86_REG_ZERO) {
        regs[op->base / 8] = target - offset;
        if (!t->is_64) {
            regs[op->base / 8] = (uint32_t)regs[op->base / 8];
        }
        return;
    }
    /* where the displacement is: found by its value */
    for (unsigned i = 1; i + 4 <= op->length; i++) {
        if (!memcmp(bytes + i, &op->disp, 4)) {
            uint64_t base = op->base == X86_REG_RIP ? CODE + t->offset + (bytes - t->code) + op->length : 0;
            uint32_t disp = target - (offset - op->disp) - base;
            uint8_t copy[16] = { 0 };
            X86Op again;

            memcpy(copy, bytes, op->length);
            memcpy(copy + i, &disp, 4);
            if (x86_decode(copy, 16, t->is_64 ? X86_CODE_64 : X86_CODE_32, &again) == op->length &&
                again.disp == (int32_t)disp) {
                memcpy(bytes, copy, op->length);
                *op = again;
                return;
            }
        }
    }
}

static void make_test(Test *t, uint64_t seed, uint64_t index)
{
    bool plain = true;

    random_state = seed * 0x2545f4914f6cdd1d + index;
    random64();
    memset(t->ops, 0, sizeof(t->ops));
    t->is_64 = only_bits ? only_bits == 64 : below(4) != 0;
    random_machine(t);
    t->count = below(4) || only_name ? 1 : 2 + below(INSNS_MAX - 1);
    t->length = 0;
    t->offset = below(0xc00);
    for (unsigned i = 0; i < t->count && plain; i++) {
        uint8_t bytes[16];
        X86Op *op = &t->ops[i];

        random_instruction(bytes, op, t->is_64, i == 0);
        memcpy(t->code + t->length, bytes, op->length);
        /* a longer sequence goes on only behind what leaves nothing undefined, and always goes on */
        plain = op->id != X86_MASKMOVQ && op->id != X86_MASKMOVDQU && !x86_insn_info[op->id].ends_block &&
                !x86_undefined_flags(op, 8 * op->size) && !x86_undefined_flags(op, 2) &&
                !x86_undefined_result(op, ~0) && op->id != X86_BSF && op->id != X86_BSR;
        aim(t, i, t->code + t->length);
        t->length += op->length;
        if (!plain || i + 1 == t->count) {
            t->count = i + 1;
        }
    }
    if (!below(50)) { /* across the end of the page, which is the end of all code */
        t->offset = PAGE - below(t->length + 1);
    }
    t->state.rip = CODE + t->offset;
}

/* --- comparing --- */

static void put_code(const Test *t, bool breakpoints)
{
    unsigned length = MIN(t->length, PAGE - t->offset);

    if (breakpoints) {
        memset(native_code + t->offset, 0xcc, length);
        memset(guest_code() + t->offset, 0xcc, length);
    } else {
        memcpy(native_code + t->offset, t->code, length);
        memcpy(guest_code() + t->offset, t->code, length);
    }
    guest_code_changed(t->offset, length);
}

static bool is_canonical(uint64_t address)
{
    return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

/* Refusals that may be one or the other: the host has more address bits; an access that wraps at 4 GiB. */
static bool same_refusal(const Test *t, const X86Op *op, const NativeState *native, const NativeState *guest)
{
    if (op->id == X86_MASKMOVQ ||
        op->id == X86_MASKMOVDQU) { /* with a mask that selects nothing they may fault or not */
        return true;
    }
    if (op->flags & X86_OP_VSIB &&
        native->vector == 1) { /* a step trap for the elements before the fault (SDM, VGATHERDPS) */
        return true;
    }
    if (native->vector == 13 && guest->vector == 12 && op->size2 >= 16) {
        return native->rip == guest->rip; /* not aligned, and not canonical */
    }
    return native->vector == 14 && (!is_canonical(native->cr2) || (!t->is_64 && native->cr2 >= 0xffffff00)) &&
           (guest->vector == 13 || guest->vector == 12) && native->rip == guest->rip;
}

/* Accesses of many parts, in an order that is the CPU's own. */
static bool is_long_access(const X86Op *op)
{
    return op->id == X86_MASKMOVQ || op->id == X86_MASKMOVDQU || op->id == X86_FNSAVE || op->id == X86_FRSTOR ||
           op->id == X86_FXSAVE || op->id == X86_VPMASKMOVD || op->id == X86_VPMASKMOVQ || op->id == X86_VMASKMOVPS ||
           op->id == X86_VMASKMOVPD || op->id == X86_FLDENV || op->id == X86_FNSTENV || op->id == X86_PUSHA ||
           op->id == X86_POPA || op->id == X86_ENTER;
}

/* Whether the page fault is the same one. */
static bool same_fault(const X86Op *last, const NativeState *native, const NativeState *guest)
{
    uint64_t mask = is_long_access(last) ? -PAGE : -1;
    /* far from all pages of the test the host may have a page of its own, or hide its kernel's */
    uint32_t error = native->cr2 > 0xffffffff ? ~1u : ~0u;

    if (last->id == X86_FXSAVE || last->id == X86_MASKMOVQ || last->id == X86_MASKMOVDQU) {
        return true; /* which of its bytes it is that counts */
    }
    return !((native->cr2 ^ guest->cr2) & mask) && !((native->error ^ guest->error) & error);
}

/* Stores that do not happen if they raise an exception that is not masked: then their address counts for some CPUs
 * only. */
static bool is_unmasked_store(const Test *t, const X86Op *op)
{
    const NativeState *before = &t->state;

    return (op->id == X86_FST || op->id == X86_FSTP || op->id == X86_FIST || op->id == X86_FISTP ||
            op->id == X86_FISTTP || op->id == X86_FBSTP || op->id == X86_VCVTPS2PH) &&
           op->flags & X86_OP_MEM &&
           (t->count > 1              ? true
            : op->id == X86_VCVTPS2PH ? ~before->mxcsr & 0x1f80
                                      : ~before->fcw & 0x19);
}

typedef struct Difference {
    char text[160];
} Difference;

/* The instruction at rip, else the last. */
static const X86Op *op_at(const Test *t, uint64_t rip)
{
    uint64_t at = CODE + t->offset;

    for (unsigned i = 0; i < t->count; at += t->ops[i++].length) {
        if (at == rip) {
            return &t->ops[i];
        }
    }
    return &t->ops[t->count - 1];
}

static bool compare(const Test *t, const NativeState *native, const NativeState *guest, Difference *d)
{
    const X86Op *last = op_at(t, native->rip);
    uint32_t flags = FLAGS_ARITH | FLAG_TF | FLAG_DF | FLAG_NT | FLAG_AC | FLAG_ID | FLAG_RF | 0x3200;
    bool undefined_result = x86_undefined_result(last, t->state.regs[R_ECX]);
    uint64_t mask = t->is_64 ? ~0ull : 0xffffffff;

#define DIFFERS(...) (snprintf(d->text, sizeof(d->text), __VA_ARGS__), true)
    if ((native->vector != guest->vector || native->rip != guest->rip) && is_unmasked_store(t, op_at(t, guest->rip))) {
        return false;
    }
    if (native->rip != guest->rip && (last->id == X86_MASKMOVQ || last->id == X86_MASKMOVDQU)) {
        return false; /* with a mask that selects nothing they may fault or not */
    }
    if (native->vector != guest->vector) {
        return !same_refusal(t, last, native, guest) &&
               DIFFERS("exception %u (error %x, cr2 %lx) and %u (error %x, cr2 %lx)", native->vector, native->error,
                       native->cr2, guest->vector, guest->error, guest->cr2);
    }
    if (native->rip != guest->rip) {
        return DIFFERS("rip %lx and %lx", native->rip, guest->rip);
    }
    if (native->vector == 14 && !same_fault(last, native, guest)) {
        return DIFFERS("page fault at %lx, error %x, and at %lx, error %x", native->cr2, native->error, guest->cr2,
                       guest->error);
    }
    if ((native->vector >= 10 && native->vector <= 13) && native->error != guest->error) {
        return DIFFERS("error code %x and %x", native->error, guest->error);
    }
    for (unsigned i = 0; i < (t->is_64 ? 16 : 8) && !undefined_result; i++) {
        if (native->vector == 14 && last->id == X86_POPA) {
            break; /* some of them may be loaded */
        }
        if ((native->regs[i] ^ guest->regs[i]) & mask) {
            return DIFFERS("register %u: %lx and %lx", i, native->regs[i], guest->regs[i]);
        }
    }
    flags &= ~x86_undefined_flags(last, t->state.regs[R_ECX]);
    if (t->count > 1) { /* what CL was is not known */
        flags &=
            ~(x86_undefined_flags(last, 2) | x86_undefined_flags(last, 8 * last->size) | x86_undefined_flags(last, ~0));
    }
    if ((native->rflags ^ guest->rflags) & flags) {
        return DIFFERS("flags %lx and %lx: %lx", native->rflags, guest->rflags,
                       (native->rflags ^ guest->rflags) & flags);
    }
    if (native->mxcsr != guest->mxcsr && !(last->id == X86_VCVTPS2PH && native->vector != 3)) {
        return DIFFERS("mxcsr %x and %x", native->mxcsr, guest->mxcsr);
    }
    for (unsigned i = 0; i < (t->is_64 ? 16 : 8); i++) {
        for (unsigned j = 0; j < 4; j++) {
            if (native->ymm[i][j] != guest->ymm[i][j]) {
                return DIFFERS("ymm%u[%u]: %lx and %lx", i, j, native->ymm[i][j], guest->ymm[i][j]);
            }
        }
    }
    if (native->fcw != guest->fcw || native->fsw != guest->fsw || native->ftw != guest->ftw) {
        return DIFFERS("x87 control %x, status %x, tags %x and %x, %x, %x", native->fcw, native->fsw, native->ftw,
                       guest->fcw, guest->fsw, guest->ftw);
    }
    for (unsigned i = 0; i < 8; i++) {
        if (memcmp(native->st[i], guest->st[i], 10)) {
            uint64_t a, b;

            memcpy(&a, native->st[i], 8);
            memcpy(&b, guest->st[i], 8);
            return DIFFERS("st(%u): %02x%02x.%016lx and %02x%02x.%016lx", i, native->st[i][9], native->st[i][8], a,
                           guest->st[i][9], guest->st[i][8], b);
        }
    }
    if (native->vector == 14 && (is_long_access(last) || last->size2 == 10)) {
        return false; /* some of it may have been written */
    }
    if (!undefined_result && memcmp(native_data, guest_data(), DATA_SIZE)) {
        for (unsigned i = 0; i < DATA_SIZE; i++) {
            if (native_data[i] != guest_data()[i]) {
                return DIFFERS("memory at %x: %02x and %02x", DATA + i, native_data[i], guest_data()[i]);
            }
        }
    }
    return false;
}

static void show(const Test *t, uint64_t index, const Difference *d)
{
    const NativeState *s = &t->state;

    printf("# test %lu, %d bits,", index, t->is_64 ? 64 : 32);
    for (unsigned i = 0; i < t->count; i++) {
        printf(" %s", x86_insn_info[t->ops[i].id].name);
    }
    printf(":");
    for (unsigned i = 0; i < t->length; i++) {
        printf(" %02x", t->code[i]);
    }
    printf(": host and engine: %s\n", d->text);
    if (verbose) {
        for (unsigned i = 0; i < 16; i++) {
            printf("#   r%-2u %016lx%s", i, s->regs[i], i % 4 == 3 ? "\n" : "");
        }
        printf("#   rip %lx rflags %lx mxcsr %x fcw %x fsw %x ftw %x\n", s->rip, s->rflags, s->mxcsr, s->fcw, s->fsw,
               s->ftw);
        for (unsigned i = 0; i < 16; i++) {
            printf("#   ymm%-2u %016lx %016lx %016lx %016lx\n", i, s->ymm[i][3], s->ymm[i][2], s->ymm[i][1],
                   s->ymm[i][0]);
        }
    }
}

/* True if equal. */
static bool run_test(const Test *t, Difference *d)
{
    NativeState native = t->state, guest = t->state;
    bool differs;

    memcpy(native_data + PAGE, t->data + PAGE, DATA_SIZE - PAGE);
    memcpy(guest_data() + PAGE, t->data + PAGE, DATA_SIZE - PAGE);
    put_code(t, false);
    native_run(&native, t->is_64);
    guest_run(&guest, t->is_64);
    differs = compare(t, &native, &guest, d);
    put_code(t, true);
    return !differs;
}

/* Without the instructions that it fails without as well. */
static void shrink(Test *t, Difference *d)
{
    for (unsigned i = 0; t->count > 1 && i < t->count;) {
        Test *less = g_memdup2(t, sizeof(*t));
        Difference other;
        unsigned at = 0;

        for (unsigned j = 0; j < i; j++) {
            at += t->ops[j].length;
        }
        memmove(less->code + at, less->code + at + t->ops[i].length, t->length - at - t->ops[i].length);
        memmove(&less->ops[i], &less->ops[i + 1], (t->count - i - 1) * sizeof(X86Op));
        less->length -= t->ops[i].length;
        less->count--;
        if (!run_test(less, &other)) {
            *t = *less;
            *d = other;
        } else {
            i++;
        }
        g_free(less);
    }
}

static void map_pages(void)
{
    int fd = memfd_create("code", 0);

    if (fd < 0 || ftruncate(fd, PAGE)) {
        abort();
    }
    native_code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    native_data = mmap((void *)(uintptr_t)DATA, DATA_SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_POPULATE, -1, 0);
    if (native_code == MAP_FAILED || native_data != (void *)(uintptr_t)DATA ||
        mmap((void *)(uintptr_t)CODE, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, fd,
             0) == MAP_FAILED) {
        abort();
    }
    memset(native_code, 0xcc, PAGE);
}

static void fill_readonly_page(void)
{
    random_state = 1;
    for (unsigned i = 0; i < PAGE; i += 8) {
        uint64_t v = random_vector_part();
        memcpy(native_data + i, &v, 8);
    }
    memcpy(guest_data(), native_data, PAGE);
    mprotect(native_data, PAGE, PROT_READ);
}

/* Intel's, with what the model "max" may have: what is compared was found out there. */
static bool is_known_host(void)
{
    return __builtin_cpu_is("intel") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

int main(int argc, char **argv)
{
    uint64_t tests = 100000, seed = 1, first = 0, failed = 0, skipped = 0;
    static unsigned failures[X86_INSNS];
    Test *t = g_new0(Test, 1);

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--tests") && i + 1 < argc) {
            tests = strtoull(argv[++i], NULL, 0);
        } else if (!strcmp(argv[i], "--seed") && i + 1 < argc) {
            seed = strtoull(argv[++i], NULL, 0);
        } else if (!strcmp(argv[i], "--only") && i + 1 < argc) {
            first = strtoull(argv[++i], NULL, 0);
            tests = 1;
            verbose = true;
        } else if (!strcmp(argv[i], "--name") && i + 1 < argc) {
            only_name = argv[++i];
        } else if (!strcmp(argv[i], "--32") || !strcmp(argv[i], "--64")) {
            only_bits = atoi(argv[i] + 2);
        } else if (!strcmp(argv[i], "--verbose")) {
            verbose = true;
        } else {
            fprintf(stderr,
                    "usage: %s [--tests N] [--seed S] [--only INDEX] [--name MNEMONIC] [--32 | --64] [--verbose]\n",
                    argv[0]);
            return 2;
        }
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!is_known_host()) {
        printf("1..1\nok 1 # SKIP the host's CPU may answer otherwise where the architecture leaves it open\n");
        return 0;
    }
    guest_init("max");
    map_pages();
    fill_readonly_page();
    native_init();
    for (uint64_t index = first; index < first + tests; index++) {
        Difference d;

        make_test(t, seed, index);
        if (verbose && tests == 1) {
            show(t, index, &(Difference){ "to be run" });
        }
        if (!run_test(t, &d)) {
            shrink(t, &d);
            failed++;
            if (failures[t->ops[t->count - 1].id]++ < 3 && skipped++ < SHOWN_MAX) {
                show(t, index, &d);
            }
        }
    }
    for (unsigned id = 0; id < X86_INSNS; id++) {
        if (failures[id]) {
            printf("# %u times %s\n", failures[id], x86_insn_info[id].name);
        }
    }
    printf("%sok 1 - %lu tests, %lu differ\n1..1\n", failed ? "not " : "", tests, failed);
    return failed != 0;
}
