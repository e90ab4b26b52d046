/*
 * PC machines: what all versions of the q35 board share. Types as in QEMU: pc-q35-8.0-machine, a generic-pc-machine, an
 * x86-machine.
 */
#ifndef HW_I386_PC_H
#define HW_I386_PC_H

#include "hw/core/machine.h"
#include "hw/isa/lpc-ich9.h"
#include "hw/pci-host/q35.h"
#include "target/i386/cpu.h"

#define TYPE_X86_MACHINE "x86-machine"
#define TYPE_PC_MACHINE "generic-pc-machine"
OBJECT_DECLARE_SIMPLE_TYPE(PCMachineState, PC_MACHINE)

struct PCMachineState {
    MachineState parent_obj;
    /* set by the user */
    OnOffAuto acpi, smm, pic, pit, vmport;
    bool smbios_family_2, smbios_threads_per_socket;
    bool sata, smbus, hpet, i8042, bypass_iommu, nvdimm, hmat;
    uint64_t max_ram_below_4g, max_fw_size, bus_lock_ratelimit;
    char *oem_id, *oem_table_id, *smbios_ep_type, *pcspk_audiodev;
    /* made by init */
    uint64_t below_4g_size, above_4g_size;
    MemoryRegion pci, ram_below_4g, ram_above_4g, bios, isa_bios, option_rom;
    MemoryRegion acpi_tables, acpi_loader, acpi_rsdp;
    uint8_t acpi_patched;           /* the guest has read the tables */
    uint32_t acpi_used[3];          /* bytes of tables, loader and rsdp that are not 0 */
    GByteArray *e820;               /* entries of 20 bytes, as the guest reads them */
    struct FWCfgState *fw_cfg;
    GByteArray *smbios_tables, *smbios_anchor;
    struct PCBoot *boot;            /* NULL: no -kernel */
    Q35PCIHost *host;
    ICH9LPCState *lpc;
    Irq **gsi;                      /* ICH9_GSIS lines */
    struct I8259 *pic_master;       /* the master; NULL: none */
    struct IOAPICState *ioapic;
    Irq *i8259_in[16], *ioapic_in[ICH9_GSIS];   /* where they lead; NULL: nowhere */
    struct RTCState *rtc;
    DeviceState *hpet_dev;          /* NULL: none */
    bool booted_once;
};

void pc_machine_class_add_props(ObjectClass *klass);
bool pc_acpi_enabled(const PCMachineState *pc);
bool pc_smm_enabled(const PCMachineState *pc);

/* RAM in two pieces around the hole below 4 GiB. */
bool pc_memory_split(PCMachineState *pc, GError **error);
/* RAM, firmware and option ROM space in the system's map; needs pc->pci. */
bool pc_memory_init(PCMachineState *pc, GError **error);
/* What comes with each CPU: its local APIC. */
bool pc_cpu_created(X86CPU *cpu, GError **error);
/* The lines; then, once the LPC bridge is there, the chips that hang on it. */
void pc_gsi_init(PCMachineState *pc);
bool pc_chips_init(PCMachineState *pc, GError **error);
/* What firmware reads in CMOS RAM: memory, CPUs, boot order. */
void pc_cmos_init(PCMachineState *pc);
/* In words, for monitors: the interrupt controllers, how often their lines came up, the images that firmware finds. */
void pc_print_pic(const PCMachineState *pc, GString *out);
void pc_print_irq_counts(const PCMachineState *pc, GString *out);
void pc_print_roms(const PCMachineState *pc, GString *out);
/* dumpdtb= */
bool pc_dump_dtb(MachineState *m, const char *file, GError **error);

/* fw_cfg with what is known before there are devices; then the rest. */
bool pc_fw_cfg_init(PCMachineState *pc, GError **error);
bool pc_fw_cfg_done(PCMachineState *pc, GError **error);
/* The devices that firmware is to boot from, of those that are there now. */
void pc_set_boot_order(PCMachineState *pc);
/* The ACPI tables and what firmware needs to install them: in RAM blocks, which move with the guest. */
bool pc_acpi_setup(PCMachineState *pc, GError **error);
/* Makes the tables anew, of the machine as it is. */
void pc_acpi_build(PCMachineState *pc);
/* Adds a range of guest-physical addresses to the map that firmware passes on. */
typedef enum { E820_RAM = 1, E820_RESERVED = 2 } E820Type;
void pc_e820_add(PCMachineState *pc, uint64_t address, uint64_t length, E820Type type);

#endif
