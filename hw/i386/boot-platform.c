/*
 * The board as firmware hands it to an operating system. What a kernel does for itself (numbers of buses, addresses of
 * devices, interrupt controllers, timers) is left to it.
 */
#include <string.h>

#include "hw/i386/acpi-build.h"
#include "hw/i386/boot.h"
#include "hw/intc/apic.h"
#include "hw/intc/ioapic.h"
#include "hw/smbios/smbios.h"
#include "util/byteorder.h"
#include "util/units.h"

#define ECAM_BASE 0xb0000000ull
#define ECAM_SIZE (256 * MiB)
#define RCBA_BASE 0xfed1c000u
#define FIRMWARE_RESERVED 0xfeffc000ull

enum { MCH = 0 << 11, LPC = 31 << 11 };
enum { MCH_PCIEXBAR = 0x60, MCH_PAM0 = 0x90, LPC_PMBASE = 0x40, LPC_ACPI_CNTL = 0x44, LPC_PIRQA = 0x60, LPC_PIRQE = 0x68,
       LPC_RCBA = 0xf0 };
enum { ELCR2 = 0x4d1, LEVEL_10_11 = 0x0c };

/* --- access as a program in the guest has it --- */

static void port_write(uint16_t port, uint32_t value, unsigned size)
{
    address_space_store(&address_space_io, port, value, size);
}

static void config_write(uint32_t function, unsigned reg, uint32_t value, unsigned size)
{
    port_write(0xcf8, 0x80000000u | function | (reg & 0xfc), 4);
    port_write(0xcfc + (reg & 3), value, size);
}

static void write_bytes(uint64_t address, const void *data, uint64_t size)
{
    address_space_write(&address_space_memory, address, data, size);
}

/* --- chipset --- */

/* RAM instead of ROM below 1 MiB, written to or not. */
static void set_shadow(bool writable)
{
    unsigned mode = writable ? 3 : 1;

    config_write(MCH, MCH_PAM0, mode << 4, 1);
    for (unsigned i = 1; i < 7; i++) {
        config_write(MCH, MCH_PAM0 + i, mode << 4 | mode, 1);
    }
}

static void init_chipset(void)
{
    static const uint8_t irqs[] = { 10, 10, 11, 11 };

    config_write(MCH, MCH_PCIEXBAR + 4, 0, 4);
    config_write(MCH, MCH_PCIEXBAR, ECAM_BASE | 1, 4);
    config_write(LPC, LPC_PMBASE, 0x600 | 1, 4);
    config_write(LPC, LPC_ACPI_CNTL, 0x80, 1);
    config_write(LPC, LPC_RCBA, RCBA_BASE | 1, 4);
    for (unsigned i = 0; i < 4; i++) {
        config_write(LPC, LPC_PIRQA + i, irqs[i], 1);
        config_write(LPC, LPC_PIRQE + i, irqs[i], 1);
    }
    port_write(ELCR2, LEVEL_10_11, 1);
}

/* SDM vol. 3, 12.11: all is write-back, but for what is no RAM below 1 MiB and from 3 GiB up to 4 GiB. */
static void init_mtrrs(X86CPU *cpu)
{
    X86CPUState *env = &cpu->env;
    const uint64_t write_back = 0x0606060606060606ull, write_protect = 0x0505050505050505ull;
    uint32_t sizes[4];

    x86_cpuid(cpu, 0x80000008, 0, sizes);
    env->mtrr_fixed[0] = env->mtrr_fixed[1] = write_back;
    env->mtrr_fixed[2] = 0;
    for (unsigned i = 3; i < 11; i++) {
        env->mtrr_fixed[i] = write_protect;
    }
    memset(env->mtrr_var, 0, sizeof(env->mtrr_var));
    env->mtrr_var[0].base = 0xc0000000;
    env->mtrr_var[0].mask = (((1ull << (sizes[0] & 0x3f)) - 1) & ~0x3fffffffull) | 0x800;
    env->mtrr_deftype = 0xc06;
}

/* --- memory --- */

unsigned boot_memory_map(const PCMachineState *pc, BootRange map[BOOT_RANGES_MAX])
{
    uint64_t low = pc->below_4g_size, tables = low - BOOT_TABLES_ROOM;
    const BootRange fixed[] = {
        { 0, BOOT_EBDA, E820_RAM },
        { BOOT_EBDA, 0xa0000 - BOOT_EBDA, E820_RESERVED },
        { 0xf0000, 0x10000, E820_RESERVED },
        { MiB, tables - MiB, E820_RAM },
        { tables, BOOT_TABLES_ROOM, E820_RESERVED },
        { ECAM_BASE, ECAM_SIZE, E820_RESERVED },
        { RCBA_BASE, 0x4000, E820_RESERVED },
        { FIRMWARE_RESERVED, 0x4000, E820_RESERVED },
        { 4 * GiB - pc->bios.size, pc->bios.size, E820_RESERVED },
    };
    unsigned n = G_N_ELEMENTS(fixed);

    memcpy(map, fixed, sizeof(fixed));
    /* What else the board's own map has: RAM above 4 GiB, and holes there. */
    for (guint at = 0; at + 20 <= pc->e820->len && n < BOOT_RANGES_MAX; at += 20) {
        const uint8_t *entry = pc->e820->data + at;
        BootRange range = { load_le64(entry), load_le64(entry + 8), load_le32(entry + 16) };

        if (range.address >= 4 * GiB) {
            map[n++] = range;
        }
    }
    return n;
}

/* The tables at the top of low RAM, the RSDP where it is looked for: at the start of the extended BIOS data area. */
static bool place_acpi(PCMachineState *pc)
{
    uint32_t length, address = pc->below_4g_size - BOOT_TABLES_ROOM;
    g_autofree uint8_t *tables = NULL, *rsdp = NULL;

    if (!pc_acpi_enabled(pc)) {
        return true;
    }
    pc_acpi_build(pc);
    length = pc->acpi_used[0];
    if (length > BOOT_TABLES_ROOM) {
        return false;
    }
    tables = g_memdup2(memory_region_host(&pc->acpi_tables), length);
    rsdp = g_memdup2(memory_region_host(&pc->acpi_rsdp), ACPI_RSDP_SIZE);
    if (!acpi_tables_link(tables, length, address, rsdp, BOOT_RSDP, memory_region_host(&pc->acpi_loader),
                          pc->acpi_used[1])) {
        return false;
    }
    pc->acpi_patched = 1;
    write_bytes(address, tables, length);
    write_bytes(BOOT_RSDP, rsdp, ACPI_RSDP_SIZE);
    return true;
}

/* The first CPU's takes what the 8259s say on LINT0 (virtual wire), and NMIs on LINT1. */
static void init_local_apic(void)
{
    static const struct { uint16_t offset, value; } registers[] = {
        { 0xf0, 0x1ff },        /* on, spurious vector 255 */
        { 0x350, 0x8700 },      /* LINT0: ExtINT */
        { 0x360, 0x8400 },      /* LINT1: NMI */
    };
    X86CPU *before = x86_cpu_current();

    x86_cpu_set_current(x86_cpu_by_index(0));
    for (unsigned i = 0; i < G_N_ELEMENTS(registers); i++) {
        address_space_store(&address_space_memory, APIC_ADDRESS + registers[i].offset, registers[i].value, 4);
    }
    x86_cpu_set_current(before);
}

/* The entry point in the F segment, where it is looked for; the structures behind it. */
static void place_smbios(PCMachineState *pc)
{
    g_autoptr(GByteArray) anchor = g_byte_array_new();
    uint32_t tables = BOOT_SMBIOS + 0x20;

    if (tables + pc->smbios_tables->len > MiB) {
        return;
    }
    g_byte_array_append(anchor, pc->smbios_anchor->data, pc->smbios_anchor->len);
    smbios_finish_anchor(anchor, tables);
    write_bytes(BOOT_SMBIOS, anchor->data, anchor->len);
    write_bytes(tables, pc->smbios_tables->data, pc->smbios_tables->len);
}

void boot_platform_resume(void)
{
    init_chipset();
    for (unsigned i = 0; i < x86_cpu_count(); i++) {
        init_mtrrs(x86_cpu_by_index(i));
    }
    init_local_apic();
    set_shadow(false);
}

bool boot_platform_init(PCMachineState *pc)
{
    static const uint8_t ebda[2] = { (BOOT_EBDA >> 4) & 0xff, BOOT_EBDA >> 12 };

    boot_platform_resume();
    set_shadow(true);
    address_space_write(&address_space_memory, 0x40e, ebda, sizeof(ebda));
    if (!place_acpi(pc)) {
        return false;
    }
    place_smbios(pc);
    set_shadow(false);
    return true;
}
