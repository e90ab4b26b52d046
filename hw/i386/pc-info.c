/* The board in words, for monitors. */
#include <inttypes.h>
#include <string.h>

#include "hw/i386/pc.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "hw/nvram/fw_cfg.h"
#include "system/ramblock.h"
#include "util/units.h"

void pc_print_pic(const PCMachineState *pc, GString *out)
{
    ioapic_print(pc->ioapic, out);
    if (pc->pic_master) {
        i8259_print(pc->pic_master, out);
    }
}

void pc_print_irq_counts(const PCMachineState *pc, GString *out)
{
    ioapic_print_counts(pc->ioapic, out);
    if (pc->pic_master) {
        i8259_print_counts(pc->pic_master, out);
    }
}

static void print_option_rom(const char *name, const FWCfgItem *item, void *out)
{
    if (g_str_has_prefix(name, "genroms/") || g_str_has_prefix(name, "vgaroms/")) {
        g_string_append_printf(out, "fw=%s size=0x%06x name=\"%s\"\n", name, item->length, strchr(name, '/') + 1);
    }
}

void pc_print_roms(const PCMachineState *pc, GString *out)
{
    const MachineState *m = &pc->parent_obj;
    const MemoryRegion *const blocks[] = { &pc->acpi_tables, &pc->acpi_loader, &pc->acpi_rsdp };
    uint64_t size = pc->bios.size;
    bool given = m->firmware && *m->firmware;

    fw_cfg_foreach_file(pc->fw_cfg, print_option_rom, out);
    if (given || m->default_firmware) {
        g_autofree char *name = given ? g_strdup(m->firmware) : g_path_get_basename(m->default_firmware);

        g_string_append_printf(out, "addr=%016" PRIx64 " size=0x%06" PRIx64 " mem=rom name=\"%s\"\n",
                               (uint64_t)(4 * GiB) - size, size, name);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(blocks); i++) {
        const RAMBlock *block = blocks[i]->ram;

        if (block) {            /* there are ACPI tables */
            g_string_append_printf(out, "%s size=0x%06" PRIx64 " name=\"%s\"\n", block->name, block->max_length,
                                   block->name + strlen("/rom@"));
        }
    }
}
