/* The engine: instructions in blocks, memory, self-modifying code. */
#include "exec-machine.h"

static void add_sets_flags_and_wraps(void)
{
    X86CPUState *env = exec_reset(64);

    env->regs[R_EAX] = 0xffffffff;
    EXEC_RUN(0x83, 0xc0, 0x01);                                 /* add eax, 1 */
    g_assert_cmphex(env->regs[R_EAX], ==, 0);
    g_assert_cmphex(env->eflags & FLAGS_ARITH, ==, FLAG_CF | FLAG_ZF | FLAG_PF | FLAG_AF);
}

static void loop_counts_down(void)
{
    X86CPUState *env = exec_reset(64);

    env->regs[R_ECX] = 1000;
    EXEC_RUN(0x48, 0x01, 0xc8, 0x48, 0xff, 0xc9, 0x75, 0xf8);   /* 1: add rax, rcx; dec rcx; jnz 1b */
    g_assert_cmpuint(env->regs[R_EAX], ==, 500500);
}

static void call_and_return_use_the_stack(void)
{
    X86CPUState *env = exec_reset(64);

    /* call 1f; jmp 2f; 1: mov eax, 7; ret; 2: */
    EXEC_RUN(0xe8, 2, 0, 0, 0, 0xeb, 0x06, 0xb8, 7, 0, 0, 0, 0xc3);
    g_assert_cmpuint(env->regs[R_EAX], ==, 7);
    g_assert_cmphex(env->regs[R_ESP], ==, EXEC_STACK);
    g_assert_cmphex(exec_get64(EXEC_STACK - 8), ==, EXEC_CODE + 5);
}

static void rip_relative_operands_are_relative_to_the_next_instruction(void)
{
    X86CPUState *env = exec_reset(64);

    exec_put64(EXEC_DATA, 0x1122334455667788);
    /* nop; mov rax, [rip + d] */
    EXEC_RUN(0x90, 0x48, 0x8b, 0x05, 0xf8, 0xff, 0x01, 0x00);
    g_assert_cmphex(env->regs[R_EAX], ==, 0x1122334455667788);
}

static void rip_relative_operands_reach_2_gib_up(void)
{
    X86CPUState *env = exec_reset(64);

    exec_put64(EXEC_TABLES + 0x1000 + 8 * 2, (EXEC_TABLES + 0x2000) | 0x23);    /* the third GiB shows the first */
    exec_put64(EXEC_CODE + 8 - 16, 0x1122334455667788);
    /* nop; mov rax, [rip + 0x7ffffff0]; add rax, 1; lea rbx, [rip + 0x7fffffff] */
    EXEC_RUN(0x90, 0x48, 0x8b, 0x05, 0xf0, 0xff, 0xff, 0x7f, 0x48, 0x83, 0xc0, 0x01, 0x48, 0x8d, 0x1d, 0xff, 0xff, 0xff, 0x7f);
    g_assert_cmphex(env->regs[R_EAX], ==, 0x1122334455667789);
    g_assert_cmphex(env->regs[R_EBX], ==, EXEC_CODE + 19 + 0x7fffffffull);
}

static void accesses_across_pages_work(void)
{
    X86CPUState *env = exec_reset(64);

    env->regs[R_EBX] = EXEC_DATA + 0xffd;
    env->regs[R_EAX] = 0x0102030405060708;
    EXEC_RUN(0x48, 0x89, 0x03, 0x48, 0x8b, 0x0b);               /* mov [rbx], rax; mov rcx, [rbx] */
    g_assert_cmphex(env->regs[R_ECX], ==, 0x0102030405060708);
    g_assert_cmphex(*exec_at(EXEC_DATA + 0x1000), ==, 5);
}

static void code_that_changes_itself_runs_as_changed(void)
{
    X86CPUState *env = exec_reset(64);

    /* mov byte [rip + 1], 5 (the immediate of the next instruction, in the same block); mov eax, 1 */
    EXEC_RUN(0xc6, 0x05, 1, 0, 0, 0, 5, 0xb8, 1, 0, 0, 0);
    g_assert_cmpuint(env->regs[R_EAX], ==, 5);
}

static void code_that_was_run_may_change(void)
{
    X86CPUState *env = exec_reset(64);

    env->regs[R_ECX] = 2;
    /* 1: mov eax, 1; add edx, eax; mov byte [1b + 1], 8; dec ecx; jnz 1b */
    EXEC_RUN(0xb8, 1, 0, 0, 0, 0x01, 0xc2, 0xc6, 0x05, 0xf3, 0xff, 0xff, 0xff, 8, 0xff, 0xc9, 0x75, 0xee);
    g_assert_cmpuint(env->regs[R_EDX], ==, 9);
}

static void instructions_may_cross_pages(void)
{
    X86CPUState *env = exec_reset(64);

    env->eip = EXEC_CODE + 0xffd;
    EXEC_RUN(0x48, 0xc7, 0xc0, 0x78, 0x56, 0x34, 0x12);         /* mov rax, 0x12345678 */
    g_assert_cmphex(env->regs[R_EAX], ==, 0x12345678);
}

static void strings_copy_and_fill(void)
{
    X86CPUState *env = exec_reset(64);

    for (unsigned i = 0; i < 10000; i++) {
        *exec_at(EXEC_DATA + i) = (uint8_t)(i * 7);
    }
    env->regs[R_ESI] = EXEC_DATA;
    env->regs[R_EDI] = EXEC_DATA + 0x10001;
    env->regs[R_ECX] = 10000;
    EXEC_RUN(0xf3, 0xa4);                                       /* rep movsb */
    g_assert_cmpmem(exec_at(EXEC_DATA), 10000, exec_at(EXEC_DATA + 0x10001), 10000);
    g_assert_cmphex(env->regs[R_ECX], ==, 0);
    g_assert_cmphex(env->regs[R_EDI], ==, EXEC_DATA + 0x10001 + 10000);
    env = exec_reset(64);
    env->regs[R_EDI] = EXEC_DATA + 4;
    env->regs[R_EAX] = 0xaabbccdd;
    env->regs[R_ECX] = 3000;
    EXEC_RUN(0xf3, 0xab);                                       /* rep stosd */
    g_assert_cmphex(exec_get64(EXEC_DATA + 4 + 8192), ==, 0xaabbccddaabbccdd);
    g_assert_cmphex(exec_get64(EXEC_DATA + 4 + 12000) & 0xff, !=, 0xdd);
}

static void a_pattern_repeats_when_copied_onto_itself(void)
{
    X86CPUState *env = exec_reset(64);

    exec_put64(EXEC_DATA, 0x0807060504030201);
    env->regs[R_ESI] = EXEC_DATA;
    env->regs[R_EDI] = EXEC_DATA + 3;
    env->regs[R_ECX] = 9;
    EXEC_RUN(0xf3, 0xa4);
    g_assert_cmphex(exec_get64(EXEC_DATA + 3), ==, 0x0201030201030201);
}

static void the_stack_of_16_bits_wraps(void)
{
    X86CPUState *env = exec_reset(16);

    env->regs[R_ESP] = 0xabcd0000;
    env->regs[R_EAX] = 0x1234;
    EXEC_RUN(0x50);                                             /* push ax */
    g_assert_cmphex(env->regs[R_ESP], ==, 0xabcdfffe);
    g_assert_cmphex(*exec_at(0xfffe), ==, 0x34);
}

/* The third and fourth GiB get page tables: the first pages of the third are at `physical`, the first of the fourth at 8 MiB. */
enum { THIRD_TABLE = EXEC_TABLES + 0x5000, FOURTH_TABLE = EXEC_TABLES + 0x9000 };
static const uint64_t third = 0x80000000, fourth = 0xc0000000;

static void map_small_pages(uint64_t physical, unsigned count)
{
    exec_put64(EXEC_TABLES + 0x1000 + 8 * 2, (EXEC_TABLES + 0x3000) | 0x23);
    exec_put64(EXEC_TABLES + 0x1000 + 8 * 3, (EXEC_TABLES + 0x4000) | 0x23);
    for (unsigned i = 0; i < 4; i++) {
        exec_put64(EXEC_TABLES + 0x3000 + 8 * i, (THIRD_TABLE + 0x1000 * i) | 0x23);
    }
    exec_put64(EXEC_TABLES + 0x4000, FOURTH_TABLE | 0x23);
    for (unsigned i = 0; i < count; i++) {
        exec_put64(THIRD_TABLE + 8 * i, (physical + 0x1000 * i) | 0x63);
    }
    exec_put64(FOURTH_TABLE, 0x800000 | 0x63);
}

static void pages_that_share_a_place_in_the_cache_keep_apart(void)
{
    X86CPUState *env = exec_reset(64);

    map_small_pages(0x200000, 1);
    exec_put64(0, 10);
    exec_put64(0x200000, 20);
    exec_put64(0x800000, 30);
    env->regs[R_EBX] = 0;
    env->regs[R_ESI] = third;
    env->regs[R_EDI] = fourth;
    env->regs[R_ECX] = 3;
    /* 1: inc qword [rbx]; inc qword [rsi]; inc qword [rdi]; dec ecx; jnz 1b */
    EXEC_RUN(0x48, 0xff, 0x03, 0x48, 0xff, 0x06, 0x48, 0xff, 0x07, 0xff, 0xc9, 0x75, 0xf3);
    g_assert_cmpuint(exec_get64(0), ==, 13);
    g_assert_cmpuint(exec_get64(0x200000), ==, 23);
    g_assert_cmpuint(exec_get64(0x800000), ==, 33);
}

static void a_translation_that_was_set_aside_is_invalidated_too(void)
{
    X86CPUState *env = exec_reset(64);

    map_small_pages(0x200000, 1);
    exec_put64(0x200000, 0);
    exec_put64(0x300000, 0);
    env->regs[R_ESI] = third;
    env->regs[R_EDI] = fourth;
    env->regs[R_EDX] = THIRD_TABLE;
    env->regs[R_EAX] = 0x300063;
    /* inc qword [rsi]; inc qword [rdi]; mov [rdx], rax; invlpg [rsi]; inc qword [rsi] */
    EXEC_RUN(0x48, 0xff, 0x06, 0x48, 0xff, 0x07, 0x48, 0x89, 0x02, 0x0f, 0x01, 0x3e, 0x48, 0xff, 0x06);
    g_assert_cmpuint(exec_get64(0x200000), ==, 1);
    g_assert_cmpuint(exec_get64(0x300000), ==, 1);
}

static void cr3_forgets_however_many_pages_were_accessed(void)
{
    static const unsigned counts[] = { 1, 1000, 1500 };

    for (unsigned i = 0; i < G_N_ELEMENTS(counts); i++) {
        X86CPUState *env = exec_reset(64);

        map_small_pages(0x200000, counts[i]);
        *exec_at(0x200000) = *exec_at(0xe00000) = 0;
        env->regs[R_ESI] = env->regs[R_EDI] = third;
        env->regs[R_ECX] = counts[i];
        env->regs[R_EDX] = THIRD_TABLE;
        env->regs[R_EAX] = 0xe00063;
        /* 1: inc byte [rsi]; add rsi, 0x1000; dec ecx; jnz 1b; mov [rdx], rax; mov rax, cr3; mov cr3, rax; inc byte [rdi] */
        EXEC_RUN(0xfe, 0x06, 0x48, 0x81, 0xc6, 0x00, 0x10, 0x00, 0x00, 0xff, 0xc9, 0x75, 0xf3,
                 0x48, 0x89, 0x02, 0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8, 0xfe, 0x07);
        g_assert_cmpuint(*exec_at(0x200000), ==, 1);
        g_assert_cmpuint(*exec_at(0xe00000), ==, 1);
    }
}

static void a_call_to_another_page_goes_where_that_is_now(void)
{
    static const uint8_t one[] = { 0x83, 0xc3, 1, 0xc3 }, sixteen[] = { 0x83, 0xc3, 16, 0xc3 };    /* add ebx, …; ret */
    X86CPUState *env = exec_reset(64);

    map_small_pages(0x200000, 1);
    memcpy(exec_at(0x200000), one, sizeof(one));
    memcpy(exec_at(0x300000), sixteen, sizeof(sixteen));
    env->regs[R_EBX] = 0;
    env->regs[R_ESI] = third;
    env->regs[R_EDX] = THIRD_TABLE;
    env->regs[R_EAX] = 0x300063;
    env->regs[R_ECX] = 4;
    /* 1: call third; cmp ecx, 3; jne 2f; mov [rdx], rax; invlpg [rsi]; 2: dec ecx; jnz 1b */
    EXEC_RUN(0xe8, 0xfb, 0xff, 0xfe, 0x7f, 0x83, 0xf9, 3, 0x75, 6, 0x48, 0x89, 0x02, 0x0f, 0x01, 0x3e, 0xff, 0xc9, 0x75, 0xec);
    g_assert_cmpuint(env->regs[R_EBX], ==, 1 + 1 + 16 + 16);
}

static void a_call_to_an_instruction_across_pages_goes_where_its_second_half_is_now(void)
{
    static const uint8_t head[] = { 0x81, 0xc3 }, one[] = { 1, 0, 0, 0, 0xc3 }, sixteen[] = { 16, 0, 0, 0, 0xc3 };
    X86CPUState *env = exec_reset(64);

    map_small_pages(0x200000, 2);
    memcpy(exec_at(0x200ffe), head, sizeof(head));          /* add ebx, …; ret */
    memcpy(exec_at(0x201000), one, sizeof(one));
    memcpy(exec_at(0x300000), sixteen, sizeof(sixteen));
    env->regs[R_EBX] = 0;
    env->regs[R_ESI] = third + 0x1000;
    env->regs[R_EDX] = THIRD_TABLE + 8;
    env->regs[R_EAX] = 0x300063;
    env->regs[R_ECX] = 4;
    EXEC_RUN(0xe8, 0xf9, 0x0f, 0xff, 0x7f, 0x83, 0xf9, 3, 0x75, 6, 0x48, 0x89, 0x02, 0x0f, 0x01, 0x3e, 0xff, 0xc9, 0x75, 0xec);
    g_assert_cmpuint(env->regs[R_EBX], ==, 1 + 1 + 16 + 16);
}

static void dirty_and_accessed_bits_are_set_by_accesses(void)
{
    X86CPUState *env = exec_reset(64);

    exec_put64(EXEC_TABLES + 0x2000 + 8, 1ull << 21 | 0x83);    /* the second 2 MiB: neither */
    env->regs[R_EBX] = 0x200000;
    EXEC_RUN(0x8b, 0x03);
    g_assert_cmphex(exec_get64(EXEC_TABLES + 0x2000 + 8) & 0x60, ==, 0x20);
    env->eip = EXEC_CODE;
    exec_cpu->halted = 0;
    EXEC_RUN(0x89, 0x03);
    g_assert_cmphex(exec_get64(EXEC_TABLES + 0x2000 + 8) & 0x60, ==, 0x60);
}

static void invlpg_drops_all_of_a_large_page(void)
{
    X86CPUState *env = exec_reset(64);

    exec_put64(0x401000, 1);
    exec_put64(0x601000, 2);
    env->regs[R_EBX] = 0x401000;
    env->regs[R_EDI] = EXEC_TABLES + 0x2000 + 8 * 2;
    env->regs[R_ESI] = 3ull << 21 | 0xe3;
    /* mov rax, [rbx]; mov [rdi], rsi (the page moves); invlpg [rbx + 0x5000]; mov rcx, [rbx] */
    EXEC_RUN(0x48, 0x8b, 0x03, 0x48, 0x89, 0x37, 0x0f, 0x01, 0xbb, 0x00, 0x50, 0x00, 0x00, 0x48, 0x8b, 0x0b);
    g_assert_cmpuint(env->regs[R_EAX], ==, 1);
    g_assert_cmpuint(env->regs[R_ECX], ==, 2);
}

static void misaligned_accesses_of_users_fault_if_they_want_so(void)
{
    X86CPUState *env = exec_reset(64);

    /* The IDT's gate for #AC: to a HLT at 0x40000 on the same stack, at privilege 0. */
    for (unsigned i = 0; i < 0x1000; i += 8) {
        exec_put64(0x50000 + i, 0);
    }
    exec_put64(0x50000 + 16 * EXCP_AC, 0x00048e0000080000);
    exec_put64(0x51000 + 8, 0x00af9b000000ffff);        /* the GDT's code segment */
    exec_put64(0x52004, 0x60000);                       /* the TSS's RSP0 */
    *exec_at(0x40000) = 0xf4;
    env->idt.base = 0x50000;
    env->idt.limit = 0xfff;
    env->gdt.base = 0x51000;
    env->gdt.limit = 0xff;
    env->tr.base = 0x52000;
    env->tr.limit = 0x67;
    for (unsigned i = 0; i < 512; i++) {                /* pages are the user's, too */
        exec_put64(EXEC_TABLES + 0x2000 + 8 * i, (uint64_t)i << 21 | 0xe7);
    }
    exec_put64(EXEC_TABLES, (EXEC_TABLES + 0x1000) | 0x27);
    exec_put64(EXEC_TABLES + 0x1000, (EXEC_TABLES + 0x2000) | 0x27);
    env->segs[R_CS].selector |= 3;
    env->segs[R_CS].flags |= 0x6000;
    env->segs[R_SS].selector |= 3;
    env->segs[R_SS].flags |= 0x6000;
    env->cr[0] |= 1 << 18;
    env->eflags |= FLAG_AC;
    env->hflags = x86_cpu_state_hflags(env);
    env->regs[R_EBX] = EXEC_DATA;
    EXEC_RUN(0x8b, 0x03, 0x8b, 0x43, 0x02);             /* mov eax, [rbx]; mov eax, [rbx + 2] */
    g_assert_cmphex(env->eip, ==, 0x40001);
    g_assert_cmphex(exec_get64(env->regs[R_ESP] + 8), ==, EXEC_CODE + 2);
}

static void big_numbers_carry(void)
{
    X86CPUState *env = exec_reset(64);

    env->regs[R_EAX] = ~0ull;
    env->regs[R_EBX] = 1;
    /* add rax, rbx; adc rcx, 0; sbb rdx, 0; mul rax... */
    EXEC_RUN(0x48, 0x01, 0xd8, 0x48, 0x83, 0xd1, 0x00, 0x48, 0x83, 0xd8, 0x01, 0x48, 0x83, 0xda, 0x00);
    g_assert_cmphex(env->regs[R_ECX], ==, 1);
    g_assert_cmphex(env->regs[R_EAX], ==, ~0ull);
    g_assert_cmphex(env->regs[R_EDX], ==, ~0ull);
}

static void loops_are_fast(void)
{
    X86CPUState *env = exec_reset(64);
    int64_t begin = g_get_monotonic_time();

    env->regs[R_ECX] = 10000000;
    EXEC_RUN(0x48, 0x01, 0xc8, 0x48, 0x31, 0xc2, 0x48, 0xff, 0xc9, 0x75, 0xf5);
    g_test_message("%.0f MIPS", 40.0e6 / (double)(g_get_monotonic_time() - begin));
    g_assert_cmpuint(env->regs[R_ECX], ==, 0);
}

/* A device whose registers, when they are written, ask the CPU to stop: as another thread may at any moment. */
static uint64_t stopper_read(void *opaque, hwaddr offset, unsigned size)
{
    return 0;
}

static void stopper_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    x86_exec_kick(exec, X86_PENDING_STOP);
}

enum { STOPPER = 0x2000000 };

static X86CPUState *reset_with_stopper(MemoryRegion *stopper)
{
    static const MemoryRegionOps ops = { .read = stopper_read, .write = stopper_write };
    X86CPUState *env = exec_reset(64);

    memory_region_init_io(stopper, NULL, &ops, NULL, "stopper", 0x1000);
    memory_region_add(memory_system(), STOPPER, stopper);
    env->regs[R_EBX] = STOPPER;
    exec_cpu->interrupt_request = CPU_INTERRUPT_HARD;
    return env;
}

static void assert_stops_at(X86CPUState *env, uint64_t eip, MemoryRegion *stopper)
{
    g_assert_true(exec->pending & X86_PENDING_STOP);
    g_assert_cmphex(env->eip, ==, eip);
    exec->pending = 0;
    exec_cpu->interrupt_request = 0;
    memory_region_del(memory_system(), stopper);
    memory_region_destroy(stopper);
}

static void hlt_keeps_a_request_to_stop(void)
{
    MemoryRegion stopper;
    X86CPUState *env = reset_with_stopper(&stopper);

    EXEC_RUN(0x89, 0x03, 0xf4, 0x90);                   /* mov [rbx], eax; hlt; nop */
    assert_stops_at(env, EXEC_CODE + 3, &stopper);
}

static void popf_that_lets_an_interrupt_in_keeps_a_request_to_stop(void)
{
    MemoryRegion stopper;
    X86CPUState *env = reset_with_stopper(&stopper);

    exec_put64(EXEC_STACK, 0x202);
    EXEC_RUN(0x89, 0x03, 0x9d, 0x90);                   /* mov [rbx], eax; popf; nop */
    assert_stops_at(env, EXEC_CODE + 3, &stopper);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    exec_machine_init("max");
#define TEST(name) g_test_add_func("/x86-exec/" #name, name)
    TEST(add_sets_flags_and_wraps);
    TEST(loop_counts_down);
    TEST(call_and_return_use_the_stack);
    TEST(rip_relative_operands_are_relative_to_the_next_instruction);
    TEST(rip_relative_operands_reach_2_gib_up);
    TEST(accesses_across_pages_work);
    TEST(code_that_changes_itself_runs_as_changed);
    TEST(code_that_was_run_may_change);
    TEST(instructions_may_cross_pages);
    TEST(strings_copy_and_fill);
    TEST(a_pattern_repeats_when_copied_onto_itself);
    TEST(the_stack_of_16_bits_wraps);
    TEST(pages_that_share_a_place_in_the_cache_keep_apart);
    TEST(a_translation_that_was_set_aside_is_invalidated_too);
    TEST(cr3_forgets_however_many_pages_were_accessed);
    TEST(a_call_to_another_page_goes_where_that_is_now);
    TEST(a_call_to_an_instruction_across_pages_goes_where_its_second_half_is_now);
    TEST(dirty_and_accessed_bits_are_set_by_accesses);
    TEST(invlpg_drops_all_of_a_large_page);
    TEST(misaligned_accesses_of_users_fault_if_they_want_so);
    TEST(big_numbers_carry);
    TEST(loops_are_fast);
    TEST(hlt_keeps_a_request_to_stop);
    TEST(popf_that_lets_an_interrupt_in_keeps_a_request_to_stop);
    return g_test_run();
}
