/* MSI. See hw/pci/msi.h. */
#include "hw/pci/msi.h"

#include "util/error.h"

static uint16_t flags_of(const PCIDevice *dev)
{
    return pci_get_word(dev->config + dev->msi_cap + PCI_MSI_FLAGS);
}

static unsigned cap_size(uint16_t flags)
{
    unsigned size = flags & PCI_MSI_FLAGS_64BIT ? PCI_MSI_DATA_64 + 2 : PCI_MSI_DATA_32 + 2;

    if (flags & PCI_MSI_FLAGS_MASKBIT) {
        size = flags & PCI_MSI_FLAGS_64BIT ? PCI_MSI_PENDING_64 + 4 : PCI_MSI_PENDING_32 + 4;
    }
    return size;
}

static uint8_t *mask_of(const PCIDevice *dev, uint8_t *base)
{
    return base + dev->msi_cap + (flags_of(dev) & PCI_MSI_FLAGS_64BIT ? PCI_MSI_MASK_64 : PCI_MSI_MASK_32);
}

static uint8_t *pending_of(const PCIDevice *dev)
{
    return dev->config + dev->msi_cap + (flags_of(dev) & PCI_MSI_FLAGS_64BIT ? PCI_MSI_PENDING_64 : PCI_MSI_PENDING_32);
}

static unsigned vectors_capable(const PCIDevice *dev)
{
    return 1u << ((flags_of(dev) & PCI_MSI_FLAGS_QMASK) >> 1);
}

unsigned msi_vectors_allocated(const PCIDevice *dev)
{
    unsigned granted = 1u << ((flags_of(dev) & PCI_MSI_FLAGS_QSIZE) >> 4);

    return MIN(granted, vectors_capable(dev));
}

bool msi_enabled(const PCIDevice *dev)
{
    return dev->msi_cap && (flags_of(dev) & PCI_MSI_FLAGS_ENABLE);
}

bool msi_init(PCIDevice *dev, uint8_t offset, unsigned vectors, bool addr64, bool per_vector_mask, GError **error)
{
    uint16_t flags = 0;

    g_assert(IS_POWER_OF_2(vectors) && vectors <= 32);
    flags |= (g_bit_storage(vectors) - 1) << 1;
    flags |= addr64 ? PCI_MSI_FLAGS_64BIT : 0;
    flags |= per_vector_mask ? PCI_MSI_FLAGS_MASKBIT : 0;
    offset = pci_add_capability(dev, PCI_CAP_ID_MSI, offset, cap_size(flags), error);
    if (!offset) {
        return false;
    }
    dev->msi_cap = offset;
    dev->cap_present |= 1u << PCI_CAP_MSI_BIT;
    pci_set_word(dev->config + offset + PCI_MSI_FLAGS, flags);
    pci_set_word(dev->wmask + offset + PCI_MSI_FLAGS, PCI_MSI_FLAGS_QSIZE | PCI_MSI_FLAGS_ENABLE);
    pci_set_long(dev->wmask + offset + PCI_MSI_ADDRESS_LO, 0xfffffffc);
    if (addr64) {
        pci_set_long(dev->wmask + offset + PCI_MSI_ADDRESS_HI, 0xffffffff);
    }
    pci_set_word(dev->wmask + offset + (addr64 ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32), 0xffff);
    if (per_vector_mask) {
        pci_set_long(mask_of(dev, dev->wmask), UINT32_MAX >> (32 - vectors));
    }
    return true;
}

void msi_uninit(PCIDevice *dev)
{
    if (dev->msi_cap) {
        pci_del_capability(dev, PCI_CAP_ID_MSI, cap_size(flags_of(dev)));
        dev->msi_cap = 0;
        dev->cap_present &= ~(1u << PCI_CAP_MSI_BIT);
    }
}

void msi_reset(PCIDevice *dev)
{
    uint8_t *cap = dev->config + dev->msi_cap;
    uint16_t flags;

    if (!dev->msi_cap) {
        return;
    }
    flags = flags_of(dev) & ~(PCI_MSI_FLAGS_QSIZE | PCI_MSI_FLAGS_ENABLE);
    pci_set_word(cap + PCI_MSI_FLAGS, flags);
    pci_set_long(cap + PCI_MSI_ADDRESS_LO, 0);
    if (flags & PCI_MSI_FLAGS_64BIT) {
        pci_set_long(cap + PCI_MSI_ADDRESS_HI, 0);
    }
    pci_set_word(cap + (flags & PCI_MSI_FLAGS_64BIT ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32), 0);
    if (flags & PCI_MSI_FLAGS_MASKBIT) {
        pci_set_long(mask_of(dev, dev->config), 0);
        pci_set_long(pending_of(dev), 0);
    }
}

static void send(PCIDevice *dev, unsigned vector)
{
    const uint8_t *cap = dev->config + dev->msi_cap;
    bool addr64 = flags_of(dev) & PCI_MSI_FLAGS_64BIT;
    uint64_t address = addr64 ? pci_get_quad(cap + PCI_MSI_ADDRESS_LO) : pci_get_long(cap + PCI_MSI_ADDRESS_LO);
    uint32_t data = pci_get_word(cap + (addr64 ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32));
    unsigned vectors = msi_vectors_allocated(dev);

    /* The device says which of its vectors by the low bits of the data. */
    pci_send_msi(dev, address, (data & ~(vectors - 1)) | vector);
}

void msi_notify(PCIDevice *dev, unsigned vector)
{
    if (!msi_enabled(dev) || vector >= msi_vectors_allocated(dev)) {
        return;
    }
    if ((flags_of(dev) & PCI_MSI_FLAGS_MASKBIT) && (pci_get_long(mask_of(dev, dev->config)) & (1u << vector))) {
        pci_long_set(pending_of(dev), 1u << vector);
        return;
    }
    send(dev, vector);
}

void msi_write_config(PCIDevice *dev, uint32_t addr, unsigned len)
{
    uint16_t flags = flags_of(dev);
    unsigned log_granted, log_capable;

    if (!pci_ranges_overlap(addr, len, dev->msi_cap, cap_size(flags)) || !(flags & PCI_MSI_FLAGS_ENABLE)) {
        return;
    }
    /* One interrupt by message or by line, not both; a guest may ask for more vectors than there are. */
    pci_set_irq(dev, 0);
    log_granted = (flags & PCI_MSI_FLAGS_QSIZE) >> 4;
    log_capable = (flags & PCI_MSI_FLAGS_QMASK) >> 1;
    if (log_granted > log_capable) {
        flags = (flags & ~PCI_MSI_FLAGS_QSIZE) | log_capable << 4;
        pci_set_word(dev->config + dev->msi_cap + PCI_MSI_FLAGS, flags);
    }
    if (flags & PCI_MSI_FLAGS_MASKBIT) {
        uint32_t ready = pci_get_long(pending_of(dev)) & ~pci_get_long(mask_of(dev, dev->config));

        for (unsigned vector = 0; vector < msi_vectors_allocated(dev); vector++) {
            if (ready & (1u << vector)) {
                pci_long_clear(pending_of(dev), 1u << vector);
                send(dev, vector);
            }
        }
    }
}
