#include "hw/char/serial.h"

#include "hw/core/prop-chardev.h"
#include "util/error.h"
#include "util/trace.h"
#include "util/units.h"

/* Offsets. With LCR.DLAB the first two are the baud rate's divisor. */
enum { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR };

enum {
    IER_RECEIVED = 0x01, IER_THR_EMPTY = 0x02, IER_LINE = 0x04, IER_MODEM = 0x08, IER_MASK = 0x0f,
    IIR_NONE = 0x01, IIR_MODEM = 0x00, IIR_THR_EMPTY = 0x02, IIR_RECEIVED = 0x04, IIR_LINE = 0x06, IIR_TIMEOUT = 0x0c,
    IIR_ID = 0x06, IIR_FIFO = 0xc0,
    FCR_ENABLE = 0x01, FCR_RESET_RECV = 0x02, FCR_RESET_XMIT = 0x04, FCR_KEPT = 0xc9,
    LCR_BITS = 0x03, LCR_TWO_STOP = 0x04, LCR_PARITY = 0x08, LCR_DLAB = 0x80,
    MCR_DTR = 0x01, MCR_RTS = 0x02, MCR_OUT1 = 0x04, MCR_OUT2 = 0x08, MCR_LOOP = 0x10, MCR_MASK = 0x1f,
    LSR_DATA = 0x01, LSR_OVERRUN = 0x02, LSR_BREAK = 0x10, LSR_THR_EMPTY = 0x20, LSR_IDLE = 0x40, LSR_ERRORS = 0x1e,
    MSR_CHANGES = 0x0f, MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_DCD = 0x80,
};

#define DIVIDER_9600 0x0c
#define TSR_RETRY_MAX 4             /* as far as the wire has it */
#define QUEUE_HIGH 4096             /* bytes that the host has not taken: more wait in the guest */

/* FIFOs. */
static void fifo_reset(SerialFifo *fifo)
{
    fifo->head = fifo->num = 0;
}

static void fifo_push(SerialFifo *fifo, uint8_t value)
{
    fifo->data[(fifo->head + fifo->num++) % SERIAL_FIFO_SIZE] = value;
}

static uint8_t fifo_pop(SerialFifo *fifo)
{
    uint8_t value = fifo->data[fifo->head];

    fifo->head = (fifo->head + 1) % SERIAL_FIFO_SIZE;
    fifo->num--;
    return value;
}

/* How full the receiver's is when it interrupts (FCR bits 6 and 7). */
static unsigned trigger_level(const SerialState *s)
{
    static const uint8_t levels[4] = { 1, 4, 8, 14 };

    return levels[s->fcr >> 6];
}

/* Interrupts, by priority. */
static uint8_t pending_interrupt(const SerialState *s)
{
    if ((s->ier & IER_LINE) && (s->lsr & LSR_ERRORS)) {
        return IIR_LINE;
    }
    if ((s->ier & IER_RECEIVED) && s->timeout_ipending) {
        return IIR_TIMEOUT;
    }
    if ((s->ier & IER_RECEIVED) && (s->lsr & LSR_DATA) &&
        (!(s->fcr & FCR_ENABLE) || s->recv_fifo.num >= trigger_level(s))) {
        return IIR_RECEIVED;
    }
    if ((s->ier & IER_THR_EMPTY) && s->thr_ipending) {
        return IIR_THR_EMPTY;
    }
    return (s->ier & IER_MODEM) && (s->msr & MSR_CHANGES) ? IIR_MODEM : IIR_NONE;
}

static void update_irq(SerialState *s)
{
    uint8_t pending = pending_interrupt(s);

    s->iir = pending | (s->iir & 0xf0);
    irq_set(s->irq[0], pending != IIR_NONE);
}

static void update_speed(SerialState *s)
{
    unsigned bits = 1 + 5 + (s->lcr & LCR_BITS) + (s->lcr & LCR_PARITY ? 1 : 0) + (s->lcr & LCR_TWO_STOP ? 2 : 1);

    if (s->divider != 0 && s->divider <= s->baudbase) {
        /* In single precision, as QEMU has it: the timeout is in the stream. */
        s->char_ns = NANOSECONDS_PER_SECOND / ((float)s->baudbase / s->divider) * bits;
        trace(serial_speed, "divider %u bits %u: %lld ns a character", s->divider, bits, (long long)s->char_ns);
    }
}

static void accept_input(SerialState *s)
{
    if (s->chr) {
        chardev_accept_input(s->chr);
    }
}

/* Receiving. */
static void restart_timeout(SerialState *s)
{
    timer_set(&s->fifo_timeout, clock_ns(CLOCK_TYPE_VIRTUAL) + 4 * s->char_ns);
}

static void fifo_timed_out(void *opaque)
{
    SerialState *s = opaque;

    if (s->recv_fifo.num) {
        s->timeout_ipending = 1;
        update_irq(s);
    }
}

static void receive_into_fifo(SerialState *s, uint8_t c)
{
    if (s->recv_fifo.num == SERIAL_FIFO_SIZE) {
        s->lsr |= LSR_OVERRUN;      /* the character is lost, not an older one */
    } else {
        fifo_push(&s->recv_fifo, c);
    }
}

static void receive(SerialState *s, const uint8_t *buf, size_t len)
{
    if (s->fcr & FCR_ENABLE) {
        for (size_t i = 0; i < len; i++) {
            receive_into_fifo(s, buf[i]);
        }
        restart_timeout(s);
    } else {
        s->lsr |= s->lsr & LSR_DATA ? LSR_OVERRUN : 0;
        s->rbr = buf[0];
    }
    s->lsr |= LSR_DATA;
    update_irq(s);
}

/* Up to the trigger level and no further: the guest shall see the interrupt and not a full FIFO. */
static size_t can_receive(void *opaque)
{
    const SerialState *s = opaque;

    if (!(s->fcr & FCR_ENABLE)) {
        return !(s->lsr & LSR_DATA);
    }
    if (s->recv_fifo.num == SERIAL_FIFO_SIZE) {
        return 0;
    }
    return s->recv_fifo.num <= trigger_level(s) ? trigger_level(s) - s->recv_fifo.num : 1;
}

static void host_input(void *opaque, const uint8_t *buf, size_t len)
{
    if (((SerialState *)opaque)->wakeup) {
        system_wakeup_request(WAKEUP_OTHER);
    }
    receive(opaque, buf, len);
}

static void receive_break(SerialState *s)
{
    s->rbr = 0;
    if (s->fcr & FCR_ENABLE) {
        receive_into_fifo(s, 0);
    }
    s->lsr |= LSR_BREAK | LSR_DATA;
    update_irq(s);
    accept_input(s);
}

static uint8_t read_data(SerialState *s)
{
    uint8_t value = s->rbr;

    if (!(s->fcr & FCR_ENABLE)) {
        s->lsr &= ~(LSR_DATA | LSR_BREAK);
    } else {
        value = s->recv_fifo.num ? fifo_pop(&s->recv_fifo) : 0;
        if (s->recv_fifo.num == 0) {
            s->lsr &= ~(LSR_DATA | LSR_BREAK);
        } else {
            restart_timeout(s);
        }
        s->timeout_ipending = 0;
    }
    update_irq(s);
    accept_input(s);
    return value;
}

/* Sending. */
static bool host_takes(SerialState *s, uint8_t c)
{
    if (s->chr && chardev_queued(s->chr) >= QUEUE_HIGH) {
        return false;
    }
    if (s->chr) {
        chardev_write(s->chr, &c, 1);
    }
    return true;
}

static void load_tsr(SerialState *s)
{
    if (s->fcr & FCR_ENABLE) {
        s->tsr = s->xmit_fifo.num ? fifo_pop(&s->xmit_fifo) : s->tsr;
        s->lsr |= s->xmit_fifo.num ? 0 : LSR_THR_EMPTY;
    } else {
        s->tsr = s->thr;
        s->lsr |= LSR_THR_EMPTY;
    }
    if ((s->lsr & LSR_THR_EMPTY) && !s->thr_ipending) {
        s->thr_ipending = 1;
        update_irq(s);
    }
}

/* Sends what there is. The host's characters need no time. */
static void transmit(SerialState *s)
{
    do {
        if (s->tsr_retry == 0) {
            load_tsr(s);
        }
        if (s->mcr & MCR_LOOP) {
            receive(s, &s->tsr, 1);
            accept_input(s);
        } else if (!host_takes(s, s->tsr)) {
            s->tsr_retry = 1;       /* host_drained() goes on */
            return;
        }
        s->tsr_retry = 0;
    } while (!(s->lsr & LSR_THR_EMPTY));
    s->lsr |= LSR_IDLE;
}

static void host_drained(void *opaque)
{
    SerialState *s = opaque;

    if (s->tsr_retry) {
        transmit(s);
    }
}

static void write_data(SerialState *s, uint8_t value)
{
    s->thr = value;
    if (s->fcr & FCR_ENABLE) {
        if (s->xmit_fifo.num == SERIAL_FIFO_SIZE) {
            fifo_pop(&s->xmit_fifo);    /* the oldest is lost */
        }
        fifo_push(&s->xmit_fifo, value);
    }
    s->thr_ipending = 0;
    s->lsr &= ~(LSR_THR_EMPTY | LSR_IDLE);
    update_irq(s);
    if (s->tsr_retry == 0) {
        transmit(s);
    }
}

static void host_event(void *opaque, ChardevEvent event)
{
    SerialState *s = opaque;

    if (event == CHARDEV_BREAK) {
        receive_break(s);
    } else if (event == CHARDEV_CLOSED) {
        host_drained(s);            /* nobody waits for it any more */
    }
}

static const ChardevFrontend frontend = {
    .can_read = can_receive, .read = host_input, .event = host_event, .drained = host_drained,
};

/* Other registers. */
static void write_ier(SerialState *s, uint8_t value)
{
    uint8_t changed = (s->ier ^ value) & IER_MASK;

    s->ier = value & IER_MASK;
    if (changed & IER_THR_EMPTY) {
        /* Enabling it interrupts at once if the register is empty. */
        s->thr_ipending = (s->ier & IER_THR_EMPTY) && (s->lsr & LSR_THR_EMPTY);
    }
    if (changed) {
        update_irq(s);
    }
}

static void set_fcr(SerialState *s, uint8_t value)
{
    s->fcr = value;
    s->iir = (s->iir & ~IIR_FIFO) | (value & FCR_ENABLE ? IIR_FIFO : 0);
}

static void write_fcr(SerialState *s, uint8_t value)
{
    if ((value ^ s->fcr) & FCR_ENABLE) {
        value |= FCR_RESET_RECV | FCR_RESET_XMIT;
    }
    if (value & FCR_RESET_RECV) {
        s->lsr &= ~(LSR_DATA | LSR_BREAK);
        timer_stop(&s->fifo_timeout);
        s->timeout_ipending = 0;
        fifo_reset(&s->recv_fifo);
    }
    if (value & FCR_RESET_XMIT) {
        s->lsr |= LSR_THR_EMPTY;
        s->thr_ipending = 1;
        fifo_reset(&s->xmit_fifo);
    }
    set_fcr(s, value & FCR_KEPT);
    update_irq(s);
    accept_input(s);
}

static uint8_t read_iir(SerialState *s)
{
    uint8_t value = s->iir;

    if ((value & IIR_ID) == IIR_THR_EMPTY) {
        s->thr_ipending = 0;
        update_irq(s);
    }
    return value;
}

static uint8_t read_lsr(SerialState *s)
{
    uint8_t value = s->lsr;

    if (value & (LSR_BREAK | LSR_OVERRUN)) {
        s->lsr &= ~(LSR_BREAK | LSR_OVERRUN);
        update_irq(s);
    }
    return value;
}

/* In loopback the modem's outputs are its inputs. */
static uint8_t read_msr(SerialState *s)
{
    uint8_t value = s->msr;

    if (s->mcr & MCR_LOOP) {
        return (s->mcr & MCR_DTR ? MSR_DSR : 0) | (s->mcr & MCR_RTS ? MSR_CTS : 0) | (s->mcr & MCR_OUT1 ? MSR_RI : 0) |
               (s->mcr & MCR_OUT2 ? MSR_DCD : 0);
    }
    if (value & MSR_CHANGES) {
        s->msr &= ~MSR_CHANGES;
        update_irq(s);
    }
    return value;
}

static uint64_t serial_read(void *opaque, hwaddr offset, unsigned size)
{
    SerialState *s = opaque;

    switch (offset) {
    case REG_DATA: return s->lcr & LCR_DLAB ? s->divider & 0xff : read_data(s);
    case REG_IER: return s->lcr & LCR_DLAB ? s->divider >> 8 : s->ier;
    case REG_IIR_FCR: return read_iir(s);
    case REG_LCR: return s->lcr;
    case REG_MCR: return s->mcr;
    case REG_LSR: return read_lsr(s);
    case REG_MSR: return read_msr(s);
    default: return s->scr;
    }
}

static void write_divider(SerialState *s, unsigned shift, uint8_t value)
{
    s->divider = (s->divider & ~(0xff << shift)) | value << shift;
    update_speed(s);
}

static void serial_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    SerialState *s = opaque;

    trace(serial_write, "register %u value %#x", (unsigned)offset, (unsigned)value);
    switch (offset) {
    case REG_DATA:
    case REG_IER:
        if (s->lcr & LCR_DLAB) {
            write_divider(s, offset * 8, value);
        } else if (offset == REG_DATA) {
            write_data(s, value);
        } else {
            write_ier(s, value);
        }
        break;
    case REG_IIR_FCR:
        write_fcr(s, value);
        break;
    case REG_LCR:
        s->lcr = value;
        update_speed(s);
        break;
    case REG_MCR:
        s->mcr = value & MCR_MASK;
        break;
    case REG_SCR:
        s->scr = value;
        break;
    default:                        /* LSR and MSR tell only */
        break;
    }
}

static const MemoryRegionOps serial_ops = {
    .read = serial_read, .write = serial_write, .valid = { 1, 1 }, .impl = { .min = 1, .max = 1 },
};

/* Life. */
void serial_reset(SerialState *s)
{
    s->rbr = s->ier = s->lcr = s->scr = 0;
    s->iir = IIR_NONE;
    s->mcr = MCR_OUT2;
    s->lsr = LSR_IDLE | LSR_THR_EMPTY;
    s->msr = MSR_DCD | MSR_DSR | MSR_CTS;
    s->divider = DIVIDER_9600;
    s->char_ns = NANOSECONDS_PER_SECOND / 9600 * 10;
    s->tsr_retry = 0;
    s->thr_ipending = s->timeout_ipending = 0;
    s->poll_msl = -1;               /* no host line's modem signals are asked for */
    timer_stop(&s->fifo_timeout);
    timer_stop(&s->modem_poll);
    fifo_reset(&s->recv_fifo);
    fifo_reset(&s->xmit_fifo);
    irq_lower(s->irq[0]);
    accept_input(s);
}

static void modem_poll(void *opaque)
{
}

static bool serial_realize(DeviceState *dev, GError **error)
{
    SerialState *s = SERIAL(dev);

    if (s->chr && !chardev_attach(s->chr, &frontend, s, error)) {
        return false;
    }
    timer_init(&s->fifo_timeout, CLOCK_TYPE_VIRTUAL, fifo_timed_out, s);
    timer_init(&s->modem_poll, CLOCK_TYPE_VIRTUAL, modem_poll, s);
    memory_region_init_io(&s->io, OBJECT(dev), &serial_ops, s, "serial", SERIAL_PORTS);
    serial_reset(s);
    return true;
}

static void serial_unrealize(DeviceState *dev)
{
    SerialState *s = SERIAL(dev);

    if (s->chr) {
        chardev_detach(s->chr, s);
    }
    runstate_remove_handler(s->on_start);
    timer_stop(&s->fifo_timeout);
    timer_stop(&s->modem_poll);
    memory_region_destroy(&s->io);
}

/* Migration. */
static bool serial_pre_load(void *opaque, GError **error)
{
    SerialState *s = opaque;

    /* What subsections that may be absent have. */
    s->thr_ipending = -1;
    s->poll_msl = -1;
    s->tsr_retry = 0;
    s->timeout_ipending = 0;
    fifo_reset(&s->recv_fifo);
    fifo_reset(&s->xmit_fifo);
    timer_stop(&s->fifo_timeout);
    return true;
}

static void started(void *opaque, bool running, RunState state)
{
    SerialState *s = opaque;

    if (running) {
        runstate_remove_handler(s->on_start);
        s->on_start = NULL;
        host_drained(s);
    }
}

static bool serial_post_load(void *opaque, int version_id, GError **error)
{
    SerialState *s = opaque;

    set_fcr(s, version_id < 3 ? 0 : s->fcr);
    if (s->thr_ipending == -1) {
        s->thr_ipending = (s->iir & IIR_ID) == IIR_THR_EMPTY;
    }
    if (s->tsr_retry > 0 && (s->lsr & LSR_IDLE)) {
        return vmstate_error(error, EPERM, "inconsistent state in serial device (tsr empty, tsr_retry=%d", s->tsr_retry);
    }
    if (s->tsr_retry == 0 && !(s->lsr & LSR_IDLE)) {
        return vmstate_error(error, EPERM, "inconsistent state in serial device (tsr not empty, tsr_retry=0");
    }
    s->tsr_retry = MIN(s->tsr_retry, TSR_RETRY_MAX);
    if (s->tsr_retry && !s->on_start) {
        s->on_start = runstate_add_handler(started, s);
    }
    update_speed(s);
    accept_input(s);
    return true;
}

static bool thr_ipending_needed(void *opaque)
{
    const SerialState *s = opaque;

    return (s->ier & IER_THR_EMPTY) && s->thr_ipending != ((s->iir & IIR_ID) == IIR_THR_EMPTY);
}

static bool tsr_needed(void *opaque)
{
    return ((SerialState *)opaque)->tsr_retry != 0;
}

static bool recv_fifo_needed(void *opaque)
{
    return ((SerialState *)opaque)->recv_fifo.num != 0;
}

static bool xmit_fifo_needed(void *opaque)
{
    return ((SerialState *)opaque)->xmit_fifo.num != 0;
}

static bool fifo_timeout_needed(void *opaque)
{
    return timer_pending(&((SerialState *)opaque)->fifo_timeout);
}

static bool timeout_ipending_needed(void *opaque)
{
    return ((SerialState *)opaque)->timeout_ipending != 0;
}

static bool poll_needed(void *opaque)
{
    return ((SerialState *)opaque)->poll_msl >= 0;
}

static bool fifo_post_load(void *opaque, int version_id, GError **error)
{
    const SerialFifo *fifo = opaque;

    return (fifo->head < SERIAL_FIFO_SIZE && fifo->num <= SERIAL_FIFO_SIZE) ||
           error_setf(error, "a FIFO of %u bytes can't have %u from %u on", SERIAL_FIFO_SIZE, fifo->num, fifo->head);
}

static const VMStateDescription vmstate_fifo = {
    .name = "Fifo8", .version_id = 1, .minimum_version_id = 1, .post_load = fifo_post_load,
    .fields = VMS_FIELDS(VMS_BUFFER(SerialFifo, data, .version_id = 1), VMS_U32(SerialFifo, head), VMS_U32(SerialFifo, num)),
};

#define SUBSECTION(ident, needed_fn, ...)                                                   \
    static const VMStateDescription vmstate_##ident = {                                     \
        .name = "serial/" #ident, .version_id = 1, .minimum_version_id = 1, .needed = needed_fn, \
        .fields = VMS_FIELDS(__VA_ARGS__),                                                  \
    }
SUBSECTION(thr_ipending, thr_ipending_needed, VMS_I32(SerialState, thr_ipending));
SUBSECTION(tsr, tsr_needed, VMS_U32(SerialState, tsr_retry), VMS_U8(SerialState, thr), VMS_U8(SerialState, tsr));
SUBSECTION(recv_fifo, recv_fifo_needed, VMS_STRUCT(SerialState, recv_fifo, vmstate_fifo, .version_id = 1));
SUBSECTION(xmit_fifo, xmit_fifo_needed, VMS_STRUCT(SerialState, xmit_fifo, vmstate_fifo, .version_id = 1));
SUBSECTION(fifo_timeout_timer, fifo_timeout_needed, VMS_TIMER(SerialState, fifo_timeout, .name = "fifo_timeout_timer"));
SUBSECTION(timeout_ipending, timeout_ipending_needed, VMS_I32(SerialState, timeout_ipending));
SUBSECTION(poll, poll_needed, VMS_I32(SerialState, poll_msl),
           VMS_TIMER(SerialState, modem_poll, .name = "modem_status_poll"));

const VMStateDescription vmstate_serial = {
    .name = "serial", .version_id = 3, .minimum_version_id = 2, .pre_load = serial_pre_load,
    .post_load = serial_post_load,
    .fields = VMS_FIELDS(
        VMS_U16(SerialState, divider, .version_id = 2),
        VMS_U8(SerialState, rbr),
        VMS_U8(SerialState, ier),
        VMS_U8(SerialState, iir),
        VMS_U8(SerialState, lcr),
        VMS_U8(SerialState, mcr),
        VMS_U8(SerialState, lsr),
        VMS_U8(SerialState, msr),
        VMS_U8(SerialState, scr),
        VMS_U8(SerialState, fcr, .name = "fcr_vmstate", .version_id = 3)),
    .subsections = VMS_SUBSECTIONS(&vmstate_thr_ipending, &vmstate_tsr, &vmstate_recv_fifo, &vmstate_xmit_fifo,
                                   &vmstate_fifo_timeout_timer, &vmstate_timeout_ipending, &vmstate_poll),
};

static const Property serial_props[] = {
    DEFINE_PROP_CHARDEV("chardev", SerialState, chr),
    DEFINE_PROP_UINT32("baudbase", SerialState, baudbase, 115200),
    DEFINE_PROP_BOOL("wakeup", SerialState, wakeup, false),
};

static void serial_init(Object *obj)
{
    device_init_irq_out(DEVICE(obj), SERIAL(obj)->irq, NULL, 1);
}

static void serial_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = serial_realize;
    dc->unrealize = serial_unrealize;
    dc->user_creatable = false;
    object_class_add_props(klass, serial_props, G_N_ELEMENTS(serial_props));
}

static const TypeInfo serial_type = {
    .name = TYPE_SERIAL, .parent = TYPE_DEVICE, .size = sizeof(SerialState), .init = serial_init,
    .class_init = serial_class_init,
};
TYPE_REGISTER(serial_type)
