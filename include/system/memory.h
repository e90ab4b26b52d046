/*
 * Memory regions and address spaces.
 *
 * A MemoryRegion is a piece of an address map: RAM, ROM, I/O (a device's registers), an alias of a part of another
 * region, or a container of subregions, which may overlap: the higher priority is seen. An AddressSpace is a root
 * region seen as a flat map: a sorted array of ranges, looked up by bisection. Changing a region renders only the part
 * of the map that it covers, and not before somebody looks.
 *
 * All changes are made under the big lock. A reader without it (a vCPU) registers itself, and uses a flat map that
 * stays valid until it next announces a quiescent state.
 *
 * A size of UINT64_MAX means the whole 2^64 bytes.
 */
#ifndef SYSTEM_MEMORY_H
#define SYSTEM_MEMORY_H

#include "qom/object.h"

typedef uint64_t hwaddr;
typedef struct MemoryRegion MemoryRegion;
typedef struct AddressSpace AddressSpace;
typedef struct RAMBlock RAMBlock;

#define HWADDR_FMT "%016" G_GINT64_MODIFIER "x"
#define TARGET_PAGE_BITS 12
#define TARGET_PAGE_SIZE (1ull << TARGET_PAGE_BITS)

typedef enum {
    MEMTX_OK = 0,
    MEMTX_ERROR = 1 << 0,           /* the device said no */
    MEMTX_DECODE_ERROR = 1 << 1,    /* nobody is there: reads give 0 in memory, all ones in port space */
} MemTxResult;

/* A device's registers. An access that `valid` does not allow reads as 0 and writes nothing (MEMTX_DECODE_ERROR). */
typedef struct MemoryRegionOps {
    uint64_t (*read)(void *opaque, hwaddr offset, unsigned size);
    void (*write)(void *opaque, hwaddr offset, uint64_t value, unsigned size);
    bool big_endian;
    struct {
        unsigned min, max;          /* 0: 1 and 4 */
        bool unaligned;
        bool beyond_end;            /* an access that begins in the region is the region's whole, though it ends behind it */
        bool (*accepts)(void *opaque, hwaddr offset, unsigned size, bool is_write); /* NULL: yes */
    } valid;
    struct {
        unsigned min, max;          /* what read and write are called with; 0: as valid. Others are split or widened */
    } impl;
} MemoryRegionOps;

typedef enum { MR_CONTAINER, MR_RAM, MR_ROM, MR_IO, MR_ALIAS, MR_ROM_DEVICE } MemoryRegionKind;

/* Readable by anyone, changed only by the functions below. */
struct MemoryRegion {
    char *name;
    Object *owner;
    MemoryRegionKind kind;
    uint64_t size;
    bool enabled;                   /* true from the start */
    bool readonly;                  /* guest writes are dropped */
    const MemoryRegionOps *ops;
    void *opaque;
    RAMBlock *ram;                  /* RAM, ROM, ROM device */
    MemoryRegion *alias;
    hwaddr alias_offset;
    MemoryRegion *container;
    hwaddr addr;                    /* in the container */
    int priority;
    GPtrArray *subregions;          /* highest priority first; the newer of two equals first */
    GArray *notifiers;              /* fast notifies, sorted by offset; NULL if none */
    uint8_t dirty_log;              /* bit per DirtyClient that wants this RAM's writes */
    /* How a change here finds the maps that show it. */
    GPtrArray *aliases;             /* regions that show a part of this one; NULL if none */
    struct FlatMap *map;            /* if some address space looks at the world from here */
    GSList *spaces;                 /* AddressSpaces whose root it is */
};

void memory_region_init(MemoryRegion *mr, Object *owner, const char *name, uint64_t size);
void memory_region_init_io(MemoryRegion *mr, Object *owner, const MemoryRegionOps *ops, void *opaque, const char *name,
                           uint64_t size);
/*
 * RAM or ROM of zero bytes. `name` is the block's name, prefixed with the owner's device path if it has one
 * ("0000:00:02.0/virtio-net-pci.rom"). Not touched until used.
 */
bool memory_region_init_ram(MemoryRegion *mr, Object *owner, const char *name, uint64_t size, GError **error);
bool memory_region_init_rom(MemoryRegion *mr, Object *owner, const char *name, uint64_t size, GError **error);
/* ROM whose used size may change up to max_size; `resized` is told (a load may resize it). */
bool memory_region_init_resizeable_rom(MemoryRegion *mr, Object *owner, const char *name, uint64_t size,
                                       uint64_t max_size, void (*resized)(const char *name, uint64_t size, void *host),
                                       GError **error);
/* RAM over memory of the caller's; `shared` and fd (or -1) are recorded in the block. */
bool memory_region_init_ram_ptr(MemoryRegion *mr, Object *owner, const char *name, uint64_t size, void *host, int fd,
                                bool shared, GError **error);
/* Reads as RAM, writes go to ops. */
bool memory_region_init_rom_device(MemoryRegion *mr, Object *owner, const MemoryRegionOps *ops, void *opaque,
                                   const char *name, uint64_t size, GError **error);
void memory_region_init_alias(MemoryRegion *mr, Object *owner, const char *name, MemoryRegion *target, hwaddr offset,
                              uint64_t size);
/* Must be out of any container. Frees what the init functions made. A zeroed region may be destroyed. */
void memory_region_destroy(MemoryRegion *mr);

void memory_region_add(MemoryRegion *container, hwaddr offset, MemoryRegion *mr);
void memory_region_add_overlap(MemoryRegion *container, hwaddr offset, MemoryRegion *mr, int priority);
void memory_region_del(MemoryRegion *container, MemoryRegion *mr);
void memory_region_set_enabled(MemoryRegion *mr, bool enabled);
void memory_region_set_address(MemoryRegion *mr, hwaddr offset);
void memory_region_set_size(MemoryRegion *mr, uint64_t size);
void memory_region_set_alias_offset(MemoryRegion *mr, hwaddr offset);
void memory_region_set_readonly(MemoryRegion *mr, bool readonly);
/* Many changes, one new map: nests. */
void memory_transaction_begin(void);
void memory_transaction_commit(void);

void *memory_region_host(MemoryRegion *mr);     /* RAM, ROM: the first byte */
void memory_region_set_dirty(MemoryRegion *mr, hwaddr offset, uint64_t size);

/*
 * A fast notify: a write of `size` bytes (0: any) at offset, of `data` if match_data, calls notify and does not reach
 * ops->write. For doorbells: no device state may be read in it, the caller may be any vCPU thread with the big lock.
 */
typedef struct MemoryNotifier {
    hwaddr offset;
    unsigned size;
    bool match_data;
    uint64_t data;
    void (*notify)(void *opaque);
    void *opaque;
} MemoryNotifier;
void memory_region_add_notifier(MemoryRegion *mr, const MemoryNotifier *notifier);
void memory_region_del_notifier(MemoryRegion *mr, const MemoryNotifier *notifier);

/*
 * Address spaces. Many of them may see the same: a root that only holds one alias of the whole of another region (a PCI
 * function's bus mastering, on) shares that region's flat map.
 */
struct AddressSpace {
    char *name;
    MemoryRegion *root;
    struct FlatMap *map;            /* never NULL between init and destroy */
};
extern AddressSpace address_space_memory, address_space_io;
MemoryRegion *memory_system(void);              /* "system", root of address_space_memory */
MemoryRegion *memory_io(void);                  /* "io", 64 KiB, root of address_space_io */
void memory_init(void);                         /* makes the two; called once by main() and tests */

void address_space_init(AddressSpace *as, MemoryRegion *root, const char *name);
void address_space_destroy(AddressSpace *as);

MemTxResult address_space_read(AddressSpace *as, hwaddr addr, void *buf, uint64_t len);
MemTxResult address_space_write(AddressSpace *as, hwaddr addr, const void *buf, uint64_t len);
/* Writes to ROM as well: for loading firmware and the monitor. */
MemTxResult address_space_write_rom(AddressSpace *as, hwaddr addr, const void *buf, uint64_t len);
MemTxResult address_space_set(AddressSpace *as, hwaddr addr, uint8_t value, uint64_t len);
/* One access of 1, 2, 4 or 8 bytes, little-endian, as a CPU makes it. */
uint64_t address_space_load(AddressSpace *as, hwaddr addr, unsigned size, MemTxResult *result);
MemTxResult address_space_store(AddressSpace *as, hwaddr addr, uint64_t value, unsigned size);
/*
 * Direct access: a host pointer to guest RAM at addr, *len cut to what is contiguous. NULL if it is not RAM (or is
 * read-only and is_write). Valid until the map changes. After writing: address_space_unmap() with what was written.
 */
void *address_space_map(AddressSpace *as, hwaddr addr, uint64_t *len, bool is_write);
void address_space_unmap(AddressSpace *as, void *host, uint64_t len, bool is_write);

/* What is at addr: the region (NULL: nothing), the offset in it, and how far it goes on from there. */
typedef struct MemorySection {
    MemoryRegion *mr;
    hwaddr offset;
    uint64_t size;
    bool readonly;
} MemorySection;
MemorySection address_space_lookup(AddressSpace *as, hwaddr addr);

/* Calls fn for every range of the flat map, ascending. */
void address_space_foreach(AddressSpace *as,
                           void (*fn)(hwaddr first, hwaddr last, const MemorySection *section, void *opaque),
                           void *opaque);
/* Told after a map changed, under the big lock: [first, last] may translate differently. */
typedef struct MemoryListener {
    void (*changed)(struct MemoryListener *listener, AddressSpace *as, hwaddr first, hwaddr last);
} MemoryListener;
void memory_listener_add(MemoryListener *listener);
void memory_listener_remove(MemoryListener *listener);

/*
 * A thread that looks at maps without the big lock. It adds its record while it holds the lock, and calls
 * memory_reader_quiescent() now and then when it holds no pointer that it got from a map. Whatever a change replaces
 * (maps, dirty bitmaps) is freed when every reader was quiescent since.
 */
typedef struct MemoryReader {
    uint64_t seen;
    struct MemoryReader *next;
} MemoryReader;
void memory_reader_add(MemoryReader *reader);
void memory_reader_remove(MemoryReader *reader);
void memory_reader_quiescent(MemoryReader *reader);
/* It looks at nothing until it is quiescent again, which is then said with the lock. */
void memory_reader_away(MemoryReader *reader);

/* `info mtree`, and with flat the flat maps. */
void memory_print(GString *out, bool flat);

#endif
