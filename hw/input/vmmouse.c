/* VMware's mouse. Its driver asks how many words there are, and takes them one to six at a time. */
#include <string.h>

#include "hw/input/vmport.h"
#include "migration/vmstate.h"
#include "target/i386/cpu.h"
#include "ui/input.h"
#include "util/error.h"
#include "util/trace.h"

OBJECT_DECLARE_SIMPLE_TYPE(VMMouse, VMMOUSE)

enum { CMD_DATA = 39, CMD_STATUS = 40, CMD_COMMAND = 41 };
enum { READ_ID = 0x45414552, DISABLE = 0x000000f5, REQUEST_RELATIVE = 0x4c455252, REQUEST_ABSOLUTE = 0x53424152 };
enum { PACKET_LEFT = 0x20, PACKET_RIGHT = 0x10, PACKET_MIDDLE = 0x08 };

#define VERSION_WORD 0x3442554a
#define STATUS_ERROR 0xffff
#define QUEUE_SIZE 1024
#define PACKET_WORDS 4
#define DATA_MAX 6

struct VMMouse {
    ISADevice parent_obj;
    Object *i8042;
    /* migrated */
    int32_t queue_size;
    uint32_t queue[QUEUE_SIZE];
    uint16_t nb_queue, status;
    uint8_t absolute;
    /* derived */
    InputHandler *input;
    int32_t axis[2];
    uint8_t buttons;
};

/* Events. */
static void put_packet(VMMouse *s, int32_t dz)
{
    unsigned shift = s->absolute ? 1 : 0;   /* of 16 bits */

    if (s->nb_queue > QUEUE_SIZE - PACKET_WORDS) {
        return;
    }
    s->queue[s->nb_queue++] = s->buttons;
    s->queue[s->nb_queue++] = (uint32_t)s->axis[INPUT_AXIS_X] << shift;
    s->queue[s->nb_queue++] = (uint32_t)s->axis[INPUT_AXIS_Y] << shift;
    s->queue[s->nb_queue++] = dz;
    i8042_fake_mouse_event(I8042(s->i8042));
}

static void press(VMMouse *s, InputButton button, bool down)
{
    uint8_t bit = button == INPUT_BUTTON_LEFT ? PACKET_LEFT : button == INPUT_BUTTON_RIGHT ? PACKET_RIGHT
                  : button == INPUT_BUTTON_MIDDLE ? PACKET_MIDDLE : 0;

    s->buttons = down ? s->buttons | bit : s->buttons & ~bit;
    if (down && (button == INPUT_BUTTON_WHEEL_UP || button == INPUT_BUTTON_WHEEL_DOWN)) {
        put_packet(s, button == INPUT_BUTTON_WHEEL_UP ? -1 : 1);
    }
}

static void vmmouse_event(void *opaque, const InputEvent *event)
{
    VMMouse *s = opaque;

    switch (event->kind) {
    case INPUT_BUTTON:
        press(s, event->code, event->down);
        break;
    case INPUT_ABSOLUTE:
        s->axis[event->code] = event->value;
        break;
    default:
        s->axis[event->code] = (uint32_t)s->axis[event->code] + (uint32_t)event->value;
        break;
    }
}

static void vmmouse_sync(void *opaque)
{
    VMMouse *s = opaque;

    put_packet(s, 0);
    if (!s->absolute) {
        s->axis[0] = s->axis[1] = 0;
    }
}

static const InputDevice relative_input = {
    .name = "vmmouse", .mask = INPUT_MASK_BUTTON | INPUT_MASK_RELATIVE, .event = vmmouse_event, .sync = vmmouse_sync,
};
static const InputDevice absolute_input = {
    .name = "vmmouse", .mask = INPUT_MASK_BUTTON | INPUT_MASK_ABSOLUTE, .event = vmmouse_event, .sync = vmmouse_sync,
};

static void stop_listening(VMMouse *s)
{
    input_unregister(s->input);
    s->input = NULL;
}

static void listen(VMMouse *s, bool absolute)
{
    if (s->status != 0) {
        return;
    }
    if (s->absolute != absolute) {
        s->absolute = absolute;
        stop_listening(s);
    }
    if (!s->input) {
        s->axis[0] = s->axis[1] = 0;
        s->buttons = 0;
        s->input = input_register(absolute ? &absolute_input : &relative_input, s);
        input_activate(s->input);
    }
}

/* The driver's commands. */
static void disable(VMMouse *s)
{
    s->status = STATUS_ERROR;
    stop_listening(s);
}

static void read_id(VMMouse *s)
{
    if (s->nb_queue < QUEUE_SIZE) {
        s->queue[s->nb_queue++] = VERSION_WORD;
        s->status = 0;
        listen(s, s->absolute);
    }
}

static uint32_t command(void *opaque, uint64_t *regs)
{
    VMMouse *s = opaque;

    trace(vmmouse_command, "command %#x", (uint32_t)regs[R_EBX]);
    switch ((uint32_t)regs[R_EBX]) {
    case DISABLE: disable(s); break;
    case READ_ID: read_id(s); break;
    case REQUEST_RELATIVE: listen(s, false); break;
    case REQUEST_ABSOLUTE: listen(s, true); break;
    default: break;
    }
    return regs[R_EAX];
}

static uint32_t status(void *opaque, uint64_t *regs)
{
    const VMMouse *s = opaque;

    return (uint32_t)s->status << 16 | s->nb_queue;
}

/* EBX words into EAX, EBX, ECX, EDX, ESI and EDI. */
static uint32_t data(void *opaque, uint64_t *regs)
{
    static const int order[DATA_MAX] = { R_EAX, R_EBX, R_ECX, R_EDX, R_ESI, R_EDI };
    VMMouse *s = opaque;
    uint32_t words = regs[R_EBX];

    if (words == 0 || words > DATA_MAX || words > s->nb_queue) {
        disable(s);
        return regs[R_EAX];
    }
    for (uint32_t i = 0; i < words; i++) {
        regs[order[i]] = s->queue[i];
    }
    s->nb_queue -= words;
    memmove(s->queue, s->queue + words, s->nb_queue * sizeof(s->queue[0]));
    return regs[R_EAX];
}

/* Life. */
static bool find_vmport(Object *child, void *opaque)
{
    VMPort **found = opaque;

    *found = object_dynamic_cast(child, TYPE_VMPORT);
    return !*found;
}

static bool vmmouse_realize(DeviceState *dev, GError **error)
{
    VMMouse *s = VMMOUSE(dev);
    BusState *bus = dev->bus;
    VMPort *port = NULL;

    if (!s->i8042) {
        return error_setf(error, "'i8042' link is not set");
    }
    for (guint i = 0; i < bus->children->len && find_vmport(bus->children->pdata[i], &port); i++) {
    }
    if (!port) {
        return error_setf(error, "vmmouse needs vmport=on");
    }
    vmport_register(port, CMD_DATA, data, s);
    vmport_register(port, CMD_STATUS, status, s);
    vmport_register(port, CMD_COMMAND, command, s);
    return true;
}

static void vmmouse_reset(DeviceState *dev)
{
    VMMouse *s = VMMOUSE(dev);

    s->queue_size = QUEUE_SIZE;
    s->nb_queue = 0;
    disable(s);
}

static bool vmmouse_post_load(void *opaque, int version_id, GError **error)
{
    VMMouse *s = opaque;

    if (s->nb_queue > QUEUE_SIZE) {
        return error_setf(error, "vmmouse: %u words in a queue of %u", s->nb_queue, QUEUE_SIZE);
    }
    stop_listening(s);
    s->absolute = s->absolute != 0;
    listen(s, s->absolute);
    return true;
}

static const VMStateDescription vmstate_vmmouse = {
    .name = "vmmouse", .version_id = 0, .minimum_version_id = 0, .post_load = vmmouse_post_load,
    .fields = VMS_FIELDS(
        VMS_I32_EQUAL(VMMouse, queue_size),
        VMS_U32_ARRAY(VMMouse, queue),
        VMS_U16(VMMouse, nb_queue),
        VMS_U16(VMMouse, status),
        VMS_U8(VMMouse, absolute)),
};

static const Property vmmouse_props[] = {
    DEFINE_PROP_LINK("i8042", VMMouse, i8042, TYPE_I8042),
};

static void vmmouse_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = vmmouse_realize;
    dc->reset.hold = vmmouse_reset;
    dc->vmsd = &vmstate_vmmouse;
    dc->categories = 1u << DEVICE_CATEGORY_INPUT;
    object_class_add_props(klass, vmmouse_props, G_N_ELEMENTS(vmmouse_props));
}

void vmmouse_new(ISABus *bus, I8042State *i8042)
{
    DeviceState *dev = device_new(TYPE_VMMOUSE);
    bool ok;

    object_set_link(OBJECT(dev), "i8042", OBJECT(i8042));
    ok = device_realize_and_unref(dev, &bus->parent_obj, NULL);
    g_assert(ok);
}

static const TypeInfo vmmouse_type = {
    .name = TYPE_VMMOUSE, .parent = TYPE_ISA_DEVICE, .size = sizeof(VMMouse), .class_init = vmmouse_class_init,
};
TYPE_REGISTER(vmmouse_type)
