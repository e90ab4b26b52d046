/* Power management (PCI Power Management 1.2): the capability; states other than D0 are the device's affair. */
#include "hw/pci/pci.h"

enum { PM_VERSION = 3 };

uint8_t pci_pm_init(PCIDevice *dev, uint8_t offset, GError **error)
{
    offset = pci_add_capability(dev, PCI_CAP_ID_PM, offset, PCI_PM_SIZEOF, error);
    if (offset) {
        dev->pm_cap = offset;
        pci_set_word(dev->config + offset + PCI_PM_PMC, PM_VERSION);
    }
    return offset;
}
