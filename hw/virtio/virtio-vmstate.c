/*
 * A virtio device in the migration stream: one opaque field "virtio", whose layout is older than descriptions. The
 * transport's part, what all devices have, the queues, the device's own part, and subsections for all that came later.
 *
 * Nothing of it is trusted: counts and sizes are bounded, ring indices are compared with the rings in guest memory,
 * which was loaded before, and requests in flight are checked as if they were popped.
 */
#include "hw/virtio/virtqueue.h"

#include <inttypes.h>

#include "util/error.h"
#include "util/log.h"

static VirtIOBusClass *bus_class(const VirtIODevice *vdev)
{
    return object_class_cast(vdev->parent_obj.bus->parent_obj.klass, TYPE_VIRTIO_BUS);
}

/* ---- Subsections: the struct is the VirtIODevice ---- */

static bool offers_64bit(void *opaque)
{
    return ((VirtIODevice *)opaque)->host_features >> 32 != 0;
}

static bool offers_version_1(void *opaque)
{
    return virtio_host_has_feature(opaque, VIRTIO_F_VERSION_1);
}

static bool offers_packed(void *opaque)
{
    return virtio_host_has_feature(opaque, VIRTIO_F_RING_PACKED);
}

static bool has_resized_ring(void *opaque)
{
    VirtIODevice *vdev = opaque;

    for (unsigned i = 0; i < vdev->num_queues; i++) {
        if (vdev->vqs[i]->num != vdev->vqs[i]->num_max) {
            return true;
        }
    }
    return false;
}

static bool is_broken(void *opaque)
{
    return ((VirtIODevice *)opaque)->broken;
}

static bool is_started(void *opaque)
{
    return ((VirtIODevice *)opaque)->started;
}

static bool is_disabled(void *opaque)
{
    return ((VirtIODevice *)opaque)->disabled;
}

static const VMStateDescription *extra_state(VirtIODevice *vdev)
{
    VirtIOBusClass *bc = bus_class(vdev);

    return bc->extra_state ? bc->extra_state(virtio_device_bus(vdev)) : NULL;
}

static bool has_extra_state(void *opaque)
{
    return extra_state(opaque) != NULL;
}

/* An array with a place for every queue that a device could have, as long as the longest. */
static void put_for_all_queues(Stream *s, VirtIODevice *vdev, void (*put)(Stream *s, const VirtQueue *vq))
{
    static const VirtQueue none = { .last_avail = { .wrap = true }, .used_pos = { .wrap = true } };

    for (unsigned i = 0; i < VIRTIO_QUEUE_MAX; i++) {
        put(s, i < vdev->num_queues ? vdev->vqs[i] : &none);
    }
}

static void get_for_all_queues(Stream *s, VirtIODevice *vdev, void (*get)(Stream *s, VirtQueue *vq))
{
    for (unsigned i = 0; i < VIRTIO_QUEUE_MAX; i++) {
        VirtQueue dropped = { 0 };

        get(s, i < vdev->num_queues ? vdev->vqs[i] : &dropped);
    }
}

#define DEFINE_PER_QUEUE(id, kind_name)                                                     \
    static bool get_##id(Stream *s, void *where, size_t size, const VMStateField *field, GError **error) \
    {                                                                                       \
        get_for_all_queues(s, where, get_one_##id);                                         \
        return true;                                                                        \
    }                                                                                       \
    static void put_##id(Stream *s, const void *where, size_t size, const VMStateField *field) \
    {                                                                                       \
        put_for_all_queues(s, (VirtIODevice *)where, put_one_##id);                         \
    }                                                                                       \
    static const VMStateKind id##_kind = { .name = kind_name, .get = get_##id, .put = put_##id };

static void get_one_addresses(Stream *s, VirtQueue *vq)
{
    vq->avail = stream_get_be64(s);
    vq->used = stream_get_be64(s);
}

static void put_one_addresses(Stream *s, const VirtQueue *vq)
{
    stream_put_be64(s, vq->avail);
    stream_put_be64(s, vq->used);
}

DEFINE_PER_QUEUE(addresses, "virtqueue_state")

static void get_one_ringsize(Stream *s, VirtQueue *vq)
{
    uint32_t num = stream_get_be32(s);

    if (num > 0 && num <= VIRTQUEUE_MAX_SIZE) {
        vq->num_max = num;
    }
}

static void put_one_ringsize(Stream *s, const VirtQueue *vq)
{
    stream_put_be32(s, vq->num_max);
}

DEFINE_PER_QUEUE(ringsize, "ringsize_state")

static void get_one_packed(Stream *s, VirtQueue *vq)
{
    vq->last_avail.idx = stream_get_be16(s);
    vq->last_avail.wrap = stream_get_u8(s);
    vq->used_pos.idx = stream_get_be16(s);
    vq->used_pos.wrap = stream_get_u8(s);
    vq->in_flight = stream_get_be32(s);
}

static void put_one_packed(Stream *s, const VirtQueue *vq)
{
    stream_put_be16(s, vq->last_avail.idx);
    stream_put_u8(s, vq->last_avail.wrap);
    stream_put_be16(s, vq->used_pos.idx);
    stream_put_u8(s, vq->used_pos.wrap);
    stream_put_be32(s, vq->in_flight);
}

DEFINE_PER_QUEUE(packed, "packed_virtqueue_state")

static bool get_extra(Stream *s, void *where, size_t size, const VMStateField *field, GError **error)
{
    VirtIODevice *vdev = where;
    const VMStateDescription *desc = extra_state(vdev);

    if (!desc) {
        return vmstate_error(error, EPERM, "%s", "");
    }
    return vmstate_load(s, desc, vdev->parent_obj.bus->parent, desc->version_id, error);
}

static bool save_extra(Stream *s, void *where, size_t size, const VMStateField *field, GString *json, GError **error)
{
    VirtIODevice *vdev = where;

    return vmstate_save(s, extra_state(vdev), vdev->parent_obj.bus->parent, NULL, error);
}

static const VMStateKind extra_kind = { .name = "virtio_extra_state", .get = get_extra, .save = save_extra };

#define SUBSECTION(ident, text, condition, ...)                                             \
    static const VMStateDescription ident = {                                               \
        .name = "virtio/" text, .version_id = 1, .minimum_version_id = 1, .needed = condition, \
        .fields = VMS_FIELDS(__VA_ARGS__),                                                  \
    };
#define WHOLE_DEVICE(field_name, k) { .name = field_name, .kind = &(k), .num = 1 }

SUBSECTION(vmstate_64bit_features, "64bit_features", offers_64bit, VMS_U64(VirtIODevice, guest_features))
SUBSECTION(vmstate_virtqueues, "virtqueues", offers_version_1, WHOLE_DEVICE("vqs", addresses_kind))
SUBSECTION(vmstate_ringsize, "ringsize", has_resized_ring, WHOLE_DEVICE("vqs", ringsize_kind))
SUBSECTION(vmstate_broken, "broken", is_broken, VMS_BOOL(VirtIODevice, broken))
SUBSECTION(vmstate_extra_state, "extra_state", has_extra_state, WHOLE_DEVICE("extra_state", extra_kind))
SUBSECTION(vmstate_started, "started", is_started, VMS_BOOL(VirtIODevice, started))
SUBSECTION(vmstate_packed, "packed_virtqueues", offers_packed, WHOLE_DEVICE("vqs", packed_kind))
SUBSECTION(vmstate_disabled, "disabled", is_disabled, VMS_BOOL(VirtIODevice, disabled))

static const VMStateDescription vmstate_virtio = {
    .name = "virtio", .version_id = 1, .minimum_version_id = 1,
    .fields = VMS_FIELDS({ 0 }),
    .subsections = VMS_SUBSECTIONS(&vmstate_64bit_features, &vmstate_virtqueues, &vmstate_ringsize, &vmstate_broken,
                                   &vmstate_extra_state, &vmstate_started, &vmstate_packed, &vmstate_disabled),
};

/* ---- Save ---- */

static unsigned count_queues(const VirtIODevice *vdev)
{
    unsigned n = 0;

    while (n < vdev->num_queues && vdev->vqs[n]->num != 0) {
        n++;
    }
    return n;
}

static bool virtio_save(Stream *s, void *where, size_t size, const VMStateField *field, GString *json, GError **error)
{
    VirtIODevice *vdev = where;
    VirtIODeviceClass *vdc = VIRTIO_DEVICE_GET_CLASS(vdev);
    VirtIOBusClass *bc = bus_class(vdev);
    VirtIOBus *bus = virtio_device_bus(vdev);
    unsigned queues = count_queues(vdev);

    if (bc->save_config) {
        bc->save_config(bus, s);
    }
    stream_put_u8(s, vdev->status);
    stream_put_u8(s, vdev->isr);
    stream_put_be16(s, vdev->queue_sel);
    stream_put_be32(s, vdev->guest_features);
    stream_put_be32(s, vdev->config_len);
    stream_put(s, vdev->config, vdev->config_len);
    stream_put_be32(s, queues);
    for (unsigned i = 0; i < queues; i++) {
        const VirtQueue *vq = vdev->vqs[i];

        stream_put_be32(s, vq->num);
        stream_put_be64(s, vq->desc);
        stream_put_be16(s, vq->last_avail.idx);
        if (bc->save_queue) {
            bc->save_queue(bus, i, s);
        }
    }
    if (vdc->save) {
        vdc->save(vdev, s);
    }
    if (vdc->device_vmsd && !vmstate_save(s, vdc->device_vmsd, vdev, NULL, error)) {
        return false;
    }
    return vmstate_save(s, &vmstate_virtio, vdev, NULL, error);
}

/* ---- Load ---- */

/* The wire has a queue that this device has not, or a size that no queue can have. */
static bool refuse_size(unsigned queue, uint32_t num, unsigned max, GError **error)
{
    return vmstate_error(error, EPERM, "VQ %u vring.num %u exceeds allocated max %u", queue, num, max);
}

static bool load_queue(VirtIODevice *vdev, unsigned n, Stream *s, GError **error)
{
    VirtIOBusClass *bc = bus_class(vdev);
    VirtQueue *vq = virtio_queue(vdev, n);
    uint32_t num = stream_get_be32(s);
    uint64_t desc = stream_get_be64(s);
    uint16_t last_avail = stream_get_be16(s);

    if (desc == 0 && last_avail != 0) {
        return vmstate_error(error, EPERM, "VQ %u address 0x0 inconsistent with Host index 0x%x", n, last_avail);
    }
    if (num > VIRTQUEUE_MAX_SIZE) {
        return refuse_size(n, num, VIRTQUEUE_MAX_SIZE, error);
    }
    if (vq) {
        virtqueue_init(vq);
        vq->num = num;
        vq->last_avail.idx = last_avail;
        virtqueue_place_legacy(vq, desc); /* the subsection has a modern queue's own places */
        vq->num_loaded = 0;
    } else if (desc != 0) {
        return refuse_size(n, num, 0, error); /* the guest uses it: it would never be answered */
    }
    return !bc->load_queue || bc->load_queue(virtio_device_bus(vdev), n, s, error);
}

static bool load_queues(VirtIODevice *vdev, Stream *s, GError **error)
{
    uint32_t queues = stream_get_be32(s);

    if (queues > VIRTIO_QUEUE_MAX) {
        return vmstate_error(error, EPERM, "Invalid number of virtqueues: 0x%x", queues);
    }
    for (unsigned i = 0; i < queues; i++) {
        if (!load_queue(vdev, i, s, error)) {
            return false;
        }
    }
    for (unsigned i = queues; i < vdev->num_queues; i++) {
        virtqueue_init(vdev->vqs[i]);
        vdev->vqs[i]->num_loaded = 0;
    }
    return true;
}

static void load_config_space(VirtIODevice *vdev, Stream *s)
{
    uint32_t len = stream_get_be32(s);
    size_t take = MIN(len, vdev->config_len);

    stream_get(s, vdev->config, take);
    stream_skip(s, len - take);
}

/* A split ring says in guest memory how far both sides are. */
static bool check_split(VirtQueue *vq, GError **error)
{
    uint16_t last = vq->last_avail.idx, guest = virt_load16(vq->map_avail.host + 2);
    uint16_t delta = guest - last;

    if (delta > vq->num) {
        error_report("VQ %u size 0x%x Guest index 0x%x inconsistent with Host index 0x%x: delta 0x%x", vq->number,
                     vq->num, guest, last, delta);
        vq->vdev->broken = true;
        if (virtio_has_feature(vq->vdev, VIRTIO_F_VERSION_1)) {
            vq->vdev->status |= VIRTIO_STATUS_NEEDS_RESET;
        }
        return true;
    }
    vq->shadow_avail = guest;
    vq->used_pos.idx = virt_load16(vq->map_used.host + 2);
    vq->in_flight = (uint16_t)(last - vq->used_pos.idx);
    if (vq->in_flight > vq->num) {
        return vmstate_error(error, EPERM, "VQ %u size 0x%x < last_avail_idx 0x%x - used_idx 0x%x", vq->number,
                             vq->num, last, vq->used_pos.idx);
    }
    return true;
}

static bool check_packed(VirtQueue *vq, GError **error)
{
    if (vq->last_avail.idx >= vq->num || vq->used_pos.idx >= vq->num || vq->in_flight > vq->num) {
        return vmstate_error(error, EPERM,
                             "VQ %u size 0x%x: last_avail_idx 0x%x, used_idx 0x%x or 0x%x in use is beyond", vq->number,
                             vq->num, vq->last_avail.idx, vq->used_pos.idx, vq->in_flight);
    }
    return true;
}

static bool check_queue(VirtQueue *vq, GError **error)
{
    bool packed = virtio_has_feature(vq->vdev, VIRTIO_F_RING_PACKED);

    virtqueue_unmap(vq);
    if (vq->desc == 0 || vq->num == 0 || !virtqueue_map(vq)) { /* no memory there: the device is broken now */
        vq->in_flight = 0;
    } else if (!(packed ? check_packed(vq, error) : check_split(vq, error))) {
        return false;
    }
    if (vq->num_loaded > vq->in_flight && !vq->vdev->broken) {
        return vmstate_error(error, EPERM, "VQ %u has %u requests in flight, but its ring says %u", vq->number,
                             vq->num_loaded, vq->in_flight);
    }
    return true;
}

static bool load_features(VirtIODevice *vdev, GError **error)
{
    VirtIODeviceClass *vdc = VIRTIO_DEVICE_GET_CLASS(vdev);

    if (vdev->guest_features & ~vdev->host_features) {
        uint64_t received = vdev->guest_features;

        vdev->guest_features = 0;
        return vmstate_error(error, EPERM, "Features 0x%" PRIx64 " unsupported. Allowed features: 0x%" PRIx64, received,
                             vdev->host_features);
    }
    if (vdc->set_features) {
        vdc->set_features(vdev, vdev->guest_features);
    }
    return true;
}

static bool load_finish(VirtIODevice *vdev, GError **error)
{
    VirtIODeviceClass *vdc = VIRTIO_DEVICE_GET_CLASS(vdev);

    if (!load_features(vdev, error)) {
        return false;
    }
    vdev->start_on_kick = !virtio_device_started(vdev) && !virtio_has_feature(vdev, VIRTIO_F_VERSION_1);
    for (unsigned i = 0; i < vdev->num_queues; i++) {
        if (!check_queue(vdev->vqs[i], error)) {
            return false;
        }
    }
    if (vdc->post_load && !vdc->post_load(vdev, error)) {
        return false;
    }
    virtio_kick_all(vdev); /* doorbells that rang on the other side are not in the stream */
    return true;
}

static bool virtio_load(Stream *s, void *where, size_t size, const VMStateField *field, GError **error)
{
    VirtIODevice *vdev = where;
    VirtIODeviceClass *vdc = VIRTIO_DEVICE_GET_CLASS(vdev);
    VirtIOBusClass *bc = bus_class(vdev);

    vdev->broken = vdev->started = vdev->disabled = false;
    if (bc->load_config && !bc->load_config(virtio_device_bus(vdev), s, error)) {
        return false;
    }
    vdev->status = stream_get_u8(s);
    vdev->isr = stream_get_u8(s);
    vdev->queue_sel = stream_get_be16(s);
    if (vdev->queue_sel >= VIRTIO_QUEUE_MAX) {
        vdev->queue_sel = 0;
        return vmstate_error(error, EPERM, "%s", "");
    }
    vdev->guest_features = stream_get_be32(s);
    load_config_space(vdev, s);
    if (!load_queues(vdev, s, error) || (vdc->load && !vdc->load(vdev, s, error))) {
        return false;
    }
    if (vdc->device_vmsd && !vmstate_load(s, vdc->device_vmsd, vdev, vdc->device_vmsd->version_id, error)) {
        return false;
    }
    return vmstate_load(s, &vmstate_virtio, vdev, 1, error) && load_finish(vdev, error);
}

const VMStateKind vms_kind_virtio = { .name = "virtio", .get = virtio_load, .save = virtio_save };

/* ---- Requests in flight: a C struct of a 64-bit little-endian host, as it lay in memory ---- */

enum {
    OLD_INDEX = 0,
    OLD_OUT_NUM = 4,
    OLD_IN_NUM = 8,
    OLD_IN_ADDR = 16,                                   /* 1024 u64 each */
    OLD_OUT_ADDR = OLD_IN_ADDR + VIRTQUEUE_MAX_SIZE * 8,
    OLD_IN_SG = OLD_OUT_ADDR + VIRTQUEUE_MAX_SIZE * 8,  /* 1024 times base, length */
    OLD_OUT_SG = OLD_IN_SG + VIRTQUEUE_MAX_SIZE * 16,
    OLD_SIZE = OLD_OUT_SG + VIRTQUEUE_MAX_SIZE * 16,
};

static void old_put_segments(uint8_t *old, unsigned addr, unsigned sg, const VirtSegment *segments, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        store_le64(old + addr + 8 * i, segments[i].addr);
        store_le64(old + sg + 16 * i + 8, segments[i].len);
    }
}

void virtqueue_element_save(const VirtQueueElement *elem, Stream *s)
{
    g_autofree uint8_t *old = g_malloc0(OLD_SIZE);

    if (virtio_host_has_feature(elem->vq->vdev, VIRTIO_F_RING_PACKED)) {
        stream_put_be32(s, elem->ndescs);
    }
    store_le32(old + OLD_INDEX, elem->index);
    store_le32(old + OLD_OUT_NUM, elem->out_segments);
    store_le32(old + OLD_IN_NUM, elem->in_segments);
    old_put_segments(old, OLD_OUT_ADDR, OLD_OUT_SG, elem->segments, elem->out_segments);
    old_put_segments(old, OLD_IN_ADDR, OLD_IN_SG, elem->segments + elem->out_segments, elem->in_segments);
    stream_put(s, old, OLD_SIZE);
}

static bool old_get_segments(VirtQueueElement *elem, const uint8_t *old, unsigned addr, unsigned sg, unsigned count,
                             bool writable)
{
    for (unsigned i = 0; i < count; i++) {
        VirtDescriptor desc = { .addr = load_le64(old + addr + 8 * i), .writable = writable };
        uint64_t len = load_le64(old + sg + 16 * i + 8);

        desc.len = len;
        if (len > UINT32_MAX || !virtio_element_append(elem, &desc)) {
            return false;
        }
    }
    return true;
}

void *virtqueue_element_load(VirtQueue *vq, Stream *s, GError **error)
{
    g_autofree uint8_t *old = g_malloc(OLD_SIZE);
    bool packed = virtio_host_has_feature(vq->vdev, VIRTIO_F_RING_PACKED);
    uint32_t ndescs = packed ? stream_get_be32(s) : 1, out_num, in_num, index;
    VirtQueueElement *elem;

    if (!stream_get(s, old, OLD_SIZE)) {
        vmstate_error(error, EIO, "%s", "");
        return NULL;
    }
    index = load_le32(old + OLD_INDEX);
    out_num = load_le32(old + OLD_OUT_NUM);
    in_num = load_le32(old + OLD_IN_NUM);
    if (out_num > VIRTQUEUE_MAX_SIZE || in_num > VIRTQUEUE_MAX_SIZE || index > UINT16_MAX || ndescs == 0
        || (!packed && index >= vq->num) || ndescs > vq->num || vq->num_loaded + ndescs > vq->num) {
        vmstate_error(error, EINVAL, "VQ %u: bad request in flight: index 0x%x, %u out, %u in", vq->number, index,
                      out_num, in_num);
        return NULL;
    }
    elem = virtqueue_element_new(vq);
    elem->index = index;
    elem->ndescs = ndescs;
    elem->out_segments = elem->in_segments = 0;
    if (!old_get_segments(elem, old, OLD_OUT_ADDR, OLD_OUT_SG, out_num, false)
        || !old_get_segments(elem, old, OLD_IN_ADDR, OLD_IN_SG, in_num, true)) {
        virtqueue_element_release(elem);
        vmstate_error(error, EINVAL, "VQ %u: bad buffer of a request in flight", vq->number);
        return NULL;
    }
    virtio_element_finish(elem);
    vq->num_loaded += ndescs;
    return elem;
}
