#include "hw/intc/ioapic.h"

#include <inttypes.h>

#include "migration/vmstate.h"
#include "util/error.h"
#include "util/log.h"
#include "util/trace.h"

enum { IOREGSEL = 0x00, IOWIN = 0x10, IOEOI = 0x40 };
enum { TIMER_INPUT = 0, TIMER_PIN = 2 };
enum { REG_ID = 0, REG_VERSION = 1, REG_ARBITRATION = 2, REG_REDIRECTION = 0x10 };

/* A redirection entry. */
#define REDIR_VECTOR 0xffull
#define REDIR_DELIVERY_MODE (7ull << 8)
#define REDIR_LOGICAL (1ull << 11)
#define REDIR_DELIVERY_STATUS (1ull << 12)
#define REDIR_ACTIVE_LOW (1ull << 13)
#define REDIR_REMOTE_IRR (1ull << 14)
#define REDIR_LEVEL (1ull << 15)
#define REDIR_MASKED (1ull << 16)
#define REDIR_DEST_SHIFT 56
#define REDIR_READ_ONLY (REDIR_DELIVERY_STATUS | REDIR_REMOTE_IRR)
/* Delivery modes of which an interrupt has no vector that a local APIC would end. */
enum { MODE_FIXED, MODE_LOWEST, MODE_SMI, MODE_NMI = 4, MODE_INIT, MODE_EXTINT = 7 };

#define MSI_ADDRESS 0xfee00000ull
#define MSI_ADDRESS_LOGICAL (1u << 2)
#define MSI_ADDRESS_DEST_SHIFT 12
#define MSI_DATA_LEVEL (1u << 15)
#define MSI_DATA_ASSERT (1u << 14)

struct IOAPICState {
    DeviceState parent_obj;
    /* set by the user */
    uint8_t version;
    /* migrated */
    uint8_t id, ioregsel;
    uint32_t irr;               /* edge: wants delivery; level: the line is up */
    uint64_t ioredtbl[IOAPIC_PINS];
    /* rebuilt as lines move */
    uint32_t lines;             /* for edges */
    uint64_t rises[IOAPIC_PINS]; /* how often each input came up; 0 is the timer's */
    MemoryRegion io;
};

/* A PC has one; the broadcast of an end of interrupt has to find it. */
static IOAPICState *the_ioapic;

static void deliver(IOAPICState *s, uint64_t entry)
{
    uint64_t addr = MSI_ADDRESS | (entry >> REDIR_DEST_SHIFT) << MSI_ADDRESS_DEST_SHIFT;
    uint32_t data = entry & (REDIR_VECTOR | REDIR_DELIVERY_MODE);

    addr |= entry & REDIR_LOGICAL ? MSI_ADDRESS_LOGICAL : 0;
    data |= entry & REDIR_LEVEL ? MSI_DATA_LEVEL | MSI_DATA_ASSERT : 0;
    trace(ioapic_deliver, "addr %#" PRIx64 " data %#x", addr, data);
    address_space_store(&address_space_memory, addr, data, 4);
}

/* Sends what wants to be sent: unmasked, and for a level not waiting for its end of interrupt. */
static void service(IOAPICState *s)
{
    for (uint32_t left = s->irr; left; left &= left - 1) {
        unsigned pin = __builtin_ctz(left);
        uint64_t entry = s->ioredtbl[pin];

        if (entry & REDIR_MASKED) {
            continue;
        }
        if (!(entry & REDIR_LEVEL)) {
            s->irr &= ~(1u << pin);
        } else if (entry & REDIR_REMOTE_IRR) {
            continue;
        } else {                /* in all delivery modes, as QEMU has it */
            s->ioredtbl[pin] |= REDIR_REMOTE_IRR;
        }
        deliver(s, entry);
    }
}

/* Input 0 leads to pin 2: so the timer's line is wired in a PC. */
static void set_line(void *opaque, int n, int level)
{
    IOAPICState *s = opaque;
    int pin = n == TIMER_INPUT ? TIMER_PIN : n;
    uint32_t bit = 1u << pin;
    uint64_t entry = s->ioredtbl[pin];
    bool rising = level && !(s->lines & bit);

    trace(ioapic_set_line, "pin %d level %d", pin, level);
    s->rises[n] += rising;
    s->lines = level ? s->lines | bit : s->lines & ~bit;
    if (entry & REDIR_LEVEL) {
        s->irr = level ? s->irr | bit : s->irr & ~bit;
    } else if (rising) {
        /* An edge on a masked pin is lost (82093AA 3.2.4). */
        if (entry & REDIR_MASKED) {
            return;
        }
        s->irr |= bit;
    }
    if (level) {
        service(s);
    }
}

static void end_of_interrupt(IOAPICState *s, uint8_t vector)
{
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        uint64_t entry = s->ioredtbl[pin];

        if ((entry & REDIR_VECTOR) == vector && (entry & REDIR_LEVEL) && (entry & REDIR_REMOTE_IRR)) {
            s->ioredtbl[pin] &= ~REDIR_REMOTE_IRR;
        }
    }
    service(s);
}

void ioapic_eoi_broadcast(uint8_t vector)
{
    if (the_ioapic) {
        end_of_interrupt(the_ioapic, vector);
    }
}

static uint32_t read_register(IOAPICState *s)
{
    switch (s->ioregsel) {
    case REG_ID:
    case REG_ARBITRATION:
        return (uint32_t)s->id << 24;
    case REG_VERSION:
        return s->version | (IOAPIC_PINS - 1) << 16;
    default: {
        unsigned index = s->ioregsel - REG_REDIRECTION;

        if (s->ioregsel < REG_REDIRECTION || index / 2 >= IOAPIC_PINS) {
            return 0;
        }
        return s->ioredtbl[index / 2] >> (index & 1 ? 32 : 0);
    }
    }
}

static void write_redirection(IOAPICState *s, unsigned pin, bool high, uint32_t value)
{
    uint64_t old = s->ioredtbl[pin], entry;

    if (high) {
        entry = (old & 0xffffffff) | (uint64_t)value << 32;
    } else {
        entry = (old & ~0xffffffffull) | value;
        entry = (entry & ~REDIR_READ_ONLY) | (old & REDIR_READ_ONLY);
        /* Remote IRR has no meaning for an edge: changing to one clears it. */
        if (!(entry & REDIR_LEVEL)) {
            entry &= ~REDIR_REMOTE_IRR;
        }
    }
    s->ioredtbl[pin] = entry;
    service(s);
}

static void write_register(IOAPICState *s, uint32_t value)
{
    unsigned index = s->ioregsel - REG_REDIRECTION;

    if (s->ioregsel == REG_ID) {
        s->id = value >> 24 & 0xf;
    } else if (s->ioregsel >= REG_REDIRECTION && index / 2 < IOAPIC_PINS) {
        write_redirection(s, index / 2, index & 1, value);
    }
}

static uint64_t ioapic_read(void *opaque, hwaddr offset, unsigned size)
{
    IOAPICState *s = opaque;

    switch (offset & 0xff) {
    case IOREGSEL:
        return s->ioregsel;
    case IOWIN:
        return size == 4 ? read_register(s) : 0;
    default:
        return 0;
    }
}

static void ioapic_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    IOAPICState *s = opaque;

    switch (offset & 0xff) {
    case IOREGSEL:
        s->ioregsel = value;
        break;
    case IOWIN:
        if (size == 4) {
            write_register(s, value);
        }
        break;
    case IOEOI:
        if (size == 4 && s->version >= 0x20) {
            end_of_interrupt(s, value);
        }
        break;
    }
}

static const MemoryRegionOps ioapic_ops = {
    .read = ioapic_read, .write = ioapic_write, .valid = { .min = 1, .max = 4 },
};

static bool ioapic_realize(DeviceState *dev, GError **error)
{
    IOAPICState *s = IOAPIC(dev);

    if (s->version != 0x11 && s->version != 0x20) {
        return error_setf(error, "IOAPIC only supports version 0x11 or 0x20 (default: 0x20).");
    }
    if (the_ioapic) {
        return error_setf(error, "Only 1 ioapics allowed");
    }
    the_ioapic = s;
    memory_region_init_io(&s->io, OBJECT(dev), &ioapic_ops, s, "ioapic", 0x1000);
    memory_region_add(memory_system(), IOAPIC_ADDRESS, &s->io);
    return true;
}

static void ioapic_unrealize(DeviceState *dev)
{
    IOAPICState *s = IOAPIC(dev);

    memory_region_del(memory_system(), &s->io);
    memory_region_destroy(&s->io);
    the_ioapic = NULL;
}

static void ioapic_init(Object *obj)
{
    device_init_irq_in(DEVICE(obj), set_line, NULL, IOAPIC_PINS);
}

static void ioapic_reset(DeviceState *dev)
{
    IOAPICState *s = IOAPIC(dev);

    s->id = 0;
    s->ioregsel = 0;
    s->irr = 0;
    s->lines = 0;
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        s->ioredtbl[pin] = REDIR_MASKED;
    }
}

static bool ioapic_post_load(void *opaque, int version_id, GError **error)
{
    IOAPICState *s = opaque;

    s->irr &= (1u << IOAPIC_PINS) - 1;
    /* The lines themselves are not in the stream: a level that wants service is up. */
    s->lines = 0;
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        if (s->ioredtbl[pin] & REDIR_LEVEL) {
            s->lines |= s->irr & (1u << pin);
        }
    }
    return true;
}

static const VMStateDescription vmstate_ioapic = {
    .name = "ioapic",
    .version_id = 3,
    .minimum_version_id = 1,
    .post_load = ioapic_post_load,
    .fields = VMS_FIELDS(
        VMS_U8(IOAPICState, id), VMS_U8(IOAPICState, ioregsel),
        VMS_UNUSED(8, .version_id = 2),     /* the base address, once */
        VMS_U32(IOAPICState, irr, .version_id = 2),
        VMS_U64_ARRAY(IOAPICState, ioredtbl)),
};

static const Property ioapic_props[] = {
    DEFINE_PROP_UINT8("version", IOAPICState, version, 0x20),
};

static void ioapic_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = ioapic_realize;
    dc->unrealize = ioapic_unrealize;
    dc->reset.enter = ioapic_reset;
    dc->vmsd = &vmstate_ioapic;
    dc->user_creatable = false;
    object_class_add_props(klass, ioapic_props, G_N_ELEMENTS(ioapic_props));
}

static void print_pin(const IOAPICState *s, unsigned pin, GString *out)
{
    static const char *const modes[] = { "fixed", "lowest", "SMI", "...", "NMI", "INIT", "...", "extINT" };
    uint64_t e = s->ioredtbl[pin];
    bool logical = e & REDIR_LOGICAL;

    g_string_append_printf(out, "  pin %-2u 0x%016" PRIx64 " dest=%x vec=%-3u %s %s %s %-6s %s\n", pin, e,
                           (unsigned)(e >> REDIR_DEST_SHIFT) & (logical ? 0xff : 0xf), (unsigned)(e & REDIR_VECTOR),
                           e & REDIR_ACTIVE_LOW ? "active-lo" : "active-hi", e & REDIR_LEVEL ? "level" : "edge ",
                           e & REDIR_MASKED ? "masked" : "      ", modes[(e & REDIR_DELIVERY_MODE) >> 8],
                           logical ? "logical" : "physical");
}

static void print_pins(const char *name, uint32_t pins, GString *out)
{
    g_string_append(out, name);
    for (uint32_t left = pins; left; left &= left - 1) {
        g_string_append_printf(out, "%-2d ", __builtin_ctz(left));
    }
    g_string_append(out, pins ? "\n" : "(none)\n");
}

void ioapic_print(const IOAPICState *s, GString *out)
{
    uint32_t remote = 0;

    g_string_append_printf(out, "ioapic0: ver=0x%x id=0x%02x sel=0x%02x", s->version, s->id, s->ioregsel);
    if (s->ioregsel) {
        g_string_append_printf(out, " (redir[%u])", (unsigned)((s->ioregsel - REG_REDIRECTION) >> 1));
    }
    g_string_append_c(out, '\n');
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        print_pin(s, pin, out);
        remote |= s->ioredtbl[pin] & REDIR_REMOTE_IRR ? 1u << pin : 0;
    }
    print_pins("  IRR      ", s->irr, out);
    print_pins("  Remote IRR ", remote, out);
}

void ioapic_print_counts(const IOAPICState *s, GString *out)
{
    g_string_append(out, "IRQ statistics for ioapic:\n");
    for (unsigned n = 0; n < IOAPIC_PINS; n++) {
        if (s->rises[n]) {
            g_string_append_printf(out, "%2u: %" PRIu64 "\n", n, s->rises[n]);
        }
    }
}

static const TypeInfo ioapic_type = {
    .name = TYPE_IOAPIC,
    .parent = TYPE_DEVICE,
    .size = sizeof(IOAPICState),
    .init = ioapic_init,
    .class_init = ioapic_class_init,
};
TYPE_REGISTER(ioapic_type)
