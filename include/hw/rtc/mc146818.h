/*
 * The MC146818 real-time clock and its 128 bytes of CMOS RAM. The time of day is not counted: it is a base and the host's
 * clock since; only alarm, update and periodic interrupts need timers. Times in its state are nanoseconds of the host clock.
 */
#ifndef HW_RTC_MC146818_H
#define HW_RTC_MC146818_H

#include "hw/isa/isa.h"

#define TYPE_MC146818_RTC "mc146818rtc"
OBJECT_DECLARE_SIMPLE_TYPE(RTCState, MC146818_RTC)

/* -rtc: the seconds since 1970 that the clock begins with, as a broken-down time in UTC is made of them. */
typedef struct RTCConfig {
    enum { RTC_BASE_UTC, RTC_BASE_LOCALTIME, RTC_BASE_DATE } base;
    int64_t date;               /* RTC_BASE_DATE: seconds */
    enum { RTC_CLOCK_HOST, RTC_CLOCK_RT, RTC_CLOCK_VM } clock;
    bool drift_slew;
} RTCConfig;
extern RTCConfig rtc_config;

/* Makes it on the bus. `irq` replaces the bus's line 8 if not NULL (the HPET's legacy routing sits between). */
RTCState *rtc_new(ISABus *bus, int base_year, Irq *irq);
/* CMOS bytes for the firmware: memory size, boot order. addr 0 to 127. */
void rtc_set_memory(RTCState *s, unsigned addr, uint8_t value);

#endif
