/* HMP: registers, and the CPU whose they are. */
#include <inttypes.h>
#include <string.h>

#include "accel/cpus.h"
#include "monitor/hmp.h"
#include "monitor/monitor-int.h"
#include "target/i386/cpu.h"
#include "target/i386/cpu-state.h"

/* Descriptor bits, SDM vol. 3, 3.4.5. */
enum {
    DESC_A = 1 << 8, DESC_RW = 1 << 9, DESC_CE = 1 << 10, DESC_CODE = 1 << 11, DESC_S = 1 << 12, DESC_DPL_SHIFT = 13,
    DESC_L = 1 << 21, DESC_DB = 1 << 22,
};
enum { CR0_PE = 1 << 0, EFL_VM = 1 << 17, EFER_LMA = 1 << 10 };

static const char *const system_types[2][16] = {
    { "Reserved", "TSS16-avl", "LDT", "TSS16-busy", "CallGate16", "TaskGate", "IntGate16", "TrapGate16", "Reserved", "TSS32-avl",
      "Reserved", "TSS32-busy", "CallGate32", "Reserved", "IntGate32", "TrapGate32" },
    { "<hiword>", "Reserved", "LDT", "Reserved", "Reserved", "Reserved", "Reserved", "Reserved", "Reserved", "TSS64-avl",
      "Reserved", "TSS64-busy", "CallGate64", "Reserved", "IntGate64", "TrapGate64" },
};

static void print_segment(Monitor *mon, const X86CPUState *env, const char *name, const SegmentCache *s)
{
    bool lma = env->efer & EFER_LMA, protected = (env->cr[0] & CR0_PE) && !(env->eflags & EFL_VM);
    uint32_t f = s->flags & 0xffff00; /* without the base's bits */

    monitor_printf(mon, "%-3s=%04x %0*" PRIx64 " %08x %08x", name, s->selector, lma ? 16 : 8, s->base, s->limit, f);
    if (!protected || !(f & 1 << 15)) {
        monitor_puts(mon, "\n");
        return;
    }
    monitor_printf(mon, " DPL=%u ", f >> DESC_DPL_SHIFT & 3);
    if (!(f & DESC_S)) {
        monitor_printf(mon, "%s\n", system_types[lma][f >> 8 & 15]);
    } else if (f & DESC_CODE) {
        monitor_printf(mon, "%s [%c%c%c]\n", f & DESC_L ? "CS64" : f & DESC_DB ? "CS32" : "CS16", f & DESC_CE ? 'C' : '-',
                       f & DESC_RW ? 'R' : '-', f & DESC_A ? 'A' : '-');
    } else {
        monitor_printf(mon, "%s [%c%c%c]\n", f & DESC_DB || lma ? "DS  " : "DS16", f & DESC_CE ? 'E' : '-', f & DESC_RW ? 'W' : '-',
                       f & DESC_A ? 'A' : '-');
    }
}

static void print_general(Monitor *mon, const X86CPU *cpu, bool wide)
{
    static const char *const names[16] = { "AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI", "8 ", "9 ", "10", "11", "12", "13", "14", "15" };
    static const uint8_t order[16] = { R_EAX, R_EBX, R_ECX, R_EDX, R_ESI, R_EDI, R_EBP, R_ESP, 8, 9, 10, 11, 12, 13, 14, 15 };
    const X86CPUState *env = &cpu->env;
    uint64_t f = env->eflags;

    for (int i = 0; i < (wide ? 16 : 8); i++) {
        monitor_printf(mon, "%c%s=%0*" PRIx64 "%c", wide ? 'R' : 'E', names[order[i]], wide ? 16 : 8,
                       wide ? env->regs[order[i]] : (uint32_t)env->regs[order[i]], i % 4 == 3 ? '\n' : ' ');
    }
    monitor_printf(mon, "%cIP=%0*" PRIx64 " %cFL=%08x [%c%c%c%c%c%c%c] CPL=%u II=%d A20=%d SMM=%u HLT=%d\n", wide ? 'R' : 'E',
                   wide ? 16 : 8, wide ? env->eip : (uint32_t)env->eip, wide ? 'R' : 'E', (uint32_t)f, f & 1 << 10 ? 'D' : '-',
                   f & 1 << 11 ? 'O' : '-', f & 1 << 7 ? 'S' : '-', f & 1 << 6 ? 'Z' : '-', f & 1 << 4 ? 'A' : '-',
                   f & 1 << 2 ? 'P' : '-', f & 1 ? 'C' : '-', env->hflags & HF_CPL_MASK, 0, env->a20_mask >> 20 & 1,
                   env->hflags >> HF_SMM_SHIFT & 1, cpu->halted != 0);
}

static void print_fpu(Monitor *mon, const X86CPUState *env, bool wide)
{
    unsigned top = env->fpus >> 11 & 7;

    monitor_printf(mon, "FCW=%04x FSW=%04x [ST=%u] FTW=%02x MXCSR=%08x\n", env->fpuc, env->fpus, top, (uint8_t)~env->fptags, env->mxcsr);
    for (int i = 0; i < 8; i++) {
        monitor_printf(mon, "FPR%d=%016" PRIx64 " %04x%c", i, env->fpregs[i].mantissa, env->fpregs[i].exponent, i % 2 ? '\n' : ' ');
    }
    for (int i = 0; i < (wide ? 16 : 8); i++) {
        monitor_printf(mon, "XMM%02d=%016" PRIx64 " %016" PRIx64 "%c", i, env->xmm_regs[i].q[1], env->xmm_regs[i].q[0], i % 2 ? '\n' : ' ');
    }
}

static void print_cpu(Monitor *mon, const X86CPU *cpu)
{
    static const char *const segments[] = { "ES", "CS", "SS", "DS", "FS", "GS" };
    const X86CPUState *env = &cpu->env;
    bool lma = env->efer & EFER_LMA, wide = lma && (env->segs[R_CS].flags & DESC_L);
    int width = lma ? 16 : 8;

    monitor_printf(mon, "\nCPU#%u\n", cpu->index);
    print_general(mon, cpu, wide);
    for (int i = 0; i < CPU_SEGMENTS; i++) {
        print_segment(mon, env, segments[i], &env->segs[i]);
    }
    print_segment(mon, env, "LDT", &env->ldt);
    print_segment(mon, env, "TR", &env->tr);
    monitor_printf(mon, "GDT=     %0*" PRIx64 " %08x\nIDT=     %0*" PRIx64 " %08x\n", width, env->gdt.base, env->gdt.limit, width,
                   env->idt.base, env->idt.limit);
    monitor_printf(mon, "CR0=%08x CR2=%0*" PRIx64 " CR3=%0*" PRIx64 " CR4=%08x\n", (uint32_t)env->cr[0], width, env->cr[2], width,
                   env->cr[3], (uint32_t)env->cr[4]);
    for (int i = 0; i < 4; i++) {
        monitor_printf(mon, "DR%d=%016" PRIx64 " ", i, env->dr[i]);
    }
    monitor_printf(mon, "\nDR6=%016" PRIx64 " DR7=%016" PRIx64 "\nEFER=%016" PRIx64 "\n", env->dr[6], env->dr[7], env->efer);
    print_fpu(mon, env, wide);
}

X86CPU *hmp_cpu(const Monitor *mon)
{
    return x86_cpu_by_index(mon && mon->cpu < x86_cpu_count() ? mon->cpu : 0);
}

static void info_registers(Monitor *mon, const Json *args, GError **error)
{
    int64_t index = json_member_int(args, "vcpu", mon->cpu);
    bool all = json_member_bool(args, "all", false);

    if (!x86_cpu_count()) {
        monitor_puts(mon, "No CPU available\n");
    } else if (!all && (index < 0 || index >= x86_cpu_count())) {
        monitor_printf(mon, "CPU#%" PRId64 " not available\n", index);
    } else {
        cpus_pause();
        for (unsigned i = 0; i < x86_cpu_count(); i++) {
            if (all || i == index) {
                print_cpu(mon, x86_cpu_by_index(i));
            }
        }
        cpus_resume();
    }
}

/* --- by name, in expressions --- */

static bool general_value(const X86CPUState *env, const char *name, int64_t *value)
{
    static const char *const names[CPU_REGS] = { "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi",
                                                 "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };

    for (int i = 0; i < CPU_REGS; i++) {
        if (strcmp(name, names[i]) == 0 || (i == R_ESP && strcmp(name, "sp") == 0) || (i == R_EBP && strcmp(name, "fp") == 0)) {
            *value = env->regs[i];
            return true;
        }
    }
    return false;
}

static bool segment_value(const X86CPUState *env, const char *name, int64_t *value)
{
    static const char names[CPU_SEGMENTS][3] = { "es", "cs", "ss", "ds", "fs", "gs" };

    for (int i = 0; i < CPU_SEGMENTS; i++) {
        const SegmentCache *s = &env->segs[i];

        if (strncmp(name, names[i], 2) == 0 && (!name[2] || strcmp(name + 2, ".base") == 0 || strcmp(name + 2, ".limit") == 0)) {
            *value = !name[2] ? (int64_t)s->selector : name[3] == 'b' ? (int64_t)s->base : (int64_t)s->limit;
            return true;
        }
    }
    return false;
}

bool hmp_register_value(const char *name, size_t len, int64_t *value)
{
    g_autofree char *wanted = g_strndup(name, len);
    X86CPU *cpu = hmp_cpu(monitor_now);
    const X86CPUState *env = cpu ? &cpu->env : NULL;
    bool ok = true;

    if (!env) {
        return false;
    }
    cpus_pause();
    if (strcmp(wanted, "pc") == 0) {
        *value = env->eip + env->segs[R_CS].base;
    } else if (strcmp(wanted, "eip") == 0) {
        *value = env->eip;
    } else if (strcmp(wanted, "eflags") == 0) {
        *value = env->eflags;
    } else {
        ok = general_value(env, wanted, value) || segment_value(env, wanted, value);
    }
    cpus_resume();
    return ok;
}

static void info_cpus(Monitor *mon, const Json *args, GError **error)
{
    g_autoptr(Json) v = qmp_run("query-cpus-fast", NULL, NULL, NULL);

    for (size_t i = 0; i < json_count(v); i++) {
        monitor_printf(mon, "%c CPU #%d: thread_id=%d\n", i == mon->cpu ? '*' : ' ', (int)json_member_int(json_at(v, i), "cpu-index", 0),
                       (int)json_member_int(json_at(v, i), "thread-id", 0));
    }
}

static void cmd_cpu(Monitor *mon, const Json *args, GError **error)
{
    int64_t index = json_member_int(args, "index", 0);

    if (index < 0 || index >= x86_cpu_count()) {
        monitor_puts(mon, "invalid CPU index\n");
        return;
    }
    mon->cpu = index;
}

static void cmd_gva2gpa(Monitor *mon, const Json *args, GError **error)
{
    X86CPU *cpu = hmp_cpu(mon);
    uint64_t physical;

    if (!cpu) {
        monitor_puts(mon, "No cpu\n");
        return;
    }
    cpus_pause();
    if (x86_translate(cpu, json_member_int(args, "addr", 0), &physical)) {
        monitor_printf(mon, "gpa: %#" PRIx64 "\n", physical);
    } else {
        monitor_puts(mon, "Unmapped\n");
    }
    cpus_resume();
}

static const HmpCommand control[] = {
    { "gva2gpa", "addr:i", "addr", "print the guest physical address corresponding to a guest virtual address", cmd_gva2gpa },
    { "cpu", "index:i", "index", "set the default CPU", cmd_cpu },
};
HMP_COMMANDS(control)

static const HmpCommand commands[] = {
    { "cpus", NULL, NULL, "show infos for each CPU", info_cpus },
    { "registers", "all:- vcpu:i?", "[-a|vcpu]",
      "show the cpu registers (-a: show register info for all cpus; vcpu: specific vCPU to query; show the current CPU's registers if no "
      "argument is specified)", info_registers },
};
HMP_INFO(commands)
