/* A QMP client's session: the greeting, the negotiation, requests and their replies. */
#include <string.h>

#include "hw/core/release.h"
#include "monitor/monitor-int.h"
#include "system/main-loop.h"
#include "util/trace.h"

Json *qmp_version(void)
{
    Json *version = json_new_object(), *qemu = json_new_object();

    json_set(qemu, "micro", json_new_int(release.micro));
    json_set(qemu, "minor", json_new_int(release.minor));
    json_set(qemu, "major", json_new_int(release.major));
    json_set(version, "qemu", qemu);
    json_set(version, "package", json_new_string("godwit " GODWIT_VERSION));
    return version;
}

static void greet(Monitor *mon)
{
    g_autoptr(Json) greeting = json_new_object();
    Json *qmp = json_new_object(), *capabilities = json_new_array();

    json_append(capabilities, json_new_string("oob"));
    json_set(qmp, "version", qmp_version());
    json_set(qmp, "capabilities", capabilities);
    json_set(greeting, "QMP", qmp);
    monitor_send(mon, greeting);
}

/* The reply to a request: result is taken; id (borrowed) comes back as it came. */
static void reply(Monitor *mon, Json *result, const GError *error, Json *id)
{
    g_autoptr(Json) message = json_new_object();

    if (error) {
        Json *e = json_new_object();

        json_set(e, "class", json_new_string(error_class_name(error)));
        json_set(e, "desc", json_new_string(error->message));
        json_set(message, "error", e);
    } else {
        json_set(message, "return", result);
    }
    if (id) {
        json_set(message, "id", json_ref(id));
    }
    monitor_send(mon, message);
}

/* A request's members, borrowed. */
typedef struct Request {
    const char *command;
    bool oob;               /* exec-oob */
    Json *args, *id;
    bool oob_allowed;
    GError **error;
} Request;

static bool look_at_member(const char *key, Json *value, void *opaque)
{
    Request *r = opaque;
    bool oob = strcmp(key, "exec-oob") == 0;

    if (strcmp(key, "execute") == 0 || (oob && r->oob_allowed)) {
        if (!json_get_string(value)) {
            return error_setf(r->error, "QMP input member '%s' must be a string", key);
        }
        if (r->command) {
            return error_setf(r->error, "QMP input member '%s' clashes with '%s'", key, oob ? "execute" : "exec-oob");
        }
        r->command = json_get_string(value);
        r->oob = oob;
    } else if (strcmp(key, "arguments") == 0) {
        if (json_type(value) != JSON_OBJECT) {
            return error_setf(r->error, "QMP input member 'arguments' must be an object");
        }
        r->args = value;
    } else if (strcmp(key, "id") != 0) {
        return error_setf(r->error, "QMP input member '%s' is unexpected", key);
    }
    return true;
}

static bool read_request(Request *r, Json *message)
{
    if (json_type(message) != JSON_OBJECT) {
        return error_setf(r->error, "QMP input must be a JSON object");
    }
    r->id = json_has(message, "id") ? json_member(message, "id") : NULL;
    if (!json_foreach(message, look_at_member, r)) {
        return false;
    }
    return r->command || error_setf(r->error, "QMP input lacks member 'execute'");
}

/* Whether the command may run in this state of the session. */
static bool may_run(const Monitor *mon, const Request *r, const QmpCommand **command, GError **error)
{
    bool negotiates = strcmp(r->command, "qmp_capabilities") == 0;

    *command = qmp_find_command(r->command);
    if (!mon->negotiated && !negotiates) {
        return error_set_class(error, ERROR_CLASS_COMMAND_NOT_FOUND,
                               "Expecting capabilities negotiation with 'qmp_capabilities'");
    }
    if (!*command) {
        return error_set_class(error, ERROR_CLASS_COMMAND_NOT_FOUND, "The command %s has not been found", r->command);
    }
    if (mon->negotiated && negotiates) {
        return error_set_class(error, ERROR_CLASS_COMMAND_NOT_FOUND,
                               "Capabilities negotiation is already complete, command ignored");
    }
    if (r->oob && !((*command)->flags & QMP_OOB)) {
        return error_setf(error, "The command %s does not support OOB", r->command);
    }
    return true;
}

static void handle(void *opaque, Json *message, const GError *parse_error)
{
    Monitor *mon = opaque;
    G_GNUC_UNUSED g_autoptr(Json) owned = message;
    g_autoptr(GError) error = NULL;
    Request r = { .oob_allowed = mon->oob, .error = &error };
    const QmpCommand *command = NULL;
    Monitor *before = monitor_now;
    Json *result = NULL;

    if (parse_error) {
        reply(mon, NULL, parse_error, NULL);
        return;
    }
    if (main_loop_quitting()) {
        return;
    }
    if (read_request(&r, message) && may_run(mon, &r, &command, &error)) {
        trace(monitor_qmp_cmd, "mon %p %s", (void *)mon, r.command);
        monitor_now = mon;
        result = qmp_run(r.command, r.args, mon, &error);
        monitor_now = before;
    }
    if (error || !command || !(command->flags & QMP_NO_REPLY)) {
        reply(mon, result, error, r.id);
    } else {
        json_unref(result);
    }
}

void qmp_session_open(Monitor *mon)
{
    mon->negotiated = mon->oob = false;
    mon->stream = json_stream_new(handle, mon, QMP_MESSAGE_MAX);
    greet(mon);
}

void qmp_session_read(Monitor *mon, const uint8_t *buf, size_t len)
{
    if (mon->stream) {
        json_stream_feed(mon->stream, (const char *)buf, len);
    }
}

void qmp_session_close(Monitor *mon)
{
    mon->negotiated = false;
    g_clear_pointer(&mon->stream, json_stream_free);
}
