/*
 * PCIe ports, and slots behind them; the root port's base. Member names are those that the migration stream shows in
 * its fields' names.
 */
#ifndef HW_PCI_PCIE_PORT_H
#define HW_PCI_PCIE_PORT_H

#include "hw/pci/pci_bridge.h"
#include "hw/pci/pcie.h"

#define TYPE_PCIE_PORT "pcie-port"
OBJECT_DECLARE_SIMPLE_TYPE(PCIEPort, PCIE_PORT)
struct PCIEPort {
    PCIBridge parent_obj;
    uint8_t port;                   /* "port" */
};

#define TYPE_PCIE_SLOT "pcie-slot"
OBJECT_DECLARE_SIMPLE_TYPE(PCIESlot, PCIE_SLOT)
struct PCIESlot {
    PCIEPort parent_obj;
    uint8_t chassis;
    uint16_t slot;
    PCIELinkSpeed speed;
    PCIELinkWidth width;
    bool disable_acs;
    bool hotplug;                   /* "hotplug" */
    bool native_hotplug;            /* "x-native-hotplug" */
    bool hide_native_hotplug_cap;   /* "x-do-not-expose-native-hotplug-cap", its later form */
    bool chassis_taken;             /* (chassis, slot) is registered */
};

/* Whether Slot Capabilities say Hot-Plug Capable. */
bool pcie_slot_is_native(const PCIESlot *slot);

/* (chassis, slot) pairs are unique; slot 0 chassis 0 too. False: taken. */
bool pcie_chassis_add_slot(PCIESlot *slot);
void pcie_chassis_del_slot(PCIESlot *slot);
PCIESlot *pcie_chassis_find_slot(uint8_t chassis, uint16_t slot);

#define TYPE_PCIE_ROOT_PORT_BASE "pcie-root-port-base"
/* The instance is a PCIESlot. */
typedef struct PCIERootPortClass {
    PCIDeviceClass parent_class;
    uint8_t (*interrupt_vector)(PCIDevice *dev);
    bool (*interrupts_init)(PCIDevice *dev, GError **error);
    void (*interrupts_uninit)(PCIDevice *dev);
    uint8_t exp_offset;
    uint16_t aer_offset;
    uint16_t acs_offset;            /* 0: no ACS */
    uint8_t ssvid_offset;
    uint16_t ssid;
} PCIERootPortClass;

#define TYPE_PCIE_ROOT_PORT "pcie-root-port"

#endif
