#include "ui/input.h"

#include "system/clock.h"
#include "system/runstate.h"
#include "util/trace.h"
#include "util/units.h"

#define QUEUE_MAX 1024
#define MOUSE_MASK (INPUT_MASK_RELATIVE | INPUT_MASK_ABSOLUTE)

struct InputHandler {
    const InputDevice *device;
    void *opaque;
    int index;
    bool touched;       /* got events since the last sync */
};

static GQueue handlers = G_QUEUE_INIT;  /* InputHandler *, the first of its kind gets an event */

InputHandler *input_register(const InputDevice *device, void *opaque)
{
    static int count;
    InputHandler *handler = g_new0(InputHandler, 1);

    handler->device = device;
    handler->opaque = opaque;
    handler->index = ++count;
    g_queue_push_tail(&handlers, handler);
    return handler;
}

void input_unregister(InputHandler *handler)
{
    if (handler) {
        g_queue_remove(&handlers, handler);
        g_free(handler);
    }
}

void input_activate(InputHandler *handler)
{
    g_queue_remove(&handlers, handler);
    g_queue_push_head(&handlers, handler);
}

static InputHandler *find(unsigned mask)
{
    for (GList *l = handlers.head; l; l = l->next) {
        InputHandler *handler = l->data;

        if (handler->device->mask & mask) {
            return handler;
        }
    }
    return NULL;
}

bool input_has_handler(InputKind kind)
{
    return find(1u << kind) != NULL;
}

static bool listening(void)
{
    return runstate_is_running() || runstate_get() == RUN_STATE_SUSPENDED;
}

void input_send(const InputEvent *event)
{
    InputHandler *handler = find(1u << event->kind);

    trace(input_event, "kind %d code %u down %d value %" G_GINT64_FORMAT, event->kind, event->code, event->down, event->value);
    if (handler && listening()) {
        handler->device->event(handler->opaque, event);
        handler->touched = true;
    }
}

void input_sync(void)
{
    if (!listening()) {
        return;
    }
    for (GList *l = handlers.head; l; l = l->next) {
        InputHandler *handler = l->data;

        if (handler->touched) {
            handler->touched = false;
            if (handler->device->sync) {
                handler->device->sync(handler->opaque);
            }
        }
    }
}

/* Key strokes with pauses. What is queued begins with the pause that the timer runs for. */
typedef struct Queued {
    bool is_key, down;
    UiKey key;
    uint32_t ms;
} Queued;

static GQueue queue = G_QUEUE_INIT;
static Timer *queue_timer;

static void send_key(UiKey key, bool down)
{
    input_send(&(InputEvent){ .kind = INPUT_KEY, .code = key, .down = down });
    input_sync();
}

static void start_pause(const Queued *pause)
{
    timer_set(queue_timer, clock_ns(CLOCK_TYPE_VIRTUAL) + pause->ms * (NANOSECONDS_PER_SECOND / 1000));
}

static void pause_over(void *opaque)
{
    Queued *item;

    g_free(g_queue_pop_head(&queue));
    while ((item = g_queue_peek_head(&queue))) {
        if (!item->is_key) {
            start_pause(item);
            return;
        }
        send_key(item->key, item->down);
        g_free(g_queue_pop_head(&queue));
    }
}

static Queued *enqueue(void)
{
    Queued *item = g_new0(Queued, 1);

    g_queue_push_tail(&queue, item);
    return item;
}

void input_queue_key(UiKey key, bool down)
{
    if (g_queue_is_empty(&queue)) {
        send_key(key, down);
    } else if (queue.length < QUEUE_MAX) {
        *enqueue() = (Queued){ .is_key = true, .key = key, .down = down };
    }
}

void input_queue_delay(uint32_t ms)
{
    bool first = g_queue_is_empty(&queue);
    Queued *item;

    if (!listening() || queue.length >= QUEUE_MAX) {
        return;
    }
    if (!queue_timer) {
        queue_timer = timer_new(CLOCK_TYPE_VIRTUAL, pause_over, NULL);
    }
    item = enqueue();
    item->ms = ms ? ms : INPUT_DELAY_DEFAULT;
    if (first) {
        start_pause(item);
    }
}

/* Mice. */
void input_foreach_mouse(void (*fn)(const InputMouse *mouse, void *opaque), void *opaque)
{
    for (GList *l = handlers.head; l; l = l->next) {
        const InputHandler *handler = l->data;

        if (handler->device->mask & MOUSE_MASK) {
            InputMouse mouse = { handler->device->name, handler->index, handler->device->mask & INPUT_MASK_ABSOLUTE };

            fn(&mouse, opaque);
        }
    }
}

bool input_choose_mouse(int index)
{
    for (GList *l = handlers.head; l; l = l->next) {
        InputHandler *handler = l->data;

        if (handler->index == index && handler->device->mask & MOUSE_MASK) {
            input_activate(handler);
            return true;
        }
    }
    return false;
}
