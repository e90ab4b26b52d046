/*
 * The generic root port, "pcie-root-port": one MSI-X vector in BAR 0 for hot plug and AER, and what it asks firmware
 * to set aside for devices to come.
 */
#include "hw/pci/msix.h"
#include "hw/pci/pcie_aer.h"
#include "hw/pci/pcie_port.h"
#include "util/error.h"

/* Where its capabilities are. */
enum { SSVID_OFFSET = 0x40, MSIX_OFFSET = 0x48, EXP_OFFSET = 0x54, AER_OFFSET = 0x100 };
enum { ACS_OFFSET = AER_OFFSET + PCI_ERR_SIZEOF };
enum { MSIX_VECTORS = 1, IO_RESERVE_DEFAULT = 4096 };

typedef struct GenPCIERootPort {
    PCIESlot parent_obj;
    bool migrate_msix;
    PCIResReserve reserve;
} GenPCIERootPort;

static GenPCIERootPort *root_port(void *obj)
{
    return (GenPCIERootPort *)object_cast(obj, TYPE_PCIE_ROOT_PORT);
}

static bool interrupts_init(PCIDevice *dev, GError **error)
{
    if (!msix_init_exclusive_bar(dev, MSIX_VECTORS, 0, error)) {
        return false;
    }
    msix_vector_use(dev, 0);
    return true;
}

static bool realize(PCIDevice *dev, GError **error)
{
    PCIERootPortClass *class = object_class_dynamic_cast(((Object *)dev)->klass, TYPE_PCIE_ROOT_PORT);
    PCIDeviceClass *parent = (PCIDeviceClass *)object_class_by_name(TYPE_PCIE_ROOT_PORT_BASE);
    GenPCIERootPort *port = root_port(dev);
    PCIResReserve reserve = port->reserve;

    if (!parent->realize(dev, error)) {
        return false;
    }
    /* Firmware reserves I/O space for a port that can hot plug by its own means; one that can't must ask. */
    if (reserve.io == UINT64_MAX && port->parent_obj.hotplug && !pcie_slot_is_native(&port->parent_obj)) {
        reserve.io = IO_RESERVE_DEFAULT;
    }
    if (!pci_bridge_reserve_init(dev, 0, reserve, error)) {
        class->parent_class.exit(dev);
        return false;
    }
    if (reserve.io == UINT64_MAX || reserve.io) {
        return true;
    }
    /* A port without I/O: the window's registers are not there. */
    pci_word_clear(dev->wmask + PCI_COMMAND, PCI_COMMAND_IO);
    dev->wmask[PCI_IO_BASE] = dev->wmask[PCI_IO_LIMIT] = 0;
    return true;
}

static bool migrates_msix(void *opaque, int version_id)
{
    return root_port(opaque)->migrate_msix;
}

static bool post_load(void *opaque, int version_id, GError **error)
{
    pcie_cap_slot_post_load(PCI_DEVICE(opaque));
    return true;
}

static const VMStateDescription vmstate_root_port = {
    .name = "pcie-root-port",
    .version_id = 1,
    .minimum_version_id = 1,
    .priority = MIG_PRI_PCI_BUS,
    .post_load = post_load,
    .fields = VMS_FIELDS(
        VMS_PCI_DEVICE(PCIESlot, parent_obj.parent_obj.parent_obj),
        VMS_PCIE_AER_LOG(PCIESlot, parent_obj.parent_obj.parent_obj, "parent_obj.parent_obj.parent_obj"),
        VMS_MSIX(GenPCIERootPort, parent_obj.parent_obj.parent_obj.parent_obj, .exists = migrates_msix)),
};

static const Property props[] = {
    DEFINE_PROP_BOOL("x-migrate-msix", GenPCIERootPort, migrate_msix, true),
    DEFINE_PROP_UINT32("bus-reserve", GenPCIERootPort, reserve.bus, UINT32_MAX),
    DEFINE_PROP_SIZE("io-reserve", GenPCIERootPort, reserve.io, UINT64_MAX),
    DEFINE_PROP_SIZE("mem-reserve", GenPCIERootPort, reserve.mem_non_pref, UINT64_MAX),
    DEFINE_PROP_SIZE("pref32-reserve", GenPCIERootPort, reserve.mem_pref_32, UINT64_MAX),
    DEFINE_PROP_SIZE("pref64-reserve", GenPCIERootPort, reserve.mem_pref_64, UINT64_MAX),
    DEFINE_PROP("x-speed", prop_kind_pcie_link_speed, PCIESlot, speed, PCIE_SPEED_16),
    DEFINE_PROP("x-width", prop_kind_pcie_link_width, PCIESlot, width, PCIE_WIDTH_X32),
};

static void class_init(ObjectClass *klass, const void *data)
{
    PCIERootPortClass *class = (PCIERootPortClass *)klass;

    class->interrupts_init = interrupts_init;
    class->ssvid_offset = SSVID_OFFSET;
    class->exp_offset = EXP_OFFSET;
    class->aer_offset = AER_OFFSET;
    class->acs_offset = ACS_OFFSET;
    class->parent_class.realize = realize;
    class->parent_class.vendor_id = PCI_VENDOR_ID_REDHAT;
    class->parent_class.device_id = PCI_DEVICE_ID_REDHAT_PCIE_RP;
    class->parent_class.parent_class.vmsd = &vmstate_root_port;
    klass->description = "PCI Express Root Port";
    object_class_add_props(klass, props, G_N_ELEMENTS(props));
}

static const TypeInfo type = {
    .name = TYPE_PCIE_ROOT_PORT,
    .parent = TYPE_PCIE_ROOT_PORT_BASE,
    .size = sizeof(GenPCIERootPort),
    .class_init = class_init,
};
TYPE_REGISTER(type)
