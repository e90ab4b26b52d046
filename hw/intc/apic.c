#include "hw/intc/apic-internal.h"

#include <inttypes.h>
#include <string.h>

#include "hw/intc/ioapic.h"
#include "migration/vmstate.h"
#include "system/memory.h"
#include "system/runstate.h"
#include "util/error.h"
#include "util/log.h"
#include "util/trace.h"

/* Registers, by their offset divided by 16. */
enum {
    REG_ID = 0x02, REG_VERSION = 0x03, REG_TPR = 0x08, REG_APR = 0x09, REG_PPR = 0x0a, REG_EOI = 0x0b, REG_LDR = 0x0d,
    REG_DFR = 0x0e, REG_SVR = 0x0f, REG_ISR = 0x10, REG_TMR = 0x18, REG_IRR = 0x20, REG_ESR = 0x28, REG_ICR_LOW = 0x30,
    REG_ICR_HIGH = 0x31, REG_LVT = 0x32, REG_INITIAL_COUNT = 0x38, REG_CURRENT_COUNT = 0x39, REG_DIVIDE = 0x3e,
};

static GPtrArray *apics;            /* APICState *, by CPU index */
static MemoryRegion window;
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

static int highest256(const uint32_t *words)
{
    for (int i = 7; i >= 0; i--) {
        if (words[i]) {
            return i * 32 + 31 - __builtin_clz(words[i]);
        }
    }
    return -1;
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

static void update_cpu(APICState *s)
{
    if (apic_wants_interrupt(s) || (pic_level && passes_pic(s))) {
        x86_cpu_interrupt(s->cpu, CPU_INTERRUPT_HARD);
    } else {
        x86_cpu_clear_interrupt(s->cpu, CPU_INTERRUPT_HARD);
    }
}

static void set_error(APICState *s, uint32_t bits);

static void accept_vector(APICState *s, uint8_t vector, bool level)
{
    if (vector < FIRST_VECTOR) {
        set_error(s, ESR_ILLEGAL_VECTOR);
        return;
    }
    set_bit256(s->irr, vector);
    if (level) {
        set_bit256(s->tmr, vector);
    } else {
        clear_bit256(s->tmr, vector);
    }
    update_cpu(s);
}

static void startup(X86CPU *cpu)
{
    APICState *s = apic_of(cpu);

    if (s->wait_for_sipi) {
        s->wait_for_sipi = 0;
        x86_cpu_startup(cpu, s->sipi_vector);
    }
}

static void reset_registers(APICState *s);

/*
 * As the CPU takes it. INIT: as a reset, but for the base and the id; then it waits for a start-up unless it is the
 * first CPU.
 */
static void init_signal(X86CPU *cpu)
{
    APICState *s = apic_of(cpu);
    int sipi_vector = s->sipi_vector;

    reset_registers(s);
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
static void deliver(const APICState *sender, unsigned shorthand, uint8_t dest, bool logical, unsigned mode,
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
static void deliver_message(hwaddr address, uint32_t data)
{
    deliver(NULL, SHORTHAND_NONE, address >> 12 & 0xff, address >> 2 & 1, data >> 8 & 7, data & 0xff, data >> 15 & 1);
}

/* Local sources. */

static void local_interrupt(APICState *s, unsigned entry)
{
    uint32_t lvt = s->lvt[entry];

    if (!(lvt & LVT_MASKED)) {
        accept(s, lvt >> LVT_MODE_SHIFT & 7, lvt & LVT_VECTOR, false);
    }
}

static void set_error(APICState *s, uint32_t bits)
{
    bool fresh = bits & ~s->esr;

    s->esr |= bits;
    /* An error entry with an illegal vector must not report itself for ever. */
    if (fresh && (s->lvt[LVT_ERROR] & LVT_VECTOR) >= FIRST_VECTOR) {
        local_interrupt(s, LVT_ERROR);
    }
}

void apic_pic_line(int level)
{
    bool rises = level && !pic_level;

    pic_level = level != 0;
    for (guint i = 0; apics && i < apics->len; i++) {
        APICState *s = apics->pdata[i];

        if (rises && !passes_pic(s)) {
            local_interrupt(s, LVT_LINT0);
        } else {
            update_cpu(s);
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
    update_cpu(s);
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
    update_cpu(s);      /* also if it was for nothing: nobody asks any more */
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
    update_cpu(apic_of(cpu));
}

static const X86InterruptOps interrupt_ops = {
    .acknowledge = acknowledge, .cr8 = cpu_cr8, .set_cr8 = cpu_set_cr8, .base = cpu_base, .set_base = cpu_set_base,
    .poll = poll, .init = init_signal, .startup = startup,
};

static void end_of_interrupt(APICState *s)
{
    int vector = highest256(s->isr);

    if (vector < 0) {
        return;
    }
    clear_bit256(s->isr, vector);
    if (bit256(s->tmr, vector)) {
        ioapic_eoi_broadcast(vector);
    }
    update_cpu(s);
}

/* The timer counts at 1 GHz, divided. */

uint32_t apic_current_count(const APICState *s)
{
    uint64_t passed = (uint64_t)(clock_ns(CLOCK_TYPE_VIRTUAL) - s->initial_count_load_time) >> s->count_shift;

    if (s->lvt[LVT_TIMER] & LVT_PERIODIC) {
        return s->initial_count ? s->initial_count - passed % ((uint64_t)s->initial_count + 1) : 0;
    }
    return passed >= s->initial_count ? 0 : s->initial_count - passed;
}

static void arm_timer(APICState *s, int64_t now)
{
    uint64_t period = ((uint64_t)s->initial_count + 1) << s->count_shift;
    uint64_t passed = now - s->initial_count_load_time;

    s->timer_expiry = -1;
    if (s->lvt[LVT_TIMER] & LVT_PERIODIC && s->initial_count) {
        s->next_time = s->initial_count_load_time + (passed / period + 1) * period;
    } else if (!(s->lvt[LVT_TIMER] & LVT_PERIODIC) && s->initial_count && passed < period) {
        s->next_time = s->initial_count_load_time + period;
    } else {
        timer_stop(&s->timer);
        return;
    }
    /* A masked timer counts, and wakes nobody. */
    if (s->lvt[LVT_TIMER] & LVT_MASKED) {
        timer_stop(&s->timer);
        return;
    }
    s->timer_expiry = s->next_time;
    timer_set(&s->timer, s->next_time);
}

static void timer_fired(void *opaque)
{
    APICState *s = opaque;

    local_interrupt(s, LVT_TIMER);
    arm_timer(s, s->next_time);
}

/* Registers. */

static uint32_t read_register(APICState *s, unsigned reg)
{
    switch (reg) {
    case REG_ID:
        return (uint32_t)s->id << 24;
    case REG_VERSION:
        return s->version | (LVT_COUNT - 1) << 16;
    case REG_TPR:
        return s->tpr;
    case REG_APR:
        return 0; /* there is no bus to arbitrate for */
    case REG_PPR:
        return apic_processor_priority(s);
    case REG_LDR:
        return (uint32_t)s->log_dest << 24;
    case REG_DFR:
        return (uint32_t)s->dest_mode << 28 | 0xfffffff;
    case REG_SVR:
        return s->spurious_vec;
    case REG_ISR ... REG_ISR + 7:
        return s->isr[reg - REG_ISR];
    case REG_TMR ... REG_TMR + 7:
        return s->tmr[reg - REG_TMR];
    case REG_IRR ... REG_IRR + 7:
        return s->irr[reg - REG_IRR];
    case REG_ESR:
        return s->esr;
    case REG_ICR_LOW:
    case REG_ICR_HIGH:
        return s->icr[reg - REG_ICR_LOW];
    case REG_LVT ... REG_LVT + LVT_COUNT - 1:
        return s->lvt[reg - REG_LVT];
    case REG_INITIAL_COUNT:
        return s->initial_count;
    case REG_CURRENT_COUNT:
        return apic_current_count(s);
    case REG_DIVIDE:
        return s->divide_conf;
    default:
        set_error(s, ESR_ILLEGAL_ADDRESS);
        return 0;
    }
}

static void send_ipi(APICState *s)
{
    uint32_t icr = s->icr[0];
    unsigned mode = icr >> 8 & 7;
    uint8_t vector = icr & 0xff;
    bool level = icr & ICR_TRIGGER_LEVEL;

    /* INIT level de-assert only synchronises arbitration ids. */
    if (mode == MODE_INIT && level && !(icr & ICR_LEVEL_ASSERT)) {
        for (guint i = 0; i < apics->len; i++) {
            ((APICState *)apics->pdata[i])->arb_id = ((APICState *)apics->pdata[i])->id;
        }
        return;
    }
    deliver(s, icr >> 18 & 3, s->icr[1] >> 24, icr & ICR_LOGICAL, mode, vector, level);
}

static void write_register(APICState *s, unsigned reg, uint32_t value)
{
    trace(apic_write, "apic %u reg %02x = %08x", s->id, reg, value);
    switch (reg) {
    case REG_ID:
        s->id = value >> 24;
        break;
    case REG_TPR:
        s->tpr = value;
        update_cpu(s);
        break;
    case REG_EOI:
        end_of_interrupt(s);
        break;
    case REG_LDR:
        s->log_dest = value >> 24;
        break;
    case REG_DFR:
        s->dest_mode = value >> 28;
        break;
    case REG_SVR:
        s->spurious_vec = value & 0x1ff;
        update_cpu(s);
        break;
    case REG_ESR:       /* a write arms it anew */
        s->esr = 0;
        break;
    case REG_ICR_LOW:
        s->icr[0] = value & ~(1u << 12);        /* delivered at once: never pending */
        send_ipi(s);
        break;
    case REG_ICR_HIGH:
        s->icr[1] = value;
        break;
    case REG_LVT ... REG_LVT + LVT_COUNT - 1:
        s->lvt[reg - REG_LVT] = value;
        if (reg - REG_LVT == LVT_TIMER) {
            arm_timer(s, clock_ns(CLOCK_TYPE_VIRTUAL));
        }
        update_cpu(s);
        break;
    case REG_INITIAL_COUNT:
        s->initial_count = value;
        s->initial_count_load_time = clock_ns(CLOCK_TYPE_VIRTUAL);
        arm_timer(s, s->initial_count_load_time);
        break;
    case REG_DIVIDE:
        s->divide_conf = value & 0xb;
        s->count_shift = apic_divide_shift(value);
        break;
    case REG_VERSION:
    case REG_APR:
    case REG_PPR:
    case REG_ISR ... REG_ISR + 7:
    case REG_TMR ... REG_TMR + 7:
    case REG_IRR ... REG_IRR + 7:
    case REG_CURRENT_COUNT:
        break;
    default:
        set_error(s, ESR_ILLEGAL_ADDRESS);
        break;
    }
}

/* Nobody but a CPU has an APIC of its own: other readers see zeros. */
static uint64_t window_read(void *opaque, hwaddr offset, unsigned size)
{
    APICState *s = apic_of(x86_cpu_current());

    return size == 4 && s && offset < 0x1000 ? read_register(s, offset >> 4) : 0;
}

static void window_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    APICState *s = apic_of(x86_cpu_current());

    if (size < 4) {
        return;
    }
    /* Registers begin above the first 16 bytes of the page, messages never do. */
    if (offset > 0xfff || !(offset >> 4) || !s) {
        deliver_message(APIC_ADDRESS + offset, value);
    } else {
        write_register(s, offset >> 4, value);
    }
}

static const MemoryRegionOps window_ops = {
    .read = window_read, .write = window_write, .valid = { .min = 1, .max = 4 },
};

uint64_t apic_base(const APICState *s)
{
    return s->apicbase;
}

void apic_set_base(APICState *s, uint64_t value)
{
    s->apicbase = (value & 0xfffff000) | (s->apicbase & (BASE_BSP | BASE_ENABLE));
    if (!(value & BASE_ENABLE)) {
        s->apicbase &= ~BASE_ENABLE;
        s->spurious_vec &= ~SVR_ENABLE;
    }
    update_cpu(s);
}

uint8_t apic_tpr(const APICState *s)
{
    return s->tpr >> 4;
}

void apic_set_tpr(APICState *s, uint8_t cr8)
{
    s->tpr = cr8 << 4;
    update_cpu(s);
}

/* The device. */

static void reset_registers(APICState *s)
{
    s->tpr = 0;
    s->spurious_vec = 0xff;
    s->log_dest = 0;
    s->dest_mode = DFR_FLAT;
    memset(s->isr, 0, sizeof(s->isr));
    memset(s->tmr, 0, sizeof(s->tmr));
    memset(s->irr, 0, sizeof(s->irr));
    for (unsigned i = 0; i < LVT_COUNT; i++) {
        s->lvt[i] = LVT_MASKED;
    }
    s->esr = 0;
    s->icr[0] = s->icr[1] = 0;
    s->divide_conf = 0;
    s->count_shift = 0;
    s->initial_count = 0;
    s->initial_count_load_time = 0;
    s->next_time = 0;
    s->timer_expiry = -1;
    s->sipi_vector = 0;
    timer_stop(&s->timer);
}

static void apic_reset(void *opaque)
{
    APICState *s = opaque;

    s->apicbase = APIC_ADDRESS | BASE_ENABLE | (s->cpu->index == 0 ? BASE_BSP : 0);
    s->id = s->id_prop;
    s->arb_id = 0;
    reset_registers(s);
    s->wait_for_sipi = s->cpu->index != 0;
}

static bool apic_realize(DeviceState *dev, GError **error)
{
    APICState *s = APIC(dev);

    if (!s->cpu) {
        return error_setf(error, "an APIC belongs to a CPU");
    }
    if (s->id_prop >= 255) {
        return error_setf(error, "APIC ID %u requires x2APIC feature in CPU", s->id_prop);
    }
    if (!apics) {
        apics = g_ptr_array_new();
        x86_interrupt_ops = &interrupt_ops;
        nmi_hook = inject_nmi;
        memory_region_init_io(&window, NULL, &window_ops, NULL, "apic-msi", 0x100000);
        memory_region_add_overlap(memory_system(), APIC_ADDRESS, &window, 0x1000);
    }
    timer_init(&s->timer, CLOCK_TYPE_VIRTUAL, timer_fired, s);
    dev->instance_id = s->id_prop;
    g_ptr_array_add(apics, s);
    reset_register(apic_reset, s);      /* it sits on no bus */
    return true;
}

static void apic_unrealize(DeviceState *dev)
{
    APICState *s = APIC(dev);

    reset_unregister(apic_reset, s);
    timer_stop(&s->timer);
    g_ptr_array_remove(apics, s);
}

static bool apic_post_load(void *opaque, int version_id, GError **error)
{
    APICState *s = opaque;

    if (s->count_shift < 0 || s->count_shift > 7) {
        return error_setf(error, "apic: count_shift %d is out of range", s->count_shift);
    }
    if (s->timer_expiry >= 0) {
        timer_set(&s->timer, s->timer_expiry);
    } else {
        timer_stop(&s->timer);
    }
    return true;
}

static bool apic_pre_load(void *opaque, GError **error)
{
    ((APICState *)opaque)->wait_for_sipi = 0;
    return true;
}

static bool sipi_needed(void *opaque)
{
    return ((APICState *)opaque)->wait_for_sipi != 0;
}

static const VMStateDescription vmstate_sipi = {
    .name = "apic_sipi",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = sipi_needed,
    .fields = VMS_FIELDS(VMS_I32(APICState, sipi_vector), VMS_I32(APICState, wait_for_sipi)),
};

static const VMStateDescription vmstate_apic = {
    .name = "apic",
    .version_id = 3,
    .minimum_version_id = 3,
    .pre_load = apic_pre_load,
    .post_load = apic_post_load,
    .fields = VMS_FIELDS(
        VMS_U32(APICState, apicbase), VMS_U8(APICState, id), VMS_U8(APICState, arb_id), VMS_U8(APICState, tpr),
        VMS_U32(APICState, spurious_vec), VMS_U8(APICState, log_dest), VMS_U8(APICState, dest_mode),
        VMS_U32_ARRAY(APICState, isr), VMS_U32_ARRAY(APICState, tmr), VMS_U32_ARRAY(APICState, irr),
        VMS_U32_ARRAY(APICState, lvt), VMS_U32(APICState, esr), VMS_U32_ARRAY(APICState, icr),
        VMS_U32(APICState, divide_conf), VMS_I32(APICState, count_shift), VMS_U32(APICState, initial_count),
        VMS_I64(APICState, initial_count_load_time), VMS_I64(APICState, next_time), VMS_I64(APICState, timer_expiry)),
    .subsections = VMS_SUBSECTIONS(&vmstate_sipi),
};

static const Property apic_props[] = {
    DEFINE_PROP_UINT32("id", APICState, id_prop, 0, .no_default = true),
    DEFINE_PROP_UINT8("version", APICState, version, 0x14),
    DEFINE_PROP_BOOL("vapic", APICState, vapic, true, .description = "on/off"),
};

static void apic_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = apic_realize;
    dc->unrealize = apic_unrealize;
    dc->vmsd = &vmstate_apic;
    dc->user_creatable = false;
    object_class_add_props(klass, apic_props, G_N_ELEMENTS(apic_props));
}

APICState *apic_new(X86CPU *cpu, GError **error)
{
    DeviceState *dev = device_new(TYPE_APIC);
    APICState *s = APIC(dev);

    object_add_child(OBJECT(cpu), "lapic", OBJECT(dev));
    s->cpu = cpu;
    s->id_prop = cpu->apic_id;
    return device_realize_and_unref(dev, NULL, error) ? s : NULL;
}

static const TypeInfo apic_type = {
    .name = TYPE_APIC,
    .parent = TYPE_DEVICE,
    .size = sizeof(APICState),
    .class_init = apic_class_init,
};
TYPE_REGISTER(apic_type)
