/* Memory backends: anonymous, a file, a memfd. */
#include "system/hostmem.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qom/property.h"
#include "system/ramblock.h"
#include "util/error.h"

OBJECT_DECLARE_SIMPLE_TYPE(FileBackend, MEMORY_BACKEND_FILE)
struct FileBackend {
    HostMemoryBackend parent_obj;
    char *mem_path;
    uint64_t align, offset;
    bool readonly, discard_data, pmem;
};

OBJECT_DECLARE_SIMPLE_TYPE(MemfdBackend, MEMORY_BACKEND_MEMFD)
struct MemfdBackend {
    HostMemoryBackend parent_obj;
    uint64_t hugetlbsize;
    bool hugetlb, seal;
};

MemoryRegion *hostmem_region(HostMemoryBackend *backend)
{
    g_assert(backend->ready);
    return &backend->mr;
}

bool hostmem_is_mapped(const HostMemoryBackend *backend)
{
    return backend->mapped;
}

void hostmem_set_mapped(HostMemoryBackend *backend, bool mapped)
{
    backend->mapped = mapped;
}

/* Maps size bytes of fd and makes them the block's; fd is closed unless that succeeds. */
static bool map_fd(HostMemoryBackend *b, const char *name, int fd, uint64_t offset, bool readonly, GError **error)
{
    int prot = PROT_READ | (readonly && b->share ? 0 : PROT_WRITE);
    void *host = mmap(NULL, b->size, prot, b->share ? MAP_SHARED : MAP_PRIVATE, fd, offset);

    if (host == MAP_FAILED) {
        error_set_errno(error, errno, "unable to map backing store for guest RAM");
        close(fd);
        return false;
    }
    if (!memory_region_init_ram_ptr(&b->mr, &b->parent_obj, name, b->size, host, fd, b->share, error)) {
        munmap(host, b->size);
        close(fd);
        return false;
    }
    return true;
}

static bool ram_alloc(HostMemoryBackend *b, const char *name, GError **error)
{
    int fd;

    if (!b->share) {
        return memory_region_init_ram(&b->mr, &b->parent_obj, name, b->size, error);
    }
    fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, b->size) < 0) {
        error_set_errno(error, errno, "cannot set up guest memory '%s'", name);
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    return map_fd(b, name, fd, 0, false, error);
}

/* An existing file, a new one, or a nameless one in a directory. */
static int open_backing(const FileBackend *f, const char *name, bool *created, GError **error)
{
    int flags = (f->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC;
    int fd = open(f->mem_path, flags);

    *created = false;
    if (fd < 0 && errno == EISDIR) {
        g_autofree char *path = g_strdup_printf("%s/godwit-mem-%s.XXXXXX", f->mem_path, name);

        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0) {
            unlink(path);
            *created = true;
        }
    } else if (fd < 0 && errno == ENOENT && !f->readonly) {
        fd = open(f->mem_path, flags | O_CREAT | O_EXCL, 0644);
        *created = fd >= 0;
    }
    if (fd < 0) {
        error_set_errno(error, errno, "can't open backing store %s for guest RAM", f->mem_path);
    }
    return fd;
}

static bool file_alloc(HostMemoryBackend *b, const char *name, GError **error)
{
    FileBackend *f = MEMORY_BACKEND_FILE(b);
    struct stat st;
    bool created;
    int fd;

    if (!f->mem_path || !*f->mem_path) {
        return error_setf(error, "Parameter 'mem-path' is missing");
    }
    if ((f->align && (f->align & (f->align - 1))) || f->offset % TARGET_PAGE_SIZE) {
        return error_setf(error, "'align' and 'offset' of '%s' must be a power of two and a multiple of the page size",
                          name);
    }
    fd = open_backing(f, name, &created, error);
    if (fd < 0) {
        return false;
    }
    if (fstat(fd, &st) < 0 || (!st.st_size && ftruncate(fd, f->offset + b->size) < 0)) {
        error_set_errno(error, errno, "can't size backing store %s for guest RAM", f->mem_path);
        close(fd);
        return false;
    }
    if (S_ISREG(st.st_mode) && st.st_size && (uint64_t)st.st_size < f->offset + b->size) {
        error_setf(error,
                   "backing store size 0x%" G_GINT64_MODIFIER "x does not match 'size' option 0x%" G_GINT64_MODIFIER
                   "x",
                   (uint64_t)st.st_size, b->size);
        close(fd);
        return false;
    }
    if (!map_fd(b, name, fd, f->offset, f->readonly, error)) {
        if (created) {
            unlink(f->mem_path);
        }
        return false;
    }
    memory_region_set_readonly(&b->mr, f->readonly);
    return true;
}

static bool memfd_alloc(HostMemoryBackend *b, const char *name, GError **error)
{
    MemfdBackend *m = MEMORY_BACKEND_MEMFD(b);
    unsigned flags = MFD_CLOEXEC | (m->seal ? MFD_ALLOW_SEALING : 0);
    int fd;

    if (m->hugetlb) {
        flags |= MFD_HUGETLB;
        if (m->hugetlbsize) {
            if (m->hugetlbsize & (m->hugetlbsize - 1)) {
                return error_setf(error, "'hugetlbsize' must be a power of two");
            }
            flags |= (unsigned)__builtin_ctzll(m->hugetlbsize) << MAP_HUGE_SHIFT;
        }
    }
    fd = memfd_create(name, flags);
    if (fd < 0 || ftruncate(fd, b->size) < 0) {
        error_set_errno(error, errno, "failed to create memfd of %" G_GUINT64_FORMAT " bytes", b->size);
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    if (m->seal && fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
        error_set_errno(error, errno, "failed to seal the memory of '%s'", name);
        close(fd);
        return false;
    }
    return map_fd(b, name, fd, 0, false, error);
}

static void advise(HostMemoryBackend *b)
{
    void *host = memory_region_host(&b->mr);

    if (b->merge && !b->share) {
        madvise(host, b->size, MADV_MERGEABLE);
    }
    if (!b->dump) {
        madvise(host, b->size, MADV_DONTDUMP);
    }
    if (b->prealloc) {
        for (uint64_t i = 0; i < b->size; i += TARGET_PAGE_SIZE) {
            volatile uint8_t *page = (uint8_t *)host + i;

            *page = *page;
        }
    }
}

static bool backend_complete(Object *obj, GError **error)
{
    HostMemoryBackend *b = MEMORY_BACKEND(obj);
    g_autofree char *path = b->canonical_path ? object_path(obj) : NULL;

    if (!b->size) {
        return error_setf(error, "Parameter 'size' is missing");
    }
    b->size = (b->size + TARGET_PAGE_SIZE - 1) & ~(TARGET_PAGE_SIZE - 1);
    if (!MEMORY_BACKEND_GET_CLASS(obj)->alloc(b, path ? path : object_name(obj), error)) {
        return false;
    }
    b->ready = true;
    advise(b);
    return true;
}

static bool backend_can_be_deleted(Object *obj)
{
    return !MEMORY_BACKEND(obj)->mapped;
}

static void backend_finalize(Object *obj)
{
    HostMemoryBackend *b = MEMORY_BACKEND(obj);
    bool own = b->ready && b->mr.ram->fd >= 0;
    void *host = own ? memory_region_host(&b->mr) : NULL;
    int fd = own ? b->mr.ram->fd : -1;

    if (b->ready) {
        memory_region_destroy(&b->mr);
    }
    if (own) {
        munmap(host, b->size);
        close(fd);
    }
}

/* A size is shown as "int", and may be given as "64M". */
static bool size_set(Object *obj, const Property *prop, Json *value, GError **error)
{
    if (MEMORY_BACKEND(obj)->ready) {
        return error_setf(error, "cannot change property %s of %s ", prop->name, object_type(obj));
    }
    return prop_kind_size.set(obj, prop, value, error);
}

static bool size_parse(Object *obj, const Property *prop, const char *text, GError **error)
{
    if (MEMORY_BACKEND(obj)->ready) {
        return error_setf(error, "cannot change property %s of %s ", prop->name, object_type(obj));
    }
    return prop_kind_size.parse(obj, prop, text, error);
}

static Json *size_get(Object *obj, const Property *prop, GError **error)
{
    return json_new_uint(*(uint64_t *)property_field(obj, prop));
}
static const PropertyKind kind_size = { .name = "int", .set = size_set, .parse = size_parse, .get = size_get };

extern const PropertyKind prop_kind_host_mem_policy;
DEFINE_ENUM_KIND(prop_kind_host_mem_policy, "HostMemPolicy", "default", "preferred", "bind", "interleave");

static bool policy_check(Object *obj, const Property *prop, uint64_t value, GError **error)
{
    return value == 0 || error_setf(error, "host-nodes must be set for policy %s", prop->kind->values[value]);
}

static bool size_check(Object *obj, const Property *prop, uint64_t value, GError **error)
{
    return value || error_setf(error, "property 'size' of %s doesn't take value '0'", object_type(obj));
}

#define SIZE(n, t, f, d) DEFINE_PROP(n, kind_size, t, f, 0, .no_default = true, .description = d)
#define BOOL(n, t, f, v, d) DEFINE_PROP_BOOL(n, t, f, v, .description = d)

static const Property backend_props[] = {
    BOOL("merge", HostMemoryBackend, merge, true, "Mark memory as mergeable"),
    BOOL("dump", HostMemoryBackend, dump, true, "Set to 'off' to exclude from core dump"),
    BOOL("prealloc", HostMemoryBackend, prealloc, false, "Preallocate memory"),
    DEFINE_PROP_UINT32("prealloc-threads", HostMemoryBackend, prealloc_threads, 1, .type = "int", .min = 1, .max = 256,
                       .description = "Number of CPU threads to use for prealloc"),
    DEFINE_PROP("size", kind_size, HostMemoryBackend, size, 0, .no_default = true, .check = size_check,
                .description = "Size of the memory region (ex: 500M)"),
    DEFINE_PROP_ENUM("policy", prop_kind_host_mem_policy, HostMemoryBackend, policy, 0, .check = policy_check,
                     .description = "Set the NUMA policy"),
    BOOL("share", HostMemoryBackend, share, false, "Mark the memory as private to QEMU or shared"),
    BOOL("reserve", HostMemoryBackend, reserve, true, "Reserve swap space (or huge pages) if applicable"),
    BOOL("x-use-canonical-path-for-ramblock-id", HostMemoryBackend, canonical_path, false, NULL),
};

static const Property file_props[] = {
    DEFINE_PROP_STRING("mem-path", FileBackend, mem_path),
    SIZE("align", FileBackend, align, NULL),
    SIZE("offset", FileBackend, offset, "Offset into the target file (ex: 1G)"),
    BOOL("readonly", FileBackend, readonly, false, NULL),
    BOOL("discard-data", FileBackend, discard_data, false, NULL),
    BOOL("pmem", FileBackend, pmem, false, NULL),
};

static const Property memfd_props[] = {
    BOOL("hugetlb", MemfdBackend, hugetlb, false, "Use huge pages"),
    SIZE("hugetlbsize", MemfdBackend, hugetlbsize, "Huge pages size (ex: 2M, 1G)"),
    BOOL("seal", MemfdBackend, seal, true, "Seal growing & shrinking"),
    BOOL("share", HostMemoryBackend, share, true, "Mark the memory as private to QEMU or shared"),
};

static void backend_class_init(ObjectClass *klass, const void *data)
{
    UserCreatableClass *uc = object_class_dynamic_cast(klass, TYPE_USER_CREATABLE);

    uc->complete = backend_complete;
    uc->can_be_deleted = backend_can_be_deleted;
    object_class_add_props(klass, backend_props, G_N_ELEMENTS(backend_props));
}

static void ram_class_init(ObjectClass *klass, const void *data)
{
    MEMORY_BACKEND_CLASS(klass)->alloc = ram_alloc;
}

static void file_class_init(ObjectClass *klass, const void *data)
{
    MEMORY_BACKEND_CLASS(klass)->alloc = file_alloc;
    object_class_add_props(klass, file_props, G_N_ELEMENTS(file_props));
}

static void memfd_class_init(ObjectClass *klass, const void *data)
{
    MEMORY_BACKEND_CLASS(klass)->alloc = memfd_alloc;
    object_class_add_props(klass, memfd_props, G_N_ELEMENTS(memfd_props));
}

static const TypeInfo hostmem_types[] = {
    {
        .name = TYPE_MEMORY_BACKEND, .parent = TYPE_OBJECT, .abstract = true, .size = sizeof(HostMemoryBackend),
        .class_size = sizeof(HostMemoryBackendClass), .class_init = backend_class_init, .finalize = backend_finalize,
        .interfaces = (const char *const[]){ TYPE_USER_CREATABLE, NULL },
    },
    { .name = TYPE_MEMORY_BACKEND_RAM, .parent = TYPE_MEMORY_BACKEND, .class_init = ram_class_init },
    {
        .name = TYPE_MEMORY_BACKEND_FILE, .parent = TYPE_MEMORY_BACKEND, .size = sizeof(FileBackend),
        .class_init = file_class_init,
    },
    {
        .name = TYPE_MEMORY_BACKEND_MEMFD, .parent = TYPE_MEMORY_BACKEND, .size = sizeof(MemfdBackend),
        .class_init = memfd_class_init,
    },
};
TYPES_REGISTER(hostmem_types)
