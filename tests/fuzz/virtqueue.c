/* Rings of a hostile guest: two bytes choose features and size, the rest is guest memory from the descriptors on. */
#include "tests/lib/virtqueue-guest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!guest.vdev) {
        guest_make();
    }
    guest_feed(data, size);
    return 0;
}
