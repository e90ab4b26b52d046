/* Inside the monitors. */
#ifndef MONITOR_INT_H
#define MONITOR_INT_H

#include "monitor/monitor.h"
#include "monitor/qmp.h"

/* A monitor takes no more input while this much of its output waits for the client. */
#define MONITOR_QUEUE_HIGH (1u << 20)
/* The longest QMP message. */
#define QMP_MESSAGE_MAX (16u << 20)

typedef struct HmpSession HmpSession;

struct Monitor {
    Chardev *chr;               /* NULL: output is only collected (human-monitor-command) */
    bool control, pretty;
    GString *out;               /* not yet written */
    /* QMP, of the present client */
    JsonStream *stream;
    bool negotiated, oob;
    /* HMP */
    HmpSession *hmp;
    unsigned cpu;               /* the default CPU's index */
    bool muted;                 /* another front end of the mux has the focus: what comes out is kept */
};

/* All of them. */
extern GPtrArray *monitors;
extern Monitor *monitor_now;    /* whose command runs */

/* Writes out what was collected. */
void monitor_flush(Monitor *mon);
/* One JSON message, as a line. */
void monitor_send(Monitor *mon, const Json *message);

/* QMP: a client came, sent bytes, left. */
void qmp_session_open(Monitor *mon);
void qmp_session_read(Monitor *mon, const uint8_t *buf, size_t len);
void qmp_session_close(Monitor *mon);
Json *qmp_version(void);

/* HMP the same. */
void hmp_session_open(Monitor *mon);
void hmp_session_read(Monitor *mon, const uint8_t *buf, size_t len);
void hmp_session_close(Monitor *mon);
/* The focus of the mux left, or came. */
void hmp_session_mute(Monitor *mon, bool muted);
/* From within a command: no prompt comes and what is typed is kept until it is released. False: this is no session. */
bool hmp_session_hold(Monitor *mon);
bool hmp_session_is_held(const Monitor *mon);
void hmp_session_release(Monitor *mon);
/* HMP's pieces: lines as a terminal wants them (caller frees); the candidates for the last word, whose length is returned. */
char *hmp_with_carriage_returns(const char *text);
size_t hmp_complete(const char *text, GPtrArray *words);

/* The monitor's default CPU (command cpu); NULL: the machine has none. NULL as the monitor: the first. */
struct X86CPU *hmp_cpu(const Monitor *mon);
/* "pc", "eax", "cs", "cs.base" of the default CPU; false: there is no such register. */
bool hmp_register_value(const char *name, size_t len, int64_t *value);

/* Sets event_hook; called with the first monitor. */
void qmp_events_init(void);
void qmp_events_flush(void);    /* what rate limits hold back: before exit */

#endif
