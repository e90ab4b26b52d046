/* Timers in the migration stream: the time at which one fires, -1 for one that is stopped. */
#include "migration/vmstate.h"
#include "system/clock.h"

static bool timer_get(Stream *s, void *where, size_t size, const VMStateField *field, GError **error)
{
    int64_t expire = (int64_t)stream_get_be64(s);

    if (expire < 0) {
        timer_stop(where);
    } else {
        timer_set(where, expire);
    }
    return true;
}

static void timer_put(Stream *s, const void *where, size_t size, const VMStateField *field)
{
    stream_put_be64(s, (uint64_t)timer_expire(where));
}

const VMStateKind vms_kind_timer = { .name = "timer", .get = timer_get, .put = timer_put };
