/*
 * What reaches a local APIC and what it does with it: messages and IPIs, the 8259s' line, its own sources, and what its CPU
 * asks of it.
 */
#include "hw/intc/apic-internal.h"
#include "hw/intc/ioapic.h"
#include "system/runstate.h"
#include "util/trace.h"

static GPtrArray *apics;            /* APICState *, by CPU index */
static bool pic_level;              /* of the 8259s' INT line */
static int (*pic_acknowledge)(void);

APICState *apic_of(const X86CPU *cpu)
{
    return apics && cpu && cpu->index < apics->len ? apics->pdata[cpu->index] : NULL;
}

/* Vectors: 256 bits in eight words. */

static void set_bit256(uint32_t *words, unsigned n)
{
    words[n / 32] |= 1u << n % 32;
}

static void clear_bit256(uint32_t *words, unsigned n)
{
    words[n / 32] &= ~(1u << n % 32);
}

/* Acceptance. */

uint8_t apic_processor_priority(const APICState *s)
{
    int served = highest256(s->isr);
    uint8_t in_service = served < 0 ? 0 : served & 0xf0;

    return (s->tpr & 0xf0) >= in_service ? s->tpr : in_service;
}

bool apic_wants_interrupt(const APICState *s)
{
    int request = highest256(s->irr);

    return s->spurious_vec & SVR_ENABLE && request >= 0 && (request & 0xf0) > (apic_processor_priority(s) & 0xf0);
}

/* LINT0 leads the 8259s' line to the CPU as it is; so does an APIC that is switched off. */
static bool passes_pic(const APICState *s)
{
    uint32_t lvt = s->lvt[LVT_LINT0];

    return !(s->apicbase & BASE_ENABLE) || (!(lvt & LVT_MASKED) && (lvt >> LVT_MODE_SHIFT & 7) == MODE_EXTINT);
}

void apic_update_cpu(APICState *s)
{
    if (apic_wants_interrupt(s) || (pic_level && passes_pic(s))) {
        x86_cpu_interrupt(s->cpu, CPU_INTERRUPT_HARD);
    } else {
        x86_cpu_clear_interrupt(s->cpu, CPU_INTERRUPT_HARD);
    }
}

static void accept_vector(APICState *s, uint8_t vector, bool level)
{
    if (vector < FIRST_VECTOR) {
        apic_set_error(s, ESR_ILLEGAL_VECTOR);
        return;
    }
    set_bit256(s->irr, vector);
    if (level) {
        set_bit256(s->tmr, vector);
    } else {
        clear_bit256(s->tmr, vector);
    }
    apic_update_cpu(s);
}

static void startup(X86CPU *cpu)
{
    APICState *s = apic_of(cpu);

    if (s->wait_for_sipi) {
        s->wait_for_sipi = 0;
        x86_cpu_startup(cpu, s->sipi_vector);
    }
}

/*
 * As the CPU takes it. INIT: as a reset, but for the base and the id; then it waits for a start-up unless it is the
 * first CPU.
 */
static void init_signal(X86CPU *cpu)
{
    APICState *s = apic_of(cpu);
    int sipi_vector = s->sipi_vector;

    apic_reset_registers(s);
    s->sipi_vector = sipi_vector;       /* of a start-up that came after the INIT */
    s->wait_for_sipi = !(s->apicbase & BASE_BSP);
    x86_cpu_init(cpu);
}

static void accept(APICState *s, unsigned mode, uint8_t vector, bool level)
{
    trace(apic_accept, "apic %u mode %u vector %02x level %d", s->id, mode, vector, level);
    switch (mode) {
    case MODE_FIXED:
    case MODE_LOWEST:
        accept_vector(s, vector, level);
        break;
    case MODE_SMI:
        x86_cpu_interrupt(s->cpu, CPU_INTERRUPT_SMI);
        break;
    case MODE_NMI:
        x86_cpu_interrupt(s->cpu, CPU_INTERRUPT_NMI);
        break;
    case MODE_INIT:
        x86_cpu_interrupt(s->cpu, CPU_INTERRUPT_INIT);
        break;
    case MODE_STARTUP:
        s->sipi_vector = vector;
        x86_cpu_interrupt(s->cpu, CPU_INTERRUPT_SIPI);
        break;
    case MODE_EXTINT:
        x86_cpu_interrupt(s->cpu, CPU_INTERRUPT_HARD);
        break;
    }
}

static bool matches(const APICState *s, uint8_t dest, bool logical)
{
    if (dest == ID_BROADCAST) {
        return true;
    }
    if (!logical) {
        return s->id == dest;
    }
    if (s->dest_mode == DFR_FLAT) {
        return s->log_dest & dest;
    }
    return (s->log_dest & 0xf0) == (dest & 0xf0) && (s->log_dest & dest & 0xf);     /* cluster, members */
}

static bool is_target(const APICState *s, const APICState *sender, unsigned shorthand, uint8_t dest, bool logical)
{
    switch (shorthand) {
    case SHORTHAND_SELF:
        return s == sender;
    case SHORTHAND_ALL:
        return true;
    case SHORTHAND_OTHERS:
        return s != sender;
    default:
        return matches(s, dest, logical);
    }
}

/* sender: whom shorthands are relative to; NULL: a message from a device, without one. */
void apic_deliver(const APICState *sender, unsigned shorthand, uint8_t dest, bool logical, unsigned mode,
                    uint8_t vector, bool level)
{
    APICState *lowest = NULL;

    for (guint i = 0; apics && i < apics->len; i++) {
        APICState *s = apics->pdata[i];

        if (!is_target(s, sender, shorthand, dest, logical)) {
            continue;
        }
        if (mode != MODE_LOWEST) {
            accept(s, mode, vector, level);
        } else if (!lowest || apic_processor_priority(s) < apic_processor_priority(lowest)) {
            lowest = s;
        }
    }
    if (lowest) {
        accept(lowest, mode, vector, level);
    }
}

/* From outside: what LINT1 of each says. */
static void inject_nmi(void)
{
    for (guint i = 0; apics && i < apics->len; i++) {
        APICState *s = apics->pdata[i];
        uint32_t lvt = s->lvt[LVT_LINT1];

        if (!(lvt & LVT_MASKED)) {
            accept(s, lvt >> LVT_MODE_SHIFT & 7, lvt & 0xff, false);
        }
    }
}

/* An MSI (SDM vol. 3, 11.11): destination in the address, the rest in the data. */
void apic_deliver_message(hwaddr address, uint32_t data)
{
    apic_deliver(NULL, SHORTHAND_NONE, address >> 12 & 0xff, address >> 2 & 1, data >> 8 & 7, data & 0xff, data >> 15 & 1);
}

/* Local sources. */

void apic_local_interrupt(APICState *s, unsigned entry)
{
    uint32_t lvt = s->lvt[entry];

    if (!(lvt & LVT_MASKED)) {
        accept(s, lvt >> LVT_MODE_SHIFT & 7, lvt & LVT_VECTOR, false);
    }
}

void apic_set_error(APICState *s, uint32_t bits)
{
    bool fresh = bits & ~s->esr;

    s->esr |= bits;
    /* An error entry with an illegal vector must not report itself for ever. */
    if (fresh && (s->lvt[LVT_ERROR] & LVT_VECTOR) >= FIRST_VECTOR) {
        apic_local_interrupt(s, LVT_ERROR);
    }
}

void apic_pic_line(int level)
{
    bool rises = level && !pic_level;

    pic_level = level != 0;
    for (guint i = 0; apics && i < apics->len; i++) {
        APICState *s = apics->pdata[i];

        if (rises && !passes_pic(s)) {
            apic_local_interrupt(s, LVT_LINT0);
        } else {
            apic_update_cpu(s);
        }
    }
}

int apic_acknowledge(APICState *s)
{
    int vector = highest256(s->irr);

    if (!apic_wants_interrupt(s)) {
        return -1;
    }
    clear_bit256(s->irr, vector);
    set_bit256(s->isr, vector);
    apic_update_cpu(s);
    return vector;
}

void apic_set_pic(int (*acknowledge)(void))
{
    pic_acknowledge = acknowledge;
}

static int acknowledge(X86CPU *cpu)
{
    APICState *s = apic_of(cpu);
    int vector = apic_acknowledge(s);

    if (vector < 0 && pic_level && pic_acknowledge && passes_pic(s)) {
        vector = pic_acknowledge();
    }
    apic_update_cpu(s);      /* also if it was for nothing: nobody asks any more */
    return vector;
}

static uint8_t cpu_cr8(X86CPU *cpu)
{
    return apic_tpr(apic_of(cpu));
}

static void cpu_set_cr8(X86CPU *cpu, uint8_t value)
{
    apic_set_tpr(apic_of(cpu), value);
}

static uint64_t cpu_base(X86CPU *cpu)
{
    return apic_base(apic_of(cpu));
}

static void cpu_set_base(X86CPU *cpu, uint64_t value)
{
    apic_set_base(apic_of(cpu), value);
}

static void poll(X86CPU *cpu)
{
    apic_update_cpu(apic_of(cpu));
}

static const X86InterruptOps interrupt_ops = {
    .acknowledge = acknowledge, .cr8 = cpu_cr8, .set_cr8 = cpu_set_cr8, .base = cpu_base, .set_base = cpu_set_base,
    .poll = poll, .init = init_signal, .startup = startup,
};

void apic_end_of_interrupt(APICState *s)
{
    int vector = highest256(s->isr);

    if (vector < 0) {
        return;
    }
    clear_bit256(s->isr, vector);
    if (bit256(s->tmr, vector)) {
        ioapic_eoi_broadcast(vector);
    }
    apic_update_cpu(s);
}

void apic_sync_arbitration(void)
{
    for (guint i = 0; i < apics->len; i++) {
        APICState *s = apics->pdata[i];

        s->arb_id = s->id;
    }
}

bool apic_add(APICState *s)
{
    bool first = !apics;

    if (first) {
        apics = g_ptr_array_new();
        x86_interrupt_ops = &interrupt_ops;
        nmi_hook = inject_nmi;
    }
    g_ptr_array_add(apics, s);
    return first;
}

void apic_remove(APICState *s)
{
    g_ptr_array_remove(apics, s);
}
