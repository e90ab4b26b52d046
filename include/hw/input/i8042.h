/*
 * The keyboard controller of a PC: ports 0x60 and 0x64, between a keyboard, a mouse and the guest, with the A20 gate and
 * the reset line on its output port. Named outputs: "a20"; the unnamed ones are the keyboard's and the mouse's interrupts.
 */
#ifndef HW_INPUT_I8042_H
#define HW_INPUT_I8042_H

#include "hw/isa/isa.h"

#define TYPE_I8042 "i8042"
OBJECT_DECLARE_SIMPLE_TYPE(I8042State, I8042)

I8042State *i8042_new(ISABus *bus, Irq *a20, GError **error);
/* A byte from the mouse is to be told, though the mouse has nothing to say (VMware's mouse does it so). */
void i8042_fake_mouse_event(I8042State *s);

#endif
