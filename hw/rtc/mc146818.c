#include "hw/rtc/mc146818.h"

#include <string.h>
#include <time.h>

#include "migration/vmstate.h"
#include "system/clock.h"
#include "system/runstate.h"
#include "util/error.h"
#include "util/trace.h"
#include "util/units.h"

enum { SECONDS, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM, DAY_OF_WEEK, DAY_OF_MONTH, MONTH, YEAR,
       REG_A, REG_B, REG_C, REG_D, SHUTDOWN_STATUS = 0x0f, CENTURY = 0x32, IBM_PS2_CENTURY = 0x37 };
enum { A_UIP = 0x80, A_DIVIDER = 0x70, A_DIVIDER_RUN = 0x20, A_DIVIDER_RESET = 0x60, A_RATE = 0x0f };
enum { B_SET = 0x80, B_PIE = 0x40, B_AIE = 0x20, B_UIE = 0x10, B_BINARY = 0x04, B_24H = 0x02 };
enum { C_IRQF = 0x80, C_PF = 0x40, C_AF = 0x20, C_UF = 0x10 };
enum { D_VRT = 0x80, ALARM_ANY = 0xc0, HOUR_PM = 0x80 };

#define SHUTDOWN_RESUME 0xfe    /* what firmware on QEMU's boards takes for the end of S3 */
#define RTC_FREQUENCY 32768
#define UIP_HOLD_NS (244 * 1000)    /* UIP comes up this long before the update */

typedef enum { LOST_TICK_DISCARD, LOST_TICK_DELAY, LOST_TICK_MERGE, LOST_TICK_SLEW } LostTickPolicy;
extern const PropertyKind prop_kind_lost_tick_policy;
DEFINE_ENUM_KIND(prop_kind_lost_tick_policy, "LostTickPolicy", "discard", "delay", "merge", "slew");

RTCConfig rtc_config;

struct RTCState {
    ISADevice parent_obj;
    /* set by the user */
    int32_t base_year;
    uint16_t iobase;
    uint8_t isairq;
    LostTickPolicy lost_tick_policy;
    /* migrated */
    uint8_t cmos_data[128];
    uint8_t cmos_index;
    Timer periodic_timer;
    int64_t next_periodic_time;
    uint32_t irq_coalesced, period;
    uint64_t base_rtc;          /* seconds since 1970 at last_update */
    uint64_t last_update;       /* host ns */
    int64_t offset;             /* ns into the second at last_update */
    Timer update_timer;
    uint64_t next_alarm_time;   /* host ns */
    uint16_t irq_reinject_on_ack_count;
    /* made at realize */
    ClockType clock;
    Irq *irq[1];
    MemoryRegion io;
};

/* The guest's time. */

static uint64_t guest_ns(const RTCState *s)
{
    return s->base_rtc * NANOSECONDS_PER_SECOND + (clock_ns(s->clock) - s->last_update) + s->offset;
}

/* The divider chain counts and the time may be shown. */
static bool counting(const RTCState *s)
{
    return !(s->cmos_data[REG_B] & B_SET) && (s->cmos_data[REG_A] & A_DIVIDER) <= A_DIVIDER_RUN;
}

static int to_bcd(const RTCState *s, int v)
{
    return s->cmos_data[REG_B] & B_BINARY ? v : v / 10 << 4 | v % 10;
}

/* -1: don't care, in an alarm register. */
static int from_bcd(const RTCState *s, int v)
{
    if ((v & ALARM_ANY) == ALARM_ANY) {
        return -1;
    }
    return s->cmos_data[REG_B] & B_BINARY ? v : (v >> 4) * 10 + (v & 15);
}

static int hour_to_register(const RTCState *s, int hour)
{
    int h = hour % 12;

    if (s->cmos_data[REG_B] & B_24H) {
        return to_bcd(s, hour);
    }
    return to_bcd(s, h ? h : 12) | (hour >= 12 ? HOUR_PM : 0);
}

static int hour_from_register(const RTCState *s, int v)
{
    int hour;

    if (s->cmos_data[REG_B] & B_24H || (v & ALARM_ANY) == ALARM_ANY) {
        return from_bcd(s, v);
    }
    hour = from_bcd(s, v & ~HOUR_PM) % 12;
    return v & HOUR_PM ? hour + 12 : hour;
}

/*
 * What the registers say, as seconds since 1970. Days are counted from March, so that a month begins (153 m + 2) / 5 days
 * after it; a month or day that is none counts on by the same rule, which a guest can see and timegm() would do otherwise.
 */
static time_t registers_to_time(const RTCState *s)
{
    const uint8_t *r = s->cmos_data;
    int year = from_bcd(s, r[YEAR]) + s->base_year + from_bcd(s, r[CENTURY]) * 100, month = from_bcd(s, r[MONTH]);
    time_t days;

    if (month < 3) {
        month += 12;
        year--;
    }
    days = 365 * year + year / 4 - year / 100 + year / 400 - 719469;    /* 1970-01-01 is day 0 */
    days += (153 * (month - 3) + 2) / 5 + from_bcd(s, r[DAY_OF_MONTH]);
    return days * 86400 + hour_from_register(s, r[HOURS]) * 3600 + from_bcd(s, r[MINUTES]) * 60 +
           from_bcd(s, r[SECONDS]);
}

static void time_to_registers(RTCState *s, time_t t)
{
    uint8_t *r = s->cmos_data;
    struct tm tm;
    int year;

    gmtime_r(&t, &tm);
    r[SECONDS] = to_bcd(s, tm.tm_sec);
    r[MINUTES] = to_bcd(s, tm.tm_min);
    r[HOURS] = hour_to_register(s, tm.tm_hour);
    r[DAY_OF_WEEK] = to_bcd(s, tm.tm_wday + 1);
    r[DAY_OF_MONTH] = to_bcd(s, tm.tm_mday);
    r[MONTH] = to_bcd(s, tm.tm_mon + 1);
    year = tm.tm_year + 1900 - s->base_year;
    r[YEAR] = to_bcd(s, ((year % 100) + 100) % 100);
    r[CENTURY] = to_bcd(s, ((year / 100) % 100 + 100) % 100);
}

static void show_time(RTCState *s)
{
    /* Times beyond 292 years from 1970 wrap around, as signed numbers here and nowhere else: so QEMU's do. */
    time_to_registers(s, (int64_t)guest_ns(s) / NANOSECONDS_PER_SECOND);
}

static void update_registers(RTCState *s)
{
    if (counting(s)) {
        show_time(s);
    }
}

static void set_time(RTCState *s)
{
    s->base_rtc = registers_to_time(s);
    s->last_update = clock_ns(s->clock);
}

/* Interrupts. */

static void raise_flags(RTCState *s, uint8_t flags)
{
    uint8_t fresh = flags & ~s->cmos_data[REG_C];

    s->cmos_data[REG_C] |= flags;
    /* PF, AF and UF stand where PIE, AIE and UIE do. */
    if (fresh & s->cmos_data[REG_B]) {
        s->cmos_data[REG_C] |= C_IRQF;
        irq_raise(s->irq[0]);
    }
}

/* In clocks of 32768 Hz, 0: none. */
static uint32_t periodic_clocks(const RTCState *s)
{
    int code = s->cmos_data[REG_A] & A_RATE;

    if (code == 0 || !(s->cmos_data[REG_B] & B_PIE)) {
        return 0;
    }
    /* Rates 1 and 2 are those of 8 and 9 with this time base. */
    return 1u << ((code <= 2 ? code + 7 : code) - 1);
}

/*
 * The next periodic interrupt is a period from now; if the rate was changed, what has passed since the last one counts.
 */
static void arm_periodic(RTCState *s, int64_t now)
{
    uint32_t old = s->period;
    int64_t clocks = (__int128)now * RTC_FREQUENCY / NANOSECONDS_PER_SECOND, passed = 0;

    s->period = periodic_clocks(s);
    if (!s->period) {
        s->irq_coalesced = 0;
        timer_stop(&s->periodic_timer);
        return;
    }
    if (old && old != s->period) {
        int64_t last = (__int128)s->next_periodic_time * RTC_FREQUENCY / NANOSECONDS_PER_SECOND - old;

        passed = CLAMP(clocks - last, 0, (int64_t)s->period);
    }
    s->next_periodic_time = (__int128)(clocks + s->period - passed) * NANOSECONDS_PER_SECOND / RTC_FREQUENCY + 1;
    timer_set(&s->periodic_timer, s->next_periodic_time);
}

static void periodic_fired(void *opaque)
{
    RTCState *s = opaque;

    arm_periodic(s, s->next_periodic_time);
    raise_flags(s, C_PF);
}

/*
 * An hour, as it counts for alarms. With a clock of 12 hours QEMU reads all hours with the afternoon bit of the time's,
 * and does not take that bit off the number first; so alarms are off there in the afternoon, and next_alarm_time in
 * the stream with them.
 */
static int alarm_hour(const RTCState *s, uint8_t v)
{
    int hour = from_bcd(s, v);

    if (s->cmos_data[REG_B] & B_24H || hour < 0) {
        return hour;
    }
    return hour % 12 + (s->cmos_data[HOURS] & HOUR_PM ? 12 : 0);
}

/* Seconds from now until the alarm registers agree with the time, 1 to 86400. The registers show the time. */
static int64_t seconds_to_alarm(RTCState *s)
{
    const uint8_t *r = s->cmos_data;
    int sec = from_bcd(s, r[SECONDS_ALARM]);
    int min = from_bcd(s, r[MINUTES_ALARM]);
    int hour = alarm_hour(s, r[HOURS_ALARM]);
    int64_t now = alarm_hour(s, r[HOURS]) * 3600 + from_bcd(s, r[MINUTES]) * 60 + from_bcd(s, r[SECONDS]);

    /* Day by seconds is the plain way; at most 86400 steps only when hour and minute are given, so step by what is. */
    for (int64_t ahead = 1; ahead <= 86400;) {
        int64_t t = (now + ahead) % 86400;

        if (hour >= 0 && t / 3600 != hour) {
            ahead += 3600 - t % 3600;
        } else if (min >= 0 && t / 60 % 60 != min) {
            ahead += 60 - t % 60;
        } else if (sec >= 0 && t % 60 != sec) {
            ahead++;
        } else {
            return ahead;
        }
    }
    return 86400;
}

/* Arms the update timer for the next second or alarm that would set a flag that is not set yet. */
static void arm_update(RTCState *s)
{
    int64_t now = clock_ns(s->clock), next_update;

    if ((s->cmos_data[REG_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET) {
        timer_stop(&s->update_timer);
        return;
    }
    update_registers(s);
    next_update = now + NANOSECONDS_PER_SECOND - guest_ns(s) % NANOSECONDS_PER_SECOND;
    s->next_alarm_time = next_update + (seconds_to_alarm(s) - 1) * NANOSECONDS_PER_SECOND;
    if (s->cmos_data[REG_C] & C_UF) {
        if (s->cmos_data[REG_C] & C_AF) {
            timer_stop(&s->update_timer);
            return;
        }
        next_update = s->next_alarm_time;
    }
    timer_set(&s->update_timer, next_update);
}

static void update_fired(void *opaque)
{
    RTCState *s = opaque;
    uint8_t flags = C_UF;

    if (clock_ns(s->clock) >= (int64_t)s->next_alarm_time) {
        flags |= C_AF;
        if (s->cmos_data[REG_B] & B_AIE) {
            system_wakeup_request(WAKEUP_RTC);
        }
    }
    update_registers(s);
    if (s->cmos_data[REG_B] & B_SET) {
        flags = 0;      /* no update cycles while the time is being set */
    }
    raise_flags(s, flags);
    arm_update(s);
}

/* Registers. */

static void write_a(RTCState *s, uint8_t value)
{
    uint8_t old = s->cmos_data[REG_A];

    /* The divider comes out of reset: the first update is half a second later. */
    if ((old & A_DIVIDER_RESET) == A_DIVIDER_RESET && (value & A_DIVIDER) <= A_DIVIDER_RUN) {
        if (!(s->cmos_data[REG_B] & B_SET)) {
            s->offset = NANOSECONDS_PER_SECOND / 2;
            set_time(s);
        }
    } else if ((old & A_DIVIDER) <= A_DIVIDER_RUN && (value & A_DIVIDER_RESET) == A_DIVIDER_RESET) {
        update_registers(s);
    }
    s->cmos_data[REG_A] = (value & ~A_UIP) | (old & A_UIP);
    if (s->period != periodic_clocks(s)) {
        arm_periodic(s, clock_ns(s->clock));
    }
    arm_update(s);
}

static void write_b(RTCState *s, uint8_t value)
{
    uint8_t old = s->cmos_data[REG_B];

    if (value & B_SET) {
        update_registers(s);    /* freezes what is shown */
        s->cmos_data[REG_A] &= ~A_UIP;
        value &= ~B_UIE;
    } else if ((old & B_SET) && (s->cmos_data[REG_A] & A_DIVIDER) <= A_DIVIDER_RUN) {
        s->offset = guest_ns(s) % NANOSECONDS_PER_SECOND;   /* seconds go on beginning when they would have begun */
        set_time(s);
    }
    if (((old ^ value) & (B_BINARY | B_24H)) && !(value & B_SET)) {
        s->cmos_data[REG_B] = value;
        update_registers(s);    /* in the new form */
    }
    /* A flag that stands already interrupts when it is enabled. */
    s->cmos_data[REG_B] = value;
    if (value & s->cmos_data[REG_C] & (C_PF | C_AF | C_UF)) {
        s->cmos_data[REG_C] |= C_IRQF;
        irq_raise(s->irq[0]);
    } else {
        s->cmos_data[REG_C] &= ~C_IRQF;
        irq_lower(s->irq[0]);
    }
    if (s->period != periodic_clocks(s)) {
        arm_periodic(s, clock_ns(s->clock));
    }
    arm_update(s);
}

static void write_register(RTCState *s, uint8_t value)
{
    switch (s->cmos_index) {
    case SECONDS_ALARM:
    case MINUTES_ALARM:
    case HOURS_ALARM:
        s->cmos_data[s->cmos_index] = value;
        arm_update(s);
        break;
    case IBM_PS2_CENTURY:
        s->cmos_index = CENTURY;
        /* fall through */
    case CENTURY:
    case SECONDS:
    case MINUTES:
    case HOURS:
    case DAY_OF_WEEK:
    case DAY_OF_MONTH:
    case MONTH:
    case YEAR:
        s->cmos_data[s->cmos_index] = value;
        if (counting(s)) {
            set_time(s);
            arm_update(s);
        }
        break;
    case REG_A:
        write_a(s, value);
        break;
    case REG_B:
        write_b(s, value);
        break;
    case REG_C:
    case REG_D:
        break;
    default:
        s->cmos_data[s->cmos_index] = value;
        break;
    }
}

static bool update_in_progress(RTCState *s)
{
    return counting(s) && guest_ns(s) % NANOSECONDS_PER_SECOND >= NANOSECONDS_PER_SECOND - UIP_HOLD_NS;
}

static uint8_t read_c(RTCState *s)
{
    uint8_t value = s->cmos_data[REG_C];

    irq_lower(s->irq[0]);
    s->cmos_data[REG_C] = 0;
    if (value & (C_UF | C_AF)) {
        arm_update(s);
    }
    return value;
}

static uint8_t read_register(RTCState *s)
{
    switch (s->cmos_index) {
    case IBM_PS2_CENTURY:
        s->cmos_index = CENTURY;
        /* fall through */
    case SECONDS:
    case MINUTES:
    case HOURS:
    case DAY_OF_WEEK:
    case DAY_OF_MONTH:
    case MONTH:
    case YEAR:
    case CENTURY:
        update_registers(s);
        return s->cmos_data[s->cmos_index];
    case REG_A:
        s->cmos_data[REG_A] = (s->cmos_data[REG_A] & ~A_UIP) | (update_in_progress(s) ? A_UIP : 0);
        return s->cmos_data[REG_A];
    case REG_C:
        return read_c(s);
    default:
        return s->cmos_data[s->cmos_index];
    }
}

/* Even ports are the index (write-only), odd ones the data. */
static void rtc_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    RTCState *s = opaque;

    if (offset & 1) {
        trace(rtc_write, "%02x = %02x", s->cmos_index, (unsigned)value);
        write_register(s, value);
    } else {
        s->cmos_index = value & 0x7f;
    }
}

static uint64_t rtc_read(void *opaque, hwaddr offset, unsigned size)
{
    RTCState *s = opaque;

    return offset & 1 ? read_register(s) : 0xff;
}

static const MemoryRegionOps rtc_ops = { .read = rtc_read, .write = rtc_write, .impl = { .min = 1, .max = 1 } };

void rtc_set_memory(RTCState *s, unsigned addr, uint8_t value)
{
    g_assert(addr < sizeof(s->cmos_data));
    s->cmos_data[addr] = value;
}

/* The device. */

static time_t start_time(void)
{
    time_t now = clock_ns(CLOCK_TYPE_HOST) / NANOSECONDS_PER_SECOND;
    struct tm tm;

    switch (rtc_config.base) {
    case RTC_BASE_LOCALTIME:
        localtime_r(&now, &tm);
        return timegm(&tm);
    case RTC_BASE_DATE:
        return rtc_config.date;
    default:
        return now;
    }
}

/* The board's word to firmware, which looks there after each reset. */
static void sleeps(void *opaque, SleepPhase phase, WakeupReason reason)
{
    if (phase == SLEEP_BEGINS) {
        ((RTCState *)opaque)->cmos_data[SHUTDOWN_STATUS] = SHUTDOWN_RESUME;
    }
}

static bool rtc_realize(DeviceState *dev, GError **error)
{
    static const ClockType clocks[] = { CLOCK_TYPE_HOST, CLOCK_TYPE_REALTIME, CLOCK_TYPE_VIRTUAL };
    RTCState *s = MC146818_RTC(dev);

    if (s->isairq >= ISA_NUM_IRQS) {
        return error_setf(error, "Maximum value for \"irq\" is: %d", ISA_NUM_IRQS - 1);
    }
    s->clock = clocks[rtc_config.clock];
    s->cmos_data[REG_A] = 0x26;     /* 32768 Hz, 1024 Hz periodic */
    s->cmos_data[REG_B] = B_24H;
    s->cmos_data[REG_D] = D_VRT;
    s->base_rtc = start_time();
    s->last_update = clock_ns(s->clock);
    s->offset = 0;
    time_to_registers(s, s->base_rtc);
    sleep_add_handler(sleeps, s);
    timer_init(&s->periodic_timer, s->clock, periodic_fired, s);
    timer_init(&s->update_timer, s->clock, update_fired, s);
    arm_update(s);
    memory_region_init_io(&s->io, OBJECT(dev), &rtc_ops, s, "rtc", 2);
    isa_register_io(&s->parent_obj, &s->io, s->iobase);
    return true;
}

static void rtc_unrealize(DeviceState *dev)
{
    RTCState *s = MC146818_RTC(dev);

    sleep_remove_handler(s);
    timer_stop(&s->periodic_timer);
    timer_stop(&s->update_timer);
    isa_unregister_io(&s->parent_obj, &s->io);
    memory_region_destroy(&s->io);
}

static void rtc_init(Object *obj)
{
    device_init_irq_out(DEVICE(obj), MC146818_RTC(obj)->irq, NULL, 1);
}

static void rtc_reset(DeviceState *dev)
{
    RTCState *s = MC146818_RTC(dev);

    s->cmos_data[REG_B] &= ~(B_PIE | B_AIE | 0x08);
    s->cmos_data[REG_C] &= ~(C_UF | C_IRQF | C_PF | C_AF);
    arm_update(s);
    s->irq_coalesced = 0;
    s->irq_reinject_on_ack_count = 0;
}

static void rtc_reset_hold(DeviceState *dev)
{
    irq_lower(MC146818_RTC(dev)->irq[0]);
}

static bool rtc_pre_save(void *opaque, GError **error)
{
    RTCState *s = opaque;

    if (!(s->cmos_data[REG_B] & B_SET)) {
        show_time(s);       /* also while the divider is in reset: so QEMU's stream has it */
    }
    return true;
}

static bool rtc_post_load(void *opaque, int version_id, GError **error)
{
    RTCState *s = opaque;

    if (version_id <= 2) {
        set_time(s);
        s->offset = 0;
        arm_update(s);
    }
    s->cmos_index &= 0x7f;
    return true;
}

static bool reinject_needed(void *opaque)
{
    return ((RTCState *)opaque)->irq_reinject_on_ack_count != 0;
}

static const VMStateDescription vmstate_reinject = {
    .name = "mc146818rtc/irq_reinject_on_ack_count",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = reinject_needed,
    .fields = VMS_FIELDS(VMS_U16(RTCState, irq_reinject_on_ack_count)),
};

static const VMStateDescription vmstate_rtc = {
    .name = "mc146818rtc",
    .version_id = 3,
    .minimum_version_id = 1,
    .pre_save = rtc_pre_save,
    .post_load = rtc_post_load,
    .fields = VMS_FIELDS(
        VMS_BUFFER(RTCState, cmos_data), VMS_U8(RTCState, cmos_index),
        VMS_UNUSED(7 * 4), VMS_TIMER(RTCState, periodic_timer), VMS_I64(RTCState, next_periodic_time), VMS_UNUSED(3 * 8),
        VMS_U32(RTCState, irq_coalesced, .version_id = 2), VMS_U32(RTCState, period, .version_id = 2),
        VMS_U64(RTCState, base_rtc, .version_id = 3), VMS_U64(RTCState, last_update, .version_id = 3),
        VMS_I64(RTCState, offset, .version_id = 3), VMS_TIMER(RTCState, update_timer, .version_id = 3),
        VMS_U64(RTCState, next_alarm_time, .version_id = 3)),
    .subsections = VMS_SUBSECTIONS(&vmstate_reinject),
};

static const Property rtc_props[] = {
    DEFINE_PROP_INT32("base_year", RTCState, base_year, 1980),
    DEFINE_PROP_UINT16("iobase", RTCState, iobase, 0x70),
    DEFINE_PROP_UINT8("irq", RTCState, isairq, 8),
    DEFINE_PROP_ENUM("lost_tick_policy", prop_kind_lost_tick_policy, RTCState, lost_tick_policy, LOST_TICK_DISCARD),
};

static void rtc_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = rtc_realize;
    dc->unrealize = rtc_unrealize;
    dc->reset.enter = rtc_reset;
    dc->reset.hold = rtc_reset_hold;
    dc->vmsd = &vmstate_rtc;
    dc->user_creatable = false;
    object_class_add_props(klass, rtc_props, G_N_ELEMENTS(rtc_props));
}

RTCState *rtc_new(ISABus *bus, int base_year, Irq *irq)
{
    DeviceState *dev = device_new(TYPE_MC146818_RTC);
    RTCState *s = MC146818_RTC(dev);
    bool ok;

    s->base_year = base_year;
    if (rtc_config.drift_slew) {
        s->lost_tick_policy = LOST_TICK_SLEW;
    }
    ok = device_realize_and_unref(dev, &bus->parent_obj, NULL);
    g_assert(ok);
    device_connect_irq(dev, NULL, 0, irq ? irq : isa_irq(&s->parent_obj, s->isairq));
    return s;
}

static const TypeInfo rtc_type = {
    .name = TYPE_MC146818_RTC,
    .parent = TYPE_ISA_DEVICE,
    .size = sizeof(RTCState),
    .init = rtc_init,
    .class_init = rtc_class_init,
};
TYPE_REGISTER(rtc_type)
