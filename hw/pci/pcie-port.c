/*
 * PCIe ports and slots: what root ports share. Realize is driven by the class of the port: which offsets its
 * capabilities are at, and how it interrupts.
 */
#include "hw/pci/pcie_port.h"

#include "hw/pci/pcie_aer.h"
#include "util/error.h"

/* Chassis and slot numbers are what a user finds a slot by, so they name one slot only. */

static GHashTable *slots;      /* key chassis << 16 | slot: PCIESlot */

static gpointer slot_key(uint8_t chassis, uint16_t slot)
{
    return GUINT_TO_POINTER((guint)chassis << 16 | slot);
}

PCIESlot *pcie_chassis_find_slot(uint8_t chassis, uint16_t slot)
{
    return slots ? g_hash_table_lookup(slots, slot_key(chassis, slot)) : NULL;
}

bool pcie_chassis_add_slot(PCIESlot *slot)
{
    if (pcie_chassis_find_slot(slot->chassis, slot->slot)) {
        return false;
    }
    if (!slots) {
        slots = g_hash_table_new(NULL, NULL);
    }
    g_hash_table_insert(slots, slot_key(slot->chassis, slot->slot), slot);
    slot->chassis_taken = true;
    return true;
}

void pcie_chassis_del_slot(PCIESlot *slot)
{
    if (slot->chassis_taken) {
        g_hash_table_remove(slots, slot_key(slot->chassis, slot->slot));
        slot->chassis_taken = false;
    }
}

bool pcie_slot_is_native(const PCIESlot *slot)
{
    return slot->native_hotplug && !slot->hide_native_hotplug_cap;
}

/* Root ports. */

static PCIERootPortClass *root_port_class(PCIDevice *dev)
{
    return object_class_dynamic_cast(((Object *)dev)->klass, TYPE_PCIE_ROOT_PORT_BASE);
}

static void update_vector(PCIDevice *dev)
{
    PCIERootPortClass *class = root_port_class(dev);
    uint8_t vector = class->interrupt_vector ? class->interrupt_vector(dev) : 0;

    pcie_aer_root_set_vector(dev, vector);
    pcie_cap_flags_set_vector(dev, vector);
}

static bool make_capabilities(PCIDevice *dev, GError **error)
{
    PCIERootPortClass *class = root_port_class(dev);
    PCIESlot *slot = PCIE_SLOT(dev);

    if (!pci_bridge_ssvid_init(dev, class->ssvid_offset, PCI_DEVICE_GET_CLASS(dev)->vendor_id, class->ssid, error) ||
        !class->interrupts_init(dev, error) ||
        !pcie_cap_init(dev, class->exp_offset, PCI_EXP_TYPE_ROOT_PORT, slot->parent_obj.port, error)) {
        return false;
    }
    pcie_cap_set_link(dev, slot->speed, slot->width);
    pcie_cap_arifwd_init(dev);
    pcie_cap_deverr_init(dev);
    pcie_cap_slot_init(dev, slot->slot, slot->hotplug && pcie_slot_is_native(slot));
    pcie_cap_root_init(dev);
    if (!pcie_chassis_add_slot(slot)) {
        return error_setf(error, "Can't add chassis slot, error %d", -EBUSY);
    }
    if (!pcie_aer_init(dev, PCI_ERR_VER, class->aer_offset, PCI_ERR_SIZEOF, error)) {
        return false;
    }
    pcie_aer_root_init(dev);
    update_vector(dev);
    if (class->acs_offset && !slot->disable_acs) {
        pcie_acs_init(dev, class->acs_offset);
    }
    return true;
}

static void root_port_exit(PCIDevice *dev)
{
    PCIERootPortClass *class = root_port_class(dev);

    pcie_aer_exit(dev);
    pcie_chassis_del_slot(PCIE_SLOT(dev));
    pcie_cap_exit(dev);
    if (class->interrupts_uninit) {
        class->interrupts_uninit(dev);
    }
    pci_bridge_exit(dev);
}

static bool root_port_realize(PCIDevice *dev, GError **error)
{
    PCIBridge *bridge = PCI_BRIDGE(dev);

    pci_set_byte(dev->config + PCI_INTERRUPT_PIN, 1);
    bridge->bus_type = TYPE_PCIE_BUS;
    if (!pci_bridge_init(dev, error)) {
        return false;
    }
    bus_set_hotplug_handler(&bridge->sec_bus->parent_obj, (Object *)dev);
    if (!make_capabilities(dev, error)) {
        root_port_exit(dev);
        return false;
    }
    return true;
}

static void root_port_reset_hold(DeviceState *qdev)
{
    PCIDevice *dev = PCI_DEVICE(qdev);

    update_vector(dev);
    pcie_cap_root_reset(dev);
    pcie_cap_deverr_reset(dev);
    pcie_cap_slot_reset(dev);
    pcie_cap_arifwd_reset(dev);
    pcie_acs_reset(dev);
    pcie_aer_root_reset(dev);
    pci_bridge_reset(dev);
}

static void root_port_config_write(PCIDevice *dev, uint32_t addr, uint32_t value, unsigned len)
{
    pci_config_write(dev, addr, value, len);
    update_vector(dev);
}

/* Types. */

static const Property port_props[] = {
    DEFINE_PROP_UINT8("port", PCIEPort, port, 0),
    DEFINE_PROP_UINT16("aer_log_max", PCIEPort, parent_obj.parent_obj.aer_log_max, AER_LOG_MAX_DEFAULT),
};

static void port_class_init(ObjectClass *klass, const void *data)
{
    object_class_add_props(klass, port_props, G_N_ELEMENTS(port_props));
}

static const Property slot_props[] = {
    DEFINE_PROP_UINT8("chassis", PCIESlot, chassis, 0),
    DEFINE_PROP_UINT16("slot", PCIESlot, slot, 0),
    DEFINE_PROP_BOOL("hotplug", PCIESlot, hotplug, true),
    DEFINE_PROP_BOOL("x-native-hotplug", PCIESlot, native_hotplug, true),
    DEFINE_PROP_BOOL("x-do-not-expose-native-hotplug-cap", PCIESlot, hide_native_hotplug_cap, false),
};

static bool slot_can_hotplug(Object *handler, BusState *bus)
{
    return PCIE_SLOT(handler)->hotplug || !(PCI_DEVICE(handler)->cap_present & (1u << PCIE_HOTPLUG_OFF_BIT));
}

static void slot_class_init(ObjectClass *klass, const void *data)
{
    HotplugHandlerClass *handler = object_class_dynamic_cast(klass, TYPE_HOTPLUG_HANDLER);

    object_class_add_props(klass, slot_props, G_N_ELEMENTS(slot_props));
    handler->can_hotplug = slot_can_hotplug;
    handler->pre_plug = pcie_slot_pre_plug;
    handler->plug = pcie_slot_plug;
    handler->unplug_request = pcie_slot_unplug_request;
    handler->unplug = pcie_slot_unplug;
}

static const Property root_port_props[] = {
    DEFINE_PROP_BIT("power_controller_present", PCIESlot, parent_obj.parent_obj.parent_obj.cap_present,
                    PCIE_SLTCAP_PCP_BIT, true),
    DEFINE_PROP_BOOL("disable-acs", PCIESlot, disable_acs, false),
};

static void root_port_class_init(ObjectClass *klass, const void *data)
{
    PCIDeviceClass *class = (PCIDeviceClass *)klass;

    class->realize = root_port_realize;
    class->exit = root_port_exit;
    class->config_write = root_port_config_write;
    class->parent_class.reset.hold = root_port_reset_hold;
    class->parent_class.categories |= 1u << DEVICE_CATEGORY_BRIDGE;
    object_class_add_props(klass, root_port_props, G_N_ELEMENTS(root_port_props));
}

static const TypeInfo port_types[] = {
    {
        .name = TYPE_PCIE_PORT,
        .parent = TYPE_PCI_BRIDGE,
        .size = sizeof(PCIEPort),
        .abstract = true,
        .class_init = port_class_init,
    },
    {
        .name = TYPE_PCIE_SLOT,
        .parent = TYPE_PCIE_PORT,
        .size = sizeof(PCIESlot),
        .abstract = true,
        .class_init = slot_class_init,
        .interfaces = (const char *const[]){ TYPE_HOTPLUG_HANDLER, NULL },
    },
    {
        .name = TYPE_PCIE_ROOT_PORT_BASE,
        .parent = TYPE_PCIE_SLOT,
        .class_size = sizeof(PCIERootPortClass),
        .abstract = true,
        .class_init = root_port_class_init,
        .interfaces = (const char *const[]){ INTERFACE_PCIE_DEVICE, NULL },
    },
};
TYPES_REGISTER(port_types)
