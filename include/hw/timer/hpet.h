/*
 * The High Precision Event Timer (IA-PC HPET 1.0a): a 64-bit counter of 100 MHz and up to 32 comparators. With legacy
 * replacement, comparators 0 and 1 take the interrupts of the 8254 and the RTC over.
 */
#ifndef HW_TIMER_HPET_H
#define HW_TIMER_HPET_H

#include "hw/core/device.h"
#include "system/memory.h"

#define TYPE_HPET "hpet"
OBJECT_DECLARE_SIMPLE_TYPE(HPETState, HPET)

#define HPET_ADDRESS 0xfed00000ull
#define HPET_LINES 32

/*
 * Makes it at HPET_ADDRESS. Outputs: HPET_LINES lines of the unnamed set (the GSIs that `intcap` allows) and "pit", which
 * is up while the 8254 must not drive its line. Input 0: the RTC's line, passed on to output 8 unless replaced.
 */
HPETState *hpet_new(uint32_t intcap);

#endif
