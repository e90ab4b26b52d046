/* The first instruction of a kernel: what is in memory and in registers then. */
#include <string.h>

#include "hw/i386/boot.h"
#include "util/byteorder.h"
#include "util/units.h"

/* Linux's boot_params, "the zero page" (Documentation/arch/x86/zero-page.rst). */
enum {
    ACPI_RSDP_ADDR = 0x70, E820_ENTRIES = 0x1e8, VID_MODE = 0x1fa, TYPE_OF_LOADER = 0x210, LOADFLAGS = 0x211,
    CODE32_START = 0x214, RAMDISK_IMAGE = 0x218, RAMDISK_SIZE = 0x21c, CMD_LINE_PTR = 0x228, E820_TABLE = 0x2d0,
    HEADER_END_OFFSET = 0x201, HEADER_START = 0x202, LOADER_UNKNOWN = 0xff, VID_NORMAL = 0xffff,
};
/* hvm_start_info and its tables, version 1. */
enum { PVH_MAGIC = 0x336ec578, PVH_INFO_SIZE = 56, PVH_MODULE_SIZE = 32, PVH_RANGE_SIZE = 24 };

#define CR0_PE 0x1u
#define CR0_ET 0x10u
#define CR0_PG 0x80000000u
#define CR4_PAE 0x20u
#define EFER_LME_LMA 0x500u
#define PTE_PRESENT_WRITE 3u
#define PTE_LARGE 0x80u

/* Descriptors' upper dwords: present, granular; code readable and accessed, data writable and accessed. */
#define FLAT_CODE_64 0x00af9b00u
#define FLAT_CODE_32 0x00cf9b00u
#define FLAT_DATA 0x00cf9300u
#define TSS_BUSY 0x00008b00u
#define LDT_PRESENT 0x00008200u
enum { SELECTOR_CODE = 0x10, SELECTOR_DATA = 0x18, GDT_SIZE = 0x20 };

static void write_bytes(uint64_t address, const void *data, uint64_t size)
{
    address_space_write(&address_space_memory, address, data, size);
}

static void write_cmdline(const PCBoot *boot)
{
    write_bytes(BOOT_CMDLINE, boot->cmdline, strlen(boot->cmdline) + 1);
}

/* --- registers --- */

static SegmentCache flat(uint32_t selector, uint32_t flags)
{
    return (SegmentCache){ .selector = selector, .limit = UINT32_MAX, .flags = flags };
}

static void write_gdt(uint32_t code)
{
    uint8_t gdt[GDT_SIZE] = { 0 };

    store_le32(gdt + SELECTOR_CODE, 0xffff);
    store_le32(gdt + SELECTOR_CODE + 4, code);
    store_le32(gdt + SELECTOR_DATA, 0xffff);
    store_le32(gdt + SELECTOR_DATA + 4, FLAT_DATA);
    write_bytes(BOOT_GDT, gdt, sizeof(gdt));
}

static X86CPUState *enter(uint32_t code, uint64_t entry)
{
    X86CPUState *env = &x86_cpu_by_index(0)->env;

    write_gdt(code);
    env->segs[R_CS] = flat(SELECTOR_CODE, code);
    for (int i = 0; i < CPU_SEGMENTS; i++) {
        if (i != R_CS) {
            env->segs[i] = flat(SELECTOR_DATA, FLAT_DATA);
        }
    }
    env->tr = (SegmentCache){ .limit = 0xffff, .flags = TSS_BUSY };
    env->ldt = (SegmentCache){ .limit = 0xffff, .flags = LDT_PRESENT };
    env->gdt = (SegmentCache){ .base = BOOT_GDT, .limit = GDT_SIZE - 1 };
    env->idt = (SegmentCache){ 0 };
    memset(env->regs, 0, sizeof(env->regs));
    env->regs[R_ESP] = BOOT_STACK;
    env->eip = entry;
    env->eflags = 2;
    env->cr[0] = CR0_PE | CR0_ET;
    return env;
}

/* The first 4 GiB, each address itself, in pages of 2 MiB. */
static void write_page_tables(void)
{
    g_autofree uint8_t *pages = g_malloc0(6 * 4096);

    store_le64(pages, (BOOT_PAGE_TABLES + 0x1000) | PTE_PRESENT_WRITE);
    for (unsigned i = 0; i < 4; i++) {
        store_le64(pages + 0x1000 + 8 * i, (BOOT_PAGE_TABLES + 0x2000 + 0x1000 * i) | PTE_PRESENT_WRITE);
    }
    for (uint64_t i = 0; i < 2048; i++) {
        store_le64(pages + 0x2000 + 8 * i, i * 2 * MiB | PTE_LARGE | PTE_PRESENT_WRITE);
    }
    write_bytes(BOOT_PAGE_TABLES, pages, 6 * 4096);
}

/* --- Linux --- */

static void put_e820(const PCMachineState *pc, uint8_t *page)
{
    BootRange map[BOOT_RANGES_MAX];
    unsigned count = boot_memory_map(pc, map);

    page[E820_ENTRIES] = count;
    for (unsigned i = 0; i < count; i++) {
        store_le64(page + E820_TABLE + 20 * i, map[i].address);
        store_le64(page + E820_TABLE + 20 * i + 8, map[i].length);
        store_le32(page + E820_TABLE + 20 * i + 16, map[i].type);
    }
}

static void write_zero_page(const PCBoot *boot)
{
    const uint8_t *setup = boot->setup;
    unsigned end = MIN(HEADER_START + setup[HEADER_END_OFFSET], LINUX_SETUP_HEADER_MAX);
    uint8_t page[4096] = { 0 };

    memcpy(page + LINUX_SETUP_HEADER, setup + LINUX_SETUP_HEADER, end - LINUX_SETUP_HEADER);
    page[TYPE_OF_LOADER] = LOADER_UNKNOWN;
    store_le16(page + VID_MODE, VID_NORMAL);
    store_le32(page + CODE32_START, boot->image.segments[0].address);
    store_le32(page + CMD_LINE_PTR, BOOT_CMDLINE);
    store_le32(page + RAMDISK_IMAGE, boot->initrd_size ? boot->initrd_address : 0);
    store_le32(page + RAMDISK_SIZE, boot->initrd_size);
    if (pc_acpi_enabled(boot->pc)) {
        store_le64(page + ACPI_RSDP_ADDR, BOOT_RSDP);
    }
    put_e820(boot->pc, page);
    write_bytes(BOOT_ZERO_PAGE, page, sizeof(page));
}

void boot_enter_linux(const PCBoot *boot)
{
    X86CPUState *env = enter(boot->image.entry_64 ? FLAT_CODE_64 : FLAT_CODE_32, boot->image.entry);

    write_cmdline(boot);
    write_zero_page(boot);
    env->regs[R_ESI] = BOOT_ZERO_PAGE;
    if (boot->image.entry_64) {
        write_page_tables();
        env->cr[0] |= CR0_PG;
        env->cr[3] = BOOT_PAGE_TABLES;
        env->cr[4] = CR4_PAE;
        env->efer = EFER_LME_LMA;
    }
    env->hflags = x86_cpu_state_hflags(env);
}

/* --- PVH --- */

void boot_enter_pvh(const PCBoot *boot)
{
    X86CPUState *env = enter(FLAT_CODE_32, boot->image.entry);
    uint8_t info[PVH_INFO_SIZE + PVH_MODULE_SIZE + BOOT_RANGES_MAX * PVH_RANGE_SIZE] = { 0 };
    uint8_t *module = info + PVH_INFO_SIZE, *ranges = module + PVH_MODULE_SIZE;
    BootRange map[BOOT_RANGES_MAX];
    unsigned count = boot_memory_map(boot->pc, map);

    write_cmdline(boot);
    store_le32(info, PVH_MAGIC);
    store_le32(info + 4, 1);
    if (boot->initrd_size) {
        store_le32(info + 12, 1);
        store_le64(info + 16, BOOT_PVH_INFO + PVH_INFO_SIZE);
        store_le64(module, boot->initrd_address);
        store_le64(module + 8, boot->initrd_size);
    }
    store_le64(info + 24, BOOT_CMDLINE);
    store_le64(info + 32, pc_acpi_enabled(boot->pc) ? BOOT_RSDP : 0);
    store_le64(info + 40, BOOT_PVH_INFO + PVH_INFO_SIZE + PVH_MODULE_SIZE);
    store_le32(info + 48, count);
    for (unsigned i = 0; i < count; i++) {
        store_le64(ranges + PVH_RANGE_SIZE * i, map[i].address);
        store_le64(ranges + PVH_RANGE_SIZE * i + 8, map[i].length);
        store_le32(ranges + PVH_RANGE_SIZE * i + 16, map[i].type);
    }
    write_bytes(BOOT_PVH_INFO, info, sizeof(info));
    env->regs[R_EBX] = BOOT_PVH_INFO;
    env->hflags = x86_cpu_state_hflags(env);
}
