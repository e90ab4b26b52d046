/* System instructions and events in real mode, and the ways out of it. */
#include "exec-system.h"

enum { AT_CODE = 0x1000, STACK = 0xfff0, AT_IVT = 0 };

static void put16(uint64_t address, uint16_t value)
{
    memcpy(exec_at(address), &value, 2);
}

static uint16_t get16(uint64_t address)
{
    return exec_get64(address) & 0xffff;
}

/* Vectors lead to 0040:(vector * 4), where they halt. */
static X86CPUState *real_reset(void)
{
    X86CPUState *env = exec_reset(16);

    for (unsigned i = 0; i < 256; i++) {
        put16(AT_IVT + i * 4, i * 4);
        put16(AT_IVT + i * 4 + 2, AT_HANDLERS >> 4);
    }
    memset(exec_at(AT_HANDLERS), 0xf4, 0x400);
    env->idt = (SegmentCache){ .limit = 0x3ff };
    env->hflags = x86_cpu_state_hflags(env);
    return env;
}

static int taken_real(void)
{
    const X86CPUState *env = &exec_cpu->env;

    return env->segs[R_CS].selector == AT_HANDLERS >> 4 ? (int)(env->eip - 1) / 4 : -1;
}

static uint16_t word(unsigned n)
{
    return get16(exec_cpu->env.regs[R_ESP] + n * 2);
}

GUEST(r_int, 16, "sti; int $0x21; nop")
static void int_pushes_flags_and_return_address(void)
{
    X86CPUState *env = real_reset();

    guest_run(r_int);
    g_assert_cmpint(taken_real(), ==, 0x21);
    g_assert_cmphex(env->regs[R_ESP], ==, STACK - 6);
    g_assert_cmphex(word(0), ==, AT_CODE + 3);
    g_assert_cmphex(word(1), ==, 0);
    g_assert_cmphex(word(2), ==, 0x202);
    g_assert_cmphex(env->eflags & FLAG_IF, ==, 0);
}

GUEST(r_iret, 16, "int $0x22; mov $7, %cx")
static void iret_goes_back(void)
{
    X86CPUState *env = real_reset();

    *exec_at(AT_HANDLERS + 0x22 * 4) = 0xcf;
    env->eflags |= FLAG_CF | FLAG_DF;
    guest_run(r_iret);
    g_assert_cmpint(taken_real(), ==, -1);
    g_assert_cmphex(env->regs[R_ECX] & 0xffff, ==, 7);
    g_assert_cmphex(env->regs[R_ESP], ==, STACK);
    g_assert_cmphex(env->eflags, ==, 2 | FLAG_CF | FLAG_DF);
}

GUEST(r_divide, 16, "xor %cx, %cx; div %cx")
static void faults_push_no_error_code(void)
{
    X86CPUState *env = real_reset();

    guest_run(r_divide);
    g_assert_cmpint(taken_real(), ==, EXCP_DE);
    g_assert_cmphex(env->regs[R_ESP], ==, STACK - 6);
    g_assert_cmphex(word(0), ==, AT_CODE + 2);
    env = real_reset();
    env->segs[R_DS].limit = 0xff;
    static const uint8_t load[] = { 0xa1, 0xff, 0x00 };     /* mov ax, [0xff] */
    exec_run_bytes(load, sizeof(load));
    g_assert_cmpint(taken_real(), ==, EXCP_GP);
    g_assert_cmphex(env->regs[R_ESP], ==, STACK - 6);
}

GUEST(r_beyond, 16, "int $0x40")
static void vector_beyond_the_table_is_gp(void)
{
    X86CPUState *env = real_reset();

    env->idt.limit = 0xff;
    guest_run(r_beyond);
    g_assert_cmpint(taken_real(), ==, EXCP_GP);
    g_assert_cmphex(word(0), ==, AT_CODE);
}

GUEST(r_far, 16, "lcall $0x2000, $0x34; mov $1, %dx; ljmp *0x500")
static void far_transfers_set_the_base(void)
{
    X86CPUState *env = real_reset();
    static const uint8_t there[] = { 0x8c, 0xc8, 0xcb };    /* mov ax, cs; retf */

    memcpy(exec_at(0x20034), there, sizeof(there));
    put16(0x500, 5 * 4);
    put16(0x502, AT_HANDLERS >> 4);
    guest_run(r_far);
    g_assert_cmpint(taken_real(), ==, 5);
    g_assert_cmphex(env->regs[R_EAX], ==, 0x2000);
    g_assert_cmphex(env->regs[R_EDX], ==, 1);
    g_assert_cmphex(env->segs[R_CS].base, ==, AT_HANDLERS);
    g_assert_cmphex(env->regs[R_ESP], ==, STACK);
}

GUEST(r_sreg, 16, "mov $0x1234, %ax; mov %ax, %es; push %es; pop %ds; mov %ds, %bx; movb $0x55, (0x10)")
static void segment_loads_are_sixteen_fold(void)
{
    X86CPUState *env = real_reset();

    guest_run(r_sreg);
    g_assert_cmphex(env->segs[R_ES].base, ==, 0x12340);
    g_assert_cmphex(env->regs[R_EBX], ==, 0x1234);
    g_assert_cmphex(*exec_at(0x12350), ==, 0x55);
    g_assert_cmphex(env->segs[R_ES].limit, ==, 0xffff);
}

GUEST(r_ldt, 16, "lldt %ax")
GUEST(r_lar, 16, "lar %ax, %ax")
static void protected_mode_instructions_are_undefined(void)
{
    real_reset();
    guest_run(r_ldt);
    g_assert_cmpint(taken_real(), ==, EXCP_UD);
    real_reset();
    guest_run(r_lar);
    g_assert_cmpint(taken_real(), ==, EXCP_UD);
}

/* Limits stay as protected mode left them ("unreal mode"). */
GUEST(r_unreal, 16, "lgdtl 0x600; mov %cr0, %eax; or $1, %al; mov %eax, %cr0; mov $0x10, %bx; mov %bx, %ds; and $0xfe, %al; mov %eax, %cr0; "
      "xor %bx, %bx; mov %bx, %ds; mov $0x200000, %ebx; movl $0x12345678, (%ebx)")
static void limits_outlive_protected_mode(void)
{
    X86CPUState *env = real_reset();

    put_gdt(SEL_DATA, descriptor(0, 0xfffff, 0x93, 0xc));
    put16(0x600, GDT_LIMIT);
    exec_put64(0x602, AT_GDT);
    guest_run(r_unreal);
    g_assert_cmpint(taken_real(), ==, -1);
    g_assert_cmphex(env->segs[R_DS].limit, ==, 0xffffffff);
    g_assert_cmphex(exec_get32(0x200000), ==, 0x12345678);
    g_assert_cmphex(env->cr[0] & 1, ==, 0);
}

GUEST(r_protect, 16, "lgdtl 0x600; lmsw %bp; ljmpl $8, $1f - guest_r_protect + 0x1000\n.code32\n1: mov $0x10, %eax; mov %eax, %ss; "
      "mov $0x20000, %esp; push $0x12345678; pop %edx; smsw %ecx\n.code16")
static void protected_mode_is_entered(void)
{
    X86CPUState *env = real_reset();

    put_gdt(SEL_CODE, descriptor(0, 0xfffff, 0x9b, 0xc));
    put_gdt(SEL_DATA, descriptor(0, 0xfffff, 0x93, 0xc));
    put16(0x600, GDT_LIMIT);
    exec_put64(0x602, AT_GDT);
    env->regs[R_EBP] = 1;
    guest_run(r_protect);
    g_assert_cmphex(env->regs[R_EDX], ==, 0x12345678);
    g_assert_cmphex(env->regs[R_ECX] & 1, ==, 1);
    g_assert_cmphex(env->regs[R_ESP], ==, 0x20000);
}

GUEST(r_lmsw, 16, "mov $1, %ax; lmsw %ax; xor %ax, %ax; lmsw %ax; smsw %bx")
static void lmsw_can_not_leave_protected_mode(void)
{
    X86CPUState *env = real_reset();

    guest_run(r_lmsw);
    g_assert_cmphex(env->regs[R_EBX] & 1, ==, 1);
}

GUEST(r_popf, 16, "pushw $0x7fd7; popfw; pushfw; pop %ax; pushfl; pop %ebx")
static void popf_changes_all_but_what_is_fixed(void)
{
    X86CPUState *env = real_reset();

    *exec_at(AT_HANDLERS + EXCP_DB * 4) = 0xcf;
    guest_run(r_popf);
    g_assert_cmphex(env->regs[R_EAX] & 0xffff, ==, 0x7fd7);
    g_assert_cmphex(env->regs[R_EBX], ==, 0x7fd7);
}

GUEST(r_stack, 16, "push %ax")
static void push_across_the_end_of_the_segment_is_ss(void)
{
    X86CPUState *env = real_reset();

    env->regs[R_ESP] = 1;
    /* There is no room for the exception's frame either: double, then triple fault. */
    guest_run(r_stack);
    g_assert_cmpint(taken_real(), ==, -1);
    g_assert_cmpuint(exec_cpu->halted, ==, 1);
    g_assert_cmphex(env->regs[R_ESP], ==, 1);
}

/* Start-up: what an INIT leaves, and where a start-up begins. */
static void init_and_startup(void)
{
    X86CPUState *env = real_reset();

    exec_cpu->index = 1;
    env->regs[R_EAX] = 5;
    exec_cpu->interrupt_request = CPU_INTERRUPT_INIT;
    guest_run(r_stack);
    g_assert_cmpuint(exec_cpu->halted, ==, 1);
    g_assert_cmphex(env->segs[R_CS].base, ==, 0xffff0000);
    g_assert_cmphex(env->regs[R_EAX], ==, 0);
    x86_cpu_startup(exec_cpu, 0x9a);
    g_assert_cmphex(env->segs[R_CS].selector, ==, 0x9a00);
    g_assert_cmphex(env->segs[R_CS].base, ==, 0x9a000);
    g_assert_cmphex(env->eip, ==, 0);
    g_assert_cmpuint(exec_cpu->halted, ==, 0);
    exec_cpu->index = 0;
}

#define ADD(fn) g_test_add_func("/x86-system-real/" #fn, fn)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    exec_machine_init("max");
    ADD(int_pushes_flags_and_return_address);
    ADD(iret_goes_back);
    ADD(faults_push_no_error_code);
    ADD(vector_beyond_the_table_is_gp);
    ADD(far_transfers_set_the_base);
    ADD(segment_loads_are_sixteen_fold);
    ADD(protected_mode_instructions_are_undefined);
    ADD(limits_outlive_protected_mode);
    ADD(protected_mode_is_entered);
    ADD(lmsw_can_not_leave_protected_mode);
    ADD(popf_changes_all_but_what_is_fixed);
    ADD(push_across_the_end_of_the_segment_is_ss);
    ADD(init_and_startup);
    return g_test_run();
}
