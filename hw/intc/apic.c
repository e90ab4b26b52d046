#include "hw/intc/apic-internal.h"

#include <string.h>

#include "migration/vmstate.h"
#include "system/memory.h"
#include "util/error.h"
#include "util/log.h"
#include "util/trace.h"

/* Registers, by their offset divided by 16. */
enum {
    REG_ID = 0x02, REG_VERSION = 0x03, REG_TPR = 0x08, REG_APR = 0x09, REG_PPR = 0x0a, REG_EOI = 0x0b, REG_LDR = 0x0d,
    REG_DFR = 0x0e, REG_SVR = 0x0f, REG_ISR = 0x10, REG_TMR = 0x18, REG_IRR = 0x20, REG_ESR = 0x28, REG_ICR_LOW = 0x30,
    REG_ICR_HIGH = 0x31, REG_LVT = 0x32, REG_INITIAL_COUNT = 0x38, REG_CURRENT_COUNT = 0x39, REG_DIVIDE = 0x3e,
};

static MemoryRegion window;

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

    apic_local_interrupt(s, LVT_TIMER);
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
        apic_set_error(s, ESR_ILLEGAL_ADDRESS);
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
        apic_sync_arbitration();
        return;
    }
    apic_deliver(s, icr >> 18 & 3, s->icr[1] >> 24, icr & ICR_LOGICAL, mode, vector, level);
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
        apic_update_cpu(s);
        break;
    case REG_EOI:
        apic_end_of_interrupt(s);
        break;
    case REG_LDR:
        s->log_dest = value >> 24;
        break;
    case REG_DFR:
        s->dest_mode = value >> 28;
        break;
    case REG_SVR:
        s->spurious_vec = value & 0x1ff;
        apic_update_cpu(s);
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
        apic_update_cpu(s);
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
        apic_set_error(s, ESR_ILLEGAL_ADDRESS);
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
        apic_deliver_message(APIC_ADDRESS + offset, value);
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
    apic_update_cpu(s);
}

uint8_t apic_tpr(const APICState *s)
{
    return s->tpr >> 4;
}

void apic_set_tpr(APICState *s, uint8_t cr8)
{
    s->tpr = cr8 << 4;
    apic_update_cpu(s);
}

/* The device. */

void apic_reset_registers(APICState *s)
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
    apic_reset_registers(s);
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
    timer_init(&s->timer, CLOCK_TYPE_VIRTUAL, timer_fired, s);
    dev->instance_id = s->id_prop;
    if (apic_add(s)) {
        memory_region_init_io(&window, NULL, &window_ops, NULL, "apic-msi", 0x100000);
        memory_region_add_overlap(memory_system(), APIC_ADDRESS, &window, 0x1000);
    }
    reset_register(apic_reset, s);      /* it sits on no bus */
    return true;
}

static void apic_unrealize(DeviceState *dev)
{
    APICState *s = APIC(dev);

    reset_unregister(apic_reset, s);
    timer_stop(&s->timer);
    apic_remove(s);
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
