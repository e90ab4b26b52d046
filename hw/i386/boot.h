/*
 * Direct boot: -kernel, -initrd, -append.
 *
 * There is no boot loader in the guest. When the machine is about to run and its first CPU stands at the reset vector, the
 * kernel is put into memory, the board is set up as firmware leaves it, and the CPU is placed at the kernel's entry. So a
 * stopped machine that was never started has nothing in its RAM, as with QEMU; a machine that came in from elsewhere goes
 * on where it was; and a reset begins anew with the kernel.
 */
#ifndef HW_I386_BOOT_H
#define HW_I386_BOOT_H

#include "hw/i386/boot-image.h"
#include "hw/i386/pc.h"

/* Where things are in low memory. RAM is free from BOOT_LOW_END on. */
enum {
    BOOT_GDT = 0x500, BOOT_PVH_INFO = 0x6000, BOOT_ZERO_PAGE = 0x7000, BOOT_STACK = 0x8ff0, BOOT_PAGE_TABLES = 0x9000,
    BOOT_SETUP = 0x10000, BOOT_CMDLINE = 0x20000, BOOT_EBDA = 0x9fc00, BOOT_RSDP = BOOT_EBDA, BOOT_SMBIOS = 0xf0000,
};
#define BOOT_CMDLINE_MAX (BOOT_EBDA - BOOT_CMDLINE)
#define BOOT_TABLES_ROOM 0x28000u       /* at the top of low RAM: for the ACPI tables */

typedef struct PCBoot {
    PCMachineState *pc;
    BootImage image;
    int kernel_fd, initrd_fd;           /* -1: none */
    uint64_t kernel_size, initrd_size;
    uint32_t initrd_address;
    const char *cmdline;
    uint8_t *setup;                     /* Linux: what fw_cfg shows of the setup code, its header filled in */
} PCBoot;

/* Checks the files, and offers them through fw_cfg. Nothing to do without -kernel. */
bool pc_boot_init(PCMachineState *pc, GError **error);
/* When the machine is complete. */
void pc_boot_arm(PCMachineState *pc);

/* A range of the map that is given to the kernel: E820Type, or these. */
typedef struct BootRange {
    uint64_t address, length;
    uint32_t type;
} BootRange;
enum { BOOT_RANGES_MAX = 32 };
unsigned boot_memory_map(const PCMachineState *pc, BootRange map[BOOT_RANGES_MAX]);

/* What firmware does before it starts a kernel: chipset, ACPI, interrupt routes, MTRRs, tables in memory. False: no room. */
bool boot_platform_init(PCMachineState *pc);
/* What of that a reset undoes and memory does not hold: at the end of S3. */
void boot_platform_resume(void);
/* Wakes a kernel that was booted so, here or where it came from: no firmware has run that could. */
void pc_boot_resume_arm(PCMachineState *pc);
/* Registers and low memory for the entry. */
void boot_enter_linux(const PCBoot *boot);
void boot_enter_pvh(const PCBoot *boot);

#endif
