/*
 * The 16550A UART: eight ports, an interrupt line and a character device. National Semiconductor PC16550D datasheet.
 *
 * A SerialState is a device without a bus; the one that wraps it (an ISA port) maps its region, leads its line on, resets
 * it and has its state in its own section.
 */
#ifndef HW_CHAR_SERIAL_H
#define HW_CHAR_SERIAL_H

#include "chardev/chardev.h"
#include "hw/core/device.h"
#include "migration/vmstate.h"
#include "system/clock.h"
#include "system/memory.h"
#include "system/runstate.h"

#define TYPE_SERIAL "serial"
OBJECT_DECLARE_SIMPLE_TYPE(SerialState, SERIAL)

#define SERIAL_FIFO_SIZE 16
#define SERIAL_PORTS 8              /* bytes of port space */

typedef struct SerialFifo {
    uint8_t data[SERIAL_FIFO_SIZE];
    uint32_t head, num;
} SerialFifo;

struct SerialState {
    DeviceState parent_obj;
    /* set by the user */
    Chardev *chr;                   /* NULL: a line that nobody is on */
    uint32_t baudbase;
    bool wakeup;                    /* input wakes a sleeping machine */
    /* migrated */
    uint16_t divider;
    uint8_t rbr, thr, tsr, ier, iir, lcr, mcr, lsr, msr, scr, fcr;
    int32_t thr_ipending, timeout_ipending;
    uint32_t tsr_retry;             /* not 0: the character in tsr waits for the host to take it */
    int32_t poll_msl;
    SerialFifo recv_fifo, xmit_fifo;
    Timer fifo_timeout, modem_poll;
    /* derived */
    int64_t char_ns;                /* how long a character takes */
    RunStateHandler *on_start;      /* sends the tsr that came with a stream */
    Irq *irq[1];
    MemoryRegion io;
};

/* All registers as after a hardware reset; the FIFO control register and what is written there stay. */
void serial_reset(SerialState *s);

extern const VMStateDescription vmstate_serial;

#endif
