/*
 * The I/O APIC (Intel 82093AA; the EOI register of version 0x20): 24 inputs, each with a redirection entry that turns it
 * into a message to the local APICs, which is a store to 0xfee00000 and what lies there.
 */
#ifndef HW_INTC_IOAPIC_H
#define HW_INTC_IOAPIC_H

#include "hw/core/device.h"
#include "system/memory.h"

#define TYPE_IOAPIC "ioapic"
OBJECT_DECLARE_SIMPLE_TYPE(IOAPICState, IOAPIC)

#define IOAPIC_PINS 24          /* its inputs are device_irq_in(dev, NULL, 0 to 23), of which 0 leads to pin 2 */
#define IOAPIC_ADDRESS 0xfec00000ull

/* A local APIC ended a level-triggered interrupt with this vector: told to every I/O APIC. */
void ioapic_eoi_broadcast(uint8_t vector);
/* For `info pic` and `info irq`: its registers; how often which input came up. */
void ioapic_print(const IOAPICState *s, GString *out);
void ioapic_print_counts(const IOAPICState *s, GString *out);

#endif
