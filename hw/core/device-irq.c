/* A device's named interrupt lines. */
#include <string.h>

#include "hw/core/device-internal.h"

typedef struct IrqTap IrqTap;

/* One set of lines. */
struct NamedIrqs {
    NamedIrqs *next;
    char *name;             /* "" for the unnamed set */
    GPtrArray *in;          /* Irq *, owned */
    GPtrArray *out;         /* Irq **, places in the device */
    IrqTap *taps_in, *taps_out;     /* one a line; NULL: not intercepted */
};

/* What sits on an intercepted line. */
struct IrqTap {
    Irq irq;                /* outputs: stands in the device's place */
    Irq *target;            /* outputs: where the line leads otherwise */
    IrqHandler fn;
    void *opaque;
};

static NamedIrqs *irqs_find(const DeviceState *dev, const char *name)
{
    NamedIrqs *set = dev->irqs;

    while (set && strcmp(set->name, name ? name : "") != 0) {
        set = set->next;
    }
    return set;
}

static NamedIrqs *irqs_get(DeviceState *dev, const char *name)
{
    NamedIrqs *set = irqs_find(dev, name);

    if (!set) {
        NamedIrqs **end = &dev->irqs;

        while (*end) {
            end = &(*end)->next;
        }
        set = *end = g_new0(NamedIrqs, 1);
        set->name = g_strdup(name ? name : "");
        set->in = g_ptr_array_new_with_free_func(g_free);
        set->out = g_ptr_array_new();
    }
    g_assert(!set->taps_in && !set->taps_out);
    return set;
}

void device_init_irq_in(DeviceState *dev, IrqHandler handler, const char *name, int n)
{
    NamedIrqs *set = irqs_get(dev, name);

    for (int i = 0; i < n; i++) {
        g_ptr_array_add(set->in, irq_new(handler, dev, set->in->len));
    }
}

void device_init_irq_out(DeviceState *dev, Irq **lines, const char *name, int n)
{
    NamedIrqs *set = irqs_get(dev, name);

    for (int i = 0; i < n; i++) {
        g_ptr_array_add(set->out, &lines[i]);
    }
}

unsigned device_irq_in_count(const DeviceState *dev, const char *name)
{
    const NamedIrqs *set = irqs_find(dev, name);

    return set ? set->in->len : 0;
}

Irq *device_irq_in(DeviceState *dev, const char *name, int n)
{
    const NamedIrqs *set = irqs_find(dev, name);

    g_assert(set && n >= 0 && (unsigned)n < set->in->len);
    return set->in->pdata[n];
}

void device_connect_irq(DeviceState *dev, const char *name, int n, Irq *target)
{
    NamedIrqs *set = irqs_find(dev, name);

    g_assert(set && n >= 0 && (unsigned)n < set->out->len);
    if (set->taps_out) {
        set->taps_out[n].target = target;
    } else {
        *(Irq **)set->out->pdata[n] = target;
    }
}

static void tap_out(void *opaque, int n, int level)
{
    IrqTap *tap = opaque;

    tap->fn(tap->opaque, n, level);
    irq_set(tap->target, level);
}

static void tap_in(void *opaque, int n, int level)
{
    IrqTap *tap = opaque;

    tap->fn(tap->opaque, n, level);
}

static bool intercept_in(NamedIrqs *set, IrqHandler fn, void *opaque)
{
    if (!set->in->len || set->taps_in) {
        return false;
    }
    set->taps_in = g_new0(IrqTap, set->in->len);
    for (unsigned i = 0; i < set->in->len; i++) {
        Irq *irq = set->in->pdata[i];

        set->taps_in[i] = (IrqTap){ .fn = fn, .opaque = opaque };
        irq->handler = tap_in;
        irq->opaque = &set->taps_in[i];
    }
    return true;
}

static bool intercept_out(NamedIrqs *set, IrqHandler fn, void *opaque)
{
    if (!set->out->len || set->taps_out) {
        return false;
    }
    set->taps_out = g_new0(IrqTap, set->out->len);
    for (unsigned i = 0; i < set->out->len; i++) {
        Irq **line = set->out->pdata[i];
        IrqTap *tap = &set->taps_out[i];

        *tap = (IrqTap){ .target = *line, .fn = fn, .opaque = opaque };
        tap->irq = (Irq){ .handler = tap_out, .opaque = tap, .n = i };
        *line = &tap->irq;
    }
    return true;
}

bool device_intercept_irqs(DeviceState *dev, const char *name, bool out, IrqHandler fn, void *opaque)
{
    NamedIrqs *set = irqs_find(dev, name);

    return set && (out ? intercept_out(set, fn, opaque) : intercept_in(set, fn, opaque));
}

void device_foreach_irqs(DeviceState *dev, void (*fn)(const char *name, int in, int out, void *opaque), void *opaque)
{
    for (const NamedIrqs *set = dev->irqs; set; set = set->next) {
        fn(set->name, set->in->len, set->out->len, opaque);
    }
}

void device_free_irqs(DeviceState *dev)
{
    while (dev->irqs) {
        NamedIrqs *set = dev->irqs;

        dev->irqs = set->next;
        g_ptr_array_unref(set->in);
        g_ptr_array_unref(set->out);
        g_free(set->taps_in);
        g_free(set->taps_out);
        g_free(set->name);
        g_free(set);
    }
}
