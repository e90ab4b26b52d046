/* System instructions and events in long mode. */
#include "exec-system.h"

/* Events. */

GUEST(int3, 64, "int3")
static void int3_pushes_the_next_instruction(void)
{
    X86CPUState *env = system_reset(64);

    env->regs[R_ESP] = EXEC_STACK - 4;
    guest_run(int3);
    g_assert_cmpint(taken(), ==, EXCP_BP);
    g_assert_cmphex(env->regs[R_ESP], ==, EXEC_STACK - 16 - 40);    /* aligned first */
    g_assert_cmphex(frame64(0), ==, EXEC_CODE + 1);
    g_assert_cmphex(frame64(1), ==, SEL_CODE);
    g_assert_cmphex(frame64(2), ==, 2);
    g_assert_cmphex(frame64(3), ==, EXEC_STACK - 4);
    g_assert_cmphex(frame64(4), ==, SEL_DATA);
}

GUEST(ud2, 64, "nop; ud2")
static void fault_pushes_its_own_address_with_rf(void)
{
    system_reset(64);
    guest_run(ud2);
    g_assert_cmpint(taken(), ==, EXCP_UD);
    g_assert_cmphex(frame64(0), ==, EXEC_CODE + 1);
    g_assert_cmphex(frame64(2), ==, 2 | FLAG_RF);
}

GUEST(load_not_canonical, 64, "mov $1, %eax; shl $63, %rax; mov (%rax), %ecx")
static void not_canonical_address_is_gp_with_zero(void)
{
    system_reset(64);
    guest_run(load_not_canonical);
    g_assert_cmpint(taken(), ==, EXCP_GP);
    g_assert_cmphex(frame64(0), ==, 0);
}

GUEST(load_unmapped, 64, "mov $0x80000000, %eax; movl $1, (%rax)")
static void page_fault_tells_address_and_kind(void)
{
    X86CPUState *env = system_reset(64);

    guest_run(load_unmapped);
    g_assert_cmpint(taken(), ==, EXCP_PF);
    g_assert_cmphex(env->cr[2], ==, 0x80000000);
    g_assert_cmphex(frame64(0), ==, 2);
    g_assert_cmphex(frame64(1), ==, EXEC_CODE + 5);
}

static void interrupt_from_user_takes_the_tss_stack_and_a_null_ss(void)
{
    X86CPUState *env = system_reset(64);

    put_gate64(EXCP_BP, 0xee, 0);
    system_user(64);
    guest_run(int3);
    g_assert_cmpint(taken(), ==, EXCP_BP);
    g_assert_cmphex(env->regs[R_ESP], ==, KERNEL_STACK - 40);
    g_assert_cmphex(env->segs[R_SS].selector, ==, 0);
    g_assert_cmphex(env->segs[R_CS].selector, ==, SEL_CODE);
    g_assert_cmpuint(env->hflags & HF_CPL_MASK, ==, 0);
    g_assert_cmphex(frame64(1), ==, SEL_USER);
    g_assert_cmphex(frame64(3), ==, USER_STACK);
    g_assert_cmphex(frame64(4), ==, SEL_USER_DATA);
}

GUEST(int80, 64, "int $0x80")
static void software_interrupt_needs_the_gates_level(void)
{
    system_reset(64);
    system_user(64);
    guest_run(int80);
    g_assert_cmpint(taken(), ==, EXCP_GP);
    g_assert_cmphex(frame64(0), ==, 0x80 * 8 + 2);
    g_assert_cmphex(frame64(1), ==, EXEC_CODE);
}

static void gate_that_is_not_present_is_np(void)
{
    system_reset(64);
    put_gate64(0x80, 0x0e, 0);
    guest_run(int80);
    g_assert_cmpint(taken(), ==, EXCP_NP);
    g_assert_cmphex(frame64(0), ==, 0x80 * 8 + 2);
}

static void fault_on_the_way_to_a_handler_has_ext(void)
{
    system_reset(64);
    put_gate64(EXCP_UD, 0x0e, 0);       /* benign: the second one is served by itself */
    guest_run(ud2);
    g_assert_cmpint(taken(), ==, EXCP_NP);
    g_assert_cmphex(frame64(0), ==, EXCP_UD * 8 + 3);
    g_assert_cmphex(frame64(1), ==, EXEC_CODE + 1);
}

static void two_contributory_faults_make_a_double_fault(void)
{
    system_reset(64);
    put_gate64(EXCP_GP, 0x0e, 0);
    guest_run(load_not_canonical);
    g_assert_cmpint(taken(), ==, EXCP_DF);
    g_assert_cmphex(frame64(0), ==, 0);
}

static void page_fault_without_handler_makes_a_double_fault(void)
{
    system_reset(64);
    put_gate64(EXCP_PF, 0x0e, 0);
    guest_run(load_unmapped);
    g_assert_cmpint(taken(), ==, EXCP_DF);
}

static void third_fault_halts(void)
{
    system_reset(64);
    put_gate64(EXCP_GP, 0x0e, 0);
    put_gate64(EXCP_DF, 0x0e, 0);
    guest_run(load_not_canonical);
    g_assert_cmpint(taken(), ==, -1);
    g_assert_cmpuint(exec_cpu->halted, ==, 1);
}

static void ist_stack_is_taken_at_the_same_level(void)
{
    X86CPUState *env = system_reset(64);

    put_gate64(EXCP_BP, 0x8e, 1);
    guest_run(int3);
    g_assert_cmphex(env->regs[R_ESP], ==, (IST_STACK & ~15) - 40);
    g_assert_cmphex(env->segs[R_SS].selector, ==, SEL_DATA);
}

static void trap_gate_keeps_if_and_interrupt_gate_does_not(void)
{
    X86CPUState *env = system_reset(64);

    env->eflags |= FLAG_IF;
    guest_run(int3);
    g_assert_cmphex(env->eflags & FLAG_IF, ==, 0);
    env = system_reset(64);
    env->eflags |= FLAG_IF;
    put_gate64(EXCP_BP, 0x8f, 0);
    guest_run(int3);
    g_assert_cmphex(env->eflags & FLAG_IF, ==, FLAG_IF);
}

/* Returns. */

GUEST(iretq_user, 64, "pushq $0x23; pushq $0x48000; pushq $0x3202; pushq $0x2b; pushq $0x40000; iretq")
static void iretq_goes_to_user(void)
{
    X86CPUState *env = system_reset(64);

    *exec_at(AT_USER) = 0x0f;
    *exec_at(AT_USER + 1) = 0x0b;
    guest_run(iretq_user);
    g_assert_cmpint(taken(), ==, EXCP_UD);
    g_assert_cmphex(frame64(0), ==, AT_USER);
    g_assert_cmphex(frame64(1), ==, SEL_USER);
    g_assert_cmphex(frame64(2), ==, 0x3202 | FLAG_RF);
    g_assert_cmphex(frame64(3), ==, 0x48000);
    g_assert_cmphex(frame64(4), ==, SEL_USER_DATA);
    g_assert_cmphex(env->regs[R_ESP], ==, KERNEL_STACK - 40);
}

GUEST(iretq_bad_cs, 64, "pushq $0x23; pushq $0x48000; pushq $0x202; pushq $0x10; pushq $0x40000; iretq")
static void iretq_to_data_is_gp_with_the_selector(void)
{
    X86CPUState *env = system_reset(64);

    guest_run(iretq_bad_cs);
    g_assert_cmpint(taken(), ==, EXCP_GP);
    g_assert_cmphex(frame64(0), ==, 0x10);
    g_assert_cmphex(frame64(4), ==, EXEC_STACK - 40);   /* RSP as before the instruction */
    (void)env;
}

GUEST(iretq_nt, 64, "pushq $0x4002; popfq; iretq")
static void iretq_with_nt_is_gp(void)
{
    system_reset(64);
    guest_run(iretq_nt);
    g_assert_cmpint(taken(), ==, EXCP_GP);
    g_assert_cmphex(frame64(0), ==, 0);
}

GUEST(iretq_kernel, 64, "mov %rsp, %rax; pushq $0; push %rax; pushq $2; pushq $8; lea 1f(%rip), %rcx; push %rcx; iretq; ud2; 1: mov $5, %edx")
static void iretq_to_level_0_may_have_a_null_ss(void)
{
    X86CPUState *env = system_reset(64);

    guest_run(iretq_kernel);
    g_assert_cmphex(env->regs[R_EDX], ==, 5);
    g_assert_cmphex(env->segs[R_SS].selector, ==, 0);
    g_assert_cmphex(env->regs[R_ESP], ==, EXEC_STACK);
}

GUEST(retf_compat, 64, "mov $0x48000, %esp; pushq $0x23; pushq $0x48000; pushq $0x1b; pushq $0x40000; lretq")
static void far_return_enters_compatibility_mode(void)
{
    X86CPUState *env = system_reset(64);
    static const uint8_t code[] = { 0x48, 0x0f, 0x0b };     /* dec eax there; ud2 */

    memcpy(exec_at(AT_USER), code, sizeof(code));
    env->regs[R_EAX] = 7;
    guest_run(retf_compat);
    g_assert_cmpint(taken(), ==, EXCP_UD);
    g_assert_cmphex(env->regs[R_EAX], ==, 6);
    g_assert_cmphex(frame64(0), ==, AT_USER + 1);
    g_assert_cmphex(frame64(1), ==, SEL_USER32);
}

/* System calls. */

static void set_syscall_msrs(X86CPUState *env)
{
    env->star = (uint64_t)SEL_CODE << 32 | (uint64_t)(SEL_USER32 & ~3) << 48;
    env->lstar = handler_of(200);
    env->fmask = FLAG_IF | FLAG_TF | FLAG_DF;
}

GUEST(syscall, 64, "std; syscall")
static void syscall_saves_rip_and_flags_and_masks(void)
{
    X86CPUState *env = system_reset(64);

    set_syscall_msrs(env);
    system_user(64);
    env->eflags |= FLAG_IF;
    guest_run(syscall);
    g_assert_cmpint(taken(), ==, 200);
    g_assert_cmphex(env->regs[R_ECX], ==, EXEC_CODE + 3);
    g_assert_cmphex(env->regs[11], ==, 2 | FLAG_IF | FLAG_DF);
    g_assert_cmphex(env->eflags, ==, 2);
    g_assert_cmphex(env->segs[R_CS].selector, ==, SEL_CODE);
    g_assert_cmphex(env->segs[R_SS].selector, ==, SEL_DATA);
    g_assert_cmphex(env->regs[R_ESP], ==, USER_STACK);
    g_assert_cmpuint(env->hflags & HF_CPL_MASK, ==, 0);
}

GUEST(sysretq, 64, "mov $0x40000, %ecx; mov $0x3246, %r11d; mov $0x48000, %esp; sysretq")
static void sysret_goes_to_64_bit_user(void)
{
    X86CPUState *env = system_reset(64);

    set_syscall_msrs(env);
    env->star = (uint64_t)SEL_CODE << 32 | (uint64_t)(SEL_USER32 & ~3) << 48;
    *exec_at(AT_USER) = 0x0f;
    *exec_at(AT_USER + 1) = 0x0b;
    guest_run(sysretq);
    g_assert_cmpint(taken(), ==, EXCP_UD);
    g_assert_cmphex(frame64(0), ==, AT_USER);
    g_assert_cmphex(frame64(1), ==, SEL_USER);          /* STAR's + 16 */
    g_assert_cmphex(frame64(2), ==, 0x3246 | FLAG_RF);
    g_assert_cmphex(frame64(4), ==, SEL_USER_DATA);     /* + 8 */
}

static void syscall_without_sce_is_undefined(void)
{
    X86CPUState *env = system_reset(64);

    env->efer &= ~EFER_SCE;
    guest_run(syscall);
    g_assert_cmpint(taken(), ==, EXCP_UD);
}

GUEST(swapgs, 64, "swapgs; mov %gs:8, %rax; swapgs; mov %gs:8, %rdx")
static void swapgs_exchanges_the_bases(void)
{
    X86CPUState *env = system_reset(64);

    exec_put64(EXEC_DATA + 8, 0x1111);
    exec_put64(EXEC_DATA + 0x108, 0x2222);
    env->segs[R_GS].base = EXEC_DATA;
    env->kernelgsbase = EXEC_DATA + 0x100;
    guest_run(swapgs);
    g_assert_cmphex(env->regs[R_EAX], ==, 0x2222);
    g_assert_cmphex(env->regs[R_EDX], ==, 0x1111);
}

static void swapgs_is_the_kernels(void)
{
    system_reset(64);
    system_user(64);
    guest_run(swapgs);
    g_assert_cmpint(taken(), ==, EXCP_GP);
}

/* Registers. */

GUEST(wrmsr_efer, 64, "mov $0xc0000080, %ecx; xor %edx, %edx; mov $0xffffffff, %eax; wrmsr")
static void reserved_bits_of_efer_are_gp(void)
{
    system_reset(64);
    guest_run(wrmsr_efer);
    g_assert_cmpint(taken(), ==, EXCP_GP);
}

GUEST(wrmsr_lme, 64, "mov $0xc0000080, %ecx; rdmsr; and $~0x100, %eax; wrmsr")
static void lme_can_not_change_under_paging(void)
{
    system_reset(64);
    guest_run(wrmsr_lme);
    g_assert_cmpint(taken(), ==, EXCP_GP);
}

GUEST(wrmsr_base, 64, "mov $0xc0000100, %ecx; mov $0x30000, %eax; xor %edx, %edx; wrmsr; mov %fs:(%rdx), %rbx; rdmsr; "
      "mov $0xc0000082, %ecx; mov $0x8000, %edx; wrmsr")
static void fs_base_is_an_msr_and_lstar_must_be_canonical(void)
{
    X86CPUState *env = system_reset(64);

    exec_put64(EXEC_DATA, 0x4321);
    guest_run(wrmsr_base);
    g_assert_cmpint(taken(), ==, EXCP_GP);
    g_assert_cmphex(env->regs[R_EBX], ==, 0x4321);
    g_assert_cmphex(env->regs[R_EAX], ==, 0x30000);
    g_assert_cmphex(env->lstar, ==, 0);
}

GUEST(mov_cr4, 64, "mov %cr4, %rax; bts $31, %rax; mov %rax, %cr4")
GUEST(mov_cr4_pae, 64, "mov %cr4, %rax; and $~0x20, %rax; mov %rax, %cr4")
GUEST(mov_cr0_pg, 64, "mov %cr0, %rax; btr $31, %rax; mov %rax, %cr0")
GUEST(mov_cr0_nw, 64, "mov %cr0, %rax; or $0x20000000, %rax; mov %rax, %cr0")
static void control_registers_refuse_what_can_not_be(void)
{
    system_reset(64);
    guest_run(mov_cr4);
    g_assert_cmpint(taken(), ==, EXCP_GP);
    system_reset(64);
    guest_run(mov_cr4_pae);
    g_assert_cmpint(taken(), ==, EXCP_GP);
    system_reset(64);
    guest_run(mov_cr0_pg);
    g_assert_cmpint(taken(), ==, EXCP_GP);
    system_reset(64);
    guest_run(mov_cr0_nw);
    g_assert_cmpint(taken(), ==, EXCP_GP);
}

GUEST(mov_cr3, 64, "mov %cr3, %rax; mov %rax, %cr3; mov %cr0, %rbx; mov %cr2, %rcx")
static void control_registers_read_back(void)
{
    X86CPUState *env = system_reset(64);

    env->cr[2] = 0x1234;
    guest_run(mov_cr3);
    g_assert_cmpint(taken(), ==, -1);
    g_assert_cmphex(env->regs[R_EAX], ==, EXEC_TABLES);
    g_assert_cmphex(env->regs[R_EBX], ==, 0x80010033);
    g_assert_cmphex(env->regs[R_ECX], ==, 0x1234);
}

static void privileged_instructions_are_gp_for_users(void)
{
    system_reset(64);
    system_user(64);
    guest_run(mov_cr3);
    g_assert_cmpint(taken(), ==, EXCP_GP);
    g_assert_cmphex(frame64(0), ==, 0);
}

GUEST(tables, 64, "sub $32, %rsp; sgdt (%rsp); sidt 10(%rsp); mov %rsp, %rbx; lgdt (%rsp); lidt 10(%rsp); str %eax; sldt %ecx; mov $0x40, %edx; ltr %dx")
static void tables_are_stored_and_loaded(void)
{
    X86CPUState *env = system_reset(64);

    put_gdt(SEL_SPARE, descriptor(AT_TSS_2, 0x67, 0x89, 0));
    put_gdt(SEL_SPARE_2, 0x1);      /* the base's upper half */
    guest_run(tables);
    g_assert_cmpint(taken(), ==, -1);
    g_assert_cmphex(exec_get64(env->regs[R_EBX]) & 0xffff, ==, GDT_LIMIT);
    g_assert_cmphex(exec_get64(env->regs[R_EBX] + 2), ==, AT_GDT);
    g_assert_cmphex(exec_get64(env->regs[R_EBX] + 12), ==, AT_IDT);
    g_assert_cmphex(env->gdt.base, ==, AT_GDT);
    g_assert_cmphex(env->regs[R_EAX], ==, SEL_TSS);
    g_assert_cmphex(env->tr.base, ==, 0x100000000ull | AT_TSS_2);
    g_assert_cmphex(*exec_at(AT_GDT + SEL_SPARE + 5), ==, 0x8b);    /* busy now */
}

GUEST(load_segments, 64, "mov $0x10, %eax; mov %eax, %ds; mov %eax, %fs; xor %eax, %eax; mov %eax, %es; mov $0x23, %eax; mov %eax, %gs; mov $0x23, %eax; mov %eax, %ss")
static void stack_segment_must_have_the_current_level(void)
{
    X86CPUState *env = system_reset(64);

    guest_run(load_segments);
    g_assert_cmpint(taken(), ==, EXCP_GP);
    g_assert_cmphex(frame64(0), ==, 0x20);
    g_assert_cmphex(env->segs[R_FS].selector, ==, 0x10);
    g_assert_cmphex(env->segs[R_GS].selector, ==, 0x23);
}

GUEST(load_beyond, 64, "mov $0x88, %eax; mov %eax, %ds")
static void selector_beyond_the_table_is_gp_with_the_selector(void)
{
    system_reset(64);
    guest_run(load_beyond);
    g_assert_cmpint(taken(), ==, EXCP_GP);
    g_assert_cmphex(frame64(0), ==, 0x88);
}

GUEST(popf, 64, "pushfq; pop %rax; pushq $0x3302; popfq; pushfq; pop %rcx")
static void user_changes_neither_iopl_nor_if(void)
{
    X86CPUState *env = system_reset(64);

    put_gate64(EXCP_DB, 0x8e, 0);
    system_user(64);
    env->eflags |= FLAG_IF;
    /* TF comes on: the step after POPF is trapped. */
    guest_run(popf);
    g_assert_cmpint(taken(), ==, EXCP_DB);
    g_assert_cmphex(env->regs[R_EAX], ==, 0x202);
    g_assert_cmphex(frame64(2), ==, 0x302);
    g_assert_cmphex(env->dr[6], ==, 0xffff4ff0);
}

GUEST(cli, 64, "cli")
static void cli_wants_the_io_level(void)
{
    X86CPUState *env = system_reset(64);

    system_user(64);
    guest_run(cli);
    g_assert_cmpint(taken(), ==, EXCP_GP);
    env = system_reset(64);
    system_user(64);
    env->eflags |= FLAG_IOPL | FLAG_IF;
    guest_run(cli);         /* and then HLT, which is not the user's */
    g_assert_cmpint(taken(), ==, EXCP_GP);
    g_assert_cmphex(frame64(2) & FLAG_IF, ==, 0);
    g_assert_cmphex(frame64(1), ==, EXEC_CODE + 1);
}

GUEST(cpuid, 64, "mov $1, %eax; cpuid")
static void cpuid_follows_cr4(void)
{
    X86CPUState *env = system_reset(64);

    guest_run(cpuid);
    g_assert_cmphex(env->regs[R_ECX] >> 27 & 1, ==, 0);
    env = system_reset(64);
    env->cr[4] |= CR4_OSXSAVE;
    guest_run(cpuid);
    g_assert_cmphex(env->regs[R_ECX] >> 27 & 1, ==, 1);
}

GUEST(rdtsc, 64, "rdtsc; mov %eax, %ebx; mov %edx, %ecx; rdtsc")
static void time_stamps_grow_and_can_be_forbidden(void)
{
    X86CPUState *env = system_reset(64);

    guest_run(rdtsc);
    g_assert_cmpint(taken(), ==, -1);
    g_assert_cmphex((env->regs[R_EDX] << 32 | env->regs[R_EAX]), >=, (env->regs[R_ECX] << 32 | env->regs[R_EBX]));
    env = system_reset(64);
    env->cr[4] |= CR4_TSD;
    system_user(64);
    guest_run(rdtsc);
    g_assert_cmpint(taken(), ==, EXCP_GP);
}

/* Requests. */

static int next_vector;
static unsigned acknowledged;

static int acknowledge(X86CPU *cpu)
{
    acknowledged++;
    x86_cpu_clear_interrupt(cpu, CPU_INTERRUPT_HARD);
    return next_vector;
}

static const X86InterruptOps test_ops = { .acknowledge = acknowledge };

GUEST(nops, 64, "nop; nop; nop")
GUEST(sti, 64, "sti; nop; nop")
GUEST(sti_sti, 64, "sti; sti; nop; nop")
static void interrupt_is_taken_with_if_only(void)
{
    X86CPUState *env = system_reset(64);

    x86_interrupt_ops = &test_ops;
    next_vector = 0x41;
    acknowledged = 0;
    exec_cpu->interrupt_request = CPU_INTERRUPT_HARD;
    guest_run(nops);
    g_assert_cmpint(taken(), ==, -1);
    g_assert_cmpuint(acknowledged, ==, 0);
    env = system_reset(64);
    exec_cpu->interrupt_request = CPU_INTERRUPT_HARD;
    env->eflags |= FLAG_IF;
    guest_run(nops);
    g_assert_cmpint(taken(), ==, 0x41);
    g_assert_cmphex(frame64(0), ==, EXEC_CODE);
    g_assert_cmphex(frame64(2), ==, 0x202);
    x86_interrupt_ops = NULL;
}

static void sti_lets_one_instruction_pass(void)
{
    x86_interrupt_ops = &test_ops;
    system_reset(64);
    exec_cpu->interrupt_request = CPU_INTERRUPT_HARD;
    guest_run(sti);
    g_assert_cmpint(taken(), ==, 0x41);
    g_assert_cmphex(frame64(0), ==, EXEC_CODE + 2);
    system_reset(64);
    exec_cpu->interrupt_request = CPU_INTERRUPT_HARD;
    guest_run(sti_sti);
    g_assert_cmphex(frame64(0), ==, EXEC_CODE + 2);
    x86_interrupt_ops = NULL;
}

GUEST(nmi_iret, 64, "nop; nop; nop")
static void nmi_is_blocked_until_iret(void)
{
    X86CPUState *env = system_reset(64);

    exec_cpu->interrupt_request = CPU_INTERRUPT_NMI;
    guest_run(nmi_iret);
    g_assert_cmpint(taken(), ==, EXCP_NMI);
    g_assert_cmphex(env->hflags2 & HF2_NMI, ==, HF2_NMI);
    exec_cpu->interrupt_request = CPU_INTERRUPT_NMI;
    g_assert_false(x86_interrupt_pending(exec_cpu));
    exec_cpu->halted = 0;
    env->eip = EXEC_CODE;
    guest_run(iretq_kernel);
    g_assert_cmpint(taken(), ==, EXCP_NMI);
    g_assert_cmphex(frame64(0), ==, EXEC_CODE + (guest_iretq_kernel_end - guest_iretq_kernel) - 5);
}

/* Debugging. */

GUEST(mov_dr, 64, "mov $0x30004, %eax; mov %rax, %dr1; mov $0xd0000c, %eax; mov %rax, %dr7; movb $1, 0x30003; movb $1, 0x30006; nop; nop")
static void write_to_a_watched_address_traps_after_the_instruction(void)
{
    X86CPUState *env = system_reset(64);

    guest_run(mov_dr);
    g_assert_cmpint(taken(), ==, EXCP_DB);
    g_assert_cmphex(env->dr[6], ==, 0xffff0ff2);
    g_assert_cmphex(frame64(0), ==, EXEC_CODE + (guest_mov_dr_end - guest_mov_dr) - 2);
    g_assert_cmphex(*exec_at(0x30006), ==, 1);
}

static void code_breakpoint_faults_before_the_instruction(void)
{
    X86CPUState *env = system_reset(64);

    env->dr[0] = EXEC_CODE + 1;
    env->dr[7] = 0x402;
    guest_run(nops);
    g_assert_cmpint(taken(), ==, EXCP_DB);
    g_assert_cmphex(frame64(0), ==, EXEC_CODE + 1);
    g_assert_cmphex(env->dr[6], ==, 0xffff0ff1);
    /* RF passes it. */
    env = system_reset(64);
    env->dr[0] = EXEC_CODE;
    env->dr[7] = 0x402;
    env->eflags |= FLAG_RF;
    guest_run(nops);
    g_assert_cmpint(taken(), ==, -1);
}

/* SMM. */

static void smm_saves_and_rsm_restores(void)
{
    X86CPUState *env = system_reset(64), before;
    static const uint8_t rsm[] = { 0x66, 0xb8, 1, 2, 3, 4, 0x0f, 0xaa };    /* mov eax, 0x04030201; rsm */

    memcpy(exec_at(0x38000), rsm, sizeof(rsm));
    env->regs[R_EBX] = 0x123456789abcdefull;
    env->regs[12] = 12;
    env->eflags |= FLAG_IF | FLAG_CF;
    before = *env;
    exec_cpu->interrupt_request = CPU_INTERRUPT_SMI;
    guest_run(nops);
    g_assert_cmpint(taken(), ==, -1);
    g_assert_cmphex(env->regs[R_EAX], ==, before.regs[R_EAX]);
    g_assert_cmphex(env->regs[R_EBX], ==, 0x123456789abcdefull);
    g_assert_cmphex(env->eflags, ==, before.eflags);
    g_assert_cmphex(env->eip, ==, EXEC_CODE + 4);
    g_assert_cmphex(env->hflags, ==, before.hflags);
    g_assert_cmphex(env->efer, ==, before.efer);
    g_assert_cmphex(exec_get64(0x38000 + 0x7fe0), ==, 0x123456789abcdefull);
    g_assert_cmphex(exec_get64(0x38000 + 0x7f98), ==, 12);      /* R12 */
    g_assert_cmphex(exec_get32(0x38000 + 0x7efc), ==, 0x20064);
    g_assert_cmphex(exec_get32(0x38000 + 0x7f00), ==, 0x30000);
    g_assert_cmphex(exec_get64(0x38000 + 0x7f78), ==, EXEC_CODE);
}

GUEST(rsm, 64, "rsm")
static void rsm_is_undefined_outside_of_smm(void)
{
    system_reset(64);
    guest_run(rsm);
    g_assert_cmpint(taken(), ==, EXCP_UD);
}

#define ADD(fn) g_test_add_func("/x86-system-long/" #fn, fn)

GUEST(two_nops, 64, "nop\n nop\n")
static void single_step_traps_behind_the_instruction_even_if_the_code_cache_was_full(void)
{
    X86CPUState *env = system_reset(64);

    guest_run(two_nops);        /* there is a cache now */
    exec->engine->arena_used = 192 << 20;
    exec_cpu->halted = 0;
    env->eip = EXEC_CODE + 0x100;
    env->eflags |= FLAG_TF;
    guest_run(two_nops);
    g_assert_cmpint(taken(), ==, EXCP_DB);
    g_assert_cmphex(frame64(0), ==, EXEC_CODE + 0x101);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    exec_machine_init("max");
    ADD(int3_pushes_the_next_instruction);
    ADD(fault_pushes_its_own_address_with_rf);
    ADD(not_canonical_address_is_gp_with_zero);
    ADD(page_fault_tells_address_and_kind);
    ADD(interrupt_from_user_takes_the_tss_stack_and_a_null_ss);
    ADD(software_interrupt_needs_the_gates_level);
    ADD(gate_that_is_not_present_is_np);
    ADD(fault_on_the_way_to_a_handler_has_ext);
    ADD(two_contributory_faults_make_a_double_fault);
    ADD(page_fault_without_handler_makes_a_double_fault);
    ADD(third_fault_halts);
    ADD(ist_stack_is_taken_at_the_same_level);
    ADD(trap_gate_keeps_if_and_interrupt_gate_does_not);
    ADD(iretq_goes_to_user);
    ADD(iretq_to_data_is_gp_with_the_selector);
    ADD(iretq_with_nt_is_gp);
    ADD(iretq_to_level_0_may_have_a_null_ss);
    ADD(far_return_enters_compatibility_mode);
    ADD(syscall_saves_rip_and_flags_and_masks);
    ADD(sysret_goes_to_64_bit_user);
    ADD(syscall_without_sce_is_undefined);
    ADD(swapgs_exchanges_the_bases);
    ADD(swapgs_is_the_kernels);
    ADD(reserved_bits_of_efer_are_gp);
    ADD(lme_can_not_change_under_paging);
    ADD(fs_base_is_an_msr_and_lstar_must_be_canonical);
    ADD(control_registers_refuse_what_can_not_be);
    ADD(control_registers_read_back);
    ADD(privileged_instructions_are_gp_for_users);
    ADD(tables_are_stored_and_loaded);
    ADD(stack_segment_must_have_the_current_level);
    ADD(selector_beyond_the_table_is_gp_with_the_selector);
    ADD(user_changes_neither_iopl_nor_if);
    ADD(cli_wants_the_io_level);
    ADD(cpuid_follows_cr4);
    ADD(time_stamps_grow_and_can_be_forbidden);
    ADD(interrupt_is_taken_with_if_only);
    ADD(sti_lets_one_instruction_pass);
    ADD(nmi_is_blocked_until_iret);
    ADD(write_to_a_watched_address_traps_after_the_instruction);
    ADD(code_breakpoint_faults_before_the_instruction);
    ADD(smm_saves_and_rsm_restores);
    ADD(rsm_is_undefined_outside_of_smm);
    ADD(single_step_traps_behind_the_instruction_even_if_the_code_cache_was_full);
    return g_test_run();
}
