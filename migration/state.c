/* The sections `timer` and `globalstate`. */
#include "state.h"

#include <errno.h>
#include <string.h>

#include "migration-object.h"
#include "migration/register.h"
#include "system/clock.h"
#include "util/error.h"

/* Guest time and the TSC, as they stood when the machine was stopped. */
typedef struct TimerState {
    int64_t cpu_ticks_offset, cpu_clock_offset;
} TimerState;

static TimerState timer_state;

static bool timer_pre_save(void *opaque, GError **error)
{
    TimerState *t = opaque;

    t->cpu_ticks_offset = clock_tsc();
    t->cpu_clock_offset = clock_ns(CLOCK_TYPE_VIRTUAL);
    return true;
}

/* So that what devices add to it does not overflow. */
#define GUEST_TIME_MAX (INT64_MAX / 4)

static bool timer_post_load(void *opaque, int version_id, GError **error)
{
    TimerState *t = opaque;

    if (t->cpu_clock_offset < 0 || t->cpu_clock_offset > GUEST_TIME_MAX) {
        return error_setf(error, "guest time %" G_GINT64_FORMAT " is %s", t->cpu_clock_offset,
                          t->cpu_clock_offset < 0 ? "before its start" : "centuries ahead");
    }
    clock_tsc_set(t->cpu_ticks_offset);
    clock_virtual_set(t->cpu_clock_offset);
    return true;
}

static const VMStateDescription vmstate_timer = {
    .name = "timer", .version_id = 2, .minimum_version_id = 1, .pre_save = timer_pre_save, .post_load = timer_post_load,
    .fields = VMS_FIELDS(
        VMS_I64(TimerState, cpu_ticks_offset), VMS_UNUSED(8), VMS_I64(TimerState, cpu_clock_offset, .version_id = 2)),
};

bool timer_state_register(GError **error)
{
    return vmstate_register(NULL, 0, &vmstate_timer, &timer_state, error);
}

/* The run state, by name. */
typedef struct GlobalState {
    uint32_t size;
    uint8_t runstate[100];
    RunState state;
    bool received;
} GlobalState;

static GlobalState global_state;

void global_state_store(void)
{
    memset(global_state.runstate, 0, sizeof(global_state.runstate));
    g_strlcpy((char *)global_state.runstate, runstate_name(runstate_get()), sizeof(global_state.runstate));
}

bool global_state_received(RunState *state)
{
    *state = global_state.state;
    return global_state.received;
}

void global_state_forget(void)
{
    global_state.received = false;
}

static bool global_state_needed(void *opaque)
{
    /* Without it, a machine that runs or pauses is what a destination expects. */
    return migration_object()->store_global_state ||
           (strcmp((char *)global_state.runstate, "running") != 0 && strcmp((char *)global_state.runstate, "paused") != 0);
}

static bool global_state_pre_save(void *opaque, GError **error)
{
    global_state.size = strlen((char *)global_state.runstate) + 1;
    return true;
}

/* States that a machine can have been in when somebody saved it. */
static const uint32_t arrivable =
    1u << RUN_STATE_DEBUG | 1u << RUN_STATE_INTERNAL_ERROR | 1u << RUN_STATE_IO_ERROR | 1u << RUN_STATE_PAUSED |
    1u << RUN_STATE_POSTMIGRATE | 1u << RUN_STATE_PRELAUNCH | 1u << RUN_STATE_RUNNING | 1u << RUN_STATE_SHUTDOWN |
    1u << RUN_STATE_SUSPENDED | 1u << RUN_STATE_WATCHDOG | 1u << RUN_STATE_GUEST_PANICKED;

static bool global_state_post_load(void *opaque, int version_id, GError **error)
{
    GlobalState *g = opaque;
    char name[sizeof(g->runstate) + 1];

    memcpy(name, g->runstate, sizeof(g->runstate));
    name[sizeof(g->runstate)] = 0;
    if (!runstate_from_name(name, &g->state) || !(arrivable & 1u << g->state)) {
        return error_setf(error, "invalid parameter value: %s", name);
    }
    g->received = true;
    return true;
}

static const VMStateDescription vmstate_global_state = {
    .name = "globalstate", .version_id = 1, .minimum_version_id = 1, .needed = global_state_needed,
    .pre_save = global_state_pre_save, .post_load = global_state_post_load,
    .fields = VMS_FIELDS(VMS_U32(GlobalState, size), VMS_BUFFER(GlobalState, runstate)),
};

bool global_state_register(GError **error)
{
    return vmstate_register(NULL, 0, &vmstate_global_state, &global_state, error);
}
