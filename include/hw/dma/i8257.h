/*
 * The 8237A-compatible DMA controllers of a PC (Intel 231466): channels 0 to 3 of bytes, 5 to 7 of words. Nothing on this
 * board uses them; their registers read back what software wrote.
 */
#ifndef HW_DMA_I8257_H
#define HW_DMA_I8257_H

#include "hw/isa/isa.h"

#define TYPE_I8257 "i8257"
OBJECT_DECLARE_SIMPLE_TYPE(I8257State, I8257)

/* Both, at their usual ports. */
void i8257_new_pair(ISABus *bus);

#endif
