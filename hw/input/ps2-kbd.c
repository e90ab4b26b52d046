/* A keyboard with 101 keys and more, PS/2. */
#include "ps2-internal.h"
#include "ps2-keys.h"
#include "system/runstate.h"
#include "util/trace.h"

enum {
    KBD_SET_LEDS = 0xed, KBD_ECHO = 0xee, KBD_SCANCODE_SET = 0xf0, KBD_GET_ID = 0xf2, KBD_SET_RATE = 0xf3,
    KBD_ENABLE = 0xf4, KBD_RESET_DISABLE = 0xf5, KBD_RESET_ENABLE = 0xf6, KBD_SET_TYPEMATIC = 0xfa,
    KBD_SET_MAKE_BREAK = 0xfc, KBD_RESET = 0xff,
};
enum { KBD_ID = 0xab, KBD_ID_PLAIN = 0x83, KBD_ID_TRANSLATED = 0x41 };
enum { PREFIX = 0xe0, PREFIX_PAUSE = 0xe1, RELEASED = 0xf0 };
enum {
    MOD_CTRL_L = 0x01, MOD_SHIFT_L = 0x02, MOD_ALT_L = 0x04, MOD_CTRL_R = 0x08, MOD_SHIFT_R = 0x10, MOD_ALT_R = 0x20,
    MOD_CTRL = MOD_CTRL_L | MOD_CTRL_R, MOD_SHIFT = MOD_SHIFT_L | MOD_SHIFT_R, MOD_ALT = MOD_ALT_L | MOD_ALT_R,
};

struct PS2Kbd {
    PS2State parent_obj;
    /* migrated */
    int32_t scan_enabled, translate, scancode_set;
    int32_t ledstate;
    bool need_high_bit;             /* the byte before was RELEASED and is in translation */
    /* rebuilt by the keys that come */
    unsigned modifiers;
};

/* What a controller makes of the codes of set 2 (the low half; above it only two are not themselves). */
static const uint8_t translation[128] = {
    0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
    0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
    0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
    0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
    0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
    0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
    0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
    0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
};

static uint8_t translated(uint8_t code)
{
    return code < 128 ? translation[code] : code == 0x83 ? 0x41 : code == 0x84 ? 0x54 : code;
}

static void put(PS2Kbd *s, uint8_t code)
{
    system_wakeup_request(WAKEUP_OTHER);
    if (!s->translate) {
        ps2_queue(&s->parent_obj, code);
    } else if (code == RELEASED) {
        s->need_high_bit = true;
    } else {
        ps2_queue(&s->parent_obj, translated(code) | (s->need_high_bit ? 0x80 : 0));
        s->need_high_bit = false;
    }
}

/* A code, with its prefix, as the set has it. */
static void put_code(PS2Kbd *s, uint16_t code, bool down)
{
    if (!code) {
        return;
    }
    if (code >> 8) {
        put(s, code >> 8);
    }
    if (!down && s->scancode_set != 1) {
        put(s, RELEASED);
    }
    put(s, (code & 0xff) | (!down && s->scancode_set == 1 ? 0x80 : 0));
}

static uint16_t code_of(const PS2Kbd *s, UiKey key)
{
    return s->scancode_set == 1 ? ps2_keys_set1[key] : s->scancode_set == 2 ? ps2_keys_set2[key] : ps2_keys_set3[key];
}

/* Pause is heard when it is pressed, with its release; with Ctrl it is Break, which is Scroll Lock with a prefix. */
static void put_pause(PS2Kbd *s, bool down)
{
    static const uint8_t set1[] = { PREFIX_PAUSE, 0x1d, 0x45, PREFIX_PAUSE, 0x9d, 0xc5 };
    static const uint8_t set2[] = { PREFIX_PAUSE, 0x14, 0x77, PREFIX_PAUSE, RELEASED, 0x14, RELEASED, 0x77 };
    uint16_t on_break = PREFIX << 8 | code_of(s, KEY_SCROLL_LOCK);
    bool first = s->scancode_set == 1;

    if (!down) {
        return;
    }
    if (s->modifiers & MOD_CTRL) {
        put_code(s, on_break, true);
        put_code(s, on_break, false);
        return;
    }
    for (size_t i = 0; i < (first ? sizeof(set1) : sizeof(set2)); i++) {
        put(s, first ? set1[i] : set2[i]);
    }
}

/* With Alt it is SysRq, and Alt is let go of meanwhile. */
static void put_sysrq(PS2Kbd *s, bool down)
{
    static const struct {
        unsigned modifier;
        UiKey key;
    } alts[] = { { MOD_ALT_L, KEY_ALT }, { MOD_ALT_R, KEY_ALT_R } };
    uint16_t sysrq = s->scancode_set == 1 ? 0x54 : 0x84;

    if (!down) {
        put_code(s, sysrq, false);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(alts); i++) {
        if (s->modifiers & alts[i].modifier) {
            put_code(s, code_of(s, alts[i].key), false);
            put_code(s, code_of(s, alts[i].key), true);
        }
    }
    if (down) {
        put_code(s, sysrq, true);
    }
}

/* Print Screen is a shifted key of an older keyboard: Shift comes along unless it, or Ctrl, is down. */
static void put_print(PS2Kbd *s, bool down)
{
    uint16_t print = PREFIX << 8 | code_of(s, KEY_KP_MULTIPLY), shift = PREFIX << 8 | code_of(s, KEY_SHIFT);
    bool with_shift = !(s->modifiers & (MOD_SHIFT | MOD_CTRL));

    if (s->modifiers & MOD_ALT) {
        put_sysrq(s, down);
        return;
    }
    if (down && with_shift) {
        put_code(s, shift, true);
    }
    put_code(s, print, down);
    if (!down && with_shift) {
        put_code(s, shift, false);
    }
}

static unsigned modifier_of(UiKey key)
{
    switch (key) {
    case KEY_CTRL: return MOD_CTRL_L;
    case KEY_CTRL_R: return MOD_CTRL_R;
    case KEY_SHIFT: return MOD_SHIFT_L;
    case KEY_SHIFT_R: return MOD_SHIFT_R;
    case KEY_ALT: return MOD_ALT_L;
    case KEY_ALT_R: return MOD_ALT_R;
    default: return 0;
    }
}

static void kbd_event(void *opaque, const InputEvent *event)
{
    PS2Kbd *s = opaque;
    UiKey key = event->code;

    if (event->down) {
        s->modifiers |= modifier_of(key);
    } else {
        s->modifiers &= ~modifier_of(key);
    }
    if (!s->scan_enabled) {
        return;
    }
    if (s->scancode_set != 3 && key == KEY_PAUSE) {
        put_pause(s, event->down);
    } else if (s->scancode_set != 3 && (key == KEY_PRINT || key == KEY_SYSRQ)) {
        put_print(s, event->down);
    } else {
        put_code(s, code_of(s, key), event->down);
    }
}

static const InputDevice kbd_input = { .name = "QEMU PS/2 Keyboard", .mask = INPUT_MASK_KEY, .event = kbd_event };

/* Commands. */
static void reset_keyboard(PS2Kbd *s)
{
    s->scan_enabled = 1;
    s->scancode_set = 2;
    ps2_reset_queue(&s->parent_obj);
    s->ledstate = 0;
}

static void command(PS2Kbd *s, uint8_t value)
{
    PS2State *p = &s->parent_obj;

    switch (value) {
    case 0x00:
    case KBD_SET_TYPEMATIC:
        PS2_ANSWER(p, PS2_ACK);
        break;
    case KBD_GET_ID:
        PS2_ANSWER(p, PS2_ACK, KBD_ID, s->translate ? KBD_ID_TRANSLATED : KBD_ID_PLAIN);
        break;
    case KBD_ECHO:
        PS2_ANSWER(p, KBD_ECHO);
        break;
    case KBD_ENABLE:
        s->scan_enabled = 1;
        PS2_ANSWER(p, PS2_ACK);
        break;
    case KBD_SCANCODE_SET:
    case KBD_SET_LEDS:
    case KBD_SET_RATE:
    case KBD_SET_MAKE_BREAK:
        p->write_cmd = value;
        PS2_ANSWER(p, PS2_ACK);
        break;
    case KBD_RESET_DISABLE:
    case KBD_RESET_ENABLE:
        reset_keyboard(s);
        s->scan_enabled = value == KBD_RESET_ENABLE;
        PS2_ANSWER(p, PS2_ACK);
        break;
    case KBD_RESET:
        reset_keyboard(s);
        PS2_ANSWER(p, PS2_ACK, PS2_TEST_PASSED);
        break;
    default:
        PS2_ANSWER(p, PS2_RESEND);
        break;
    }
}

static void scancode_set(PS2Kbd *s, uint8_t value)
{
    PS2State *p = &s->parent_obj;

    if (value == 0) {
        PS2_ANSWER(p, PS2_ACK, s->translate ? translated(s->scancode_set) : s->scancode_set);
    } else if (value <= 3) {
        s->scancode_set = value;
        PS2_ANSWER(p, PS2_ACK);
    } else {
        PS2_ANSWER(p, PS2_RESEND);
    }
}

void ps2_kbd_write(PS2Kbd *s, uint8_t value)
{
    PS2State *p = &s->parent_obj;
    int argument_of = p->write_cmd;

    trace(ps2_kbd_write, "value %#x", value);
    ps2_drop_answer(p);
    p->write_cmd = -1;
    switch (argument_of) {
    case KBD_SCANCODE_SET:
        scancode_set(s, value);
        break;
    case KBD_SET_LEDS:
        s->ledstate = value;
        PS2_ANSWER(p, PS2_ACK);
        break;
    case KBD_SET_RATE:
    case KBD_SET_MAKE_BREAK:
        PS2_ANSWER(p, PS2_ACK);
        break;
    default:
        command(s, value);
        break;
    }
}

void ps2_kbd_set_translation(PS2Kbd *s, bool on)
{
    s->translate = on;
}

/* Life. */
static bool kbd_realize(DeviceState *dev, GError **error)
{
    PS2_DEVICE(dev)->input = input_register(&kbd_input, dev);
    return true;
}

static void kbd_reset(DeviceState *dev)
{
    PS2Kbd *s = PS2_KBD(dev);

    ps2_reset(&s->parent_obj);
    s->scan_enabled = 1;
    s->translate = 0;
    s->scancode_set = 2;
    s->modifiers = 0;
    /* The lights stay as they are. */
}

/* Migration. */
static bool kbd_pre_load(void *opaque, GError **error)
{
    PS2Kbd *s = opaque;

    ps2_no_answer(&s->parent_obj);
    s->ledstate = 0;
    s->need_high_bit = false;
    return true;
}

static bool kbd_pre_save(void *opaque, GError **error)
{
    ps2_queue_pre_save(opaque);
    return true;
}

static bool kbd_post_load(void *opaque, int version_id, GError **error)
{
    PS2Kbd *s = opaque;

    if (version_id == 2 || s->scancode_set < 1 || s->scancode_set > 3) {
        s->scancode_set = 2;
    }
    ps2_queue_loaded(&s->parent_obj);
    return true;
}

static bool ledstate_needed(void *opaque)
{
    return ((PS2Kbd *)opaque)->ledstate != 0;
}

static bool need_high_bit_needed(void *opaque)
{
    return ((PS2Kbd *)opaque)->need_high_bit;
}

static bool reply_needed(void *opaque)
{
    return ps2_answer_needed(&((PS2Kbd *)opaque)->parent_obj);
}

static const VMStateDescription vmstate_ledstate = {
    .name = "ps2kbd/ledstate", .version_id = 3, .minimum_version_id = 2, .needed = ledstate_needed,
    .fields = VMS_FIELDS(VMS_I32(PS2Kbd, ledstate)),
};

static const VMStateDescription vmstate_need_high_bit = {
    .name = "ps2kbd/need_high_bit", .version_id = 1, .minimum_version_id = 1, .needed = need_high_bit_needed,
    .fields = VMS_FIELDS(VMS_BOOL(PS2Kbd, need_high_bit)),
};

static const VMStateDescription vmstate_reply = {
    .name = "ps2kbd/command_reply_queue", .needed = reply_needed,
    .fields = VMS_FIELDS(VMS_I32(PS2Kbd, parent_obj.queue.cwptr)),
};

static const VMStateDescription vmstate_kbd = {
    .name = "ps2kbd", .version_id = 3, .minimum_version_id = 2, .pre_load = kbd_pre_load, .post_load = kbd_post_load,
    .pre_save = kbd_pre_save,
    .fields = VMS_FIELDS(
        VMS_PS2(PS2Kbd),
        VMS_I32(PS2Kbd, scan_enabled),
        VMS_I32(PS2Kbd, translate),
        VMS_I32(PS2Kbd, scancode_set, .version_id = 3)),
    .subsections = VMS_SUBSECTIONS(&vmstate_ledstate, &vmstate_need_high_bit, &vmstate_reply),
};

static void kbd_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = kbd_realize;
    dc->reset.hold = kbd_reset;
    dc->vmsd = &vmstate_kbd;
}

static const TypeInfo kbd_type = {
    .name = TYPE_PS2_KBD, .parent = TYPE_PS2_DEVICE, .size = sizeof(PS2Kbd), .class_init = kbd_class_init,
};
TYPE_REGISTER(kbd_type)
