/*
 * The 8254 programmable interval timer (Intel 231164): three 16-bit counters at 1.193182 MHz. Counting is not simulated:
 * a counter's value and output follow from when it was loaded. Channel 0 drives an interrupt line.
 */
#ifndef HW_TIMER_I8254_H
#define HW_TIMER_I8254_H

#include "hw/isa/isa.h"

#define TYPE_ISA_PIT "isa-pit"
OBJECT_DECLARE_SIMPLE_TYPE(PIT, ISA_PIT)

#define PIT_FREQUENCY 1193182
#define PIT_CHANNELS 3

/* Makes it at ports iobase to iobase + 3; `irq` is channel 0's. Its unnamed input, when up, disables that line (HPET). */
PIT *pit_new(ISABus *bus, uint16_t iobase, Irq *irq);
/* A channel's gate input; a rising edge restarts or triggers it as its mode says. */
void pit_set_gate(PIT *s, unsigned channel, bool level);
bool pit_gate(const PIT *s, unsigned channel);
/* A channel's output now. */
bool pit_output(const PIT *s, unsigned channel);

#endif
