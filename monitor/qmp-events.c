/*
 * Events to the QMP clients. A few kinds can come in floods and are limited to one a second: the first goes out at
 * once, of those that follow only the last, when the second is over.
 */
#include <string.h>

#include "monitor/monitor-int.h"
#include "system/runstate.h"

#define LIMIT_MS 1000
#define HELD_MAX 1024   /* different things that can be held back at a time */

static const struct {
    const char *event, *key;    /* the member that tells apart what is limited each for itself, or NULL */
} limited[] = {
    { "RTC_CHANGE", NULL },        { "WATCHDOG", NULL },
    { "BALLOON_CHANGE", NULL },    { "QUORUM_REPORT_BAD", "node-name" },
    { "QUORUM_FAILURE", NULL },    { "VSERPORT_CHANGE", "id" },
    { "MEMORY_DEVICE_SIZE_CHANGE", "qom-path" },
};

typedef struct Held {
    guint timer;
    Json *message;              /* to send when the time is over; NULL: nothing came since */
} Held;

static GHashTable *held;        /* "EVENT key" -> Held */

static void held_free(void *opaque)
{
    Held *h = opaque;

    if (h->timer) {
        g_source_remove(h->timer);
    }
    json_unref(h->message);
    g_free(h);
}

static void broadcast(const Json *message)
{
    for (guint i = 0; i < monitors->len; i++) {
        Monitor *mon = monitors->pdata[i];

        if (mon->control && mon->negotiated) {
            monitor_send(mon, message);
        }
    }
}

static gboolean time_is_over(gpointer opaque)
{
    Held *h = g_hash_table_lookup(held, opaque);

    if (!h->message) {
        h->timer = 0;
        g_hash_table_remove(held, opaque);
        return G_SOURCE_REMOVE;
    }
    broadcast(h->message);
    g_clear_pointer(&h->message, json_unref);
    return G_SOURCE_CONTINUE;
}

/* True if the message was kept for later. */
static bool hold_back(const char *event, Json *message)
{
    g_autofree char *name = NULL;
    Held *h;

    for (size_t i = 0; i < G_N_ELEMENTS(limited); i++) {
        if (strcmp(event, limited[i].event) == 0) {
            const Json *data = json_member(message, "data");

            name = g_strdup_printf("%s %s", event,
                                   limited[i].key && data ? json_member_string(data, limited[i].key, "") : "");
            break;
        }
    }
    if (!name) {
        return false;
    }
    if (!held) {
        held = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, held_free);
    }
    h = g_hash_table_lookup(held, name);
    if (h) {
        json_unref(h->message);
        h->message = json_ref(message);
        return true;
    }
    if (g_hash_table_size(held) < HELD_MAX) {
        char *key = g_steal_pointer(&name);

        h = g_new0(Held, 1);
        g_hash_table_insert(held, key, h);
        h->timer = g_timeout_add(LIMIT_MS, time_is_over, key);
    }
    return false;
}

static void emit(const char *event, Json *data)
{
    g_autoptr(Json) message = json_new_object();
    gint64 now = g_get_real_time();
    Json *timestamp = json_new_object();

    json_set(timestamp, "seconds", json_new_int(now / G_USEC_PER_SEC));
    json_set(timestamp, "microseconds", json_new_int(now % G_USEC_PER_SEC));
    json_set(message, "timestamp", timestamp);
    json_set(message, "event", json_new_string(event));
    if (data) {
        json_set(message, "data", data);
    }
    if (!hold_back(event, message)) {
        broadcast(message);
    }
}

void qmp_events_init(void)
{
    event_hook = emit;
}

static void send_held(gpointer key, gpointer value, gpointer opaque)
{
    Held *h = value;

    (void)key;
    (void)opaque;
    if (h->message) {
        broadcast(h->message);
        g_clear_pointer(&h->message, json_unref);
    }
}

void qmp_events_flush(void)
{
    event_hook = NULL;
    if (held) {
        g_hash_table_foreach(held, send_held, NULL);
        g_clear_pointer(&held, g_hash_table_unref);
    }
}
