/* A 16550A on the ISA bus: COM1 to COM4, by index. */
#ifndef HW_CHAR_SERIAL_ISA_H
#define HW_CHAR_SERIAL_ISA_H

#include "chardev/chardev.h"
#include "hw/isa/isa.h"

#define TYPE_ISA_SERIAL "isa-serial"
#define ISA_SERIAL_MAX 4

/* The port of that index (0: COM1) with `chr` on its line. */
bool isa_serial_new(ISABus *bus, unsigned index, Chardev *chr, GError **error);

#endif
