/*
 * Virtio over PCI (Virtual I/O Device specification 1.2, 4.1).
 *
 * A wrapper type ("virtio-blk-pci") is a PCI device that makes its virtio device ("virtio-blk-device") as its child
 * "virtio-backend" on a bus of one place, and has the virtio device's properties as aliases. It is one row of a table:
 *
 *     static const VirtIOPCIType blk_pci = {
 *         .name = "virtio-blk-pci", .vdev_type = "virtio-blk-device", .class_id = 0x0100,
 *         .category = DEVICE_CATEGORY_STORAGE, .props = blk_pci_props, .num_props = G_N_ELEMENTS(blk_pci_props),
 *         .realize = blk_pci_realize,
 *     };
 *     VIRTIO_PCI_REGISTER(blk_pci)
 *
 * which registers virtio-blk-pci-base (abstract) and its children virtio-blk-pci, virtio-blk-pci-transitional and
 * virtio-blk-pci-non-transitional.
 */
#ifndef HW_VIRTIO_VIRTIO_PCI_H
#define HW_VIRTIO_VIRTIO_PCI_H

#include "hw/pci/pci.h"
#include "hw/virtio/virtio.h"

#define TYPE_VIRTIO_PCI "virtio-pci"
OBJECT_DECLARE_TYPE(VirtIOPCIProxy, VirtIOPCIClass, VIRTIO_PCI)
#define TYPE_VIRTIO_PCI_BUS "virtio-pci-bus"

/* Bits of `flags`; most are properties. */
enum {
    VIRTIO_PCI_BUS_MASTER_BUG_BIT,
    VIRTIO_PCI_USE_IOEVENTFD_BIT,
    VIRTIO_PCI_MODERN_PIO_NOTIFY_BIT,
    VIRTIO_PCI_PAGE_PER_VQ_BIT,
    VIRTIO_PCI_MIGRATE_EXTRA_BIT,
    VIRTIO_PCI_DISABLE_PCIE_BIT,
    VIRTIO_PCI_ATS_BIT,
    VIRTIO_PCI_ATS_PAGE_ALIGNED_BIT,
    VIRTIO_PCI_INIT_DEVERR_BIT,
    VIRTIO_PCI_INIT_LNKCTL_BIT,
    VIRTIO_PCI_INIT_PM_BIT,
    VIRTIO_PCI_INIT_FLR_BIT,
    VIRTIO_PCI_AER_BIT,
};

#define VIRTIO_PCI_VECTORS_AUTO UINT32_MAX

struct VirtIOPCIClass {
    PCIDeviceClass parent_class;
    const struct VirtIOPCIType *type;   /* the row that the wrapper was made of */
};

/* A modern queue's registers as the guest wrote them: they take effect when it enables the queue. */
typedef struct VirtIOPCIQueue {
    uint16_t num;
    bool enabled;
    uint32_t desc[2], avail[2], used[2];    /* low, high */
} VirtIOPCIQueue;

/* One structure of the modern layout: a part of a BAR and the capability that says where. */
typedef struct VirtIOPCIRegion {
    MemoryRegion mr;
    uint32_t offset, size;
    uint8_t bar, cfg_type;
} VirtIOPCIRegion;

enum {
    VIRTIO_PCI_REGION_COMMON, VIRTIO_PCI_REGION_ISR, VIRTIO_PCI_REGION_DEVICE, VIRTIO_PCI_REGION_NOTIFY,
    VIRTIO_PCI_REGION_NOTIFY_PIO, VIRTIO_PCI_REGIONS,
};

struct VirtIOPCIProxy {
    PCIDevice parent_obj;
    /* set by the user */
    uint32_t flags;
    OnOffAuto disable_legacy;
    bool disable_modern, ignore_backend_features;
    uint32_t class_code;            /* 0: the type's */
    uint32_t vectors;               /* VIRTIO_PCI_VECTORS_AUTO: as the type's realize decides */
    /* migrated */
    uint32_t dfselect, gfselect;
    uint32_t guest_features[2];
    VirtIOPCIQueue *queues;         /* vdev->num_queues */
    /* made at realize */
    VirtIODevice *vdev;
    VirtIOBus bus;
    bool legacy, modern;            /* which interfaces it has */
    MemoryRegion legacy_bar, modern_bar, pio_bar;
    VirtIOPCIRegion regions[VIRTIO_PCI_REGIONS];
    uint8_t pci_cfg_cap;            /* offset of the PCI_CFG capability; 0: none */
    bool doorbells;                 /* fast notifies are in place */
};

/* A row: what makes the four types of a wrapper. */
typedef struct VirtIOPCIType {
    const char *name;               /* "virtio-blk-pci" */
    const char *vdev_type;          /* "virtio-blk-device" */
    const char *description;
    const char *alias;              /* of the type without a suffix, for -device: "virtio-blk"; NULL: none */
    uint16_t class_id;              /* PCI class of the modern and of the transitional device */
    DeviceCategory category;
    const Property *props;          /* further ones of the wrapper: VIRTIO_PCI_PROP_* below */
    size_t num_props;
    /* Before the virtio device is realized, all properties being set: decides queues and vectors (proxy->vectors). */
    bool (*realize)(VirtIOPCIProxy *proxy, GError **error);
} VirtIOPCIType;

#define VIRTIO_PCI_PROP_VECTORS(d) DEFINE_PROP_UINT32("vectors", VirtIOPCIProxy, vectors, d)
#define VIRTIO_PCI_PROP_CLASS DEFINE_PROP_UINT32("class", VirtIOPCIProxy, class_code, 0)
#define VIRTIO_PCI_PROP_IOEVENTFD \
    DEFINE_PROP_BIT("ioeventfd", VirtIOPCIProxy, flags, VIRTIO_PCI_USE_IOEVENTFD_BIT, true)

void virtio_pci_register(const VirtIOPCIType *type);    /* the row must live for ever */
#define VIRTIO_PCI_REGISTER(row)                                                            \
    static void __attribute__((constructor)) virtio_pci_register_##row(void)                \
    {                                                                                       \
        virtio_pci_register(&(row));                                                        \
    }

#endif
