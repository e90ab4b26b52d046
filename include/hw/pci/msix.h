/*
 * MSI-X (PCI 3.0, 6.8.2): a table of messages and a bit array of pending ones, in BARs. A vector's message is sent
 * when it is notified, or becomes pending while it or the function is masked and goes out at the unmasking.
 */
#ifndef HW_PCI_MSIX_H
#define HW_PCI_MSIX_H

#include "hw/pci/pci.h"

#define MSIX_MAX_VECTORS 2048

typedef struct PCIMsix {
    unsigned entries;
    uint8_t *table;             /* 16 bytes each, as the guest sees them */
    uint8_t *pba;               /* a bit each */
    unsigned *used;             /* users per vector */
    bool function_masked;
    MemoryRegion table_mmio, pba_mmio;
    MemoryRegion *table_bar, *pba_bar;      /* borrowed */
    MemoryRegion *exclusive_bar;            /* msix_init_exclusive_bar() made it, or NULL */
    /* Told when a vector in use is masked or unmasked while MSI-X is enabled: both NULL if nobody cares. */
    bool (*vector_use)(PCIDevice *dev, unsigned vector, hwaddr address, uint32_t data);
    void (*vector_release)(PCIDevice *dev, unsigned vector);
} PCIMsix;

/*
 * Adds the capability and puts table and pending bits into BARs that the caller registers. Offset 0: the first free
 * place. Fails on entries out of 1 to 2048, a table that overlaps the pending bits or does not fit in its BAR.
 */
bool msix_init(PCIDevice *dev, unsigned entries, MemoryRegion *table_bar, uint8_t table_bar_nr, uint32_t table_offset,
               MemoryRegion *pba_bar, uint8_t pba_bar_nr, uint32_t pba_offset, uint8_t cap_offset, GError **error);
/* A BAR of its own: 4 KiB, the pending bits in the upper half, or bigger as entries need. Registered by it. */
bool msix_init_exclusive_bar(PCIDevice *dev, unsigned entries, uint8_t bar_nr, GError **error);
void msix_uninit(PCIDevice *dev);               /* runs at unrealize if the device did not */
void msix_reset(PCIDevice *dev);                /* runs with pci_device_reset() */

static inline bool msix_present(const PCIDevice *dev)
{
    return dev->msix;
}
bool msix_enabled(const PCIDevice *dev);
unsigned msix_entries(const PCIDevice *dev);
/* Sends the vector's message or makes it pending. Out of range, or in use by nobody: nothing. */
void msix_notify(PCIDevice *dev, unsigned vector);
bool msix_is_masked(const PCIDevice *dev, unsigned vector);
bool msix_is_pending(const PCIDevice *dev, unsigned vector);
void msix_set_pending(PCIDevice *dev, unsigned vector);
void msix_clear_pending(PCIDevice *dev, unsigned vector);
/* The message of a vector: false when out of range. */
bool msix_message(const PCIDevice *dev, unsigned vector, hwaddr *address, uint32_t *data);
/* Counted. An unused vector's notify is dropped; unuse of the last user clears its pending bit. */
void msix_vector_use(PCIDevice *dev, unsigned vector);
void msix_vector_unuse(PCIDevice *dev, unsigned vector);
void msix_unuse_all(PCIDevice *dev);
/* Called by pci_config_write(). */
void msix_write_config(PCIDevice *dev, uint32_t addr, uint32_t old_flags, unsigned len);

/* Migration: 16 bytes an entry, then the pending bits. */
void msix_save(PCIDevice *dev, Stream *s);
bool msix_load(PCIDevice *dev, Stream *s, GError **error);
extern const VMStateDescription vmstate_msix;
/* `f` is the PCIDevice in t. */
#define VMS_MSIX(t, f, ...) VMS_STRUCT(t, f, vmstate_msix, ##__VA_ARGS__)

#endif
