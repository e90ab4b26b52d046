/* Back ends of the entropy device: an object that fills buffers with random bytes. */
#ifndef HW_VIRTIO_VIRTIO_RNG_H
#define HW_VIRTIO_VIRTIO_RNG_H

#include "qom/object.h"

#define TYPE_RNG_BACKEND "rng-backend"
OBJECT_DECLARE_TYPE(RngBackend, RngBackendClass, RNG_BACKEND)
#define TYPE_RNG_BUILTIN "rng-builtin"     /* the host's getrandom() */

struct RngBackend {
    Object parent_obj;
    bool opened;                /* as the user said; there is nothing to open */
};

struct RngBackendClass {
    ObjectClass parent_class;
    size_t (*fill)(RngBackend *rng, void *buf, size_t len);     /* how many bytes there were, without waiting for any */
};

#endif
