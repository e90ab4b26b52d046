/* Addresses of streams. */
#include <errno.h>
#include <string.h>

#include "channel.h"
#include "util/error.h"
#include "util/keyval.h"

void channel_address_clear(ChannelAddress *address)
{
    g_strfreev(address->argv);
    g_free(address->path);
    socket_address_clear(&address->socket);
    g_free(address->fd);
    memset(address, 0, sizeof(*address));
}

/* PATH[,offset=N] */
static bool parse_file(ChannelAddress *address, const char *text, GError **error)
{
    const char *option = strstr(text, ",offset=");

    address->kind = CHANNEL_FILE;
    if (option) {
        const char *number = option + strlen(",offset=");
        bool read = *number != '-' && keyval_size("offset", number, 1, &address->offset, NULL);

        if (!read || address->offset > INT64_MAX) {
            return error_setf(error, "file URI has bad offset %s: %s", number,
                              g_strerror(read || *number == '-' ? ERANGE : EINVAL));
        }
        address->path = g_strndup(text, option - text);
    } else {
        address->path = g_strdup(text);
    }
    return *address->path || error_setf(error, "a file's path is missing");
}

static bool split_host_port(const char *text, size_t length, char **host, char **port)
{
    const char *end = text + length, *colon = NULL;

    if (*text == '[') {
        const char *close = memchr(text, ']', length);

        if (!close || close + 1 >= end || close[1] != ':') {
            return false;
        }
        colon = close + 1;
        *host = g_strndup(text + 1, close - text - 1);
    } else {
        colon = memchr(text, ':', length);
        if (!colon) {
            return false;
        }
        *host = g_strndup(text, colon - text);
    }
    *port = g_strndup(colon + 1, end - colon - 1);
    return true;
}

/* HOST:PORT[,to=N][,ipv4=on][,ipv6=on] */
static bool parse_tcp(ChannelAddress *address, const char *text, GError **error)
{
    const char *comma = strchr(text, ',');
    g_autofree char *host = NULL, *port = NULL;
    g_autoptr(Json) opts = comma ? keyval_parse_flat(comma + 1, NULL, NULL, error) : json_new_object();

    if (!opts) {
        return false;
    }
    if (!split_host_port(text, comma ? (size_t)(comma - text) : strlen(text), &host, &port) || !*port) {
        return error_setf(error, "error parsing address '%s'", text);
    }
    json_set(opts, "host", json_new_string(host));
    json_set(opts, "port", json_new_string(port));
    address->kind = CHANNEL_SOCKET;
    return socket_address_parse(&address->socket, opts, error);
}

static bool parse_unix(ChannelAddress *address, const char *text, GError **error)
{
    g_autoptr(Json) opts = json_new_object();

    if (!*text) {
        return error_setf(error, "invalid Unix socket address");
    }
    json_set(opts, "path", json_new_string(text));
    address->kind = CHANNEL_SOCKET;
    return socket_address_parse(&address->socket, opts, error);
}

static void set_command(ChannelAddress *address, const char *text)
{
    const char *argv[] = { "/bin/sh", "-c", text, NULL };

    address->kind = CHANNEL_EXEC;
    address->argv = g_strdupv((char **)argv);
}

bool channel_address_parse(ChannelAddress *address, const char *uri, bool incoming, GError **error)
{
    const char *colon = strchr(uri, ':');
    const char *rest = colon ? colon + 1 : "";
    g_autofree char *scheme = colon ? g_strndup(uri, colon - uri) : g_strdup("");
    bool ok = true;

    memset(address, 0, sizeof(*address));
    if (strcmp(scheme, "exec") == 0) {
        set_command(address, rest);
    } else if (strcmp(scheme, "file") == 0) {
        ok = parse_file(address, rest, error);
    } else if (strcmp(scheme, "unix") == 0) {
        ok = parse_unix(address, rest, error);
    } else if (strcmp(scheme, "tcp") == 0) {
        ok = parse_tcp(address, rest, error);
    } else if (strcmp(scheme, "fd") == 0) {
        address->kind = CHANNEL_FD;
        address->fd = g_strdup(rest);
    } else if (incoming) {
        ok = error_setf(error, "unknown migration protocol: %s", uri);
    } else {
        ok = error_setf(error, "Parameter 'uri' expects a valid migration protocol");
    }
    if (!ok) {
        channel_address_clear(address);
    }
    return ok;
}

/* QMP's form. */

static bool missing(const char *name, GError **error)
{
    return error_setf(error, "Parameter '%s' is missing", name);
}

static bool socket_from_json(ChannelAddress *address, const Json *addr, GError **error)
{
    const char *type = json_member_string(addr, "type", "");

    address->kind = CHANNEL_SOCKET;
    if (strcmp(type, "unix") == 0 || strcmp(type, "inet") == 0) {
        return socket_address_parse(&address->socket, addr, error);
    }
    if (strcmp(type, "fd") == 0) {
        address->kind = CHANNEL_FD;
        address->fd = g_strdup(json_member_string(addr, "str", ""));
        return true;
    }
    return error_setf(error, "Parameter 'type' does not accept value '%s'", type);
}

static bool exec_from_json(ChannelAddress *address, const Json *addr, GError **error)
{
    const Json *args = json_member(addr, "args");
    size_t count = args ? json_count(args) : 0;

    if (!count) {
        return missing("args", error);
    }
    address->kind = CHANNEL_EXEC;
    address->argv = g_new0(char *, count + 1);
    for (size_t i = 0; i < count; i++) {
        const char *text = json_get_string(json_at(args, i));

        if (!text) {
            return error_setf(error, "Invalid parameter type for 'args[%zu]', expected: string", i);
        }
        address->argv[i] = g_strdup(text);
    }
    return true;
}

static bool file_from_json(ChannelAddress *address, const Json *addr, GError **error)
{
    const char *path = json_member_string(addr, "filename", NULL);
    int64_t offset = json_member_int(addr, "offset", 0);

    if (!path || !*path) {
        return missing("filename", error);
    }
    if (offset < 0) {
        return error_setf(error, "Parameter 'offset' expects uint64");
    }
    address->kind = CHANNEL_FILE;
    address->path = g_strdup(path);
    address->offset = offset;
    return true;
}

bool channel_address_from_json(ChannelAddress *address, const Json *channels, GError **error)
{
    const Json *channel, *addr;
    const char *transport;
    bool ok;

    memset(address, 0, sizeof(*address));
    if (json_type(channels) != JSON_ARRAY || json_count(channels) != 1) {
        return error_setf(error, "Channel list must have one entry, type 'main'");
    }
    channel = json_at(channels, 0);
    if (json_type(channel) != JSON_OBJECT || strcmp(json_member_string(channel, "channel-type", ""), "main") != 0) {
        return error_setf(error, "Channel list must have one entry, type 'main'");
    }
    addr = json_member(channel, "addr");
    if (!addr || json_type(addr) != JSON_OBJECT) {
        return missing("addr", error);
    }
    transport = json_member_string(addr, "transport", "");
    if (strcmp(transport, "socket") == 0) {
        ok = socket_from_json(address, addr, error);
    } else if (strcmp(transport, "exec") == 0) {
        ok = exec_from_json(address, addr, error);
    } else if (strcmp(transport, "file") == 0) {
        ok = file_from_json(address, addr, error);
    } else {
        ok = error_setf(error, "Parameter 'transport' does not accept value '%s'", transport);
    }
    if (!ok) {
        channel_address_clear(address);
    }
    return ok;
}
