/*
 * fw_cfg: how the board tells firmware and kernels what it knows. Items have a number ("key"); firmware selects one and
 * reads it byte by byte (ports 0x510 and 0x511), or has the device copy it (DMA, ports 0x514 to 0x51b: the address of a
 * command in guest memory, big-endian). Item 0x19 is a directory of named items, "files", whose keys follow from the
 * order of their names; they are all there before the guest runs.
 *
 * The interface is that of QEMU's documentation (docs/specs/fw_cfg); keys and file names are guest ABI.
 */
#ifndef HW_NVRAM_FW_CFG_H
#define HW_NVRAM_FW_CFG_H

#include "hw/core/device.h"
#include "system/memory.h"

#define TYPE_FW_CFG "fw_cfg_io"
OBJECT_DECLARE_SIMPLE_TYPE(FWCfgState, FW_CFG)

enum {
    FW_CFG_SIGNATURE = 0x00, FW_CFG_ID = 0x01, FW_CFG_UUID = 0x02, FW_CFG_RAM_SIZE = 0x03, FW_CFG_NOGRAPHIC = 0x04,
    FW_CFG_NB_CPUS = 0x05, FW_CFG_MACHINE_ID = 0x06, FW_CFG_KERNEL_ADDR = 0x07, FW_CFG_KERNEL_SIZE = 0x08,
    FW_CFG_KERNEL_CMDLINE = 0x09, FW_CFG_INITRD_ADDR = 0x0a, FW_CFG_INITRD_SIZE = 0x0b, FW_CFG_BOOT_DEVICE = 0x0c,
    FW_CFG_NUMA = 0x0d, FW_CFG_BOOT_MENU = 0x0e, FW_CFG_MAX_CPUS = 0x0f, FW_CFG_KERNEL_ENTRY = 0x10,
    FW_CFG_KERNEL_DATA = 0x11, FW_CFG_INITRD_DATA = 0x12, FW_CFG_CMDLINE_ADDR = 0x13, FW_CFG_CMDLINE_SIZE = 0x14,
    FW_CFG_CMDLINE_DATA = 0x15, FW_CFG_SETUP_ADDR = 0x16, FW_CFG_SETUP_SIZE = 0x17, FW_CFG_SETUP_DATA = 0x18,
    FW_CFG_FILE_DIR = 0x19, FW_CFG_FILE_FIRST = 0x20,
    FW_CFG_ARCH = 0x8000,           /* of the architecture: x86 */
    FW_CFG_IRQ0_OVERRIDE = FW_CFG_ARCH + 2, FW_CFG_HPET = FW_CFG_ARCH + 4,
};

#define FW_CFG_FILE_NAME_MAX 56     /* with its NUL */

/* What an item is. Bytes of [data_length, length) read as 0. */
typedef struct FWCfgItem {
    const void *data;               /* lives as long as the device, unless `owned`: then g_free()d by it */
    uint32_t data_length, length;
    bool owned;
    bool writable;                  /* by DMA; data is the owner's own then, and not const */
    void (*selected)(void *opaque); /* before it is read; may be NULL */
    void *opaque;
} FWCfgItem;

/* The board's, at /machine/fw_cfg, with its DMA into the system's memory. */
FWCfgState *fw_cfg_io_new(GError **error);
FWCfgState *fw_cfg_find(void);      /* NULL: there is none */

/* Numbered items; a second one of that key takes the first one's place. Copies. */
void fw_cfg_add_u16(FWCfgState *s, uint16_t key, uint16_t value);
void fw_cfg_add_u32(FWCfgState *s, uint16_t key, uint32_t value);
void fw_cfg_add_u64(FWCfgState *s, uint16_t key, uint64_t value);
void fw_cfg_add_bytes(FWCfgState *s, uint16_t key, const void *data, uint32_t length);
void fw_cfg_add_text(FWCfgState *s, uint16_t key, const char *text);    /* with its NUL */
void fw_cfg_add_item(FWCfgState *s, uint16_t key, FWCfgItem item);      /* no copy */

/* A file. Refused: a name that is there already or is too long, more files than there is room for. */
bool fw_cfg_add_file(FWCfgState *s, const char *name, FWCfgItem item, GError **error);
/* As fw_cfg_add_file(), of bytes that are copied. */
bool fw_cfg_add_file_copy(FWCfgState *s, const char *name, const void *data, uint32_t length, GError **error);
/* Gives a file other contents; what is selected stays so. The file must be there. */
void fw_cfg_set_file(FWCfgState *s, const char *name, FWCfgItem item);
/* In the order of the directory. */
void fw_cfg_foreach_file(const FWCfgState *s, void (*fn)(const char *name, const FWCfgItem *item, void *opaque), void *opaque);
/* The item of a file, NULL: there is none. Valid until a file is added. */
const FWCfgItem *fw_cfg_file(FWCfgState *s, const char *name);

/*
 * The files whose contents are in RAM blocks of that name: the sizes that the guest has seen come with it, and are its
 * sizes here. `resize` is called when they arrive: false with an error if one can't be had.
 */
typedef struct FWCfgAcpiSizes {
    uint64_t tables, linker, rsdp;
} FWCfgAcpiSizes;
void fw_cfg_set_acpi_sizes(FWCfgState *s, const FWCfgAcpiSizes *sizes,
                           bool (*resize)(void *opaque, const FWCfgAcpiSizes *sizes, GError **error), void *opaque);

/* -fw_cfg: {"name", and "string" or "file" or "gen_id"}. Warns of a name that does not begin with "opt/". */
bool fw_cfg_add_option(const Json *opts, GError **error);

#endif
