/* The SMBus function of the ICH9 (0:1f.3). */
#ifndef HW_I2C_SMBUS_ICH9_H
#define HW_I2C_SMBUS_ICH9_H

#include "hw/i2c/i2c.h"
#include "hw/pci/pci.h"

#define TYPE_ICH9_SMB "ICH9-SMB"
#define ICH9_SMB_DEVFN PCI_DEVFN(31, 3)

/* Makes it; its bus, NULL with an error. */
I2CBus *ich9_smb_new(PCIBus *bus, GError **error);

#endif
