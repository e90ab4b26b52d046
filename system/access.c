/*
 * Accesses to address spaces. RAM is copied; an access to a device's registers is cut into pieces that its `valid`
 * sizes allow, and each piece is split or widened to what its functions are written for (`impl`).
 */
#include <string.h>

#include "system/flatview.h"
#include "system/ramblock.h"
#include "util/byteorder.h"
#include "util/log.h"

/* A device whose registers start DMA into its own registers, and so on for ever, is stopped here. */
#define MAX_NESTED_IO 8

static __thread unsigned io_depth;

static bool enter_io(const MemoryRegion *mr, hwaddr offset)
{
    if (io_depth == MAX_NESTED_IO) {
        log_guest_error("%s+0x%" G_GINT64_MODIFIER "x: device accesses are nested too deeply", mr->name, offset);
        return false;
    }
    io_depth++;
    return true;
}

static void leave_io(void)
{
    io_depth--;
}

static unsigned valid_max(const MemoryRegionOps *ops)
{
    return ops->valid.max ? ops->valid.max : 4;
}

static bool is_valid(const MemoryRegion *mr, hwaddr offset, unsigned size, bool is_write)
{
    const MemoryRegionOps *ops = mr->ops;

    if (size > valid_max(ops) || size < ops->valid.min || (!ops->valid.unaligned && (offset & (size - 1)))) {
        log_guest_error("%s+0x%" G_GINT64_MODIFIER "x: %s of %u bytes is not allowed", mr->name, offset,
                        is_write ? "write" : "read", size);
        return false;
    }
    return !ops->valid.accepts || ops->valid.accepts(mr->opaque, offset, size, is_write);
}

/* The size to call the device's functions with for an access of `size`. */
static unsigned impl_size(const MemoryRegionOps *ops, unsigned size)
{
    unsigned max = ops->impl.max ? ops->impl.max : valid_max(ops);
    unsigned min = ops->impl.min ? ops->impl.min : MAX(ops->valid.min, 1);

    return MAX(MIN(size, max), min);
}

static uint64_t low_bytes(uint64_t value, unsigned size)
{
    return size < 8 ? value & ((1ull << (8 * size)) - 1) : value;
}

static uint64_t swap_bytes(uint64_t value, unsigned size)
{
    return __builtin_bswap64(value) >> (64 - 8 * size);
}

static uint64_t shift(uint64_t value, int bytes)
{
    return bytes < 0 ? value >> (-8 * bytes) : value << (8 * bytes);
}

static MemTxResult io_read(MemoryRegion *mr, hwaddr offset, unsigned size, uint64_t *value)
{
    const MemoryRegionOps *ops = mr->ops;

    *value = 0;
    if (!ops->read || !is_valid(mr, offset, size, false)) {
        return MEMTX_DECODE_ERROR;
    }
    if (!enter_io(mr, offset)) {
        return MEMTX_ERROR;
    }
    unsigned step = impl_size(ops, size);
    for (unsigned i = 0; i < size; i += step) {
        int place = ops->big_endian ? (int)size - (int)step - (int)i : (int)i;
        *value |= shift(low_bytes(ops->read(mr->opaque, offset + i, step), step), place);
    }
    leave_io();
    *value = ops->big_endian ? swap_bytes(*value, size) : low_bytes(*value, size);
    return MEMTX_OK;
}

static MemTxResult io_write(MemoryRegion *mr, hwaddr offset, uint64_t value, unsigned size)
{
    const MemoryRegionOps *ops = mr->ops;

    if (mr->notifiers && mr->notifiers->len) {
        const MemoryNotifier *notifier = memory_region_find_notifier(mr, offset, value, size);
        if (notifier) {
            notifier->notify(notifier->opaque);
            return MEMTX_OK;
        }
    }
    if (!ops->write || !is_valid(mr, offset, size, true)) {
        return MEMTX_DECODE_ERROR;
    }
    if (!enter_io(mr, offset)) {
        return MEMTX_ERROR;
    }
    unsigned step = impl_size(ops, size);
    value = ops->big_endian ? swap_bytes(value, size) : value;
    for (unsigned i = 0; i < size; i += step) {
        int place = ops->big_endian ? (int)size - (int)step - (int)i : (int)i;
        ops->write(mr->opaque, offset + i, low_bytes(shift(value, -place), step), step);
    }
    leave_io();
    return MEMTX_OK;
}

/*
 * How much of `length` bytes at the offset goes into one access: a power of 2, aligned, no more than is valid. A
 * register gets an access whole that begins at it, even where another region covers a part of it: port 0xcf9 lies on
 * 0xcf8 to 0xcfb, and a dword at 0xcf8 is for the latter alone. (Measured on QEMU.)
 */
static unsigned io_size(const MemoryRegion *mr, hwaddr offset, uint64_t length)
{
    unsigned size = valid_max(mr->ops);

    while (size > length || (offset & (size - 1)) ||
           (!mr->ops->valid.beyond_end && size - 1 > memory_region_last(mr) - offset)) {
        size /= 2;
    }
    return size;
}

static bool is_writable_ram(const FlatRange *range)
{
    return range->host && range->mr->kind == MR_RAM && !range->readonly;
}

static bool is_device(const FlatRange *range, bool is_write)
{
    return range->mr->kind == MR_IO || (is_write && range->mr->kind == MR_ROM_DEVICE);
}

static void wrote(const FlatRange *range, hwaddr offset, uint64_t length)
{
    if (G_UNLIKELY(range->mr->dirty_log || range->mr->ram->code)) {
        ramblock_set_dirty(range->mr->ram, offset, length);
    }
}

/* What is at addr: the range (NULL: nothing) and how many of `length` bytes, at least one, are in it or in the gap. */
static const FlatRange *find(AddressSpace *as, hwaddr addr, uint64_t length, uint64_t *in_range)
{
    const FlatRange *next, *range = flatview_lookup(address_space_view(as), addr, &next);
    hwaddr last = range ? range->last : next ? next->first - 1 : UINT64_MAX;

    *in_range = MIN(length - 1, last - addr) + 1;
    return range;
}

MemTxResult address_space_read(AddressSpace *as, hwaddr addr, void *buf, uint64_t len)
{
    MemTxResult result = MEMTX_OK;
    uint8_t *out = buf;

    for (uint64_t n; len > 0; out += n, addr += n, len -= n) {
        const FlatRange *range = find(as, addr, len, &n);
        hwaddr offset = range ? range->offset + (addr - range->first) : 0;
        if (range && range->host) {
            memcpy(out, range->host + (addr - range->first), n);
        } else if (range && is_device(range, false)) {
            uint64_t value;
            n = io_size(range->mr, offset, len);
            result |= io_read(range->mr, offset, (unsigned)n, &value);
            store_le(out, (unsigned)n, value);
        } else {
            memset(out, 0, n);
            result |= MEMTX_DECODE_ERROR;
        }
    }
    return result;
}

MemTxResult address_space_write(AddressSpace *as, hwaddr addr, const void *buf, uint64_t len)
{
    MemTxResult result = MEMTX_OK;
    const uint8_t *in = buf;

    for (uint64_t n; len > 0; in += n, addr += n, len -= n) {
        const FlatRange *range = find(as, addr, len, &n);
        hwaddr offset = range ? range->offset + (addr - range->first) : 0;
        if (range && is_writable_ram(range)) {
            memcpy(range->host + (addr - range->first), in, n);
            wrote(range, offset, n);
        } else if (range && is_device(range, true)) {
            n = io_size(range->mr, offset, len);
            result |= io_write(range->mr, offset, load_le(in, (unsigned)n), (unsigned)n);
        } else if (!range) {
            result |= MEMTX_DECODE_ERROR;
        }
    }
    return result;
}

MemTxResult address_space_write_rom(AddressSpace *as, hwaddr addr, const void *buf, uint64_t len)
{
    MemTxResult result = MEMTX_OK;
    const uint8_t *in = buf;

    for (uint64_t n; len > 0; in += n, addr += n, len -= n) {
        const FlatRange *range = find(as, addr, len, &n);
        if (range && range->host) {
            memcpy(range->host + (addr - range->first), in, n);
            wrote(range, range->offset + (addr - range->first), n);
        } else {
            result |= MEMTX_DECODE_ERROR;
        }
    }
    return result;
}

MemTxResult address_space_set(AddressSpace *as, hwaddr addr, uint8_t value, uint64_t len)
{
    MemTxResult result = MEMTX_OK;
    uint8_t chunk[512];

    memset(chunk, value, sizeof(chunk));
    for (uint64_t n; len > 0; addr += n, len -= n) {
        const FlatRange *range = find(as, addr, len, &n);
        if (range && is_writable_ram(range)) {
            memset(range->host + (addr - range->first), value, n);
            wrote(range, range->offset + (addr - range->first), n);
        } else if (range) {
            n = MIN(n, sizeof(chunk));
            result |= address_space_write(as, addr, chunk, n);
        } else {
            result |= MEMTX_DECODE_ERROR;
        }
    }
    return result;
}

uint64_t address_space_load(AddressSpace *as, hwaddr addr, unsigned size, MemTxResult *result)
{
    const FlatRange *next, *range = flatview_lookup(address_space_view(as), addr, &next);
    uint8_t bytes[8] = { 0 };
    MemTxResult read_result = MEMTX_OK;

    if (G_LIKELY(range && range->host && range->last - addr >= size - 1)) {
        memcpy(bytes, range->host + (addr - range->first), size);
    } else {
        read_result = address_space_read(as, addr, bytes, size);
    }
    if (result) {
        *result = read_result;
    }
    return load_le64(bytes);
}

MemTxResult address_space_store(AddressSpace *as, hwaddr addr, uint64_t value, unsigned size)
{
    uint8_t bytes[8];

    store_le64(bytes, value);
    return address_space_write(as, addr, bytes, size);
}

void *address_space_map(AddressSpace *as, hwaddr addr, uint64_t *len, bool is_write)
{
    uint64_t n;

    if (*len == 0) {
        return NULL;
    }
    const FlatRange *range = find(as, addr, *len, &n);
    if (!range || !range->host || (is_write && !is_writable_ram(range))) {
        return NULL;
    }
    *len = n;
    return range->host + (addr - range->first);
}

void address_space_unmap(AddressSpace *as, void *host, uint64_t len, bool is_write)
{
    uint64_t offset;

    if (is_write && len > 0 && G_UNLIKELY(ramblock_is_logging())) {
        RAMBlock *block = ramblock_from_host(host, &offset);
        if (block) {
            ramblock_set_dirty(block, offset, len);
        }
    }
}
