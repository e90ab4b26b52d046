/*
 * The decoder beside Zydis: every offset of the code in ELF files, then random instructions, in 16-, 32- and 64-bit
 * mode. Validity, length, mnemonic and operands have to agree; what may differ is listed below with its reason.
 *
 *     x86-decode [--random COUNT] [--seed N] [--time] [ELF …]
 *
 * --time also measures the decoder alone. Ends with exit status 1 when anything differs.
 */
#include <Zydis/Zydis.h>
#include <elf.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "target/i386/cpu.h"
#include "target/i386/exec/insn.h"

enum { SHOWN_MAX = 30, BYTES = 16 };

static ZydisDecoder decoders[3];
static unsigned long compared, differing, expected[64];

/*
 * Instructions that are defined in some CPU but none that this decoder is for.
 */
static const struct {
    const char *reason;
    const char *names[12];          /* of Zydis' instruction set extension or set; a last * stands for anything */
} no_id[] = {
    {"EVEX, MVEX, XOP and AVX-512's mask instructions: no such CPU model",
     {"AVX512*", "KNC*", "XOP", "FMA4", "TBM", "LWP"}},
    {"3DNow!: no such CPU model", {"AMD3DNOW"}},
    {"AMX, AVX-VNNI: no such CPU model", {"AMX*", "AVX_VNNI"}},
    {"Intel's virtualization and trusted execution: no model has it",
     {"VTX", "VMFUNC", "SMX", "SGX*", "TDX", "SNP", "HRESET"}},
    {"transactional memory: no model has it", {"RTM"}},
    {"later additions that no model has",
     {"CET", "WAITPKG", "MOVDIR", "ENQCMD", "PCONFIG", "PTWRITE", "SERIALIZE", "TSX_LDTRK", "UINTR", "KEYLOCKER*",
      "MCOMMIT"}},
    {"AMD's and VIA's that no model has", {"MONITORX", "CLZERO", "RDPRU", "INVLPGB", "PADLOCK*", "PT", "AMD_INVLPGB"}},
};

static bool matches(const char *pattern, const char *name)
{
    size_t length = strlen(pattern);

    return pattern[length - 1] == '*' ? !strncmp(pattern, name, length - 1) : !strcmp(pattern, name);
}

static bool has_no_id(const ZydisDecodedInstruction *z)
{
    const char *extension = ZydisISAExtGetString(z->meta.isa_ext), *set = ZydisISASetGetString(z->meta.isa_set);

    for (size_t i = 0; i < G_N_ELEMENTS(no_id); i++) {
        for (size_t j = 0; no_id[i].names[j]; j++) {
            if (matches(no_id[i].names[j], extension) || matches(no_id[i].names[j], set)) {
                expected[i]++;
                return true;
            }
        }
    }
    return false;
}

/* The mnemonic that Zydis would give. */
static const char *mnemonic(const X86Op *op, char *text)
{
    static const char *const conditions[16] = {"o", "no", "b", "nb", "z", "nz", "be", "nbe",
                                               "s", "ns", "p", "np", "l", "nl", "le", "nle"};
    static const char *const fcmov[16] = { [2] = "b", "nb", "e", "ne", "be", "nbe", [10] = "u", "nu" };
    const X86InsnInfo *info = &x86_insn_info[op->id];
    unsigned log = op->size == 8 ? 3 : op->size >> 1;
    size_t length;

    sprintf(text, "%s%s",
            op->flags & X86_OP_VEX && info->unit == X86_UNIT_VECTOR && info->feature != X86_FEATURE_BMI1 &&
                    info->feature != X86_FEATURE_BMI2 && *info->name != 'v'
                ? "v"
                : "",
            info->name);
    length = strlen(text);
    switch (op->id) {
    case X86_JCC: sprintf(text, "j%s", conditions[op->cond]); break;
    case X86_SETCC: sprintf(text, "set%s", conditions[op->cond]); break;
    case X86_CMOVCC: sprintf(text, "cmov%s", conditions[op->cond]); break;
    case X86_FCMOVCC: sprintf(text, "fcmov%s", fcmov[op->cond] ? fcmov[op->cond] : "?"); break;
    case X86_JCXZ: sprintf(text, "%s", op->addr_size == 2 ? "jcxz" : op->addr_size == 4 ? "jecxz" : "jrcxz"); break;
    case X86_CBW: sprintf(text, "%s", log == 1 ? "cbw" : log == 2 ? "cwde" : "cdqe"); break;
    case X86_CWD: sprintf(text, "%s", log == 1 ? "cwd" : log == 2 ? "cdq" : "cqo"); break;
    case X86_MOVS: case X86_CMPS: case X86_STOS: case X86_LODS: case X86_SCAS: case X86_INS: case X86_OUTS:
        text[length] = "bwdq"[log];
        text[length + 1] = 0;
        break;
    case X86_PUSHF: case X86_POPF: case X86_IRET:
        if (log > 1) {
            text[length] = "  dq"[log];
            text[length + 1] = 0;
        }
        break;
    case X86_PUSHA: case X86_POPA:
        strcat(text, log == 2 ? "d" : "");
        break;
    case X86_MOVD: case X86_PINSRD: case X86_PEXTRD: case X86_VPSRLVD: case X86_VPSLLVD:
    case X86_VPGATHERDD: case X86_VPGATHERQD:
        if (op->flags & X86_OP_W && (op->size == 8 || op->flags & X86_OP_VEX) &&
            !(op->id <= X86_PEXTRD && op->size != 8)) {
            text[length - 1] = 'q';
        }
        break;
    case X86_VGATHERDPS: case X86_VGATHERQPS:
        text[length - 1] = op->flags & X86_OP_W ? 'd' : 's';
        break;
    case X86_FXSAVE:
    case X86_FXRSTOR:
    case X86_XSAVE:
    case X86_XRSTOR:
    case X86_XSAVEOPT:
    case X86_XSAVEC:
    case X86_XSAVES:
    case X86_XRSTORS:
        strcat(text, op->flags & X86_OP_W ? "64" : "");
        break;
    default:
        if (op->id >= X86_VFMADDSUB132PS && op->id <= X86_VFNMSUB231SS && op->flags & X86_OP_W) {
            text[length - 1] = 'd';
        }
        break;
    }
    return text;
}

/* Names that are two for one thing. */
static bool same_name(const X86Op *op, const char *ours, const char *theirs)
{
    static const char *const doubles[][2] = {
        { "fstp", "fstpnce" }, { "xlat", "xlatb" }, { "fnsetpm", "feni8087_nop" }, { "fnsetpm", "fdisi8087_nop" },
        { "fnsetpm", "fsetpm287_nop" },
        { "retf", "ret" }, { "sysret", "sysretq" }, { "sysexit", "sysexitq" }, { "ffreep", "ffree" },
    };

    if (!strcmp(ours, theirs) || (op->id == X86_NOP && (!strncmp(theirs, "prefetch", 8)))) {
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(doubles); i++) {
        if (!strcmp(ours, doubles[i][0]) && !strcmp(theirs, doubles[i][1])) {
            return true;
        }
    }
    return false;
}

/* A register as insn.h numbers it; -1: of no kind that it knows. */
static int number_of(ZydisRegister r)
{
    ZyanI8 id = ZydisRegisterGetId(r);

    switch (ZydisRegisterGetClass(r)) {
    case ZYDIS_REGCLASS_GPR8:
        return id < 4 ? id * 8 : id < 8 ? (id - 4) * 8 + 1 : (id - 4) * 8;
    case ZYDIS_REGCLASS_GPR16: case ZYDIS_REGCLASS_GPR32: case ZYDIS_REGCLASS_GPR64:
        return id * 8;
    case ZYDIS_REGCLASS_IP:
        return X86_REG_RIP;
    case ZYDIS_REGCLASS_INVALID:
        return X86_REG_ZERO;
    default:
        return id;
    }
}

static const char *compare_memory(const X86Op *op, const ZydisDecodedOperand *z, const ZydisDecodedInstruction *insn)
{
    const ZydisDecodedOperandMem *m = &z->mem;
    uint64_t mask = op->addr_size == 8 ? ~0ULL : (1ULL << op->addr_size * 8) - 1;
    bool moffs = op->id == X86_MOV_MOFFS;

    if (!(op->flags & X86_OP_MEM)) {
        return "memory";
    }
    if (m->base == ZYDIS_REGISTER_R13D && insn->raw.modrm.mod == 0 && op->base == X86_REG_ZERO) {
        return NULL; /* SDM 2.2.1.6 has no base there whatever REX.B is, and so do CPUs */
    }
    if (number_of(m->base) != op->base) {
        return "base";
    }
    if (number_of(m->index) != op->index) {
        return "index";
    }
    if (m->index && (1 << op->scale) != m->scale) {
        return "scale";
    }
    if ((((moffs ? op->imm : (uint64_t)(int64_t)op->disp) ^ m->disp.value) & mask) != 0) {
        return "displacement";
    }
    if (m->segment != ZYDIS_REGISTER_NONE && ZydisRegisterGetId(m->segment) != op->seg &&
        m->type != ZYDIS_MEMOP_TYPE_AGEN) {
        return "segment";
    }
    if (op->id == X86_MOVSXD && op->size == 2) {
        return NULL; /* with a 16-bit destination CPUs read 16 bits, not 32 */
    }
    if (op->size2 && m->type == ZYDIS_MEMOP_TYPE_MEM && z->size != op->size2 * 8u &&
        insn->meta.category != ZYDIS_CATEGORY_NOP) {
        return "size in memory";
    }
    return NULL;
}

static const char *compare_register(const X86Op *op, const ZydisDecodedOperand *z)
{
    ZydisRegisterClass class = ZydisRegisterGetClass(z->reg.value);
    int number = number_of(z->reg.value);
    bool is_general = class >= ZYDIS_REGCLASS_GPR8 && class <= ZYDIS_REGCLASS_GPR64;
    unsigned size = z->size / 8;

    switch (z->encoding) {
    case ZYDIS_OPERAND_ENCODING_MODRM_REG:
        if (number != op->reg && op->id != X86_NOP) {
            return "reg";
        }
        break;
    case ZYDIS_OPERAND_ENCODING_MODRM_RM:
        if (number != op->rm || op->flags & X86_OP_MEM) {
            return "rm";
        }
        break;
    case ZYDIS_OPERAND_ENCODING_OPCODE:
        if (is_general && number != op->rm) {
            return "register in the opcode";
        }
        break;
    case ZYDIS_OPERAND_ENCODING_NDSNDD:
        return number == op->vvvv ? NULL : "vvvv";
    case ZYDIS_OPERAND_ENCODING_IS4:
        return number == op->imm8 ? NULL : "is4";
    default:
        return NULL;
    }
    switch (op->id) { /* the general register's size is not in the record: always 32 bits, or does not matter */
    case X86_NOP: case X86_MOVMSKPS: case X86_MOVMSKPD: case X86_PMOVMSKB: case X86_LAR: case X86_LSL:
        return NULL;
    default:
        return is_general && size != op->size && size != op->size2 ? "size" : NULL;
    }
}

static const char *compare_operands(const X86Op *op, const ZydisDecodedInstruction *insn, const ZydisDecodedOperand *z)
{
    const char *why = NULL;
    unsigned immediates = 0;

    if ((op->id == X86_NOP && op->map == 0) || op->id == X86_UD0 || op->id == X86_UD1) {
        return NULL;
    }
    if (insn->address_width != op->addr_size * 8) {
        return "address size";
    }
    for (int i = 0; i < insn->operand_count_visible && !why; i++) {
        switch (z[i].type) {
        case ZYDIS_OPERAND_TYPE_MEMORY:
            why =
                z[i].encoding == ZYDIS_OPERAND_ENCODING_MODRM_RM || z[i].encoding == ZYDIS_OPERAND_ENCODING_DISP16_32_64
                    ? compare_memory(op, &z[i], insn)
                    : NULL;
            break;
        case ZYDIS_OPERAND_TYPE_REGISTER:
            why = compare_register(op, &z[i]);
            break;
        case ZYDIS_OPERAND_TYPE_IMMEDIATE: {
            uint64_t mask = !z[i].imm.is_signed && z[i].size < 64 ? (1ULL << z[i].size) - 1 : ~0ULL;
            uint64_t value = immediates++ ? op->imm8 : op->imm;

            if (!(op->flags & X86_OP_IMM)) {
                why = "immediate";
            } else if ((value ^ z[i].imm.value.u) & mask) {
                why = "the immediate's value";
            }
            break;
        }
        case ZYDIS_OPERAND_TYPE_POINTER:
            why = op->imm == (z[i].ptr.offset | (uint64_t)z[i].ptr.segment << 32) ? NULL : "far pointer";
            break;
        default:
            break;
        }
    }
    if (!why && insn->operand_count_visible > 1 && z[0].encoding == ZYDIS_OPERAND_ENCODING_MODRM_REG &&
        !(op->flags & X86_OP_TO_REG)) {
        why = "direction";
    }
    if (!why && z[0].encoding == ZYDIS_OPERAND_ENCODING_MODRM_RM && op->flags & X86_OP_TO_REG &&
        insn->operand_count_visible > 1) {
        why = "direction";
    }
    if (!why && op->flags & X86_OP_IMM && !immediates && !(op->id >= X86_ROL && op->id <= X86_SAR) &&
        op->id != X86_CALL_FAR && op->id != X86_JMP_FAR && op->id != X86_BLENDVPS && op->id != X86_BLENDVPD &&
        op->id != X86_PBLENDVB) {
        why = "no immediate";
    }
    return why;
}

static const char *disassemble(const uint8_t *bytes, int mode)
{
    static char text[128];
    ZydisDecodedInstruction z;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    ZydisFormatter formatter;

    ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoders[mode], bytes, 15, &z, operands)) ||
        !ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&formatter, &z, operands, z.operand_count_visible, text,
                                                      sizeof(text), ZYDIS_RUNTIME_ADDRESS_NONE, NULL))) {
        return "undefined";
    }
    return text;
}

static void report(const char *why, const uint8_t *bytes, int mode, const X86Op *op, int ours,
                   const ZydisDecodedInstruction *z, int theirs)
{
    char text[64];

    if (differing++ >= SHOWN_MAX) {
        return;
    }
    printf("# %s, %d bits:", why, 16 << mode);
    for (int i = 0; i < 15; i++) {
        printf(" %02x", bytes[i]);
    }
    printf(": %s, %d bytes; Zydis: %s, %d bytes (%s, %s)\n", ours > 0 ? mnemonic(op, text) : "undefined", ours,
           disassemble(bytes, mode), theirs, theirs > 0 ? ZydisISAExtGetString(z->meta.isa_ext) : "",
           theirs > 0 ? ZydisISASetGetString(z->meta.isa_set) : "");
}

/* One instruction, of BYTES readable bytes. */
static void compare(const uint8_t *bytes, int mode)
{
    ZydisDecodedInstruction z;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    ZyanStatus status = ZydisDecoderDecodeFull(&decoders[mode], bytes, 15, &z, operands);
    int theirs = ZYAN_SUCCESS(status)                  ? z.length
                 : status == ZYDIS_STATUS_NO_MORE_DATA ? X86_DECODE_TOO_LONG
                                                       : X86_DECODE_INVALID;
    X86Op op;
    int ours = x86_decode(bytes, BYTES, mode, &op);
    const char *why = NULL;
    char text[64];

    compared++;
    if (status == ZYDIS_STATUS_INSTRUCTION_TOO_LONG) {
        theirs = X86_DECODE_TOO_LONG;
    }
    if (theirs > 0 && ours == X86_DECODE_INVALID && has_no_id(&z)) {
        return;
    }
    if (theirs < 0 && ours < 0) {
        return; /* which of #UD and #GP is no matter of Zydis */
    }
    if (ours != theirs) {
        why = ours < 0 || theirs < 0 ? "validity" : "length";
    } else if (!same_name(&op, mnemonic(&op, text), ZydisMnemonicGetString(z.mnemonic))) {
        why = "mnemonic";
    } else {
        why = compare_operands(&op, &z, operands);
    }
    if (why) {
        report(why, bytes, mode, &op, ours, &z, theirs);
    }
}

/* The executable sections of an ELF file, or where there are none its executable segments. */
static void compare_file(const char *path)
{
    g_autofree char *contents = NULL;
    gsize length;
    const Elf64_Ehdr *header;

    if (!g_file_get_contents(path, &contents, &length, NULL) || length < sizeof(*header) ||
        memcmp(contents, ELFMAG, SELFMAG)) {
        printf("# %s: no ELF file\n", path);
        return;
    }
    header = (const Elf64_Ehdr *)contents;
    for (unsigned i = 0; i < header->e_shnum; i++) {
        const Elf64_Shdr *section = (const Elf64_Shdr *)(contents + header->e_shoff) + i;

        if (header->e_shoff + (i + 1) * sizeof(*section) > length || !(section->sh_flags & SHF_EXECINSTR) ||
            section->sh_type != SHT_PROGBITS || section->sh_offset + section->sh_size > length) {
            continue;
        }
        for (uint64_t at = section->sh_offset; at + BYTES <= section->sh_offset + section->sh_size; at++) {
            for (int mode = 0; mode < 3; mode++) {
                compare((const uint8_t *)contents + at, mode);
            }
        }
    }
}

static uint64_t random_state;

static uint64_t random64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Random bytes whose beginning leads into the maps with equal chances. */
static void random_instruction(uint8_t *bytes)
{
    static const uint8_t prefixes[] = {0x66, 0x66, 0xf2, 0xf3, 0xf2, 0xf3, 0x67, 0xf0, 0x2e,
                                       0x36, 0x3e, 0x26, 0x64, 0x65, 0x40, 0x48, 0x41, 0x4f};
    uint64_t choice = random64();
    uint8_t *p = bytes;

    for (int i = 0; i < BYTES; i += 8) {
        uint64_t bits = random64();
        memcpy(bytes + i, &bits, 8);
    }
    for (unsigned count = "\0\0\0\0\1\1\1\1\1\2\2\2\2\3\3\7"[choice & 15]; count; count--) {
        *p++ = prefixes[random64() % sizeof(prefixes)];
    }
    if (choice & 16) {
        *p++ = 0x40 | (choice >> 5 & 15);
    }
    switch (choice >> 16 & 7) {
    case 0: case 1:
        break;
    case 2: case 3:
        *p++ = 0x0f;
        break;
    case 4:
        *p++ = 0x0f;
        *p++ = 0x38;
        break;
    case 5:
        *p++ = 0x0f;
        *p++ = 0x3a;
        break;
    case 6:
        p = bytes + (choice >> 24 & 3 ? 0 : p - bytes);
        *p++ = 0xc5;
        break;
    default:
        p = bytes + (choice >> 24 & 3 ? 0 : p - bytes);
        *p++ = 0xc4;
        *p = (*p & 0xe0) | (1 + (choice >> 32) % 3);
        if (choice >> 40 & 1) { /* vvvv unused */
            p[1] |= 0x78;
        }
        break;
    }
}

/* Microseconds of this thread's own. */
static double cpu_time(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static void measure(void)
{
    enum { COUNT = 1 << 16, ROUNDS = 64 };
    g_autofree uint8_t *bytes = g_malloc0(COUNT + BYTES);
    double start;
    X86Op op;
    unsigned long n = 0, sum = 0;
    g_autofree char *self = NULL;
    gsize length;

    if (!g_file_get_contents("/proc/self/exe", &self, &length, NULL)) {
        return;
    }
    memcpy(bytes, self + MIN(length / 2, length - COUNT), COUNT);
    start = cpu_time();
    for (int round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < COUNT - 64; n++) {
            int size = x86_decode(bytes + i, 64, X86_CODE_64, &op);

            sum += op.id;
            i += size > 0 ? size : 1;
        }
    }
    printf("# %.1f ns an instruction (%lu)\n", (cpu_time() - start) * 1000 / n, sum & 1);
}

int main(int argc, char **argv)
{
    unsigned long count = 0;
    int files = 0;

    random_state = 88172645463325252;
    ZydisDecoderInit(&decoders[0], ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
    ZydisDecoderInit(&decoders[1], ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
    ZydisDecoderInit(&decoders[2], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    for (int i = 0; i < 3; i++) { /* older CPUs take these for NOP, WBINVD */
        ZydisDecoderEnableMode(&decoders[i], ZYDIS_DECODER_MODE_MPX, ZYAN_FALSE);
        ZydisDecoderEnableMode(&decoders[i], ZYDIS_DECODER_MODE_CET, ZYAN_FALSE);
        ZydisDecoderEnableMode(&decoders[i], ZYDIS_DECODER_MODE_WBNOINVD, ZYAN_FALSE);
        ZydisDecoderEnableMode(&decoders[i], ZYDIS_DECODER_MODE_CLDEMOTE, ZYAN_FALSE);
    }
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--random") && i + 1 < argc) {
            count = strtoul(argv[++i], NULL, 0);
        } else if (!strcmp(argv[i], "--seed") && i + 1 < argc) {
            random_state = strtoul(argv[++i], NULL, 0) * 2654435761u + 1;
        } else if (!strcmp(argv[i], "--time")) {
            measure();
        } else {
            compare_file(argv[i]);
            files++;
        }
    }
    if (files) {
        printf("%sok 1 - code of %d files: %lu decoded, %lu differ\n", differing ? "not " : "", files, compared,
               differing);
    } else {
        printf("ok 1 - code of files # SKIP none given\n");
    }
    unsigned long in_files = differing, before = compared;

    for (unsigned long i = 0; i < count; i++) {
        uint8_t bytes[BYTES];

        random_instruction(bytes);
        compare(bytes, i % 3);
    }
    printf("%sok 2 - random instructions: %lu decoded, %lu differ\n", differing > in_files ? "not " : "",
           compared - before, differing - in_files);
    for (size_t i = 0; i < G_N_ELEMENTS(no_id); i++) {
        printf("# %lu times: %s\n", expected[i], no_id[i].reason);
    }
    printf("1..2\n");
    return differing ? 1 : 0;
}
