/* Timers in the migration stream: the time at which one fires, -1 for one that is stopped. */
#include "migration/vmstate.h"
#include "system/clock.h"

static bool load(Timer *timer, Stream *s)
{
    int64_t expire = (int64_t)stream_get_be64(s);

    if (expire < 0) {
        timer_stop(timer);
    } else {
        timer_set(timer, expire);
    }
    return true;
}

static bool timer_get(Stream *s, void *where, size_t size, const VMStateField *field, GError **error)
{
    return load(where, s);
}

static void timer_put(Stream *s, const void *where, size_t size, const VMStateField *field)
{
    stream_put_be64(s, (uint64_t)timer_expire(where));
}

static bool timer_ptr_get(Stream *s, void *where, size_t size, const VMStateField *field, GError **error)
{
    return load(*(Timer **)where, s);
}

static void timer_ptr_put(Stream *s, const void *where, size_t size, const VMStateField *field)
{
    stream_put_be64(s, (uint64_t)timer_expire(*(Timer *const *)where));
}

const VMStateKind vms_kind_timer = { .name = "timer", .get = timer_get, .put = timer_put };
const VMStateKind vms_kind_timer_ptr = { .name = "timer", .get = timer_ptr_get, .put = timer_ptr_put };
