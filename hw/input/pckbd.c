#include "hw/input/i8042.h"

#include "hw/input/ps2.h"
#include "migration/vmstate.h"
#include "system/clock.h"
#include "system/runstate.h"
#include "util/error.h"
#include "util/log.h"
#include "util/trace.h"

/* Commands at port 0x64. */
enum {
    CMD_READ_MODE = 0x20, CMD_WRITE_MODE = 0x60, CMD_MOUSE_DISABLE = 0xa7, CMD_MOUSE_ENABLE = 0xa8, CMD_TEST_MOUSE = 0xa9,
    CMD_SELF_TEST = 0xaa, CMD_KBD_TEST = 0xab, CMD_KBD_DISABLE = 0xad, CMD_KBD_ENABLE = 0xae, CMD_READ_INPORT = 0xc0,
    CMD_READ_OUTPORT = 0xd0, CMD_WRITE_OUTPORT = 0xd1, CMD_WRITE_OBUF = 0xd2, CMD_WRITE_AUX_OBUF = 0xd3,
    CMD_WRITE_MOUSE = 0xd4, CMD_DISABLE_A20 = 0xdd, CMD_ENABLE_A20 = 0xdf, CMD_PULSE = 0xf0, CMD_RESET = 0xfe,
    CMD_NO_OP = 0xff,
};
enum { STATUS_OBF = 0x01, STATUS_SELFTEST = 0x04, STATUS_CMD = 0x08, STATUS_UNLOCKED = 0x10, STATUS_MOUSE_OBF = 0x20 };
enum {
    MODE_KBD_INT = 0x01, MODE_MOUSE_INT = 0x02, MODE_DISABLE_KBD = 0x10, MODE_DISABLE_MOUSE = 0x20, MODE_TRANSLATE = 0x40,
};
enum { OUT_NO_RESET = 0x01, OUT_A20 = 0x02, OUT_OBF = 0x10, OUT_MOUSE_OBF = 0x20, OUT_ONES = 0xcc };
/* Who has something to say. Those of the controller come first; the devices' are at the bits that disable them. */
enum {
    PENDING_KBD_COMPAT = 0x01, PENDING_AUX_COMPAT = 0x02, PENDING_CTRL_KBD = 0x04, PENDING_CTRL_AUX = 0x08,
    PENDING_KBD = MODE_DISABLE_KBD, PENDING_AUX = MODE_DISABLE_MOUSE,
    PENDING_CTRL = PENDING_CTRL_KBD | PENDING_CTRL_AUX, PENDING_ALL = PENDING_CTRL | PENDING_KBD | PENDING_AUX,
};
/* Whose byte is in the output buffer. */
enum { FROM_KBD = 1, FROM_MOUSE = 2, FROM_CTRL = 4 };
enum { MIGRATION_THROTTLED = 1 };

#define SELF_TEST_PASSED 0x55
#define THROTTLE_NS 1000000

struct I8042State {
    ISADevice parent_obj;
    /* set by the user */
    bool extended_state;            /* false: what the controller says goes through the devices' queues */
    bool throttle;
    uint8_t kbd_irq, mouse_irq;
    /* migrated */
    uint8_t write_cmd, status, mode, outport, pending, pending_tmp, obdata, cbdata;
    uint32_t obsrc, migration_flags;
    bool outport_came, extended_came;   /* with the stream that is being loaded */
    Timer throttle_timer;
    /* derived */
    PS2Kbd *kbd;
    PS2Mouse *mouse;
    Irq *irq[2], *a20[1];
    MemoryRegion data, cmd;
};

static PS2State *kbd_of(I8042State *s)
{
    return PS2_DEVICE(s->kbd);
}

static PS2State *mouse_of(I8042State *s)
{
    return PS2_DEVICE(s->mouse);
}

/* The output buffer and its interrupts. */
static void update_irq_lines(I8042State *s)
{
    bool full = s->status & STATUS_OBF, mouse = s->status & STATUS_MOUSE_OBF;

    irq_set(s->irq[0], full && !mouse && (s->mode & (MODE_KBD_INT | MODE_DISABLE_KBD)) == MODE_KBD_INT);
    irq_set(s->irq[1], full && mouse && (s->mode & MODE_MOUSE_INT));
}

static void empty_buffer(I8042State *s)
{
    s->status &= ~(STATUS_OBF | STATUS_MOUSE_OBF);
    s->outport &= ~(OUT_OBF | OUT_MOUSE_OBF);
}

/* As QEMU was before 6.1: nothing is held, the buffer has the byte of whom comes first now. */
static bool is_old(const I8042State *s)
{
    return !PS2_DEVICE(s->kbd)->answers_first;
}

static uint8_t pending_now(const I8042State *s)
{
    return s->extended_state ? s->pending & ~(s->mode & (PENDING_KBD | PENDING_AUX)) : s->pending;
}

/* Fills the buffer with the byte of whom comes first. */
static void fill_buffer(I8042State *s)
{
    uint8_t pending = pending_now(s);
    bool mouse = false;

    empty_buffer(s);
    if (pending) {
        if (pending & PENDING_CTRL) {
            s->obsrc = FROM_CTRL;
            mouse = !(pending & PENDING_CTRL_KBD);
        } else {
            mouse = !(pending & PENDING_KBD);
            s->obsrc = mouse ? FROM_MOUSE : FROM_KBD;
        }
        s->status |= STATUS_OBF | (mouse ? STATUS_MOUSE_OBF : 0);
        s->outport |= OUT_OBF | (mouse ? OUT_MOUSE_OBF : 0);
    }
    update_irq_lines(s);
}

/* If the buffer is full, reading it does that. */
static void fill_if_empty(I8042State *s)
{
    if (is_old(s)) {
        fill_buffer(s);
        return;
    }
    if (!(s->status & STATUS_OBF) && !timer_pending(&s->throttle_timer) && pending_now(s)) {
        fill_buffer(s);
    }
}

static void set_pending(I8042State *s, uint8_t bit, int level)
{
    s->pending = level ? s->pending | bit : s->pending & ~bit;
    fill_if_empty(s);
}

static void kbd_line(void *opaque, int n, int level)
{
    set_pending(opaque, PENDING_KBD, level);
}

static void mouse_line(void *opaque, int n, int level)
{
    set_pending(opaque, PENDING_AUX, level);
}

static void throttle_over(void *opaque)
{
    I8042State *s = opaque;

    if (pending_now(s)) {
        fill_buffer(s);
    }
}

void i8042_fake_mouse_event(I8042State *s)
{
    ps2_mouse_fake_event(s->mouse);
}

/* A byte of the controller's own. */
static void say(I8042State *s, uint8_t b, bool as_mouse)
{
    if (!s->extended_state) {
        ps2_queue(as_mouse ? mouse_of(s) : kbd_of(s), b);
        return;
    }
    s->cbdata = b;
    s->pending = (s->pending & ~PENDING_CTRL) | (as_mouse ? PENDING_CTRL_AUX : PENDING_CTRL_KBD);
    fill_if_empty(s);
}

static void write_outport(I8042State *s, uint8_t value)
{
    s->outport = value;
    irq_set(s->a20[0], (value & OUT_A20) != 0);
    if (!(value & OUT_NO_RESET)) {
        system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

/* Port 0x64. */
static uint64_t status_read(void *opaque, hwaddr offset, unsigned size)
{
    return ((I8042State *)opaque)->status;
}

static void set_a20(I8042State *s, bool on)
{
    s->outport = on ? s->outport | OUT_A20 : s->outport & ~OUT_A20;
    irq_set(s->a20[0], on);
}

static void command_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    I8042State *s = opaque;

    trace(i8042_command, "command %#x", (unsigned)value);
    /* Pulses the low bits that are 0: bit 0 is the reset line, the others lead nowhere. */
    if ((value & CMD_PULSE) == CMD_PULSE) {
        value = value & 1 ? CMD_NO_OP : CMD_RESET;
    }
    switch (value) {
    case CMD_READ_MODE: say(s, s->mode, false); break;
    case CMD_WRITE_MODE:
    case CMD_WRITE_OBUF:
    case CMD_WRITE_AUX_OBUF:
    case CMD_WRITE_MOUSE:
    case CMD_WRITE_OUTPORT:
        s->write_cmd = value;
        break;
    case CMD_MOUSE_DISABLE: s->mode |= MODE_DISABLE_MOUSE; break;
    case CMD_KBD_DISABLE:
        s->mode |= MODE_DISABLE_KBD;
        if (is_old(s)) {
            fill_buffer(s);
        }
        break;
    case CMD_MOUSE_ENABLE:
        s->mode &= ~MODE_DISABLE_MOUSE;
        fill_if_empty(s);
        break;
    case CMD_KBD_ENABLE:
        s->mode &= ~MODE_DISABLE_KBD;
        fill_if_empty(s);
        break;
    case CMD_TEST_MOUSE:
    case CMD_KBD_TEST:
        say(s, 0, false);
        break;
    case CMD_SELF_TEST:
        s->status |= STATUS_SELFTEST;
        say(s, SELF_TEST_PASSED, false);
        break;
    case CMD_READ_INPORT: say(s, 0x80, false); break;
    case CMD_READ_OUTPORT: say(s, s->outport, false); break;
    case CMD_ENABLE_A20: set_a20(s, true); break;
    case CMD_DISABLE_A20: set_a20(s, false); break;
    case CMD_RESET: system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET); break;
    default: break;
    }
}

/* Port 0x60. */
static uint8_t take_own_byte(I8042State *s)
{
    s->pending &= ~PENDING_CTRL;
    if (pending_now(s)) {
        fill_buffer(s);
    }
    return s->cbdata;
}

static uint8_t take_kbd_byte(I8042State *s)
{
    if (s->throttle) {
        timer_set(&s->throttle_timer, clock_ns(CLOCK_TYPE_VIRTUAL) + THROTTLE_NS);
    }
    return ps2_read(kbd_of(s));
}

static uint64_t data_read(void *opaque, hwaddr offset, unsigned size)
{
    I8042State *s = opaque;

    if (is_old(s)) {
        return ps2_read(s->pending == PENDING_AUX ? mouse_of(s) : kbd_of(s));
    }
    if (s->status & STATUS_OBF) {
        empty_buffer(s);
        update_irq_lines(s);
        s->obdata = s->obsrc & FROM_KBD ? take_kbd_byte(s) : s->obsrc & FROM_MOUSE ? ps2_read(mouse_of(s)) : take_own_byte(s);
    }
    return s->obdata;
}

static void write_mode(I8042State *s, uint8_t value)
{
    s->mode = value;
    ps2_kbd_set_translation(s->kbd, s->mode & MODE_TRANSLATE);
    update_irq_lines(s);
    fill_if_empty(s);
}

static void data_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    I8042State *s = opaque;

    trace(i8042_data, "command %#x data %#x", s->write_cmd, (unsigned)value);
    switch (s->write_cmd) {
    case 0:
        ps2_kbd_write(s->kbd, value);
        s->mode &= is_old(s) ? 0xff : ~MODE_DISABLE_KBD;    /* talking to it enables it */
        fill_if_empty(s);
        break;
    case CMD_WRITE_MODE: write_mode(s, value); break;
    case CMD_WRITE_OBUF: say(s, value, false); break;
    case CMD_WRITE_AUX_OBUF: say(s, value, true); break;
    case CMD_WRITE_OUTPORT: write_outport(s, value); break;
    case CMD_WRITE_MOUSE:
        ps2_mouse_write(s->mouse, value);
        s->mode &= is_old(s) ? 0xff : ~MODE_DISABLE_MOUSE;
        fill_if_empty(s);
        break;
    default:                                /* from a stream */
        break;
    }
    s->write_cmd = 0;
}

static const MemoryRegionOps data_ops = { .read = data_read, .write = data_write, .impl = { .min = 1, .max = 1 } };
static const MemoryRegionOps cmd_ops = { .read = status_read, .write = command_write, .impl = { .min = 1, .max = 1 } };

/* Life. */
static bool i8042_realize(DeviceState *dev, GError **error)
{
    I8042State *s = I8042(dev);

    if (s->kbd_irq >= ISA_NUM_IRQS) {
        return error_setf(error, "Maximum value for \"kbd-irq\" is: %u", ISA_NUM_IRQS - 1);
    }
    if (s->mouse_irq >= ISA_NUM_IRQS) {
        return error_setf(error, "Maximum value for \"mouse-irq\" is: %u", ISA_NUM_IRQS - 1);
    }
    if (s->throttle && !s->extended_state) {
        warn_report("i8042: can't enable kbd-throttle without extended-state, disabling kbd-throttle");
        s->throttle = false;
    }
    if (!device_realize(DEVICE(s->kbd), bus_main_system(), error)) {
        return false;
    }
    if (!device_realize(DEVICE(s->mouse), bus_main_system(), error)) {
        device_unrealize(DEVICE(s->kbd));
        return false;
    }
    timer_init(&s->throttle_timer, CLOCK_TYPE_VIRTUAL, throttle_over, s);
    device_connect_irq(dev, NULL, 0, isa_irq(&s->parent_obj, s->kbd_irq));
    device_connect_irq(dev, NULL, 1, isa_irq(&s->parent_obj, s->mouse_irq));
    device_connect_irq(DEVICE(s->kbd), NULL, 0, device_irq_in(dev, "ps2-kbd-input-irq", 0));
    device_connect_irq(DEVICE(s->mouse), NULL, 0, device_irq_in(dev, "ps2-mouse-input-irq", 0));
    memory_region_init_io(&s->data, OBJECT(dev), &data_ops, s, "i8042-data", 1);
    memory_region_init_io(&s->cmd, OBJECT(dev), &cmd_ops, s, "i8042-cmd", 1);
    isa_register_io(&s->parent_obj, &s->data, 0x60);
    isa_register_io(&s->parent_obj, &s->cmd, 0x64);
    return true;
}

static void i8042_unrealize(DeviceState *dev)
{
    I8042State *s = I8042(dev);

    timer_stop(&s->throttle_timer);
    isa_unregister_io(&s->parent_obj, &s->data);
    isa_unregister_io(&s->parent_obj, &s->cmd);
    memory_region_destroy(&s->data);
    memory_region_destroy(&s->cmd);
    device_unrealize(DEVICE(s->mouse));
    device_unrealize(DEVICE(s->kbd));
}

static void i8042_reset(DeviceState *dev)
{
    I8042State *s = I8042(dev);

    s->mode = MODE_KBD_INT | MODE_MOUSE_INT;
    s->status = STATUS_CMD | STATUS_UNLOCKED;
    s->outport = OUT_NO_RESET | OUT_A20 | OUT_ONES;
    s->pending = 0;
    empty_buffer(s);
    update_irq_lines(s);
    timer_stop(&s->throttle_timer);
}

/* Migration. */
static uint8_t outport_default(const I8042State *s)
{
    return OUT_NO_RESET | OUT_A20 | OUT_ONES | (s->status & STATUS_OBF ? OUT_OBF : 0) |
           (s->status & STATUS_MOUSE_OBF ? OUT_MOUSE_OBF : 0);
}

static bool outport_needed(void *opaque)
{
    const I8042State *s = opaque;

    return s->outport != outport_default(s);
}

static bool outport_post_load(void *opaque, int version_id, GError **error)
{
    ((I8042State *)opaque)->outport_came = true;
    return true;
}

static bool extended_needed(void *opaque)
{
    return ((I8042State *)opaque)->extended_state;
}

static bool extended_pre_save(void *opaque, GError **error)
{
    I8042State *s = opaque;

    s->migration_flags = s->throttle && timer_pending(&s->throttle_timer) ? MIGRATION_THROTTLED : 0;
    return true;
}

static bool extended_post_load(void *opaque, int version_id, GError **error)
{
    I8042State *s = opaque;

    if (s->migration_flags & MIGRATION_THROTTLED) {
        throttle_over(s);
    }
    s->extended_came = true;
    return true;
}

static bool i8042_pre_load(void *opaque, GError **error)
{
    I8042State *s = opaque;

    s->outport_came = s->extended_came = false;
    return true;
}

static bool i8042_pre_save(void *opaque, GError **error)
{
    I8042State *s = opaque;

    s->pending_tmp = s->extended_state ? s->pending
                                       : (s->pending & PENDING_KBD ? PENDING_KBD_COMPAT : 0) |
                                         (s->pending & PENDING_AUX ? PENDING_AUX_COMPAT : 0);
    return true;
}

static bool i8042_post_load(void *opaque, int version_id, GError **error)
{
    I8042State *s = opaque;

    if (!s->outport_came) {
        s->outport = outport_default(s);
    }
    s->pending = s->pending_tmp;
    if (!s->extended_came) {
        s->obsrc = !(s->status & STATUS_OBF) ? 0 : s->status & STATUS_MOUSE_OBF ? FROM_MOUSE : FROM_KBD;
        s->pending |= s->pending & PENDING_KBD_COMPAT ? PENDING_KBD : 0;
        s->pending |= s->pending & PENDING_AUX_COMPAT ? PENDING_AUX : 0;
    }
    s->pending &= PENDING_ALL;
    return true;
}

static bool has_old_names(void *opaque, int version_id)
{
    return is_old(opaque);
}

static bool has_new_names(void *opaque, int version_id)
{
    return !is_old(opaque);
}

static const VMStateDescription vmstate_outport = {
    .name = "pckbd_outport", .version_id = 1, .minimum_version_id = 1, .needed = outport_needed,
    .post_load = outport_post_load,
    .fields = VMS_FIELDS(VMS_U8(I8042State, outport)),
};

static const VMStateDescription vmstate_extended = {
    .name = "pckbd/extended_state", .needed = extended_needed, .pre_save = extended_pre_save,
    .post_load = extended_post_load,
    .fields = VMS_FIELDS(
        VMS_U32(I8042State, migration_flags), VMS_U32(I8042State, obsrc), VMS_U8(I8042State, obdata), VMS_U8(I8042State, cbdata)),
};

static const VMStateDescription vmstate_kbd = {
    .name = "pckbd", .version_id = 3, .minimum_version_id = 3, .pre_load = i8042_pre_load, .pre_save = i8042_pre_save,
    .post_load = i8042_post_load,
    .fields = VMS_FIELDS(
        VMS_U8(I8042State, write_cmd), VMS_U8(I8042State, status), VMS_U8(I8042State, mode),
        VMS_U8(I8042State, pending_tmp, .exists = has_new_names),
        VMS_U8(I8042State, pending_tmp, .exists = has_old_names, .name = "pending")),
    .subsections = VMS_SUBSECTIONS(&vmstate_outport, &vmstate_extended),
};

static const VMStateDescription vmstate_i8042 = {
    .name = "pckbd", .version_id = 3, .minimum_version_id = 3,
    .fields = VMS_FIELDS({ .name = "kbd", .vmsd = &vmstate_kbd, .flags = VMSF_STRUCT, .num = 1, .size = sizeof(I8042State) }),
};

static const Property i8042_props[] = {
    DEFINE_PROP_BOOL("extended-state", I8042State, extended_state, true),
    DEFINE_PROP_BOOL("kbd-throttle", I8042State, throttle, false),
    DEFINE_PROP_UINT8("kbd-irq", I8042State, kbd_irq, 1),
    DEFINE_PROP_UINT8("mouse-irq", I8042State, mouse_irq, 12),
};

static DeviceState *add_child(Object *obj, const char *name, const char *type)
{
    DeviceState *dev = device_new(type);

    object_add_child(obj, name, OBJECT(dev));
    object_unref(OBJECT(dev));
    return dev;
}

static void i8042_init(Object *obj)
{
    I8042State *s = I8042(obj);
    DeviceState *dev = DEVICE(obj);

    device_init_irq_out(dev, s->a20, "a20", 1);
    device_init_irq_out(dev, s->irq, NULL, 2);
    device_init_irq_in(dev, kbd_line, "ps2-kbd-input-irq", 1);
    device_init_irq_in(dev, mouse_line, "ps2-mouse-input-irq", 1);
    s->kbd = PS2_KBD(add_child(obj, "ps2kbd", TYPE_PS2_KBD));
    s->mouse = PS2_MOUSE(add_child(obj, "ps2mouse", TYPE_PS2_MOUSE));
}

static void i8042_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = i8042_realize;
    dc->unrealize = i8042_unrealize;
    dc->reset.hold = i8042_reset;
    dc->vmsd = &vmstate_i8042;
    dc->categories = 1u << DEVICE_CATEGORY_INPUT;
    object_class_add_props(klass, i8042_props, G_N_ELEMENTS(i8042_props));
}

I8042State *i8042_new(ISABus *bus, Irq *a20, GError **error)
{
    DeviceState *dev = device_new(TYPE_I8042);

    if (!device_realize_and_unref(dev, &bus->parent_obj, error)) {
        return NULL;
    }
    device_connect_irq(dev, "a20", 0, a20);
    return I8042(dev);
}

static const TypeInfo i8042_type = {
    .name = TYPE_I8042, .parent = TYPE_ISA_DEVICE, .size = sizeof(I8042State), .init = i8042_init,
    .class_init = i8042_class_init,
};
TYPE_REGISTER(i8042_type)
