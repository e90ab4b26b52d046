/*
 * Accesses to memory at linear addresses with the current privilege. Hits of the translation cache are inline; all else
 * (page walks, devices, page crossings, pages with translated code or a dirty log) is in mmu.c. An aligned access is one
 * access of the host, so it is as atomic and as ordered as the guest expects.
 */
#ifndef TARGET_I386_EXEC_MEM_H
#define TARGET_I386_EXEC_MEM_H

#include <string.h>

#include "target/i386/exec/exec.h"

/* mmu.c. The load of what is to be written back with x86_st_slow() faults as a write does. */
uint64_t x86_ld_mmu(X86Exec *x, const X86Op *op, uint64_t linear, unsigned size);
uint64_t x86_ld_modify_mmu(X86Exec *x, const X86Op *op, uint64_t linear, unsigned size);
void x86_st_mmu(X86Exec *x, const X86Op *op, uint64_t linear, uint64_t value, unsigned size);

/*
 * The same for handlers, which seldom get there: these keep all general registers but RAX (mmu.c has the stubs), so that a
 * handler saves none on its way past them. The red zone is stepped over.
 */
#if X86_TAIL_CALLS
#define X86_KEEPING(fn) "lea -128(%%rsp), %%rsp\n\tcall " #fn "_keeping\n\tlea 128(%%rsp), %%rsp"
#define X86_NOT_KEPT "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", \
                     "xmm12", "xmm13", "xmm14", "xmm15", "cc", "memory"

static inline __attribute__((always_inline)) uint64_t x86_ld_slow(X86Exec *x, const X86Op *op, uint64_t linear, unsigned size)
{
    uint64_t value;

    __asm__ volatile(X86_KEEPING(x86_ld_mmu) : "=a"(value) : "D"(x), "S"(op), "d"(linear), "c"(size) : X86_NOT_KEPT);
    return value;
}

static inline __attribute__((always_inline)) uint64_t x86_ld_modify_slow(X86Exec *x, const X86Op *op, uint64_t linear, unsigned size)
{
    uint64_t value;

    __asm__ volatile(X86_KEEPING(x86_ld_modify_mmu) : "=a"(value) : "D"(x), "S"(op), "d"(linear), "c"(size) : X86_NOT_KEPT);
    return value;
}

static inline __attribute__((always_inline)) void x86_st_slow(X86Exec *x, const X86Op *op, uint64_t linear, uint64_t value, unsigned size)
{
    register uint64_t fifth __asm__("r8") = size;

    __asm__ volatile(X86_KEEPING(x86_st_mmu) : : "D"(x), "S"(op), "d"(linear), "c"(value), "r"(fifth) : "rax", X86_NOT_KEPT);
}
#else
#define x86_ld_slow x86_ld_mmu
#define x86_ld_modify_slow x86_ld_modify_mmu
#define x86_st_slow x86_st_mmu
#endif

static inline X86TlbEntry *x86_tlb_entry(X86Exec *x, uint64_t linear)
{
    return &x->tlb[linear >> TARGET_PAGE_BITS & (X86_TLB_SIZE - 1)];
}

#define X86_ACCESS(bits)                                                                                            \
    static inline __attribute__((always_inline)) uint##bits##_t x86_ld##bits(X86Exec *x, const X86Op *op, uint64_t linear)   \
    {                                                                                                               \
        const X86TlbEntry *e = x86_tlb_entry(x, linear);                                                            \
        uint##bits##_t value;                                                                                       \
                                                                                                                    \
        if (likely(linear - e->read <= TARGET_PAGE_SIZE - bits / 8)) {                                              \
            memcpy(&value, (const void *)(uintptr_t)(linear + e->addend), sizeof(value));                           \
            return value;                                                                                           \
        }                                                                                                           \
        return (uint##bits##_t)x86_ld_slow(x, op, linear, bits / 8);                                                \
    }                                                                                                               \
    static inline __attribute__((always_inline)) void x86_st##bits(X86Exec *x, const X86Op *op, uint64_t linear,     \
                                                                   uint##bits##_t value)                            \
    {                                                                                                               \
        const X86TlbEntry *e = x86_tlb_entry(x, linear);                                                            \
                                                                                                                    \
        if (likely(linear - e->write <= TARGET_PAGE_SIZE - bits / 8)) {                                             \
            memcpy((void *)(uintptr_t)(linear + e->addend), &value, sizeof(value));                                 \
        } else {                                                                                                    \
            x86_st_slow(x, op, linear, value, bits / 8);                                                            \
        }                                                                                                           \
    }                                                                                                               \
    /* Where the operand of a read-modify-write instruction can be had directly; NULL: by the slow functions. */    \
    static inline __attribute__((always_inline)) void *x86_modify##bits(X86Exec *x, uint64_t linear)                \
    {                                                                                                               \
        const X86TlbEntry *e = x86_tlb_entry(x, linear);                                                            \
                                                                                                                    \
        return likely(linear - e->write <= TARGET_PAGE_SIZE - bits / 8) ? (void *)(uintptr_t)(linear + e->addend) : NULL; \
    }
X86_ACCESS(8) X86_ACCESS(16) X86_ACCESS(32) X86_ACCESS(64)
#undef X86_ACCESS

/* By size in bytes: 1, 2, 4, 8. Zero-extended. */
static inline uint64_t x86_ld(X86Exec *x, const X86Op *op, uint64_t linear, unsigned size)
{
    switch (size) {
    case 1:
        return x86_ld8(x, op, linear);
    case 2:
        return x86_ld16(x, op, linear);
    case 4:
        return x86_ld32(x, op, linear);
    default:
        return x86_ld64(x, op, linear);
    }
}

static inline void x86_st(X86Exec *x, const X86Op *op, uint64_t linear, uint64_t value, unsigned size)
{
    switch (size) {
    case 1:
        x86_st8(x, op, linear, (uint8_t)value);
        break;
    case 2:
        x86_st16(x, op, linear, (uint16_t)value);
        break;
    case 4:
        x86_st32(x, op, linear, (uint32_t)value);
        break;
    default:
        x86_st64(x, op, linear, value);
        break;
    }
}

/* General registers by the operand's byte offset (insn.h). A write of 4 bytes clears the upper half. */
static inline void *x86_reg(X86Exec *x, unsigned offset)
{
    return (uint8_t *)x->regs + offset;
}

static inline uint64_t x86_get(X86Exec *x, unsigned offset, unsigned size)
{
    uint64_t value = 0;

    switch (size) {
    case 1:
        return *(uint8_t *)x86_reg(x, offset);
    case 2:
        return *(uint16_t *)x86_reg(x, offset);
    case 4:
        return *(uint32_t *)x86_reg(x, offset);
    default:
        memcpy(&value, x86_reg(x, offset), 8);
        return value;
    }
}

static inline void x86_put(X86Exec *x, unsigned offset, uint64_t value, unsigned size)
{
    switch (size) {
    case 1:
        *(uint8_t *)x86_reg(x, offset) = (uint8_t)value;
        break;
    case 2:
        *(uint16_t *)x86_reg(x, offset) = (uint16_t)value;
        break;
    case 4:
        value = (uint32_t)value;
        /* fall through */
    default:
        memcpy(x86_reg(x, offset), &value, 8);
        break;
    }
}

#endif
