/*
 * Sockets: unix and TCP, a server for one peer at a time or a client, perhaps one that tries again. A server whose peer
 * left listens for the next; it listens only while it has none.
 */
#include <fcntl.h>
#include <glib-unix.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "chardev/chardev-int.h"
#include "chardev/socket-address.h"
#include "util/log.h"

typedef struct SocketChardev {
    Chardev chr;
    FdIo io;
    SocketAddress address;
    bool server, telnet, nodelay;
    unsigned reconnect;             /* seconds; 0: never */
    int listener;
    GSource *listen_source;
    bool unlink_path;               /* the path is ours to remove */
    guint timer;
    char *peer;                     /* " <-> host:port" of TCP */
    enum { TELNET_DATA, TELNET_IAC, TELNET_OPTION, TELNET_SUB, TELNET_SUB_IAC } telnet_state;
} SocketChardev;

static void try_again_later(SocketChardev *s);
static void watch_listener(SocketChardev *s);

/* --- telnet: what the peer negotiates is taken out of its bytes --- */

enum { TN_SE = 240, TN_BREAK = 243, TN_SB = 250, TN_WILL = 251, TN_DONT = 254, TN_IAC = 255 };

static size_t telnet_filter(Chardev *chr, uint8_t *buf, size_t len)
{
    SocketChardev *s = (SocketChardev *)chr;
    size_t out = 0;

    for (size_t i = 0; i < len; i++) {
        uint8_t c = buf[i];

        switch (s->telnet_state) {
        case TELNET_DATA:
            if (c == TN_IAC) {
                s->telnet_state = TELNET_IAC;
            } else if (c != 0) { /* a terminal's CR comes as CR NUL */
                buf[out++] = c;
            }
            break;
        case TELNET_IAC:
            s->telnet_state = TELNET_DATA;
            if (c == TN_IAC) {
                buf[out++] = c;
            } else if (c == TN_BREAK) {
                chardev_send_event(chr, CHARDEV_BREAK);
            } else if (c == TN_SB) {
                s->telnet_state = TELNET_SUB;
            } else if (c >= TN_WILL && c <= TN_DONT) {
                s->telnet_state = TELNET_OPTION;
            }
            break;
        case TELNET_OPTION:
            s->telnet_state = TELNET_DATA;
            break;
        case TELNET_SUB:
            s->telnet_state = c == TN_IAC ? TELNET_SUB_IAC : TELNET_SUB;
            break;
        case TELNET_SUB_IAC:
            s->telnet_state = c == TN_SE ? TELNET_DATA : TELNET_SUB;
            break;
        }
    }
    return out;
}

static void telnet_begin(SocketChardev *s)
{
    /* WILL ECHO, WILL SUPPRESS-GO-AHEAD, WILL and DO BINARY: characters one by one, eight bits. */
    static const uint8_t hello[] = { 255, 251, 1, 255, 251, 3, 255, 251, 0, 255, 253, 0 };

    s->telnet_state = TELNET_DATA;
    s->io.filter = telnet_filter;
    fdio_write(&s->io, hello, sizeof(hello));
}

/* --- connections --- */

static void peer_left(Chardev *chr)
{
    SocketChardev *s = (SocketChardev *)chr;

    /* A peer that only shut its sending side down may still read what it asked for. */
    fdio_flush(&s->io, 0);
    fdio_stop(&s->io);
    g_clear_pointer(&s->peer, g_free);
    if (s->server) {
        watch_listener(s);
    } else if (s->reconnect) {
        try_again_later(s);
    }
    chardev_set_open(chr, false);
}

static void peer_arrived(SocketChardev *s, int fd)
{
    int yes = 1;

    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fd_set_nonblocking(fd, true);
    if (s->address.kind == SOCKET_INET && s->nodelay) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    }
    s->peer = socket_peer_text(fd);
    fdio_start(&s->io, &s->chr, fd, fd, true, peer_left);
    if (s->telnet) {
        telnet_begin(s);
    }
    chardev_set_open(&s->chr, true);
}

static gboolean peer_calls(int fd, GIOCondition condition, gpointer opaque)
{
    SocketChardev *s = opaque;
    int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)condition;
    if (peer < 0) {
        return G_SOURCE_CONTINUE;
    }
    g_clear_pointer(&s->listen_source, g_source_unref);
    peer_arrived(s, peer);
    return G_SOURCE_REMOVE;
}

static void watch_listener(SocketChardev *s)
{
    if (s->listener < 0 || s->listen_source) {
        return;
    }
    s->listen_source = g_unix_fd_source_new(s->listener, G_IO_IN);
    g_source_set_callback(s->listen_source, (GSourceFunc)(void (*)(void))peer_calls, s, NULL);
    g_source_attach(s->listen_source, NULL);
}

static gboolean try_again(gpointer opaque)
{
    SocketChardev *s = opaque;
    int fd = socket_connect(&s->address, NULL);

    if (fd < 0) {
        return G_SOURCE_CONTINUE;
    }
    s->timer = 0;
    peer_arrived(s, fd);
    return G_SOURCE_REMOVE;
}

static void try_again_later(SocketChardev *s)
{
    s->timer = g_timeout_add_seconds(s->reconnect, try_again, s);
}

static char *describe(const SocketChardev *s, bool disconnected)
{
    g_autofree char *address = socket_address_text(&s->address, s->telnet ? "telnet" : "tcp");

    return g_strdup_printf("%s%s%s%s", disconnected ? "disconnected:" : "", address, s->server ? ",server=on" : "",
                           !disconnected && s->peer ? s->peer : "");
}

/* The first peer, while the whole program waits. */
static bool wait_for_peer(SocketChardev *s, GError **error)
{
    g_autofree char *name = describe(s, true);
    struct pollfd p = { .fd = s->listener, .events = POLLIN };

    info_report("QEMU waiting for connection on: %s", name);
    while (!s->chr.open) {
        int peer;

        if (poll(&p, 1, -1) < 0 && errno != EINTR) {
            return error_set_errno(error, errno, "poll");
        }
        peer = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (peer >= 0) {
            peer_arrived(s, peer);
        }
    }
    return true;
}

/* --- options --- */

/* fd=: a socket that was handed over; listening for a server, connected for a client. */
static bool use_fd(SocketChardev *s, const Json *opts, GError **error)
{
    const char *text = chardev_opt(opts, "fd");
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    uint64_t number;
    char *end;

    if (!json_get_uint(json_member(opts, "fd"), &number)) {
        if (!text || !g_ascii_isdigit(*text) || (number = g_ascii_strtoull(text, &end, 10), *end) || number > INT_MAX) {
            return error_setf(error, "Unable to parse FD number %s", text ? text : "");
        }
    }
    if (getsockname(number, (struct sockaddr *)&sa, &len) < 0) {
        return error_setf(error, "File descriptor '%d' is not a socket", (int)number);
    }
    socket_address_of_fd(&s->address, number);
    if (s->server) {
        s->listener = number;
        fcntl(s->listener, F_SETFD, FD_CLOEXEC);
        fd_set_nonblocking(s->listener, true);
        if (listen(s->listener, 1) < 0) {
            error_set_errno(error, errno, "Failed to listen on fd socket");
            s->listener = -1;
            return false;
        }
    } else {
        peer_arrived(s, number);
    }
    return true;
}

static bool check_options(SocketChardev *s, const Json *opts, bool *wait, GError **error)
{
    const bool has[] = { chardev_opt(opts, "path"), chardev_opt(opts, "host"), json_has(opts, "fd") };
    uint64_t reconnect;

    if (has[0] + has[1] + has[2] > 1) {
        return error_setf(error, "None or one of 'path', 'fd' or 'host' option required.");
    }
    if (!keyval_get_bool(opts, "server", false, &s->server, error) ||
        !keyval_get_bool(opts, "wait", s->server, wait, error) ||
        !keyval_get_bool(opts, "telnet", false, &s->telnet, error) ||
        !keyval_get_bool(opts, "delay", true, &s->nodelay, error) ||
        !keyval_get_uint(opts, "reconnect", 0, &reconnect, error)) {
        return false;
    }
    s->nodelay = !s->nodelay;
    if (!keyval_get_bool(opts, "nodelay", s->nodelay, &s->nodelay, error)) {
        return false;
    }
    s->reconnect = MIN(reconnect, 86400);
    if (s->server && json_has(opts, "reconnect")) {
        return error_setf(error, "'reconnect' option is incompatible with socket in server listen mode");
    }
    if (!s->server && json_has(opts, "wait")) {
        return error_setf(error, "'wait' option is incompatible with socket in client connect mode");
    }
    for (const char *const *name = (const char *const[]){ "tls-creds", "websocket", "tn3270", NULL }; *name; name++) {
        bool on = false;

        if (strcmp(*name, "tls-creds") == 0 ? json_has(opts, *name)
                                             : !keyval_get_bool(opts, *name, false, &on, error) || on) {
            return error_setf(*error ? NULL : error, "'%s' is not supported by this chardev", *name);
        }
    }
    return true;
}

static bool socket_open(Chardev *chr, const Json *opts, GError **error)
{
    SocketChardev *s = (SocketChardev *)chr;
    g_autoptr(GError) local = NULL;
    bool wait;

    s->listener = -1;
    if (!check_options(s, opts, &wait, &local)) {
        g_propagate_error(error, g_steal_pointer(&local));
        return false;
    }
    if (!chardev_opt(opts, "path") && !chardev_opt(opts, "host")) {
        if (!use_fd(s, opts, error)) {
            return false;
        }
    } else if (!socket_address_parse(&s->address, opts, error)) {
        return false;
    } else if (s->server) {
        s->listener = socket_listen(&s->address, error);
        if (s->listener < 0) {
            return false;
        }
        s->unlink_path = s->address.kind == SOCKET_UNIX && !s->address.abstract;
    } else {
        int fd = socket_connect(&s->address, s->reconnect ? NULL : error);

        if (fd >= 0) {
            peer_arrived(s, fd);
        } else if (s->reconnect) {
            try_again_later(s);
        } else {
            return false;
        }
    }
    if (s->server && wait) {
        return wait_for_peer(s, error);
    }
    watch_listener(s);
    return true;
}

static void socket_close(Chardev *chr)
{
    SocketChardev *s = (SocketChardev *)chr;

    if (s->io.chr) {
        fdio_stop(&s->io);
    }
    if (s->listen_source) {
        g_source_destroy(s->listen_source);
        g_source_unref(s->listen_source);
    }
    if (s->timer) {
        g_source_remove(s->timer);
    }
    if (s->listener >= 0) {
        close(s->listener);
    }
    if (s->unlink_path) {
        unlink(s->address.path);
    }
    g_free(s->peer);
    socket_address_clear(&s->address);
}

static bool socket_write(Chardev *chr, const uint8_t *buf, size_t len)
{
    SocketChardev *s = (SocketChardev *)chr;

    return chr->open && fdio_write(&s->io, buf, len);
}

static void socket_update_input(Chardev *chr)
{
    if (chr->open) {
        fdio_update_input(&((SocketChardev *)chr)->io);
    }
}

static void socket_disconnect(Chardev *chr)
{
    if (chr->open) {
        peer_left(chr);
    }
}

static void socket_flush(Chardev *chr)
{
    if (chr->open) {
        fdio_flush(&((SocketChardev *)chr)->io, 500);
    }
}

static size_t socket_queued(const Chardev *chr)
{
    return fdio_queued(&((SocketChardev *)chr)->io);
}

static int socket_take_fd(Chardev *chr)
{
    return fdio_take_fd(&((SocketChardev *)chr)->io);
}

static char *socket_filename(const Chardev *chr)
{
    return describe((const SocketChardev *)chr, !chr->open);
}

const ChardevKind chardev_socket = {
    .name = "socket", .size = sizeof(SocketChardev), .open = socket_open, .close = socket_close, .write = socket_write,
    .update_input = socket_update_input, .filename = socket_filename, .take_fd = socket_take_fd,
    .disconnect = socket_disconnect, .flush = socket_flush, .queued = socket_queued,
};
