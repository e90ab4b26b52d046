/* query-pci: what is on the buses, as the guest has set it up. */
#include "hw/pci/pci_bridge.h"

typedef struct ClassName {
    uint16_t class;
    const char *name;
} ClassName;

static const ClassName class_names[] = {
    { 0x0001, "VGA controller" },
    { 0x0100, "SCSI controller" },
    { 0x0101, "IDE controller" },
    { 0x0102, "Floppy controller" },
    { 0x0103, "IPI controller" },
    { 0x0104, "RAID controller" },
    { 0x0106, "SATA controller" },
    { 0x0107, "SAS controller" },
    { 0x0180, "Storage controller" },
    { 0x0200, "Ethernet controller" },
    { 0x0201, "Token Ring controller" },
    { 0x0202, "FDDI controller" },
    { 0x0203, "ATM controller" },
    { 0x0280, "Network controller" },
    { 0x0300, "VGA controller" },
    { 0x0301, "XGA controller" },
    { 0x0302, "3D controller" },
    { 0x0380, "Display controller" },
    { 0x0400, "Video controller" },
    { 0x0401, "Audio controller" },
    { 0x0402, "Phone" },
    { 0x0403, "Audio controller" },
    { 0x0480, "Multimedia controller" },
    { 0x0500, "RAM controller" },
    { 0x0501, "Flash controller" },
    { 0x0580, "Memory controller" },
    { 0x0600, "Host bridge" },
    { 0x0601, "ISA bridge" },
    { 0x0602, "EISA bridge" },
    { 0x0603, "MC bridge" },
    { 0x0604, "PCI bridge" },
    { 0x0605, "PCMCIA bridge" },
    { 0x0606, "NUBUS bridge" },
    { 0x0607, "CARDBUS bridge" },
    { 0x0608, "RACEWAY bridge" },
    { 0x0680, "Bridge" },
    { 0x0700, "Serial port" },
    { 0x0701, "Parallel port" },
    { 0x0800, "Interrupt controller" },
    { 0x0801, "DMA controller" },
    { 0x0802, "Timer" },
    { 0x0803, "RTC" },
    { 0x0900, "Keyboard" },
    { 0x0901, "Pen" },
    { 0x0902, "Mouse" },
    { 0x0a00, "Dock station" },
    { 0x0b00, "i386 cpu" },
    { 0x0c00, "Firewire controller" },
    { 0x0c01, "Access bus controller" },
    { 0x0c02, "SSA controller" },
    { 0x0c03, "USB controller" },
    { 0x0c04, "Fibre channel controller" },
    { 0x0c05, "SMBus" },
};

const char *pci_class_name(uint16_t class)
{
    for (size_t i = 0; i < G_N_ELEMENTS(class_names); i++) {
        if (class_names[i].class == class) {
            return class_names[i].name;
        }
    }
    return NULL;
}

static Json *query_bus(PCIBus *bus);

static Json *query_regions(const PCIDevice *dev)
{
    Json *list = json_new_array();

    for (int i = 0; i < PCI_NUM_REGIONS; i++) {
        const PCIIORegion *region = &dev->regions[i];
        Json *item;

        if (!region->size) {
            continue;
        }
        item = json_new_object();
        json_set(item, "bar", json_new_int(i));
        if (region->type & PCI_BASE_ADDRESS_SPACE_IO) {
            json_set(item, "type", json_new_string("io"));
        } else {
            json_set(item, "type", json_new_string("memory"));
            json_set(item, "prefetch", json_new_bool(region->type & PCI_BASE_ADDRESS_MEM_PREFETCH));
            json_set(item, "mem_type_64", json_new_bool(region->type & PCI_BASE_ADDRESS_MEM_TYPE_64));
        }
        json_set(item, "address", json_new_int((int64_t)region->addr));
        json_set(item, "size", json_new_int((int64_t)region->size));
        json_append(list, item);
    }
    return list;
}

static Json *query_range(const PCIDevice *dev, uint8_t type)
{
    Json *range = json_new_object();

    json_set(range, "base", json_new_uint(pci_bridge_base(dev, type)));
    json_set(range, "limit", json_new_uint(pci_bridge_limit(dev, type)));
    return range;
}

static Json *query_bridge(PCIDevice *dev)
{
    Json *bridge = json_new_object(), *bus = json_new_object();

    json_set(bus, "number", json_new_int(dev->config[PCI_PRIMARY_BUS]));
    json_set(bus, "secondary", json_new_int(dev->config[PCI_SECONDARY_BUS]));
    json_set(bus, "subordinate", json_new_int(dev->config[PCI_SUBORDINATE_BUS]));
    json_set(bus, "io_range", query_range(dev, PCI_BASE_ADDRESS_SPACE_IO));
    json_set(bus, "memory_range", query_range(dev, PCI_BASE_ADDRESS_SPACE_MEMORY));
    json_set(bus, "prefetchable_range", query_range(dev, PCI_BASE_ADDRESS_MEM_PREFETCH));
    json_set(bridge, "bus", bus);
    if (dev->config[PCI_SECONDARY_BUS]) {
        json_set(bridge, "devices", query_bus(pci_bridge_bus(PCI_BRIDGE(dev))));
    }
    return bridge;
}

static Json *query_device(PCIDevice *dev)
{
    Json *item = json_new_object(), *class_info = json_new_object(), *id = json_new_object();
    uint16_t class = pci_get_word(dev->config + PCI_CLASS_DEVICE);

    json_set(item, "bus", json_new_int(pci_bus_number(pci_device_bus(dev))));
    json_set(item, "slot", json_new_int(PCI_SLOT(dev->devfn)));
    json_set(item, "function", json_new_int(PCI_FUNC(dev->devfn)));
    json_set(class_info, "class", json_new_int(class));
    if (pci_class_name(class)) {
        json_set(class_info, "desc", json_new_string(pci_class_name(class)));
    }
    json_set(item, "class_info", class_info);
    json_set(id, "vendor", json_new_int(pci_get_word(dev->config + PCI_VENDOR_ID)));
    json_set(id, "device", json_new_int(pci_get_word(dev->config + PCI_DEVICE_ID)));
    if ((dev->config[PCI_HEADER_TYPE] & ~PCI_HEADER_TYPE_MULTI_FUNCTION) == PCI_HEADER_TYPE_NORMAL) {
        json_set(id, "subsystem", json_new_int(pci_get_word(dev->config + PCI_SUBSYSTEM_ID)));
        json_set(id, "subsystem-vendor", json_new_int(pci_get_word(dev->config + PCI_SUBSYSTEM_VENDOR_ID)));
    }
    json_set(item, "id", id);
    json_set(item, "irq_pin", json_new_int(dev->config[PCI_INTERRUPT_PIN]));
    if (dev->config[PCI_INTERRUPT_PIN]) {
        json_set(item, "irq", json_new_int(dev->config[PCI_INTERRUPT_LINE]));
    }
    json_set(item, "qdev_id", json_new_string(dev->parent_obj.id));
    if (PCI_DEVICE_GET_CLASS(dev)->is_bridge) {
        json_set(item, "pci_bridge", query_bridge(dev));
    }
    json_set(item, "regions", query_regions(dev));
    return item;
}

static Json *query_bus(PCIBus *bus)
{
    Json *list = json_new_array();

    for (int devfn = 0; devfn < PCI_DEVFN_MAX; devfn++) {
        if (bus->devices[devfn]) {
            json_append(list, query_device(bus->devices[devfn]));
        }
    }
    return list;
}

Json *pci_query(void)
{
    Json *list = json_new_array();

    if (pci_find_root_bus()) {
        Json *bus = json_new_object();

        json_set(bus, "bus", json_new_int(pci_bus_number(pci_find_root_bus())));
        json_set(bus, "devices", query_bus(pci_find_root_bus()));
        json_append(list, bus);
    }
    return list;
}
