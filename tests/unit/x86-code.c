/* Code that is written or remapped while it is in use: by itself, through another address, by a device, by another CPU. */
#include <pthread.h>

#include "exec-system.h"

enum { AT_CODE_2 = 0x80000, AT_CODE_3 = 0x90000, WINDOW = 0x40000000 };      /* WINDOW: a page that is mapped as the tests like */
enum { FINE_TABLE = 0xa000, DIRECTORY = 0xb000 };

/* 64-bit mode, and the GiB of WINDOW by small pages: the first to AT_CODE_2. */
static X86CPUState *reset_with_window(void)
{
    X86CPUState *env = system_reset(64);

    memset(exec_at(FINE_TABLE), 0, 0x2000);
    exec_put64(EXEC_TABLES + 0x1000 + 8, DIRECTORY | 0x27);
    exec_put64(DIRECTORY, FINE_TABLE | 0x27);
    exec_put64(FINE_TABLE, AT_CODE_2 | 0x67);
    exec_put64(FINE_TABLE + 8, 0x80000000 | 0x67);      /* a device: dma_write() */
    env->regs[R_EBX] = WINDOW;
    env->regs[R_EDI] = FINE_TABLE;
    return env;
}

/* mov eax, value; ret */
static void put_function(uint64_t at, uint32_t value)
{
    const uint8_t code[] = { 0xb8, value, value >> 8, value >> 16, value >> 24, 0xc3 };

    memcpy(exec_at(at), code, sizeof(code));
}

/* Thrice the call, so that ways are known; what is in the middle changes; twice again. ESI: sums before; EBP: after. */
#define AROUND(change)                                                                                              \
    "mov $3, %ecx\n 1: call *%rbx\n add %eax, %esi\n dec %ecx\n jnz 1b\n" change "\n"                               \
    "mov $2, %ecx\n xor %ebp, %ebp\n 2: call *%rbx\n add %eax, %ebp\n dec %ecx\n jnz 2b\n"

static void check_around(const uint8_t *code, size_t length)
{
    X86CPUState *env = reset_with_window();

    put_function(AT_CODE_2, 10);
    put_function(AT_CODE_3, 1000);
    env->regs[R_ESI] = 0;
    env->regs[R_EDX] = AT_CODE_3 | 0x67;
    exec_run_bytes(code, length);
    g_assert_cmpint(taken(), ==, -1);
    g_assert_cmpuint(env->regs[R_ESI], ==, 30);
    g_assert_cmpuint(env->regs[R_EBP], ==, 2000);
}
#define AROUND_TEST(name, change)                                                                                   \
    GUEST(name##_code, 64, AROUND(change))                                                                          \
    static void name(void)                                                                                          \
    {                                                                                                               \
        check_around(guest_##name##_code, guest_##name##_code_end - guest_##name##_code);                           \
    }

AROUND_TEST(a_store_through_another_address_changes_code, "movl $1000, 0x80001")
AROUND_TEST(a_store_of_bytes_changes_code, "movb $0xe8, 0x80001\n movb $3, 0x80002")
AROUND_TEST(a_locked_operation_changes_code, "lock; addl $990, 0x80001")
AROUND_TEST(an_exchange_changes_code, "mov $1000, %eax\n xchg %eax, 0x80001")
AROUND_TEST(a_string_copy_changes_code, "mov $0x90000, %esi\n mov $0x80000, %edi\n mov $6, %ecx\n rep movsb\n mov $30, %esi")
AROUND_TEST(a_string_store_changes_code, "mov $0xe8, %eax\n mov $0x80001, %edi\n stosb\n mov $3, %al\n stosb")
AROUND_TEST(a_push_changes_code, "mov %rsp, %rax\n mov $0x80008, %esp\n movq 0x90000, %r8\n push %r8\n mov %rax, %rsp")
AROUND_TEST(a_vector_store_changes_code, "movups 0x90000, %xmm1\n movups %xmm1, 0x80000")
AROUND_TEST(an_x87_store_changes_code, "fildll 0x90000\n fistpll 0x80000")
AROUND_TEST(invlpg_shows_another_page, "mov %rdx, (%rdi)\n invlpg (%rbx)")
AROUND_TEST(cr3_shows_another_page, "mov %rdx, (%rdi)\n mov %cr3, %rax\n mov %rax, %cr3")
AROUND_TEST(invpcid_of_an_address_shows_another_page,
            "mov %rdx, (%rdi)\n pushq %rbx\n pushq $0\n xor %eax, %eax\n invpcid (%rsp), %rax\n add $16, %rsp")
AROUND_TEST(invpcid_of_all_shows_another_page, "mov %rdx, (%rdi)\n push $0\n push $0\n mov $3, %eax\n invpcid (%rsp), %rax\n add $16, %rsp")
AROUND_TEST(another_directory_shows_another_page,
            "mov %rdx, 0xc000\n movq $0xc027, 0xb000\n mov %cr3, %rax\n mov %rax, %cr3")
AROUND_TEST(a_global_page_goes_with_cr4, "mov %rdx, (%rdi)\n mov %cr4, %rax\n xor $0x80, %al\n mov %rax, %cr4\n xor $0x80, %al\n mov %rax, %cr4")
AROUND_TEST(paging_with_pcid_shows_another_page,
            "mov %rdx, (%rdi)\n mov %cr4, %rax\n bts $17, %rax\n mov %rax, %cr4\n mov %cr3, %rax\n or $1, %rax\n mov %rax, %cr3\n")

/* Direct branches to the window and back: ways between pages that are known in advance. */
GUEST(far_loop, 64, "mov $4, %ecx\n 1: .byte 0xe9\n .long 0x40000000 - 0x10000 - 10\n"
                    "nop\n 2: add %eax, %esi\n cmp $2, %ecx\n jne 3f\n mov %rdx, (%rdi)\n invlpg (%rbx)\n 3: dec %ecx\n jnz 1b\n")
static void ways_between_pages_follow_the_map(void)
{
    X86CPUState *env = reset_with_window();
    const uint8_t back[] = { 0xb8, 0, 0, 0, 0, 0xe9 };
    int32_t distance = EXEC_CODE + 11 - (WINDOW + 10);

    for (unsigned i = 0; i < 2; i++) {
        uint64_t at = i ? AT_CODE_3 : AT_CODE_2;

        memcpy(exec_at(at), back, sizeof(back));
        *exec_at(at + 1) = i ? 100 : 1;
        memcpy(exec_at(at + 6), &distance, 4);
    }
    env->regs[R_ESI] = 0;
    env->regs[R_EDX] = AT_CODE_3 | 0x67;
    guest_run(far_loop);
    g_assert_cmpint(taken(), ==, -1);
    g_assert_cmpuint(env->regs[R_ESI], ==, 103);    /* the last round of four */
}

/* call *%rcx; mov eax, value; ret */
static void put_caller(uint64_t at, uint32_t value)
{
    const uint8_t code[] = { 0xff, 0xd1, 0xb8, value, value >> 8, value >> 16, value >> 24, 0xc3 };

    memcpy(exec_at(at), code, sizeof(code));
}

/* Five times a function of the window, which calls another that makes the change at its fourth time: the return meets it. */
#define RETURNS(change)                                                                                             \
    "mov $5, %ebp\n lea 3f(%rip), %rcx\n 1: call *%rbx\n add %eax, %esi\n dec %ebp\n jnz 1b\n jmp 4f\n"              \
    "3: cmp $2, %ebp\n jne 3f\n" change "\n 3: ret\n 4:\n"
#define RETURNS_TEST(name, change)                                                                                  \
    GUEST(name##_code, 64, RETURNS(change))                                                                         \
    static void name(void)                                                                                          \
    {                                                                                                               \
        X86CPUState *env = reset_with_window();                                                                     \
                                                                                                                    \
        put_caller(AT_CODE_2, 10);                                                                                  \
        put_caller(AT_CODE_3, 1000);                                                                                \
        env->regs[R_ESI] = 0;                                                                                       \
        env->regs[R_EDX] = AT_CODE_3 | 0x67;                                                                        \
        guest_run(name##_code);                                                                                     \
        g_assert_cmpint(taken(), ==, -1);                                                                           \
        g_assert_cmpuint(env->regs[R_ESI], ==, 2030);                                                               \
    }

RETURNS_TEST(a_return_finds_what_a_store_made, "movl $1000, 0x80003")
RETURNS_TEST(a_return_finds_another_page, "mov %rdx, (%rdi)\n invlpg (%rbx)")
RETURNS_TEST(a_return_finds_another_directory, "mov %rdx, 0xc000\n movq $0xc027, 0xb000\n mov %cr3, %rax\n mov %rax, %cr3")

/* Deeper than what the engine remembers, by a function that calls itself. */
GUEST(deep, 64, "mov $3, %ebp\n 1: mov $100, %ecx\n call 2f\n dec %ebp\n jnz 1b\n jmp 3f\n"
                "2: dec %ecx\n jz 4f\n call 2b\n inc %esi\n 4: ret\n 3:\n")
static void returns_from_deep_down_all_arrive(void)
{
    X86CPUState *env = system_reset(64);

    env->regs[R_ESI] = 0;
    guest_run(deep);
    g_assert_cmpuint(env->regs[R_ESI], ==, 3 * 99);
}

/* Returns to where nobody called from: a changed address, one that was pushed, and two levels at once. */
GUEST(astray, 64, "mov $4, %ecx\n 1: call 2f\n add $100, %esi\n 7: call 4f\n add $1000, %esi\n jmp 8f\n"
                  "2: lea 3f(%rip), %rax\n mov %rax, (%rsp)\n ret\n 3: inc %esi\n lea 7b(%rip), %rax\n push %rax\n ret\n"
                  "4: call 5f\n add $10000, %esi\n 5: add $8, %rsp\n lea 8f(%rip), %rax\n mov %rax, (%rsp)\n ret\n"
                  "8: dec %ecx\n jnz 1b\n")
static void returns_go_where_the_stack_says(void)
{
    X86CPUState *env = system_reset(64);

    env->regs[R_ESI] = 0;
    guest_run(astray);
    g_assert_cmpuint(env->regs[R_ESI], ==, 4);
}

/* The same instruction in the same block, by a string instruction. */
GUEST(next_insn, 64, "mov $5f - guest_next_insn + 0x10001, %edi\n mov $9, %eax\n stosb\n 5: mov $1, %ebx\n")
static void a_string_store_changes_the_next_instruction(void)
{
    X86CPUState *env = system_reset(64);

    guest_run(next_insn);
    g_assert_cmpuint(env->regs[R_EBX], ==, 9);
}

/* An instruction that crosses pages, changed in its second page. */
GUEST(crossing, 64, "mov $2, %ecx\n mov $0x10ffd, %edx\n 1: call *%rdx\n add %eax, %esi\n movb $7, 0x11000 + 1\n dec %ecx\n jnz 1b\n")
static void code_across_pages_may_change_in_the_second(void)
{
    X86CPUState *env = system_reset(64);

    put_function(EXEC_CODE + 0xffd, 0);
    *exec_at(EXEC_CODE + 0x1001) = 1;       /* the immediate's highest byte */
    env->regs[R_ESI] = 0;
    exec_run_bytes(guest_crossing, guest_crossing_end - guest_crossing);
    g_assert_cmphex((uint32_t)env->regs[R_ESI], ==, 0x08000000);
}

/* A device that writes to memory when it is asked to. */
static void dma_write(void *opaque, uint64_t address, uint64_t value, unsigned size)
{
    address_space_store(x86_cpu_memory(exec_cpu), AT_CODE_2 + 1, value, 4);
}

static uint64_t dma_read(void *opaque, uint64_t address, unsigned size)
{
    return 0;
}

AROUND_TEST(dma_of_a_device_changes_code, "movl $1000, 0x1000(%rbx)")

static void map_device(void)
{
    static const MemoryRegionOps ops = { .read = dma_read, .write = dma_write };
    static MemoryRegion device;

    memory_region_init_io(&device, NULL, &ops, NULL, "dma", 0x1000);
    memory_region_add(memory_system(), 0x80000000, &device);
}

/* --- two CPUs --- */

static X86CPU *second_cpu;
static X86Exec *second;

static void *run_second(void *opaque)
{
    x86_cpu_set_current(second_cpu);
    x86_exec_load(second);
    x86_mode_changed(second);
    x86_exec_run(second);
    x86_exec_store(second);
    return NULL;
}

/* The second CPU does in its thread what the first does here: with EBP = 1, from another address, on another stack. */
static void run_both(const uint8_t *code, size_t length, uint64_t memory, uint32_t rounds)
{
    X86CPUState *env = system_reset(64), *other = &second_cpu->env;
    pthread_t thread;

    memcpy(exec_at(AT_CODE_3), code, length);
    *exec_at(AT_CODE_3 + length) = 0xf4;
    memory_region_set_dirty(&exec_ram, AT_CODE_3, length + 1);
    env->regs[R_EBX] = memory;
    env->regs[R_ECX] = rounds;
    env->regs[R_EBP] = 0;
    *other = *env;
    other->eip = AT_CODE_3;
    other->regs[R_ESP] = KERNEL_STACK;
    other->regs[R_EBP] = 1;
    second_cpu->halted = 0;
    second->pending = 0;
    x86_exec_flush(second);
    pthread_create(&thread, NULL, run_second, NULL);
    exec_run_bytes(code, length);
    pthread_join(thread, NULL);
}

static const unsigned places[] = { 0, 3, 62, 4094 };   /* aligned, not aligned, across cache lines, across pages */

#define BOTH(name, text, rounds, last, expected)                                                                    \
    GUEST(name##_code, 64, "1:" text "\n dec %ecx\n jnz 1b\n")                                                      \
    static void name(void)                                                                                          \
    {                                                                                                               \
        for (unsigned i = 0; i <= last; i++) {                                                                      \
            uint64_t at = EXEC_DATA + places[i];                                                                    \
                                                                                                                    \
            memset(exec_at(EXEC_DATA), 0, 0x2000);                                                                  \
            run_both(guest_##name##_code, guest_##name##_code_end - guest_##name##_code, at, rounds);               \
            g_assert_cmpuint(exec_get32(at), ==, expected);                                                         \
        }                                                                                                           \
    }

enum { ROUNDS = 3000 };
BOTH(lock_inc_loses_nothing, "lock; incl (%rbx)", ROUNDS, 3, 2 * ROUNDS)
BOTH(lock_add_loses_nothing, "lock; addl $3, (%rbx)", ROUNDS, 3, 6 * ROUNDS)
BOTH(lock_sub_loses_nothing, "lock; subl $1, (%rbx)", ROUNDS, 3, (uint32_t)(-2 * ROUNDS))
BOTH(lock_adc_loses_nothing, "clc\n lock; adcl $1, (%rbx)", ROUNDS, 3, 2 * ROUNDS)
BOTH(lock_xor_loses_nothing, "lock; xorl $1, (%rbx)", ROUNDS, 3, 0)
BOTH(lock_neg_and_not_lose_nothing, "lock; notl (%rbx)\n lock; negl (%rbx)", ROUNDS / 2, 0, exec_get32(at))
BOTH(lock_xadd_loses_nothing, "mov $1, %eax\n lock; xaddl %eax, (%rbx)", ROUNDS, 3, 2 * ROUNDS)
BOTH(lock_cmpxchg_loses_nothing, "mov (%rbx), %eax\n 2: lea 1(%rax), %edx\n lock; cmpxchgl %edx, (%rbx)\n jnz 2b", ROUNDS, 3, 2 * ROUNDS)
BOTH(xchg_makes_a_lock, "2: mov $1, %eax\n xchg %eax, 0x80(%rbx)\n test %eax, %eax\n jnz 2b\n incl (%rbx)\n movl $0, 0x80(%rbx)", ROUNDS / 10, 3,
     2 * (ROUNDS / 10))
BOTH(lock_bts_makes_a_lock, "2: lock; btsl $5, 0x80(%rbx)\n jc 2b\n incl (%rbx)\n lock; btrl $5, 0x80(%rbx)", ROUNDS / 10, 3, 2 * (ROUNDS / 10))
BOTH(lock_cmpxchg8b_loses_nothing, "push %rcx\n push %rbx\n mov %rbx, %rdi\n mov (%rdi), %eax\n mov 4(%rdi), %edx\n 2: lea 1(%rax), %ebx\n mov %edx, %ecx\n"
     "lock; cmpxchg8b (%rdi)\n jnz 2b\n pop %rbx\n pop %rcx", ROUNDS, 3, 2 * ROUNDS)
BOTH(lock_cmpxchg16b_loses_nothing, "push %rcx\n push %rbx\n mov %rbx, %rdi\n mov (%rdi), %rax\n mov 8(%rdi), %rdx\n 2: lea 1(%rax), %rbx\n mov %rdx, %rcx\n"
     "lock; cmpxchg16b (%rdi)\n jnz 2b\n pop %rbx\n pop %rcx", ROUNDS, 0, 2 * ROUNDS)

/* The first CPU calls a function until it answers 2, which is what the second makes of it. */
GUEST(cross_modify, 64, "test %ebp, %ebp\n jnz 2f\n 1: mov $0x80000, %eax\n call *%rax\n incl (%rbx)\n cmp $2, %eax\n jne 1b\n jmp 3f\n"
                        "2: cmpl $50, (%rbx)\n jb 2b\n movb $2, 0x80001\n 3:\n")
static void code_written_by_another_cpu_is_seen(void)
{
    for (unsigned i = 0; i < 20; i++) {
        put_function(AT_CODE_2, 1);
        exec_put64(EXEC_DATA, 0);
        run_both(guest_cross_modify, guest_cross_modify_end - guest_cross_modify, EXEC_DATA, 1);
        g_assert_cmpuint(exec_cpu->env.regs[R_EAX], ==, 2);
    }
}

static void make_second_cpu(void)
{
    g_autoptr(GError) error = NULL;
    DeviceState *dev = device_new("max-x86_64-cpu");

    X86_CPU(dev)->index = 1;
    device_realize_and_unref(dev, NULL, &error);
    g_assert_no_error(error);
    second_cpu = X86_CPU(dev);
    x86_cpu_state_reset(&second_cpu->env, 0);
    second = x86_exec_new(second_cpu);
}

#define ADD(fn) g_test_add_func("/x86-code/" #fn, fn)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    exec_machine_init("max");
    exec_cpu->features[FEAT_7_0_EBX] |= 1 << 10;    /* INVPCID */
    exec_cpu->features[FEAT_1_ECX] |= 1 << 17;      /* PCID */
    make_second_cpu();
    map_device();
    ADD(a_store_through_another_address_changes_code);
    ADD(a_store_of_bytes_changes_code);
    ADD(a_locked_operation_changes_code);
    ADD(an_exchange_changes_code);
    ADD(a_string_copy_changes_code);
    ADD(a_string_store_changes_code);
    ADD(a_push_changes_code);
    ADD(a_vector_store_changes_code);
    ADD(an_x87_store_changes_code);
    ADD(invlpg_shows_another_page);
    ADD(cr3_shows_another_page);
    ADD(invpcid_of_an_address_shows_another_page);
    ADD(invpcid_of_all_shows_another_page);
    ADD(another_directory_shows_another_page);
    ADD(a_global_page_goes_with_cr4);
    ADD(paging_with_pcid_shows_another_page);
    ADD(ways_between_pages_follow_the_map);
    ADD(a_return_finds_what_a_store_made);
    ADD(a_return_finds_another_page);
    ADD(a_return_finds_another_directory);
    ADD(returns_from_deep_down_all_arrive);
    ADD(returns_go_where_the_stack_says);
    ADD(a_string_store_changes_the_next_instruction);
    ADD(code_across_pages_may_change_in_the_second);
    ADD(dma_of_a_device_changes_code);
    ADD(lock_inc_loses_nothing);
    ADD(lock_add_loses_nothing);
    ADD(lock_sub_loses_nothing);
    ADD(lock_adc_loses_nothing);
    ADD(lock_xor_loses_nothing);
    ADD(lock_neg_and_not_lose_nothing);
    ADD(lock_xadd_loses_nothing);
    ADD(lock_cmpxchg_loses_nothing);
    ADD(xchg_makes_a_lock);
    ADD(lock_bts_makes_a_lock);
    ADD(lock_cmpxchg8b_loses_nothing);
    ADD(lock_cmpxchg16b_loses_nothing);
    ADD(code_written_by_another_cpu_is_seen);
    return g_test_run();
}
