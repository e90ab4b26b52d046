/* A virtio device's state from a hostile peer, and what the device does with it: two bytes choose the kind of ring. */
#include "tests/lib/virtqueue-guest.h"

static const VMStateDescription vmstate_test = {
    .name = "virtio-test", .version_id = 1, .minimum_version_id = 1, .fields = VMS_FIELDS(VMS_VIRTIO_DEVICE),
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Stream *s;

    if (!guest.vdev) {
        guest_make();
    }
    if (size < 2) {
        return 0;
    }
    guest_start(1u << (data[1] % 11), V1 | (data[0] & 1 ? PACKED : 0));
    guest.on_handle = guest_serve_all;
    s = stream_new_memory(data + 2, size - 2);
    if (vmstate_load(s, &vmstate_test, guest.vdev, 1, NULL)) {
        virtio_run_kicks(guest.vdev);
    }
    stream_close(s, false, NULL);
    return 0;
}
