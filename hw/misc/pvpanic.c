#include "hw/misc/pvpanic.h"

#include "hw/core/release.h"
#include "hw/isa/isa.h"
#include "hw/nvram/fw_cfg.h"
#include "hw/pci/pci.h"
#include "system/runstate.h"
#include "target/i386/cpu.h"
#include "util/byteorder.h"
#include "util/error.h"
#include "util/log.h"

static uint64_t pvpanic_read(void *opaque, hwaddr offset, unsigned size)
{
    return ((PVPanic *)opaque)->events;
}

static void pvpanic_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    X86CPU *cpu = x86_cpu_current();

    if (value & ~(uint64_t)PVPANIC_EVENTS) {
        log_guest_error("pvpanic: unknown event %#x\n", (unsigned)value);
    }
    if (value & PVPANIC_PANICKED) {
        if (cpu) {
            cpu->crash_occurred = true;
        }
        system_guest_panicked();
    } else if (value & PVPANIC_CRASHLOADED) {
        system_guest_crashloaded();
    }
}

static const MemoryRegionOps pvpanic_ops = {
    .read = pvpanic_read, .write = pvpanic_write, .valid = { 1, 4, .beyond_end = true }, .impl = { 1, 1 },
};

void pvpanic_init(PVPanic *s, Object *owner, uint64_t size)
{
    memory_region_init_io(&s->io, owner, &pvpanic_ops, s, "pvpanic", size);
}

/* At a port. */
typedef struct PVPanicISA {
    ISADevice parent_obj;
    uint16_t ioport;
    PVPanic panic;
} PVPanicISA;

static bool isa_realize(DeviceState *dev, GError **error)
{
    PVPanicISA *s = (PVPanicISA *)dev;
    FWCfgState *fw_cfg = fw_cfg_find();
    uint8_t port[2];

    store_le16(port, s->ioport);
    if (fw_cfg && !fw_cfg_add_file_copy(fw_cfg, "etc/pvpanic-port", port, sizeof(port), error)) {
        return false;
    }
    pvpanic_init(&s->panic, OBJECT(dev), 1);
    isa_register_io(&s->parent_obj, &s->panic.io, s->ioport);
    return true;
}

static void isa_unrealize(DeviceState *dev)
{
    PVPanicISA *s = (PVPanicISA *)dev;

    isa_unregister_io(&s->parent_obj, &s->panic.io);
    memory_region_destroy(&s->panic.io);
}

static const Property isa_props[] = {
    DEFINE_PROP_UINT16("ioport", PVPanicISA, ioport, 0x505),
    DEFINE_PROP_UINT8("events", PVPanicISA, panic.events, PVPANIC_EVENTS),
};

static void isa_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = isa_realize;
    dc->unrealize = isa_unrealize;
    dc->categories = 1u << DEVICE_CATEGORY_MISC;
    object_class_add_props(klass, isa_props, G_N_ELEMENTS(isa_props));
}

/* A PCI function. */
typedef struct PVPanicPCI {
    PCIDevice parent_obj;
    PVPanic panic;
} PVPanicPCI;

static bool pci_realize(PCIDevice *dev, GError **error)
{
    PVPanicPCI *s = (PVPanicPCI *)dev;

    pvpanic_init(&s->panic, OBJECT(dev), 2);
    pci_register_bar(dev, 0, 0, &s->panic.io);
    return true;
}

static void pci_exit(PCIDevice *dev)
{
    memory_region_destroy(&((PVPanicPCI *)dev)->panic.io);
}

static const VMStateDescription vmstate_pci = {
    .name = "pvpanic-pci", .version_id = 1, .minimum_version_id = 1,
    .fields = VMS_FIELDS(VMS_PCI_DEVICE(PVPanicPCI, parent_obj, .name = "dev")),
};

static const Property pci_props[] = {
    DEFINE_PROP_UINT8("events", PVPanicPCI, panic.events, PVPANIC_EVENTS),
};

static void pci_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);

    pc->realize = pci_realize;
    pc->exit = pci_exit;
    pc->vendor_id = PCI_VENDOR_ID_REDHAT;
    pc->device_id = 0x0011;
    pc->revision = 1;
    pc->class_id = PCI_CLASS_SYSTEM_OTHER;
    dc->vmsd = &vmstate_pci;
    dc->categories = 1u << DEVICE_CATEGORY_MISC;
    object_class_add_props(klass, pci_props, G_N_ELEMENTS(pci_props));
}

static const TypeInfo isa_type = {
    .name = TYPE_PVPANIC_ISA, .parent = TYPE_ISA_DEVICE, .size = sizeof(PVPanicISA), .class_init = isa_class_init,
};
TYPE_REGISTER(isa_type)

static const TypeInfo pci_type = {
    .name = TYPE_PVPANIC_PCI, .parent = TYPE_PCI_DEVICE, .size = sizeof(PVPanicPCI), .class_init = pci_class_init,
    .interfaces = (const char *const[]){ INTERFACE_CONVENTIONAL_PCI, NULL },
};

/* The PCI one came with 6.0. */
static void __attribute__((constructor)) pci_register(void)
{
    if (release_compare(release, RELEASE(6, 0)) >= 0) {
        type_register(&pci_type);
    }
}
