/*
 * PCI Express: the capability by port type, extended capabilities, slot with hot plug, ARI, ACS, ATS, FLR.
 */
#ifndef HW_PCI_PCIE_H
#define HW_PCI_PCIE_H

#include "hw/pci/pci.h"

/* Link speeds and widths as registers encode them. */
typedef enum { PCIE_SPEED_2_5 = 1, PCIE_SPEED_5, PCIE_SPEED_8, PCIE_SPEED_16 } PCIELinkSpeed;
typedef enum {
    PCIE_WIDTH_X1 = 1, PCIE_WIDTH_X2 = 2, PCIE_WIDTH_X4 = 4, PCIE_WIDTH_X8 = 8, PCIE_WIDTH_X12 = 12,
    PCIE_WIDTH_X16 = 16, PCIE_WIDTH_X32 = 32,
} PCIELinkWidth;
extern const PropertyKind prop_kind_pcie_link_speed, prop_kind_pcie_link_width;

/* What a PCIe capability keeps besides registers; rebuilt on load. */
typedef struct PCIExpress {
    bool hpev_notified;         /* a hot-plug event has been signalled and is still there */
    /* registers before the write that is under way */
    uint16_t old_slot_ctl, old_slot_sta;
    uint32_t old_root_cmd;
} PCIExpress;

/* The capability, version 2. `type` is PCI_EXP_TYPE_*, `port` the port number. Returns the offset; 0 with an error. */
uint8_t pcie_cap_init(PCIDevice *dev, uint8_t offset, uint8_t type, uint8_t port, GError **error);
/* … of an endpoint: on a root bus an integrated one. */
uint8_t pcie_endpoint_cap_init(PCIDevice *dev, uint8_t offset, GError **error);
void pcie_cap_exit(PCIDevice *dev);
uint8_t pcie_cap_type(const PCIDevice *dev);
/* Which interrupt message number it reports; set by ports. */
void pcie_cap_flags_set_vector(PCIDevice *dev, uint8_t vector);
uint8_t pcie_cap_flags_get_vector(const PCIDevice *dev);

/* Parts, as a device wants them: device error bits writable, link control writable, root control, ARI forwarding. The
 * reset functions are for the device's own reset. */
void pcie_cap_deverr_init(PCIDevice *dev);
void pcie_cap_deverr_reset(PCIDevice *dev);
void pcie_cap_lnkctl_init(PCIDevice *dev);
void pcie_cap_root_init(PCIDevice *dev);
void pcie_cap_root_reset(PCIDevice *dev);
void pcie_cap_arifwd_init(PCIDevice *dev);
void pcie_cap_arifwd_reset(PCIDevice *dev);
/* Function level reset: a written 1 resets the device (pci_function_reset()). */
void pcie_cap_flr_init(PCIDevice *dev);
/* What a port's link can do: rates up to `speed`, lanes up to `width`. */
void pcie_cap_set_link(PCIDevice *dev, PCIELinkSpeed speed, PCIELinkWidth width);

/* Extended capabilities: offset 0x100 and up, the first at 0x100. */
void pcie_add_capability(PCIDevice *dev, uint16_t cap_id, uint8_t version, uint16_t offset, uint16_t size);
uint16_t pcie_find_capability(const PCIDevice *dev, uint16_t cap_id);
void pcie_ari_init(PCIDevice *dev, uint16_t offset);
void pcie_acs_init(PCIDevice *dev, uint16_t offset);
void pcie_acs_reset(PCIDevice *dev);
void pcie_ats_init(PCIDevice *dev, uint16_t offset, bool aligned);

/* Called by pci_config_read(): Link Status of a port shows what its link was trained to. */
void pcie_config_read_begin(PCIDevice *dev, uint32_t addr, unsigned len);
/* Called by pci_config_write() around the generic write. */
void pcie_config_write_begin(PCIDevice *dev);
void pcie_config_write_end(PCIDevice *dev, uint32_t addr, uint32_t value, unsigned len);
/* The slot of a port (pcie-slot.c): hot plug. */
void pcie_cap_slot_init(PCIDevice *dev, uint16_t slot, bool hotplug_capable);
void pcie_cap_slot_reset(PCIDevice *dev);
void pcie_cap_slot_write(PCIDevice *dev, uint32_t addr, uint32_t value, unsigned len);
void pcie_cap_slot_post_load(PCIDevice *dev);
/* Power on, as firmware or the guest would: for hot plug that is not the port's. */
void pcie_cap_slot_enable_power(PCIDevice *dev);
/* HotplugHandlerClass of ports. */
bool pcie_slot_pre_plug(Object *handler, DeviceState *dev, GError **error);
bool pcie_slot_plug(Object *handler, DeviceState *dev, GError **error);
bool pcie_slot_unplug_request(Object *handler, DeviceState *dev, GError **error);
void pcie_slot_unplug(Object *handler, DeviceState *dev);

#endif
