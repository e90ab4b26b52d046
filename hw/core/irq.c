#include "hw/core/irq.h"

#include <glib.h>

Irq *irq_new(IrqHandler handler, void *opaque, int n)
{
    Irq *irq = g_new(Irq, 1);

    *irq = (Irq){ .handler = handler, .opaque = opaque, .n = n };
    return irq;
}

/* The pointers, and behind them the lines. */
Irq **irqs_new(IrqHandler handler, void *opaque, int n)
{
    Irq **irqs = g_malloc(n * (sizeof(Irq *) + sizeof(Irq)));
    Irq *lines = (Irq *)(irqs + n);

    for (int i = 0; i < n; i++) {
        lines[i] = (Irq){ .handler = handler, .opaque = opaque, .n = i };
        irqs[i] = &lines[i];
    }
    return irqs;
}

void irq_free(Irq *irq)
{
    g_free(irq);
}
