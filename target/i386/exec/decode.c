/*
 * The decoder: prefixes, opcode, ModRM, displacement, immediate, in the order of the bytes; the tables of
 * decode-internal.h say what they mean.
 */
#include <string.h>

#include "target/i386/cpu.h"
#include "target/i386/exec/decode-internal.h"

enum { LENGTH_MAX = 15 };

/* The columns of BY_PREFIX. */
enum { PREFIX_NONE, PREFIX_66, PREFIX_F3, PREFIX_F2 };

typedef struct Decoder {
    const uint8_t *next;
    X86Op *op;
    uint8_t is_64, mode_size;       /* mode_size: 2, 4, 8 */
    uint8_t opsize, adsize;         /* there was a 66, a 67 */
    uint8_t repeat;                 /* PREFIX_F3 or PREFIX_F2, the last of them */
    uint8_t rex;                    /* with its low bits as in REX; VEX's R, X, B, W, too */
    uint8_t is_vex, l, vvvv;
    uint8_t consumed;               /* the mandatory prefix is part of the opcode: a PREFIX_* */
    uint8_t modrm, has_modrm;
} Decoder;

enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };

static const DecodeForm forms[] = {
#define X86_FORM(form, reg, rm, size, size2, imm, flags)                                                               \
    { FILE_##reg, FILE_##rm, SIZE_##size, SIZE_##size2, IMM_##imm, flags },
    X86_FORMS(X86_FORM)
};

/* By operand size 16, 32, 64; then by VEX.L, by W, by mode. */
static const uint8_t size_bytes[SIZES][3] = {
    [SIZE_NONE] = { 0, 0, 0 }, [SIZE_B] = { 1, 1, 1 }, [SIZE_W] = { 2, 2, 2 }, [SIZE_D] = { 4, 4, 4 },
    [SIZE_Q] = { 8, 8, 8 }, [SIZE_DQ] = { 16, 16, 16 }, [SIZE_T] = { 10, 10, 10 },
    [SIZE_V] = { 2, 4, 8 }, [SIZE_Z] = { 2, 4, 4 }, [SIZE_Y] = { 4, 4, 8 }, [SIZE_2V] = { 4, 8, 16 },
    [SIZE_P] = { 4, 6, 10 },
    [SIZE_ENV] = { 14, 28, 28 }, [SIZE_STATE] = { 94, 108, 108 },
    [SIZE_X] = { 16, 32 }, [SIZE_X2] = { 8, 16 }, [SIZE_X4] = { 4, 8 }, [SIZE_X8] = { 2, 4 }, [SIZE_DUP] = { 8, 32 },
    [SIZE_E] = { 4, 8 },
    [SIZE_A] = { 4, 8 }, [SIZE_S] = { 6, 10 },
};

static uint8_t fetch8(Decoder *d)
{
    return *d->next++;
}

#define FETCH(bits)                                                                                                    \
    static uint##bits##_t fetch##bits(Decoder *d)                                                                      \
    {                                                                                                                  \
        uint##bits##_t value;                                                                                          \
                                                                                                                       \
        memcpy(&value, d->next, sizeof(value));                                                                        \
        d->next += sizeof(value);                                                                                      \
        return value; /* the host is little-endian, as the engine as a whole */                                        \
    }
FETCH(16) FETCH(32) FETCH(64)

static uint8_t modrm(Decoder *d)
{
    if (!d->has_modrm) {
        d->has_modrm = 1;
        d->modrm = fetch8(d);
    }
    return d->modrm;
}

static unsigned mod(Decoder *d) { return modrm(d) >> 6; }
static unsigned reg(Decoder *d) { return modrm(d) >> 3 & 7; }
static unsigned rm(Decoder *d) { return modrm(d) & 7; }

/*
 * Legacy prefixes and REX; returns the opcode's first byte, or a negative result. The last of a group wins; REX counts
 * only right before the opcode.
 */
static int prefixes(Decoder *d, const uint8_t *limit)
{
    X86Op *op = d->op;

    while (d->next < limit) {
        uint8_t byte = fetch8(d);

        switch (byte) {
        case 0x26: case 0x2e: case 0x36: case 0x3e:
            if (!d->is_64) { /* in 64-bit mode without effect */
                op->seg = byte >> 3 & 3;
                op->flags |= X86_OP_SEG;
            }
            break;
        case 0x64: case 0x65:
            op->seg = R_FS + (byte & 1);
            op->flags |= X86_OP_SEG;
            break;
        case 0x66:
            d->opsize = 1;
            break;
        case 0x67:
            d->adsize = 1;
            break;
        case 0xf0:
            op->flags |= X86_OP_LOCK;
            break;
        case 0xf2:
            d->repeat = PREFIX_F2;
            break;
        case 0xf3:
            d->repeat = PREFIX_F3;
            break;
        case 0x40 ... 0x4f:
            if (d->is_64) {
                d->rex = byte;
                continue;
            }
            return byte;
        default:
            return byte;
        }
        d->rex = 0;
    }
    return X86_DECODE_TOO_LONG;
}

/* C4 and C5 that are no LES and LDS (2.3.5). Returns the opcode's byte. */
static int vex(Decoder *d, unsigned first)
{
    unsigned byte = fetch8(d), map = 1;

    if (d->rex || d->opsize || d->repeat || d->op->flags & X86_OP_LOCK) {
        return X86_DECODE_INVALID;
    }
    d->is_vex = 1;
    d->rex = ~byte >> 5 & REX_R;
    if (first == 0xc4) {
        map = byte & 0x1f;
        d->rex = ~byte >> 5 & (REX_R | REX_X | REX_B);
        byte = fetch8(d);
        d->rex |= byte >> 4 & REX_W;
        if (map < 1 || map > 3) {
            return X86_DECODE_INVALID;
        }
    }
    d->vvvv = ~byte >> 3 & 15;
    d->l = byte >> 2 & 1;
    if (!d->is_64) { /* the registers' fourth bits are ignored */
        d->rex &= REX_W;
        if (d->vvvv & 8) {
            d->vvvv &= 7;
            d->is_vex = 2;
        }
    }
    d->consumed = (const uint8_t[]){ PREFIX_NONE, PREFIX_66, PREFIX_F3, PREFIX_F2 }[byte & 3];
    d->op->map = map;
    return fetch8(d);
}

/* The entry for an opcode; follows tables to their end. */
static const DecodeEntry *lookup(Decoder *d, unsigned opcode)
{
    unsigned map = d->op->map;
    const DecodeEntry (*rows)[4] = map == 1 ? x86_vector_0f : map == 2 ? x86_vector_0f38 : x86_vector_0f3a;
    unsigned prefix = d->is_vex ? d->consumed : d->repeat ? d->repeat : d->opsize ? PREFIX_66 : PREFIX_NONE;
    const DecodeEntry *entry;

    if (map == 0) {
        if (opcode >= 0xd8 && opcode <= 0xdf) {
            entry = mod(d) == 3 ? &x86_x87_register[opcode & 7][reg(d)] : &x86_x87_memory[opcode & 7][reg(d)];
        } else {
            entry = &x86_map_one_byte[opcode];
        }
    } else if (map == 1) {
        entry = &x86_map_0f[opcode];
    } else {
        entry = &rows[opcode][prefix];
        d->consumed = prefix;
    }
    while (entry->form == FORM_TABLE) {
        const DecodeTable *table = &x86_decode_tables[entry->id];

        switch (table->by) {
        case BY_REG:
            entry = &table->entries[reg(d)];
            break;
        case BY_RM:
            entry = &table->entries[rm(d)];
            break;
        case BY_MOD:
            entry = &table->entries[mod(d) == 3];
            break;
        case BY_PREFIX:
            entry = &table->entries[prefix];
            d->consumed = prefix;
            break;
        case BY_PREFIX_ROW:
            entry = &rows[opcode][prefix];
            d->consumed = prefix;
            break;
        case BY_MODE:
            entry = &table->entries[d->is_64];
            break;
        case BY_W:
            entry = &table->entries[!!(d->rex & REX_W)];
            break;
        case BY_L:
            entry = &table->entries[d->l];
            break;
        default: /* BY_VEX */
            entry = &table->entries[!!d->is_vex];
            break;
        }
    }
    return entry;
}

/* Memory operands with 16-bit addresses (table 2-1). */
static void address16(Decoder *d)
{
    static const struct { uint8_t base, index, seg; } modes[8] = {
        { R_EBX * 8, R_ESI * 8, R_DS }, { R_EBX * 8, R_EDI * 8, R_DS }, { R_EBP * 8, R_ESI * 8, R_SS },
        { R_EBP * 8, R_EDI * 8, R_SS },
        { R_ESI * 8, X86_REG_ZERO, R_DS }, { R_EDI * 8, X86_REG_ZERO, R_DS }, { R_EBP * 8, X86_REG_ZERO, R_SS },
        { R_EBX * 8, X86_REG_ZERO, R_DS },
    };
    X86Op *op = d->op;
    unsigned seg = R_DS;

    if (mod(d) == 0 && rm(d) == 6) {
        op->disp = (int16_t)fetch16(d);
    } else {
        op->base = modes[rm(d)].base;
        op->index = modes[rm(d)].index;
        seg = modes[rm(d)].seg;
        if (mod(d) == 1) {
            op->disp = (int8_t)fetch8(d);
        } else if (mod(d) == 2) {
            op->disp = (int16_t)fetch16(d);
        }
    }
    if (!(op->flags & X86_OP_SEG)) {
        op->seg = seg;
    }
}

/* … with 32- and 64-bit ones (tables 2-2 and 2-3). */
static void address(Decoder *d, bool is_vsib)
{
    X86Op *op = d->op;
    unsigned base = rm(d);

    if (base == 4) {
        unsigned sib = fetch8(d), index = (sib >> 3 & 7) | (d->rex & REX_X ? 8 : 0);

        base = sib & 7;
        op->scale = sib >> 6;
        if (is_vsib) {
            op->index = index;
        } else if (index != 4) {
            op->index = index * 8;
        }
        if (base == 5 && mod(d) == 0) {
            op->disp = fetch32(d);
            return;
        }
    } else if (base == 5 && mod(d) == 0) {
        op->base = d->is_64 ? X86_REG_RIP : X86_REG_ZERO;
        op->disp = fetch32(d);
        return;
    }
    base |= d->rex & REX_B ? 8 : 0;
    op->base = base * 8;
    if ((base == R_ESP || base == R_EBP) && !(op->flags & X86_OP_SEG)) {
        op->seg = R_SS;
    }
    if (mod(d) == 1) {
        op->disp = (int8_t)fetch8(d);
    } else if (mod(d) == 2) {
        op->disp = fetch32(d);
    }
}

/* A general register's offset; without REX, byte registers 4 to 7 are AH, CH, DH and BH. */
static uint8_t general(const Decoder *d, unsigned number, unsigned size)
{
    return size == 1 && number >= 4 && number < 8 && !d->rex ? (number - 4) * 8 + 1 : number * 8;
}

/* A register by number 0 to 7 and its fourth bit. False: there is none of this number. */
static bool set_register(Decoder *d, uint8_t *to, unsigned file, unsigned number, unsigned high, unsigned size)
{
    switch (file) {
    case FILE_GENERAL: case FILE_OPCODE:
        *to = general(d, number | (high ? 8 : 0), size);
        return true;
    case FILE_VECTOR:
        *to = number | (high ? 8 : 0);
        return true;
    case FILE_SEGMENT:
        *to = number;
        return number <= R_GS && !(d->op->flags & X86_OP_TO_REG && number == R_CS);
    case FILE_CONTROL:
        *to = number | (high ? 8 : 0);
        return *to == 0 || (*to >= 2 && *to <= 4) || *to == 8;
    case FILE_DEBUG:
        *to = number;
        return !high;
    case FILE_MMX: case FILE_X87:
        *to = number;
        return true;
    default: /* RAX or none */
        *to = 0;
        return true;
    }
}

static unsigned size_of(const Decoder *d, unsigned size, unsigned operand_size)
{
    unsigned column;

    if (size < SIZE_X) {
        column = operand_size >> 2; /* 2, 4, 8 */
    } else if (size < SIZE_E) {
        column = d->l;
    } else {
        column = size == SIZE_E ? !!(d->rex & REX_W) : d->is_64;
    }
    return size_bytes[size][column];
}

static void immediate(Decoder *d, unsigned kind, unsigned operand_size)
{
    X86Op *op = d->op;

    op->flags |= X86_OP_IMM;
    switch (kind) {
    case IMM_1:
        op->imm = 1;
        break;
    case IMM_Ib: case IMM_Jb:
        op->imm = (int8_t)fetch8(d);
        break;
    case IMM_Ub:
        op->imm = fetch8(d);
        break;
    case IMM_Iz: case IMM_Jz:
        op->imm = operand_size == 2 ? (int16_t)fetch16(d) : (int32_t)fetch32(d);
        break;
    case IMM_Iv:
        op->imm = operand_size == 8 ? fetch64(d) : operand_size == 4 ? (uint64_t)(int32_t)fetch32(d)
                                                                     : (uint64_t)(int16_t)fetch16(d);
        break;
    case IMM_Iw:
        op->imm = fetch16(d);
        break;
    case IMM_IwIb:
        op->imm = fetch16(d);
        op->imm8 = fetch8(d);
        break;
    case IMM_UbUb:
        op->imm = fetch8(d);
        op->imm8 = fetch8(d);
        break;
    case IMM_Is4:
        op->imm = fetch8(d);
        op->imm8 = op->imm >> 4 & (d->is_64 ? 15 : 7);
        break;
    case IMM_Ap:
        op->imm = operand_size == 2 ? fetch16(d) : fetch32(d);
        op->imm |= (uint64_t)fetch16(d) << 32;
        break;
    default: /* IMM_Offset */
        op->flags = (op->flags & ~X86_OP_IMM) | X86_OP_MEM;
        op->imm = op->addr_size == 2 ? fetch16(d) : op->addr_size == 4 ? fetch32(d) : fetch64(d);
        op->disp = op->imm;
        if (op->addr_size == 8 && (int64_t)op->imm != op->disp) {
            op->id = X86_MOV_MOFFS;
        }
        break;
    }
}

/* What is defined only in some of an entry's forms. */
static bool is_defined(Decoder *d, const DecodeEntry *entry, const DecodeForm *form)
{
    unsigned attributes = entry->attributes;

    if (entry->id == X86_UNDEFINED || (attributes & I64 && d->is_64) || (attributes & O64 && !d->is_64)) {
        return false;
    }
    if (attributes & NP && (d->opsize || d->repeat)) {
        return false;
    }
    if (attributes & (MEMONLY | REGONLY) && (mod(d) == 3) != !!(attributes & REGONLY)) {
        return false;
    }
    if (d->op->flags & X86_OP_LOCK && (!(attributes & LOCKS) || mod(d) == 3)) {
        return false;
    }
    if (d->is_vex) {
        bool w = d->rex & REX_W;

        if (!(attributes & (VEX | VEXONLY)) || (attributes & L0 && d->l) || (attributes & L1 && !d->l) ||
            (attributes & W0 && w) || (attributes & W1 && !w)) {
            return false;
        }
        return form->flags & (VECTOR_H | GENERAL_B) || (d->vvvv == 0 && d->is_vex == 1); /* unused, it must be 1111 */
    }
    return !(attributes & VEXONLY);
}

/* What no table says. */
static bool special_cases(Decoder *d)
{
    X86Op *op = d->op;

    switch (op->id) {
    case X86_XCHG: /* 90; with F3 CPUs pause even if there is a REX.B */
        if (op->map == 0 && op->opcode == 0x90) {
            op->id = d->repeat == PREFIX_F3 ? X86_PAUSE : op->rm == 0 ? X86_NOP : X86_XCHG;
        }
        break;
    case X86_PUSH_SREG: case X86_POP_SREG:
        op->reg = op->opcode >> 3 & 7;
        break;
    case X86_PCMPESTRM: case X86_PCMPESTRI: /* lengths in general registers */
        op->flags &= d->is_64 ? 0xffff : ~X86_OP_W;
        break;
    case X86_FCMOVCC: /* B, E, BE, U */
        op->cond = (const uint8_t[]){ 2, 4, 6, 0xa }[reg(d) & 3] | (op->opcode & 1);
        break;
    case X86_VPGATHERDD: case X86_VPGATHERQD: case X86_VGATHERDPS: case X86_VGATHERQPS:
        return rm(d) == 4 && op->addr_size != 2 && op->reg != op->index && op->reg != op->vvvv && op->index != op->vvvv;
    default:
        break;
    }
    return true;
}

static int decode(Decoder *d, const uint8_t *bytes)
{
    X86Op *op = d->op;
    const DecodeEntry *entry;
    const DecodeForm *form;
    unsigned operand_size;
    int opcode = prefixes(d, bytes + LENGTH_MAX);

    if (opcode == 0x0f) {
        op->map = 1;
        opcode = fetch8(d);
        if (opcode == 0x38 || opcode == 0x3a) {
            op->map = opcode == 0x38 ? 2 : 3;
            opcode = fetch8(d);
        }
    } else if ((opcode == 0xc4 || opcode == 0xc5) && (d->is_64 || *d->next >= 0xc0)) {
        opcode = vex(d, opcode);
    }
    if (opcode < 0) {
        return opcode;
    }
    op->opcode = opcode;
    op->addr_size = d->adsize ? (d->mode_size == 4 ? 2 : 4) : d->mode_size;
    entry = lookup(d, opcode);
    form = &forms[entry->form];
    if (!is_defined(d, entry, form)) {
        return X86_DECODE_INVALID;
    }
    op->id = entry->id;

    if (!d->is_64) {
        operand_size = (d->mode_size == 2) == d->opsize ? 4 : 2;
    } else if (d->rex & REX_W || entry->attributes & F64) {
        operand_size = 8;
    } else {
        operand_size = d->opsize ? 2 : entry->attributes & D64 ? 8 : 4;
    }
    op->size = size_of(d, form->size, operand_size);
    op->size2 = size_of(d, form->size2, operand_size);
    /* Outside of 64-bit mode VEX.W chooses among instructions, but does not widen general registers. */
    op->flags |= (d->rex & REX_W && (d->is_64 || form->size != SIZE_Y) ? X86_OP_W : 0) |
                 (d->rex && !d->is_vex ? X86_OP_REX : 0) | (d->opsize ? X86_OP_66 : 0) | (d->is_vex ? X86_OP_VEX : 0) |
                 (d->l ? X86_OP_L : 0) | (form->flags & TO_REG ? X86_OP_TO_REG : 0) |
                 (form->flags & VSIB ? X86_OP_VSIB : 0);
    op->prefix = (const uint8_t[]){ 0, 0x66, 0xf3, 0xf2 }[d->consumed];
    if (d->repeat && d->consumed != d->repeat) {
        op->flags |= d->repeat == PREFIX_F3 ? X86_OP_REP : X86_OP_REPNE;
    }
    if (entry->attributes & COND) {
        op->cond = opcode & 15;
    }

    if (form->flags & MODRM) {
        unsigned source = form->flags & TO_REG && form->reg == FILE_GENERAL ? op->size2 : op->size;

        if (!set_register(d, &op->reg, form->reg, reg(d), d->rex & REX_R, op->size)) {
            return X86_DECODE_INVALID;
        }
        if (mod(d) == 3 || form->flags & MOD_IGNORED) {
            set_register(d, &op->rm, form->rm, rm(d), d->rex & REX_B, source);
        } else {
            op->flags |= X86_OP_MEM;
            if (op->addr_size == 2) {
                address16(d);
            } else {
                address(d, form->flags & VSIB);
            }
        }
        if (op->map == 0 && opcode >= 0xd8 && opcode <= 0xdf) {
            op->imm8 = d->modrm;
        }
    } else if (form->rm) {
        set_register(d, &op->rm, form->rm, opcode & 7, d->rex & REX_B, op->size);
        set_register(d, &op->reg, form->reg, opcode & 7, d->rex & REX_B, op->size);
    }
    if (form->flags & (VECTOR_H | GENERAL_B)) {
        op->vvvv = form->flags & GENERAL_B ? d->vvvv * 8 : d->vvvv;
    }
    if (form->imm) {
        immediate(d, form->imm, operand_size);
    }
    return special_cases(d) ? 1 : X86_DECODE_INVALID;
}

int x86_decode(const uint8_t *bytes, unsigned available, X86CodeSize size, X86Op *op)
{
    /* As many bytes as the decoder ever reads beyond a whole instruction's: then it need not ask at each. */
    enum { READ_MAX = 48 };
    uint8_t copy[READ_MAX];
    Decoder d = { .op = op, .is_64 = size == X86_CODE_64, .mode_size = 2 << size };
    const uint8_t *start = bytes;
    unsigned length;
    int result;

    if (available < READ_MAX) {
        memset(copy, 0, sizeof(copy));
        memcpy(copy, bytes, available);
        start = copy;
    }
    d.next = start;
    memset(op, 0, sizeof(*op));
    op->base = op->index = X86_REG_ZERO;
    op->seg = R_DS;
    result = decode(&d, start);
    length = d.next - start;
    if (length > available && available < LENGTH_MAX) {
        return 0;
    }
    if (length > LENGTH_MAX) {
        return X86_DECODE_TOO_LONG;
    }
    if (result < 0) {
        op->id = X86_UNDEFINED;
        return result;
    }
    op->length = length;
    return length;
}
