/* Timers as VMState fields: the time at which they fire, in nanoseconds of their clock; -1 if they are stopped. */
#include "migration/vmstate.h"
#include "system/clock.h"

static void load_timer(Stream *s, Timer *timer)
{
    uint64_t expire = stream_get_be64(s);

    if (stream_error(s)) {
        return;
    }
    if (expire == UINT64_MAX) {
        timer_stop(timer);
    } else {
        timer_set(timer, (int64_t)expire);
    }
}

static bool get_timer(Stream *s, void *where, size_t size, const VMStateField *field, GError **error)
{
    load_timer(s, where);
    return true;
}

static void put_timer(Stream *s, const void *where, size_t size, const VMStateField *field)
{
    stream_put_be64(s, timer_expire(where));
}

static bool get_timer_ptr(Stream *s, void *where, size_t size, const VMStateField *field, GError **error)
{
    load_timer(s, *(Timer **)where);
    return true;
}

static void put_timer_ptr(Stream *s, const void *where, size_t size, const VMStateField *field)
{
    stream_put_be64(s, timer_expire(*(Timer *const *)where));
}

const VMStateKind vms_kind_timer = { .name = "timer", .get = get_timer, .put = put_timer };
const VMStateKind vms_kind_timer_ptr = { .name = "timer", .get = get_timer_ptr, .put = put_timer_ptr };
