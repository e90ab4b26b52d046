/* A local APIC in words, for `info lapic`. */
#include <inttypes.h>

#include "hw/intc/apic-internal.h"

static void print_lvt(const APICState *s, const char *name, unsigned entry, GString *out)
{
    static const char *const modes[] = { "Fixed", "...", "SMI", "...", "NMI", "INIT", "...", "ExtINT" };
    uint32_t lvt = s->lvt[entry];
    unsigned mode = lvt >> LVT_MODE_SHIFT & 7;
    const char *timer = entry != LVT_TIMER ? "" : lvt & LVT_PERIODIC ? "periodic" :
                        lvt & LVT_TSC_DEADLINE ? "tsc-deadline" : "one-shot";

    g_string_append_printf(out, "%s\t 0x%08x %s %-5s %-6s %-7s %-12s %-6s", name, lvt,
                           lvt & LVT_ACTIVE_LOW ? "active-lo" : "active-hi", lvt & LVT_LEVEL ? "level" : "edge",
                           lvt & LVT_MASKED ? "masked" : "", lvt & LVT_PENDING ? "pending" : "", timer, modes[mode]);
    if (mode != MODE_NMI) {
        g_string_append_printf(out, " (vec %u)", lvt & LVT_VECTOR);
    }
    g_string_append_c(out, '\n');
}

static void append_bits(GString *out, unsigned value, unsigned count)
{
    while (count--) {
        g_string_append_c(out, value >> count & 1 ? '1' : '0');
    }
}

static void print_command(const APICState *s, GString *out)
{
    static const char *const shorthands[] = { "no-shorthand", "self", "all-self", "all" };
    uint32_t icr = s->icr[0];
    unsigned shorthand = icr >> 18 & 3, dest = s->icr[1] >> 24;
    bool logical = icr & ICR_LOGICAL;

    g_string_append_printf(out, "ICR\t 0x%08x %s %s %s %s\nICR2\t 0x%08x", icr, logical ? "logical" : "physical",
                           icr & ICR_TRIGGER_LEVEL ? "level" : "edge", icr & ICR_LEVEL_ASSERT ? "assert" : "de-assert",
                           shorthands[shorthand], s->icr[1]);
    if (shorthand == SHORTHAND_NONE && !logical) {
        g_string_append_printf(out, " cpu %u (APIC ID)", dest);
    } else if (shorthand == SHORTHAND_NONE && s->dest_mode == DFR_FLAT) {
        g_string_append(out, " mask ");
        append_bits(out, dest, 8);
        g_string_append(out, " (APIC ID)");
    } else if (shorthand == SHORTHAND_NONE && s->dest_mode == DFR_CLUSTER) {
        g_string_append_printf(out, " cluster %u mask ", dest >> 4);
        append_bits(out, dest, 4);
        g_string_append(out, " (APIC ID)");
    }
    g_string_append_c(out, '\n');
}

static void print_vectors(const APICState *s, const char *name, const uint32_t *words, GString *out)
{
    bool none = true;

    g_string_append_printf(out, "%s\t ", name);
    for (unsigned v = 0; v < 256; v++) {
        if (bit256(words, v)) {
            g_string_append_printf(out, "%u%s ", v, bit256(s->tmr, v) ? "(level)" : "");
            none = false;
        }
    }
    g_string_append(out, none ? "(none)\n" : "\n");
}

void apic_print(const APICState *s, GString *out)
{
    static const struct {
        const char *name;
        unsigned entry;
    } entries[LVT_COUNT] = {
        { "LVT0", LVT_LINT0 }, { "LVT1", LVT_LINT1 }, { "LVTPC", LVT_PERFORMANCE },
        { "LVTERR", LVT_ERROR }, { "LVTTHMR", LVT_THERMAL }, { "LVTT", LVT_TIMER },
    };

    g_string_append_printf(out, "dumping local APIC state for CPU %u \n\n", s->cpu->index);
    for (unsigned i = 0; i < LVT_COUNT; i++) {
        print_lvt(s, entries[i].name, entries[i].entry, out);
    }
    g_string_append_printf(out, "Timer\t DCR=0x%x (divide by %u) initial_count = %u current_count = %u\n",
                           s->divide_conf, 1u << apic_divide_shift(s->divide_conf), s->initial_count,
                           apic_current_count(s));
    g_string_append_printf(out, "SPIV\t 0x%08x APIC %s, focus=%s, spurious vec %u\n", s->spurious_vec,
                           s->spurious_vec & SVR_ENABLE ? "enabled" : "disabled",
                           s->spurious_vec & SVR_FOCUS ? "on" : "off", s->spurious_vec & 0xff);
    print_command(s, out);
    g_string_append_printf(out, "ESR\t 0x%08x\n", s->esr);
    print_vectors(s, "ISR", s->isr, out);
    print_vectors(s, "IRR", s->irr, out);
    g_string_append_printf(out, "\nAPR 0x%02x TPR 0x%02x DFR 0x%02x LDR 0x%02x", s->arb_id, s->tpr, s->dest_mode,
                           s->log_dest);
    if (s->dest_mode == DFR_CLUSTER) {
        g_string_append_printf(out, "(cluster %u: id %u)", s->log_dest >> 4, s->log_dest & 0xf);
    }
    g_string_append_printf(out, " PPR 0x%02x\n", apic_processor_priority(s));
}
