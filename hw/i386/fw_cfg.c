/* What a PC tells its firmware: see hw/nvram/fw_cfg.h. */
#include "hw/nvram/fw_cfg.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hw/i386/pc.h"
#include "hw/smbios/smbios.h"
#include "hw/timer/hpet.h"
#include "util/byteorder.h"
#include "util/error.h"
#include "util/log.h"
#include "util/units.h"

#define AMD_HOLE_START 0xfd00000000ull          /* HyperTransport's own, below 1 TiB */
#define AMD_HOLE_SIZE 0x300000000ull
#define NUMA_WORDS(cpus) (1 + (cpus))           /* the number of nodes, then each CPU's, then each node's memory */
#define SPLASH_MAX (16 * MiB)
#define OPTION_ROM_MAX (16 * MiB)

/* --- e820 --- */

void pc_e820_add(PCMachineState *pc, uint64_t address, uint64_t length, E820Type type)
{
    uint8_t entry[20];

    store_le64(entry, address);
    store_le64(entry + 8, length);
    store_le32(entry + 16, type);
    if (!pc->e820) {
        pc->e820 = g_byte_array_new();
    }
    g_byte_array_append(pc->e820, entry, sizeof(entry));
}

static bool has_amd_hole(const PCMachineState *pc)
{
    return release_compare(MACHINE_GET_CLASS(pc)->version, RELEASE(7, 1)) >= 0 &&
           !strcmp(x86_cpu_by_index(0)->vendor, "AuthenticAMD");
}

static bool add_e820(PCMachineState *pc, GError **error)
{
    if (has_amd_hole(pc)) {
        pc_e820_add(pc, AMD_HOLE_START, AMD_HOLE_SIZE, E820_RESERVED);
    }
    pc_e820_add(pc, 0, pc->below_4g_size, E820_RAM);
    if (pc->above_4g_size) {
        pc_e820_add(pc, 4 * GiB, pc->above_4g_size, E820_RAM);
    }
    return fw_cfg_add_file(pc->fw_cfg, "etc/e820", (FWCfgItem){ .data = pc->e820->data, .data_length = pc->e820->len,
                                                                .length = pc->e820->len }, error);
}

/* --- numbered items --- */

/* IA-PC HPET Specification, 3.2.4, as the BIOS needs it: for each block its id, address, minimum tick and attributes. */
static void add_hpet(PCMachineState *pc)
{
    uint8_t bytes[1 + 8 * 15] = { 0 };

    if (pc->hpet) {
        bytes[0] = 1;
        store_le32(bytes + 1, 0x8086a201);
        store_le64(bytes + 5, HPET_ADDRESS);
    } else {
        bytes[0] = 0xff;
    }
    fw_cfg_add_bytes(pc->fw_cfg, FW_CFG_HPET, bytes, sizeof(bytes));
}

static void add_numbers(PCMachineState *pc)
{
    const MachineState *m = &pc->parent_obj;
    FWCfgState *fw = pc->fw_cfg;
    unsigned limit = x86_apic_id(&m->smp, m->smp.max_cpus - 1) + 1;
    uint32_t numa_size = NUMA_WORDS(limit) * 8;
    bool menu = false;

    if (m->boot) {
        json_get_bool(json_member(m->boot, "menu"), &menu);
    }
    fw_cfg_add_bytes(fw, FW_CFG_UUID, m->uuid, sizeof(m->uuid));
    fw_cfg_add_u64(fw, FW_CFG_RAM_SIZE, m->ram_size);
    fw_cfg_add_u16(fw, FW_CFG_NOGRAPHIC, m->nographic || !m->graphics);
    fw_cfg_add_u16(fw, FW_CFG_NB_CPUS, m->smp.cpus);
    fw_cfg_add_u16(fw, FW_CFG_MAX_CPUS, limit);
    fw_cfg_add_u16(fw, FW_CFG_BOOT_MENU, menu);
    fw_cfg_add_u32(fw, FW_CFG_IRQ0_OVERRIDE, 1);
    fw_cfg_add_item(fw, FW_CFG_NUMA, (FWCfgItem){ .length = numa_size });
    add_hpet(pc);
}

/* --- files --- */

/* Sleep states S0 to S5: bit 7: there is one; bits 0 to 6: the value for SLP_TYP. */
static bool add_system_states(PCMachineState *pc, GError **error)
{
    const ICH9PMRegs *pm = &pc->lpc->pm;
    uint8_t states[6] = { 128, 0, 0, 1, pm->s4_val, 128 };

    states[3] |= pm->disable_s3 ? 0 : 128;
    states[4] |= pm->disable_s4 ? 0 : 128;
    return fw_cfg_add_file_copy(pc->fw_cfg, "etc/system-states", states, sizeof(states), error);
}

static bool boot_number(const MachineState *m, const char *key, int64_t *value)
{
    return m->boot && json_has(m->boot, key) && json_get_int(json_member(m->boot, key), value);
}

static bool add_boot_waits(PCMachineState *pc, GError **error)
{
    const MachineState *m = &pc->parent_obj;
    int64_t splash_time, timeout = -1;
    uint8_t bytes[4];

    if (boot_number(m, "splash-time", &splash_time)) {
        store_le16(bytes, splash_time);
        if (!fw_cfg_add_file_copy(pc->fw_cfg, "etc/boot-menu-wait", bytes, 2, error)) {
            return false;
        }
    }
    boot_number(m, "reboot-timeout", &timeout);
    store_le32(bytes, timeout);
    return fw_cfg_add_file_copy(pc->fw_cfg, "etc/boot-fail-wait", bytes, 4, error);
}

/* What can't be shown is told, and the machine starts all the same. */
static bool add_splash(PCMachineState *pc, GError **error)
{
    const MachineState *m = &pc->parent_obj;
    const char *path = m->boot ? json_member_string(m->boot, "splash", NULL) : NULL;
    g_autofree char *data = NULL;
    bool jpeg, bmp;
    gsize length;

    if (!path) {
        return true;
    }
    if (!g_file_get_contents(path, &data, &length, NULL) || length > SPLASH_MAX) {
        error_report("failed to find file '%s'", path);
        return true;
    }
    jpeg = length > 30 && memcmp(data, "\xff\xd8", 2) == 0;
    bmp = length > 30 && memcmp(data, "BM", 2) == 0 && load_le16(data + 28) == 24;
    if (!jpeg && !bmp) {
        error_report("splash file '%s' format not recognized; must be JPEG or 24 bit BMP", path);
        return true;
    }
    return fw_cfg_add_file_copy(pc->fw_cfg, jpeg ? "bootsplash.jpg" : "bootsplash.bmp", data, length, error);
}

/*
 * QEMU's PCs have an option ROM that helps guests under hypervisors without TPR virtualization. Here is nothing for it
 * to do, and it only returns; it has that one's name and size because both are in the directory that a guest reads.
 */
static bool add_tpr_rom(PCMachineState *pc, GError **error)
{
    /* Signature, length in 512 bytes, retf; the last byte makes the sum of all 0. */
    static const uint8_t rom[] = { 0x55, 0xaa, 0x12, 0xcb, 0, 0, 0, 0x24 };

    return fw_cfg_add_file(pc->fw_cfg, "genroms/kvmvapic.bin",
                           (FWCfgItem){ .data = rom, .data_length = sizeof(rom), .length = rom[2] * 512 }, error);
}

/* ROMs without a BAR: firmware finds them by the folder's name. */
static bool take_rom(PCIDevice *dev, const char *name, int fd, GError **error)
{
    bool vga = pci_get_word(dev->config + PCI_CLASS_DEVICE) == 0x0300;
    g_autofree char *base = g_path_get_basename(name);
    g_autofree char *file = g_strconcat(vga ? "vgaroms/" : "genroms/", base, NULL);
    g_autofree uint8_t *data = NULL;
    struct stat st;

    if (fw_cfg_file(fw_cfg_find(), file)) {
        return true;                            /* several devices of a kind have the same */
    }
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > OPTION_ROM_MAX) {
        return error_setf(error, "failed to load romfile \"%s\"", name);
    }
    data = g_malloc(st.st_size);
    return pread(fd, data, st.st_size, 0) == st.st_size
               ? fw_cfg_add_file_copy(fw_cfg_find(), file, data, st.st_size, error)
               : error_setf(error, "failed to load romfile \"%s\"", name);
}

bool pc_fw_cfg_init(PCMachineState *pc, GError **error)
{
    pc->fw_cfg = fw_cfg_io_new(error);
    if (!pc->fw_cfg) {
        return false;
    }
    pci_rom_for_firmware = take_rom;
    add_numbers(pc);
    return fw_cfg_add_file(pc->fw_cfg, "bios-geometry", (FWCfgItem){ 0 }, error) &&
           fw_cfg_add_file(pc->fw_cfg, "bootorder", (FWCfgItem){ 0 }, error) &&
           fw_cfg_add_file(pc->fw_cfg, "etc/tpm/log", (FWCfgItem){ 0 }, error) &&
           add_e820(pc, error) && add_boot_waits(pc, error) && add_splash(pc, error) && add_tpr_rom(pc, error);
}

/* SMBIOS 3.0's entry point is the default from 8.1 on; "auto" is the old one while that suffices. */
static bool smbios_is_64(const PCMachineState *pc)
{
    bool new = release_compare(MACHINE_GET_CLASS(pc)->version, RELEASE(8, 1)) >= 0;

    return pc->smbios_ep_type ? !strcmp(pc->smbios_ep_type, "64") : new;
}

static bool add_smbios(PCMachineState *pc, GError **error)
{
    const MachineClass *mc = MACHINE_GET_CLASS(pc);
    const SmbiosRange ram[] = { { 0, pc->below_4g_size }, { 4 * GiB, pc->above_4g_size } };
    SmbiosMachine m = {
        .product = mc->desc, .version = mc->name, .machine = &pc->parent_obj, .ram = ram,
        .num_ram = pc->above_4g_size ? 2 : 1, .entry_64 = smbios_is_64(pc), .family_2 = pc->smbios_family_2,
        .threads_per_socket = pc->smbios_threads_per_socket,
    };
    uint32_t leaf[4];

    x86_cpuid(x86_cpu_by_index(0), 1, 0, leaf);
    m.cpu_signature = leaf[0];
    m.cpu_features = x86_cpu_by_index(0)->features[FEAT_1_EDX];     /* without what topology adds */
    return smbios_build(&m, &pc->smbios_tables, &pc->smbios_anchor, error) &&
           fw_cfg_add_file(pc->fw_cfg, "etc/smbios/smbios-tables", (FWCfgItem){ .data = pc->smbios_tables->data,
                           .data_length = pc->smbios_tables->len, .length = pc->smbios_tables->len }, error) &&
           fw_cfg_add_file_copy(pc->fw_cfg, "etc/smbios/smbios-anchor", pc->smbios_anchor->data,
                                pc->smbios_anchor->len, error);
}

bool pc_fw_cfg_done(PCMachineState *pc, GError **error)
{
    pc_set_boot_order(pc);
    return add_system_states(pc, error) && add_smbios(pc, error);
}
