/* The parallel port of a PC, LPT1 to LPT3, as a plain (SPP) one with a character device for a printer. */
#ifndef HW_CHAR_PARALLEL_ISA_H
#define HW_CHAR_PARALLEL_ISA_H

#include "chardev/chardev.h"
#include "hw/isa/isa.h"

#define TYPE_ISA_PARALLEL "isa-parallel"
#define ISA_PARALLEL_MAX 3

/* The port of that index (0: LPT1). */
bool isa_parallel_new(ISABus *bus, unsigned index, Chardev *chr, GError **error);

#endif
