/* HMP for those who type and point. */
#include <stdlib.h>
#include <string.h>

#include "monitor/hmp.h"
#include "monitor/qmp.h"
#include "ui/input.h"
#include "util/error.h"

#define SENDKEY_MAX 16      /* keys at once */

/* "a", "0x1e", and "<" for the key that has it. KEYS: no such key. */
static UiKey key_of(const char *word)
{
    char *end;
    unsigned long number;

    if (strcmp(word, "<") == 0) {
        return KEY_LESS;
    }
    if (g_str_has_prefix(word, "0x")) {
        number = strtoul(word, &end, 0);
        return *end || !word[2] ? KEYS : ui_key_by_number(number);
    }
    return ui_key_by_name(word);
}

static void cmd_sendkey(Monitor *mon, const Json *args, GError **error)
{
    g_auto(GStrv) words = g_strsplit(json_member_string(args, "keys", ""), "-", -1);
    UiKey keys[SENDKEY_MAX];
    int64_t hold = 0;
    size_t n = 0;

    json_get_int(json_member(args, "hold-time"), &hold);
    for (char **word = words; *word && n < SENDKEY_MAX; word++) {
        keys[n] = key_of(*word);
        if (keys[n++] == KEYS) {
            monitor_printf(mon, "invalid parameter: %s\n", *word);
            return;
        }
    }
    for (size_t i = 0; i < n; i++) {
        input_queue_key(keys[i], true);
        input_queue_delay(hold);
    }
    while (n-- > 0) {
        input_queue_key(keys[n], false);
        input_queue_delay(hold);
    }
}

static void turn_wheel(int64_t dz)
{
    InputEvent event = {
        .kind = INPUT_BUTTON, .down = true, .code = dz > 0 ? INPUT_BUTTON_WHEEL_UP : INPUT_BUTTON_WHEEL_DOWN,
    };

    input_send(&event);
    input_sync();
    event.down = false;
    input_send(&event);
}

static void cmd_mouse_move(Monitor *mon, const Json *args, GError **error)
{
    int64_t dz = strtol(json_member_string(args, "dz_str", "0"), NULL, 0);

    input_send(&(InputEvent){ .kind = INPUT_RELATIVE, .code = INPUT_AXIS_X,
                              .value = strtol(json_member_string(args, "dx_str", "0"), NULL, 0) });
    input_send(&(InputEvent){ .kind = INPUT_RELATIVE, .code = INPUT_AXIS_Y,
                              .value = strtol(json_member_string(args, "dy_str", "0"), NULL, 0) });
    if (dz) {
        turn_wheel(dz);
    }
    input_sync();
}

static void cmd_mouse_button(Monitor *mon, const Json *args, GError **error)
{
    /* What help says of 2 and 4 is the other way round, in QEMU as well. */
    static const unsigned buttons[] = { INPUT_BUTTON_LEFT, INPUT_BUTTON_RIGHT, INPUT_BUTTON_MIDDLE };
    static const unsigned bits[] = { 1, 2, 4 };
    static int64_t before;      /* what this monitor's user holds down */
    int64_t state = 0;

    json_get_int(json_member(args, "button_state"), &state);
    if (state == before) {
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(buttons); i++) {
        if ((state ^ before) & bits[i]) {
            input_send(&(InputEvent){ .kind = INPUT_BUTTON, .code = buttons[i], .down = state & bits[i] });
        }
    }
    before = state;
    input_sync();
}

static void cmd_mouse_set(Monitor *mon, const Json *args, GError **error)
{
    int64_t index = 0;

    json_get_int(json_member(args, "index"), &index);
    if (index < 0 || index > G_MAXINT || !input_choose_mouse(index)) {
        monitor_printf(mon, "Mouse at index '%d' not found\n", (int)index);
    }
}

static void info_mice(Monitor *mon, const Json *args, GError **error)
{
    g_autoptr(Json) mice = qmp_run("query-mice", NULL, NULL, NULL);

    for (size_t i = 0; i < json_count(mice); i++) {
        const Json *mouse = json_at(mice, i);
        bool current = false, absolute = false;
        int64_t index = 0;

        json_get_bool(json_member(mouse, "current"), &current);
        json_get_bool(json_member(mouse, "absolute"), &absolute);
        json_get_int(json_member(mouse, "index"), &index);
        monitor_printf(mon, "%c Mouse #%d: %s%s\n", current ? '*' : ' ', (int)index, json_member_string(mouse, "name", ""),
                       absolute ? " (absolute)" : "");
    }
    if (!json_count(mice)) {
        monitor_printf(mon, "No mouse devices connected\n");
    }
}

static void complete_key(GPtrArray *words, const char *prefix)
{
    const char *last = strrchr(prefix, '-');
    g_autofree char *before = last ? g_strndup(prefix, last + 1 - prefix) : g_strdup("");

    for (const char *const *name = ui_key_names; *name; name++) {
        g_ptr_array_add(words, g_strconcat(before, *name, NULL));
    }
}

static const HmpCommand commands[] = {
    { "sendkey", "keys:s hold-time:i?", "keys [hold_ms]",
      "send keys to the VM (e.g. 'sendkey ctrl-alt-f1', default hold time=100 ms)", cmd_sendkey, complete_key },
    { "mouse_move", "dx_str:s dy_str:s dz_str:s?", "dx dy [dz]", "send mouse move events", cmd_mouse_move },
    { "mouse_button", "button_state:i", "state", "change mouse button state (1=L, 2=M, 4=R)", cmd_mouse_button },
    { "mouse_set", "index:i", "index", "set which mouse device receives events", cmd_mouse_set },
};
HMP_COMMANDS(commands)

static const HmpCommand infos[] = {
    { "mice", NULL, "", "show which guest mouse is receiving events", info_mice },
};
HMP_INFO(infos)
