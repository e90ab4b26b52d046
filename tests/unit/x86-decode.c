/* Facts of the instruction encoding, by hand from the SDM; tests/fuzz/x86-decode compares wholesale. */
#include <glib.h>
#include <string.h>

#include "target/i386/cpu.h"
#include "target/i386/exec/insn.h"

static X86Op op;

static int decode(X86CodeSize size, const char *hex)
{
    uint8_t bytes[64];
    unsigned n = 0;

    for (char *end; *hex && n < sizeof(bytes); hex = end) {
        bytes[n++] = g_ascii_strtoull(hex, &end, 16);
    }
    return x86_decode(bytes, n, size, &op);
}

static int decode64(const char *hex)
{
    return decode(X86_CODE_64, hex);
}

#define MUST(hex, bytes, X86_ID)                                                                                       \
    do {                                                                                                               \
        g_assert_cmpint(decode64(hex), ==, bytes);                                                                     \
        g_assert_cmpstr(x86_insn_info[op.id].name, ==, x86_insn_info[X86_ID].name);                                    \
        g_assert_cmpint(op.id, ==, X86_ID);                                                                            \
    } while (0)
#define UNDEFINED(size, hex) g_assert_cmpint(decode(size, hex), ==, X86_DECODE_INVALID)

static void one_byte_registers_without_rex_are_the_high_halves(void)
{
    MUST("88 e3", 2, X86_MOV); /* mov bl, ah */
    g_assert_cmpint(op.rm, ==, 3 * 8);
    g_assert_cmpint(op.reg, ==, 0 * 8 + 1);
    MUST("40 88 e3", 3, X86_MOV); /* mov bl, spl */
    g_assert_cmpint(op.reg, ==, 4 * 8);
}

static void operand_size_follows_mode_prefix_and_rex_w(void)
{
    MUST("01 d8", 2, X86_ADD);
    g_assert_cmpint(op.size, ==, 4);
    MUST("66 01 d8", 3, X86_ADD);
    g_assert_cmpint(op.size, ==, 2);
    MUST("66 48 01 d8", 4, X86_ADD); /* W beats 66 */
    g_assert_cmpint(op.size, ==, 8);
    g_assert_cmpint(decode(X86_CODE_16, "01 d8"), ==, 2);
    g_assert_cmpint(op.size, ==, 2);
    g_assert_cmpint(decode(X86_CODE_16, "66 01 d8"), ==, 3);
    g_assert_cmpint(op.size, ==, 4);
}

static void rex_counts_only_right_before_the_opcode(void)
{
    MUST("48 66 01 d8", 4, X86_ADD);
    g_assert_cmpint(op.size, ==, 2);
    g_assert_false(op.flags & X86_OP_REX);
    MUST("41 48 01 d8", 4, X86_ADD); /* of two, the second */
    g_assert_cmpint(op.rm, ==, 0);
    g_assert_cmpint(op.size, ==, 8);
}

static void rex_is_inc_and_dec_outside_of_64_bit_mode(void)
{
    g_assert_cmpint(decode(X86_CODE_32, "4b"), ==, 1);
    g_assert_cmpint(op.id, ==, X86_DEC);
    g_assert_cmpint(op.rm, ==, R_EBX * 8);
}

static void stack_and_near_branches_are_64_bits_wide(void)
{
    MUST("50", 1, X86_PUSH);
    g_assert_cmpint(op.size, ==, 8);
    MUST("66 50", 2, X86_PUSH);
    g_assert_cmpint(op.size, ==, 2);
    MUST("ff d0", 2, X86_CALL_IND);
    g_assert_cmpint(op.size, ==, 8);
    MUST("66 e8 78 56 34 12", 6, X86_CALL); /* 66 has no say in near branches */
    g_assert_cmpint(op.size, ==, 8);
    g_assert_cmphex(op.imm, ==, 0x12345678);
    MUST("6a ff", 2, X86_PUSH);
    g_assert_cmphex(op.imm, ==, ~0ULL);
}

static void displacement_without_base_is_relative_to_rip_unless_there_is_a_sib(void)
{
    MUST("8b 05 04 00 00 00", 6, X86_MOV);
    g_assert_cmpint(op.base, ==, X86_REG_RIP);
    g_assert_cmpint(op.disp, ==, 4);
    MUST("8b 04 25 04 00 00 80", 7, X86_MOV);
    g_assert_cmpint(op.base, ==, X86_REG_ZERO);
    g_assert_cmpint(op.index, ==, X86_REG_ZERO);
    g_assert_cmpint(op.disp, ==, (int32_t)0x80000004);
    g_assert_cmpint(decode(X86_CODE_32, "8b 05 04 00 00 00"), ==, 6);
    g_assert_cmpint(op.base, ==, X86_REG_ZERO);
}

static void r12_needs_a_sib_and_r13_a_displacement(void)
{
    MUST("41 8b 04 24", 4, X86_MOV);
    g_assert_cmpint(op.base, ==, 12 * 8);
    MUST("41 8b 45 00", 4, X86_MOV);
    g_assert_cmpint(op.base, ==, 13 * 8);
    MUST("42 8b 04 a0", 4, X86_MOV); /* index 4 is none, index 12 is one */
    g_assert_cmpint(op.index, ==, 12 * 8);
    g_assert_cmpint(op.scale, ==, 2);
}

static void stack_registers_as_base_mean_the_stack_segment(void)
{
    g_assert_cmpint(decode(X86_CODE_32, "8b 45 08"), ==, 3);
    g_assert_cmpint(op.seg, ==, R_SS);
    g_assert_cmpint(decode(X86_CODE_32, "3e 8b 45 08"), ==, 4);
    g_assert_cmpint(op.seg, ==, R_DS);
    g_assert_cmpint(decode(X86_CODE_32, "8b 44 2d 00"), ==, 4); /* EBP as base and index */
    g_assert_cmpint(op.seg, ==, R_SS);
    g_assert_cmpint(decode(X86_CODE_32, "8b 04 6d 00 00 00 00"), ==, 7); /* EBP as index alone */
    g_assert_cmpint(op.seg, ==, R_DS);
    MUST("41 8b 45 00", 4, X86_MOV); /* R13 is not RBP */
    g_assert_cmpint(op.seg, ==, R_DS);
}

static void sixteen_bit_addresses_add_two_registers(void)
{
    g_assert_cmpint(decode(X86_CODE_16, "8b 42 fe"), ==, 3); /* [bp + si - 2] */
    g_assert_cmpint(op.base, ==, R_EBP * 8);
    g_assert_cmpint(op.index, ==, R_ESI * 8);
    g_assert_cmpint(op.disp, ==, -2);
    g_assert_cmpint(op.seg, ==, R_SS);
    g_assert_cmpint(decode(X86_CODE_16, "8b 06 34 12"), ==, 4);
    g_assert_cmpint(op.base, ==, X86_REG_ZERO);
    g_assert_cmpint(op.disp, ==, 0x1234);
    g_assert_cmpint(op.seg, ==, R_DS);
    g_assert_cmpint(decode(X86_CODE_16, "67 8b 04 24"), ==, 4);
    g_assert_cmpint(op.addr_size, ==, 4);
}

static void only_fs_and_gs_override_in_64_bit_mode(void)
{
    MUST("2e 8b 00", 3, X86_MOV);
    g_assert_false(op.flags & X86_OP_SEG);
    MUST("65 2e 8b 00", 4, X86_MOV);
    g_assert_cmpint(op.seg, ==, R_GS);
}

static void direct_offsets_have_64_bits(void)
{
    MUST("a1 88 77 66 55 44 33 22 11", 9, X86_MOV_MOFFS);
    g_assert_cmphex(op.imm, ==, 0x1122334455667788);
    g_assert_true(op.flags & X86_OP_TO_REG);
    MUST("67 a1 44 33 22 11", 6, X86_MOV);
    g_assert_cmphex(op.disp, ==, 0x11223344);
    MUST("a1 00 00 00 80 ff ff ff ff", 9, X86_MOV);
    g_assert_cmpint(op.disp, ==, INT32_MIN);
}

static void mov_to_a_register_may_have_a_64_bit_immediate(void)
{
    MUST("49 b8 88 77 66 55 44 33 22 11", 10, X86_MOV);
    g_assert_cmphex(op.imm, ==, 0x1122334455667788);
    g_assert_cmpint(op.rm, ==, 8 * 8);
    MUST("48 c7 c0 00 00 00 80", 7, X86_MOV);
    g_assert_cmphex(op.imm, ==, 0xffffffff80000000);
}

static void lock_needs_a_memory_destination(void)
{
    MUST("f0 01 18", 3, X86_ADD);
    g_assert_true(op.flags & X86_OP_LOCK);
    UNDEFINED(X86_CODE_64, "f0 01 d8");
    UNDEFINED(X86_CODE_64, "f0 03 18");
    UNDEFINED(X86_CODE_64, "f0 39 18");
    UNDEFINED(X86_CODE_64, "f0 0f a3 18");
    UNDEFINED(X86_CODE_64, "f0 90");
    MUST("f0 48 0f c7 0e", 5, X86_CMPXCHG16B);
    g_assert_cmpint(op.size2, ==, 16);
}

static void mandatory_prefixes_choose_and_the_last_of_f2_and_f3_wins(void)
{
    MUST("0f 58 c1", 3, X86_ADDPS);
    MUST("66 0f 58 c1", 4, X86_ADDPD);
    MUST("f3 0f 58 c1", 4, X86_ADDSS);
    MUST("f2 0f 58 c1", 4, X86_ADDSD);
    MUST("66 f2 0f 58 c1", 5, X86_ADDSD);
    MUST("f2 f3 0f 58 c1", 5, X86_ADDSS);
    g_assert_cmpint(op.prefix, ==, 0xf3);
    g_assert_false(op.flags & X86_OP_REP);
    UNDEFINED(X86_CODE_64, "f3 0f 54 c1");
}

static void repeat_is_a_flag_where_it_is_no_part_of_the_opcode(void)
{
    MUST("f3 a4", 2, X86_MOVS);
    g_assert_true(op.flags & X86_OP_REP);
    MUST("f2 48 af", 3, X86_SCAS);
    g_assert_true(op.flags & X86_OP_REPNE);
    g_assert_cmpint(op.size, ==, 8);
}

static void xchg_with_itself_is_nop_and_pause(void)
{
    MUST("90", 1, X86_NOP);
    MUST("f3 90", 2, X86_PAUSE);
    MUST("66 90", 2, X86_NOP);
    MUST("41 90", 2, X86_XCHG);
    g_assert_cmpint(op.rm, ==, 8 * 8);
    MUST("f3 41 90", 3, X86_PAUSE);
    MUST("f3 0f 1e fa", 4, X86_NOP); /* endbr64 */
    MUST("0f 1f 84 00 00 00 00 00", 8, X86_NOP);
    MUST("0f 18 08", 3, X86_NOP);
}

static void instructions_leave_64_bit_mode(void)
{
    static const char *const gone[] = {"06",
                                       "0e",
                                       "16",
                                       "1e",
                                       "27",
                                       "2f",
                                       "37",
                                       "3f",
                                       "60",
                                       "61",
                                       "62 00",
                                       "82 c0 00",
                                       "9a 0 0 0 0 0 0",
                                       "c4 00 00 00",
                                       "ce",
                                       "d4 0a",
                                       "d5 0a",
                                       "d6",
                                       "ea 0 0 0 0 0 0"};

    for (size_t i = 0; i < G_N_ELEMENTS(gone); i++) {
        UNDEFINED(X86_CODE_64, gone[i]);
        g_assert_cmpint(decode(X86_CODE_32, gone[i]), >, 0);
    }
    g_assert_cmpint(decode(X86_CODE_32, "63 c8"), ==, 2);
    g_assert_cmpint(op.id, ==, X86_ARPL);
    MUST("48 63 c8", 3, X86_MOVSXD);
    g_assert_cmpint(op.size2, ==, 4);
}

static void les_and_lds_with_a_register_are_vex(void)
{
    g_assert_cmpint(decode(X86_CODE_32, "c5 f8 77"), ==, 3);
    g_assert_cmpint(op.id, ==, X86_VZEROUPPER);
    g_assert_cmpint(decode(X86_CODE_32, "c5 38"), ==, 2);
    g_assert_cmpint(op.id, ==, X86_LDS);
}

static void vex_has_a_third_operand_and_a_length(void)
{
    MUST("c5 ec 58 cb", 4, X86_ADDPS); /* vaddps ymm1, ymm2, ymm3 */
    g_assert_cmpint(op.reg, ==, 1);
    g_assert_cmpint(op.vvvv, ==, 2);
    g_assert_cmpint(op.rm, ==, 3);
    g_assert_cmpint(op.size, ==, 32);
    g_assert_cmpint(op.flags & (X86_OP_VEX | X86_OP_L), ==, X86_OP_VEX | X86_OP_L);
    g_assert_cmpint(x86_op_feature(&op), ==, X86_FEATURE_AVX);
    MUST("c4 41 05 fe c7", 5, X86_PADDD); /* vpaddd ymm8, ymm15, ymm15 */
    g_assert_cmpint(op.reg, ==, 8);
    g_assert_cmpint(op.vvvv, ==, 15);
    g_assert_cmpint(op.rm, ==, 15);
    g_assert_cmpint(x86_op_feature(&op), ==, X86_FEATURE_AVX2);
}

static void vex_fields_that_are_not_used_have_their_fixed_values(void)
{
    UNDEFINED(X86_CODE_64, "c5 e8 28 c1");          /* vmovaps with vvvv */
    UNDEFINED(X86_CODE_64, "c5 fd 6e c0");          /* vmovd with L */
    UNDEFINED(X86_CODE_64, "c4 e2 f9 16 c0");       /* vpermps with W */
    UNDEFINED(X86_CODE_64, "66 c5 f8 28 c1");       /* prefixes that VEX contains */
    UNDEFINED(X86_CODE_64, "48 c5 f8 28 c1");
    UNDEFINED(X86_CODE_64, "f0 c5 f8 28 c1");
    MUST("2e c5 f8 28 c1", 5, X86_MOVAPS);
}

static void gathers_want_three_different_registers(void)
{
    MUST("c4 e2 71 90 04 98", 6, X86_VPGATHERDD); /* xmm0, [rax + xmm3 * 4], xmm1 */
    g_assert_cmpint(op.index, ==, 3);
    g_assert_cmpint(op.scale, ==, 2);
    g_assert_true(op.flags & X86_OP_VSIB);
    UNDEFINED(X86_CODE_64, "c4 e2 71 90 0c 98");
    UNDEFINED(X86_CODE_64, "c4 e2 71 90 04 88");
    UNDEFINED(X86_CODE_64, "c4 e2 71 90 00");
}

static void x87_has_its_maps_by_modrm(void)
{
    MUST("d9 c9", 2, X86_FXCH);
    g_assert_cmpint(op.rm, ==, 1);
    MUST("dc e1", 2, X86_FSUBR);
    g_assert_false(op.flags & X86_OP_TO_REG);
    MUST("d8 e1", 2, X86_FSUB);
    g_assert_true(op.flags & X86_OP_TO_REG);
    MUST("db 28", 2, X86_FLD);
    g_assert_cmpint(op.size, ==, 10);
    MUST("da da", 2, X86_FCMOVCC); /* U */
    g_assert_cmpint(op.cond, ==, 0xa);
    MUST("d9 30", 2, X86_FNSTENV);
    g_assert_cmpint(op.size2, ==, 28);
    UNDEFINED(X86_CODE_64, "d9 d1");
    MUST("9b", 1, X86_FWAIT);
}

static void control_registers_ignore_mod(void)
{
    MUST("0f 22 1c", 3, X86_MOV_CR); /* mod 0, rm 4: no SIB follows */
    g_assert_cmpint(op.reg, ==, 3);
    g_assert_cmpint(op.rm, ==, R_ESP * 8);
    g_assert_true(op.flags & X86_OP_TO_REG);
    MUST("44 0f 20 c0", 4, X86_MOV_CR);
    g_assert_cmpint(op.reg, ==, 8);
    UNDEFINED(X86_CODE_64, "0f 20 c8"); /* CR1 */
    UNDEFINED(X86_CODE_64, "44 0f 23 c0"); /* DR8 */
}

static void segment_registers_are_six_and_cs_is_not_loaded(void)
{
    MUST("8e d8", 2, X86_MOV_SREG);
    g_assert_cmpint(op.reg, ==, R_DS);
    MUST("8c c8", 2, X86_MOV_SREG);
    g_assert_cmpint(op.reg, ==, R_CS);
    UNDEFINED(X86_CODE_64, "8e c8");
    UNDEFINED(X86_CODE_64, "8e f0");
    MUST("0f a8", 2, X86_PUSH_SREG);
    g_assert_cmpint(op.reg, ==, R_GS);
    g_assert_cmpint(decode(X86_CODE_16, "1f"), ==, 1);
    g_assert_cmpint(op.reg, ==, R_DS);
}

static void groups_have_holes(void)
{
    UNDEFINED(X86_CODE_64, "ff f8");
    UNDEFINED(X86_CODE_64, "fe d0");
    UNDEFINED(X86_CODE_64, "c6 f8 00");
    UNDEFINED(X86_CODE_64, "8f c8");
    UNDEFINED(X86_CODE_64, "0f 0a");
}

static void at_most_15_bytes(void)
{
    MUST("66 66 66 66 66 66 66 66 66 66 66 66 66 01 d8", 15, X86_ADD);
    g_assert_cmpint(decode64("66 66 66 66 66 66 66 66 66 66 66 66 66 66 01 d8"), ==, X86_DECODE_TOO_LONG);
    g_assert_cmpint(decode64("66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 66"), ==, X86_DECODE_TOO_LONG);
}

static void an_instruction_that_goes_on_behind_the_bytes_asks_for_more(void)
{
    static const uint8_t whole[] = { 0x66, 0xf2, 0x43, 0x0f, 0x38, 0xf1, 0x84, 0x83, 1, 2, 3, 4 };

    for (unsigned n = 0; n < sizeof(whole); n++) {
        g_assert_cmpint(x86_decode(whole, n, X86_CODE_64, &op), ==, 0);
    }
    g_assert_cmpint(x86_decode(whole, sizeof(whole), X86_CODE_64, &op), ==, sizeof(whole));
    g_assert_cmpint(op.id, ==, X86_CRC32);
    g_assert_cmpint(op.size, ==, 4);
    g_assert_cmpint(op.size2, ==, 2);
}

static void every_instruction_has_a_unit(void)
{
    for (unsigned id = 1; id < X86_INSNS; id++) {
        g_assert_nonnull(x86_insn_info[id].name);
        g_assert_cmpint(x86_insn_info[id].unit, !=, X86_UNIT_NONE);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name) g_test_add_func("/x86-decode/" #name, name)
    TEST(one_byte_registers_without_rex_are_the_high_halves);
    TEST(operand_size_follows_mode_prefix_and_rex_w);
    TEST(rex_counts_only_right_before_the_opcode);
    TEST(rex_is_inc_and_dec_outside_of_64_bit_mode);
    TEST(stack_and_near_branches_are_64_bits_wide);
    TEST(displacement_without_base_is_relative_to_rip_unless_there_is_a_sib);
    TEST(r12_needs_a_sib_and_r13_a_displacement);
    TEST(stack_registers_as_base_mean_the_stack_segment);
    TEST(sixteen_bit_addresses_add_two_registers);
    TEST(only_fs_and_gs_override_in_64_bit_mode);
    TEST(direct_offsets_have_64_bits);
    TEST(mov_to_a_register_may_have_a_64_bit_immediate);
    TEST(lock_needs_a_memory_destination);
    TEST(mandatory_prefixes_choose_and_the_last_of_f2_and_f3_wins);
    TEST(repeat_is_a_flag_where_it_is_no_part_of_the_opcode);
    TEST(xchg_with_itself_is_nop_and_pause);
    TEST(instructions_leave_64_bit_mode);
    TEST(les_and_lds_with_a_register_are_vex);
    TEST(vex_has_a_third_operand_and_a_length);
    TEST(vex_fields_that_are_not_used_have_their_fixed_values);
    TEST(gathers_want_three_different_registers);
    TEST(x87_has_its_maps_by_modrm);
    TEST(control_registers_ignore_mod);
    TEST(segment_registers_are_six_and_cs_is_not_loaded);
    TEST(groups_have_holes);
    TEST(at_most_15_bytes);
    TEST(an_instruction_that_goes_on_behind_the_bytes_asks_for_more);
    TEST(every_instruction_has_a_unit);
    return g_test_run();
}
