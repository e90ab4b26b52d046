#include "hw/intc/i8259.h"

#include <inttypes.h>

#include "migration/vmstate.h"
#include "util/error.h"
#include "util/log.h"
#include "util/trace.h"

enum { CASCADE_LINE = 2, SPURIOUS_LINE = 7 };

enum { ICW1_IC4 = 0x01, ICW1_SNGL = 0x02, ICW1_LTIM = 0x08, ICW1 = 0x10 };
enum { ICW4_AEOI = 0x02, ICW4_SFNM = 0x10 };
enum { OCW3 = 0x08, OCW3_RIS = 0x01, OCW3_RR = 0x02, OCW3_POLL = 0x04, OCW3_SMM = 0x20, OCW3_ESMM = 0x40 };
/* What init_state says: which initialisation word the data port expects. */
enum { INIT_DONE, INIT_ICW2, INIT_ICW3, INIT_ICW4 };

struct I8259 {
    ISADevice parent_obj;
    /* set by the board */
    uint32_t iobase, elcr_addr;
    uint8_t elcr_mask;          /* the lines that may be level-triggered */
    uint32_t master;            /* bit 0 */
    /* migrated, under QEMU's names */
    uint8_t last_irr, irr, imr, isr;
    uint8_t priority_add;       /* the line of highest priority */
    uint8_t irq_base;           /* ICW2 */
    uint8_t read_reg_select, poll, special_mask, init_state, auto_eoi, rotate_on_auto_eoi;
    uint8_t special_fully_nested_mode, init4, single_mode, elcr;
    /* wired */
    I8259 *slave;               /* the master's */
    Irq *output[1];
    uint8_t lines;              /* that are up */
    uint64_t rises[8];          /* how often each came up */
    MemoryRegion io, elcr_io;
};

/* 0 for the highest priority, 8 if no bit is set. */
static int highest_priority(const I8259 *s, uint8_t mask)
{
    int priority = 0;

    if (!mask) {
        return 8;
    }
    while (!(mask & (1 << ((priority + s->priority_add) & 7)))) {
        priority++;
    }
    return priority;
}

/* The line to serve now, -1 if none asks or one of no lower priority is in service. */
static int pending_line(const I8259 *s)
{
    int priority = highest_priority(s, s->irr & ~s->imr), current;
    uint8_t in_service = s->isr;

    if (priority == 8) {
        return -1;
    }
    if (s->special_mask) {
        in_service &= ~s->imr;
    }
    /* The slave may ask again while one of its own is in service. */
    if (s->special_fully_nested_mode && s->master) {
        in_service &= ~(1 << CASCADE_LINE);
    }
    current = highest_priority(s, in_service);
    return priority < current ? (priority + s->priority_add) & 7 : -1;
}

static void update_output(I8259 *s)
{
    bool level = pending_line(s) >= 0;

    trace(i8259_output, "%s %d irr %02x imr %02x isr %02x", s->master ? "master" : "slave", level, s->irr, s->imr, s->isr);
    irq_set(s->output[0], level);
}

static void set_line(void *opaque, int n, int level)
{
    I8259 *s = opaque;
    uint8_t bit = 1 << n;

    s->rises[n] += level && !(s->lines & bit);
    s->lines = level ? s->lines | bit : s->lines & ~bit;
    if (s->elcr & bit) {
        s->irr = level ? s->irr | bit : s->irr & ~bit;
        s->last_irr = level ? s->last_irr | bit : s->last_irr & ~bit;
    } else if (level) {
        if (!(s->last_irr & bit)) {
            s->irr |= bit;
        }
        s->last_irr |= bit;
    } else {
        s->last_irr &= ~bit;
    }
    update_output(s);
}

/* The line is acknowledged: in service unless AEOI, its request gone unless it is a level. */
static void take_line(I8259 *s, int n)
{
    if (!s->auto_eoi) {
        s->isr |= 1 << n;
    } else if (s->rotate_on_auto_eoi) {
        s->priority_add = (n + 1) & 7;
    }
    if (!(s->elcr & (1 << n))) {
        s->irr &= ~(1 << n);
    }
    update_output(s);
}

uint8_t i8259_acknowledge(I8259 *s)
{
    int line = pending_line(s);
    uint8_t vector;

    if (line < 0) {
        return s->irq_base + SPURIOUS_LINE;
    }
    vector = s->irq_base + line;
    if (line == CASCADE_LINE && s->slave) {
        int below = pending_line(s->slave);

        vector = s->slave->irq_base + (below < 0 ? SPURIOUS_LINE : below);
        take_line(s, line);
        if (below >= 0) {
            take_line(s->slave, below);
        }
        return vector;
    }
    take_line(s, line);
    return vector;
}

/* ICW1 (and reset) clears all but the edge memory of what is level-triggered, and the ELCR. */
static void init_state(I8259 *s)
{
    s->last_irr = 0;
    s->irr &= s->elcr;
    s->imr = s->isr = 0;
    s->priority_add = s->irq_base = 0;
    s->read_reg_select = s->poll = s->special_mask = 0;
    s->init_state = INIT_DONE;
    s->auto_eoi = s->rotate_on_auto_eoi = 0;
    s->special_fully_nested_mode = s->init4 = s->single_mode = 0;
}

static void write_icw1(I8259 *s, uint8_t value)
{
    init_state(s);
    s->init_state = INIT_ICW2;
    s->init4 = value & ICW1_IC4;
    s->single_mode = value & ICW1_SNGL;
    if (value & ICW1_LTIM) {
        log_unimp("i8259: level mode for all lines (LTIM) is not there: use the ELCR\n");
    }
    update_output(s);
}

static void write_ocw3(I8259 *s, uint8_t value)
{
    if (value & OCW3_POLL) {
        s->poll = 1;
    }
    if (value & OCW3_RR) {
        s->read_reg_select = value & OCW3_RIS;
    }
    if (value & OCW3_ESMM) {
        s->special_mask = (value & OCW3_SMM) != 0;
        update_output(s);
    }
}

/* OCW2: bits 7:5 are rotate, specific, EOI; bits 2:0 the line of a specific command. */
static void write_ocw2(I8259 *s, uint8_t value)
{
    uint8_t command = value >> 5, line = value & 7;

    switch (command) {
    case 0:     /* rotate in AEOI mode: off, on */
    case 4:
        s->rotate_on_auto_eoi = command >> 2;
        return;
    case 1:     /* non-specific EOI, and with rotation */
    case 5:
        if (s->isr) {
            line = (highest_priority(s, s->isr) + s->priority_add) & 7;
            s->isr &= ~(1 << line);
            if (command == 5) {
                s->priority_add = (line + 1) & 7;
            }
        }
        break;
    case 3:     /* specific EOI */
        s->isr &= ~(1 << line);
        break;
    case 6:     /* set priority */
        s->priority_add = (line + 1) & 7;
        break;
    case 7:     /* specific EOI with rotation */
        s->isr &= ~(1 << line);
        s->priority_add = (line + 1) & 7;
        break;
    default:
        return;
    }
    update_output(s);
}

static void write_data(I8259 *s, uint8_t value)
{
    switch (s->init_state) {
    case INIT_DONE:     /* OCW1 */
        s->imr = value;
        update_output(s);
        break;
    case INIT_ICW2:
        s->irq_base = value & 0xf8;
        s->init_state = s->single_mode ? (s->init4 ? INIT_ICW4 : INIT_DONE) : INIT_ICW3;
        break;
    case INIT_ICW3:     /* the cascade is wired */
        s->init_state = s->init4 ? INIT_ICW4 : INIT_DONE;
        break;
    case INIT_ICW4:
        s->special_fully_nested_mode = (value & ICW4_SFNM) != 0;
        s->auto_eoi = (value & ICW4_AEOI) != 0;
        s->init_state = INIT_DONE;
        break;
    }
}

static void i8259_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    I8259 *s = opaque;

    trace(i8259_write, "%s %u = %02x", s->master ? "master" : "slave", (unsigned)offset, (unsigned)value);
    if (offset == 1) {
        write_data(s, value);
    } else if (value & ICW1) {
        write_icw1(s, value);
    } else if (value & OCW3) {
        write_ocw3(s, value);
    } else {
        write_ocw2(s, value);
    }
}

/* A read after the poll command is an acknowledge: bit 7 and the line, or 0. */
static uint8_t read_poll(I8259 *s)
{
    int line = pending_line(s);

    s->poll = 0;
    if (line < 0) {
        update_output(s);
        return 0;
    }
    take_line(s, line);
    return line | 0x80;
}

static uint64_t i8259_read(void *opaque, hwaddr offset, unsigned size)
{
    I8259 *s = opaque;
    uint8_t value;

    if (s->poll) {
        value = read_poll(s);
    } else if (offset == 0) {
        value = s->read_reg_select ? s->isr : s->irr;
    } else {
        value = s->imr;
    }
    trace(i8259_read, "%s %u = %02x", s->master ? "master" : "slave", (unsigned)offset, value);
    return value;
}

static void elcr_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    I8259 *s = opaque;

    s->elcr = value & s->elcr_mask;
}

static uint64_t elcr_read(void *opaque, hwaddr offset, unsigned size)
{
    return ((I8259 *)opaque)->elcr;
}

static const MemoryRegionOps i8259_ops = { .read = i8259_read, .write = i8259_write, .impl = { .min = 1, .max = 1 } };
static const MemoryRegionOps elcr_ops = { .read = elcr_read, .write = elcr_write, .impl = { .min = 1, .max = 1 } };

static bool i8259_realize(DeviceState *dev, GError **error)
{
    I8259 *s = ISA_I8259(dev);

    if (s->iobase > 0xfffe || s->elcr_addr > 0xffff) {
        return error_setf(error, "iobase %#x or elcr_addr %#x is no port", s->iobase, s->elcr_addr);
    }
    memory_region_init_io(&s->io, OBJECT(dev), &i8259_ops, s, "pic", 2);
    isa_register_io(&s->parent_obj, &s->io, s->iobase);
    memory_region_init_io(&s->elcr_io, OBJECT(dev), &elcr_ops, s, "elcr", 1);
    isa_register_io(&s->parent_obj, &s->elcr_io, s->elcr_addr);
    return true;
}

static void i8259_unrealize(DeviceState *dev)
{
    I8259 *s = ISA_I8259(dev);

    isa_unregister_io(&s->parent_obj, &s->io);
    isa_unregister_io(&s->parent_obj, &s->elcr_io);
    memory_region_destroy(&s->io);
    memory_region_destroy(&s->elcr_io);
}

static void i8259_init(Object *obj)
{
    I8259 *s = ISA_I8259(obj);

    device_init_irq_in(DEVICE(obj), set_line, NULL, 8);
    device_init_irq_out(DEVICE(obj), s->output, NULL, 1);
}

static void i8259_reset(DeviceState *dev)
{
    I8259 *s = ISA_I8259(dev);

    s->elcr = 0;
    s->irr = 0;
    init_state(s);
}

static void i8259_reset_hold(DeviceState *dev)
{
    update_output(ISA_I8259(dev));
}

static bool i8259_post_load(void *opaque, int version_id, GError **error)
{
    I8259 *s = opaque;

    /* These index or select: nothing else may come in. */
    s->priority_add &= 7;
    s->init_state = MIN(s->init_state, INIT_ICW4);
    return true;
}

static const VMStateDescription vmstate_i8259 = {
    .name = "i8259",
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = i8259_post_load,
    .fields = VMS_FIELDS(
        VMS_U8(I8259, last_irr), VMS_U8(I8259, irr), VMS_U8(I8259, imr), VMS_U8(I8259, isr),
        VMS_U8(I8259, priority_add), VMS_U8(I8259, irq_base), VMS_U8(I8259, read_reg_select), VMS_U8(I8259, poll),
        VMS_U8(I8259, special_mask), VMS_U8(I8259, init_state), VMS_U8(I8259, auto_eoi),
        VMS_U8(I8259, rotate_on_auto_eoi),
        VMS_U8(I8259, special_fully_nested_mode), VMS_U8(I8259, init4), VMS_U8(I8259, single_mode),
        VMS_U8(I8259, elcr)),
};

static const Property i8259_props[] = {
    DEFINE_PROP_UINT32("iobase", I8259, iobase, 0xffffffff),
    DEFINE_PROP_UINT32("elcr_addr", I8259, elcr_addr, 0xffffffff),
    DEFINE_PROP_UINT8("elcr_mask", I8259, elcr_mask, 0xff),
    DEFINE_PROP_BIT("master", I8259, master, 0, false),
};

static void i8259_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = i8259_realize;
    dc->unrealize = i8259_unrealize;
    dc->reset.enter = i8259_reset;
    dc->reset.hold = i8259_reset_hold;
    dc->vmsd = &vmstate_i8259;
    dc->user_creatable = false;
    object_class_add_props(klass, i8259_props, G_N_ELEMENTS(i8259_props));
}

static I8259 *i8259_new_one(ISABus *bus, bool master, uint16_t port, uint16_t elcr, uint8_t elcr_mask)
{
    DeviceState *dev = device_new(TYPE_ISA_I8259);

    object_set_uint(OBJECT(dev), "iobase", port);
    object_set_uint(OBJECT(dev), "elcr_addr", elcr);
    object_set_uint(OBJECT(dev), "elcr_mask", elcr_mask);
    object_set_bool(OBJECT(dev), "master", master);
    return device_realize_and_unref(dev, &bus->parent_obj, NULL) ? ISA_I8259(dev) : NULL;
}

I8259 *i8259_new_pair(ISABus *bus, Irq *output, Irq *inputs[ISA_NUM_IRQS])
{
    I8259 *master = i8259_new_one(bus, true, 0x20, 0x4d0, 0xf8);
    I8259 *slave = i8259_new_one(bus, false, 0xa0, 0x4d1, 0xde);

    master->slave = slave;
    device_connect_irq(DEVICE(master), NULL, 0, output);
    device_connect_irq(DEVICE(slave), NULL, 0, device_irq_in(DEVICE(master), NULL, CASCADE_LINE));
    for (int i = 0; i < 8; i++) {
        inputs[i] = device_irq_in(DEVICE(master), NULL, i);
        inputs[i + 8] = device_irq_in(DEVICE(slave), NULL, i);
    }
    return master;
}

static void print_one(const I8259 *s, GString *out)
{
    g_string_append_printf(out, "pic%d: irr=%02x imr=%02x isr=%02x hprio=%d irq_base=%02x rr_sel=%d elcr=%02x fnm=%d\n",
                           s->master ? 0 : 1, s->irr, s->imr, s->isr, s->priority_add, s->irq_base, s->read_reg_select,
                           s->elcr, s->special_fully_nested_mode);
}

void i8259_print(const I8259 *master, GString *out)
{
    print_one(master->slave, out);
    print_one(master, out);
}

void i8259_print_counts(const I8259 *master, GString *out)
{
    g_string_append(out, "IRQ statistics for isa-i8259:\n");
    for (unsigned n = 0; n < ISA_NUM_IRQS; n++) {
        uint64_t rises = (n < 8 ? master : master->slave)->rises[n % 8];

        if (rises) {
            g_string_append_printf(out, "%2u: %" PRIu64 "\n", n, rises);
        }
    }
}

static const TypeInfo i8259_type = {
    .name = TYPE_ISA_I8259,
    .parent = TYPE_ISA_DEVICE,
    .size = sizeof(I8259),
    .init = i8259_init,
    .class_init = i8259_class_init,
};
TYPE_REGISTER(i8259_type)
