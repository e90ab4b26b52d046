/*
 * A mux: several front ends (a serial port and a monitor) on one character device. One has the focus and gets the input;
 * all write. C-a is the escape: C-a c moves the focus, C-a h tells the rest.
 */
#include <stdio.h>
#include <string.h>

#include "chardev/chardev-int.h"

#define MUX_MAX 4
#define MUX_BUFFER 32

uint8_t chardev_mux_escape = 1;

typedef struct MuxChardev {
    Chardev chr;
    Chardev *base;
    struct {
        const ChardevFrontend *frontend;
        void *opaque;
        uint8_t input[MUX_BUFFER];      /* what it had no room for */
        unsigned head, used;
    } port[MUX_MAX];
    unsigned ports;
    int focus;
    bool escaped;
    bool timestamps, line_start;
    gint64 began;
} MuxChardev;

static void send_event(MuxChardev *m, int port, ChardevEvent event)
{
    if (port >= 0 && m->port[port].frontend && m->port[port].frontend->event) {
        m->port[port].frontend->event(m->port[port].opaque, event);
    }
}

static size_t room(const MuxChardev *m, int port)
{
    const ChardevFrontend *f = port >= 0 ? m->port[port].frontend : NULL;

    return !f || !f->read ? 0 : f->can_read ? f->can_read(m->port[port].opaque) : SIZE_MAX;
}

static void write_help(MuxChardev *m)
{
    static const struct {
        char key;
        const char *what;
    } rows[] = {
        { 'h', "print this help" }, { 'x', "exit emulator" }, { 's', "save disk data back to file (if -snapshot)" },
        { 't', "toggle console timestamps" }, { 'b', "send break (magic sysrq)" }, { 'c', "switch between console and monitor" },
    };
    g_autoptr(GString) text = g_string_new(NULL);
    char name[] = "Escape-Char";

    if (chardev_mux_escape < 26) {
        snprintf(name, sizeof(name), "C-%c", 'a' - 1 + chardev_mux_escape);
    } else {
        g_string_append_printf(text, "\n\rEscape-Char set to Ascii: 0x%02x\n\r", chardev_mux_escape);
    }
    g_string_append(text, "\n\r");
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_string_append_printf(text, "%s %c    %s\n\r", name, rows[i].key, rows[i].what);
    }
    g_string_append_printf(text, "%s %s  sends %s\n\r", name, name, name);
    chardev_write(&m->chr, text->str, text->len);
}

static void set_focus(MuxChardev *m, int port)
{
    send_event(m, m->focus, CHARDEV_MUX_OUT);
    m->focus = port;
    send_event(m, m->focus, CHARDEV_MUX_IN);
}

static void next_focus(MuxChardev *m)
{
    for (unsigned i = 1; i <= m->ports; i++) {
        int port = (m->focus + i) % m->ports;

        if (m->port[port].frontend) {
            set_focus(m, port);
            break;
        }
    }
}

/* The character after the escape: true if it is for the front end after all. */
static bool command(MuxChardev *m, uint8_t c)
{
    switch (c) {
    case 'h':
    case '?':
        write_help(m);
        break;
    case 'x':
        chardev_write(&m->chr, "QEMU: Terminated\n\r", 18);
        if (chardev_terminate_hook) {
            chardev_terminate_hook();
        }
        break;
    case 'b':
        send_event(m, m->focus, CHARDEV_BREAK);
        break;
    case 'c':
        next_focus(m);
        break;
    case 't':
        m->timestamps = !m->timestamps;
        m->began = 0;
        m->line_start = false;
        break;
    default:
        return c == chardev_mux_escape;
    }
    return false;
}

/* Hands over what was kept back, as far as there is room. */
static void drain(MuxChardev *m, int port)
{
    while (m->port[port].used && room(m, port)) {
        uint8_t c = m->port[port].input[m->port[port].head];

        m->port[port].head = (m->port[port].head + 1) % MUX_BUFFER;
        m->port[port].used--;
        m->port[port].frontend->read(m->port[port].opaque, &c, 1);
    }
}

static size_t mux_can_read(void *opaque)
{
    MuxChardev *m = opaque;

    /* Without a front end's room there is still some for a C-a. */
    return m->focus < 0 ? 1 : MAX(MUX_BUFFER - m->port[m->focus].used, 1);
}

static void mux_read(void *opaque, const uint8_t *buf, size_t len)
{
    MuxChardev *m = opaque;

    for (size_t i = 0; i < len; i++) {
        int port;

        if (m->escaped) {
            m->escaped = false;
            if (!command(m, buf[i])) {
                continue;
            }
        } else if (buf[i] == chardev_mux_escape) {
            m->escaped = true;
            continue;
        }
        port = m->focus;
        if (port < 0 || !m->port[port].frontend) {
            continue;
        }
        drain(m, port);
        if (m->port[port].used == 0 && room(m, port)) {
            m->port[port].frontend->read(m->port[port].opaque, buf + i, 1);
        } else if (m->port[port].used < MUX_BUFFER) {
            m->port[port].input[(m->port[port].head + m->port[port].used++) % MUX_BUFFER] = buf[i];
        }
    }
}

static void mux_event(void *opaque, ChardevEvent event)
{
    MuxChardev *m = opaque;

    m->chr.open = m->base->open;
    for (unsigned i = 0; i < m->ports; i++) {
        send_event(m, i, event);
    }
}

static void mux_drained(void *opaque)
{
    MuxChardev *m = opaque;

    for (unsigned i = 0; i < m->ports; i++) {
        if (m->port[i].frontend && m->port[i].frontend->drained) {
            m->port[i].frontend->drained(m->port[i].opaque);
        }
    }
}

static const ChardevFrontend mux_frontend = {
    .can_read = mux_can_read, .read = mux_read, .event = mux_event, .drained = mux_drained,
};

static bool mux_open(Chardev *chr, const Json *opts, GError **error)
{
    MuxChardev *m = (MuxChardev *)chr;
    const char *name = chardev_opt(opts, "chardev");
    Chardev *base;

    if (!name) {
        return error_setf(error, "chardev: mux: no chardev given");
    }
    base = chardev_find(name);
    if (!base) {
        return error_setf(error, "mux: base chardev %s not found", name);
    }
    m->focus = -1;
    m->base = base;
    if (!chardev_attach(base, &mux_frontend, m, error)) {
        m->base = NULL;
        return false;
    }
    chr->open = base->open;
    return true;
}

static void mux_close(Chardev *chr)
{
    MuxChardev *m = (MuxChardev *)chr;

    if (m->base) {
        chardev_detach(m->base, m);
    }
}

static unsigned free_port(const MuxChardev *m)
{
    unsigned port;

    for (port = 0; port < m->ports && m->port[port].frontend; port++) {
    }
    return port;
}

static bool mux_is_free(const Chardev *chr)
{
    return free_port((const MuxChardev *)chr) < MUX_MAX;
}

/* A port for a new front end: behind all others, or before the first that does not lead. */
static unsigned make_room(MuxChardev *m, bool leads)
{
    unsigned hole = free_port(m), port = hole;

    m->ports = MAX(m->ports, hole + 1);
    for (; leads && port > 0 && !(m->port[port - 1].frontend && m->port[port - 1].frontend->leads); port--) {
        m->port[port] = m->port[port - 1];
    }
    if (m->focus >= (int)port && m->focus < (int)hole) {
        m->focus++;
    }
    return port;
}

static bool mux_attach(Chardev *chr, const ChardevFrontend *frontend, void *opaque, GError **error)
{
    MuxChardev *m = (MuxChardev *)chr;
    unsigned port;

    if (!chardev_is_free(chr, error)) {
        return false;
    }
    port = make_room(m, frontend->leads);
    m->port[port].frontend = frontend;
    m->port[port].opaque = opaque;
    m->port[port].head = m->port[port].used = 0;
    chr->frontend = frontend; /* says that there is one */
    if (m->focus < 0 || !frontend->leads || m->port[m->focus].frontend->leads) {
        set_focus(m, port);
    } else {
        send_event(m, port, CHARDEV_MUX_OUT);
    }
    if (chr->open) {
        send_event(m, port, CHARDEV_OPENED);
    }
    chardev_accept_input(m->base);
    return true;
}

static void mux_detach(Chardev *chr, void *opaque)
{
    MuxChardev *m = (MuxChardev *)chr;
    bool any = false;

    for (unsigned i = 0; i < m->ports; i++) {
        if (m->port[i].frontend && m->port[i].opaque == opaque) {
            m->port[i].frontend = NULL;
        }
        any |= m->port[i].frontend != NULL;
    }
    if (!any) {
        chr->frontend = NULL;
        m->focus = -1;
    } else if (!m->port[m->focus].frontend) {
        next_focus(m);
    }
}

static void stamp(MuxChardev *m)
{
    gint64 now = g_get_monotonic_time();
    char text[32];
    unsigned ms;

    if (!m->began) {
        m->began = now;
    }
    ms = (now - m->began) / 1000;
    snprintf(text, sizeof(text), "[%02u:%02u:%02u.%03u] ", ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
    chardev_write(m->base, text, strlen(text));
}

static bool mux_write(Chardev *chr, const uint8_t *buf, size_t len)
{
    MuxChardev *m = (MuxChardev *)chr;
    bool ok = true;

    if (!m->timestamps) {
        return chardev_write(m->base, buf, len);
    }
    while (len) {
        const uint8_t *end = memchr(buf, '\n', len);
        size_t n = end ? end - buf + 1 : len;

        if (m->line_start) {
            stamp(m);
        }
        ok &= chardev_write(m->base, buf, n);
        m->line_start = end != NULL;
        buf += n;
        len -= n;
    }
    return ok;
}

static void mux_update_input(Chardev *chr)
{
    MuxChardev *m = (MuxChardev *)chr;

    for (unsigned i = 0; i < m->ports; i++) {
        if (m->port[i].frontend) {
            drain(m, i);
        }
    }
    chardev_accept_input(m->base);
}

static void mux_flush(Chardev *chr)
{
    chardev_flush(((MuxChardev *)chr)->base);
}

static size_t mux_queued(const Chardev *chr)
{
    return chardev_queued(((MuxChardev *)chr)->base);
}

static int mux_take_fd(Chardev *chr)
{
    return chardev_take_fd(((MuxChardev *)chr)->base);
}

static void mux_disconnect(Chardev *chr)
{
    chardev_disconnect(((MuxChardev *)chr)->base);
}

const ChardevKind chardev_mux = {
    .name = "mux", .size = sizeof(MuxChardev), .open = mux_open, .close = mux_close, .write = mux_write,
    .update_input = mux_update_input, .flush = mux_flush, .queued = mux_queued, .attach = mux_attach,
    .is_free = mux_is_free, .detach = mux_detach, .take_fd = mux_take_fd, .disconnect = mux_disconnect,
};
