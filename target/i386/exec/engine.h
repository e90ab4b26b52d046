/*
 * The engine's own: translated blocks, translation caches and what is asked of a running engine by others.
 *
 * A block is a run of instructions within a page, known by the host's address of its first byte and the mode. Which
 * parts of RAM were translated is noted in RAMBlock.code, a word a page and in it a bit for each 64 bytes, set by the
 * engine before it reads the bytes. A page that has a bit set is written by the slow path only, and whoever writes such
 * a part (a CPU, or a device by the memory core) clears the bit after the write and tells all engines. Blocks are each
 * engine's own: no locks.
 */
#ifndef TARGET_I386_EXEC_ENGINE_H
#define TARGET_I386_EXEC_ENGINE_H

#include <pthread.h>

#include "system/ramblock.h"
#include "target/i386/exec/exec.h"

typedef struct X86Block X86Block;

/* A way out of a block, known in advance. */
typedef struct X86Link {
    X86Block *target;           /* NULL: not yet looked up, or on another page */
    union {
        struct X86Link *next;   /* others that lead to the target */
        X86Block *far;          /* on another page, or it crosses pages: to be checked each time (x86_block_is_at()) */
    };
} X86Link;

/* The record behind that of a direct branch, whose imm is the way to its target from the block's first instruction. */
typedef struct X86Branch {
    X86OpFn *fn;                /* never called */
    X86Link taken, next;
} X86Branch;
G_STATIC_ASSERT(sizeof(X86Branch) <= sizeof(X86Op));

struct X86Block {
    X86Block *hash_next;
    X86Block *page_next[2];     /* the next block of its page; and if it crosses pages, of the second */
    X86Link *incoming;
    const uint8_t *host, *second;   /* its first byte; if its one instruction crosses a page, where the second page begins */
    uint16_t bytes, insns, records;
    /* In one cache line with the first record: what who comes here looks at. It was found at this EIP, which holds while `*era` is
     * `checked`. */
    uint64_t eip __attribute__((aligned(64))), checked;
    const uint64_t *era;
    uint32_t mode;
    X86Op ops[] __attribute__((aligned(32)));
};

/* X86Exec.mode: what decoding and executing a block depends on. */
enum {
    MODE_CODE_MASK = 3,         /* X86CodeSize */
    MODE_SS32 = 1 << 2,         /* the stack pointer is ESP */
    MODE_FLAT = 1 << 3,         /* CS, DS, ES and SS cover all from 0 on */
    MODE_SINGLE = 1 << 4,       /* one instruction */
    MODE_COUNT = 1 << 5,        /* instructions are counted */
    MODE_USER = 1 << 6,         /* CPL is 3: what may be executed differs */
};

/* The cold side of a translation: what the slow paths want to know. */
typedef struct TlbCold {
    uint64_t linear;            /* the page, with bit 0 set; 0: nothing */
    uint64_t physical;          /* of the page */
    uint8_t *host;              /* NULL: no RAM or ROM, or not for a whole page */
    uint64_t *code;             /* its word of RAMBlock.code; NULL: no RAM */
    RAMBlock *ram;
    uint64_t ram_offset;        /* of the page */
    bool may_write, global, readonly, watched;
} TlbCold;

typedef struct CodeTlb {
    uint64_t tag;               /* the page, bit 0 set, bit 1: fetched by the user */
    const uint8_t *host;
    uint64_t *code;
    RAMBlock *ram;
    bool global;
} CodeTlb;
/* Places of a table that were filled since they were last flushed; more than it holds: all may be. */
enum { TLB_LOG = 1024 };
typedef struct TlbLog {
    unsigned count;
    uint16_t index[TLB_LOG];
} TlbLog;

/* A piece of RAM or ROM in the physical address space. */
typedef struct RamSpan {
    uint64_t first, size;       /* size 0: none */
    uint8_t *host;              /* of `first` */
    RAMBlock *ram;
    uint64_t offset;
    bool readonly;
} RamSpan;

enum { X86_ARENA_SIZE = 192 << 20 };  /* room for one engine's blocks */
enum { RAM_SPANS = 4, CODE_TLB_SIZE = 4096, JUMPS = 1 << 14, BLOCK_BUCKETS = 1 << 16, PAGE_BUCKETS = 1 << 13, REQUESTS = 256 };

/* All blocks that have bytes in a page. */
typedef struct CodePage {
    const uint8_t *host;
    X86Block *blocks;
    struct CodePage *next;
} CodePage;

/* That parts of a page were written, or that the page now has code (bits 0). */
typedef struct CodeRequest {
    const uint8_t *page;
    uint64_t bits;
} CodeRequest;

typedef struct X86ExecPrivate {
    X86TlbEntry tlb[X86_TLB_MODES][X86_TLB_SIZE];
    TlbCold cold[X86_TLB_MODES][X86_TLB_SIZE], spare[X86_TLB_MODES][X86_TLB_SIZE];     /* spare: what a place held before */
    bool tlb_used[X86_TLB_MODES];
    CodeTlb code_tlb[CODE_TLB_SIZE];
    /* The next four: of pages that are not global, of global ones. */
    TlbLog tlb_log[X86_TLB_MODES][2], code_log[2];
    uint64_t large[2][64];      /* which 2 MiB may have translations from large pages, hashed */
    uint64_t huge[2];           /* and which GiB */
    RamSpan spans[RAM_SPANS];
    unsigned span_next;
    X86Block *jumps[JUMPS];     /* by EIP */
    uint64_t era[2];            /* times that code was remapped, from 1: anywhere; global pages in the upper half */
    X86Block *blocks[BLOCK_BUCKETS];
    CodePage *pages[PAGE_BUCKETS];
    uint8_t *arena;
    size_t arena_used;
    bool arena_full;
    X86Exec *next;              /* all engines */
    MemoryReader reader;
    /* what x86_raise*() left */
    bool raised, has_error;
    unsigned vector;
    uint32_t error;
    /* a locked operation on logged RAM: to be noted when it is done */
    RAMBlock *locked_ram;
    uint64_t locked_offset;
    unsigned locked_length;
    unsigned pauses;
    bool stepping;
    bool short_budget;          /* the next block has more instructions than may be run */
    /* asked by others, under the mutex */
    pthread_mutex_t mutex;
    CodeRequest requests[REQUESTS];
    unsigned request_count;
    bool requests_overflow;
    bool serving;               /* takes `pending` and does what it says */
} X86ExecPrivate;

static inline unsigned x86_code_index(uint64_t linear)
{
    return linear >> TARGET_PAGE_BITS & (CODE_TLB_SIZE - 1);
}

static inline X86Block **x86_jump_entry(X86ExecPrivate *p, uint64_t eip)
{
    return &p->jumps[(eip ^ eip >> 12) & (JUMPS - 1)];
}

/* Whether a block that is meant for this mode is what runs from eip. */
static inline bool x86_block_is_at(const X86Block *block, uint64_t eip)
{
    return block->eip == eip && block->checked == *block->era;
}

/* The block at eip, if it was lately gone to from there and the page still is where it was; else NULL. */
static inline __attribute__((always_inline)) X86Block *x86_block_cached(X86Exec *x, uint64_t eip)
{
    X86Block *block = *x86_jump_entry(x->engine, eip);

    return likely(block && x86_block_is_at(block, eip) && block->mode == x->mode) ? block : NULL;
}

/* tlb.c, mmu.c */
typedef enum { ACCESS_READ, ACCESS_WRITE, ACCESS_FETCH } X86AccessKind;
/* The page of code at a linear address: faults as a fetch does (x->op must be NULL and x->eip the instruction's). */
const CodeTlb *x86_code_page(X86Exec *x, uint64_t linear);
void x86_tlb_reset(X86Exec *x);
/* No write to the page goes unnoticed any more; whether one could until now. */
bool x86_tlb_protect(X86Exec *x, const uint8_t *host_page);
uint64_t *x86_ram_code(RAMBlock *ram);
uint64_t x86_physical_load(X86Exec *x, uint64_t physical, unsigned size);

/* blocks.c */
/* The block for eip in the current mode. NULL: the cache is full, or there is nobody to execute from here. May fault. */
X86Block *x86_block_find(X86Exec *x, uint64_t eip);
/* Bytes of RAM were written: translations of them go. From any thread. */
void x86_code_written(RAMBlock *ram, uint64_t offset, uint64_t length);
void x86_code_serve(X86Exec *x);
void x86_code_reset(X86Exec *x);
void x86_code_add_engine(X86Exec *x);
void x86_code_remove_engine(X86Exec *x);
/* Room for a block of that many records; NULL: none. */
X86Block *x86_block_alloc(X86Exec *x, unsigned records);
void x86_block_insert(X86Exec *x, X86Block *block);
bool x86_code_mark(X86Exec *x, const CodeTlb *page, unsigned offset, unsigned bytes);

/* translate.c */
X86Block *x86_translate_block(X86Exec *x, uint64_t eip, const CodeTlb *page, uint64_t linear);
/* No block has more bytes of code. */
enum { X86_BLOCK_BYTES = 15 * 48 };
/* #GP if the instruction at x->eip goes on behind the `room` bytes that the code segment has left; the page fault of its second page. */
void x86_check_fetch(X86Exec *x, unsigned room);
extern X86OpFn x86_op_plain, x86_op_plain_end, x86_op_dead, x86_op_next_block, x86_op_undefined, x86_op_too_long, x86_op_device_code;

/* loop.c */
/* Where control goes on in the middle of a run of blocks: with the link if the way is known in advance, with the place where
 * the block is to be kept (or NULL) at a return. */
const X86Op *x86_go(X86Exec *x, uint64_t eip);
const X86Op *x86_go_back(X86Exec *x, uint64_t eip, X86Block **place);
const X86Op *x86_follow_slow(X86Exec *x, X86Link *link, uint64_t eip);

/* fast.c: gives op its specialised handler, if there is one; may change the record. `before`: the one before it in the block, whose
 * handler may become one for both; NULL if there is none. */
bool x86_choose_fast(X86Op *op, X86Op *before, uint32_t mode);

#if X86_TAIL_CALLS
#define X86_RUN(x, op) return (op)->fn(x, op)
#else
#define X86_RUN(x, op) return (op)
#endif
#define X86_NEXT(x, op, n) X86_RUN(x, (op) + (n))

#endif
