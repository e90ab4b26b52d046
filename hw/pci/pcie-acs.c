/* Access Control Services (PCIe 4.0, 6.12) of ports: nothing is routed peer to peer, so the controls only keep. */
#include "hw/pci/pcie.h"

enum { PORT_CONTROLS = PCI_ACS_SV | PCI_ACS_TB | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF | PCI_ACS_DT };

void pcie_acs_init(PCIDevice *dev, uint16_t offset)
{
    pcie_add_capability(dev, PCI_EXT_CAP_ID_ACS, PCI_ACS_VER, offset, PCI_ACS_SIZEOF);
    pci_set_word(dev->config + offset + PCI_ACS_CAP, PORT_CONTROLS);
    pci_set_word(dev->wmask + offset + PCI_ACS_CTRL, PORT_CONTROLS);
    dev->acs_cap = offset;
}

void pcie_acs_reset(PCIDevice *dev)
{
    if (dev->acs_cap) {
        pci_set_word(dev->config + dev->acs_cap + PCI_ACS_CTRL, 0);
    }
}
