/* System instructions and events in 32-bit protected mode: levels, gates, tasks, VM86. */
#include "exec-system.h"

enum { SEL_TASK_CODE = SEL_SPARE, SEL_CONFORMING = SEL_SPARE_2, SEL_GATE = SEL_SPARE_3, SEL_TSS_2 = 0x58, SEL_LDT = 0x60 };

static void put32(uint64_t address, uint32_t value)
{
    memcpy(exec_at(address), &value, 4);
}

static void put16(uint64_t address, uint16_t value)
{
    memcpy(exec_at(address), &value, 2);
}

static uint16_t get16(uint64_t address)
{
    return exec_get64(address) & 0xffff;
}

static uint64_t call_gate(uint16_t selector, uint32_t offset, unsigned access, unsigned count)
{
    return (offset & 0xffff) | (uint64_t)selector << 16 | (uint64_t)count << 32 | (uint64_t)access << 40 | (uint64_t)(offset >> 16) << 48;
}

/* Events. */

GUEST(p_int3, 32, "int3")
static void interrupt_at_the_same_level_uses_the_same_stack(void)
{
    X86CPUState *env = system_reset(32);

    guest_run(p_int3);
    g_assert_cmpint(taken(), ==, EXCP_BP);
    g_assert_cmphex(env->regs[R_ESP], ==, EXEC_STACK - 12);
    g_assert_cmphex(frame32(0), ==, EXEC_CODE + 1);
    g_assert_cmphex(frame32(1), ==, SEL_CODE);
    g_assert_cmphex(frame32(2), ==, 2);
}

static void interrupt_from_user_pushes_its_stack(void)
{
    X86CPUState *env = system_reset(32);

    put_gate32(EXCP_BP, 0xee, SEL_CODE, handler_of(EXCP_BP));
    system_user(32);
    guest_run(p_int3);
    g_assert_cmpint(taken(), ==, EXCP_BP);
    g_assert_cmphex(env->regs[R_ESP], ==, KERNEL_STACK - 20);
    g_assert_cmphex(env->segs[R_SS].selector, ==, SEL_DATA);
    g_assert_cmphex(frame32(1), ==, SEL_USER32);
    g_assert_cmphex(frame32(3), ==, USER_STACK);
    g_assert_cmphex(frame32(4), ==, SEL_USER_DATA);
}

static void gate_of_16_bits_pushes_words(void)
{
    X86CPUState *env = system_reset(32);

    put_gate32(EXCP_BP, 0x86, SEL_CODE, handler_of(EXCP_BP));
    guest_run(p_int3);
    g_assert_cmpint(taken(), ==, EXCP_BP);
    g_assert_cmphex(env->regs[R_ESP], ==, EXEC_STACK - 6);
    g_assert_cmphex(get16(EXEC_STACK - 6), ==, (EXEC_CODE + 1) & 0xffff);
    g_assert_cmphex(get16(EXEC_STACK - 4), ==, SEL_CODE);
}

GUEST(p_gp, 32, "mov $0x28, %eax; lldt %ax")
static void error_code_is_pushed(void)
{
    X86CPUState *env = system_reset(32);

    guest_run(p_gp);
    g_assert_cmpint(taken(), ==, EXCP_GP);
    g_assert_cmphex(env->regs[R_ESP], ==, EXEC_STACK - 16);
    g_assert_cmphex(frame32(0), ==, 0x28);
    g_assert_cmphex(frame32(1), ==, EXEC_CODE + 5);
}

static void stack_of_the_tss_must_be_writable_data_of_the_level(void)
{
    system_reset(32);
    put_gate32(EXCP_BP, 0xee, SEL_CODE, handler_of(EXCP_BP));
    put_gate32(EXCP_TS, 0x85, SEL_TSS_2, 0);
    put_gdt(SEL_TSS_2, descriptor(AT_TSS_2, 0x67, 0x89, 0));
    put32(AT_TSS_2 + 0x20, handler_of(EXCP_TS));
    put32(AT_TSS_2 + 0x38, KERNEL_STACK);
    for (unsigned i = 0; i < 6; i++) {
        put32(AT_TSS_2 + 0x48 + i * 4, i == R_CS ? SEL_CODE : SEL_DATA);
    }
    put16(AT_TSS + 8, SEL_USER_DATA);       /* SS0 of the wrong level */
    system_user(32);
    guest_run(p_int3);
    g_assert_cmpint(taken(), ==, EXCP_TS);
    g_assert_cmphex(frame32(0), ==, (SEL_USER_DATA & ~3));      /* INT3: EXT is 0 */
    g_assert_cmphex(exec_get32(AT_TSS + 0x20), ==, EXEC_CODE);
}

GUEST(p_into, 32, "movb $0x7f, %al; addb $1, %al; into; nop")
static void into_traps_on_overflow(void)
{
    system_reset(32);
    guest_run(p_into);
    g_assert_cmpint(taken(), ==, EXCP_OF);
    g_assert_cmphex(frame32(0), ==, EXEC_CODE + 5);
}

GUEST(p_bound, 32, "mov $5, %eax; bound %eax, 0x30000; mov $9, %eax; bound %eax, 0x30000")
static void bound_faults_outside(void)
{
    X86CPUState *env = system_reset(32);

    exec_put64(EXEC_DATA, 3 | 7ull << 32);
    guest_run(p_bound);
    g_assert_cmpint(taken(), ==, EXCP_BR);
    g_assert_cmpuint(env->regs[R_EAX], ==, 9);
    g_assert_cmphex(frame32(0), ==, EXEC_CODE + 16);
}

/* Far transfers. */

GUEST(p_far_jump, 32, "ljmp $0x48, $1f - guest_p_far_jump + 0x10000; ud2; 1: mov %cs, %eax; ljmp $0x10, $0")
static void far_jump_to_conforming_code_and_to_data(void)
{
    X86CPUState *env = system_reset(32);

    put_gdt(SEL_CONFORMING, descriptor(0, 0xfffff, 0x9e, 0xc));
    guest_run(p_far_jump);
    g_assert_cmpint(taken(), ==, EXCP_GP);
    g_assert_cmphex(env->regs[R_EAX], ==, SEL_CONFORMING);
    g_assert_cmphex(frame32(0), ==, SEL_DATA);
    g_assert_cmphex(*exec_at(AT_GDT + SEL_CONFORMING + 5), ==, 0x9f);       /* accessed */
}

GUEST(p_call_gate, 32, "push $0x1111; push $0x2222; lcall $0x53, $0; ud2")
static void call_gate_changes_stacks_and_copies_parameters(void)
{
    X86CPUState *env = system_reset(32);

    put_gdt(SEL_GATE, call_gate(SEL_CODE, handler_of(99), 0xec, 2));
    system_user(32);
    guest_run(p_call_gate);
    g_assert_cmpint(taken(), ==, 99);
    g_assert_cmphex(env->regs[R_ESP], ==, KERNEL_STACK - 24);
    g_assert_cmphex(frame32(0), ==, EXEC_CODE + 17);
    g_assert_cmphex(frame32(1), ==, SEL_USER32);
    g_assert_cmphex(frame32(2), ==, 0x2222);
    g_assert_cmphex(frame32(3), ==, 0x1111);
    g_assert_cmphex(frame32(4), ==, USER_STACK - 8);
    g_assert_cmphex(frame32(5), ==, SEL_USER_DATA);
}

static void call_gate_above_its_level_is_gp(void)
{
    system_reset(32);
    put_gdt(SEL_GATE, call_gate(SEL_CODE, handler_of(99), 0x8c, 2));
    system_user(32);
    guest_run(p_call_gate);
    g_assert_cmpint(taken(), ==, EXCP_GP);
    g_assert_cmphex(frame32(0), ==, SEL_GATE);
}

GUEST(p_retf, 32, "push $0x23; push $0x48000; push $0x1b; push $0x40000; lret $4")
static void far_return_to_user_releases_and_drops_segments(void)
{
    X86CPUState *env = system_reset(32);

    put16(AT_USER, 0x0b0f);
    /* Where the return takes its words from: 4 bytes of parameters between. */
    guest_run(p_retf);
    g_assert_cmpint(taken(), ==, EXCP_GP);      /* without room for them SS is 0x48000 */
    env = system_reset(32);
    put16(AT_USER, 0x0b0f);
    exec_put64(EXEC_STACK - 20, 0x40000 | (uint64_t)SEL_USER32 << 32);
    exec_put64(EXEC_STACK - 8, 0x48000 | (uint64_t)SEL_USER_DATA << 32);
    env->regs[R_ESP] = EXEC_STACK - 20;
    static const uint8_t retf[] = { 0xca, 4, 0 };
    exec_run_bytes(retf, sizeof(retf));
    g_assert_cmpint(taken(), ==, EXCP_UD);
    g_assert_cmphex(frame32(3), ==, 0x48004);
    g_assert_cmphex(env->segs[R_DS].selector, ==, 0);
    g_assert_cmphex(env->segs[R_ES].selector, ==, 0);
}

/* Tasks. */

static void make_task(uint32_t eip)
{
    put_gdt(SEL_TSS_2, descriptor(AT_TSS_2, 0x67, 0x89, 0));
    put32(AT_TSS_2 + 0x20, eip);
    put32(AT_TSS_2 + 0x24, 2 | FLAG_CF);
    put32(AT_TSS_2 + 0x28, 0xaaaa);
    put32(AT_TSS_2 + 0x38, KERNEL_STACK);
    for (unsigned i = 0; i < 6; i++) {
        put32(AT_TSS_2 + 0x48 + i * 4, i == R_CS ? SEL_CODE : SEL_DATA);
    }
}

GUEST(p_call_task, 32, "mov $0x1234, %ebx; lcall $0x58, $0; mov %eax, %edi; mov $7, %ecx")
static void task_call_saves_links_and_iret_returns(void)
{
    X86CPUState *env = system_reset(32);
    static const uint8_t task[] = { 0xb8, 0x99, 0, 0, 0, 0xcf };        /* mov eax, 0x99; iret */

    make_task(AT_USER);
    memcpy(exec_at(AT_USER), task, sizeof(task));
    env->regs[R_EAX] = 0x55;
    guest_run(p_call_task);
    g_assert_cmpint(taken(), ==, -1);
    g_assert_cmphex(env->regs[R_EBX], ==, 0x1234);
    g_assert_cmphex(env->regs[R_EDI], ==, 0x55);
    g_assert_cmphex(env->regs[R_ECX], ==, 7);
    g_assert_cmphex(env->tr.selector, ==, SEL_TSS);
    g_assert_cmphex(env->eflags & FLAG_NT, ==, 0);
    g_assert_cmphex(get16(AT_TSS_2), ==, SEL_TSS);                      /* the link */
    g_assert_cmphex(exec_get32(AT_TSS_2 + 0x28), ==, 0x99);             /* as it was left */
    g_assert_cmphex(exec_get32(AT_TSS_2 + 0x20), ==, AT_USER + 6);
    g_assert_cmphex(*exec_at(AT_GDT + SEL_TSS_2 + 5), ==, 0x89);        /* not busy any more */
    g_assert_cmphex(env->cr[0] & CR0_TS, ==, CR0_TS);
}

GUEST(p_jump_task, 32, "ljmp $0x58, $0")
static void task_jump_leaves_the_old_task_free(void)
{
    X86CPUState *env = system_reset(32);

    make_task(handler_of(77));
    guest_run(p_jump_task);
    g_assert_cmpint(taken(), ==, 77);
    g_assert_cmphex(env->regs[R_EAX], ==, 0xaaaa);
    g_assert_cmphex(env->eflags, ==, 2 | FLAG_CF);
    g_assert_cmphex(env->regs[R_ESP], ==, KERNEL_STACK);
    g_assert_cmphex(*exec_at(AT_GDT + SEL_TSS + 5), ==, 0x89);
    g_assert_cmphex(*exec_at(AT_GDT + SEL_TSS_2 + 5), ==, 0x8b);
    g_assert_cmphex(exec_get32(AT_TSS + 0x20), ==, EXEC_CODE + 7);
}

static void busy_task_is_gp(void)
{
    system_reset(32);
    make_task(handler_of(77));
    put_gdt(SEL_TSS_2, descriptor(AT_TSS_2, 0x67, 0x8b, 0));
    guest_run(p_jump_task);
    g_assert_cmpint(taken(), ==, EXCP_GP);
    g_assert_cmphex(frame32(0), ==, SEL_TSS_2);
}

static void short_task_state_is_ts(void)
{
    system_reset(32);
    make_task(handler_of(77));
    put_gdt(SEL_TSS_2, descriptor(AT_TSS_2, 0x66, 0x89, 0));
    guest_run(p_jump_task);
    g_assert_cmpint(taken(), ==, EXCP_TS);
    g_assert_cmphex(frame32(0), ==, SEL_TSS_2);
}

static void fault_in_the_new_task_is_the_new_tasks(void)
{
    X86CPUState *env = system_reset(32);

    make_task(handler_of(77));
    put32(AT_TSS_2 + 0x48 + R_DS * 4, SEL_SPARE);       /* nothing there */
    guest_run(p_jump_task);
    g_assert_cmpint(taken(), ==, EXCP_TS);
    g_assert_cmphex(frame32(0), ==, SEL_SPARE);
    g_assert_cmphex(frame32(1), ==, handler_of(77));
    g_assert_cmphex(env->tr.selector, ==, SEL_TSS_2);
}

static void exception_through_a_task_gate_pushes_its_error_there(void)
{
    X86CPUState *env = system_reset(32);

    make_task(handler_of(66));
    put_gate32(EXCP_GP, 0x85, SEL_TSS_2, 0);
    guest_run(p_gp);
    g_assert_cmpint(taken(), ==, 66);
    g_assert_cmphex(env->regs[R_ESP], ==, KERNEL_STACK - 4);
    g_assert_cmphex(frame32(0), ==, 0x28);
    g_assert_cmphex(exec_get32(AT_TSS + 0x20), ==, EXEC_CODE + 5);
    g_assert_cmphex(env->eflags & FLAG_NT, ==, FLAG_NT);
}

/* VM86. */

GUEST(p_vm86, 32, "pushl $0x6000; pushl $0x5000; pushl $0x4000; pushl $0x3000; pushl $0x2000; pushl $0x800; pushl $0x23202; pushl $0x4000; pushl $0; iret")
static void iret_enters_vm86_and_a_fault_leaves_it(void)
{
    X86CPUState *env = system_reset(32);
    static const uint8_t code[] = { 0x8c, 0xd8, 0x8c, 0xcb, 0x8e, 0xc0, 0x0f, 0x0b };   /* mov ax, ds; mov bx, cs; mov es, ax; ud2 */

    memcpy(exec_at(0x40000), code, sizeof(code));
    guest_run(p_vm86);
    g_assert_cmpint(taken(), ==, EXCP_UD);
    g_assert_cmphex(env->regs[R_EAX], ==, 0x4000);
    g_assert_cmphex(env->regs[R_EBX], ==, 0x4000);
    g_assert_cmphex(env->regs[R_ESP], ==, KERNEL_STACK - 36);
    g_assert_cmphex(frame32(0), ==, 6);
    g_assert_cmphex(frame32(1), ==, 0x4000);
    g_assert_cmphex(frame32(2), ==, 0x33202);       /* RF, VM */
    g_assert_cmphex(frame32(3), ==, 0x800);
    g_assert_cmphex(frame32(4), ==, 0x2000);        /* SS */
    g_assert_cmphex(frame32(5), ==, 0x4000);        /* ES, changed */
    g_assert_cmphex(frame32(6), ==, 0x4000);        /* DS */
    g_assert_cmphex(frame32(7), ==, 0x5000);
    g_assert_cmphex(frame32(8), ==, 0x6000);
    g_assert_cmphex(env->segs[R_DS].selector, ==, 0);
    g_assert_cmphex(env->eflags & FLAG_VM, ==, 0);
    g_assert_cmpuint(env->hflags & HF_CPL_MASK, ==, 0);
}

GUEST(p_vm86_iopl0, 32, "pushl $0; pushl $0; pushl $0; pushl $0; pushl $0x2000; pushl $0x800; pushl $0x20202; pushl $0x4000; pushl $0; iret")
static void vm86_below_iopl_3_faults_on_what_is_sensitive(void)
{
    static const uint8_t codes[][2] = { { 0xfa }, { 0xfb }, { 0x9c }, { 0x9d }, { 0xcf }, { 0xcd, 0x21 } };

    for (unsigned i = 0; i < G_N_ELEMENTS(codes); i++) {
        system_reset(32);
        memcpy(exec_at(0x40000), codes[i], 2);
        guest_run(p_vm86_iopl0);
        g_assert_cmpint(taken(), ==, EXCP_GP);
        g_assert_cmphex(frame32(0), ==, 0);
        g_assert_cmphex(frame32(1), ==, 0);
    }
    /* INT3 is not. */
    system_reset(32);
    put_gate32(EXCP_BP, 0xee, SEL_CODE, handler_of(EXCP_BP));
    *exec_at(0x40000) = 0xcc;
    guest_run(p_vm86_iopl0);
    g_assert_cmpint(taken(), ==, EXCP_BP);
}

/* Examination. */

GUEST(p_lar, 32, "mov $0x10, %eax; lar %eax, %ebx; setz %dl; lsl %eax, %ecx; setz %dh; mov $0x90, %eax; lar %eax, %ebx; setz %al; mov $0x30, %esi; lsl %esi, %esi")
static void lar_and_lsl_answer_what_may_be_seen(void)
{
    X86CPUState *env = system_reset(32);

    guest_run(p_lar);
    g_assert_cmpint(taken(), ==, -1);
    g_assert_cmphex(env->regs[R_EBX], ==, 0xc09300);
    g_assert_cmphex(env->regs[R_ECX], ==, 0xffffffff);
    g_assert_cmphex(env->regs[R_EDX] & 0xffff, ==, 0x101);
    g_assert_cmphex(env->regs[R_EAX] & 0xff, ==, 0);
    g_assert_cmphex(env->regs[R_ESI], ==, 0x1ff);
}

GUEST(p_verr, 32, "mov $0x8, %eax; verr %ax; setz %bl; verw %ax; setz %bh; mov $0x10, %eax; verw %ax; setz %cl; mov $0x11, %eax; mov $3, %edx; arpl %dx, %ax; setz %ch")
static void verr_verw_and_arpl(void)
{
    X86CPUState *env = system_reset(32);

    guest_run(p_verr);
    g_assert_cmphex(env->regs[R_EBX] & 0xffff, ==, 0x0001);
    g_assert_cmphex(env->regs[R_ECX] & 0xffff, ==, 0x0101);
    g_assert_cmphex(env->regs[R_EAX], ==, 0x13);
}

/* Segments. */

GUEST(p_limit, 32, "mov $0x40, %eax; mov %eax, %ds; mov 0xffc, %ebx; mov 0xffd, %ecx")
static void limit_is_checked_to_the_byte(void)
{
    X86CPUState *env = system_reset(32);

    put_gdt(SEL_SPARE, descriptor(EXEC_DATA, 0xfff, 0x93, 4));
    put32(EXEC_DATA + 0xffc, 0xabcd);
    guest_run(p_limit);
    g_assert_cmpint(taken(), ==, EXCP_GP);
    g_assert_cmphex(env->regs[R_EBX], ==, 0xabcd);
    g_assert_cmphex(frame32(0), ==, 0);
}

GUEST(p_np, 32, "mov $0x40, %eax; mov %eax, %ds")
GUEST(p_np_ss, 32, "mov $0x40, %eax; mov %eax, %ss")
static void absent_segments_are_np_and_absent_stacks_ss(void)
{
    system_reset(32);
    put_gdt(SEL_SPARE, descriptor(EXEC_DATA, 0xfff, 0x13, 4));
    guest_run(p_np);
    g_assert_cmpint(taken(), ==, EXCP_NP);
    g_assert_cmphex(frame32(0), ==, SEL_SPARE);
    system_reset(32);
    put_gdt(SEL_SPARE, descriptor(EXEC_DATA, 0xfff, 0x13, 4));
    guest_run(p_np_ss);
    g_assert_cmpint(taken(), ==, EXCP_SS);
    g_assert_cmphex(frame32(0), ==, SEL_SPARE);
}

GUEST(p_shadow, 32, "mov %eax, %ss; int3")
static void mov_ss_holds_the_step_trap(void)
{
    X86CPUState *env = system_reset(32);

    env->eflags |= FLAG_TF;
    env->regs[R_EAX] = SEL_DATA;
    guest_run(p_shadow);
    g_assert_cmpint(taken(), ==, EXCP_BP);      /* no #DB in between, and none after the delivery */
    g_assert_cmphex(frame32(0), ==, EXEC_CODE + 3);
}

GUEST(p_step, 32, "mov $1, %eax; mov $2, %eax")
static void single_step_traps_after_each_instruction(void)
{
    X86CPUState *env = system_reset(32);

    env->eflags |= FLAG_TF;
    guest_run(p_step);
    g_assert_cmpint(taken(), ==, EXCP_DB);
    g_assert_cmphex(frame32(0), ==, EXEC_CODE + 5);
    g_assert_cmphex(frame32(2), ==, 2 | FLAG_TF);
    g_assert_cmphex(env->eflags & FLAG_TF, ==, 0);
    g_assert_cmphex(env->dr[6], ==, 0xffff4ff0);
}

/* The I/O permission map. */

GUEST(p_in, 32, "mov $0x3f8, %edx; in %dx, %al; in %dx, %ax")
static void permission_map_decides_below_iopl(void)
{
    X86CPUState *env = system_reset(32);

    put16(AT_TSS + 0x66, 0x68);
    memset(exec_at(AT_TSS + 0x68), 0xff, 0x100);
    exec_at(AT_TSS + 0x68)[0x3f8 / 8] = 0xfe;
    system_user(32);
    guest_run(p_in);
    g_assert_cmpint(taken(), ==, EXCP_GP);
    g_assert_cmphex(frame32(1), ==, EXEC_CODE + 6);     /* the word touches 0x3f9 */
    env = system_reset(32);
    system_user(32);
    env->tr.limit = 0x67;
    guest_run(p_in);
    g_assert_cmphex(frame32(1), ==, EXEC_CODE + 5);
}

/* Into long mode and back. */

GUEST(p_long, 32, "mov %cr4, %eax; or $0x20, %eax; mov %eax, %cr4; mov $0x1000, %eax; mov %eax, %cr3; mov $0xc0000080, %ecx; "
      "rdmsr; or $0x100, %eax; wrmsr; mov %cr0, %eax; or $0x80000000, %eax; mov %eax, %cr0; rdmsr; mov %eax, %esi; "
      "ljmp $0x28, $1f - guest_p_long + 0x10000\n.code64\n1: mov $0x123456789, %rbx; pushq $8; pushq $2f - guest_p_long + 0x10000; lretq\n"
      ".code32\n2: mov %cr0, %eax; btr $31, %eax; mov %eax, %cr0; rdmsr; mov %eax, %edi")
static void long_mode_is_entered_and_left(void)
{
    X86CPUState *env = exec_reset(64);      /* for its page tables */

    env = system_reset(32);
    put_gdt(SEL_USER, descriptor(0, 0xfffff, 0x9b, 0xa));
    guest_run(p_long);
    g_assert_cmpint(taken(), ==, -1);
    g_assert_cmphex(env->regs[R_ESI], ==, 0x500);       /* LME, LMA */
    g_assert_cmphex(env->regs[R_EDI], ==, 0x100);
    g_assert_cmphex(env->regs[R_EBX], ==, 0x123456789);
    g_assert_cmphex(env->hflags >> HF_LMA_SHIFT & 1, ==, 0);
}

#define ADD(fn) g_test_add_func("/x86-system-protected/" #fn, fn)

GUEST(load_eax, 32, "mov $0x12345678, %eax\n")
static void an_instruction_may_not_go_on_behind_the_code_segment(void)
{
    for (unsigned more = 0; more < 2; more++) {
        X86CPUState *env = system_reset(32);

        env->segs[R_CS].limit = EXEC_CODE + 3 + more;
        guest_run(load_eax);
        g_assert_cmpint(taken(), ==, EXCP_GP);
        g_assert_cmphex(frame32(0), ==, 0);
        g_assert_cmphex(frame32(1), ==, EXEC_CODE + (more ? 5 : 0));
        g_assert_cmphex((uint32_t)env->regs[R_EAX] == 0x12345678, ==, more);
    }
}

GUEST(breakpoint, 32, "int3\n")
static void int3_leaves_no_resume_flag(void)
{
    X86CPUState *env = system_reset(32);

    env->eflags |= FLAG_RF;
    guest_run(breakpoint);
    g_assert_cmpint(taken(), ==, EXCP_BP);
    g_assert_cmphex(frame32(2) & FLAG_RF, ==, 0);
}

GUEST(call_beyond, 32, "call . + 5 + 0x100000\n")
static void a_call_beyond_the_segment_changes_no_register(void)
{
    X86CPUState *env = system_reset(32);

    env->segs[R_CS].limit = 0x1ffff;
    env->regs[R_ESP] = EXEC_STACK;
    guest_run(call_beyond);
    g_assert_cmpint(taken(), ==, EXCP_GP);
    g_assert_cmphex(env->regs[R_ESP], ==, EXEC_STACK - 16);
    g_assert_cmphex(frame32(1), ==, EXEC_CODE);
}

GUEST(store_float, 32, "fld1\n fstps (%ebx)\n")
static void an_alignment_check_comes_before_a_store_pops(void)
{
    X86CPUState *env = system_reset(32);

    system_user(32);
    env->cr[0] |= CR0_AM;
    env->eflags |= FLAG_AC;
    env->regs[R_EBX] = EXEC_DATA + 2;
    env->hflags = x86_cpu_state_hflags(env);
    guest_run(store_float);
    g_assert_cmpint(taken(), ==, EXCP_AC);
    g_assert_cmphex(env->fpus >> 11 & 7, ==, 7);
    g_assert_cmphex(env->fptags, ==, 0x7f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    exec_machine_init("max");
    ADD(interrupt_at_the_same_level_uses_the_same_stack);
    ADD(interrupt_from_user_pushes_its_stack);
    ADD(gate_of_16_bits_pushes_words);
    ADD(error_code_is_pushed);
    ADD(stack_of_the_tss_must_be_writable_data_of_the_level);
    ADD(into_traps_on_overflow);
    ADD(bound_faults_outside);
    ADD(far_jump_to_conforming_code_and_to_data);
    ADD(call_gate_changes_stacks_and_copies_parameters);
    ADD(call_gate_above_its_level_is_gp);
    ADD(far_return_to_user_releases_and_drops_segments);
    ADD(task_call_saves_links_and_iret_returns);
    ADD(task_jump_leaves_the_old_task_free);
    ADD(busy_task_is_gp);
    ADD(short_task_state_is_ts);
    ADD(fault_in_the_new_task_is_the_new_tasks);
    ADD(exception_through_a_task_gate_pushes_its_error_there);
    ADD(iret_enters_vm86_and_a_fault_leaves_it);
    ADD(vm86_below_iopl_3_faults_on_what_is_sensitive);
    ADD(lar_and_lsl_answer_what_may_be_seen);
    ADD(verr_verw_and_arpl);
    ADD(limit_is_checked_to_the_byte);
    ADD(absent_segments_are_np_and_absent_stacks_ss);
    ADD(mov_ss_holds_the_step_trap);
    ADD(single_step_traps_after_each_instruction);
    ADD(permission_map_decides_below_iopl);
    ADD(long_mode_is_entered_and_left);
    ADD(an_instruction_may_not_go_on_behind_the_code_segment);
    ADD(int3_leaves_no_resume_flag);
    ADD(a_call_beyond_the_segment_changes_no_register);
    ADD(an_alignment_check_comes_before_a_store_pops);
    return g_test_run();
}
