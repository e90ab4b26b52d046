/*
 * Memory backends: objects that hold host memory for a guest, made by -object (memory-backend-ram, -file, -memfd) or by
 * the machine for its default RAM. A backend is one RAM block, named after the object ("pc.ram"), and serves one user.
 */
#ifndef SYSTEM_HOSTMEM_H
#define SYSTEM_HOSTMEM_H

#include "system/memory.h"

#define TYPE_MEMORY_BACKEND "memory-backend"
#define TYPE_MEMORY_BACKEND_RAM "memory-backend-ram"
#define TYPE_MEMORY_BACKEND_FILE "memory-backend-file"
#define TYPE_MEMORY_BACKEND_MEMFD "memory-backend-memfd"
OBJECT_DECLARE_TYPE(HostMemoryBackend, HostMemoryBackendClass, MEMORY_BACKEND)

struct HostMemoryBackendClass {
    ObjectClass parent_class;
    /* Makes backend->mr with the block's name. */
    bool (*alloc)(HostMemoryBackend *backend, const char *name, GError **error);
};

struct HostMemoryBackend {
    Object parent_obj;
    uint64_t size;
    bool merge, dump, prealloc, share, reserve, canonical_path;
    uint32_t prealloc_threads;
    int policy;                     /* 0: "default", the only one that is supported */
    bool mapped;                    /* somebody uses it */
    bool ready;                     /* mr is made */
    MemoryRegion mr;
};

/* The region, once the object is complete. */
MemoryRegion *hostmem_region(HostMemoryBackend *backend);
bool hostmem_is_mapped(const HostMemoryBackend *backend);
void hostmem_set_mapped(HostMemoryBackend *backend, bool mapped);

#endif
