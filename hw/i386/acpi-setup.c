/*
 * Where the ACPI tables live: RAM blocks that fw_cfg shows as files and that move with the guest, so that it finds the
 * tables of the machine that it was started on.
 */
#include <string.h>

#include "hw/i386/acpi-build.h"
#include "hw/nvram/fw_cfg.h"
#include "migration/register.h"
#include "system/ramblock.h"
#include "util/error.h"
#include "util/log.h"
#include "util/units.h"

/* Sizes are guest ABI: a stream's blocks must have the same, and the tables must fit in later versions as well. */
enum { TABLES_SIZE = 128 * KiB, TABLES_MAX = 2 * MiB, LOADER_SIZE = 4 * KiB, LOADER_MAX = 64 * KiB, RSDP_SIZE = 20,
       RSDP_MAX = 4 * KiB };

static const VMStateDescription vmstate_acpi_build = {
    .name = "acpi_build", .version_id = 1, .minimum_version_id = 1,
    .fields = VMS_FIELDS(VMS_U8(PCMachineState, acpi_patched, .name = "patched")),
};

static AcpiFile file_in(MemoryRegion *mr)
{
    return (AcpiFile){ .data = memory_region_host(mr), .size = mr->size };
}

/* Writes the tables of the machine as it is now into the blocks; what is behind them is zeros. */
static void build_tables(PCMachineState *pc)
{
    AcpiBuild build = { file_in(&pc->acpi_tables), file_in(&pc->acpi_loader), file_in(&pc->acpi_rsdp) };
    const struct {
        MemoryRegion *mr;
        AcpiFile *file;
        uint32_t *before;
    } parts[] = {
        { &pc->acpi_tables, &build.tables, &pc->acpi_used[0] }, { &pc->acpi_loader, &build.loader, &pc->acpi_used[1] },
        { &pc->acpi_rsdp, &build.rsdp, &pc->acpi_used[2] },
    };

    if (!acpi_tables_build(pc, &build)) {
        warn_report("the ACPI tables are larger than the room for them");
    }
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        uint32_t end = MIN(*parts[i].before, parts[i].file->size), length = parts[i].file->length;

        if (length < end) {
            memset(parts[i].file->data + length, 0, end - length);
        }
        *parts[i].before = length;
        memory_region_set_dirty(parts[i].mr, 0, MAX(end, length));
    }
}

/* The guest begins to read: the tables are made of what firmware has set up, and stay so until a reset. */
static void tables_selected(void *opaque)
{
    PCMachineState *pc = opaque;

    if (!pc->acpi_patched) {
        pc->acpi_patched = 1;
        build_tables(pc);
    }
}

static void acpi_reset(void *opaque)
{
    PCMachineState *pc = opaque;

    pc->acpi_patched = 0;
    if (!pc->acpi_used[0]) {
        build_tables(pc);
    }
}

void pc_acpi_build(PCMachineState *pc)
{
    build_tables(pc);
}

static FWCfgItem block_item(PCMachineState *pc, MemoryRegion *mr, uint64_t size)
{
    return (FWCfgItem){ .data = memory_region_host(mr), .data_length = size, .length = size,
                        .selected = tables_selected, .opaque = pc };
}

static bool add_block(PCMachineState *pc, MemoryRegion *mr, const char *file, uint64_t size, uint64_t max, GError **error)
{
    g_autofree char *name = g_strconcat("/rom@", file, NULL);

    return memory_region_init_resizeable_rom(mr, OBJECT(pc->fw_cfg), name, size, max, NULL, error) &&
           fw_cfg_add_file(pc->fw_cfg, file, block_item(pc, mr, size), error);
}

static bool size_fits(MemoryRegion *mr, const char *what, uint64_t size, uint64_t max, GError **error)
{
    return size <= max || error_setf(error, "%s of 0x%" G_GINT64_MODIFIER "x bytes: there is room for 0x%"
                                     G_GINT64_MODIFIER "x", what, size, max);
}

/* The blocks came with their sizes already; what their pages do not say is how much of the last one counts. */
static bool sizes_arrived(void *opaque, const FWCfgAcpiSizes *sizes, GError **error)
{
    PCMachineState *pc = opaque;
    const struct {
        MemoryRegion *mr;
        const char *file;
        uint64_t size, max;
    } parts[] = {
        { &pc->acpi_tables, ACPI_FILE_TABLES, sizes->tables, TABLES_MAX },
        { &pc->acpi_loader, ACPI_FILE_LOADER, sizes->linker, LOADER_MAX },
        { &pc->acpi_rsdp, ACPI_FILE_RSDP, sizes->rsdp, RSDP_MAX },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (!size_fits(parts[i].mr, parts[i].file, parts[i].size, parts[i].max, error)) {
            return false;
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (!ramblock_resize(parts[i].mr->ram, parts[i].size, error)) {
            return false;
        }
        pc->acpi_used[i] = parts[i].size;   /* its contents are another's */
        fw_cfg_set_file(pc->fw_cfg, parts[i].file, block_item(pc, parts[i].mr, parts[i].size));
    }
    return true;
}

bool pc_acpi_setup(PCMachineState *pc, GError **error)
{
    static const FWCfgAcpiSizes sizes = { TABLES_SIZE, LOADER_SIZE, RSDP_SIZE };

    if (!add_block(pc, &pc->acpi_tables, ACPI_FILE_TABLES, TABLES_SIZE, TABLES_MAX, error) ||
        !add_block(pc, &pc->acpi_loader, ACPI_FILE_LOADER, LOADER_SIZE, LOADER_MAX, error) ||
        !add_block(pc, &pc->acpi_rsdp, ACPI_FILE_RSDP, RSDP_SIZE, RSDP_MAX, error)) {
        return false;
    }
    fw_cfg_set_acpi_sizes(pc->fw_cfg, &sizes, sizes_arrived, pc);
    reset_register(acpi_reset, pc);
    return vmstate_register(NULL, 0, &vmstate_acpi_build, pc, error);
}
