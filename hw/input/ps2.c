/* The queue of a PS/2 device. */
#include "ps2-internal.h"

#include <string.h>

#define ANSWER_MAX 8    /* bytes, as far as a stream has them */

/* The ring is as long as its buffer, and was once as short as what may be in it. */
static int wrap(const PS2State *s, uint32_t index)
{
    return index & ((s->answers_first ? PS2_BUFFER_SIZE : PS2_QUEUE_SIZE) - 1);
}

void ps2_raise(PS2State *s)
{
    irq_raise(s->irq[0]);
}

bool ps2_has_room(const PS2State *s, unsigned bytes)
{
    return s->queue.count + (int)bytes <= PS2_QUEUE_SIZE;
}

void ps2_push(PS2State *s, uint8_t b)
{
    PS2Queue *q = &s->queue;

    if (ps2_has_room(s, 1)) {
        q->data[q->wptr] = b;
        q->wptr = wrap(s, q->wptr + 1);
        q->count++;
    }
}

void ps2_queue(PS2State *s, uint8_t b)
{
    ps2_tell(s, &b, 1);
}

void ps2_tell(PS2State *s, const uint8_t *bytes, unsigned count)
{
    if (ps2_has_room(s, count)) {
        for (unsigned i = 0; i < count; i++) {
            ps2_push(s, bytes[i]);
        }
        ps2_raise(s);
    }
}

void ps2_answer(PS2State *s, const uint8_t *bytes, unsigned count)
{
    PS2Queue *q = &s->queue;

    if (!s->answers_first) {
        ps2_tell(s, bytes, count);
        return;
    }
    q->rptr = wrap(s, q->rptr - (int)count);
    for (unsigned i = 0; i < count; i++) {
        q->data[wrap(s, q->rptr + i)] = bytes[i];
    }
    q->cwptr = wrap(s, q->rptr + (int)count);
    q->count += count;
    ps2_raise(s);
}

void ps2_drop_answer(PS2State *s)
{
    PS2Queue *q = &s->queue;

    if (q->cwptr != -1) {
        q->count -= wrap(s, q->cwptr - q->rptr);
        q->rptr = q->cwptr;
        q->cwptr = -1;
    }
}

uint8_t ps2_read(PS2State *s)
{
    PS2Queue *q = &s->queue;
    uint8_t b;

    if (q->count == 0) {
        return q->data[wrap(s, q->rptr - 1)];
    }
    b = q->data[q->rptr];
    q->rptr = wrap(s, q->rptr + 1);
    q->count--;
    if (q->rptr == q->cwptr) {
        q->cwptr = -1;
    }
    irq_lower(s->irq[0]);
    if (q->count) {
        ps2_raise(s);
    }
    return b;
}

void ps2_reset_queue(PS2State *s)
{
    PS2Queue *q = &s->queue;

    q->rptr = q->wptr = q->count = 0;
    q->cwptr = -1;
}

void ps2_reset(PS2State *s)
{
    s->write_cmd = -1;
    ps2_reset_queue(s);
    irq_lower(s->irq[0]);
}

/* Migration. */
void ps2_no_answer(PS2State *s)
{
    s->queue.cwptr = -1;
}

bool ps2_answer_needed(const PS2State *s)
{
    return s->queue.cwptr != -1;
}

void ps2_queue_loaded(PS2State *s)
{
    PS2Queue *q = &s->queue;
    int answer = q->cwptr == -1 ? 0 : MIN(wrap(s, (uint32_t)q->cwptr - (uint32_t)q->rptr), ANSWER_MAX);

    q->rptr = wrap(s, q->rptr);
    q->count = CLAMP(q->count, answer, answer + PS2_QUEUE_SIZE);
    q->wptr = wrap(s, q->rptr + q->count);
    q->cwptr = answer ? wrap(s, q->rptr + answer) : -1;
}

/* Old streams have the queue from its buffer's beginning on. */
void ps2_queue_pre_save(PS2State *s)
{
    PS2Queue *q = &s->queue;
    uint8_t data[PS2_QUEUE_SIZE];

    if (s->answers_first) {
        return;
    }
    q->count = MIN(q->count, PS2_QUEUE_SIZE);
    for (int i = 0; i < q->count; i++) {
        data[i] = q->data[wrap(s, q->rptr + i)];
    }
    memcpy(q->data, data, q->count);
    q->rptr = 0;
    q->wptr = wrap(s, q->count);
}

bool ps2_is_new(void *opaque, int version_id)
{
    return PS2_DEVICE(opaque)->answers_first;
}

bool ps2_is_old(void *opaque, int version_id)
{
    return !PS2_DEVICE(opaque)->answers_first;
}

const VMStateDescription vmstate_ps2_common = {
    .name = "PS2 Common State", .version_id = 3, .minimum_version_id = 2,
    .fields = VMS_FIELDS(
        VMS_I32(PS2State, write_cmd),
        VMS_I32(PS2State, queue.rptr),
        VMS_I32(PS2State, queue.wptr),
        VMS_I32(PS2State, queue.count),
        VMS_BUFFER(PS2State, queue.data)),
};

static const Property ps2_props[] = {
    DEFINE_PROP_BOOL("x-godwit-answers-first", PS2State, answers_first, true, .hidden = true),
};

static void ps2_init(Object *obj)
{
    device_init_irq_out(DEVICE(obj), PS2_DEVICE(obj)->irq, NULL, 1);
}

static void ps2_unrealize(DeviceState *dev)
{
    input_unregister(PS2_DEVICE(dev)->input);
    PS2_DEVICE(dev)->input = NULL;
}

static void ps2_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->bus_type = TYPE_SYSTEM_BUS;
    dc->unrealize = ps2_unrealize;
    dc->user_creatable = false;
    object_class_add_props(klass, ps2_props, G_N_ELEMENTS(ps2_props));
}

static const TypeInfo ps2_type = {
    .name = TYPE_PS2_DEVICE, .parent = TYPE_DEVICE, .abstract = true, .size = sizeof(PS2State), .init = ps2_init,
    .class_init = ps2_class_init,
};
TYPE_REGISTER(ps2_type)
