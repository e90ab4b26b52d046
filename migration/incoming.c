/*
 * Receiving a machine. A thread reads; RAM is written without the big lock, a device's section is loaded under it, and
 * it is given up while the thread waits for bytes. The end is the main loop's: what came in runs or stays stopped as its
 * source was, or the machine is put back to where it can take another stream.
 */
#include <stdlib.h>
#include <string.h>

#include <glib-unix.h>

#include "block/block.h"
#include "channel.h"
#include "drift.h"
#include "hw/core/device.h"
#include "ledger-internal.h"
#include "loadvm-report.h"
#include "migration/migration.h"
#include "savevm.h"
#include "state.h"
#include "status.h"
#include "system/main-loop.h"
#include "system/runstate.h"
#include "util/error.h"
#include "util/log.h"

static MigrationStatus status;
static char *last_error;
static char *wanted_uri;            /* of -incoming; NULL: not given */
static bool started;                /* a stream comes or came in; another may not */
static bool exit_on_error = true;
static bool autostart = true;
static ChannelAddress address;
static Channel *channel;            /* that listens, or is read */
static guint listen_source;
static GThread *thread;
static Stream *stream;
static Json *ledger;
static GError *load_error;

void migration_set_autostart(bool on)
{
    autostart = on;
}

MigrationStatus incoming_status(void)
{
    return status;
}

const char *incoming_error(void)
{
    return last_error;
}

Json *incoming_socket_address(void)
{
    Json *list, *item;

    if (!started || address.kind != CHANNEL_SOCKET || !channel) {
        return NULL;
    }
    list = json_new_array();
    item = json_new_object();
    if (address.socket.kind == SOCKET_UNIX) {
        json_set(item, "path", json_new_string(address.socket.path));
        json_set(item, "type", json_new_string("unix"));
    } else {
        json_set(item, "host", json_new_string(address.socket.host));
        json_set(item, "port", json_new_string(address.socket.port));
        json_set(item, "type", json_new_string("inet"));
    }
    json_append(list, item);
    return list;
}

static void set_status(MigrationStatus next)
{
    if (status != next) {
        status = next;
        migration_status_event(next);
    }
}

/* The end. */

static void release_channel(void)
{
    if (stream) {
        stream_close(stream, false, NULL);
        stream = NULL;
    }
    g_clear_pointer(&channel, channel_unref);
    channel_address_clear(&address);
}

/* As the source was: it runs if that ran (or does not say) and -S was not given. */
static void arrive(void)
{
    RunState state;
    bool said = global_state_received(&state);

    if (said && state != RUN_STATE_RUNNING) {
        runstate_set(state);
    } else if (autostart) {
        vm_start();
    } else {
        runstate_set(RUN_STATE_PAUSED);
    }
}

static void fail(GError *error, const char *notes)
{
    loadvm_undo();
    reset_machine();
    g_free(last_error);
    last_error = loadvm_report(error, notes);
    started = false;
    g_error_free(error);
    set_status(MIGRATION_FAILED);
    if (exit_on_error) {
        main_loop_quit(1);
    }
}

static void load_ended(void *opaque)
{
    g_autofree char *notes = NULL;
    GError *error = g_steal_pointer(&load_error);

    g_thread_join(g_steal_pointer(&thread));
    if (!error && drift_allows(stream, ledger, &error)) {
        block_activate_all(&error);
    }
    notes = g_strdup(stream_notes(stream));
    release_channel();
    if (error) {
        fail(error, notes);
    } else {
        loadvm_commit();
        ledger_adopt(ledger, false);
        arrive();
        set_status(MIGRATION_COMPLETED);
    }
    g_clear_pointer(&ledger, json_unref);
}

static gpointer load_thread(gpointer opaque)
{
    loadvm_machine(stream, &ledger, &load_error);
    defer_once(load_ended, NULL);
    return NULL;
}

static void connected(void)
{
    stream = channel_stream(channel);
    global_state_forget();
    set_status(MIGRATION_ACTIVE);
    thread = g_thread_new("incoming", load_thread, NULL);
}

/* The beginning. */

static gboolean somebody_came(gint fd, GIOCondition condition, gpointer opaque)
{
    if (!channel_accept(channel)) {
        return G_SOURCE_CONTINUE;
    }
    listen_source = 0;
    connected();
    return G_SOURCE_REMOVE;
}

static bool begin(const char *uri, const Json *channels, GError **error)
{
    bool ok = uri ? channel_address_parse(&address, uri, true, error) : channel_address_from_json(&address, channels, error);

    g_clear_pointer(&last_error, g_free);
    set_status(MIGRATION_SETUP);
    if (ok) {
        channel = channel_open_in(&address, error);
        ok = channel != NULL;
    }
    if (!ok) {
        channel_address_clear(&address);
        status = MIGRATION_NONE;
        return false;
    }
    started = true;
    if (channel_listen_fd(channel) >= 0) {
        listen_source = g_unix_fd_add(channel_listen_fd(channel), G_IO_IN, somebody_came, NULL);
    } else {
        connected();
    }
    return true;
}

bool migration_incoming_prepare(const char *uri_or_json, GError **error)
{
    ChannelAddress check = { 0 };

    if (wanted_uri) {
        return error_setf(error, "-incoming can be given once only");
    }
    if (strcmp(uri_or_json, "defer") != 0 && *uri_or_json != '{' && *uri_or_json != '[') {
        if (!channel_address_parse(&check, uri_or_json, true, error)) {
            return false;
        }
        /* Nobody can have given a descriptor a name yet. */
        if (check.kind == CHANNEL_FD && !g_ascii_isdigit(*check.fd)) {
            error_setf(error, "Invalid file descriptor number '%s'", check.fd);
            channel_address_clear(&check);
            return false;
        }
        channel_address_clear(&check);
    }
    wanted_uri = g_strdup(uri_or_json);
    runstate_set(RUN_STATE_INMIGRATE);
    return true;
}

bool migration_incoming_begin(GError **error)
{
    if (!wanted_uri || strcmp(wanted_uri, "defer") == 0) {
        return true;
    }
    if (*wanted_uri == '{' || *wanted_uri == '[') {
        Json *value = json_parse(wanted_uri, -1, error), *list = value;
        bool ok;

        if (!value) {
            return false;
        }
        if (json_type(value) == JSON_OBJECT) {
            list = json_new_array();
            json_append(list, value);
        }
        ok = begin(NULL, list, error);
        json_unref(list);
        return ok;
    }
    return begin(wanted_uri, NULL, error);
}

bool migration_incoming(const char *uri, const Json *channels, bool exit_if_it_fails, GError **error)
{
    if (!uri == !channels) {
        return error_setf(error, "need either 'uri' or 'channels' argument");
    }
    if (started || (runstate_get() != RUN_STATE_INMIGRATE && wanted_uri)) {
        return error_setf(error, "The incoming migration has already been started");
    }
    if (!wanted_uri || runstate_get() != RUN_STATE_INMIGRATE) {
        return error_setf(error, "'-incoming' was not specified on the command line");
    }
    exit_on_error = exit_if_it_fails;
    return begin(uri, channels, error);
}
