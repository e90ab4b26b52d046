/* A mouse with a PS/2 plug, which becomes one with a wheel (IntelliMouse) or five buttons (Explorer) if asked. */
#include "ps2-internal.h"
#include "system/runstate.h"
#include "util/trace.h"

enum {
    AUX_SET_SCALE11 = 0xe6, AUX_SET_SCALE21 = 0xe7, AUX_SET_RESOLUTION = 0xe8, AUX_GET_SCALE = 0xe9,
    AUX_SET_STREAM = 0xea, AUX_POLL = 0xeb, AUX_RESET_WRAP = 0xec, AUX_SET_WRAP = 0xee, AUX_SET_REMOTE = 0xf0,
    AUX_GET_TYPE = 0xf2, AUX_SET_SAMPLE = 0xf3, AUX_ENABLE = 0xf4, AUX_DISABLE = 0xf5, AUX_SET_DEFAULT = 0xf6,
    AUX_RESET = 0xff,
};
enum { STATUS_REMOTE = 0x40, STATUS_ENABLED = 0x20, STATUS_SCALE21 = 0x10 };
enum { TYPE_PLAIN = 0, TYPE_WHEEL = 3, TYPE_EXPLORER = 4 };

struct PS2Mouse {
    PS2State parent_obj;
    /* migrated */
    uint8_t status, resolution, sample_rate, wrap, type, detect_state, buttons;
    int32_t dx, dy, dz;             /* moved and not told yet */
};

/* Takes as much of a distance as fits. */
static int take(int32_t *distance, int limit)
{
    int part = CLAMP(*distance, -limit, limit);

    *distance -= part;
    return part;
}

static bool send_packet(PS2Mouse *s)
{
    PS2State *p = &s->parent_obj;
    int dx, dy;

    if (!ps2_has_room(p, s->type == TYPE_PLAIN ? 3 : 4)) {
        return false;
    }
    dx = take(&s->dx, 127);
    dy = take(&s->dy, 127);
    ps2_push(p, 0x08 | (dx < 0) << 4 | (dy < 0) << 5 | (s->buttons & 0x07));
    ps2_push(p, dx);
    ps2_push(p, dy);
    if (s->type == TYPE_WHEEL) {
        ps2_push(p, take(&s->dz, 127));
    } else if (s->type == TYPE_EXPLORER) {
        ps2_push(p, (take(&s->dz, 7) & 0x0f) | (s->buttons & 0x18) << 1);
    } else {
        s->dz = 0;
    }
    ps2_raise(p);
    return true;
}

/* Beyond these nobody moves a mouse between two packets. */
static void move(int32_t *distance, int64_t by)
{
    *distance = CLAMP(*distance + CLAMP(by, INT32_MIN, INT32_MAX), INT32_MIN, INT32_MAX);
}

static void press(PS2Mouse *s, InputButton button, bool down)
{
    static const uint8_t bits[] = {
        [INPUT_BUTTON_LEFT] = 0x01, [INPUT_BUTTON_RIGHT] = 0x02, [INPUT_BUTTON_MIDDLE] = 0x04,
        [INPUT_BUTTON_SIDE] = 0x08, [INPUT_BUTTON_EXTRA] = 0x10, [INPUT_BUTTON_WHEEL_RIGHT] = 0,
    };

    if (!down) {
        s->buttons &= ~bits[button];
        return;
    }
    s->buttons |= bits[button];
    if (button == INPUT_BUTTON_WHEEL_UP || button == INPUT_BUTTON_WHEEL_DOWN) {
        move(&s->dz, button == INPUT_BUTTON_WHEEL_UP ? -1 : 1);
    }
}

static void mouse_event(void *opaque, const InputEvent *event)
{
    PS2Mouse *s = opaque;

    if (!(s->status & STATUS_ENABLED)) {
        return;
    }
    if (event->kind == INPUT_BUTTON) {
        press(s, event->code, event->down);
    } else if (event->code == INPUT_AXIS_X) {
        move(&s->dx, event->value);
    } else {
        move(&s->dy, -CLAMP(event->value, -INT32_MAX, INT32_MAX));
    }
}

static void mouse_sync(void *opaque)
{
    PS2Mouse *s = opaque;

    if (!(s->status & STATUS_ENABLED) || s->status & STATUS_REMOTE) {
        return;
    }
    if (s->buttons) {
        system_wakeup_request(WAKEUP_OTHER);
    }
    while (send_packet(s) && (s->dx || s->dy || s->dz)) {
    }
}

void ps2_mouse_fake_event(PS2Mouse *s)
{
    move(&s->dx, 1);
    mouse_sync(s);
}

static const InputDevice mouse_input = {
    .name = "QEMU PS/2 Mouse", .mask = INPUT_MASK_BUTTON | INPUT_MASK_RELATIVE, .event = mouse_event, .sync = mouse_sync,
};

/* Commands. */
static void set_default(PS2Mouse *s)
{
    s->sample_rate = 100;
    s->resolution = 2;
    s->status = 0;
}

static void command(PS2Mouse *s, uint8_t value)
{
    PS2State *p = &s->parent_obj;

    switch (value) {
    case AUX_SET_SCALE11: s->status &= ~STATUS_SCALE21; break;
    case AUX_SET_SCALE21: s->status |= STATUS_SCALE21; break;
    case AUX_SET_STREAM: s->status &= ~STATUS_REMOTE; break;
    case AUX_SET_REMOTE: s->status |= STATUS_REMOTE; break;
    case AUX_ENABLE: s->status |= STATUS_ENABLED; break;
    case AUX_DISABLE: s->status &= ~STATUS_ENABLED; break;
    case AUX_SET_WRAP: s->wrap = 1; break;
    case AUX_SET_DEFAULT: set_default(s); break;
    case AUX_SET_RESOLUTION:
    case AUX_SET_SAMPLE:
        p->write_cmd = value;
        break;
    case AUX_GET_TYPE:
        PS2_TELL(p, PS2_ACK, s->type);
        return;
    case AUX_GET_SCALE:
        PS2_TELL(p, PS2_ACK, s->status, s->resolution, s->sample_rate);
        return;
    case AUX_POLL:
        PS2_TELL(p, PS2_ACK);
        send_packet(s);
        return;
    case AUX_RESET:
        set_default(s);
        s->type = TYPE_PLAIN;
        ps2_reset_queue(p);
        PS2_TELL(p, PS2_ACK, PS2_TEST_PASSED, s->type);
        return;
    default:
        return;
    }
    PS2_TELL(p, PS2_ACK);
}

/* A driver that sets 200, 100, 80 samples a second asks for the wheel, with 200, 200, 80 for five buttons. */
static void detect(PS2Mouse *s, uint8_t rate)
{
    switch (s->detect_state) {
    default:
        s->detect_state = rate == 200 ? 1 : s->detect_state;
        break;
    case 1:
        s->detect_state = rate == 100 ? 2 : rate == 200 ? 3 : 0;
        break;
    case 2:
    case 3:
        if (rate == 80) {
            s->type = s->detect_state == 2 ? TYPE_WHEEL : TYPE_EXPLORER;
        }
        s->detect_state = 0;
        break;
    }
}

void ps2_mouse_write(PS2Mouse *s, uint8_t value)
{
    PS2State *p = &s->parent_obj;
    int argument_of = p->write_cmd;

    trace(ps2_mouse_write, "value %#x", value);
    p->write_cmd = -1;
    if (argument_of == AUX_SET_SAMPLE) {
        s->sample_rate = value;
        detect(s, value);
        PS2_TELL(p, PS2_ACK);
    } else if (argument_of == AUX_SET_RESOLUTION) {
        s->resolution = value;
        PS2_TELL(p, PS2_ACK);
    } else if (s->wrap && value == AUX_RESET_WRAP) {
        s->wrap = 0;
        PS2_TELL(p, PS2_ACK);
    } else if (s->wrap && value != AUX_RESET) {
        ps2_queue(p, value);
    } else {
        command(s, value);
    }
}

/* Life. */
static bool mouse_realize(DeviceState *dev, GError **error)
{
    PS2_DEVICE(dev)->input = input_register(&mouse_input, dev);
    return true;
}

static void mouse_reset(DeviceState *dev)
{
    PS2Mouse *s = PS2_MOUSE(dev);

    ps2_reset(&s->parent_obj);
    s->status = s->resolution = s->sample_rate = s->wrap = s->type = s->detect_state = s->buttons = 0;
    s->dx = s->dy = s->dz = 0;
}

/* Migration. */
static bool mouse_pre_save(void *opaque, GError **error)
{
    ps2_queue_pre_save(opaque);
    return true;
}

static bool mouse_post_load(void *opaque, int version_id, GError **error)
{
    ps2_queue_loaded(opaque);
    return true;
}

static const VMStateDescription vmstate_mouse = {
    .name = "ps2mouse", .version_id = 2, .minimum_version_id = 2, .post_load = mouse_post_load,
    .pre_save = mouse_pre_save,
    .fields = VMS_FIELDS(
        VMS_PS2(PS2Mouse),
        VMS_U8(PS2Mouse, status, .name = "mouse_status"),
        VMS_U8(PS2Mouse, resolution, .name = "mouse_resolution"),
        VMS_U8(PS2Mouse, sample_rate, .name = "mouse_sample_rate"),
        VMS_U8(PS2Mouse, wrap, .name = "mouse_wrap"),
        VMS_U8(PS2Mouse, type, .name = "mouse_type"),
        VMS_U8(PS2Mouse, detect_state, .name = "mouse_detect_state"),
        VMS_I32(PS2Mouse, dx, .name = "mouse_dx"),
        VMS_I32(PS2Mouse, dy, .name = "mouse_dy"),
        VMS_I32(PS2Mouse, dz, .name = "mouse_dz"),
        VMS_U8(PS2Mouse, buttons, .name = "mouse_buttons")),
};

static void mouse_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = mouse_realize;
    dc->reset.hold = mouse_reset;
    dc->vmsd = &vmstate_mouse;
}

static const TypeInfo mouse_type = {
    .name = TYPE_PS2_MOUSE, .parent = TYPE_PS2_DEVICE, .size = sizeof(PS2Mouse), .class_init = mouse_class_init,
};
TYPE_REGISTER(mouse_type)
