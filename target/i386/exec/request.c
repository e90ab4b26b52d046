/* What others want of a CPU: interrupts, NMI, SMI, INIT and start-up; and waiting for them (SDM vol. 3, 6.9 and 8.4). */
#include <sched.h>

#include "system/main-loop.h"
#include "target/i386/exec/system.h"

enum { DELIVERING_INTERRUPT = 0x100 };      /* X86Exec.delivering: nothing that makes a double fault */

bool x86_interrupt_pending(const X86CPU *cpu)
{
    uint32_t requests = __atomic_load_n(&cpu->interrupt_request, __ATOMIC_ACQUIRE);
    const X86CPUState *env = &cpu->env;
    bool in_smm = env->hflags >> HF_SMM_SHIFT & 1;

    if (likely(!requests)) {
        return false;
    }
    if (requests & (CPU_INTERRUPT_POLL | CPU_INTERRUPT_SIPI) || (requests & (CPU_INTERRUPT_INIT | CPU_INTERRUPT_SMI) && !in_smm)) {
        return true;
    }
    if (env->hflags & 1u << HF_INHIBIT_IRQ_SHIFT) {
        return false;
    }
    return (requests & CPU_INTERRUPT_NMI && !(env->hflags2 & HF2_NMI)) ||
           (requests & CPU_INTERRUPT_HARD && env->eflags & FLAG_IF);
}

void x86_recheck(X86Exec *x)
{
    if (unlikely(__atomic_load_n(&x->cpu->interrupt_request, __ATOMIC_RELAXED))) {
        x86_exec_kick(x, X86_PENDING_INTERRUPT);
    }
}

/* The controllers' part, under the lock: which request it is, gone from the CPU, and an interrupt's vector. */
static uint32_t next_request(X86Exec *x, int *vector)
{
    X86CPU *cpu = x->cpu;
    const X86CPUState *env = x->env;
    bool in_smm = env->hflags >> HF_SMM_SHIFT & 1, shadow = env->hflags >> HF_INHIBIT_IRQ_SHIFT & 1;
    uint32_t which;

    if (cpu->interrupt_request & CPU_INTERRUPT_POLL) {
        x86_cpu_clear_interrupt(cpu, CPU_INTERRUPT_POLL);
        if (x86_interrupt_ops) {
            x86_interrupt_ops->poll(cpu);
        }
    }
    which = cpu->interrupt_request;
    if (which & CPU_INTERRUPT_SMI && !in_smm) {
        which = CPU_INTERRUPT_SMI;
    } else if (which & CPU_INTERRUPT_INIT && !in_smm) {
        which = CPU_INTERRUPT_INIT;
    } else if (which & CPU_INTERRUPT_SIPI) {
        which = CPU_INTERRUPT_SIPI;
    } else if (which & CPU_INTERRUPT_NMI && !(env->hflags2 & HF2_NMI) && !shadow) {
        which = CPU_INTERRUPT_NMI;
    } else if (which & CPU_INTERRUPT_HARD && env->eflags & FLAG_IF && !shadow) {
        /* The controllers say when it is over. */
        *vector = x86_interrupt_ops ? x86_interrupt_ops->acknowledge(cpu) : -1;
        return *vector >= 0 ? CPU_INTERRUPT_HARD : 0;
    } else {
        return 0;
    }
    x86_cpu_clear_interrupt(cpu, which);
    return which;
}

static void take_init(X86Exec *x, uint32_t which)
{
    big_lock();
    x86_exec_store(x);
    if (which == CPU_INTERRUPT_INIT) {
        if (x86_interrupt_ops) {
            x86_interrupt_ops->init(x->cpu);
        } else {
            x86_cpu_init(x->cpu);
        }
    } else if (x86_interrupt_ops) {
        x86_interrupt_ops->startup(x->cpu);
    }
    x86_exec_load(x);
    big_unlock();
    x->delivering = -1;
    x->stepping = 0;
    x86_tlb_flush(x, true);
    x86_system_mode(x);
}

bool x86_take_interrupt(X86Exec *x)
{
    bool locked = big_lock_held();
    int vector = -1;
    uint32_t which;

    if (!locked) {
        big_lock();
    }
    which = next_request(x, &vector);
    if (!locked) {
        big_unlock();
    }
    switch (which) {
    case CPU_INTERRUPT_SMI:
        x86_enter_smm(x);
        return true;
    case CPU_INTERRUPT_INIT:
    case CPU_INTERRUPT_SIPI:
        take_init(x, which);
        return true;
    case CPU_INTERRUPT_NMI:
        x->env->hflags2 |= HF2_NMI;
        vector = EXCP_NMI;
        break;
    case CPU_INTERRUPT_HARD:
        break;
    default:
        return false;
    }
    x->cpu->halted = 0;
    x->delivering = DELIVERING_INTERRUPT;
    x86_deliver(x, vector, false, false, 0, 0);
    return true;
}

/* Waiting. */

void x86_insn_hlt(X86Exec *x, const X86Op *op)
{
    x86_need_cpl0(x);
    x->env->hflags &= ~(1u << HF_INHIBIT_IRQ_SHIFT);
    x->cpu->halted = 1;
    x86_exec_kick(x, X86_PENDING_INTERRUPT);    /* the loop sees that it is halted */
}

void x86_insn_monitor(X86Exec *x, const X86Op *op)
{
    if (x86_cpl(x) != 0) {
        x86_raise(x, EXCP_UD);
    }
    if ((uint32_t)x->regs[R_ECX] != 0) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    (void)x86_ld8(x, op, x86_linear_in(x, op, op->seg, x86_get(x, R_EAX * 8, op->addr_size), 1, false));
}

/* Stores are not watched: with other CPUs that might store it only lets them run, alone it is HLT. */
void x86_insn_mwait(X86Exec *x, const X86Op *op)
{
    if (x86_cpl(x) != 0) {
        x86_raise(x, EXCP_UD);
    }
    if (x->regs[R_ECX] & ~1ull) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    if (x86_cpu_count() > 1) {
        sched_yield();
    } else {
        x86_insn_hlt(x, op);
    }
}
