/*
 * Where the ACPI tables live: RAM blocks that fw_cfg shows as files and that move with the guest, so that it finds the
 * tables of the machine that it was started on.
 */
#include <string.h>

#include "hw/i386/pc.h"
#include "hw/nvram/fw_cfg.h"
#include "migration/register.h"
#include "system/ramblock.h"
#include "util/error.h"
#include "util/units.h"

/* Sizes are guest ABI: a stream's blocks must have the same, and the tables must fit in later versions as well. */
enum { TABLES_SIZE = 128 * KiB, TABLES_MAX = 2 * MiB, LOADER_SIZE = 4 * KiB, LOADER_MAX = 64 * KiB, RSDP_SIZE = 20,
       RSDP_MAX = 4 * KiB };

static const VMStateDescription vmstate_acpi_build = {
    .name = "acpi_build", .version_id = 1, .minimum_version_id = 1,
    .fields = VMS_FIELDS(VMS_U8(PCMachineState, acpi_patched, .name = "patched")),
};

/* The guest begins to read: what it sees from now on stays. */
static void tables_selected(void *opaque)
{
    PCMachineState *pc = opaque;

    pc->acpi_patched = 1;
}

static void acpi_reset(void *opaque)
{
    PCMachineState *pc = opaque;

    pc->acpi_patched = 0;
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
        { &pc->acpi_tables, "etc/acpi/tables", sizes->tables, TABLES_MAX },
        { &pc->acpi_loader, "etc/table-loader", sizes->linker, LOADER_MAX },
        { &pc->acpi_rsdp, "etc/acpi/rsdp", sizes->rsdp, RSDP_MAX },
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
        fw_cfg_set_file(pc->fw_cfg, parts[i].file, block_item(pc, parts[i].mr, parts[i].size));
    }
    return true;
}

bool pc_acpi_setup(PCMachineState *pc, GError **error)
{
    static const FWCfgAcpiSizes sizes = { TABLES_SIZE, LOADER_SIZE, RSDP_SIZE };

    if (!add_block(pc, &pc->acpi_tables, "etc/acpi/tables", TABLES_SIZE, TABLES_MAX, error) ||
        !add_block(pc, &pc->acpi_loader, "etc/table-loader", LOADER_SIZE, LOADER_MAX, error) ||
        !add_block(pc, &pc->acpi_rsdp, "etc/acpi/rsdp", RSDP_SIZE, RSDP_MAX, error)) {
        return false;
    }
    fw_cfg_set_acpi_sizes(pc->fw_cfg, &sizes, sizes_arrived, pc);
    reset_register(acpi_reset, pc);
    return vmstate_register(NULL, 0, &vmstate_acpi_build, pc, error);
}
