#include "hw/timer/hpet.h"

#include <inttypes.h>

#include "migration/vmstate.h"
#include "system/clock.h"
#include "util/error.h"
#include "util/log.h"
#include "util/trace.h"

enum { HPET_TIMERS_MIN = 3, HPET_TIMERS_MAX = 32, CLOCK_PERIOD_NS = 10, MSI_SUPPORT_BIT = 0 };

enum { REG_ID = 0x000, REG_CONFIG = 0x010, REG_STATUS = 0x020, REG_COUNTER = 0x0f0, REG_TIMERS = 0x100 };
enum { TIMER_CONFIG = 0x00, TIMER_COMPARATOR = 0x08, TIMER_FSB = 0x10, TIMER_STRIDE = 0x20 };

#define CONFIG_ENABLE 0x1ull
#define CONFIG_LEGACY 0x2ull
#define CONFIG_WRITABLE 0x3ull

#define TN_LEVEL 0x0002ull
#define TN_ENABLE 0x0004ull
#define TN_PERIODIC 0x0008ull
#define TN_PERIODIC_CAP 0x0010ull
#define TN_SIZE_CAP 0x0020ull       /* 64 bits */
#define TN_SET_VALUE 0x0040ull
#define TN_32BIT 0x0100ull
#define TN_ROUTE 0x3e00ull
#define TN_ROUTE_SHIFT 9
#define TN_FSB_ENABLE 0x4000ull
#define TN_FSB_CAP 0x8000ull
#define TN_INTCAP_SHIFT 32
#define TN_WRITABLE 0x7f4eull

enum { LEGACY_PIT_LINE = 0, LEGACY_RTC_LINE = 8 };
/* 32-bit comparators wrap; no timer waits longer than this many counts. */
#define MAX_COUNTS (INT64_MAX / 4 / CLOCK_PERIOD_NS)

typedef struct HPETTimer {
    uint8_t tn;                 /* which one */
    uint64_t config, cmp, fsb, period;
    uint8_t wrap_flag;          /* a 32-bit counter has to wrap before cmp is reached */
    Timer qemu_timer;
    HPETState *hpet;
} HPETTimer;

struct HPETState {
    DeviceState parent_obj;
    /* set by the user */
    uint8_t num_timers_want;
    uint32_t flags, intcap;
    bool offset_saved;
    /* migrated */
    uint64_t config, isr, hpet_counter;
    uint8_t num_timers;
    HPETTimer timer[HPET_TIMERS_MAX];
    uint8_t rtc_irq_level;
    uint64_t hpet_offset;       /* ns: what to add to guest time */
    /* made at realize */
    bool offset_loaded;
    MemoryRegion io;
    Irq *irqs[HPET_LINES];
    Irq *pit[1];
};

static bool enabled(const HPETState *s)
{
    return s->config & CONFIG_ENABLE;
}

static bool legacy(const HPETState *s)
{
    return s->config & CONFIG_LEGACY;
}

static uint64_t counter_now(const HPETState *s)
{
    return enabled(s) ? (clock_ns(CLOCK_TYPE_VIRTUAL) + s->hpet_offset) / CLOCK_PERIOD_NS : s->hpet_counter;
}

static bool timer_is_32bit(const HPETTimer *t)
{
    return t->config & TN_32BIT;
}

/* Which line a comparator drives. */
static unsigned timer_line(const HPETTimer *t)
{
    if (legacy(t->hpet) && t->tn <= 1) {
        return t->tn == 0 ? LEGACY_PIT_LINE : LEGACY_RTC_LINE;
    }
    return (t->config & TN_ROUTE) >> TN_ROUTE_SHIFT;
}

static void update_irq(HPETTimer *t, bool set)
{
    HPETState *s = t->hpet;
    uint64_t bit = 1ull << t->tn;
    Irq *line = s->irqs[timer_line(t)];

    if (!set || !(t->config & TN_ENABLE) || !enabled(s)) {
        s->isr &= ~bit;
        if (!(t->config & TN_FSB_ENABLE)) {
            irq_lower(line);
        }
    } else if (t->config & TN_FSB_ENABLE) {
        address_space_store(&address_space_memory, t->fsb >> 32, t->fsb & 0xffffffff, 4);
    } else if (t->config & TN_LEVEL) {
        s->isr |= bit;
        irq_raise(line);
    } else {
        s->isr &= ~bit;
        irq_pulse(line);
    }
}

/* Counts until the comparator matches: up to a whole 32-bit turn for a 32-bit one. */
static uint64_t counts_until(const HPETTimer *t, uint64_t now)
{
    if (timer_is_32bit(t)) {
        uint32_t diff = (uint32_t)t->cmp - (uint32_t)now;

        return (int32_t)diff > 0 ? diff : 0;
    }
    return (int64_t)(t->cmp - now) > 0 ? t->cmp - now : 0;
}

static void arm_after(HPETTimer *t, uint64_t counts)
{
    if (counts < MAX_COUNTS) {
        timer_set(&t->qemu_timer, clock_ns(CLOCK_TYPE_VIRTUAL) + (int64_t)counts * CLOCK_PERIOD_NS);
    } else {
        timer_stop(&t->qemu_timer);     /* in 73 years */
    }
}

static void arm(HPETTimer *t)
{
    uint64_t now = counter_now(t->hpet);
    uint64_t diff = counts_until(t, now);

    t->wrap_flag = 0;
    /* A one-shot 32-bit timer also fires when the counter wraps before the comparator is reached. */
    if (timer_is_32bit(t) && !(t->config & TN_PERIODIC)) {
        uint64_t to_wrap = 0xffffffffull - (uint32_t)now;

        if (diff > to_wrap) {
            diff = to_wrap;
            t->wrap_flag = 1;
        }
    }
    arm_after(t, MAX(diff, 1));
}

static void timer_fired(void *opaque)
{
    HPETTimer *t = opaque;
    uint64_t now = counter_now(t->hpet);

    if (t->config & TN_PERIODIC && t->period) {
        /* On to the first multiple ahead, in one step. */
        if (timer_is_32bit(t)) {
            uint32_t behind = (uint32_t)now - (uint32_t)t->cmp;

            if ((int32_t)behind >= 0) {
                t->cmp = (uint32_t)(t->cmp + (behind / t->period + 1) * t->period);
            }
        } else if ((int64_t)(now - t->cmp) >= 0) {
            t->cmp += ((now - t->cmp) / t->period + 1) * t->period;
        }
        arm_after(t, MAX(counts_until(t, now), 1));
    } else if (t->wrap_flag) {
        t->wrap_flag = 0;
        arm_after(t, counts_until(t, now));
    }
    update_irq(t, true);
}

static void disarm(HPETTimer *t)
{
    timer_stop(&t->qemu_timer);
    update_irq(t, false);
}

/* Registers, as 64-bit quantities. */

static uint64_t capabilities(const HPETState *s)
{
    return 0x8086a001ull | (uint64_t)(s->num_timers - 1) << 8 | (uint64_t)CLOCK_PERIOD_NS * 1000000 << 32;
}

static HPETTimer *timer_at(HPETState *s, hwaddr offset)
{
    unsigned n = (offset - REG_TIMERS) / TIMER_STRIDE;

    return offset >= REG_TIMERS && n < s->num_timers ? &s->timer[n] : NULL;
}

static uint64_t read64(HPETState *s, hwaddr offset)
{
    HPETTimer *t = timer_at(s, offset);

    if (t) {
        switch ((offset - REG_TIMERS) % TIMER_STRIDE) {
        case TIMER_CONFIG:
            return t->config;
        case TIMER_COMPARATOR:
            return t->cmp;
        case TIMER_FSB:
            return t->fsb;
        }
        return 0;
    }
    switch (offset) {
    case REG_ID:
        return capabilities(s);
    case REG_CONFIG:
        return s->config;
    case REG_STATUS:
        return s->isr;
    case REG_COUNTER:
        return counter_now(s);
    default:
        return 0;
    }
}

static void write_timer_config(HPETTimer *t, uint64_t value)
{
    uint64_t old = t->config;

    /* The line it drove falls before it drives another or none. */
    if (t->hpet->isr & (1ull << t->tn) && ((value ^ old) & (TN_ROUTE | TN_ENABLE | TN_LEVEL | TN_FSB_ENABLE))) {
        update_irq(t, false);
    }
    t->config = (value & TN_WRITABLE) | (old & ~TN_WRITABLE);
    if (timer_is_32bit(t)) {
        t->cmp = (uint32_t)t->cmp;
        t->period = (uint32_t)t->period;
    }
    if (!enabled(t->hpet)) {
        return;
    }
    if (t->config & TN_ENABLE && !(old & TN_ENABLE)) {
        arm(t);
    } else if (!(t->config & TN_ENABLE) && (old & TN_ENABLE)) {
        disarm(t);
    }
}

/*
 * A half at a time, as QEMU does it: the low one is the period's as well, the high one the period's or the comparator's,
 * in a 32-bit timer too; each takes back the leave to set the comparator, and arms the timer whether it is enabled or
 * not.
 */
static void write_comparator_half(HPETTimer *t, uint32_t value, bool high)
{
    bool sets_value = !(t->config & TN_PERIODIC) || t->config & TN_SET_VALUE;
    /* In 32 bits, longer than half a turn cannot be told from the past. */
    uint32_t period = timer_is_32bit(t) ? value & 0x7fffffff : value;

    if (high) {
        if (sets_value) {
            t->cmp = (t->cmp & 0xffffffff) | (uint64_t)value << 32;
        } else {
            t->period = (t->period & 0xffffffff) | (uint64_t)period << 32;
        }
    } else {
        if (sets_value) {
            t->cmp = (t->cmp & ~0xffffffffull) | value;
        }
        if (t->config & TN_PERIODIC) {
            t->period = (t->period & ~0xffffffffull) | period;
        }
    }
    t->config &= ~TN_SET_VALUE;
    if (enabled(t->hpet)) {
        arm(t);
    }
}

static void write_comparator(HPETTimer *t, uint64_t value, uint64_t mask)
{
    if (mask & 0xffffffff) {
        write_comparator_half(t, value, false);
    }
    if (mask >> 32) {
        write_comparator_half(t, value >> 32, true);
    }
}

static void write_config(HPETState *s, uint64_t value)
{
    uint64_t old = s->config;

    s->config = (value & CONFIG_WRITABLE) | (old & ~CONFIG_WRITABLE);
    if (enabled(s) && !(old & CONFIG_ENABLE)) {
        s->hpet_offset = s->hpet_counter * CLOCK_PERIOD_NS - clock_ns(CLOCK_TYPE_VIRTUAL);
        for (unsigned n = 0; n < s->num_timers; n++) {
            if (s->timer[n].cmp != UINT64_MAX) {    /* enabled or not */
                arm(&s->timer[n]);
            }
        }
    } else if (!enabled(s) && (old & CONFIG_ENABLE)) {
        s->hpet_counter = (clock_ns(CLOCK_TYPE_VIRTUAL) + s->hpet_offset) / CLOCK_PERIOD_NS;
        for (unsigned n = 0; n < s->num_timers; n++) {
            disarm(&s->timer[n]);
        }
    }
    if (legacy(s) && !(old & CONFIG_LEGACY)) {
        irq_raise(s->pit[0]);
        irq_lower(s->irqs[LEGACY_PIT_LINE]);
        irq_lower(s->irqs[LEGACY_RTC_LINE]);
    } else if (!legacy(s) && (old & CONFIG_LEGACY)) {
        irq_lower(s->irqs[LEGACY_PIT_LINE]);
        irq_lower(s->pit[0]);
        irq_set(s->irqs[LEGACY_RTC_LINE], s->rtc_irq_level);
    }
}

static void write64(HPETState *s, hwaddr offset, uint64_t value, uint64_t mask)
{
    HPETTimer *t = timer_at(s, offset);

    if (t) {
        switch ((offset - REG_TIMERS) % TIMER_STRIDE) {
        case TIMER_CONFIG:
            if (mask & 0xffffffff) {    /* the upper half, which lines it may drive, can't be written */
                write_timer_config(t, (t->config & ~0xffffffffull) | (value & 0xffffffff));
            }
            break;
        case TIMER_COMPARATOR:
            write_comparator(t, value, mask);
            break;
        case TIMER_FSB:
            t->fsb = (t->fsb & ~mask) | (value & mask);
            break;
        }
        return;
    }
    switch (offset) {
    case REG_CONFIG:
        write_config(s, (s->config & ~mask) | (value & mask));
        break;
    case REG_STATUS:
        for (unsigned n = 0; n < s->num_timers; n++) {
            if (value & mask & s->isr & (1ull << n)) {
                update_irq(&s->timer[n], false);
            }
        }
        break;
    case REG_COUNTER:
        if (enabled(s)) {
            log_guest_error("hpet: the main counter is written while it runs\n");
        }
        s->hpet_counter = (s->hpet_counter & ~mask) | (value & mask);
        break;
    }
}

/* Accesses are of 4 or 8 bytes; 4 at offset 4 are the upper half. */
static uint64_t hpet_read(void *opaque, hwaddr offset, unsigned size)
{
    uint64_t value = read64(opaque, offset & ~7ull);

    return size == 8 ? value : (uint32_t)(value >> (offset & 4 ? 32 : 0));
}

static void hpet_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    unsigned shift = size == 4 && offset & 4 ? 32 : 0;
    uint64_t mask = size == 8 ? UINT64_MAX : 0xffffffffull << shift;

    trace(hpet_write, "%03x = %" PRIx64 " size %u", (unsigned)offset, value, size);
    write64(opaque, offset & ~7ull, value << shift, mask);
}

static const MemoryRegionOps hpet_ops = {
    .read = hpet_read, .write = hpet_write, .valid = { .min = 4, .max = 8 }, .impl = { .min = 4, .max = 8 } };

/* The RTC's line passes through, unless a comparator has its place. */
static void rtc_line(void *opaque, int n, int level)
{
    HPETState *s = opaque;

    s->rtc_irq_level = level != 0;
    if (!legacy(s)) {
        irq_set(s->irqs[LEGACY_RTC_LINE], level);
    }
}

static bool hpet_realize(DeviceState *dev, GError **error)
{
    HPETState *s = HPET(dev);

    if (!s->intcap) {
        return error_setf(error, "hpet.hpet-intcap not initialized");
    }
    s->num_timers = CLAMP(s->num_timers_want, HPET_TIMERS_MIN, HPET_TIMERS_MAX);
    for (unsigned n = 0; n < HPET_TIMERS_MAX; n++) {
        s->timer[n].tn = n;
        s->timer[n].hpet = s;
        timer_init(&s->timer[n].qemu_timer, CLOCK_TYPE_VIRTUAL, timer_fired, &s->timer[n]);
    }
    memory_region_init_io(&s->io, OBJECT(dev), &hpet_ops, s, "hpet", 0x400);
    memory_region_add(memory_system(), HPET_ADDRESS, &s->io);
    return true;
}

static void hpet_unrealize(DeviceState *dev)
{
    HPETState *s = HPET(dev);

    for (unsigned n = 0; n < HPET_TIMERS_MAX; n++) {
        timer_stop(&s->timer[n].qemu_timer);
    }
    memory_region_del(memory_system(), &s->io);
    memory_region_destroy(&s->io);
}

static void hpet_init(Object *obj)
{
    HPETState *s = HPET(obj);

    device_init_irq_in(DEVICE(obj), rtc_line, NULL, 1);
    device_init_irq_out(DEVICE(obj), s->irqs, NULL, HPET_LINES);
    device_init_irq_out(DEVICE(obj), s->pit, "pit", 1);
}

static bool num_timers_ok(void *opaque, int version_id)
{
    HPETState *s = opaque;

    return s->num_timers >= HPET_TIMERS_MIN && s->num_timers <= HPET_TIMERS_MAX;
}

static void hpet_reset(DeviceState *dev)
{
    HPETState *s = HPET(dev);

    /* A load that was refused may have left any number, and timers beyond it. */
    if (!num_timers_ok(s, 0)) {
        s->num_timers = CLAMP(s->num_timers_want, HPET_TIMERS_MIN, HPET_TIMERS_MAX);
    }
    for (unsigned n = 0; n < HPET_TIMERS_MAX; n++) {
        HPETTimer *t = &s->timer[n];

        timer_stop(&t->qemu_timer);
        t->tn = n;
        t->cmp = UINT64_MAX;
        t->config = TN_PERIODIC_CAP | TN_SIZE_CAP | (uint64_t)s->intcap << TN_INTCAP_SHIFT;
        if (s->flags & (1 << MSI_SUPPORT_BIT)) {
            t->config |= TN_FSB_CAP;
        }
        t->period = 0;
        t->fsb = 0;
        t->wrap_flag = 0;
    }
    s->isr = 0;
    s->hpet_counter = 0;
    s->hpet_offset = 0;
    s->config = 0;
    s->rtc_irq_level = 0;
}

static void hpet_reset_hold(DeviceState *dev)
{
    irq_lower(HPET(dev)->pit[0]);
}

static bool hpet_pre_save(void *opaque, GError **error)
{
    HPETState *s = opaque;

    s->hpet_counter = counter_now(s);
    return true;
}

static bool hpet_pre_load(void *opaque, GError **error)
{
    ((HPETState *)opaque)->offset_loaded = false;
    return true;
}

static bool hpet_post_load(void *opaque, int version_id, GError **error)
{
    HPETState *s = opaque;

    if (!s->offset_loaded) {
        s->hpet_offset = s->hpet_counter * CLOCK_PERIOD_NS - clock_ns(CLOCK_TYPE_VIRTUAL);
    }
    for (unsigned n = 0; n < s->num_timers; n++) {
        if (s->timer[n].tn != n) {
            return error_setf(error, "hpet: timer %u calls itself %u", n, s->timer[n].tn);
        }
    }
    return true;
}

static bool offset_post_load(void *opaque, int version_id, GError **error)
{
    ((HPETState *)opaque)->offset_loaded = true;
    return true;
}

static bool rtc_irq_level_needed(void *opaque)
{
    return ((HPETState *)opaque)->rtc_irq_level != 0;
}

static bool offset_needed(void *opaque)
{
    HPETState *s = opaque;

    return enabled(s) && s->offset_saved;
}

static const VMStateDescription vmstate_hpet_timer = {
    .name = "hpet_timer",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = VMS_FIELDS(
        VMS_U8(HPETTimer, tn), VMS_U64(HPETTimer, config), VMS_U64(HPETTimer, cmp), VMS_U64(HPETTimer, fsb),
        VMS_U64(HPETTimer, period), VMS_U8(HPETTimer, wrap_flag), VMS_TIMER(HPETTimer, qemu_timer)),
};

static const VMStateDescription vmstate_rtc_irq_level = {
    .name = "hpet/rtc_irq_level",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = rtc_irq_level_needed,
    .fields = VMS_FIELDS(VMS_U8(HPETState, rtc_irq_level)),
};

static const VMStateDescription vmstate_offset = {
    .name = "hpet/offset",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = offset_needed,
    .post_load = offset_post_load,
    .fields = VMS_FIELDS(VMS_U64(HPETState, hpet_offset)),
};

static const VMStateDescription vmstate_hpet = {
    .name = "hpet",
    .version_id = 2,
    .minimum_version_id = 1,
    .pre_save = hpet_pre_save,
    .pre_load = hpet_pre_load,
    .post_load = hpet_post_load,
    .fields = VMS_FIELDS(
        VMS_U64(HPETState, config), VMS_U64(HPETState, isr), VMS_U64(HPETState, hpet_counter),
        VMS_U8(HPETState, num_timers, .version_id = 2),
        { .name = "num_timers must match", .flags = VMSF_MUST_EXIST, .exists = num_timers_ok },
        VMS_COUNTED(HPETState, timer, num_timers, HPET_TIMERS_MAX, vmstate_hpet_timer)),
    .subsections = VMS_SUBSECTIONS(&vmstate_rtc_irq_level, &vmstate_offset),
};

static const Property hpet_props[] = {
    DEFINE_PROP_UINT8("timers", HPETState, num_timers_want, HPET_TIMERS_MIN),
    DEFINE_PROP_BIT("msi", HPETState, flags, MSI_SUPPORT_BIT, false),
    DEFINE_PROP_UINT32("hpet-intcap", HPETState, intcap, 0),
    DEFINE_PROP_BOOL("hpet-offset-saved", HPETState, offset_saved, true),
};

static void hpet_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = hpet_realize;
    dc->unrealize = hpet_unrealize;
    dc->reset.enter = hpet_reset;
    dc->reset.hold = hpet_reset_hold;
    dc->vmsd = &vmstate_hpet;
    dc->user_creatable = false;
    object_class_add_props(klass, hpet_props, G_N_ELEMENTS(hpet_props));
}

HPETState *hpet_new(uint32_t intcap)
{
    DeviceState *dev = device_new(TYPE_HPET);
    bool ok;

    object_set_uint(OBJECT(dev), "hpet-intcap", intcap);
    ok = device_realize_and_unref(dev, bus_main_system(), NULL);
    g_assert(ok);
    return HPET(dev);
}

static const TypeInfo hpet_type = {
    .name = TYPE_HPET,
    .parent = TYPE_DEVICE,
    .size = sizeof(HPETState),
    .init = hpet_init,
    .class_init = hpet_class_init,
};
TYPE_REGISTER(hpet_type)
