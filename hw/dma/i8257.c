#include "hw/dma/i8257.h"

#include "migration/vmstate.h"
#include "util/error.h"
#include "util/log.h"

enum { CHANNELS = 4, ADDRESS = 0, COUNT = 1 };
enum { REG_COMMAND, REG_REQUEST, REG_SINGLE_MASK, REG_MODE, REG_CLEAR_FLIP_FLOP, REG_RESET, REG_CLEAR_MASK, REG_ALL_MASK };

enum { COMMAND_DISABLE = 0x04 };    /* of the command register's bits the only one that QEMU has */

typedef struct DMAChannel {
    int32_t now[2];             /* address and count now */
    uint16_t base[2];
    uint8_t mode, page, pageh, dack, eop;
} DMAChannel;

/* Page registers side by side: behind base + 1 those of channels 2, 3 and 1, at base + 7 that of channel 0. */
typedef struct PageRange {
    MemoryRegion io;
    uint8_t *page[3];
} PageRange;

struct I8257State {
    ISADevice parent_obj;
    /* set by the board */
    int32_t base, page_base, pageh_base, dshift_prop;
    /* migrated */
    uint8_t status, command, mask, flip_flop;
    int32_t dshift;             /* 1: words, registers two ports apart */
    DMAChannel regs[CHANNELS];
    MemoryRegion channel_io, control_io;
    PageRange pages[2], pages_high[2];
};

static bool next_byte_is_high(I8257State *s)
{
    bool high = s->flip_flop;

    s->flip_flop = !high;
    return high;
}

static uint64_t channel_read(void *opaque, hwaddr offset, unsigned size)
{
    I8257State *s = opaque;
    unsigned at = offset >> s->dshift;
    DMAChannel *c = &s->regs[at >> 1 & 3];
    int value = (at & 1) == COUNT ? (c->base[COUNT] << s->dshift) - c->now[COUNT]
                                  : c->now[ADDRESS] + c->now[COUNT] * (c->mode & 0x20 ? -1 : 1);

    return value >> (s->dshift + (next_byte_is_high(s) ? 8 : 0)) & 0xff;
}

static void channel_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    I8257State *s = opaque;
    unsigned at = offset >> s->dshift;
    DMAChannel *c = &s->regs[at >> 1 & 3];

    if (next_byte_is_high(s)) {
        c->base[at & 1] = (c->base[at & 1] & 0xff) | (value & 0xff) << 8;
        c->now[ADDRESS] = c->base[ADDRESS] << s->dshift;
        c->now[COUNT] = 0;
    } else {
        c->base[at & 1] = (c->base[at & 1] & 0xff00) | (value & 0xff);
    }
}

static void master_clear(I8257State *s)
{
    s->flip_flop = 0;
    s->mask = 0xff;
    s->status = 0;
    s->command = 0;
}

static uint64_t control_read(void *opaque, hwaddr offset, unsigned size)
{
    I8257State *s = opaque;

    switch (offset >> s->dshift & 7) {
    case REG_COMMAND: {         /* the status register; its terminal counts are gone once read */
        uint8_t value = s->status;

        s->status &= 0xf0;
        return value;
    }
    case REG_REQUEST:           /* QEMU has the mask here, and not where it is written */
        return s->mask;
    default:
        return 0;
    }
}

static void control_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    I8257State *s = opaque;
    unsigned channel = value & 3;

    switch (offset >> s->dshift & 7) {
    case REG_COMMAND:
        if (value & ~COMMAND_DISABLE) {
            log_guest_error("i8257: command %#x is not there\n", (unsigned)value);
        } else {
            s->command = value;
        }
        break;
    case REG_REQUEST:
        if (value & 4) {
            s->status |= 1 << (channel + 4);
        } else {
            s->status &= ~(1 << (channel + 4));
        }
        s->status &= ~(1 << channel);
        break;
    case REG_SINGLE_MASK:
        s->mask = value & 4 ? s->mask | 1 << channel : s->mask & ~(1 << channel);
        break;
    case REG_MODE:
        s->regs[channel].mode = value;
        break;
    case REG_CLEAR_FLIP_FLOP:
        s->flip_flop = 0;
        break;
    case REG_RESET:
        master_clear(s);
        break;
    case REG_CLEAR_MASK:
        s->mask = 0;
        break;
    case REG_ALL_MASK:
        s->mask = value;
        break;
    }
}

static uint64_t page_read(void *opaque, hwaddr offset, unsigned size)
{
    return *((PageRange *)opaque)->page[offset];
}

static void page_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    *((PageRange *)opaque)->page[offset] = value;
}

#define BYTE_OPS(r, w) { .read = r, .write = w, .impl = { .min = 1, .max = 1 } }
static const MemoryRegionOps channel_ops = BYTE_OPS(channel_read, channel_write);
static const MemoryRegionOps control_ops = BYTE_OPS(control_read, control_write);
static const MemoryRegionOps page_ops = BYTE_OPS(page_read, page_write);

static void add_pages(I8257State *s, PageRange *range, const char *name, uint32_t port, unsigned size)
{
    memory_region_init_io(&range->io, OBJECT(s), &page_ops, range, name, size);
    isa_register_io(&s->parent_obj, &range->io, port);
}

static void init_pages(I8257State *s)
{
    DMAChannel *c = s->regs;

    s->pages[0] = (PageRange){ .page = { &c[2].page, &c[3].page, &c[1].page } };
    s->pages[1] = (PageRange){ .page = { &c[0].page } };
    add_pages(s, &s->pages[0], "dma-page", s->page_base + 1, 3);
    add_pages(s, &s->pages[1], "dma-page", s->page_base + 7, 1);
    if (s->pageh_base >= 0) {
        s->pages_high[0] = (PageRange){ .page = { &c[2].pageh, &c[3].pageh, &c[1].pageh } };
        s->pages_high[1] = (PageRange){ .page = { &c[0].pageh } };
        add_pages(s, &s->pages_high[0], "dma-pageh", s->pageh_base + 1, 3);
        add_pages(s, &s->pages_high[1], "dma-pageh", s->pageh_base + 7, 1);
    }
}

static bool i8257_realize(DeviceState *dev, GError **error)
{
    I8257State *s = I8257(dev);
    Object *owner = OBJECT(dev);

    if (s->dshift_prop < 0 || s->dshift_prop > 1 || s->base < 0 || s->base > 0xffe0) {
        return error_setf(error, "i8257: bad base or dshift");
    }
    s->dshift = s->dshift_prop;
    memory_region_init_io(&s->channel_io, owner, &channel_ops, s, "dma-chan", 8 << s->dshift);
    isa_register_io(&s->parent_obj, &s->channel_io, s->base);
    init_pages(s);
    memory_region_init_io(&s->control_io, owner, &control_ops, s, "dma-cont", 8 << s->dshift);
    isa_register_io(&s->parent_obj, &s->control_io, s->base + (8 << s->dshift));
    return true;
}

static void i8257_unrealize(DeviceState *dev)
{
    I8257State *s = I8257(dev);
    MemoryRegion *regions[] = {
        &s->channel_io, &s->control_io, &s->pages[0].io, &s->pages[1].io, &s->pages_high[0].io, &s->pages_high[1].io,
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(regions); i++) {
        isa_unregister_io(&s->parent_obj, regions[i]);
        memory_region_destroy(regions[i]);
    }
}

static void i8257_reset(DeviceState *dev)
{
    master_clear(I8257(dev));
}

static bool i8257_post_load(void *opaque, int version_id, GError **error)
{
    I8257State *s = opaque;

    if (s->dshift != s->dshift_prop) {
        return error_setf(error, "dma: dshift %d, here %d", s->dshift, s->dshift_prop);
    }
    return true;
}

static const VMStateDescription vmstate_dma_regs = {
    .name = "dma_regs",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = VMS_FIELDS(
        VMS_I32_ARRAY(DMAChannel, now), VMS_U16_ARRAY(DMAChannel, base), VMS_U8(DMAChannel, mode), VMS_U8(DMAChannel, page),
        VMS_U8(DMAChannel, pageh), VMS_U8(DMAChannel, dack), VMS_U8(DMAChannel, eop)),
};

static const VMStateDescription vmstate_dma = {
    .name = "dma",
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = i8257_post_load,
    .fields = VMS_FIELDS(
        VMS_U8(I8257State, command), VMS_U8(I8257State, mask), VMS_U8(I8257State, flip_flop), VMS_I32(I8257State, dshift),
        VMS_STRUCT_ARRAY(I8257State, regs, vmstate_dma_regs, .version_id = 1)),
};

static const Property i8257_props[] = {
    DEFINE_PROP_INT32("base", I8257State, base, 0x00),
    DEFINE_PROP_INT32("page-base", I8257State, page_base, 0x80),
    DEFINE_PROP_INT32("pageh-base", I8257State, pageh_base, 0x480),
    DEFINE_PROP_INT32("dshift", I8257State, dshift_prop, 0),
};

static void i8257_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = i8257_realize;
    dc->unrealize = i8257_unrealize;
    dc->reset.enter = i8257_reset;
    dc->vmsd = &vmstate_dma;
    dc->user_creatable = false;
    object_class_add_props(klass, i8257_props, G_N_ELEMENTS(i8257_props));
}

static void i8257_new_one(ISABus *bus, int32_t base, int32_t page_base, int32_t pageh_base, int32_t dshift)
{
    DeviceState *dev = device_new(TYPE_I8257);
    I8257State *s = I8257(dev);
    bool ok;

    s->base = base;
    s->page_base = page_base;
    s->pageh_base = pageh_base;
    s->dshift_prop = dshift;
    ok = device_realize_and_unref(dev, &bus->parent_obj, NULL);
    g_assert(ok);
}

void i8257_new_pair(ISABus *bus)
{
    i8257_new_one(bus, 0x00, 0x80, -1, 0);
    i8257_new_one(bus, 0xc0, 0x88, -1, 1);
}

static const TypeInfo i8257_type = {
    .name = TYPE_I8257,
    .parent = TYPE_ISA_DEVICE,
    .size = sizeof(I8257State),
    .class_init = i8257_class_init,
};
TYPE_REGISTER(i8257_type)
