#include "hw/nvram/fw_cfg.h"

#include <string.h>

#include "migration/vmstate.h"
#include "util/byteorder.h"
#include "util/error.h"
#include "util/log.h"

enum { PORT_SELECT = 0x510, PORTS = 2, PORT_DMA = 0x514, DMA_PORTS = 8 };
enum { KEY_WRITE = 0x4000, KEY_MASK = 0x3fff, KEY_INVALID = 0xffff };
enum { ARCH_ITEMS = 8, FILE_SLOTS_MIN = 0x10, FILE_SLOTS_MAX = KEY_MASK + 1 - FW_CFG_FILE_FIRST };
enum { ID_TRADITIONAL = 1, ID_DMA = 2 };
enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16 };

#define DMA_SIGNATURE 0x51454d5520434647ull     /* "QEMU CFG" */

typedef struct FWCfgFile {
    char name[FW_CFG_FILE_NAME_MAX];
    FWCfgItem item;
} FWCfgFile;

/* An entry of the directory, as the guest reads it. */
typedef struct DirEntry {
    uint32_t size_be;
    uint16_t key_be, reserved;
    char name[FW_CFG_FILE_NAME_MAX];
} DirEntry;

struct FWCfgState {
    DeviceState parent_obj;
    /* set by the user */
    bool dma_enabled, acpi_mr_restore;
    uint16_t file_slots;
    /* migrated */
    uint16_t cur_entry;
    uint32_t cur_offset;
    uint64_t dma_addr;
    FWCfgAcpiSizes acpi;
    /* made by the board */
    FWCfgItem items[FW_CFG_FILE_FIRST], arch_items[ARCH_ITEMS];
    GArray *files;                  /* FWCfgFile, by name */
    struct {
        uint32_t count_be;
        DirEntry entries[];
    } *dir;
    bool (*acpi_resize)(void *opaque, const FWCfgAcpiSizes *sizes, GError **error);
    void *acpi_opaque;
    MemoryRegion io, dma_io;
};

/* --- items --- */

static FWCfgItem *item_of_key(FWCfgState *s, uint16_t key)
{
    uint16_t n = key & KEY_MASK;

    if (key == KEY_INVALID) {
        return NULL;
    }
    if (key & FW_CFG_ARCH) {
        return n < ARCH_ITEMS ? &s->arch_items[n] : NULL;
    }
    if (n < FW_CFG_FILE_FIRST) {
        return &s->items[n];
    }
    n -= FW_CFG_FILE_FIRST;
    return n < s->files->len ? &g_array_index(s->files, FWCfgFile, n).item : NULL;
}

static void item_clear(FWCfgItem *item)
{
    if (item->owned) {
        g_free((void *)item->data);
    }
    memset(item, 0, sizeof(*item));
}

void fw_cfg_add_item(FWCfgState *s, uint16_t key, FWCfgItem item)
{
    FWCfgItem *place = item_of_key(s, key);

    g_assert(place && (key & KEY_MASK) < FW_CFG_FILE_FIRST);
    item_clear(place);
    *place = item;
}

static FWCfgItem item_copy(const void *data, uint32_t length)
{
    return (FWCfgItem){ .data = g_memdup2(data, length), .data_length = length, .length = length, .owned = true };
}

void fw_cfg_add_bytes(FWCfgState *s, uint16_t key, const void *data, uint32_t length)
{
    fw_cfg_add_item(s, key, item_copy(data, length));
}

void fw_cfg_add_text(FWCfgState *s, uint16_t key, const char *text)
{
    fw_cfg_add_bytes(s, key, text, strlen(text) + 1);
}

void fw_cfg_add_u16(FWCfgState *s, uint16_t key, uint16_t value)
{
    value = htole16(value);
    fw_cfg_add_bytes(s, key, &value, sizeof(value));
}

void fw_cfg_add_u32(FWCfgState *s, uint16_t key, uint32_t value)
{
    value = htole32(value);
    fw_cfg_add_bytes(s, key, &value, sizeof(value));
}

void fw_cfg_add_u64(FWCfgState *s, uint16_t key, uint64_t value)
{
    value = htole64(value);
    fw_cfg_add_bytes(s, key, &value, sizeof(value));
}

/* --- files --- */

static void dir_update(FWCfgState *s)
{
    s->dir->count_be = htobe32(s->files->len);
    for (guint i = 0; i < s->files->len; i++) {
        const FWCfgFile *file = &g_array_index(s->files, FWCfgFile, i);
        DirEntry *entry = &s->dir->entries[i];

        entry->size_be = htobe32(file->item.length);
        entry->key_be = htobe16(FW_CFG_FILE_FIRST + i);
        memcpy(entry->name, file->name, sizeof(entry->name));
    }
    s->items[FW_CFG_FILE_DIR].data_length = sizeof(*s->dir) + s->files->len * sizeof(DirEntry);
}

/* Where the name is, or would be. */
static bool file_place(FWCfgState *s, const char *name, guint *place)
{
    guint low = 0, high = s->files->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;
        int order = strcmp(g_array_index(s->files, FWCfgFile, middle).name, name);

        if (order == 0) {
            *place = middle;
            return true;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *place = low;
    return false;
}

bool fw_cfg_add_file(FWCfgState *s, const char *name, FWCfgItem item, GError **error)
{
    FWCfgFile file = { .item = item };
    guint place;

    if (strlen(name) >= FW_CFG_FILE_NAME_MAX) {
        return error_setf(error, "name too long (max. %d char)", FW_CFG_FILE_NAME_MAX - 1);
    }
    if (file_place(s, name, &place)) {
        return error_setf(error, "duplicate fw_cfg file name: %s", name);
    }
    if (s->files->len >= s->file_slots) {
        return error_setf(error, "no room for fw_cfg file %s: there are %u already", name, s->files->len);
    }
    g_strlcpy(file.name, name, sizeof(file.name));
    g_array_insert_val(s->files, place, file);
    dir_update(s);
    return true;
}

bool fw_cfg_add_file_copy(FWCfgState *s, const char *name, const void *data, uint32_t length, GError **error)
{
    FWCfgItem item = item_copy(data, length);

    if (!fw_cfg_add_file(s, name, item, error)) {
        item_clear(&item);
        return false;
    }
    return true;
}

const FWCfgItem *fw_cfg_file(FWCfgState *s, const char *name)
{
    guint place;

    return file_place(s, name, &place) ? &g_array_index(s->files, FWCfgFile, place).item : NULL;
}

void fw_cfg_set_file(FWCfgState *s, const char *name, FWCfgItem item)
{
    FWCfgItem *old = (FWCfgItem *)fw_cfg_file(s, name);

    g_assert(old);
    item_clear(old);
    *old = item;
    dir_update(s);
}

void fw_cfg_foreach_file(const FWCfgState *s, void (*fn)(const char *name, const FWCfgItem *item, void *opaque), void *opaque)
{
    for (guint i = 0; i < s->files->len; i++) {
        const FWCfgFile *file = &g_array_index(s->files, FWCfgFile, i);

        fn(file->name, &file->item, opaque);
    }
}

/* --- what the guest does --- */

static void select_item(FWCfgState *s, uint16_t key)
{
    const FWCfgItem *item;

    s->cur_offset = 0;
    s->cur_entry = (key & KEY_MASK) < FW_CFG_FILE_FIRST + s->file_slots ? key : KEY_INVALID;
    item = item_of_key(s, s->cur_entry);
    if (item && item->selected) {
        item->selected(item->opaque);
    }
}

/* Bytes at the offset; 0 where the item has none, or there is none. The offset stops at the item's end. */
static void read_item(FWCfgState *s, uint8_t *out, uint32_t length)
{
    const FWCfgItem *item = item_of_key(s, s->cur_entry);
    uint32_t n = 0, left = item && s->cur_offset < item->length ? item->length - s->cur_offset : 0;

    if (item && s->cur_offset < item->data_length) {
        n = MIN(length, item->data_length - s->cur_offset);
        memcpy(out, (const uint8_t *)item->data + s->cur_offset, n);
    }
    memset(out + n, 0, length - n);
    s->cur_offset += MIN(length, left);
}

static uint64_t port_read(void *opaque, hwaddr offset, unsigned size)
{
    uint8_t byte;

    read_item(opaque, &byte, 1);
    return byte;
}

static void port_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    select_item(opaque, value);
}

/* Bytes are read, at either port; a word selects. */
static bool port_accepts(void *opaque, hwaddr offset, unsigned size, bool is_write)
{
    return size == (is_write ? 2 : 1);
}

static const MemoryRegionOps port_ops = {
    .read = port_read, .write = port_write, .valid = { .min = 1, .max = 2, .accepts = port_accepts },
};

/* One step of a transfer: bounded, so that no length that the guest asks for needs memory here. */
enum { CHUNK = 4096 };

static bool dma_read(FWCfgState *s, uint64_t address, uint32_t length)
{
    uint8_t buffer[CHUNK];

    for (uint32_t done = 0, n; done < length; done += n) {
        n = MIN(length - done, CHUNK);
        read_item(s, buffer, n);
        if (address_space_write(&address_space_memory, address + done, buffer, n) != MEMTX_OK) {
            return false;
        }
    }
    return true;
}

/* All of it fits, or nothing is written. */
static bool dma_write(FWCfgState *s, uint64_t address, uint32_t length)
{
    FWCfgItem *item = item_of_key(s, s->cur_entry);

    if (!item || !item->writable || s->cur_offset > item->length || length > item->length - s->cur_offset ||
        address_space_read(&address_space_memory, address, (uint8_t *)item->data + s->cur_offset, length) != MEMTX_OK) {
        return false;
    }
    s->cur_offset += length;
    return true;
}

static void dma_skip(FWCfgState *s, uint32_t length)
{
    const FWCfgItem *item = item_of_key(s, s->cur_entry);
    uint32_t left = item && s->cur_offset < item->length ? item->length - s->cur_offset : 0;

    s->cur_offset += MIN(length, left);
}

/* A ROM takes no bytes, and a transfer into it fails. */
static bool dma_reaches_ram(uint64_t address, uint32_t length)
{
    uint64_t n = length;

    return length == 0 || address_space_map(&address_space_memory, address, &n, true) != NULL;
}

/* A command at dma_addr: be32 control, be32 length, be64 address. Its control word tells the result. */
static void dma_run(FWCfgState *s)
{
    uint64_t command = s->dma_addr, address;
    uint32_t control, length, result;
    uint8_t bytes[16];
    bool ok = true;

    s->dma_addr = 0;
    if (address_space_read(&address_space_memory, command, bytes, sizeof(bytes)) != MEMTX_OK) {
        store_be32(bytes, DMA_ERROR);
        address_space_write(&address_space_memory, command, bytes, 4);
        return;
    }
    control = load_be32(bytes);
    length = load_be32(bytes + 4);
    address = load_be64(bytes + 8);
    if (control & DMA_SELECT) {
        select_item(s, control >> 16);
    }
    if (control & DMA_READ) {
        ok = dma_reaches_ram(address, length) && dma_read(s, address, length);
    } else if (control & DMA_WRITE) {
        ok = dma_write(s, address, length);
    } else if (control & DMA_SKIP) {
        dma_skip(s, length);
    }
    result = ok ? 0 : DMA_ERROR;
    store_be32(bytes, result);
    address_space_write(&address_space_memory, command, bytes, 4);
}

static uint64_t dma_port_read(void *opaque, hwaddr offset, unsigned size)
{
    return DMA_SIGNATURE >> (DMA_PORTS - size - offset) * 8;
}

static void dma_port_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    FWCfgState *s = opaque;

    if (size == 8) {
        s->dma_addr = value;
        dma_run(s);
    } else if (offset == 0) {
        s->dma_addr = value << 32;
    } else {
        s->dma_addr |= value;
        dma_run(s);
    }
}

static bool dma_port_accepts(void *opaque, hwaddr offset, unsigned size, bool is_write)
{
    return !is_write || (size == 4 && offset % 4 == 0) || size == 8;
}

static const MemoryRegionOps dma_port_ops = {
    .read = dma_port_read, .write = dma_port_write, .big_endian = true,
    .valid = { .min = 1, .max = 8, .accepts = dma_port_accepts },
};

/* --- the device --- */

static void init_identity(FWCfgState *s)
{
    FWCfgItem dir = { .data = s->dir, .length = sizeof(*s->dir) + s->file_slots * sizeof(DirEntry) };

    fw_cfg_add_item(s, FW_CFG_SIGNATURE, (FWCfgItem){ .data = "QEMU", .data_length = 4, .length = 4 });
    fw_cfg_add_u32(s, FW_CFG_ID, ID_TRADITIONAL | (s->dma_enabled ? ID_DMA : 0));
    fw_cfg_add_item(s, FW_CFG_FILE_DIR, dir);
    dir_update(s);
}

static bool fw_cfg_realize(DeviceState *dev, GError **error)
{
    FWCfgState *s = FW_CFG(dev);

    if (s->file_slots < FILE_SLOTS_MIN) {
        return error_setf(error, "\"file_slots\" must be at least 0x%x", FILE_SLOTS_MIN);
    }
    if (s->file_slots > FILE_SLOTS_MAX) {
        return error_setf(error, "\"file_slots\" must not exceed 0x%x", FILE_SLOTS_MAX);
    }
    s->dir = g_malloc0(sizeof(*s->dir) + s->file_slots * sizeof(DirEntry));
    init_identity(s);
    memory_region_init_io(&s->io, OBJECT(dev), &port_ops, s, "fwcfg", PORTS);
    memory_region_add(memory_io(), PORT_SELECT, &s->io);
    if (s->dma_enabled) {
        memory_region_init_io(&s->dma_io, OBJECT(dev), &dma_port_ops, s, "fwcfg.dma", DMA_PORTS);
        memory_region_add(memory_io(), PORT_DMA, &s->dma_io);
    }
    return true;
}

static void fw_cfg_unrealize(DeviceState *dev)
{
    FWCfgState *s = FW_CFG(dev);

    if (s->dma_enabled) {
        memory_region_del(memory_io(), &s->dma_io);
        memory_region_destroy(&s->dma_io);
    }
    memory_region_del(memory_io(), &s->io);
    memory_region_destroy(&s->io);
}

static void fw_cfg_reset(DeviceState *dev)
{
    select_item(FW_CFG(dev), FW_CFG_SIGNATURE);
}

void fw_cfg_set_acpi_sizes(FWCfgState *s, const FWCfgAcpiSizes *sizes,
                           bool (*resize)(void *opaque, const FWCfgAcpiSizes *sizes, GError **error), void *opaque)
{
    s->acpi = *sizes;
    s->acpi_resize = resize;
    s->acpi_opaque = opaque;
}

/* Migration. */
static bool dma_needed(void *opaque)
{
    return ((FWCfgState *)opaque)->dma_enabled;
}

static const VMStateDescription vmstate_dma = {
    .name = "fw_cfg/dma", .needed = dma_needed,
    .fields = VMS_FIELDS(VMS_U64(FWCfgState, dma_addr)),
};

static bool acpi_mr_needed(void *opaque)
{
    const FWCfgState *s = opaque;

    return s->acpi_mr_restore && (s->acpi.tables || s->acpi.linker || s->acpi.rsdp);
}

static bool acpi_mr_post_load(void *opaque, int version_id, GError **error)
{
    FWCfgState *s = opaque;

    return !s->acpi_resize || s->acpi_resize(s->acpi_opaque, &s->acpi, error);
}

static const VMStateDescription vmstate_acpi_mr = {
    .name = "fw_cfg/acpi_mr", .version_id = 1, .minimum_version_id = 1, .needed = acpi_mr_needed,
    .post_load = acpi_mr_post_load,
    .fields = VMS_FIELDS(
        VMS_U64(FWCfgState, acpi.tables, .name = "table_mr_size"),
        VMS_U64(FWCfgState, acpi.linker, .name = "linker_mr_size"),
        VMS_U64(FWCfgState, acpi.rsdp, .name = "rsdp_mr_size")),
};

static bool offset_is_16_bits(void *opaque, int version_id)
{
    return version_id == 1;
}

/* Version 1 had an offset of 16 bits: the lower half of a big-endian word. */
static bool offset_get_16(Stream *stream, void *where, size_t size, const VMStateField *field, GError **error)
{
    uint16_t value = 0;

    if (!vms_kind_u16.get(stream, &value, sizeof(value), field, error)) {
        return false;
    }
    *(uint32_t *)where = value;
    return true;
}

static void offset_put_16(Stream *stream, const void *where, size_t size, const VMStateField *field)
{
    uint16_t value = *(const uint32_t *)where;

    vms_kind_u16.put(stream, &value, sizeof(value), field);
}
static const VMStateKind kind_offset_16 = { .name = "int32_as_uint16", .get = offset_get_16, .put = offset_put_16 };

static const VMStateDescription vmstate_fw_cfg = {
    .name = "fw_cfg", .version_id = 2, .minimum_version_id = 1,
    .fields = VMS_FIELDS(
        VMS_U16(FWCfgState, cur_entry),
        VMS_SCALAR(kind_offset_16, uint32_t, FWCfgState, cur_offset, .exists = offset_is_16_bits),
        VMS_U32(FWCfgState, cur_offset, .version_id = 2)),
    .subsections = VMS_SUBSECTIONS(&vmstate_dma, &vmstate_acpi_mr),
};

static const Property fw_cfg_props[] = {
    DEFINE_PROP_BOOL("dma_enabled", FWCfgState, dma_enabled, true),
    DEFINE_PROP_UINT16("x-file-slots", FWCfgState, file_slots, 0x20),
    DEFINE_PROP_BOOL("acpi-mr-restore", FWCfgState, acpi_mr_restore, true),
};

static void fw_cfg_init(Object *obj)
{
    FW_CFG(obj)->files = g_array_new(false, true, sizeof(FWCfgFile));
}

static void fw_cfg_finalize(Object *obj)
{
    FWCfgState *s = FW_CFG(obj);

    for (guint i = 0; i < s->files->len; i++) {
        item_clear(&g_array_index(s->files, FWCfgFile, i).item);
    }
    g_array_unref(s->files);
    for (size_t i = 0; i < G_N_ELEMENTS(s->items); i++) {
        item_clear(&s->items[i]);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(s->arch_items); i++) {
        item_clear(&s->arch_items[i]);
    }
    g_free(s->dir);
}

static void fw_cfg_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = fw_cfg_realize;
    dc->unrealize = fw_cfg_unrealize;
    dc->reset.enter = fw_cfg_reset;
    dc->vmsd = &vmstate_fw_cfg;
    dc->user_creatable = false;
    object_class_add_props(klass, fw_cfg_props, G_N_ELEMENTS(fw_cfg_props));
}

FWCfgState *fw_cfg_io_new(GError **error)
{
    DeviceState *dev = device_new(TYPE_FW_CFG);

    object_add_child(object_resolve_path("/machine", NULL), "fw_cfg", OBJECT(dev));
    return device_realize_and_unref(dev, bus_main_system(), error) ? FW_CFG(dev) : NULL;
}

FWCfgState *fw_cfg_find(void)
{
    Object *obj = object_resolve_path("/machine/fw_cfg", NULL);

    return obj ? FW_CFG(obj) : NULL;
}

static const TypeInfo fw_cfg_type = {
    .name = TYPE_FW_CFG, .parent = TYPE_DEVICE, .size = sizeof(FWCfgState), .init = fw_cfg_init,
    .finalize = fw_cfg_finalize, .class_init = fw_cfg_class_init,
};
TYPE_REGISTER(fw_cfg_type)
