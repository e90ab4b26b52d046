/* What the files of virtio-pci share. */
#ifndef HW_VIRTIO_VIRTIO_PCI_INTERNAL_H
#define HW_VIRTIO_VIRTIO_PCI_INTERNAL_H

#include "hw/virtio/virtio-pci.h"

/* BARs, as drivers that don't look expect them. */
enum { VIRTIO_PCI_BAR_LEGACY = 0, VIRTIO_PCI_BAR_MSIX = 1, VIRTIO_PCI_BAR_PIO = 2, VIRTIO_PCI_BAR_MODERN = 4 };

/* Structure types of the vendor capabilities (4.1.4). */
enum {
    VIRTIO_PCI_CAP_COMMON_CFG = 1,
    VIRTIO_PCI_CAP_NOTIFY_CFG = 2,
    VIRTIO_PCI_CAP_ISR_CFG = 3,
    VIRTIO_PCI_CAP_DEVICE_CFG = 4,
    VIRTIO_PCI_CAP_PCI_CFG = 5,
};

static inline bool virtio_pci_flag(const VirtIOPCIProxy *proxy, unsigned bit)
{
    return proxy->flags >> bit & 1;
}

static inline VirtIOPCIProxy *virtio_pci_of_bus(VirtIOBus *bus)
{
    return (VirtIOPCIProxy *)bus->parent_obj.parent;
}

/* ---- virtio-pci.c ---- */

/* Reads ISR and clears it: the interrupt line goes down. */
uint8_t virtio_pci_read_isr(VirtIOPCIProxy *proxy);
/* The guest's write to the status register of either interface. */
void virtio_pci_set_status(VirtIOPCIProxy *proxy, uint8_t status);
/* Everything to initial values but what is PCI's. */
void virtio_pci_reset(VirtIOPCIProxy *proxy);
/* A vector that the guest chose, in use from now on instead of `old`; VIRTIO_NO_VECTOR: there is none of that number. */
uint16_t virtio_pci_change_vector(VirtIOPCIProxy *proxy, uint16_t old, uint16_t vector);
/* Doorbells reach the device by fast notifies while the driver runs. */
void virtio_pci_start_doorbells(VirtIOPCIProxy *proxy);
void virtio_pci_stop_doorbells(VirtIOPCIProxy *proxy);

/* ---- virtio-pci-modern.c ---- */

/* Makes the regions of the modern interface in their BARs (not registered) and the capabilities. */
bool virtio_pci_modern_init(VirtIOPCIProxy *proxy, GError **error);
void virtio_pci_modern_exit(VirtIOPCIProxy *proxy);
/* Bytes between two queues' doorbells. */
uint32_t virtio_pci_notify_multiplier(const VirtIOPCIProxy *proxy);

/* ---- virtio-pci-legacy.c ---- */

enum { VIRTIO_PCI_LEGACY_QUEUE_NOTIFY = 16 };
void virtio_pci_legacy_init(VirtIOPCIProxy *proxy);
void virtio_pci_legacy_exit(VirtIOPCIProxy *proxy);

/* ---- virtio-pci-cap.c ---- */

/* PCIe, power management and what is asked for in extended space: behind a port only. */
bool virtio_pci_express_init(VirtIOPCIProxy *proxy, GError **error);
/* The vendor capabilities of the modern structures, in their order. */
bool virtio_pci_caps_init(VirtIOPCIProxy *proxy, GError **error);
/* The window of PCI_CFG (4.1.4.9): an access to its data goes where the rest of it says. */
void virtio_pci_cfg_window_write(VirtIOPCIProxy *proxy, uint32_t addr, unsigned len);
void virtio_pci_cfg_window_read(VirtIOPCIProxy *proxy, uint32_t addr, unsigned len);

/* ---- virtio-pci-vmstate.c ---- */

void virtio_pci_save_config(VirtIOBus *bus, Stream *s);
bool virtio_pci_load_config(VirtIOBus *bus, Stream *s, GError **error);
void virtio_pci_save_queue(VirtIOBus *bus, unsigned queue, Stream *s);
bool virtio_pci_load_queue(VirtIOBus *bus, unsigned queue, Stream *s, GError **error);
const VMStateDescription *virtio_pci_extra_state(VirtIOBus *bus);

#endif
