/*
 * Vector and floating-point instructions: what the files of this unit share.
 *
 * They are executed by the host's own units. For each form of an instruction (its encoding without register numbers
 * and addresses) there is one stub of host code: it loads the operands from memory that its arguments point to, runs
 * the instruction with fixed registers, and stores the result. What decides before that (is it allowed, are operands in
 * reach) and after (exceptions) is here, in C.
 *
 * MXCSR. While the guest masks all exceptions, the host's MXCSR is the guest's from its first floating-point
 * instruction on until vector_leave(), and collects the flags; env->mxcsr is stale meanwhile. With one unmasked,
 * the guest's MXCSR is loaded around the single instruction and SIGFPE says that it faulted.
 *
 * x87 registers. The same: the host's are the guest's from its first x87 instruction on until vector_leave().
 */
#ifndef TARGET_I386_EXEC_VECTOR_H
#define TARGET_I386_EXEC_VECTOR_H

#include "target/i386/exec/control-bits.h"
#include "target/i386/exec/engine.h"
#include "target/i386/exec/mem.h"

enum {
    MXCSR_IE = 1 << 0, MXCSR_DE = 1 << 1, MXCSR_ZE = 1 << 2, MXCSR_FLAGS = 0x3f, MXCSR_MASKS = 0x1f80, MXCSR_DEFAULT = 0x1f80,
    MXCSR_ALL = 0xffff,
};
enum { XCR0_X87 = 1 << 0, XCR0_SSE = 1 << 1, XCR0_AVX = 1 << 2, XCR0_PKRU = 1 << 9 };

/* How an instruction uses its operands. */
typedef enum VectorShape {
    SHAPE_NONE,
    SHAPE_RM,           /* reg = f(rm) */
    SHAPE_RVM,          /* reg = f(reg, rm); VEX: reg = f(vvvv, rm) */
    SHAPE_RRVM,         /* reg = f(reg, vvvv, rm) */
    SHAPE_SHIFT,        /* rm = f(rm, imm8); VEX: vvvv = f(rm, imm8); ModRM.reg belongs to the opcode */
    SHAPE_BLENDV,       /* reg = f(reg, rm, XMM0); VEX: reg = f(vvvv, rm, the register in imm8) */
    SHAPE_FLAGS,        /* flags = f(reg, rm) */
    SHAPE_TO_GPR,       /* general reg = f(rm) */
    SHAPE_EXTRACT,      /* general rm, or memory, = f(reg) */
    SHAPE_MR,           /* rm = f(reg) */
    SHAPE_FROM_GPR,     /* reg = f(reg, general rm or memory); VEX: f(vvvv, …) */
    SHAPE_STRING,       /* PCMPxSTRx */
} VectorShape;

enum {                          /* VectorForm.flags */
    FORM_FP = 1 << 0,           /* uses MXCSR */
    FORM_UNALIGNED = 1 << 1,    /* the legacy form takes any address */
    FORM_MMX = 1 << 2,          /* without prefix it works on MMX registers */
    FORM_IMM = 1 << 4,          /* an immediate byte follows */
    FORM_MMX_REG = 1 << 5,      /* reg is an MMX register, without 0x66 or F2/F3 as well as with it */
    FORM_MMX_RM = 1 << 6,       /* the same of rm */
};
/* The size of memory operands: a share of the vector, or a fixed number. */
enum { SIZE_FULL = 0x40, SIZE_HALF = 0x41, SIZE_QUARTER = 0x42, SIZE_EIGHTH = 0x43, SIZE_W = 0x44 };

typedef struct VectorForm {
    uint8_t shape, size, flags;
} VectorForm;
extern const VectorForm vector_forms[X86_INSNS];

/* What is run: a, b, c, d by the shape, see vector-stub.c. */
typedef uint64_t VectorStub(void *a, const void *b, const void *c, const void *d);

typedef struct X86Vector {
    uint8_t memory[64] __attribute__((aligned(64)));    /* an operand from memory */
    VectorReg result;
    bool sse_loaded, x87_loaded;
    uint16_t fcs, fds;          /* selectors of the last x87 instruction and its operand: in no stream */
} X86Vector;

/*
 * Readies a translated instruction of this unit for x's current mode: its handler. Changes op: `link` holds what is run,
 * imm8 the size of the memory operand, `prefix` how its address is found.
 */
X86OpFn *vector_prepare(X86Exec *x, X86Op *op);
/* Brings MXCSR and the x87 registers to env, and gives the host its own: before code that is not the engine's. */
void vector_leave_slow(X86Exec *x);
/* The same, but what the host had is lost: env has been set anew. */
void vector_drop(X86Exec *x);
void vector_free(X86Exec *x);

static inline void vector_leave(X86Exec *x)
{
    if (x->vector && (x->vector->sse_loaded || x->vector->x87_loaded)) {
        vector_leave_slow(x);
    }
}

/* --- inside the unit --- */

/* The stub of a form: made on first use. NULL: no memory for code. */
VectorStub *vector_stub(const X86Op *op, const VectorForm *form, bool is_mmx);
/* A stub of raw code, by a key of the caller's. */
VectorStub *vector_stub_raw(uint64_t key, const uint8_t *code, unsigned length);
/*
 * Runs stub with MXCSR *mxcsr, which unmasks exceptions: false if it faulted; flags are in *mxcsr then as well.
 */
bool vector_run_unmasked(VectorStub *stub, void *a, const void *b, const void *c, const void *d, uint32_t *mxcsr,
                         uint64_t *result);

/*
 * Makes op_NAME, the engine's handler, from a function NAME, which is not inlined: so it may have variables in memory,
 * and what follows is a tail call all the same. VECTOR_OP_INLINE: for short ones that have none.
 */
#define VECTOR_OP(name)                                             \
    static void name(X86Exec *x, const X86Op *op) __attribute__((noinline)); \
    static const X86Op *op_##name(X86Exec *x, const X86Op *op)      \
    {                                                               \
        x->op = op;                                                 \
        name(x, op);                                                \
        X86_NEXT(x, op, 1);                                         \
    }
#define VECTOR_OP_INLINE(name, ...)                                 \
    static const X86Op *op_##name(X86Exec *x, const X86Op *op)      \
    {                                                               \
        x->op = op;                                                 \
        __VA_ARGS__;                                                \
        X86_NEXT(x, op, 1);                                         \
    }

/* Handlers of what is no stub; NULL: not this file's. */
X86OpFn *vector_move_handler(const X86Op *op);       /* vector-move.c */
X86OpFn *vector_memory_handler(const X86Op *op);     /* vector-memory.c: masked moves, gathers, MXCSR */
X86OpFn *vector_bits_handler(const X86Op *op);       /* bits.c */
/* The offset of the memory operand in its segment, not cut to the address size; without a VSIB index. */
uint64_t vector_offset(X86Exec *x, const X86Op *op);
X86OpFn *x87_handler(X86Op *op);                     /* x87.c */
X86OpFn *xsave_handler(const X86Op *op);             /* xsave.c */

/* May a legacy SSE, a VEX, an MMX instruction run now? They raise if not. */
_Noreturn void vector_refuse_sse(X86Exec *x);
_Noreturn void vector_refuse_avx(X86Exec *x);
void vector_check_mmx(X86Exec *x);
/* After an MMX instruction: the x87 registers are all valid, TOP is 0. */
void vector_commit_mmx(X86Exec *x);
/* #MF, or what CR0.NE says, if an x87 exception is pending. */
void x87_check_pending(X86Exec *x);
/* The guest's x87 registers from the host to env. */
void x87_unload(X86Exec *x);
/* MXCSR from the host to env; the host keeps it. */
uint32_t vector_mxcsr(X86Exec *x);
/* Sets the guest's. */
void vector_set_mxcsr(X86Exec *x, uint32_t value);

static inline void vector_check_sse(X86Exec *x)
{
    const uint32_t mask = 1u << HF_EM_SHIFT | 1u << HF_TS_SHIFT | 1u << HF_OSFXSR_SHIFT;

    if (unlikely((x->env->hflags & mask) != 1u << HF_OSFXSR_SHIFT)) {
        vector_refuse_sse(x);
    }
}

static inline void vector_check_avx(X86Exec *x)
{
    const X86CPUState *env = x->env;
    const uint32_t mask = 1u << HF_PE_SHIFT | 1u << HF_VM_SHIFT | 1u << HF_TS_SHIFT;

    if (unlikely((env->hflags & mask) != 1u << HF_PE_SHIFT || !(env->cr[4] & CR4_OSXSAVE) ||
                 (env->xcr0 & (XCR0_SSE | XCR0_AVX)) != (XCR0_SSE | XCR0_AVX))) {
        vector_refuse_avx(x);
    }
}

static inline void vector_check(X86Exec *x, bool vex)
{
    if (vex) {
        vector_check_avx(x);
    } else {
        vector_check_sse(x);
    }
}

/* X86Op.prefix after preparation. FLAT: 64-bit code, a 64-bit address, no segment base. */
enum { VECTOR_ANY_ADDRESS, VECTOR_FLAT };

static inline uint64_t vector_flat_address(const X86Exec *x, const X86Op *op)
{
    return x->regs[op->base / 8] + (x->regs[op->index / 8] << op->scale) + (uint64_t)(int64_t)op->disp;
}

/* The memory operand's place in the host's memory; NULL: somewhere else, or forbidden. */
static inline void *vector_host(X86Exec *x, const X86Op *op, unsigned size, bool write)
{
    uint64_t linear = likely(op->prefix == VECTOR_FLAT) ? vector_flat_address(x, op) : x86_linear(x, op, size, write);
    const X86TlbEntry *e = x86_tlb_entry(x, linear);

    return likely(linear - (write ? e->write : e->read) <= TARGET_PAGE_SIZE - size) ? (void *)(uintptr_t)(linear + e->addend) : NULL;
}

/* Faults if the bytes may not be written. */
static inline void vector_probe(X86Exec *x, const X86Op *op, uint64_t linear, unsigned size)
{
    if (unlikely(linear - x86_tlb_entry(x, linear)->write > TARGET_PAGE_SIZE - size)) {
        x86_probe_write(x, op, linear, size);
    }
}

static inline void vector_read(X86Exec *x, const X86Op *op, uint64_t linear, void *to, unsigned size)
{
    const X86TlbEntry *e = x86_tlb_entry(x, linear);

    if (likely(linear - e->read <= TARGET_PAGE_SIZE - size)) {
        memcpy(to, (const void *)(uintptr_t)(linear + e->addend), size);
    } else {
        x86_ld_bytes(x, op, linear, to, size);
    }
}

/* All bytes or, with a fault, none. */
static inline void vector_write(X86Exec *x, const X86Op *op, uint64_t linear, const void *from, unsigned size)
{
    const X86TlbEntry *e = x86_tlb_entry(x, linear);

    if (likely(linear - e->write <= TARGET_PAGE_SIZE - size)) {
        memcpy((void *)(uintptr_t)(linear + e->addend), from, size);
    } else {
        x86_st_bytes(x, op, linear, from, size);
    }
}

/* The same where alignment checks do not count. */
static inline void vector_probe_unaligned(X86Exec *x, const X86Op *op, uint64_t linear, unsigned size)
{
    if (unlikely(linear - x86_tlb_entry(x, linear)->write > TARGET_PAGE_SIZE - size)) {
        x86_probe_unaligned(x, op, linear, size);
    }
}

static inline void vector_read_unaligned(X86Exec *x, const X86Op *op, uint64_t linear, void *to, unsigned size)
{
    const X86TlbEntry *e = x86_tlb_entry(x, linear);

    if (likely(linear - e->read <= TARGET_PAGE_SIZE - size)) {
        memcpy(to, (const void *)(uintptr_t)(linear + e->addend), size);
    } else {
        x86_ld_unaligned(x, op, linear, to, size);
    }
}

static inline void vector_write_unaligned(X86Exec *x, const X86Op *op, uint64_t linear, const void *from, unsigned size)
{
    const X86TlbEntry *e = x86_tlb_entry(x, linear);

    if (likely(linear - e->write <= TARGET_PAGE_SIZE - size)) {
        memcpy((void *)(uintptr_t)(linear + e->addend), from, size);
    } else {
        x86_st_unaligned(x, op, linear, from, size);
    }
}

static inline void vector_clear_upper(VectorReg *r)
{
    r->q[2] = r->q[3] = 0;
}

static inline uint64_t *vector_mmx(X86Exec *x, unsigned number)
{
    return &x->env->fpregs[number].mantissa;
}

static inline void vector_host_set_mxcsr(uint32_t value)
{
    __asm__ volatile("ldmxcsr %0" : : "m"(value));
}

static inline uint32_t vector_host_mxcsr(void)
{
    uint32_t value;

    __asm__ volatile("stmxcsr %0" : "=m"(value));
    return value;
}

#endif
