/*
 * Interrupt lines: a level that somebody drives and a handler hears. Lines are counted by their owner, not refcounted;
 * NULL is a line that leads nowhere.
 */
#ifndef HW_CORE_IRQ_H
#define HW_CORE_IRQ_H

#include <stdbool.h>

typedef struct Irq Irq;
typedef void (*IrqHandler)(void *opaque, int n, int level);

struct Irq {
    IrqHandler handler;
    void *opaque;
    int n;
};

static inline void irq_set(Irq *irq, int level)
{
    if (irq) {
        irq->handler(irq->opaque, irq->n, level);
    }
}

static inline void irq_raise(Irq *irq)
{
    irq_set(irq, 1);
}

static inline void irq_lower(Irq *irq)
{
    irq_set(irq, 0);
}

static inline void irq_pulse(Irq *irq)
{
    irq_set(irq, 1);
    irq_set(irq, 0);
}

Irq *irq_new(IrqHandler handler, void *opaque, int n);
/* n lines in one allocation: irqs[0] to irqs[n - 1], for as long as the machine lives. */
Irq **irqs_new(IrqHandler handler, void *opaque, int n);
void irq_free(Irq *irq);

#endif
