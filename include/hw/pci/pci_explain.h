/* What a byte of config space is: for explaining why a load was refused. */
#ifndef HW_PCI_PCI_EXPLAIN_H
#define HW_PCI_PCI_EXPLAIN_H

#include "hw/pci/pci.h"

typedef struct PCIRegisterName {
    const char *name;           /* "PCI_ERR_UNCOR_MASK"; "a register" if it is not known */
    const char *capability;     /* "AER"; NULL: the header, or between capabilities */
    uint16_t capability_id;
    bool extended;
    uint16_t base;              /* the capability's offset in config space */
    uint16_t offset;            /* the register's in the capability */
    uint8_t size;               /* bytes */
    const char *hint;           /* what of a command line decides it; NULL: nothing to say */
} PCIRegisterName;

/* The register that the byte at `at` of this device's config space belongs to. */
PCIRegisterName pci_explain_register(const PCIDevice *dev, unsigned at);
/* Notes what the byte that may not differ, and does, is, and what to do about it. `bytes` is the config space that came. */
void pci_explain_mismatch(PCIDevice *dev, const uint8_t *bytes, unsigned at, Stream *notes);

#endif
