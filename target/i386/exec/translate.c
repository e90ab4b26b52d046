/* From bytes to blocks: decodes, chooses a handler for each instruction, and ends where control may go elsewhere. */
#include <string.h>

#include "target/i386/exec/alu.h"
#include "target/i386/exec/engine.h"
#include "target/i386/exec/features.h"
#include "target/i386/exec/mem.h"
#include "target/i386/exec/vector.h"

enum { MAX_INSNS = 48, MAX_RECORDS = MAX_INSNS + 5, MAX_BYTES = 15 * MAX_INSNS };
G_STATIC_ASSERT((int)MAX_BYTES == (int)X86_BLOCK_BYTES);
#define PAGE_MASK (~(TARGET_PAGE_SIZE - 1))

/* --- handlers that stand for a plain one, and ends of blocks --- */

static X86PlainFn *plain[X86_INSNS];

static void fill_plain(void)
{
    for (unsigned id = 0; id < X86_INSNS; id++) {
        plain[id] = x86_plain_integer[id] ? x86_plain_integer[id] : x86_plain_system[id];
    }
}

static uint64_t address_of(const X86Exec *x, const X86Op *op, unsigned more)
{
    uint64_t eip = x->regs[X86_REG_RIP / 8] + op->offset + more;

    return (x->mode & MODE_CODE_MASK) == X86_CODE_64 ? eip : (uint32_t)eip;
}

static inline void call_plain(X86Exec *x, const X86Op *op)
{
    x->op = op;
    x->eip = address_of(x, op, op->length);
    plain[op->id](x, op);
}

const X86Op *x86_op_plain(X86Exec *x, const X86Op *op)
{
    call_plain(x, op);
    X86_NEXT(x, op, 1);
}

/* May have changed a segment's base. */
static const X86Op *op_plain_system(X86Exec *x, const X86Op *op)
{
    call_plain(x, op);
    x->regs[18] = x->env->segs[R_FS].base;
    x->regs[19] = x->env->segs[R_GS].base;
    X86_NEXT(x, op, 1);
}

const X86Op *x86_op_plain_end(X86Exec *x, const X86Op *op)
{
    call_plain(x, op);
    return NULL;
}

const X86Op *x86_op_dead(X86Exec *x, const X86Op *op)
{
    return x86_go(x, address_of(x, op, 0));
}

/* The block is full, or the page ends. */
const X86Op *x86_op_next_block(X86Exec *x, const X86Op *op)
{
    return x86_go(x, address_of(x, op, 0));
}

const X86Op *x86_op_undefined(X86Exec *x, const X86Op *op)
{
    x->op = op;
    x86_raise(x, EXCP_UD);
}

const X86Op *x86_op_too_long(X86Exec *x, const X86Op *op)
{
    x->op = op;
    x86_raise_error(x, EXCP_GP, 0);
}

/* The first of a block where instructions are counted; imm: how many it has. */
static const X86Op *op_count(X86Exec *x, const X86Op *op)
{
    int64_t left = x->budget - (int64_t)op->imm;

    if (unlikely(left < 0)) {
        x->engine->short_budget = true;
        x->op = NULL;
        x->eip = address_of(x, op, 0);
        return NULL;
    }
    x->budget = left;
    X86_NEXT(x, op, 1);
}

/* Before an operand relative to RIP whose distance from the block's first instruction is more than 32 bits tell; imm: what they are
 * relative to. */
static const X86Op *op_set_next(X86Exec *x, const X86Op *op)
{
    x->regs[X86_REG_NEXT / 8] = x->regs[X86_REG_RIP / 8] + op->imm;
    X86_NEXT(x, op, 1);
}

/* --- translation --- */

typedef struct Build {
    X86Exec *x;
    uint32_t mode;
    unsigned insns, records, bytes;
    bool ended;
    X86Op ops[MAX_RECORDS];
} Build;

/* Begins anew. */
static void begin(Build *b)
{
    b->records = b->insns = b->bytes = 0;
    b->ended = false;
    if (b->mode & MODE_COUNT) {
        b->ops[b->records++] = (X86Op){ .fn = op_count };
    }
}

/* Makes an operand relative to RIP one that is relative to the block's first instruction. Returns where op is then. */
static X86Op *relocate(Build *b, X86Op *op)
{
    int64_t disp = (int64_t)op->disp + op->offset + op->length;

    if (likely(disp <= INT32_MAX)) {
        op->disp = (int32_t)disp;
        return op;
    }
    op[1] = op[0];
    op[1].base = X86_REG_NEXT;
    op[0] = (X86Op){ .fn = op_set_next, .offset = op->offset, .imm = op->offset + op->length };
    b->records++;
    return op + 1;
}

static void choose(Build *b, X86Op *op)
{
    X86Exec *x = b->x;

    if (op->flags & X86_OP_MEM && op->base == X86_REG_RIP) {
        op = relocate(b, op);
    }
    if (!x86_has_feature(x->cpu, x86_op_feature(op))) {
        if (op->id == X86_LZCNT) {
            op->id = X86_BSR;
        } else if (op->id == X86_TZCNT) {
            op->id = X86_BSF;
        } else {
            op->fn = x86_op_undefined;
            b->ended = true;
            return;
        }
    }
    if (x86_insn_info[op->id].unit == X86_UNIT_VECTOR) {
        op->fn = vector_prepare(x, op);
        return;
    }
    if (!plain[op->id]) {
        op->fn = x86_op_undefined;
        b->ended = true;
        return;
    }
    b->ended = x86_insn_info[op->id].ends_block;
    if (!(b->mode & MODE_SINGLE) && x86_choose_fast(op, b->records > 1 ? op - 1 : NULL, b->mode)) {
        if (b->ended) {
            memset(&b->ops[b->records++], 0, sizeof(X86Op));    /* its X86Branch */
        }
        return;
    }
    op->fn = b->ended ? x86_op_plain_end : x86_insn_info[op->id].unit == X86_UNIT_SYSTEM ? op_plain_system : x86_op_plain;
}

/* Appends what is at bytes + b->bytes. False: it needs more bytes than there are. */
static bool append(Build *b, const uint8_t *bytes, unsigned available)
{
    X86Op *op = &b->ops[b->records];
    X86CodeSize size = b->mode & MODE_CODE_MASK;
    int length = available > b->bytes ? x86_decode(bytes + b->bytes, available - b->bytes, size, op) : 0;

    if (length == 0) {
        return false;
    }
    b->records++;
    b->insns++;
    op->offset = b->bytes;
    if (length < 0) {
        memset(op, 0, sizeof(*op));
        op->offset = b->bytes;
        op->fn = length == X86_DECODE_TOO_LONG ? x86_op_too_long : x86_op_undefined;
        b->bytes += MIN(available - b->bytes, 15);
        b->ended = true;
        return true;
    }
    op->length = (uint8_t)length;
    b->bytes += (unsigned)length;
    if (op->id == X86_NOP && !(b->mode & MODE_SINGLE)) {
        b->records--;           /* nothing to execute */
    } else {
        choose(b, op);
    }
    return true;
}

static void finish(Build *b)
{
    if (b->mode & MODE_COUNT) {
        b->ops[0].imm = b->insns;
    }
    if (!b->ended) {
        b->ops[b->records] = (X86Op){ .fn = x86_op_next_block, .offset = b->bytes };
        b->records++;
    }
}

static X86Block *make_block(Build *b, const uint8_t *host, const uint8_t *second)
{
    X86Block *block = x86_block_alloc(b->x, b->records);

    if (!block) {
        return NULL;
    }
    memset(block, 0, sizeof(*block));
    block->host = host;
    block->second = second;
    block->mode = b->mode;
    block->bytes = (uint16_t)b->bytes;
    block->insns = (uint16_t)b->insns;
    block->records = (uint16_t)b->records;
    memcpy(block->ops, b->ops, b->records * sizeof(X86Op));
    return block;
}

/* One instruction, read from device registers or across two pages of different kinds, every time anew. */
static X86Block *translate_device_code(Build *b, uint64_t linear)
{
    X86Exec *x = b->x;
    uint8_t bytes[16] = { 0 };
    unsigned available = 0;

    begin(b);
    while (available < 15) {
        uint64_t at = x86_long_code(x) ? linear + available : (uint32_t)(linear + available), physical;

        if (available == 0 || (at & ~PAGE_MASK) == 0) {
            if (available && append(b, bytes, available)) {
                break;      /* it needs nothing of the next page, which may not be there */
            }
            x86_code_page(x, at);
        }
        if (!x86_translate(x->cpu, at, &physical)) {
            break;
        }
        bytes[available++] = (uint8_t)x86_physical_load(x, physical, 1);
    }
    if (b->insns == 0 && !append(b, bytes, available)) {
        return NULL;
    }
    finish(b);
    return make_block(b, NULL, NULL);   /* not inserted: found by nobody */
}

void x86_check_fetch(X86Exec *x, unsigned room)
{
    uint32_t linear = (uint32_t)(x->env->segs[R_CS].base + x->eip);
    unsigned have = 0;
    uint8_t bytes[16];
    X86Op op;

    while (have < MIN(room, 15)) {
        const CodeTlb *page = x86_code_page(x, linear + have);
        unsigned offset = (linear + have) & ~PAGE_MASK, n = MIN(TARGET_PAGE_SIZE - offset, MIN(room, 15) - have);

        if (!page->host) {
            return;         /* device registers are not read twice */
        }
        memcpy(bytes + have, page->host + offset, n);
        have += n;
        if (x86_decode(bytes, have, x->mode & MODE_CODE_MASK, &op) != 0) {
            return;
        }
    }
    x86_raise_error(x, EXCP_GP, 0);
}

/* An instruction that goes on in the next page, which may fault. */
static X86Block *translate_crossing(Build *b, const CodeTlb *page, uint64_t linear)
{
    X86Exec *x = b->x;
    unsigned offset = linear & ~PAGE_MASK, first = TARGET_PAGE_SIZE - offset;
    uint64_t next = x86_long_code(x) ? linear + first : (uint32_t)(linear + first);
    CodeTlb low = *page, high = *x86_code_page(x, next);
    uint8_t bytes[16], again[16];

    if (!high.host) {
        return translate_device_code(b, linear);
    }
    for (;;) {
        memcpy(bytes, low.host + offset, first);
        memcpy(bytes + first, high.host, 15 - MIN(first, 15));
        begin(b);
        append(b, bytes, 15);
        if (b->bytes <= first) {        /* undefined: length is not known */
            b->bytes = first + 1;
        }
        x86_code_mark(x, &low, offset, first);
        x86_code_mark(x, &high, 0, b->bytes - first);
        memcpy(again, low.host + offset, first);
        memcpy(again + first, high.host, 15 - MIN(first, 15));
        if (memcmp(bytes, again, b->bytes) == 0) {
            break;
        }
    }
    finish(b);
    X86Block *block = make_block(b, low.host + offset, high.host);
    if (block) {
        x86_block_insert(x, block);
    }
    return block;
}

X86Block *x86_translate_block(X86Exec *x, uint64_t eip, const CodeTlb *page, uint64_t linear)
{
    unsigned offset = linear & ~PAGE_MASK, available = MIN(TARGET_PAGE_SIZE - offset, MAX_BYTES);
    unsigned most = x->mode & MODE_SINGLE ? 1 : MAX_INSNS;
    uint8_t bytes[MAX_BYTES];
    Build b = { .x = x, .mode = x->mode };
    const uint8_t *host;

    (void)eip;
    if (!plain[X86_ADD]) {
        fill_plain();
    }
    if (!page->host) {
        return translate_device_code(&b, linear);
    }
    host = page->host + offset;
    do {
        memcpy(bytes, host, available);
        begin(&b);
        while (!b.ended && b.insns < most && b.records < MAX_RECORDS - 4 && append(&b, bytes, available)) {
        }
        if (b.insns == 0) {
            if (available < 15) {
                return translate_crossing(&b, page, linear);
            }
            return NULL;    /* can't be: 15 bytes suffice */
        }
    } while (x86_code_mark(x, page, offset, b.bytes) && memcmp(bytes, host, b.bytes) != 0);
    finish(&b);
    X86Block *block = make_block(&b, host, NULL);
    if (block) {
        x86_block_insert(x, block);
    }
    return block;
}
