/* The options of -chardev, and the short forms of -serial, -monitor, -qmp: "unix:PATH,server=on", "mon:stdio". */
#include <string.h>

#include "chardev/chardev-int.h"
#include "util/log.h"

static const KeyvalOption options[] = {
    { "abstract", KEYVAL_BOOL }, { "tight", KEYVAL_BOOL }, { "clipboard", KEYVAL_BOOL }, { "mouse", KEYVAL_BOOL },
    { "logappend", KEYVAL_BOOL }, { "logfile", KEYVAL_STRING }, { "append", KEYVAL_BOOL }, { "chardev", KEYVAL_STRING },
    { "size", KEYVAL_SIZE }, { "debug", KEYVAL_NUMBER }, { "name", KEYVAL_STRING }, { "signal", KEYVAL_BOOL },
    { "mux", KEYVAL_BOOL }, { "rows", KEYVAL_NUMBER }, { "cols", KEYVAL_NUMBER }, { "height", KEYVAL_NUMBER },
    { "width", KEYVAL_NUMBER }, { "websocket", KEYVAL_BOOL }, { "tls-authz", KEYVAL_STRING },
    { "tls-creds", KEYVAL_STRING }, { "tn3270", KEYVAL_BOOL }, { "telnet", KEYVAL_BOOL },
    { "reconnect", KEYVAL_NUMBER }, { "nodelay", KEYVAL_BOOL }, { "delay", KEYVAL_BOOL }, { "server", KEYVAL_BOOL },
    { "wait", KEYVAL_BOOL }, { "ipv6", KEYVAL_BOOL }, { "ipv4", KEYVAL_BOOL }, { "to", KEYVAL_NUMBER },
    { "localport", KEYVAL_STRING }, { "localaddr", KEYVAL_STRING }, { "fd", KEYVAL_STRING }, { "port", KEYVAL_STRING },
    { "host", KEYVAL_STRING }, { "path", KEYVAL_STRING }, { "backend", KEYVAL_STRING },
};

const KeyvalOption *chardev_options(size_t *count)
{
    *count = G_N_ELEMENTS(options);
    return options;
}

/* "HOST:PORT[,options]": the host may be in brackets, or absent. */
static bool parse_inet(Json *opts, const char *spec, const char *text, GError **error)
{
    const char *end = strchr(text, ',');
    g_autofree char *address = end ? g_strndup(text, end - text) : g_strdup(text);
    char *colon = strrchr(address, ':'), *host = address;
    size_t len;

    if (!colon || !colon[1] || (colon == address + 1 && address[0] == '[')) {
        return error_setf(error, "parse error: %s", spec);
    }
    *colon = '\0';
    len = strlen(host);
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        host++;
    } else if (strchr(host, ':')) {
        return error_setf(error, "parse error: %s", spec);
    }
    json_set(opts, "backend", json_new_string("socket"));
    json_set(opts, "host", json_new_string(host));
    json_set(opts, "port", json_new_string(colon + 1));
    return true;
}


static void warn_flag(const char *flag, const char *instead)
{
    warn_report("short-form boolean option '%s' deprecated\nPlease use %s instead", flag, instead);
}

/* The part after the address: ",server=on,wait=off". */
static bool parse_rest(Json *opts, const char *rest, GError **error)
{
    g_autoptr(Json) more = NULL;

    if (!rest) {
        return true;
    }
    more = keyval_parse_flat(rest + 1, NULL, warn_flag, error);
    if (!more || !keyval_check(more, options, G_N_ELEMENTS(options), error)) {
        return false;
    }
    keyval_merge(opts, more);
    return true;
}

/* A path up to a lone comma, in which doubled commas are one. */
static bool parse_path(Json *opts, const char *backend, const char *text, GError **error)
{
    g_autoptr(Json) more = keyval_parse_flat(text, "path", warn_flag, error);

    if (!more || !keyval_check(more, options, G_N_ELEMENTS(options), error)) {
        return false;
    }
    json_set(opts, "backend", json_new_string(backend));
    keyval_merge(opts, more);
    return true;
}

static bool parse_short(Json *opts, const char *spec, const char *text, GError **error)
{
    static const char *const plain[] = { "null", "pty", "stdio", "vc" };
    size_t len = strcspn(text, ",:");

    for (size_t i = 0; i < G_N_ELEMENTS(plain); i++) {
        if (len == strlen(plain[i]) && strncmp(text, plain[i], len) == 0) {
            json_set(opts, "backend", json_new_string(plain[i]));
            /* vc:80Cx24C has a size, which a console that nobody looks at does not need. */
            return text[len] != ',' || parse_rest(opts, text + len, error);
        }
    }
    if (g_str_has_prefix(text, "unix:")) {
        return parse_path(opts, "socket", text + 5, error);
    }
    if (g_str_has_prefix(text, "file:")) {
        return parse_path(opts, "file", text + 5, error);
    }
    if (g_str_has_prefix(text, "pipe:")) {
        return parse_path(opts, "pipe", text + 5, error);
    }
    if (g_str_has_prefix(text, "tcp:") || g_str_has_prefix(text, "telnet:")) {
        const char *address = strchr(text, ':') + 1;

        if (text[1] == 'e') {
            json_set(opts, "telnet", json_new_string("on"));
        }
        return parse_inet(opts, spec, address, error) && parse_rest(opts, strchr(address, ','), error);
    }
    if (g_str_has_prefix(text, "/dev/")) {
        json_set(opts, "backend", json_new_string("file"));
        json_set(opts, "path", json_new_string(text));
        return true;
    }
    return error_setf(error, "'%s' is not a valid char driver", text);
}

Chardev *chardev_new_short(const char *id, const char *spec, GError **error)
{
    g_autoptr(Json) opts = json_new_object();
    const char *text = spec;

    if (g_str_has_prefix(spec, "chardev:")) {
        Chardev *chr = chardev_find(spec + 8);

        if (!chr) {
            error_setf(error, "chardev \"%s\" not found", spec + 8);
        }
        return chr;
    }
    json_set(opts, "id", json_new_string(id));
    if (g_str_has_prefix(spec, "mon:")) {
        text += 4;
        json_set(opts, "mux", json_new_string("on"));
        /* A terminal shared with a monitor hands Ctrl-C to the guest. */
        if (g_str_has_prefix(text, "stdio")) {
            json_set(opts, "signal", json_new_string("off"));
        }
    }
    if (!parse_short(opts, spec, text, error)) {
        return NULL;
    }
    return chardev_new(opts, error);
}
