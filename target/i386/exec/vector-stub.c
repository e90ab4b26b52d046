/*
 * Stubs: host code for one form of an instruction, and the memory that holds them.
 *
 * By the C calling convention a stub has four pointers: rdi: ModRM.reg's operand (a VectorReg, or eight bytes of an MMX
 * register), rsi: the r/m operand, rdx: VEX.vvvv's, rcx: the fourth. Registers 0 to 3 stand for them, in this order.
 * A register operand is loaded whole, a memory operand is used as such, so that nothing more is read of it than the
 * instruction does. The result is stored last: if the instruction faults (SIGFPE), nothing has changed.
 *
 * Code is never writable where it is executable: the memory is mapped twice.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "target/i386/exec/vector.h"
#include "util/log.h"

/* Every form of every instruction that is decoded fits: there are about 150000, nearly all by immediate bytes. */
enum { CODE_SIZE = 16 << 20, STUB_MAX = 96, HASH_SIZE = 1 << 18 };

typedef struct Stub {
    uint64_t key;               /* 0: free */
    uint32_t offset;
} Stub;

static struct {
    GMutex lock;
    uint8_t *write;
    const uint8_t *execute;
    uint32_t used;
    bool failed;
    Stub *stubs;
    unsigned count;
} cache;

/* The memory. */
static bool map_code(void)
{
    int fd = memfd_create("godwit-vector", MFD_CLOEXEC);

    if (fd < 0 || ftruncate(fd, CODE_SIZE) < 0) {
        warn_report("no memory for vector instructions: %s", g_strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    cache.write = mmap(NULL, CODE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    cache.execute = mmap(NULL, CODE_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    close(fd);
    cache.stubs = mmap(NULL, HASH_SIZE * sizeof(Stub), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (cache.write == MAP_FAILED || cache.execute == MAP_FAILED || cache.stubs == MAP_FAILED) {
        warn_report("no memory for vector instructions: %s", g_strerror(errno));
        return false;
    }
    cache.used = 16;            /* offset 0: none */
    return true;
}

static VectorStub *stub_at(uint32_t offset)
{
    return (VectorStub *)(uintptr_t)(cache.execute + offset);
}

static Stub *stub_slot(uint64_t key)
{
    unsigned i = (unsigned)((key * 0x9e3779b97f4a7c15ull) >> 46);

    while (cache.stubs[i].key && cache.stubs[i].key != key) {
        i = (i + 1) % HASH_SIZE;
    }
    return &cache.stubs[i];
}

static VectorStub *stub_add(Stub *slot, uint64_t key, const uint8_t *code, unsigned length)
{
    if (cache.used + length > CODE_SIZE || cache.count >= HASH_SIZE * 3 / 4) {
        return NULL;
    }
    memcpy(cache.write + cache.used, code, length);
    slot->key = key;
    slot->offset = cache.used;
    cache.count++;
    cache.used = (cache.used + length + 15) & ~15u;
    return stub_at(slot->offset);
}

/* Encoding. */
enum { RDI = 7, RSI = 6, RDX = 2, RCX = 1 };

typedef struct Code {
    uint8_t bytes[STUB_MAX];
    unsigned length;
    bool vex, wide;             /* the stub uses VEX, its registers are loaded with 256 bits */
} Code;

static void emit(Code *c, const uint8_t *bytes, unsigned length)
{
    g_assert(c->length + length <= STUB_MAX);
    memcpy(c->bytes + c->length, bytes, length);
    c->length += length;
}
#define EMIT(c, ...) emit(c, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* MOVUPS or VMOVUPS between a register and what a pointer points to. */
static void emit_move(Code *c, unsigned vector, unsigned pointer, bool store)
{
    if (c->vex) {
        EMIT(c, 0xc5, c->wide || store ? 0xfc : 0xf8, 0x10 + store, vector << 3 | pointer);
    } else {
        EMIT(c, 0x0f, 0x10 + store, vector << 3 | pointer);
    }
}

/* MOVQ of an MMX register. */
static void emit_move_mmx(Code *c, unsigned vector, unsigned pointer, bool store)
{
    EMIT(c, 0x0f, store ? 0x7f : 0x6f, vector << 3 | pointer);
}

/* The instruction itself; modrm is complete, vvvv is a register's number or 0 (for "unused", too). */
static void emit_insn(Code *c, const X86Op *op, unsigned modrm, unsigned vvvv)
{
    unsigned pp = op->prefix == 0x66 ? 1 : op->prefix == 0xf3 ? 2 : op->prefix == 0xf2 ? 3 : 0;
    bool w = op->flags & X86_OP_W;

    if (c->vex) {
        EMIT(c, 0xc4, 0xe0 | op->map, w << 7 | (~vvvv & 15) << 3 | (op->flags & X86_OP_L ? 4 : 0) | pp, op->opcode, modrm);
        return;
    }
    if (op->prefix) {
        EMIT(c, op->prefix);
    }
    if (w) {
        EMIT(c, 0x48);
    }
    EMIT(c, 0x0f);
    if (op->map > 1) {
        EMIT(c, op->map == 2 ? 0x38 : 0x3a);
    }
    EMIT(c, op->opcode, modrm);
}

/* SDM vol. 2, table A-6: groups 12 to 14. */
static unsigned shift_digit(unsigned id)
{
    switch (id) {
    case X86_PSRLW: case X86_PSRLD: case X86_PSRLQ: return 2;
    case X86_PSRLDQ: return 3;
    case X86_PSRAW: case X86_PSRAD: return 4;
    case X86_PSLLDQ: return 7;
    default: return 6;
    }
}

typedef struct Operands {
    bool mem, mmx_reg, mmx_rm;
} Operands;

static void load_rm(Code *c, const Operands *o)
{
    if (o->mem) {
        return;
    }
    if (o->mmx_rm) {
        emit_move_mmx(c, 1, RSI, false);
    } else {
        emit_move(c, 1, RSI, false);
    }
}

static void move_reg(Code *c, const Operands *o, bool store)
{
    if (o->mmx_reg) {
        emit_move_mmx(c, 0, RDI, store);
    } else {
        emit_move(c, 0, RDI, store);
    }
}

static void emit_imm(Code *c, const X86Op *op, const VectorForm *form)
{
    if (form->flags & FORM_IMM) {
        EMIT(c, (uint8_t)op->imm);
    }
}

/* pushfq; pop rax */
static void emit_flags(Code *c)
{
    EMIT(c, 0x9c, 0x58);
}

static void emit_blendv(Code *c, const X86Op *op, const Operands *o)
{
    load_rm(c, o);
    if (c->vex) {               /* the mask's register is an immediate: 3 */
        emit_move(c, 2, RDX, false);
        emit_move(c, 3, RCX, false);
        emit_insn(c, op, o->mem ? 0 << 3 | RSI : 0xc0 | 0 << 3 | 1, 2);
        EMIT(c, 3 << 4);
        move_reg(c, o, true);
    } else {                    /* the mask is XMM0: the destination is 2 */
        emit_move(c, 0, RCX, false);
        emit_move(c, 2, RDI, false);
        emit_insn(c, op, o->mem ? 2 << 3 | RSI : 0xc0 | 2 << 3 | 1, 0);
        emit_move(c, 2, RDI, true);
    }
}

/*
 * PCMPxSTRx: rdx: the general registers, rcx: where a mask goes. The index is returned in the upper half, flags in the
 * lower one. VEX forms differ in nothing that matters here.
 */
static void emit_string(Code *c, const X86Op *op, const VectorForm *form, const Operands *o)
{
    c->vex = false;
    emit_move(c, 2, RDI, false);
    load_rm(c, o);
    EMIT(c, 0x49, 0x89, 0xc8);                          /* mov r8, rcx */
    EMIT(c, 0x48, 0x8b, 0x02, 0x48, 0x8b, 0x52, 0x10);  /* mov rax, [rdx]; mov rdx, [rdx + 16] */
    EMIT(c, 0x31, 0xc9);                                /* xor ecx, ecx */
    emit_insn(c, op, o->mem ? 2 << 3 | RSI : 0xc0 | 2 << 3 | 1, 0);
    emit_imm(c, op, form);
    EMIT(c, 0x41, 0x0f, 0x11, 0x00);                    /* movups [r8], xmm0 */
    emit_flags(c);
    EMIT(c, 0x89, 0xc0, 0x48, 0xc1, 0xe1, 0x20, 0x48, 0x09, 0xc8);  /* mov eax, eax; shl rcx, 32; or rax, rcx */
}

static void emit_stub(Code *c, const X86Op *op, const VectorForm *form, const Operands *o)
{
    unsigned rm = o->mem ? RSI : 0xc0 | 1;

    switch ((VectorShape)form->shape) {
    case SHAPE_RM:
        load_rm(c, o);
        emit_insn(c, op, rm, 0);
        emit_imm(c, op, form);
        move_reg(c, o, true);
        break;
    case SHAPE_RVM:
    case SHAPE_FROM_GPR:
        if (c->vex) {
            emit_move(c, 2, RDX, false);
        } else {
            move_reg(c, o, false);
        }
        load_rm(c, o);
        emit_insn(c, op, rm, 2);
        emit_imm(c, op, form);
        move_reg(c, o, true);
        break;
    case SHAPE_RRVM:
        move_reg(c, o, false);
        emit_move(c, 2, RDX, false);
        load_rm(c, o);
        emit_insn(c, op, rm, 2);
        move_reg(c, o, true);
        break;
    case SHAPE_SHIFT:           /* the destination is rdi here, the source rsi */
        if (o->mmx_rm) {
            emit_move_mmx(c, 0, RSI, false);
        } else {
            emit_move(c, 0, RSI, false);
        }
        emit_insn(c, op, 0xc0 | shift_digit(op->id) << 3 | 0, 0);
        EMIT(c, (uint8_t)op->imm);
        move_reg(c, o, true);
        break;
    case SHAPE_BLENDV:
        emit_blendv(c, op, o);
        break;
    case SHAPE_FLAGS:
        move_reg(c, o, false);
        load_rm(c, o);
        emit_insn(c, op, rm, 0);
        emit_flags(c);
        break;
    case SHAPE_TO_GPR:          /* eax: the result */
        load_rm(c, o);
        emit_insn(c, op, rm, 0);
        emit_imm(c, op, form);
        break;
    case SHAPE_EXTRACT:         /* xmm0 to eax */
        move_reg(c, o, false);
        emit_insn(c, op, 0xc0 | 0 << 3 | 0, 0);
        emit_imm(c, op, form);
        break;
    case SHAPE_MR:              /* to xmm1, and from there to rsi */
        move_reg(c, o, false);
        emit_insn(c, op, 0xc0 | 0 << 3 | 1, 0);
        emit_imm(c, op, form);
        emit_move(c, 1, RSI, true);
        break;
    case SHAPE_STRING:
        emit_string(c, op, form, o);
        break;
    case SHAPE_NONE:
        g_assert_not_reached();
    }
    if (o->mmx_reg || o->mmx_rm) {
        EMIT(c, 0x0f, 0x77);            /* emms */
    }
    if (c->vex) {
        EMIT(c, 0xc5, 0xf8, 0x77);      /* vzeroupper */
    }
    EMIT(c, 0xc3);
}

/* SHAPE_EXTRACT yields all of the general register; SHAPE_MR and SHAPE_FROM_GPR's source are as the caller has them. */
static Operands operands(const X86Op *op, const VectorForm *form, bool is_mmx)
{
    bool mem = op->flags & X86_OP_MEM;

    return (Operands){
        .mem = form->shape == SHAPE_FROM_GPR || (mem && form->shape != SHAPE_EXTRACT && form->shape != SHAPE_MR),
        .mmx_reg = is_mmx ? form->shape != SHAPE_TO_GPR : (form->flags & FORM_MMX_REG) != 0,
        .mmx_rm = is_mmx ? form->shape != SHAPE_FROM_GPR && form->shape != SHAPE_EXTRACT : (form->flags & FORM_MMX_RM) != 0,
    };
}

VectorStub *vector_stub(const X86Op *op, const VectorForm *form, bool is_mmx)
{
    Operands o = operands(op, form, is_mmx);
    bool has_imm = form->flags & FORM_IMM || form->shape == SHAPE_SHIFT;
    uint64_t key = 1ull << 63 | op->map | op->opcode << 2 | (uint64_t)op->prefix << 10 | (uint64_t)op->id << 18 |
                   (uint64_t)(has_imm ? (uint8_t)op->imm : 0) << 34 | (uint64_t)o.mem << 42 |
                   (uint64_t)(op->flags & (X86_OP_VEX | X86_OP_L | X86_OP_W)) << 43;
    VectorStub *code = NULL;
    Stub *slot;

    g_mutex_lock(&cache.lock);
    if (!cache.stubs && !cache.failed) {
        cache.failed = !map_code();
    }
    if (!cache.failed) {
        slot = stub_slot(key);
        if (slot->key) {
            code = stub_at(slot->offset);
        } else {
            Code c = { .vex = op->flags & X86_OP_VEX, .wide = op->flags & X86_OP_L };

            emit_stub(&c, op, form, &o);
            code = stub_add(slot, key, c.bytes, c.length);
        }
    }
    g_mutex_unlock(&cache.lock);
    return code;
}

VectorStub *vector_stub_raw(uint64_t key, const uint8_t *bytes, unsigned length)
{
    VectorStub *code = NULL;
    Stub *slot;

    g_mutex_lock(&cache.lock);
    if (!cache.stubs && !cache.failed) {
        cache.failed = !map_code();
    }
    if (!cache.failed) {
        slot = stub_slot(key);
        code = slot->key ? stub_at(slot->offset) : stub_add(slot, key, bytes, length);
    }
    g_mutex_unlock(&cache.lock);
    return code;
}

/* Unmasked exceptions. */
static __thread struct {
    bool running, faulted;
    uint32_t mxcsr;
} unmasked;

/* The stub is a leaf with nothing on its stack: from its fault it returns at once. */
static void on_sigfpe(int signal, siginfo_t *info, void *context)
{
    ucontext_t *u = context;

    if (!unmasked.running) {    /* nobody's: as if it weren't handled */
        struct sigaction dfl = { .sa_handler = SIG_DFL };

        sigaction(signal, &dfl, NULL);
        return;
    }
    unmasked.faulted = true;
    unmasked.mxcsr = u->uc_mcontext.fpregs->mxcsr;
    u->uc_mcontext.fpregs->mxcsr = MXCSR_DEFAULT;
    u->uc_mcontext.gregs[REG_RIP] = *(uint64_t *)(uintptr_t)u->uc_mcontext.gregs[REG_RSP];
    u->uc_mcontext.gregs[REG_RSP] += 8;
}

static void handle_sigfpe(void)
{
    static gsize done;

    if (g_once_init_enter(&done)) {
        struct sigaction action = { .sa_sigaction = on_sigfpe, .sa_flags = SA_SIGINFO | SA_NODEFER };

        sigaction(SIGFPE, &action, NULL);
        g_once_init_leave(&done, 1);
    }
}

bool vector_run_unmasked(VectorStub *stub, void *a, const void *b, const void *c, const void *d, uint32_t *mxcsr,
                         uint64_t *result)
{
    handle_sigfpe();
    unmasked.faulted = false;
    unmasked.running = true;
    __asm__ volatile("" ::: "memory");
    vector_host_set_mxcsr(*mxcsr);
    *result = stub(a, b, c, d);
    unmasked.mxcsr = unmasked.faulted ? unmasked.mxcsr : vector_host_mxcsr();
    vector_host_set_mxcsr(MXCSR_DEFAULT);
    unmasked.running = false;
    *mxcsr = unmasked.mxcsr;
    return !unmasked.faulted;
}
