/*
 * The engine's inside: what a handler of an instruction works on and with. One X86Exec per vCPU.
 *
 * Blocks of decoded instructions are kept by physical page and mode. An instruction is a record with a function; each
 * function ends by calling that of the next record (a tail call), or returns it where tail calls can't be had.
 *
 * While a vCPU runs, general registers, EIP and the arithmetic flags live in its X86Exec; all else is in cpu->env and
 * always true. x86_exec_store() brings all to env; x86_exec_load() takes it from there.
 */
#ifndef TARGET_I386_EXEC_EXEC_H
#define TARGET_I386_EXEC_EXEC_H

#include <setjmp.h>

#include "system/memory.h"
#include "target/i386/cpu.h"
#include "target/i386/exec/insn.h"

/* Handlers call each other at their end (docs/engine.md). Without, each returns the next record to a loop. */
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(X86_LOOP_DISPATCH)
#define X86_TAIL_CALLS 1
#else
#define X86_TAIL_CALLS 0
#endif

#ifndef likely
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif

/* Exceptions (SDM vol. 3, table 6-1). */
enum {
    EXCP_DE = 0, EXCP_DB = 1, EXCP_NMI = 2, EXCP_BP = 3, EXCP_OF = 4, EXCP_BR = 5, EXCP_UD = 6, EXCP_NM = 7, EXCP_DF = 8,
    EXCP_TS = 10, EXCP_NP = 11, EXCP_SS = 12, EXCP_GP = 13, EXCP_PF = 14, EXCP_MF = 16, EXCP_AC = 17, EXCP_MC = 18,
    EXCP_XM = 19,
};

/* Arithmetic flags in EFLAGS. */
enum {
    FLAG_CF = 1 << 0, FLAG_PF = 1 << 2, FLAG_AF = 1 << 4, FLAG_ZF = 1 << 6, FLAG_SF = 1 << 7, FLAG_TF = 1 << 8, FLAG_IF = 1 << 9,
    FLAG_DF = 1 << 10, FLAG_OF = 1 << 11, FLAG_IOPL = 3 << 12, FLAG_NT = 1 << 14, FLAG_RF = 1 << 16, FLAG_VM = 1 << 17,
    FLAG_AC = 1 << 18, FLAG_VIF = 1 << 19, FLAG_VIP = 1 << 20, FLAG_ID = 1 << 21,
    FLAGS_ARITH = FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF,
};

/*
 * A translation of a page. A tag is the page's linear address, or a page's that has another place in the table. The
 * access's address less the tag is a place in the page from which on all its bytes fit, so that an access that leaves the
 * page misses. Host address = addr + addend.
 * Pages that are no plain RAM, or whose writes must be seen (code, dirty log), have no tag for that access.
 */
typedef struct X86TlbEntry {
    uint64_t read, write, addend, physical;
} X86TlbEntry;
enum { X86_TLB_SIZE = 4096, X86_TLB_MODES = 4 };    /* supervisor, the same kept from user pages (SMAP), user, user with #AC */

/* Bits of X86Exec.pending. */
enum {
    X86_PENDING_INTERRUPT = 1 << 0,     /* look at cpu->interrupt_request */
    X86_PENDING_STOP = 1 << 1,          /* the thread is wanted outside */
    X86_PENDING_CODE = 1 << 2,          /* translated code of ours was written by somebody else */
    X86_PENDING_TLB = 1 << 3,           /* the memory map changed */
};

/* A call: where it returns to, the block there if it was seen, and where the call keeps that. All NULL: none. */
typedef struct X86Return {
    uint64_t eip;
    struct X86Block *block, **place;
} X86Return;
enum { X86_RETURNS = 16 };

struct X86Exec {
    uint64_t regs[X86_REGS_ALL];    /* then zero, and the address of the block's first instruction */
    /* The flags, lazily: flags.h */
    uint64_t cc_result, cc_dst, cc_src;
    uint32_t cc_op;
    uint32_t pending;               /* X86_PENDING_*: wanted at the next block; set by any thread, atomically */
    X86TlbEntry *tlb;               /* of X86_TLB_SIZE: for accesses with the current privilege */
    uint32_t mode;                  /* what of the CPU's mode decides how code is translated (engine.h) */
    uint32_t code_tag;              /* the low bits of CodeTlb.tag with the current privilege */
    bool counts;                    /* instructions: runs no more than `budget`, which then is 0 */
    int64_t budget;
    X86CPUState *env;
    X86CPU *cpu;
    uint64_t eip;                   /* in a plain handler: the next instruction's; else not kept */
    const X86Op *op;                /* the one that is executed, where it may fault; NULL: none, eip is where a fault is */
    int delivering;                 /* the system part's: the exception that is being delivered; -1: none */
    uint32_t stepping;              /* the same: what x86_step_before() saw */
    X86Return returns[X86_RETURNS]; /* the last calls, around `calls` */
    unsigned calls;
    jmp_buf exit;                   /* to the loop, by the functions below only */
    struct X86ExecPrivate *engine;  /* code cache, the loop's state */
    struct X86Vector *vector;       /* the vector unit's scratch */
};

/* One for the CPU, made when it is first to run; its memory is lazily touched. Free: the CPU runs no more. */
X86Exec *x86_exec_new(X86CPU *cpu);
void x86_exec_free(X86Exec *x);
/*
 * Runs from env's state until X86_PENDING_STOP is set, the CPU is halted with nothing to do, or the budget is spent. Without
 * the big lock.
 * Before: x86_exec_load(); after: x86_exec_store() makes env true.
 */
void x86_exec_run(X86Exec *x);
/* From any thread. */
void x86_exec_kick(X86Exec *x, uint32_t pending);
/* From any thread: whether what was cached of addresses before an X86_PENDING_TLB is gone. */
bool x86_exec_has_forgotten(const X86Exec *x);
/* Forgets all translated code and addresses: memory was written behind the engine's back. Only while it does not run. */
void x86_exec_flush(X86Exec *x);

/*
 * Plain handlers. Most instructions that are no plain integer work are functions that just return; the engine calls
 * them with x->op == op, x->eip the address of the next instruction and, if the id ends a block, goes on at x->eip in
 * whatever mode env says then. Faults: the functions below, which do not return; nothing architectural may have been
 * changed before (registers, memory, flags), unless the architecture says so.
 */
typedef void X86PlainFn(X86Exec *x, const X86Op *op);
/* By unit, indexed by id; NULL: not this unit's. The vector unit chooses a handler when code is translated (vector.h). */
extern X86PlainFn *const x86_plain_system[X86_INSNS], *const x86_plain_integer[X86_INSNS];

/* Leave the instruction: an exception (a fault: EIP is the instruction's own). */
_Noreturn void x86_raise(X86Exec *x, unsigned vector);
_Noreturn void x86_raise_error(X86Exec *x, unsigned vector, uint32_t error);
_Noreturn void x86_raise_page_fault(X86Exec *x, uint64_t linear, uint32_t error);
/* Leave the instruction for the loop, which goes on at x->eip: for what a plain handler can't go on from. */
_Noreturn void x86_exit(X86Exec *x);

/* EFLAGS whole; set: all bits as given (fixed bit 1 is seen to); arith: FLAGS_ARITH only. */
uint32_t x86_eflags(X86Exec *x);
void x86_set_eflags(X86Exec *x, uint32_t eflags);
void x86_set_arith(X86Exec *x, uint32_t flags);

/* The linear address of op's memory operand: segment base and address size seen to; in 64-bit mode canonical, else within the
 * segment's limit and access rights for `length` bytes (#GP, #SS). */
uint64_t x86_linear(X86Exec *x, const X86Op *op, unsigned length, bool is_write);
/* The same for any offset in any segment (string instructions, stacks). */
uint64_t x86_linear_in(X86Exec *x, const X86Op *op, unsigned seg, uint64_t offset, unsigned length, bool is_write);

/* Accesses at linear addresses with the current privilege are x86_ld8() … x86_ld64(), x86_st8() … x86_st64(): mem.h. */
void x86_ld_bytes(X86Exec *x, const X86Op *op, uint64_t linear, void *to, unsigned length);
/* Either all bytes are written or, with a fault, none. */
void x86_st_bytes(X86Exec *x, const X86Op *op, uint64_t linear, const void *from, unsigned length);
/* The same where alignment checks do not count: parts of vectors (SDM vol. 2, exception types 6, 11 and 12). */
void x86_ld_unaligned(X86Exec *x, const X86Op *op, uint64_t linear, void *to, unsigned length);
void x86_st_unaligned(X86Exec *x, const X86Op *op, uint64_t linear, const void *from, unsigned length);
void x86_probe_unaligned(X86Exec *x, const X86Op *op, uint64_t linear, unsigned length);
/* Whether misaligned accesses are #AC now. */
bool x86_checks_alignment(const X86Exec *x);
/* Faults if the bytes may not be written; writes nothing. */
void x86_probe_write(X86Exec *x, const X86Op *op, uint64_t linear, unsigned length);
/* As the CPU itself accesses descriptor tables and task states: with supervisor's rights, whatever CPL is. */
uint64_t x86_ld_system(X86Exec *x, uint64_t linear, unsigned size);
void x86_st_system(X86Exec *x, uint64_t linear, uint64_t value, unsigned size);
/* The host address of `size` bytes of RAM that may be written, for a locked operation; NULL: they cross a page or are no RAM,
 * and the caller reads and writes under the big lock. When it has written it calls x86_locked_done(). */
void *x86_locked(X86Exec *x, const X86Op *op, uint64_t linear, unsigned size);
void x86_locked_done(X86Exec *x);
/* The same for pushes in an inner stack during a privilege change: CPL is not yet the new one. */

/* Translation caches. flush_page: all sizes; flush: all but global pages unless `global`. */
void x86_tlb_flush(X86Exec *x, bool global);
void x86_tlb_flush_page(X86Exec *x, uint64_t linear);

/* After control registers, EFER, EFLAGS' system bits, CS or SS changed: what of the mode decides how code runs. */
void x86_mode_changed(X86Exec *x);

static inline unsigned x86_cpl(const X86Exec *x)
{
    return x->env->hflags & HF_CPL_MASK;
}

static inline bool x86_long_code(const X86Exec *x)
{
    return x->env->hflags >> HF_CS64_SHIFT & 1;
}

/* Registers and flags between X86Exec and cpu->env. */
void x86_exec_store(X86Exec *x);
void x86_exec_load(X86Exec *x);

/*
 * --- system part (interrupt.c, source.c, debug.c, smm.c): called by the loop, between instructions ---
 *
 * x->op is NULL then, and x->eip (full address in the code segment) the instruction that would run next, or for an
 * exception the one that made it. Each of them may raise (leave by x->exit). All set EFLAGS, mode and eip.
 */

/* An exception as x86_raise*() left it: delivers it, or the double fault that it makes with the one whose delivery it
 * broke. A triple fault asks for a reset of the machine and halts the CPU. */
void x86_exception(X86Exec *x, unsigned vector, bool has_error, uint32_t error);
/* Takes the most important of cpu->interrupt_request that may be taken now (INIT, SIPI, SMI, NMI, an interrupt whose
 * vector the controllers give). False: there is none. Takes the big lock if it isn't held. */
bool x86_take_interrupt(X86Exec *x);
/* Whether there is something to take: cheap, without locks; and for a CPU that is halted: whether it goes on. */
bool x86_interrupt_pending(const X86CPU *cpu);
/* Whether the next instruction has to run by itself: single step, a code breakpoint, RF, an interrupt shadow (STI, MOV SS).
 * Asked between blocks: what makes it true ends a block. No interrupt is taken while there is a shadow. */
bool x86_steps(const X86Exec *x);
/* Around such an instruction. Before: a code breakpoint's fault. After: RF and shadow end, traps of single step and breakpoints. */
void x86_step_before(X86Exec *x);
void x86_step_after(X86Exec *x);
/* The same between two rounds of a repetition: RF stays, and a trap finds it set (SDM vol. 3, 18.3.1.1). */
void x86_step_paused(X86Exec *x);
/* Data breakpoints (DR7): whether accesses to this page have to go through x86_debug_access(), which notes a trap that
 * is taken after the instruction (x86_steps() is true while there is any). The engine flushes such pages when DR7 changes (x86_tlb_flush_page). */
bool x86_debug_watches(const X86Exec *x, uint64_t linear_page);
void x86_debug_access(X86Exec *x, uint64_t linear, unsigned length, bool is_write);

/* Delivers an exception or interrupt at env/x->eip (event injection: real, protected and long mode; IDT, privilege change, task
 * gates; error code pushed if has_error). `soft`: INT n, INT3, INTO. May raise further exceptions. */
void x86_deliver(X86Exec *x, unsigned vector, bool soft, bool has_error, uint32_t error, uint64_t next_eip);
void x86_enter_smm(X86Exec *x);

#endif
