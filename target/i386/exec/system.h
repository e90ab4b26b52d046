/*
 * What the files of the system part share: descriptors and their loads, stacks, far transfers and the delivery of events
 * (SDM vol. 3, chapters 3, 5, 6 and 7). Functions here raise exceptions as those of exec.h do; unless they say otherwise,
 * they do so before they change anything.
 */
#ifndef TARGET_I386_EXEC_SYSTEM_H
#define TARGET_I386_EXEC_SYSTEM_H

#include "target/i386/exec/control-bits.h"
#include "target/i386/exec/exec.h"
#include "target/i386/exec/mem.h"

/* A descriptor's upper dword. */
enum {
    DESC_A = 1 << 8, DESC_W = 1 << 9, DESC_R = 1 << 9, DESC_C = 1 << 10, DESC_E = 1 << 10, DESC_CODE = 1 << 11, DESC_S = 1 << 12,
    DESC_DPL = 3 << 13, DESC_P = 1 << 15, DESC_L = 1 << 21, DESC_B = 1 << 22, DESC_G = 1 << 23,
    DESC_DPL_SHIFT = 13, DESC_TYPE_SHIFT = 8, DESC_BUSY = 1 << 9,
};
/* Types of system descriptors. Those of 32 bits are those of 64 bits in long mode. */
enum {
    TYPE_TSS16 = 1, TYPE_LDT = 2, TYPE_TSS16_BUSY = 3, TYPE_CALL16 = 4, TYPE_TASK = 5, TYPE_INT16 = 6, TYPE_TRAP16 = 7, TYPE_TSS32 = 9,
    TYPE_TSS32_BUSY = 11, TYPE_CALL32 = 12, TYPE_INT32 = 14, TYPE_TRAP32 = 15,
};

#define DR7_GD (1ull << 13)
#define EFER_SCE (1ull << 0)
#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)
#define EFER_NXE (1ull << 11)
#define EFER_SVME (1ull << 12)
#define EFER_FFXSR (1ull << 14)

/* --- mode --- */

static inline bool x86_protected(const X86Exec *x)
{
    return x->env->cr[0] & CR0_PE && !(x->env->eflags & FLAG_VM);
}

static inline bool x86_vm86(const X86Exec *x)
{
    return x->env->eflags & FLAG_VM;
}

static inline bool x86_long_mode(const X86Exec *x)
{
    return x->env->efer & EFER_LMA;
}

static inline unsigned x86_iopl(const X86Exec *x)
{
    return x->env->eflags >> 12 & 3;
}

static inline bool x86_canonical(uint64_t address)
{
    return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

/* hflags anew, and the engine told. */
void x86_system_mode(X86Exec *x);
/* EFLAGS whole, and the mode. */
void x86_system_set_eflags(X86Exec *x, uint32_t eflags);
/* #GP(0) unless CPL is 0 (real mode: always; VM86: never). */
static inline void x86_need_cpl0(X86Exec *x)
{
    if (unlikely(x86_cpl(x) != 0)) {
        x86_raise_error(x, EXCP_GP, 0);
    }
}

/* --- operands --- */

/* The r/m operand: register or memory, of `size` bytes. */
uint64_t x86_read_rm(X86Exec *x, const X86Op *op, unsigned size);
void x86_write_rm(X86Exec *x, const X86Op *op, unsigned size, uint64_t value);

/* --- stacks --- */

/* A stack being used; SP changes for good by x86_stack_commit(). */
typedef struct X86Stack {
    SegmentCache segment;
    uint64_t sp, mask;          /* mask: all ones in 64-bit mode, where the segment does not count */
    uint32_t error;             /* of #SS */
    bool system;                /* another privilege level's: with supervisor's rights */
} X86Stack;

X86Stack x86_stack(const X86Exec *x);                   /* the current one */
/* In that segment, of a privilege level that is to be entered. */
X86Stack x86_stack_at(const SegmentCache *segment, uint64_t sp, uint32_t error);
void x86_stack_push(X86Exec *x, X86Stack *stack, uint64_t value, unsigned size);
uint64_t x86_stack_pop(X86Exec *x, X86Stack *stack, unsigned size);
void x86_stack_commit(X86Exec *x, const X86Stack *stack);

/* --- descriptors --- */

typedef struct X86Descriptor {
    uint16_t selector;
    uint32_t low, high;
    uint64_t linear;            /* where it is */
} X86Descriptor;

static inline unsigned x86_desc_type(const X86Descriptor *d)
{
    return d->high >> DESC_TYPE_SHIFT & 15;
}

static inline unsigned x86_desc_dpl(const X86Descriptor *d)
{
    return d->high >> DESC_DPL_SHIFT & 3;
}

static inline uint32_t x86_desc_base(const X86Descriptor *d)
{
    return d->low >> 16 | (d->high & 0xff) << 16 | (d->high & 0xff000000);
}

static inline uint32_t x86_desc_limit(const X86Descriptor *d)
{
    uint32_t limit = (d->low & 0xffff) | (d->high & 0xf0000);

    return d->high & DESC_G ? limit << 12 | 0xfff : limit;
}

/* A gate's. */
static inline uint32_t x86_gate_offset(const X86Descriptor *d)
{
    return (d->high & 0xffff0000) | (d->low & 0xffff);
}

/* What the selector names, if it is within its table. */
bool x86_descriptor(X86Exec *x, uint16_t selector, X86Descriptor *d);
/* Raises vector(selector | ext) if it is not. */
X86Descriptor x86_descriptor_or(X86Exec *x, uint16_t selector, unsigned vector, uint32_t ext);
/* The upper half of a 16-byte descriptor; its type field must be zero, else #GP(selector | ext). */
uint64_t x86_descriptor_upper(X86Exec *x, const X86Descriptor *d, uint32_t ext);
/* Sets the accessed bit in the table if it isn't. */
void x86_descriptor_accessed(X86Exec *x, X86Descriptor *d);
/* A segment's cache from a descriptor; RPL as in `selector`. */
SegmentCache x86_segment_of(uint16_t selector, const X86Descriptor *d);
/* Loads ES, SS, DS, FS or GS, with all checks; mode as it results. */
void x86_load_segment(X86Exec *x, unsigned seg, uint16_t selector);
/* Loads CS with its checked descriptor at the given privilege level, which SS's DPL does not tell yet. */
void x86_set_cs(X86Exec *x, const X86Descriptor *d, unsigned cpl);
/* In real mode and VM86: base is selector * 16. */
void x86_set_real_segment(X86Exec *x, unsigned seg, uint16_t selector);
/* LDTR, from whichever instruction or task: errors are vector(selector | ext). */
void x86_load_ldt(X86Exec *x, uint16_t selector, unsigned vector, uint32_t ext);
/* The checks that all far jumps and calls to code segments share, and on where in them: #GP, #NP. */
void x86_check_entry(X86Exec *x, const X86Descriptor *cs, uint64_t eip);
/* Before an outer level is entered: data segments that it may not use become null. */
void x86_drop_segments(X86Exec *x, unsigned cpl);

/* --- tasks --- */

typedef enum X86TaskSwitch { X86_TASK_JMP, X86_TASK_CALL, X86_TASK_IRET, X86_TASK_EVENT } X86TaskSwitch;
/* To the task of TSS descriptor d (checked for type and presence). x->eip is what the old task goes on at. */
void x86_task_switch(X86Exec *x, const X86Descriptor *d, X86TaskSwitch kind, uint32_t ext);
/* Through a task gate's selector: checks the TSS. */
void x86_task_gate(X86Exec *x, uint16_t selector, X86TaskSwitch kind, uint32_t ext);
/* SS:ESP for a privilege level, from the current TSS of 16 or 32 bits; #TS. The segment is checked. */
X86Stack x86_task_stack(X86Exec *x, unsigned dpl, uint32_t ext, X86Descriptor *ss);
/* A stack pointer of the 64-bit TSS: RSP0–2, and 3 + n for IST n. */
uint64_t x86_task_rsp(X86Exec *x, unsigned index, uint32_t ext);
/* Whether the I/O permission map lets `size` ports be used. */
void x86_check_io(X86Exec *x, uint16_t port, unsigned size);

/* --- others --- */

/* RET and IRET to a protected-mode segment. */
void x86_far_return(X86Exec *x, unsigned size, unsigned release, bool is_iret);
/* CR0, CR3, CR4 and EFER with all checks (#GP(0)) and consequences. */
void x86_set_cr0(X86Exec *x, uint64_t value);
void x86_set_cr3(X86Exec *x, uint64_t value);
void x86_set_cr4(X86Exec *x, uint64_t value);
uint64_t x86_read_msr(X86Exec *x, uint32_t msr);
void x86_write_msr(X86Exec *x, uint32_t msr, uint64_t value);
/* The guest's time-stamp counter. */
uint64_t x86_tsc(const X86Exec *x);
/* #DB as a trap: the bits are added to DR6. */
void x86_debug_trap(X86Exec *x, uint64_t dr6);
/* A port was used: notes an I/O breakpoint. */
void x86_debug_io(X86Exec *x, uint16_t port, unsigned size);
/* After MOV SS, POP SS and STI: no interrupt before the next instruction ended; `no_trap`: no debug trap either. */
void x86_shadow(X86Exec *x, bool no_trap);
/* There may be something to take now: the loop looks at the next block. */
void x86_recheck(X86Exec *x);
/* After SYSCALL and SYSRET single step is as the new flags say, for this very instruction; IRET's RF outlives it. */
void x86_step_restart(X86Exec *x);
void x86_step_keep_rf(X86Exec *x);
bool x86_feature(const X86Exec *x, X86FeatureWordIndex word, uint64_t mask);

/* Handlers, in the table of sysinsn.c. */
#define X86_HANDLER(name) void x86_insn_##name(X86Exec *x, const X86Op *op);
X86_HANDLER(mov_sreg) X86_HANDLER(push_sreg) X86_HANDLER(pop_sreg) X86_HANDLER(load_far_pointer)
X86_HANDLER(call_far) X86_HANDLER(jmp_far) X86_HANDLER(ret_far) X86_HANDLER(iret)
X86_HANDLER(int) X86_HANDLER(int3) X86_HANDLER(int1) X86_HANDLER(into) X86_HANDLER(bound)
X86_HANDLER(syscall) X86_HANDLER(sysret) X86_HANDLER(sysenter) X86_HANDLER(sysexit) X86_HANDLER(swapgs)
X86_HANDLER(rd_base) X86_HANDLER(wr_base)
X86_HANDLER(in) X86_HANDLER(out) X86_HANDLER(ins) X86_HANDLER(outs)
X86_HANDLER(cli) X86_HANDLER(sti) X86_HANDLER(pushf) X86_HANDLER(popf) X86_HANDLER(clac) X86_HANDLER(stac)
X86_HANDLER(hlt) X86_HANDLER(monitor) X86_HANDLER(mwait) X86_HANDLER(rsm)
X86_HANDLER(mov_cr) X86_HANDLER(mov_dr) X86_HANDLER(lmsw) X86_HANDLER(smsw) X86_HANDLER(clts)
X86_HANDLER(load_table) X86_HANDLER(store_table) X86_HANDLER(lldt) X86_HANDLER(ltr) X86_HANDLER(sldt) X86_HANDLER(str)
X86_HANDLER(lar) X86_HANDLER(lsl) X86_HANDLER(verify) X86_HANDLER(arpl)
X86_HANDLER(invlpg) X86_HANDLER(invpcid) X86_HANDLER(flush_caches)
X86_HANDLER(rdmsr) X86_HANDLER(wrmsr) X86_HANDLER(rdtsc) X86_HANDLER(rdtscp) X86_HANDLER(rdpmc) X86_HANDLER(rdpid)
X86_HANDLER(cpuid) X86_HANDLER(xgetbv) X86_HANDLER(xsetbv) X86_HANDLER(rdpkru) X86_HANDLER(wrpkru)
#undef X86_HANDLER

#endif
