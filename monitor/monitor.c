/* Monitors: front ends of character devices, their output and the file descriptors that clients hand over. */
#include "monitor/monitor.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "monitor/monitor-int.h"

GPtrArray *monitors;
Monitor *monitor_now;

/* Descriptors by name, shared by all monitors. */
static GHashTable *named_fds;

static size_t can_read(void *opaque)
{
    Monitor *mon = opaque;

    return hmp_session_is_held(mon) || chardev_queued(mon->chr) > MONITOR_QUEUE_HIGH ? 0 : 16384;
}

static void take_input(void *opaque, const uint8_t *buf, size_t len)
{
    Monitor *mon = opaque;

    if (mon->control) {
        qmp_session_read(mon, buf, len);
    } else {
        hmp_session_read(mon, buf, len);
    }
}

static void hear_event(void *opaque, ChardevEvent event)
{
    Monitor *mon = opaque;

    if (event == CHARDEV_OPENED) {
        (mon->control ? qmp_session_open : hmp_session_open)(mon);
    } else if (event == CHARDEV_CLOSED) {
        g_string_truncate(mon->out, 0);
        (mon->control ? qmp_session_close : hmp_session_close)(mon);
    } else if ((event == CHARDEV_MUX_IN || event == CHARDEV_MUX_OUT) && !mon->control) {
        hmp_session_mute(mon, event == CHARDEV_MUX_OUT);
    }
}

static const ChardevFrontend frontend = { .can_read = can_read, .read = take_input, .event = hear_event, .leads = true };

bool monitor_new(Chardev *chr, bool control, bool pretty, GError **error)
{
    Monitor *mon = g_new0(Monitor, 1);

    if (!monitors) {
        monitors = g_ptr_array_new();
        qmp_events_init();
    }
    mon->chr = chr;
    mon->control = control;
    mon->pretty = pretty;
    mon->out = g_string_sized_new(512);
    g_ptr_array_add(monitors, mon);
    if (!chardev_attach(chr, &frontend, mon, error)) {
        g_ptr_array_remove(monitors, mon);
        g_string_free(mon->out, TRUE);
        g_free(mon);
        return false;
    }
    return true;
}

void monitor_close_all(void)
{
    if (!monitors) {
        return;
    }
    qmp_events_flush();
    for (guint i = 0; i < monitors->len; i++) {
        hmp_session_close(monitors->pdata[i]); /* none asks for commands when the focus of a mux comes to it */
    }
    while (monitors->len) {
        Monitor *mon = monitors->pdata[monitors->len - 1];

        (mon->control ? qmp_session_close : hmp_session_close)(mon);
        chardev_flush(mon->chr);
        chardev_detach(mon->chr, mon);
        g_ptr_array_remove_index(monitors, monitors->len - 1);
        g_string_free(mon->out, TRUE);
        g_free(mon);
    }
}

void monitor_flush(Monitor *mon)
{
    if (mon->chr && mon->out->len) {
        chardev_write(mon->chr, mon->out->str, mon->out->len);
        g_string_truncate(mon->out, 0);
    }
}

void monitor_send(Monitor *mon, const Json *message)
{
    json_text_append(mon->out, message, mon->pretty);
    g_string_append_len(mon->out, "\r\n", 2);
    monitor_flush(mon);
}

void monitor_puts(Monitor *mon, const char *text)
{
    g_string_append(mon->out, text);
}

void monitor_printf(Monitor *mon, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_string_append_vprintf(mon->out, format, args);
    va_end(args);
}

/* --- descriptors --- */

int monitor_take_received_fd(Monitor *mon)
{
    return mon && mon->chr ? chardev_take_fd(mon->chr) : -1;
}

void monitor_fd_add(const char *name, int fd)
{
    int old = monitor_fd_take(NULL, name, NULL);

    if (old >= 0) {
        close(old);
    }
    if (!named_fds) {
        named_fds = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    }
    g_hash_table_insert(named_fds, g_strdup(name), GINT_TO_POINTER(fd));
}

int monitor_fd_take(Monitor *mon, const char *name, GError **error)
{
    void *value;

    (void)mon;
    if (!named_fds || !g_hash_table_lookup_extended(named_fds, name, NULL, &value)) {
        error_setf(error, "File descriptor named '%s' has not been found", name);
        return -1;
    }
    g_hash_table_remove(named_fds, name);
    return GPOINTER_TO_INT(value);
}

int monitor_fd_param(Monitor *mon, const char *text, GError **error)
{
    char *end;
    gint64 number;

    if (!g_ascii_isdigit(*text)) {
        return monitor_fd_take(mon, text, error);
    }
    number = g_ascii_strtoll(text, &end, 10);
    if (*end || number > INT_MAX) {
        error_setf(error, "Invalid file descriptor number '%s'", text);
        return -1;
    }
    if (fcntl(number, F_GETFD) < 0) {
        error_set_errno(error, errno, "File descriptor '%s' is not open", text);
        return -1;
    }
    return number;
}
