/*
 * Random tests. Left out: what would take the process along (system calls), what no two CPUs answer alike (CPUID, time,
 * random numbers), and addresses that one of the two sees differently.
 */
#include "differential-test.h"

#include <glib.h>
#include <string.h>

#include "x86-undefined.h"

static uint64_t random_state;
static uint64_t data_base;      /* of most segments of the test at hand */
static const TestWish *wish;

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

static bool is_allowed(const X86Op *op, X86CodeSize size, bool is_first)
{
    switch (op->id) {
    case X86_FNSTENV:
    case X86_FNSAVE:
    case X86_FXSAVE: /* not behind x87 instructions: the host forgets their selectors */
        if (!is_first) {
            return false;
        }
        break;
    case X86_MASKMOVQ: case X86_MASKMOVDQU: /* may fault or not if no byte is selected */
        if (!is_first) {
            return false;
        }
        break;
    case X86_SYSRET: /* one vendor's CPUs have it only there */
        return size == X86_CODE_64;
    /* take the process along, or see another system */
    case X86_SYSCALL: case X86_SYSENTER: case X86_SYSEXIT: case X86_SGDT: case X86_SIDT: case X86_SLDT: case X86_STR: case X86_SMSW:
    /* differ from moment to moment and CPU to CPU */
    case X86_CPUID: case X86_RDTSC: case X86_RDTSCP: case X86_RDPID: case X86_RDPMC: case X86_RDRAND: case X86_RDSEED:
    case X86_XGETBV: case X86_RDPKRU: case X86_WRPKRU: case X86_MONITOR: case X86_MWAIT:
    case X86_XSAVES: case X86_XRSTORS:
        return false;
    /* their memory, or EAX, is made for them */
    case X86_XSAVE: case X86_XSAVEC: case X86_XSAVEOPT: case X86_XRSTOR: case X86_FXRSTOR:
        if (op->base == R_EAX * 8 || op->index == R_EAX * 8) {
            return false;
        }
        /* fall through */
    case X86_IRET: case X86_RET_FAR: case X86_CALL_FAR_IND: case X86_JMP_FAR_IND:
    case X86_POP_SREG: case X86_LES: case X86_LDS: case X86_LSS: case X86_LFS: case X86_LGS:
    case X86_MOV_SREG: case X86_WRFSBASE: case X86_WRGSBASE:
        if (!is_first) {
            return false;
        }
        break;
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
static unsigned random_instruction(uint8_t *bytes, X86Op *op, X86CodeSize size, bool is_first)
{
    for (;;) {
        int length;

        random_bytes(bytes);
        length = x86_decode(bytes, 16, size, op);
        if (length <= 0 || !is_allowed(op, size, is_first) ||
            (wish->name && strcmp(wish->name, x86_insn_info[op->id].name))) {
            continue;
        }
        if (is_relative_branch(op)) { /* ahead, into breakpoints */
            unsigned bytes_of = op->opcode < 0xe8 && op->map == 0 ? 1 : op->opcode == 0xeb ? 1 : op->size == 2 ? 2 : 4;

            memset(bytes + length - bytes_of, 0, bytes_of);
            bytes[length - bytes_of] = below(100);
            x86_decode(bytes, 16, size, op);
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
        return data_base + (choice >> 8) % DATA_SIZE;
    case 5:
        return data_base + PAGE * (1 + (choice >> 8) % DATA_PAGES) - (choice >> 32 & 15);
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

/* --- segments --- */

static uint16_t random_data_selector(bool null)
{
    unsigned choice = below(16);

    if (choice < 5) {
        return NATIVE_DATA;
    }
    if (choice == 5 && null) {      /* not 1 to 3: the host's IRET makes it 0 */
        return 0;
    }
    if (choice == 6 && null) {      /* code that may be read */
        return native_selector(below(2));
    }
    return native_selector(NATIVE_FIRST_DATA + below(native_segment_count - 1 - NATIVE_FIRST_DATA));
}

static const NativeSegment *segment_of(uint16_t selector)
{
    return selector & 4 ? &native_segments[selector >> 3] : NULL;
}

static uint64_t base_of(const Test *t, unsigned seg)
{
    const NativeSegment *s = segment_of(t->state.selectors[seg]);

    if (t->size == X86_CODE_64 && seg < R_FS) {
        return 0;
    }
    if (t->state.selectors[seg] <= 3 && seg >= R_FS) {
        return seg == R_FS ? t->state.fs_base : t->state.gs_base;
    }
    return s ? s->base : 0;
}

static uint64_t random_base(void)
{
    switch (below(4)) {
    case 0:
        return 0;
    case 1:
        return (int64_t)(random64() << 16) >> 16;
    default:
        return DATA - below(0x10000) + 0x8000;
    }
}

/* Flat ones, or others. */
static void random_segments(Test *t)
{
    uint16_t *s = t->state.selectors;
    bool flat = t->size != X86_CODE_16 && below(3);
    unsigned code = 0;

    for (unsigned seg = 0; seg < 6; seg++) {
        s[seg] = flat ? (seg < R_FS ? NATIVE_DATA : 0) : random_data_selector(seg != R_SS);
    }
    while (segment_of(s[R_SS]) && segment_of(s[R_SS])->readonly) {
        s[R_SS] = random_data_selector(false);
    }
    if (t->size == X86_CODE_64) {
        s[R_CS] = NATIVE_CS_64;
        t->state.fs_base = s[R_FS] <= 3 ? random_base() : 0;
        t->state.gs_base = s[R_GS] <= 3 ? random_base() : 0;
    } else if (t->size == X86_CODE_32 && (flat || below(2))) {
        s[R_CS] = NATIVE_CS_32;
    } else {
        do {
            code = below(NATIVE_FIRST_DATA);
        } while (native_segments[code].bits_32 != (t->size == X86_CODE_32));
        s[R_CS] = native_selector(code);
    }
    t->code_base = segment_of(s[R_CS]) ? segment_of(s[R_CS])->base : 0;
    data_base = t->size == X86_CODE_64 || !segment_of(s[R_DS]) || segment_of(s[R_DS])->base < 0x1000 ? DATA : 0;
}

bool test_is_flat(const Test *t)
{
    return t->size == X86_CODE_64 || (t->state.selectors[R_CS] == NATIVE_CS_32 && t->state.selectors[R_SS] == NATIVE_DATA &&
                                      t->state.selectors[R_DS] == NATIVE_DATA && t->state.selectors[R_ES] == NATIVE_DATA);
}

/* --- registers and memory --- */

static void random_machine(Test *t)
{
    NativeState *s = &t->state;

    memset(s, 0, sizeof(*s));
    random_segments(t);
    for (unsigned i = 0; i < 16; i++) {
        s->regs[i] = random_integer();
        if (t->size != X86_CODE_64) {
            s->regs[i] = i < 8 ? (uint32_t)s->regs[i] : 0;
        }
    }
    s->regs[R_ESP] = DATA + PAGE + below(2 * PAGE) - base_of(t, R_SS);
    if (below(4)) {
        s->regs[R_ESP] &= ~7;
        s->regs[R_EBP] = DATA + PAGE + below(2 * PAGE) - base_of(t, R_SS);
    }
    if (t->size != X86_CODE_64) {
        s->regs[R_ESP] = (uint32_t)s->regs[R_ESP];
        s->regs[R_EBP] = (uint32_t)s->regs[R_EBP];
    }
    if (below(4)) {
        s->regs[R_ECX] = below(80);
    }
    s->rflags = 0x202 | (random64() & (FLAGS_ARITH | FLAG_DF));
    if (!below(20)) {
        s->rflags |= FLAG_TF;
    }
    if (!below(16)) {
        s->rflags |= FLAG_AC;
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

/* XSAVE's and FXSAVE's. */
static bool is_image(const X86Op *op)
{
    return op->id == X86_XSAVE || op->id == X86_XSAVEC || op->id == X86_XSAVEOPT || op->id == X86_XRSTOR || op->id == X86_FXSAVE ||
           op->id == X86_FXRSTOR;
}

static void put(Test *t, uint64_t at, uint64_t value, unsigned size)
{
    if (at >= DATA + PAGE && at + size <= DATA + DATA_SIZE) {
        memcpy(t->data + (at - DATA), &value, size);
    }
}

static uint16_t random_selector(const Test *t, bool code)
{
    switch (below(8)) {
    case 0:
        return random64();
    case 1:
        return random64() & 0x77;   /* but for the last, which is Linux' own */
    case 2:
        return below(4);
    case 3:
        return native_selector(below(native_segment_count + 1)) - below(2);
    case 4:
        return t->state.selectors[code ? R_CS : R_SS];
    case 5:
        return code ? NATIVE_CS_64 : NATIVE_DATA;
    default:
        return !code ? random_data_selector(true) : below(2) ? NATIVE_CS_32 : native_selector(below(NATIVE_FIRST_DATA));
    }
}

/* A place that has breakpoints, in most segments of code. */
static uint64_t random_goal(uint16_t selector)
{
    return (segment_of(selector) ? 0 : CODE) + 0xd00 + below(0x100) + (below(4) ? 0 : random64() << 32);
}

/* An image for XRSTOR or FXRSTOR, right or nearly so. */
static void put_image(Test *t, uint64_t at)
{
    uint64_t present = below(4) ? below(8) : random64() & 0x1f, compact = below(2) ? 0 : 1ull << 63 | (below(2) ? present : below(8));

    put(t, at, random64() & 0x7f7f, 2);
    put(t, at + 24, below(8) ? random64() & 0xffff : random64(), 4);
    put(t, at + 512, present, 8);
    put(t, at + 520, compact, 8);
    for (unsigned i = 2; i < 8; i++) {
        put(t, at + 512 + 8 * i, below(64) ? 0 : random64(), 8);
    }
}

/* What an instruction wants in memory at its operand. */
static void furnish(Test *t, unsigned index, uint64_t at)
{
    const X86Op *op = &t->ops[index];
    uint16_t selector;

    switch (op->id) {
    case X86_XRSTOR: case X86_FXRSTOR:
        put_image(t, at);
        break;
    case X86_XSAVE: case X86_XSAVEOPT: case X86_XSAVEC:
        put(t, at + 512, random64() & 0xff, 8);
        break;
    case X86_MOV_SREG:
        put(t, at, random_selector(t, false), 2);
        break;
    case X86_LES: case X86_LDS: case X86_LSS: case X86_LFS: case X86_LGS:
        put(t, at + op->size, random_selector(t, false), 2);
        break;
    case X86_CALL_FAR_IND: case X86_JMP_FAR_IND:
        selector = random_selector(t, true);
        put(t, at, random_goal(selector), op->size);
        put(t, at + op->size, selector, 2);
        break;
    default:
        break;
    }
}

/* And in registers and on the stack. */
static void furnish_stack(Test *t, const X86Op *op)
{
    uint64_t sp = t->state.regs[R_ESP] + base_of(t, R_SS);
    uint16_t selector = random_selector(t, true);
    unsigned size = op->size;

    switch (op->id) {
    case X86_POP_SREG:
        put(t, sp, random_selector(t, false), size);
        break;
    case X86_IRET: case X86_RET_FAR:
        put(t, sp, random_goal(selector), size);
        put(t, sp + size, selector, size);
        /* no AC: see NATIVE_HANGS */
        put(t, sp + 2 * size, 0x202 | (random64() & (FLAGS_ARITH | FLAG_DF | (below(4) ? 0 : FLAG_TF | FLAG_RF | FLAG_ID))), size);
        put(t, sp + 3 * size, DATA + PAGE + below(PAGE), size);
        put(t, sp + 4 * size, random_selector(t, false), size);
        break;
    case X86_MOV_SREG:
        if (!(op->flags & X86_OP_MEM)) {
            memcpy((uint8_t *)t->state.regs + op->rm, &(uint16_t){ random_selector(t, false) }, 2);
        }
        break;
    case X86_LAR: case X86_LSL: case X86_VERR: case X86_VERW:
        if (!(op->flags & X86_OP_MEM)) {
            memcpy((uint8_t *)t->state.regs + op->rm, &(uint16_t){ random_selector(t, below(2)) }, 2);
        }
        break;
    case X86_XSAVE: case X86_XSAVEC: case X86_XSAVEOPT: case X86_XRSTOR: /* the host may have more components */
        t->state.regs[R_EAX] = (t->state.regs[R_EAX] & ~0xfffffull) | (below(4) ? below(8) : 7) | (random64() & 0x18);
        break;
    default:
        break;
    }
}

/* Lets the memory operand be in the pages of data, by its base register or its displacement. */
static void aim(Test *t, unsigned index, uint8_t *bytes)
{
    X86Op *op = &t->ops[index];
    uint64_t *regs = t->state.regs;
    unsigned size = op->size2 ? op->size2 : 64;
    uint64_t target = DATA + below(DATA_SIZE), offset, at;

    if (!(op->flags & X86_OP_MEM) || !below(20)) {
        return;
    }
    if (is_image(op) ? below(8) != 0 : below(2)) {
        target &= is_image(op) ? ~63 : ~15;
    }
    if (!below(8)) {
        target = (target & -PAGE) + PAGE - below(size + 2);
    }
    at = target;
    if (!below(16) || (op->base == X86_REG_RIP && !below(4))) {
        target += (uint64_t)DATA_AGAIN - DATA;
    }
    if (op->base == X86_REG_RIP && !below(4)) {     /* the last that can be reached */
        target = CODE + t->offset + 0x7ffffff8ull + below(24);
        at = target - DATA_AGAIN + DATA;
    }
    furnish(t, index, at);
    target -= base_of(t, op->seg);
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
        if (t->size != X86_CODE_64) {
            regs[op->base / 8] = (uint32_t)regs[op->base / 8];
        }
        if (op->addr_size == 2) {
            regs[op->base / 8] = (uint16_t)regs[op->base / 8] | (random64() & 0xffff0000);
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
            if (x86_decode(copy, 16, t->size, &again) == op->length &&
                again.disp == (int32_t)disp) {
                memcpy(bytes, copy, op->length);
                *op = again;
                return;
            }
        }
    }
}

void test_make(Test *t, uint64_t seed, uint64_t index, const TestWish *wanted)
{
    bool plain = true;

    random_state = seed * 0x2545f4914f6cdd1d + index;
    random64();
    memset(t->ops, 0, sizeof(t->ops));
    wish = wanted;
    t->size = wish->bits ? (wish->bits == 64 ? X86_CODE_64 : wish->bits == 32 ? X86_CODE_32 : X86_CODE_16)
              : below(3)  ? X86_CODE_64
              : below(3)  ? X86_CODE_32
                          : X86_CODE_16;
    random_machine(t);
    t->count = below(4) || wish->name ? 1 : 2 + below(TEST_INSNS_MAX - 1);
    t->length = 0;
    t->offset = below(t->code_base ? 0x800 : 0xc00);
    for (unsigned i = 0; i < t->count && plain; i++) {
        uint8_t bytes[16];
        X86Op *op = &t->ops[i];

        random_instruction(bytes, op, t->size, i == 0);
        memcpy(t->code + t->length, bytes, op->length);
        /* a longer sequence goes on only behind what leaves nothing undefined, and always goes on */
        plain = op->id != X86_MASKMOVQ && op->id != X86_MASKMOVDQU && !x86_insn_info[op->id].ends_block &&
                !x86_undefined_flags(op, 8 * op->size) && !x86_undefined_flags(op, 2) &&
                !x86_undefined_result(op, ~0) && op->id != X86_BSF && op->id != X86_BSR;
        furnish_stack(t, op);
        aim(t, i, t->code + t->length);
        t->length += op->length;
        if (!plain || i + 1 == t->count) {
            t->count = i + 1;
        }
    }
    if (is_image(&t->ops[0])) {
        furnish_stack(t, &t->ops[0]);   /* EAX, which operands behind it may have taken */
    }
    if (!below(50)) { /* across the end of the page, which is the end of all code */
        t->offset = PAGE - below(t->length + 1);
    }
    t->state.rip = CODE + t->offset - t->code_base;
}

void test_random_page(uint8_t *page)
{
    random_state = 1;
    for (unsigned i = 0; i < PAGE; i += 8) {
        uint64_t v = random_vector_part();
        memcpy(page + i, &v, 8);
    }
}
