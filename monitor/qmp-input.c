/* QMP for those who type and point: send-key, input-send-event, query-mice. */
#include "monitor/qmp.h"
#include "system/runstate.h"
#include "ui/input.h"

static const QmpType qmp_qcode = { .name = "QKeyCode", .meta = QMP_META_ENUM, .values = ui_key_names };
QMP_ENUM(key_kind, "KeyValueKind", "number", "qcode");
QMP_STRUCT(int_wrapper, "IntWrapper", { "data", &qmp_int });
QMP_STRUCT(qcode_wrapper, "QKeyCodeWrapper", { "data", &qmp_qcode });
static const QmpType qmp_key_value = {
    .name = "KeyValue", .meta = QMP_META_STRUCT, .members = QMP_MEMBERS({ "type", &qmp_key_kind }), .tag = "type",
    .variants = QMP_MEMBERS({ "number", &qmp_int_wrapper }, { "qcode", &qmp_qcode_wrapper }),
};
QMP_LIST(key_values, key_value);

static const char *const button_names[] = {
    "left", "middle", "right", "wheel-up", "wheel-down", "side", "extra", "wheel-left", "wheel-right", NULL,
};
static const QmpType qmp_button = { .name = "InputButton", .meta = QMP_META_ENUM, .values = button_names };
QMP_ENUM(axis, "InputAxis", "x", "y");
QMP_ENUM(event_kind, "InputEventKind", "key", "btn", "rel", "abs");
QMP_STRUCT(key_event, "InputKeyEvent", { "key", &qmp_key_value }, { "down", &qmp_bool });
QMP_STRUCT(button_event, "InputBtnEvent", { "button", &qmp_button }, { "down", &qmp_bool });
QMP_STRUCT(move_event, "InputMoveEvent", { "axis", &qmp_axis }, { "value", &qmp_int });
QMP_STRUCT(key_event_wrapper, "InputKeyEventWrapper", { "data", &qmp_key_event });
QMP_STRUCT(button_event_wrapper, "InputBtnEventWrapper", { "data", &qmp_button_event });
QMP_STRUCT(move_event_wrapper, "InputMoveEventWrapper", { "data", &qmp_move_event });
static const QmpType qmp_input_event = {
    .name = "InputEvent", .meta = QMP_META_STRUCT, .members = QMP_MEMBERS({ "type", &qmp_event_kind }), .tag = "type",
    .variants = QMP_MEMBERS({ "key", &qmp_key_event_wrapper }, { "btn", &qmp_button_event_wrapper },
                            { "rel", &qmp_move_event_wrapper }, { "abs", &qmp_move_event_wrapper }),
};
QMP_LIST(input_events, input_event);

static unsigned index_of(const char *const *names, const char *name)
{
    unsigned i = 0;

    while (names[i] && !g_str_equal(names[i], name)) {
        i++;
    }
    return i;
}

static UiKey key_of(const Json *value)
{
    int64_t number = 0;

    if (g_str_equal(json_member_string(value, "type", ""), "qcode")) {
        return ui_key_by_name(json_member_string(value, "data", ""));
    }
    json_get_int(json_member(value, "data"), &number);
    return ui_key_by_number(number);
}

static InputEvent event_of(const Json *value)
{
    InputEvent event = { .kind = index_of(qmp_event_kind.values, json_member_string(value, "type", "")) };
    const Json *data = json_member(value, "data");

    json_get_bool(json_member(data, "down"), &event.down);
    switch (event.kind) {
    case INPUT_KEY:
        event.code = key_of(json_member(data, "key"));
        break;
    case INPUT_BUTTON:
        event.code = index_of(button_names, json_member_string(data, "button", ""));
        break;
    default:
        event.code = index_of(qmp_axis.values, json_member_string(data, "axis", ""));
        json_get_int(json_member(data, "value"), &event.value);
        break;
    }
    return event;
}

static Json *input_send_event(Json *args, Monitor *mon, GError **error)
{
    const Json *events = json_member(args, "events");
    const char *device = json_member_string(args, "device", NULL);

    if (device) {
        error_set_class(error, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found", device);
        return NULL;
    }
    if (!runstate_is_running() && runstate_get() != RUN_STATE_SUSPENDED) {
        error_setf(error, "VM not running");
        return NULL;
    }
    for (size_t i = 0; i < json_count(events); i++) {
        InputEvent event = event_of(json_at(events, i));

        if (!input_has_handler(event.kind)) {
            error_setf(error, "Input handler not found for event type %s", qmp_event_kind.values[event.kind]);
            return NULL;
        }
    }
    for (size_t i = 0; i < json_count(events); i++) {
        InputEvent event = event_of(json_at(events, i));

        input_send(&event);
    }
    input_sync();
    return NULL;
}

/* All down, one after the other, and up in reverse, with a pause after each. */
static Json *send_key(Json *args, Monitor *mon, GError **error)
{
    const Json *keys = json_member(args, "keys");
    int64_t hold = 0;

    json_get_int(json_member(args, "hold-time"), &hold);
    for (size_t i = 0; i < json_count(keys); i++) {
        input_queue_key(key_of(json_at(keys, i)), true);
        input_queue_delay(hold);
    }
    for (size_t i = json_count(keys); i-- > 0;) {
        input_queue_key(key_of(json_at(keys, i)), false);
        input_queue_delay(hold);
    }
    return NULL;
}

QMP_STRUCT(mouse_info, "MouseInfo", { "name", &qmp_str }, { "index", &qmp_int }, { "current", &qmp_bool },
           { "absolute", &qmp_bool });
QMP_LIST(mouse_infos, mouse_info);

static void add_mouse(const InputMouse *mouse, void *opaque)
{
    GQueue *infos = opaque;
    Json *info = json_new_object();

    json_set(info, "name", json_new_string(mouse->name));
    json_set(info, "index", json_new_int(mouse->index));
    json_set(info, "current", json_new_bool(g_queue_is_empty(infos)));
    json_set(info, "absolute", json_new_bool(mouse->absolute));
    g_queue_push_head(infos, info);
}

static Json *query_mice(Json *args, Monitor *mon, GError **error)
{
    GQueue infos = G_QUEUE_INIT;
    Json *list = json_new_array();

    /* The current one is last. */
    input_foreach_mouse(add_mouse, &infos);
    while (!g_queue_is_empty(&infos)) {
        json_append(list, g_queue_pop_head(&infos));
    }
    return list;
}

static const QmpCommand commands[] = {
    { "input-send-event", input_send_event,
      QMP_ARGS({ "device", &qmp_str, QMP_OPTIONAL }, { "head", &qmp_int, QMP_OPTIONAL }, { "events", &qmp_input_events }) },
    { "send-key", send_key, QMP_ARGS({ "keys", &qmp_key_values }, { "hold-time", &qmp_int, QMP_OPTIONAL }) },
    { "query-mice", query_mice, NULL, &qmp_mouse_infos },
};
QMP_COMMANDS(commands)
