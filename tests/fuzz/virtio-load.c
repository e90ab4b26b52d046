/* A virtio device's state from a hostile peer, and what the device does with it: two bytes choose the kind of ring. */
#include "tests/lib/virtqueue-guest.h"

static const VMStateDescription vmstate_test = {
    .name = "virtio-test", .version_id = 1, .minimum_version_id = 1, .fields = VMS_FIELDS(VMS_VIRTIO_DEVICE),
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree uint8_t *bytes = NULL;
    Stream *s;

    if (!guest.vdev) {
        guest_make();
    }
    if (size < 2) {
        return 0;
    }
    guest_start(1u << (data[1] % 11), V1 | (data[0] & 1 ? PACKED : 0));
    guest.on_handle = guest_serve_all;
    bytes = g_malloc(size - 1);
    memcpy(bytes, data + 2, size - 2);
    bytes[size - 2] = 0x7e; /* the footer: a section is not the last thing in a stream */
    s = stream_new_memory(bytes, size - 1);
    if (vmstate_load(s, &vmstate_test, guest.vdev, 1, NULL)) {
        virtio_run_kicks(guest.vdev);
    }
    stream_close(s, false, NULL);
    return 0;
}
