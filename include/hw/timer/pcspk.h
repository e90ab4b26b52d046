/*
 * Port 0x61, system control port B of a PC: the gate of timer channel 2, the speaker's data bit, and two bits to watch:
 * channel 2's output and the refresh clock.
 */
#ifndef HW_TIMER_PCSPK_H
#define HW_TIMER_PCSPK_H

#include "hw/timer/i8254.h"

#define TYPE_PC_SPEAKER "isa-pcspk"
OBJECT_DECLARE_SIMPLE_TYPE(PCSpeaker, PC_SPEAKER)

PCSpeaker *pcspk_new(ISABus *bus, PIT *pit);

#endif
