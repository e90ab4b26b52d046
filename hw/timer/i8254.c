#include "hw/timer/i8254.h"

#include "migration/vmstate.h"
#include "system/clock.h"
#include "util/error.h"
#include "util/trace.h"
#include "util/units.h"

/* The control word. */
enum { CONTROL_PORT = 3, SELECT_READ_BACK = 3 };
enum { READ_BACK_NO_COUNT = 0x20, READ_BACK_NO_STATUS = 0x10 };
/* Which byte of the count comes next, as the stream has it. */
enum { STATE_LSB = 1, STATE_MSB, STATE_WORD0, STATE_WORD1 };
enum { STATUS_OUTPUT = 0x80 };

typedef struct PITChannel {
    int32_t count;              /* 1 to 65536 */
    uint16_t latched_count;
    uint8_t count_latched;      /* 0, or the state to read it with */
    uint8_t status_latched, status;
    uint8_t read_state, write_state, write_latch;
    uint8_t rw_mode, mode, bcd, gate;
    int64_t count_load_time;    /* virtual ns */
    int64_t next_transition_time;   /* virtual ns; -1: the output stays as it is */
    uint32_t irq_disabled;      /* channel 0 */
    Irq *irq;
    Timer *timer;
} PITChannel;

struct PIT {
    ISADevice parent_obj;
    uint32_t iobase;
    PITChannel channels[PIT_CHANNELS];
    MemoryRegion io;
    Irq *irq[1];
};

static int64_t ticks_since_load(const PITChannel *c, int64_t now)
{
    return (__int128)(now - c->count_load_time) * PIT_FREQUENCY / NANOSECONDS_PER_SECOND;
}

/* When `ticks` have passed, rounded down as QEMU does: it may take a nanosecond more. */
static int64_t time_of_tick(const PITChannel *c, int64_t ticks)
{
    return c->count_load_time + (__int128)ticks * NANOSECONDS_PER_SECOND / PIT_FREQUENCY;
}

static bool output_at(const PITChannel *c, int64_t now)
{
    int64_t d = ticks_since_load(c, now);

    switch (c->mode) {
    case 0:     /* interrupt on terminal count */
    case 6:
    case 7:
        return d >= c->count;
    case 1:     /* hardware one-shot; QEMU has it the wrong way round */
        return d < c->count;
    case 2:     /* rate generator: QEMU has it high for the first clock of each period but the first one */
        return d % c->count == 0 && d != 0;
    case 3:     /* square wave: the odd clock belongs to the high half */
        return d % c->count < (c->count + 1) / 2;
    default:    /* strobes: QEMU has them high for the clock of terminal count */
        return d == c->count;
    }
}

/* When the output changes next, -1 if it does not. */
static int64_t next_transition(const PITChannel *c, int64_t now)
{
    int64_t d = ticks_since_load(c, now), next, base, half;

    switch (c->mode) {
    case 0:
    case 1:
    case 6:
    case 7:
        if (d >= c->count) {
            return -1;
        }
        next = c->count;
        break;
    case 2:
        /* The tick that is meant is the one before: a time in nanoseconds, rounded down, lies in that. */
        base = d / c->count * c->count;
        next = d == base && d != 0 ? base + c->count : base + c->count + 1;
        break;
    case 3:
        base = d / c->count * c->count;
        half = (c->count + 1) / 2;
        next = d - base < half ? base + half : base + c->count;
        break;
    default:
        if (d > c->count) {
            return -1;
        }
        next = d < c->count ? c->count : c->count + 1;
        break;
    }
    /* Never now or before: time has to go on even if nanoseconds are too coarse. */
    return MAX(time_of_tick(c, next), now + 1);
}

static void update_irq(PITChannel *c, int64_t now)
{
    if (!c->timer || c->irq_disabled) {
        return;
    }
    irq_set(c->irq, output_at(c, now));
    c->next_transition_time = next_transition(c, now);
    if (c->next_transition_time < 0) {
        timer_stop(c->timer);
    } else {
        timer_set(c->timer, c->next_transition_time);
    }
}

static void timer_fired(void *opaque)
{
    PITChannel *c = opaque;

    update_irq(c, c->next_transition_time);
}

/* In binary always: QEMU keeps the BCD bit and does not count by it. */
static uint16_t current_count(const PITChannel *c)
{
    int64_t d = ticks_since_load(c, clock_ns(CLOCK_TYPE_VIRTUAL));

    switch (c->mode) {
    case 2:
    case 6:
    case 7:
        return c->count - d % c->count;
    case 3:     /* counts by twos */
        return c->count - (2 * d) % c->count;
    default:    /* goes on below zero */
        return c->count - d;
    }
}

static void load_count(PITChannel *c, unsigned value)
{
    c->count = value ? (int32_t)value : 65536;
    c->count_load_time = clock_ns(CLOCK_TYPE_VIRTUAL);
    trace(pit_load, "mode %u count %d", c->mode, c->count);
    update_irq(c, c->count_load_time);
}

static void latch_count(PITChannel *c)
{
    if (!c->count_latched) {
        c->latched_count = current_count(c);
        c->count_latched = c->rw_mode;
    }
}

static void latch_status(PITChannel *c)
{
    if (!c->status_latched) {
        c->status = output_at(c, clock_ns(CLOCK_TYPE_VIRTUAL)) ? STATUS_OUTPUT : 0;
        c->status |= c->rw_mode << 4 | c->mode << 1 | c->bcd;
        c->status_latched = 1;
    }
}

static void read_back(PIT *s, uint8_t value)
{
    for (unsigned n = 0; n < PIT_CHANNELS; n++) {
        if (value & (2 << n)) {
            if (!(value & READ_BACK_NO_COUNT)) {
                latch_count(&s->channels[n]);
            }
            if (!(value & READ_BACK_NO_STATUS)) {
                latch_status(&s->channels[n]);
            }
        }
    }
}

static void write_control(PIT *s, uint8_t value)
{
    unsigned select = value >> 6, access = value >> 4 & 3;
    PITChannel *c;

    if (select == SELECT_READ_BACK) {
        read_back(s, value);
        return;
    }
    c = &s->channels[select];
    if (access == 0) {
        latch_count(c);
        return;
    }
    c->rw_mode = c->read_state = c->write_state = access;
    c->mode = value >> 1 & 7;   /* 6 and 7 should be 2 and 3; QEMU's are nearly 0 */
    c->bcd = value & 1;         /* the line stays as it is until a count is loaded */
}

static void pit_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    PIT *s = opaque;
    PITChannel *c;

    if (offset == CONTROL_PORT) {
        write_control(s, value);
        return;
    }
    c = &s->channels[offset];
    switch (c->write_state) {
    case STATE_MSB:
        load_count(c, (value & 0xff) << 8);
        break;
    case STATE_WORD0:
        c->write_latch = value;
        c->write_state = STATE_WORD1;
        break;
    case STATE_WORD1:
        c->write_state = STATE_WORD0;
        load_count(c, c->write_latch | (value & 0xff) << 8);
        break;
    default:
        load_count(c, value & 0xff);
        break;
    }
}

static uint8_t read_latched(PITChannel *c)
{
    switch (c->count_latched) {
    case STATE_MSB:
        c->count_latched = 0;
        return c->latched_count >> 8;
    case STATE_WORD0:
        c->count_latched = STATE_MSB;
        return c->latched_count;
    default:
        c->count_latched = 0;
        return c->latched_count;
    }
}

static uint64_t pit_read(void *opaque, hwaddr offset, unsigned size)
{
    PIT *s = opaque;
    PITChannel *c;

    if (offset == CONTROL_PORT) {
        return 0;       /* write-only */
    }
    c = &s->channels[offset];
    if (c->status_latched) {
        c->status_latched = 0;
        return c->status;
    }
    if (c->count_latched) {
        return read_latched(c);
    }
    switch (c->read_state) {
    case STATE_MSB:
        return current_count(c) >> 8;
    case STATE_WORD0:
        c->read_state = STATE_WORD1;
        return current_count(c) & 0xff;
    case STATE_WORD1:
        c->read_state = STATE_WORD0;
        return current_count(c) >> 8;
    default:
        return current_count(c) & 0xff;
    }
}

static const MemoryRegionOps pit_ops = { .read = pit_read, .write = pit_write, .impl = { .min = 1, .max = 1 } };

void pit_set_gate(PIT *s, unsigned channel, bool level)
{
    PITChannel *c = &s->channels[channel];
    bool rising = level && !c->gate;

    /* 0 and 4 (and 6, 7) only stop counting, which is not modelled; the others begin anew at the edge. */
    if (rising && c->mode != 0 && c->mode != 4 && c->mode < 6) {
        c->count_load_time = clock_ns(CLOCK_TYPE_VIRTUAL);
        c->gate = level;
        update_irq(c, c->count_load_time);
    }
    c->gate = level;
}

bool pit_gate(const PIT *s, unsigned channel)
{
    return s->channels[channel].gate;
}

bool pit_output(const PIT *s, unsigned channel)
{
    return output_at(&s->channels[channel], clock_ns(CLOCK_TYPE_VIRTUAL));
}

/* The HPET took the timer interrupt over, or gave it back. */
static void set_irq_disabled(void *opaque, int n, int level)
{
    PITChannel *c = &((PIT *)opaque)->channels[0];

    if (c->irq_disabled == (level != 0)) {
        return;
    }
    c->irq_disabled = level != 0;
    if (level) {
        timer_stop(c->timer);
        irq_lower(c->irq);
    } else {
        update_irq(c, clock_ns(CLOCK_TYPE_VIRTUAL));
    }
}

static bool pit_realize(DeviceState *dev, GError **error)
{
    PIT *s = ISA_PIT(dev);

    if (s->iobase > 0xfffc) {
        return error_setf(error, "iobase %#x is no port", s->iobase);
    }
    memory_region_init_io(&s->io, OBJECT(dev), &pit_ops, s, "pit", 4);
    isa_register_io(&s->parent_obj, &s->io, s->iobase);
    s->channels[0].timer = timer_new(CLOCK_TYPE_VIRTUAL, timer_fired, &s->channels[0]);
    return true;
}

static void pit_unrealize(DeviceState *dev)
{
    PIT *s = ISA_PIT(dev);

    timer_free(s->channels[0].timer);
    s->channels[0].timer = NULL;
    isa_unregister_io(&s->parent_obj, &s->io);
    memory_region_destroy(&s->io);
}

static void pit_init(Object *obj)
{
    device_init_irq_in(DEVICE(obj), set_irq_disabled, NULL, 1);
    device_init_irq_out(DEVICE(obj), ISA_PIT(obj)->irq, NULL, 1);
}

static void pit_reset(DeviceState *dev)
{
    PIT *s = ISA_PIT(dev);
    int64_t now = clock_ns(CLOCK_TYPE_VIRTUAL);

    for (unsigned n = 0; n < PIT_CHANNELS; n++) {
        PITChannel *c = &s->channels[n];

        c->mode = 3;
        c->gate = n != 2;
        c->count = 65536;
        c->count_load_time = now;
        c->count_latched = c->status_latched = 0;
    }
}

static void pit_reset_hold(DeviceState *dev)
{
    PITChannel *c = &ISA_PIT(dev)->channels[0];

    c->irq = ISA_PIT(dev)->irq[0];
    /* The line itself is not driven: the 8259s would remember an edge. */
    c->next_transition_time = next_transition(c, c->count_load_time);
    if (!c->irq_disabled) {
        timer_set(c->timer, c->next_transition_time);
    }
}

static bool channel_post_load(void *opaque, int version_id, GError **error)
{
    PITChannel *c = opaque;

    if (c->count < 1 || c->count > 65536 || c->mode > 7) {
        return error_setf(error, "pit channel: count %d or mode %u is out of range", c->count, c->mode);
    }
    return true;
}

static bool pit_post_load(void *opaque, int version_id, GError **error)
{
    PITChannel *c = &((PIT *)opaque)->channels[0];

    c->irq = ((PIT *)opaque)->irq[0];
    if (c->next_transition_time < 0 || c->irq_disabled) {
        timer_stop(c->timer);
    } else {
        timer_set(c->timer, c->next_transition_time);
    }
    return true;
}

static const VMStateDescription vmstate_channel = {
    .name = "pit channel",
    .version_id = 2,
    .minimum_version_id = 2,
    .post_load = channel_post_load,
    .fields = VMS_FIELDS(
        VMS_I32(PITChannel, count), VMS_U16(PITChannel, latched_count), VMS_U8(PITChannel, count_latched),
        VMS_U8(PITChannel, status_latched), VMS_U8(PITChannel, status), VMS_U8(PITChannel, read_state),
        VMS_U8(PITChannel, write_state), VMS_U8(PITChannel, write_latch), VMS_U8(PITChannel, rw_mode),
        VMS_U8(PITChannel, mode), VMS_U8(PITChannel, bcd), VMS_U8(PITChannel, gate),
        VMS_I64(PITChannel, count_load_time), VMS_I64(PITChannel, next_transition_time)),
};

static const VMStateDescription vmstate_pit = {
    .name = "i8254",
    .version_id = 3,
    .minimum_version_id = 2,
    .post_load = pit_post_load,
    .fields = VMS_FIELDS(
        VMS_U32(PIT, channels[0].irq_disabled, .version_id = 3),
        VMS_STRUCT_ARRAY(PIT, channels, vmstate_channel, .version_id = 2),
        /* Once more, as it always was. */
        VMS_I64(PIT, channels[0].next_transition_time)),
};

static const Property pit_props[] = {
    DEFINE_PROP_UINT32("iobase", PIT, iobase, 0xffffffff),
};

static void pit_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = pit_realize;
    dc->unrealize = pit_unrealize;
    dc->reset.enter = pit_reset;
    dc->reset.hold = pit_reset_hold;
    dc->vmsd = &vmstate_pit;
    dc->user_creatable = false;
    object_class_add_props(klass, pit_props, G_N_ELEMENTS(pit_props));
}

PIT *pit_new(ISABus *bus, uint16_t iobase, Irq *irq)
{
    DeviceState *dev = device_new(TYPE_ISA_PIT);
    bool ok;

    object_set_uint(OBJECT(dev), "iobase", iobase);
    ok = device_realize_and_unref(dev, &bus->parent_obj, NULL);
    g_assert(ok);
    device_connect_irq(dev, NULL, 0, irq);
    return ISA_PIT(dev);
}

static const TypeInfo pit_type = {
    .name = TYPE_ISA_PIT,
    .parent = TYPE_ISA_DEVICE,
    .size = sizeof(PIT),
    .init = pit_init,
    .class_init = pit_class_init,
};
TYPE_REGISTER(pit_type)
