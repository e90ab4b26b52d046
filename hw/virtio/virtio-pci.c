/* Virtio over PCI: the device around a virtio device, its bus, interrupts, doorbells, reset, and the wrapper types. */
#include "hw/virtio/virtio-pci-internal.h"

#include "hw/pci/msix.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_aer.h"
#include "hw/virtio/virtqueue.h"
#include "system/runstate.h"
#include "util/error.h"
#include "util/log.h"

/* ---- Interrupts ---- */

static void virtio_pci_notify(VirtIOBus *bus, uint16_t vector)
{
    VirtIOPCIProxy *proxy = virtio_pci_of_bus(bus);
    PCIDevice *dev = &proxy->parent_obj;

    if (!msix_enabled(dev)) {
        pci_set_irq(dev, proxy->vdev->isr & 1);
    } else if (vector != VIRTIO_NO_VECTOR) {
        msix_notify(dev, vector);
    }
}

uint8_t virtio_pci_read_isr(VirtIOPCIProxy *proxy)
{
    uint8_t isr = proxy->vdev->isr;

    proxy->vdev->isr = 0;
    pci_set_irq(&proxy->parent_obj, 0);
    return isr;
}

uint16_t virtio_pci_change_vector(VirtIOPCIProxy *proxy, uint16_t old, uint16_t vector)
{
    PCIDevice *dev = &proxy->parent_obj;

    if (old != VIRTIO_NO_VECTOR) {
        msix_vector_unuse(dev, old);
    }
    if (!msix_present(dev) || vector >= msix_entries(dev)) {
        return VIRTIO_NO_VECTOR;
    }
    msix_vector_use(dev, vector);
    return vector;
}

/* ---- Doorbells ---- */

static void doorbell(void *opaque)
{
    VirtQueue *vq = opaque;

    virtio_queue_notify(vq->vdev, vq->number);
}

/* A queue's doorbell in each interface that the device has. */
static void each_doorbell(VirtIOPCIProxy *proxy, void (*fn)(MemoryRegion *mr, const MemoryNotifier *notifier))
{
    for (unsigned n = 0; n < proxy->vdev->num_queues; n++) {
        MemoryNotifier notifier = { .notify = doorbell, .opaque = proxy->vdev->vqs[n] };

        if (proxy->modern) {
            notifier.offset = n * virtio_pci_notify_multiplier(proxy);
            fn(&proxy->regions[VIRTIO_PCI_REGION_NOTIFY].mr, &notifier);
        }
        notifier.size = 2;
        notifier.match_data = true;
        notifier.data = n;
        if (proxy->modern && proxy->regions[VIRTIO_PCI_REGION_NOTIFY_PIO].size > 0) {
            notifier.offset = 0;
            fn(&proxy->regions[VIRTIO_PCI_REGION_NOTIFY_PIO].mr, &notifier);
        }
        if (proxy->legacy) {
            notifier.offset = VIRTIO_PCI_LEGACY_QUEUE_NOTIFY;
            fn(&proxy->legacy_bar, &notifier);
        }
    }
}

void virtio_pci_start_doorbells(VirtIOPCIProxy *proxy)
{
    if (!proxy->doorbells && virtio_pci_flag(proxy, VIRTIO_PCI_USE_IOEVENTFD_BIT)) {
        each_doorbell(proxy, memory_region_add_notifier);
        proxy->doorbells = true;
    }
}

void virtio_pci_stop_doorbells(VirtIOPCIProxy *proxy)
{
    if (proxy->doorbells) {
        each_doorbell(proxy, memory_region_del_notifier);
        proxy->doorbells = false;
    }
}

/* ---- Status and reset ---- */

void virtio_pci_reset(VirtIOPCIProxy *proxy)
{
    virtio_pci_stop_doorbells(proxy);
    virtio_reset(proxy->vdev);
    if (msix_present(&proxy->parent_obj)) {
        msix_unuse_all(&proxy->parent_obj);
    }
    if (proxy->queues) {
        memset(proxy->queues, 0, proxy->vdev->num_queues * sizeof(*proxy->queues));
    }
}

void virtio_pci_set_status(VirtIOPCIProxy *proxy, uint8_t status)
{
    if (!(status & VIRTIO_STATUS_DRIVER_OK)) {
        virtio_pci_stop_doorbells(proxy);
    }
    virtio_set_status(proxy->vdev, status);
    if (status & VIRTIO_STATUS_DRIVER_OK) {
        virtio_pci_start_doorbells(proxy);
        virtio_kick_all(proxy->vdev); /* for what was made available before */
    }
    if (proxy->vdev->status == 0) {
        virtio_pci_reset(proxy);
    }
}

/* Config space is the bus's to reset. */
static void virtio_pci_reset_hold(DeviceState *dev)
{
    virtio_pci_reset(VIRTIO_PCI(dev));
}

/* A driver from before it was needed runs without bus mastering; a machine saved then comes without it. */
static void virtio_pci_run_state(VirtIOBus *bus, bool running)
{
    VirtIOPCIProxy *proxy = virtio_pci_of_bus(bus);
    PCIDevice *dev = &proxy->parent_obj;

    if (!running) {
        return;
    }
    if (virtio_pci_flag(proxy, VIRTIO_PCI_BUS_MASTER_BUG_BIT) && proxy->vdev->status & VIRTIO_STATUS_DRIVER
        && !pci_bus_master_enabled(dev)) {
        pci_config_write(dev, PCI_COMMAND, dev->config[PCI_COMMAND] | PCI_COMMAND_MASTER, 1);
    }
    if (proxy->vdev->status & VIRTIO_STATUS_DRIVER_OK) {
        virtio_pci_start_doorbells(proxy); /* after a load */
    }
}

/* ---- Config space ---- */

static uint32_t virtio_pci_config_read(PCIDevice *dev, uint32_t addr, unsigned len)
{
    virtio_pci_cfg_window_read(VIRTIO_PCI(dev), addr, len);
    return pci_config_read(dev, addr, len);
}

static void virtio_pci_config_write(PCIDevice *dev, uint32_t addr, uint32_t value, unsigned len)
{
    VirtIOPCIProxy *proxy = VIRTIO_PCI(dev);

    pci_config_write(dev, addr, value, len);
    if (pci_ranges_overlap(addr, len, PCI_COMMAND, 1)) {
        bool master = dev->config[PCI_COMMAND] & PCI_COMMAND_MASTER;

        virtio_set_disabled(proxy->vdev, !master);
        if (!master) {
            virtio_pci_stop_doorbells(proxy);
            virtio_set_status(proxy->vdev, proxy->vdev->status & ~VIRTIO_STATUS_DRIVER_OK);
        }
    }
    virtio_pci_cfg_window_write(proxy, addr, len);
}

/* ---- Plugging the virtio device in ---- */

/* 4.1.2.1: transitional device IDs, by device type. */
static uint16_t transitional_id(uint16_t device_id)
{
    static const uint16_t ids[] = {
        [VIRTIO_ID_NET] = 0x1000, [VIRTIO_ID_BLOCK] = 0x1001, [VIRTIO_ID_BALLOON] = 0x1002,
        [VIRTIO_ID_CONSOLE] = 0x1003, [VIRTIO_ID_SCSI] = 0x1004, [VIRTIO_ID_RNG] = 0x1005,
    };

    return device_id < G_N_ELEMENTS(ids) ? ids[device_id] : 0;
}

static AddressSpace *virtio_pci_dma_as(VirtIOBus *bus)
{
    return pci_address_space(&virtio_pci_of_bus(bus)->parent_obj);
}

static bool virtio_pci_pre_plugged(VirtIOBus *bus, GError **error)
{
    VirtIOPCIProxy *proxy = virtio_pci_of_bus(bus);

    if (proxy->legacy && transitional_id(VIRTIO_DEVICE_GET_CLASS(bus->vdev)->device_id) == 0
        && !bus->vdev->disable_legacy_check) {
        return error_setf(error, "device is modern-only, use disable-legacy=on");
    }
    if (proxy->modern) {
        bus->vdev->host_features |= 1ull << VIRTIO_F_VERSION_1;
    }
    bus->vdev->host_features |= 1ull << VIRTIO_F_BAD_FEATURE;
    return true;
}

/* Who it is in config space (4.1.2): a device with a legacy interface is known by other numbers. */
static void set_identity(VirtIOPCIProxy *proxy)
{
    uint8_t *config = proxy->parent_obj.config;
    uint16_t id = VIRTIO_DEVICE_GET_CLASS(proxy->vdev)->device_id;

    pci_set_word(config + PCI_CLASS_DEVICE, proxy->class_code ? proxy->class_code
                                                              : VIRTIO_PCI_GET_CLASS(proxy)->type->class_id);
    if (proxy->legacy) {
        pci_set_word(config + PCI_DEVICE_ID, transitional_id(id));
        pci_set_word(config + PCI_SUBSYSTEM_VENDOR_ID, PCI_VENDOR_ID_REDHAT_QUMRANET);
        pci_set_word(config + PCI_SUBSYSTEM_ID, id);
        pci_set_byte(config + PCI_REVISION_ID, 0);
    } else {
        pci_set_word(config + PCI_DEVICE_ID, 0x1040 + id);
        pci_set_byte(config + PCI_REVISION_ID, 1);
    }
    pci_set_byte(config + PCI_INTERRUPT_PIN, 1);
}

static bool virtio_pci_plugged(VirtIOBus *bus, GError **error)
{
    VirtIOPCIProxy *proxy = virtio_pci_of_bus(bus);
    PCIDevice *dev = &proxy->parent_obj;
    g_autoptr(GError) msix_error = NULL;

    if (proxy->legacy && virtio_host_has_feature(bus->vdev, VIRTIO_F_IOMMU_PLATFORM)) {
        return error_setf(error, "VIRTIO_F_IOMMU_PLATFORM was supported by neither legacy nor transitional device");
    }
    set_identity(proxy);
    if (proxy->modern && !virtio_pci_modern_init(proxy, error)) {
        virtio_pci_modern_exit(proxy);
        return false;
    }
    if (proxy->vectors > 0 && !msix_init_exclusive_bar(dev, proxy->vectors, VIRTIO_PCI_BAR_MSIX, &msix_error)) {
        warn_report("unable to init msix vectors to %u", proxy->vectors);
        proxy->vectors = 0;
    }
    if (proxy->legacy) {
        virtio_pci_legacy_init(proxy);
    }
    return true;
}

static void virtio_pci_unplugged(VirtIOBus *bus)
{
    VirtIOPCIProxy *proxy = virtio_pci_of_bus(bus);

    virtio_pci_stop_doorbells(proxy);
    g_clear_pointer(&proxy->queues, g_free);
}

static void virtio_pci_bus_class_init(ObjectClass *klass, const void *data)
{
    VirtIOBusClass *bc = VIRTIO_BUS_CLASS(klass);

    bc->notify = virtio_pci_notify;
    bc->run_state = virtio_pci_run_state;
    bc->pre_plugged = virtio_pci_pre_plugged;
    bc->plugged = virtio_pci_plugged;
    bc->unplugged = virtio_pci_unplugged;
    bc->dma_as = virtio_pci_dma_as;
    bc->save_config = virtio_pci_save_config;
    bc->load_config = virtio_pci_load_config;
    bc->save_queue = virtio_pci_save_queue;
    bc->load_queue = virtio_pci_load_queue;
    bc->extra_state = virtio_pci_extra_state;
}

static const TypeInfo virtio_pci_bus_type = {
    .name = TYPE_VIRTIO_PCI_BUS, .parent = TYPE_VIRTIO_BUS, .size = sizeof(VirtIOBus),
    .class_size = sizeof(VirtIOBusClass), .class_init = virtio_pci_bus_class_init,
};

TYPE_REGISTER(virtio_pci_bus_type)

/* ---- Realize ---- */

static bool behind_port(PCIDevice *dev)
{
    PCIBus *bus = pci_device_bus(dev);

    return pci_bus_is_express(bus) && !pci_bus_is_root(bus);
}

/* An integrated endpoint has no PCIe capability here, nor a device without the modern interface. */
static bool virtio_pci_is_express(PCIDevice *dev)
{
    VirtIOPCIProxy *proxy = VIRTIO_PCI(dev);

    return behind_port(dev) && !proxy->disable_modern && !virtio_pci_flag(proxy, VIRTIO_PCI_DISABLE_PCIE_BIT);
}

static bool realize_backend(VirtIOPCIProxy *proxy, GError **error)
{
    const VirtIOPCIType *type = VIRTIO_PCI_GET_CLASS(proxy)->type;

    bus_init(&proxy->bus, sizeof(proxy->bus), TYPE_VIRTIO_PCI_BUS, (DeviceState *)proxy, "virtio-bus");
    if ((type->realize && !type->realize(proxy, error))
        || !device_realize((DeviceState *)proxy->vdev, (BusState *)&proxy->bus, error)) {
        bus_unparent((BusState *)&proxy->bus);
        return false;
    }
    return true;
}

static bool virtio_pci_realize(PCIDevice *dev, GError **error)
{
    VirtIOPCIProxy *proxy = VIRTIO_PCI(dev);

    if (proxy->disable_legacy == ON_OFF_AUTO_AUTO) {
        proxy->disable_legacy = behind_port(dev) ? ON_OFF_AUTO_ON : ON_OFF_AUTO_OFF; /* and is shown so */
    }
    proxy->modern = !proxy->disable_modern;
    proxy->legacy = proxy->disable_legacy == ON_OFF_AUTO_OFF;
    if (!proxy->modern && !proxy->legacy) {
        return error_setf(error, "device cannot work as neither modern nor legacy mode is enabled");
    }
    if ((pci_is_express(dev) && !virtio_pci_express_init(proxy, error)) || !realize_backend(proxy, error)) {
        pcie_aer_exit(dev);
        pcie_cap_exit(dev);
        return false;
    }
    return true;
}

static void virtio_pci_exit(PCIDevice *dev)
{
    VirtIOPCIProxy *proxy = VIRTIO_PCI(dev);

    device_unrealize((DeviceState *)proxy->vdev);
    bus_unparent((BusState *)&proxy->bus);
    virtio_pci_modern_exit(proxy);
    virtio_pci_legacy_exit(proxy);
    pcie_aer_exit(dev);
    pcie_cap_exit(dev);
}

#define FLAG(name, bit, on) DEFINE_PROP_BIT(name, VirtIOPCIProxy, flags, VIRTIO_PCI_##bit##_BIT, on)

static const Property virtio_pci_props[] = {
    FLAG("virtio-pci-bus-master-bug-migration", BUS_MASTER_BUG, false),
    FLAG("migrate-extra", MIGRATE_EXTRA, true),
    FLAG("modern-pio-notify", MODERN_PIO_NOTIFY, false),
    FLAG("x-disable-pcie", DISABLE_PCIE, false),
    FLAG("page-per-vq", PAGE_PER_VQ, false),
    DEFINE_PROP_BOOL("x-ignore-backend-features", VirtIOPCIProxy, ignore_backend_features, false),
    FLAG("ats", ATS, false),
    FLAG("x-ats-page-aligned", ATS_PAGE_ALIGNED, true),
    FLAG("x-pcie-deverr-init", INIT_DEVERR, true),
    FLAG("x-pcie-lnkctl-init", INIT_LNKCTL, true),
    FLAG("x-pcie-pm-init", INIT_PM, true),
    FLAG("x-pcie-flr-init", INIT_FLR, true),
    FLAG("aer", AER, false),
};

static void virtio_pci_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);

    dc->reset.hold = virtio_pci_reset_hold;
    pc->realize = virtio_pci_realize;
    pc->exit = virtio_pci_exit;
    pc->config_read = virtio_pci_config_read;
    pc->config_write = virtio_pci_config_write;
    pc->is_express = virtio_pci_is_express;
    pc->vendor_id = PCI_VENDOR_ID_REDHAT_QUMRANET;
    pc->class_id = PCI_CLASS_OTHERS;
    object_class_add_props(klass, virtio_pci_props, G_N_ELEMENTS(virtio_pci_props));
}

static const TypeInfo virtio_pci_type = {
    .name = TYPE_VIRTIO_PCI, .parent = TYPE_PCI_DEVICE, .size = sizeof(VirtIOPCIProxy),
    .class_size = sizeof(VirtIOPCIClass), .abstract = true, .class_init = virtio_pci_class_init,
};

TYPE_REGISTER(virtio_pci_type)

/* ---- Wrapper types ---- */

static Object *find_backend(Object *obj)
{
    return (Object *)VIRTIO_PCI(obj)->vdev;
}

static void wrapper_class_init(ObjectClass *klass, const void *data)
{
    const VirtIOPCIType *type = data;

    DEVICE_CLASS(klass)->categories = 1u << type->category;
    klass->description = type->description;
    VIRTIO_PCI_CLASS(klass)->type = type;
    object_class_add_props(klass, type->props, type->num_props);
    object_class_add_alias_props(klass, type->vdev_type, TYPE_DEVICE, find_backend);
}

static void wrapper_init(Object *obj)
{
    VirtIOPCIProxy *proxy = VIRTIO_PCI(obj);
    DeviceState *vdev = device_new(VIRTIO_PCI_GET_CLASS(obj)->type->vdev_type);

    proxy->vdev = VIRTIO_DEVICE(vdev);
    object_add_child(obj, "virtio-backend", (Object *)vdev);
    object_unref(vdev);
}

static const Property generic_props[] = {
    DEFINE_PROP_ON_OFF_AUTO("disable-legacy", VirtIOPCIProxy, disable_legacy, ON_OFF_AUTO_AUTO),
    DEFINE_PROP_BOOL("disable-modern", VirtIOPCIProxy, disable_modern, false),
};

static void generic_class_init(ObjectClass *klass, const void *data)
{
    const VirtIOPCIType *type = data;

    DEVICE_CLASS(klass)->alias = type->alias;
    object_class_add_props(klass, generic_props, G_N_ELEMENTS(generic_props));
}

static void transitional_init(Object *obj)
{
    VIRTIO_PCI(obj)->disable_legacy = ON_OFF_AUTO_OFF;
}

static void non_transitional_init(Object *obj)
{
    VIRTIO_PCI(obj)->disable_legacy = ON_OFF_AUTO_ON;
}

static void register_wrapper(const char *name, const char *suffix, TypeInfo info)
{
    TypeInfo *copy = g_memdup2(&info, sizeof(info));

    copy->name = g_strconcat(name, suffix, NULL);
    type_register(copy);
}

void virtio_pci_register(const VirtIOPCIType *type)
{
    static const char *const both[] = { INTERFACE_PCIE_DEVICE, INTERFACE_CONVENTIONAL_PCI, NULL };
    static const char *const conventional[] = { INTERFACE_CONVENTIONAL_PCI, NULL }; /* legacy needs I/O ports */
    const char *base = g_strconcat(type->name, "-base", NULL);

    register_wrapper(type->name, "-base", (TypeInfo){
        .parent = TYPE_VIRTIO_PCI, .abstract = true, .class_init = wrapper_class_init, .class_data = type,
        .init = wrapper_init,
    });
    register_wrapper(type->name, "", (TypeInfo){
        .parent = base, .class_init = generic_class_init, .class_data = type, .interfaces = both });
    register_wrapper(type->name, "-transitional", (TypeInfo){
        .parent = base, .init = transitional_init, .interfaces = conventional });
    register_wrapper(type->name, "-non-transitional", (TypeInfo){
        .parent = base, .init = non_transitional_init, .interfaces = both });
}
