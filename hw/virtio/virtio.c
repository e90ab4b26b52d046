/* Virtio devices: features, status, config space, interrupts, and the registers of queues that transports share. */
#include "hw/virtio/virtqueue.h"

#include "system/runstate.h"
#include "util/error.h"
#include "util/log.h"
#include "util/trace.h"
#include "util/units.h"

enum { ISR_QUEUE = 1, ISR_CONFIG = 2 };

#define LEGACY_RING_ALIGN 4096

/* Features that only a legacy driver is offered (6.3, "Legacy Interface: Reserved Feature Bits"). */
#define LEGACY_FEATURES (1u << VIRTIO_F_BAD_FEATURE | 1u << VIRTIO_F_NOTIFY_ON_EMPTY | 1u << VIRTIO_F_ANY_LAYOUT)

static const char *device_name(const VirtIODevice *vdev)
{
    return VIRTIO_DEVICE_GET_CLASS(vdev)->name;
}

static VirtIOBusClass *bus_class(const VirtIODevice *vdev)
{
    return vdev->parent_obj.bus ? object_class_cast(vdev->parent_obj.bus->parent_obj.klass, TYPE_VIRTIO_BUS) : NULL;
}

/* ---- Interrupts and errors ---- */

void virtio_interrupt(VirtIODevice *vdev, uint16_t vector, bool config)
{
    VirtIOBusClass *bc = bus_class(vdev);

    vdev->isr |= config ? ISR_QUEUE | ISR_CONFIG : ISR_QUEUE;
    if (bc && bc->notify) {
        bc->notify(virtio_device_bus(vdev), vector);
    }
}

/* ISR was reset: an INTx line follows it down. */
static void interrupt_withdraw(VirtIODevice *vdev)
{
    VirtIOBusClass *bc = bus_class(vdev);

    vdev->isr = 0;
    if (bc && bc->notify) {
        bc->notify(virtio_device_bus(vdev), VIRTIO_NO_VECTOR);
    }
}

void virtio_notify_config(VirtIODevice *vdev)
{
    if (vdev->status & VIRTIO_STATUS_DRIVER_OK) {
        vdev->generation++;
        virtio_interrupt(vdev, vdev->config_vector, true);
    }
}

bool virtio_error(VirtIODevice *vdev, const char *format, ...)
{
    if (log_mask & LOG_GUEST_ERROR) {
        va_list ap;
        g_autofree char *text = NULL;

        va_start(ap, format);
        text = g_strdup_vprintf(format, ap);
        va_end(ap);
        log_guest_error("%s: %s\n", device_name(vdev), text);
    }
    if (vdev->broken) {
        return false;
    }
    vdev->broken = true;
    if (virtio_has_feature(vdev, VIRTIO_F_VERSION_1)) {
        vdev->status |= VIRTIO_STATUS_NEEDS_RESET;
        virtio_notify_config(vdev);
    }
    return false;
}

/* ---- Features ---- */

static bool validate_features(VirtIODevice *vdev)
{
    VirtIODeviceClass *vdc = VIRTIO_DEVICE_GET_CLASS(vdev);

    /* 6.2: a device that needs translated addresses can't serve a driver that gives others. */
    if (virtio_host_has_feature(vdev, VIRTIO_F_IOMMU_PLATFORM) && !virtio_has_feature(vdev, VIRTIO_F_IOMMU_PLATFORM)) {
        return false;
    }
    return !vdc->validate_features || vdc->validate_features(vdev);
}

static void take_features(VirtIODevice *vdev, uint64_t features)
{
    VirtIODeviceClass *vdc = VIRTIO_DEVICE_GET_CLASS(vdev);

    if (vdc->set_features) {
        vdc->set_features(vdev, features);
    }
    vdev->guest_features = features;
    for (unsigned i = 0; i < vdev->num_queues; i++) {
        virtqueue_unmap(vdev->vqs[i]); /* the format or the length may be another */
    }
}

bool virtio_set_features(VirtIODevice *vdev, uint64_t features)
{
    if (vdev->status & VIRTIO_STATUS_FEATURES_OK) {
        return false; /* 3.1.1: not after that */
    }
    if (features >> VIRTIO_F_BAD_FEATURE & 1) {
        log_guest_error("%s: guest driver has enabled UNUSED/VIRTIO_F_BAD_FEATURE feature bit!\n", device_name(vdev));
    }
    take_features(vdev, features & vdev->host_features);
    if (!virtio_device_started(vdev) && !virtio_has_feature(vdev, VIRTIO_F_VERSION_1)) {
        vdev->start_on_kick = true;
    }
    return (features & ~vdev->host_features) == 0;
}

/* ---- Status ---- */

bool virtio_device_started(const VirtIODevice *vdev)
{
    return vdev->use_started ? vdev->started : vdev->status & VIRTIO_STATUS_DRIVER_OK;
}

void virtio_set_started(VirtIODevice *vdev, bool started)
{
    if (started) {
        vdev->start_on_kick = false;
    }
    if (vdev->use_started) {
        vdev->started = started;
    }
}

void virtio_set_disabled(VirtIODevice *vdev, bool disabled)
{
    if (vdev->use_disabled_flag) {
        vdev->disabled = disabled;
    }
}

void virtio_set_status(VirtIODevice *vdev, uint8_t status)
{
    VirtIODeviceClass *vdc = VIRTIO_DEVICE_GET_CLASS(vdev);
    uint8_t changed = vdev->status ^ status;

    trace(virtio_set_status, "vdev %p val %u", (void *)vdev, status);
    if (virtio_has_feature(vdev, VIRTIO_F_VERSION_1) && changed & status & VIRTIO_STATUS_FEATURES_OK
        && !validate_features(vdev)) {
        return;
    }
    if (changed & VIRTIO_STATUS_DRIVER_OK) {
        virtio_set_started(vdev, status & VIRTIO_STATUS_DRIVER_OK);
    }
    if (vdc->set_status) {
        vdc->set_status(vdev, status);
    }
    vdev->status = status;
}

void virtio_reset(VirtIODevice *vdev)
{
    VirtIODeviceClass *vdc = VIRTIO_DEVICE_GET_CLASS(vdev);

    virtio_set_status(vdev, 0);
    if (vdc->reset) {
        vdc->reset(vdev);
    }
    virtio_kick_clear(vdev);
    vdev->queue_sel = 0;
    vdev->config_vector = VIRTIO_NO_VECTOR;
    vdev->broken = vdev->started = vdev->start_on_kick = vdev->disabled = false;
    take_features(vdev, 0);
    for (unsigned i = 0; i < vdev->num_queues; i++) {
        virtqueue_init(vdev->vqs[i]);
    }
    interrupt_withdraw(vdev);
}

/* ---- Config space ---- */

void virtio_set_config_size(VirtIODevice *vdev, size_t config_len)
{
    g_assert(config_len <= VIRTIO_CONFIG_MAX);
    vdev->config_len = config_len;
    vdev->config = g_malloc0(config_len);
}

static bool config_in_range(const VirtIODevice *vdev, uint32_t addr, unsigned size)
{
    return addr < vdev->config_len && size <= vdev->config_len - addr;
}

uint32_t virtio_config_read(VirtIODevice *vdev, uint32_t addr, unsigned size)
{
    if (!config_in_range(vdev, addr, size)) {
        return UINT32_MAX;
    }
    VIRTIO_DEVICE_GET_CLASS(vdev)->get_config(vdev, vdev->config);
    return load_le(vdev->config + addr, size);
}

void virtio_config_write(VirtIODevice *vdev, uint32_t addr, uint32_t value, unsigned size)
{
    VirtIODeviceClass *vdc = VIRTIO_DEVICE_GET_CLASS(vdev);

    if (config_in_range(vdev, addr, size)) {
        store_le(vdev->config + addr, size, value);
        if (vdc->set_config) {
            vdc->set_config(vdev, vdev->config);
        }
    }
}

/* ---- Queues' registers ---- */

uint16_t virtio_queue_num(VirtIODevice *vdev, unsigned n)
{
    return n < vdev->num_queues ? vdev->vqs[n]->num : 0;
}

uint16_t virtio_queue_max_num(VirtIODevice *vdev, unsigned n)
{
    return n < vdev->num_queues ? vdev->vqs[n]->num_max : 0;
}

void virtio_queue_set_num(VirtIODevice *vdev, unsigned n, uint16_t num)
{
    VirtQueue *vq = virtio_queue(vdev, n);
    bool packed = virtio_has_feature(vdev, VIRTIO_F_RING_PACKED);

    if (!vq) {
        return;
    }
    if (num == 0 || num > vq->num_max || (!packed && !IS_POWER_OF_2(num))) {
        log_guest_error("%s: queue %u: bad size %u (up to %u)\n", device_name(vdev), n, num, vq->num_max);
        return;
    }
    if (vq->in_flight > 0 || vq->desc != 0) {
        log_guest_error("%s: queue %u: size changed while in use\n", device_name(vdev), n);
        return;
    }
    vq->num = num;
    virtqueue_unmap(vq);
}

/* Rings are where the guest says from now on; a place that can't be is found here and not at the first doorbell. */
static bool queue_place(VirtQueue *vq, hwaddr desc, hwaddr avail, hwaddr used)
{
    vq->desc = desc;
    vq->avail = avail;
    vq->used = used;
    virtqueue_unmap(vq);
    return desc == 0 || virtqueue_map(vq);
}

bool virtio_queue_set_rings(VirtIODevice *vdev, unsigned n, hwaddr desc, hwaddr avail, hwaddr used)
{
    VirtQueue *vq = virtio_queue(vdev, n);

    return vq && queue_place(vq, desc, avail, used);
}

void virtqueue_place_legacy(VirtQueue *vq, hwaddr desc)
{
    hwaddr avail = desc + vq->num * VIRTQ_DESC_SIZE;

    /* 2.7.2: the used ring begins at the next aligned address after flags, index, entries and event of the other. */
    vq->avail = avail;
    vq->used = ROUND_UP(avail + 2 * (3 + vq->num), LEGACY_RING_ALIGN);
    vq->desc = desc;
    virtqueue_unmap(vq);
}

void virtio_queue_set_legacy_addr(VirtIODevice *vdev, unsigned n, hwaddr desc)
{
    VirtQueue *vq = virtio_queue(vdev, n);

    if (vq) {
        virtqueue_place_legacy(vq, desc);
        if (desc != 0) {
            virtqueue_map(vq);
        }
    }
}

hwaddr virtio_queue_desc_addr(VirtIODevice *vdev, unsigned n)
{
    return n < vdev->num_queues ? vdev->vqs[n]->desc : 0;
}

uint16_t virtio_queue_vector(VirtIODevice *vdev, unsigned n)
{
    return n < vdev->num_queues ? vdev->vqs[n]->vector : VIRTIO_NO_VECTOR;
}

void virtio_queue_set_vector(VirtIODevice *vdev, unsigned n, uint16_t vector)
{
    if (n < vdev->num_queues) {
        vdev->vqs[n]->vector = vector;
    }
}

void virtio_queue_reset(VirtIODevice *vdev, unsigned n)
{
    VirtIODeviceClass *vdc = VIRTIO_DEVICE_GET_CLASS(vdev);

    if (n < vdev->num_queues) {
        if (vdc->queue_reset) {
            vdc->queue_reset(vdev, n);
        }
        virtqueue_init(vdev->vqs[n]);
    }
}

/* ---- Life ---- */

static void run_state_changed(void *opaque, bool running, RunState state)
{
    VirtIODevice *vdev = opaque;
    VirtIODeviceClass *vdc = VIRTIO_DEVICE_GET_CLASS(vdev);
    VirtIOBusClass *bc = bus_class(vdev);

    if (bc->run_state) {
        bc->run_state(virtio_device_bus(vdev), running);
    }
    if (vdc->run_state) {
        vdc->run_state(vdev, running);
    }
    if (running) {
        virtio_kick_again(vdev);
    }
}

/* The features of both sides, and where the device's memory accesses go. */
static bool negotiate_with_bus(VirtIODevice *vdev, GError **error)
{
    VirtIOBus *bus = virtio_device_bus(vdev);
    VirtIOBusClass *bc = bus_class(vdev);
    VirtIODeviceClass *vdc = VIRTIO_DEVICE_GET_CLASS(vdev);
    bool iommu = virtio_host_has_feature(vdev, VIRTIO_F_IOMMU_PLATFORM);

    vdev->dma_as = iommu && bc->dma_as ? bc->dma_as(bus) : &address_space_memory;
    if (bc->pre_plugged && !bc->pre_plugged(bus, error)) {
        return false;
    }
    vdev->host_features = vdc->get_features(vdev, vdev->host_features);
    return !bc->plugged || bc->plugged(bus, error);
}

static void virtio_device_free_queues(VirtIODevice *vdev)
{
    for (unsigned i = 0; i < vdev->num_queues; i++) {
        virtqueue_free(vdev->vqs[i]);
    }
    g_clear_pointer(&vdev->vqs, g_free);
    vdev->num_queues = 0;
    g_clear_pointer(&vdev->config, g_free);
    virtio_kick_free(vdev);
}

static bool virtio_device_realize(DeviceState *dev, GError **error)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(dev);
    VirtIODeviceClass *vdc = VIRTIO_DEVICE_GET_CLASS(vdev);
    VirtIOBus *bus = virtio_device_bus(vdev);

    vdev->config_vector = VIRTIO_NO_VECTOR;
    virtio_kick_init(vdev);
    if (!vdc->realize(vdev, error)) {
        virtio_device_free_queues(vdev);
        return false;
    }
    bus->vdev = vdev;
    if (!negotiate_with_bus(vdev, error)) {
        bus->vdev = NULL;
        if (vdc->unrealize) {
            vdc->unrealize(vdev);
        }
        virtio_device_free_queues(vdev);
        return false;
    }
    vdev->run_state_handler = runstate_add_handler(run_state_changed, vdev);
    return true;
}

static void virtio_device_unrealize(DeviceState *dev)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(dev);
    VirtIODeviceClass *vdc = VIRTIO_DEVICE_GET_CLASS(vdev);
    VirtIOBus *bus = virtio_device_bus(vdev);
    VirtIOBusClass *bc = bus_class(vdev);

    runstate_remove_handler(vdev->run_state_handler);
    virtio_reset(vdev); /* nothing in flight any more */
    if (bc->unplugged) {
        bc->unplugged(bus);
    }
    if (vdc->unrealize) {
        vdc->unrealize(vdev);
    }
    bus->vdev = NULL;
    virtio_device_free_queues(vdev);
}

static const Property virtio_props[] = {
    DEFINE_PROP_BIT64("indirect_desc", VirtIODevice, host_features, VIRTIO_F_INDIRECT_DESC, true),
    DEFINE_PROP_BIT64("event_idx", VirtIODevice, host_features, VIRTIO_F_EVENT_IDX, true),
    DEFINE_PROP_BIT64("notify_on_empty", VirtIODevice, host_features, VIRTIO_F_NOTIFY_ON_EMPTY, true),
    DEFINE_PROP_BIT64("any_layout", VirtIODevice, host_features, VIRTIO_F_ANY_LAYOUT, true),
    DEFINE_PROP_BIT64("iommu_platform", VirtIODevice, host_features, VIRTIO_F_IOMMU_PLATFORM, false),
    DEFINE_PROP_BIT64("packed", VirtIODevice, host_features, VIRTIO_F_RING_PACKED, false),
    DEFINE_PROP_BIT64("queue_reset", VirtIODevice, host_features, VIRTIO_F_RING_RESET, true),
    DEFINE_PROP_BOOL("use-started", VirtIODevice, use_started, true),
    DEFINE_PROP_BOOL("use-disabled-flag", VirtIODevice, use_disabled_flag, true),
    DEFINE_PROP_BOOL("x-disable-legacy-check", VirtIODevice, disable_legacy_check, false),
};

static void virtio_device_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    VirtIODeviceClass *vdc = VIRTIO_DEVICE_CLASS(klass);

    dc->realize = virtio_device_realize;
    dc->unrealize = virtio_device_unrealize;
    dc->bus_type = TYPE_VIRTIO_BUS;
    vdc->legacy_features = LEGACY_FEATURES;
    object_class_add_props(klass, virtio_props, G_N_ELEMENTS(virtio_props));
}

static const TypeInfo virtio_device_type = {
    .name = TYPE_VIRTIO_DEVICE, .parent = TYPE_DEVICE, .size = sizeof(VirtIODevice),
    .class_size = sizeof(VirtIODeviceClass), .abstract = true, .class_init = virtio_device_class_init,
};

TYPE_REGISTER(virtio_device_type)
