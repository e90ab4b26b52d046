/* HMP: what a CPU sees beside its registers: its local APIC, its page tables; and what executes it. */
#include <inttypes.h>

#include "accel/cpus.h"
#include "hw/intc/apic.h"
#include "monitor/hmp.h"
#include "monitor/monitor-int.h"
#include "system/qtest.h"
#include "target/i386/page-tables.h"

static void info_lapic(Monitor *mon, const Json *args, GError **error)
{
    X86CPU *cpu = json_has(args, "apic-id") ? NULL : hmp_cpu(mon);
    g_autoptr(GString) out = g_string_new(NULL);

    for (unsigned i = 0; !cpu && i < x86_cpu_count(); i++) {
        X86CPU *one = x86_cpu_by_index(i);

        cpu = one->apic_id == json_member_int(args, "apic-id", -1) ? one : NULL;
    }
    if (!cpu) {
        monitor_puts(mon, "No CPU available\n");
        return;
    }
    apic_print(apic_of(cpu), out);
    monitor_puts(mon, out->str);
}

/* --- page tables --- */

typedef struct MapPrint {
    Monitor *mon;
    const X86CPU *cpu;
    unsigned left;              /* lines */
    /* of `info mem`: what was seen of the present range */
    uint64_t first, end;
    unsigned rights;
} MapPrint;

enum { LINES_MAX = 1 << 18 };

static bool print_page(const PageMapping *m, void *opaque)
{
    MapPrint *p = opaque;
    uint64_t e = m->entry;

    if (!p->left) {
        return false;
    }
    p->left--;
    monitor_printf(p->mon, "%016" PRIx64 ": %016" PRIx64 " %c%c%c%c%c%c%c%c%c\n", page_tables_linear(p->cpu, m->linear),
                   m->physical, e & PAGE_NX ? 'X' : '-', e & PAGE_G ? 'G' : '-', m->shift > 12 ? 'P' : '-',
                   e & PAGE_D ? 'D' : '-', e & PAGE_A ? 'A' : '-', e & PAGE_PCD ? 'C' : '-', e & PAGE_PWT ? 'T' : '-',
                   e & PAGE_U ? 'U' : '-', e & PAGE_W ? 'W' : '-');
    return true;
}

static bool print_range(MapPrint *p)
{
    if (p->first == p->end) {
        return true;
    }
    if (!p->left) {
        return false;
    }
    p->left--;
    monitor_printf(p->mon, "%016" PRIx64 "-%016" PRIx64 " %016" PRIx64 " %cr%c\n", page_tables_linear(p->cpu, p->first),
                   page_tables_linear(p->cpu, p->end), p->end - p->first, p->rights & PAGE_U ? 'u' : '-',
                   p->rights & PAGE_W ? 'w' : '-');
    return true;
}

static bool extend_range(const PageMapping *m, void *opaque)
{
    MapPrint *p = opaque;

    if (m->linear != p->end || m->rights != p->rights) {
        if (!print_range(p)) {
            return false;
        }
        p->first = m->linear;
        p->rights = m->rights;
    }
    p->end = m->linear + (1ull << m->shift);
    return true;
}

static void print_tables(Monitor *mon, bool (*fn)(const PageMapping *m, void *opaque))
{
    X86CPU *cpu = hmp_cpu(mon);
    MapPrint p = { .mon = mon, .cpu = cpu, .left = LINES_MAX };
    bool whole;

    if (!cpu) {
        monitor_puts(mon, "No CPU available\n");
        return;
    }
    cpus_pause();
    if (page_tables_used(cpu)) {
        whole = page_tables_foreach(cpu, fn, &p) && print_range(&p) && p.left;
        monitor_puts(mon, whole ? "" : "(there is more)\n");
    } else {
        monitor_puts(mon, "PG disabled\n");
    }
    cpus_resume();
}

static void info_tlb(Monitor *mon, const Json *args, GError **error)
{
    print_tables(mon, print_page);
}

static void info_mem(Monitor *mon, const Json *args, GError **error)
{
    print_tables(mon, extend_range);
}

/* --- translated code --- */

static void info_jit(Monitor *mon, const Json *args, GError **error)
{
    g_autoptr(GString) out = g_string_new(NULL);

    if (qtest_enabled()) {
        error_setf(error, "JIT information is only available with accel=tcg");
        return;
    }
    cpus_pause();
    x86_exec_report(out);
    cpus_resume();
    monitor_puts(mon, out->str);
}

static void info_opcount(Monitor *mon, const Json *args, GError **error)
{
    if (qtest_enabled()) {
        error_setf(error, "Opcode count information is only available with accel=tcg");
    } else {
        monitor_puts(mon, "[TCG profiler not compiled]\n");
    }
}

static const HmpCommand commands[] = {
    { "lapic", "apic-id:i?", "[apic-id]",
      "show local apic state (apic-id: local apic to read, default is which of current CPU)", info_lapic },
    { "mem", NULL, NULL, "show the active virtual memory mappings", info_mem },
    { "tlb", NULL, NULL, "show virtual to physical memory mappings", info_tlb },
    { "jit", NULL, NULL, "show dynamic compiler info", info_jit },
    { "opcount", NULL, NULL, "show dynamic compiler opcode counters", info_opcount },
};
HMP_INFO(commands)
