/* QMP about character devices. */
#include <string.h>

#include "monitor/monitor-int.h"

/* --- what there is --- */

QMP_STRUCT(chardev_info, "ChardevInfo", { "label", &qmp_str }, { "filename", &qmp_str }, { "frontend-open", &qmp_bool });
QMP_LIST(chardev_infos, chardev_info);

static void describe(Chardev *chr, void *list)
{
    Json *info = json_new_object();
    g_autofree char *filename = chardev_filename(chr);

    json_set(info, "frontend-open", json_new_bool(chardev_has_frontend(chr)));
    json_set(info, "filename", json_new_string(filename));
    json_set(info, "label", json_new_string(chardev_id(chr)));
    json_append(list, info);
}

static Json *query_chardev(Json *args, Monitor *mon, GError **error)
{
    Json *list = json_new_array();

    chardev_foreach(describe, list);
    return list;
}

QMP_STRUCT(backend_info, "ChardevBackendInfo", { "name", &qmp_str });
QMP_LIST(backend_infos, backend_info);

static Json *query_chardev_backends(Json *args, Monitor *mon, GError **error)
{
    Json *list = json_new_array();

    for (const char *const *name = chardev_backends(); *name; name++) {
        Json *info = json_new_object();

        json_set(info, "name", json_new_string(*name));
        json_append(list, info);
    }
    return list;
}

/* --- chardev-add --- */

#define COMMON { "logfile", &qmp_str, QMP_OPTIONAL }, { "logappend", &qmp_bool, QMP_OPTIONAL }

QMP_STRUCT(common, "ChardevCommon", COMMON);
QMP_STRUCT(common_wrapper, "ChardevCommonWrapper", { "data", &qmp_common });
QMP_STRUCT(file, "ChardevFile", COMMON, { "in", &qmp_str, QMP_OPTIONAL }, { "out", &qmp_str }, { "append", &qmp_bool, QMP_OPTIONAL });
QMP_STRUCT(file_wrapper, "ChardevFileWrapper", { "data", &qmp_file });
QMP_STRUCT(hostdev, "ChardevHostdev", COMMON, { "device", &qmp_str });
QMP_STRUCT(hostdev_wrapper, "ChardevHostdevWrapper", { "data", &qmp_hostdev });
QMP_STRUCT(ringbuf, "ChardevRingbuf", COMMON, { "size", &qmp_int, QMP_OPTIONAL });
QMP_STRUCT(ringbuf_wrapper, "ChardevRingbufWrapper", { "data", &qmp_ringbuf });
QMP_STRUCT(mux, "ChardevMux", COMMON, { "chardev", &qmp_str });
QMP_STRUCT(mux_wrapper, "ChardevMuxWrapper", { "data", &qmp_mux });
QMP_STRUCT(stdio, "ChardevStdio", COMMON, { "signal", &qmp_bool, QMP_OPTIONAL });
QMP_STRUCT(stdio_wrapper, "ChardevStdioWrapper", { "data", &qmp_stdio });
QMP_STRUCT(vc, "ChardevVC", COMMON, { "width", &qmp_int, QMP_OPTIONAL }, { "height", &qmp_int, QMP_OPTIONAL },
           { "cols", &qmp_int, QMP_OPTIONAL }, { "rows", &qmp_int, QMP_OPTIONAL });
QMP_STRUCT(vc_wrapper, "ChardevVCWrapper", { "data", &qmp_vc });

QMP_ENUM(address_type, "SocketAddressType", "inet", "unix", "fd");
QMP_STRUCT(inet_address, "InetSocketAddress", { "host", &qmp_str }, { "port", &qmp_str }, { "numeric", &qmp_bool, QMP_OPTIONAL },
           { "to", &qmp_uint16, QMP_OPTIONAL }, { "ipv4", &qmp_bool, QMP_OPTIONAL }, { "ipv6", &qmp_bool, QMP_OPTIONAL },
           { "keep-alive", &qmp_bool, QMP_OPTIONAL });
QMP_STRUCT(inet_wrapper, "InetSocketAddressWrapper", { "data", &qmp_inet_address });
QMP_STRUCT(unix_address, "UnixSocketAddress", { "path", &qmp_str }, { "abstract", &qmp_bool, QMP_OPTIONAL },
           { "tight", &qmp_bool, QMP_OPTIONAL });
QMP_STRUCT(unix_wrapper, "UnixSocketAddressWrapper", { "data", &qmp_unix_address });
QMP_STRUCT(string, "String", { "str", &qmp_str });
QMP_STRUCT(string_wrapper, "StringWrapper", { "data", &qmp_string });
static const QmpType qmp_address = {
    .name = "SocketAddressLegacy", .meta = QMP_META_STRUCT, .tag = "type", .members = QMP_MEMBERS({ "type", &qmp_address_type }),
    .variants = QMP_MEMBERS({ "inet", &qmp_inet_wrapper }, { "unix", &qmp_unix_wrapper }, { "fd", &qmp_string_wrapper }),
};
QMP_STRUCT(socket, "ChardevSocket", COMMON, { "addr", &qmp_address }, { "tls-creds", &qmp_str, QMP_OPTIONAL },
           { "tls-authz", &qmp_str, QMP_OPTIONAL }, { "server", &qmp_bool, QMP_OPTIONAL }, { "wait", &qmp_bool, QMP_OPTIONAL },
           { "nodelay", &qmp_bool, QMP_OPTIONAL }, { "telnet", &qmp_bool, QMP_OPTIONAL }, { "tn3270", &qmp_bool, QMP_OPTIONAL },
           { "websocket", &qmp_bool, QMP_OPTIONAL }, { "reconnect", &qmp_int, QMP_OPTIONAL });
QMP_STRUCT(socket_wrapper, "ChardevSocketWrapper", { "data", &qmp_socket });

QMP_ENUM(backend_kind, "ChardevBackendKind", "file", "pipe", "socket", "pty", "null", "mux", "stdio", "vc", "ringbuf", "memory");
static const QmpType qmp_backend = {
    .name = "ChardevBackend", .meta = QMP_META_STRUCT, .tag = "type", .members = QMP_MEMBERS({ "type", &qmp_backend_kind }),
    .variants = QMP_MEMBERS({ "file", &qmp_file_wrapper }, { "pipe", &qmp_hostdev_wrapper }, { "socket", &qmp_socket_wrapper },
                            { "pty", &qmp_common_wrapper }, { "null", &qmp_common_wrapper }, { "mux", &qmp_mux_wrapper },
                            { "stdio", &qmp_stdio_wrapper }, { "vc", &qmp_vc_wrapper }, { "ringbuf", &qmp_ringbuf_wrapper },
                            { "memory", &qmp_ringbuf_wrapper }),
};
QMP_STRUCT(chardev_return, "ChardevReturn", { "pty", &qmp_str, QMP_OPTIONAL });

/* Moves members of nested objects to the top; the chardev's own options are flat. */
static bool flatten(const char *key, Json *value, void *opaque)
{
    static const char *const renamed[][2] = { { "out", "path" }, { "in", "input-path" }, { "device", "path" }, { "str", "fd" } };

    if (json_type(value) == JSON_OBJECT) {
        return json_foreach(value, flatten, opaque);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(renamed); i++) {
        if (strcmp(key, renamed[i][0]) == 0) {
            key = renamed[i][1];
        }
    }
    if (strcmp(key, "type") != 0) {
        json_set(opaque, key, json_ref(value));
    }
    return true;
}

/* QMP's backend as what -chardev would give. */
static Json *flat_options(const char *id, const Json *backend, Monitor *mon, GError **error)
{
    const char *type = json_member_string(backend, "type", NULL), *fd_name;
    g_autoptr(Json) opts = json_new_object();

    json_foreach(json_member(backend, "data"), flatten, opts);
    json_set(opts, "id", json_new_string(id));
    json_set(opts, "backend", json_new_string(type));
    if (strcmp(type, "socket") == 0 && !json_has(opts, "server")) {
        json_set(opts, "server", json_new_bool(true)); /* here, unlike on the command line */
    }
    /* A machine that runs does not stand still until somebody connects. */
    json_remove(opts, "wait");
    if (json_member_bool(opts, "server", false)) {
        json_set(opts, "wait", json_new_bool(false));
    }
    fd_name = json_member_string(opts, "fd", NULL);
    if (fd_name) {
        int fd = monitor_fd_param(mon, fd_name, error);

        if (fd < 0) {
            return NULL;
        }
        json_set(opts, "fd", json_new_int(fd));
    }
    return g_steal_pointer(&opts);
}

static Json *chardev_add(Json *args, Monitor *mon, GError **error)
{
    const char *id = json_member_string(args, "id", NULL);
    g_autoptr(GError) why = NULL;
    g_autoptr(Json) opts = NULL;
    g_autofree char *filename = NULL;
    Chardev *chr = NULL;
    Json *result;

    if (chardev_find(id)) {
        error_setf(error, "Chardev with id '%s' already exists", id);
        return NULL;
    }
    opts = flat_options(id, json_member(args, "backend"), mon, &why);
    chr = opts ? chardev_new(opts, &why) : NULL;
    if (!chr) {
        error_setf(error, "Failed to add chardev '%s': %s", id, why->message);
        return NULL;
    }
    result = json_new_object();
    filename = chardev_filename(chr);
    if (g_str_has_prefix(filename, "pty:")) {
        json_set(result, "pty", json_new_string(filename + 4));
    }
    return result;
}

static Json *chardev_remove_cmd(Json *args, Monitor *mon, GError **error)
{
    chardev_remove(json_member_string(args, "id", NULL), error);
    return NULL;
}

static Json *send_break(Json *args, Monitor *mon, GError **error)
{
    const char *id = json_member_string(args, "id", NULL);
    Chardev *chr = chardev_find(id);

    if (chr) {
        chardev_send_break(chr);
    } else {
        error_setf(error, "Chardev '%s' not found", id);
    }
    return NULL;
}

/* --- ring buffers --- */

QMP_ENUM(data_format, "DataFormat", "utf8", "base64");

static Chardev *ringbuf_of(const Json *args, GError **error)
{
    const char *id = json_member_string(args, "device", NULL);
    Chardev *chr = chardev_find(id);

    if (!chr) {
        error_setf(error, "Device '%s' not found", id);
    }
    return chr;
}

static bool wants_base64(const Json *args)
{
    return strcmp(json_member_string(args, "format", "utf8"), "base64") == 0;
}

static Json *ringbuf_write(Json *args, Monitor *mon, GError **error)
{
    const char *data = json_member_string(args, "data", NULL);
    Chardev *chr = ringbuf_of(args, error);

    if (chr && wants_base64(args)) {
        gsize len;
        g_autofree guchar *bytes = g_base64_decode(data, &len);

        chardev_ringbuf_write(chr, bytes, len, error);
    } else if (chr) {
        chardev_ringbuf_write(chr, data, strlen(data), error);
    }
    return NULL;
}

static Json *ringbuf_read(Json *args, Monitor *mon, GError **error)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    int64_t size = json_member_int(args, "size", 0);
    Chardev *chr = ringbuf_of(args, error);
    g_autofree char *text = NULL;

    if (!chr) {
        return NULL;
    }
    if (size <= 0) {
        error_setf(error, "size must be greater than zero");
        return NULL;
    }
    if (!chardev_ringbuf_read(chr, bytes, size, error)) {
        return NULL;
    }
    /* What is no UTF-8 is replaced: the answer is JSON. */
    if (bytes->len) {
        text = wants_base64(args) ? g_base64_encode(bytes->data, bytes->len) : g_utf8_make_valid((char *)bytes->data, bytes->len);
    }
    return json_new_string(text);
}

static const QmpCommand commands[] = {
    { "query-chardev", query_chardev, NULL, &qmp_chardev_infos, QMP_PRECONFIG },
    { "query-chardev-backends", query_chardev_backends, NULL, &qmp_backend_infos },
    { "chardev-add", chardev_add, QMP_ARGS({ "id", &qmp_str }, { "backend", &qmp_backend }), &qmp_chardev_return },
    { "chardev-remove", chardev_remove_cmd, QMP_ARGS({ "id", &qmp_str }) },
    { "chardev-send-break", send_break, QMP_ARGS({ "id", &qmp_str }) },
    { "ringbuf-write", ringbuf_write,
      QMP_ARGS({ "device", &qmp_str }, { "data", &qmp_str }, { "format", &qmp_data_format, QMP_OPTIONAL }) },
    { "ringbuf-read", ringbuf_read,
      QMP_ARGS({ "device", &qmp_str }, { "size", &qmp_int }, { "format", &qmp_data_format, QMP_OPTIONAL }), &qmp_str },
};
QMP_COMMANDS(commands)
