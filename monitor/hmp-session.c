/*
 * HMP at a terminal: prompt, line editing, and what is shown when. In a mux only the monitor that has the focus shows anything; what
 * the others have to say is kept until it is their turn. A command may hold the session until it has an end (`migrate`
 * without -d), or for good (`quit`).
 */
#include "monitor/hmp.h"

#include <string.h>

#include "monitor/monitor-int.h"
#include "monitor/readline.h"

struct HmpSession {
    Readline *readline;
    GString *typed;         /* while it is held */
    bool held;
};

static void session_write(void *opaque, const char *text, size_t len)
{
    Monitor *mon = opaque;

    chardev_write(mon->chr, text, len);
}

static void flush_text(Monitor *mon)
{
    g_autofree char *text = NULL;

    if (mon->muted || !mon->out->len) {
        return;
    }
    text = hmp_with_carriage_returns(mon->out->str);
    g_string_truncate(mon->out, 0);
    chardev_write(mon->chr, text, strlen(text));
}

static void prompt(Monitor *mon)
{
    flush_text(mon);
    if (mon->hmp && !mon->hmp->held && !mon->muted) {
        readline_prompt(mon->hmp->readline, "(qemu) ");
    }
}

static void session_line(void *opaque, const char *line)
{
    Monitor *mon = opaque;

    hmp_execute(mon, line);
    prompt(mon);
}

static size_t session_complete(void *opaque, const char *text, GPtrArray *words)
{
    (void)opaque;
    return hmp_complete(text, words);
}

static const ReadlineOps session_ops = { session_write, session_line, session_complete };

void hmp_session_open(Monitor *mon)
{
    g_autoptr(Json) version = qmp_version();
    const Json *qemu = json_member(version, "qemu");

    hmp_session_close(mon);
    mon->hmp = g_new0(HmpSession, 1);
    mon->hmp->readline = readline_new(&session_ops, mon);
    mon->hmp->typed = g_string_new(NULL);
    monitor_printf(mon, "QEMU %d.%d.%d monitor - type 'help' for more information\n", (int)json_member_int(qemu, "major", 0),
                   (int)json_member_int(qemu, "minor", 0), (int)json_member_int(qemu, "micro", 0));
    prompt(mon);
}

void hmp_session_read(Monitor *mon, const uint8_t *buf, size_t len)
{
    for (size_t i = 0; i < len && mon->hmp; i++) {
        if (mon->hmp->held) {
            g_string_append_len(mon->hmp->typed, (const char *)buf + i, len - i);
            return;
        }
        readline_feed(mon->hmp->readline, buf[i]);
    }
}

void hmp_session_close(Monitor *mon)
{
    if (mon->hmp) {
        readline_free(mon->hmp->readline);
        g_string_free(mon->hmp->typed, TRUE);
        g_clear_pointer(&mon->hmp, g_free);
    }
}

/* Lines that were typed; through QMP there are none. */
static void info_history(Monitor *mon, const Json *args, GError **error)
{
    const GPtrArray *lines = mon->hmp ? readline_history(mon->hmp->readline) : NULL;

    for (guint i = 0; lines && i < lines->len; i++) {
        monitor_printf(mon, "%u: '%s'\n", i, (const char *)lines->pdata[i]);
    }
}

static const HmpCommand infos[] = {
    { "history", NULL, NULL, "show the command line history", info_history },
};
HMP_INFO(infos)

void hmp_session_mute(Monitor *mon, bool muted)
{
    bool shown = mon->hmp && !mon->hmp->held && !mon->muted;

    mon->muted = muted;
    if (!muted) {
        prompt(mon);
    } else if (shown) {
        session_write(mon, "\r\n", 2);
    }
}

bool hmp_session_is_held(const Monitor *mon)
{
    return mon->hmp && mon->hmp->held;
}

bool hmp_session_hold(Monitor *mon)
{
    if (mon->hmp) {
        mon->hmp->held = true;
    }
    return mon->hmp != NULL;
}

void hmp_session_release(Monitor *mon)
{
    g_autoptr(GString) typed = NULL;

    if (!hmp_session_is_held(mon)) {
        return;
    }
    typed = mon->hmp->typed;
    mon->hmp->typed = g_string_new(NULL);
    mon->hmp->held = false;
    prompt(mon);
    hmp_session_read(mon, (const uint8_t *)typed->str, typed->len);
    chardev_accept_input(mon->chr);
}
