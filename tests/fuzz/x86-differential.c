/*
 * The engine beside the host's own CPU: random instructions on random registers, flags, vectors, segments and memory, once
 * natively (native-run.h) and once in the engine (differential-guest.h); whatever is architecturally defined has to be
 * equal.
 *
 *     x86-differential [--tests N] [--seed S] [--only INDEX] [--name MNEMONIC] [--16 | --32 | --64] [--verbose]
 *
 * What a test (differential-test.h) runs is one instruction, sometimes up to six, with breakpoint instructions all around.
 */
#include <glib.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "differential-test.h"
#include "x86-undefined.h"

enum { SHOWN_MAX = 40 };

static uint8_t *native_code, *native_data;  /* the first: where it may be written */
static bool verbose;

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

/* Accesses of many parts, in an order that is the CPU's own. */
static bool is_long_access(const X86Op *op)
{
    switch (op->id) {
    case X86_MASKMOVQ: case X86_MASKMOVDQU: case X86_VMASKMOVPS: case X86_VMASKMOVPD: case X86_VPMASKMOVD: case X86_VPMASKMOVQ:
    case X86_FLDENV: case X86_FNSTENV: case X86_FNSAVE: case X86_FRSTOR: case X86_FXSAVE: case X86_FXRSTOR:
    case X86_XSAVE: case X86_XSAVEC: case X86_XSAVEOPT: case X86_XRSTOR:
    case X86_PUSHA: case X86_POPA: case X86_ENTER: case X86_IRET: case X86_RET_FAR: case X86_CALL_FAR: case X86_CALL_FAR_IND:
        return true;
    default:
        return false;
    }
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
    if (op->id == X86_XSAVE || op->id == X86_XSAVEC || op->id == X86_XSAVEOPT || op->id == X86_XRSTOR) {
        /* how much of the area is looked at, whatever is in it, is the CPU's own */
        return (native->vector >= 12 && native->vector <= 14) || (guest->vector >= 12 && guest->vector <= 14);
    }
    if ((native->vector == 17 || native->vector == 14) && (guest->vector == 13 || guest->vector == 12) && is_long_access(op)) {
        return true; /* of many accesses, the first is not aligned or not there, and another is beyond a segment's limit */
    }
    if (native->vector == 14 && guest->vector == 17 && (op->id == X86_RET_FAR || op->id == X86_IRET)) {
        return true; /* the segment comes first */
    }
    if (native->error == 0x78 || guest->error == 0x78) {
        return true; /* Linux has a descriptor there */
    }
    return native->vector == 14 && (!is_canonical(native->cr2) || (t->size != X86_CODE_64 && native->cr2 >= 0xffffff00)) &&
           (guest->vector == 13 || guest->vector == 12) && native->rip == guest->rip;
}

/* Whether the page fault is the same one. */
static bool same_fault(const X86Op *last, const NativeState *native, const NativeState *guest)
{
    uint64_t mask = is_long_access(last) ? -PAGE : -1;
    /* far from all pages of the test the host may have a page of its own, or hide its kernel's */
    uint32_t error = native->cr2 > 0xffffffff ? ~1u : ~0u;

    if (last->id == X86_FXSAVE || last->id == X86_FXRSTOR || last->id == X86_XSAVE || last->id == X86_XSAVEC ||
        last->id == X86_XSAVEOPT || last->id == X86_XRSTOR || last->id == X86_MASKMOVQ || last->id == X86_MASKMOVDQU) {
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
    uint64_t at = CODE + t->offset - t->code_base;

    for (unsigned i = 0; i < t->count; at += t->ops[i++].length) {
        if (at == rip) {
            return &t->ops[i];
        }
    }
    return &t->ops[t->count - 1];
}

/* A null selector is 0 after the host kernel's IRET, whatever its level was. */
static bool same_selectors(const NativeState *native, const NativeState *guest)
{
    for (unsigned i = 0; i < 6; i++) {
        if (native->selectors[i] != (i != R_CS && i != R_SS && guest->selectors[i] <= 3 ? 0 : guest->selectors[i])) {
            return false;
        }
    }
    return true;
}

static bool compare(const Test *t, const NativeState *native, const NativeState *guest, Difference *d)
{
    const X86Op *last = op_at(t, native->rip);
    uint32_t flags = FLAGS_ARITH | FLAG_TF | FLAG_DF | FLAG_NT | FLAG_AC | FLAG_ID | FLAG_RF | 0x3200;
    bool undefined_result = x86_undefined_result(last, t->state.regs[R_ECX]);
    /* upper halves are undefined outside 64-bit mode */
    uint64_t mask = t->size == X86_CODE_64 && native->selectors[R_CS] == NATIVE_CS_64 ? ~0ull : 0xffffffff;

    if (native->vector == NATIVE_HANGS) {
        return false;
    }
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
    for (unsigned i = 0; i < (t->size == X86_CODE_64 ? 16 : 8) && !undefined_result; i++) {
        if (native->vector >= 12 && native->vector <= 14 && last->id == X86_POPA) {
            break; /* some of them may be loaded */
        }
        if ((native->regs[i] ^ guest->regs[i]) & mask & ~(last->id == X86_LAR ? 0xf0000 : 0)) { /* "x" in 00FxFF00H */
            return DIFFERS("register %u: %lx and %lx", i, native->regs[i], guest->regs[i]);
        }
    }
    if (!same_selectors(native, guest)) {
        return DIFFERS("selectors %x %x %x %x %x %x and %x %x %x %x %x %x", native->selectors[0], native->selectors[1],
                       native->selectors[2], native->selectors[3], native->selectors[4], native->selectors[5], guest->selectors[0],
                       guest->selectors[1], guest->selectors[2], guest->selectors[3], guest->selectors[4], guest->selectors[5]);
    }
    if (native->fs_base != guest->fs_base || native->gs_base != guest->gs_base) {
        return DIFFERS("bases of FS and GS %lx, %lx and %lx, %lx", native->fs_base, native->gs_base, guest->fs_base, guest->gs_base);
    }
    if (native->vector == 13 && native->error == 0 && t->size != X86_CODE_64) {
        flags &= ~FLAG_RF; /* not set if the code segment's end is the reason */
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
    if (last->id == X86_XRSTOR && native->vector >= 12 && native->vector <= 14) {
        return false; /* some of it may be loaded */
    }
    if (native->mxcsr != guest->mxcsr && !(last->id == X86_VCVTPS2PH && native->vector != 3)) {
        return DIFFERS("mxcsr %x and %x", native->mxcsr, guest->mxcsr);
    }
    for (unsigned i = 0; i < (t->size == X86_CODE_64 ? 16 : 8); i++) {
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
    if ((native->vector == 12 || native->vector == 14 || native->vector == 17) && (is_long_access(last) || last->size2 == 10)) {
        return false; /* some of it may have been written */
    }
    if (native->vector == 13 && (last->id == X86_CALL_FAR || last->id == X86_CALL_FAR_IND)) {
        return false; /* the return address may have been pushed before the target was looked at */
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

    printf("# test %lu, %d bits,", index, 16 << t->size);
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
        printf("#   es %x cs %x ss %x ds %x fs %x (%lx) gs %x (%lx)\n", s->selectors[0], s->selectors[1], s->selectors[2], s->selectors[3],
               s->selectors[4], s->fs_base, s->selectors[5], s->gs_base);
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
    native_run(&native);
    guest_run(&guest);
    differs = compare(t, &native, &guest, d);
    if (verbose) {
        printf("# the host ends by vector %u (%x) at %lx, cs %x; the engine by %u (%x) at %lx, cs %x\n", native.vector, native.error,
               native.rip, native.selectors[R_CS], guest.vector, guest.error, guest.rip, guest.selectors[R_CS]);
    }
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

static void *map_at(uint32_t address, size_t size, int protection, int fd, off_t offset)
{
    void *at = (void *)(uintptr_t)address;

    if (mmap(at, size, protection, MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, fd, offset) != at) {
        abort();
    }
    return at;
}

static void map_pages(void)
{
    int fd = memfd_create("memory", 0);
    void *again;

    if (fd < 0 || ftruncate(fd, DATA_SIZE + PAGE)) {
        abort();
    }
    native_code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, DATA_SIZE);
    if (native_code == MAP_FAILED) {
        abort();
    }
    map_at(CODE, PAGE, PROT_READ | PROT_EXEC, fd, DATA_SIZE);
    native_data = map_at(DATA, DATA_SIZE, PROT_READ | PROT_WRITE, fd, 0);
    again = map_at(DATA_AGAIN, DATA_SIZE, PROT_READ | PROT_WRITE, fd, 0);
    memset(native_code, 0xcc, PAGE);
    test_random_page(native_data);
    memcpy(guest_data(), native_data, PAGE);
    mprotect(native_data, PAGE, PROT_READ);
    mprotect(again, PAGE, PROT_READ);
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
    TestWish wish = { 0 };
    Test *t = g_new0(Test, 1);
    cpu_set_t first_cpu;

    /* The limit of a segment in the host's GDT is its CPU's number; the engine's GDT says 0. */
    CPU_ZERO(&first_cpu);
    CPU_SET(0, &first_cpu);
    sched_setaffinity(0, sizeof(first_cpu), &first_cpu);
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
            wish.name = argv[++i];
        } else if (!strcmp(argv[i], "--16") || !strcmp(argv[i], "--32") || !strcmp(argv[i], "--64")) {
            wish.bits = atoi(argv[i] + 2);
        } else if (!strcmp(argv[i], "--verbose")) {
            verbose = true;
        } else {
            fprintf(stderr,
                    "usage: %s [--tests N] [--seed S] [--only INDEX] [--name MNEMONIC] [--16 | --32 | --64] [--verbose]\n",
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
    if (!native_init()) {
        printf("1..1\nok 1 # SKIP the host lets no segments be made\n");
        return 0;
    }
    for (uint64_t index = first; index < first + tests; index++) {
        Difference d;

        test_make(t, seed, index, &wish);
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
