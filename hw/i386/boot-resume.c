/*
 * The end of S3 for a kernel that was booted directly. Firmware that sets a board up remembers where it put the ACPI tables; for
 * tables that were put there by boot-platform.c none does. They are found as an operating system finds them, the FACS in them
 * has the place that the kernel wants to be called at in real mode (ACPI 6.4, 5.2.10 and 16.3.2).
 */
#include <string.h>

#include "hw/i386/acpi-build.h"
#include "hw/i386/boot.h"
#include "system/runstate.h"
#include "util/byteorder.h"

enum { HEADER_SIZE = 36, HEADER_LENGTH = 4, TABLES_MAX = 64, FADT_FACS = 36, FACS_WAKING_VECTOR = 12 };
enum { RSDP_RSDT = 16, CMOS_SHUTDOWN_STATUS = 0x0f };

static bool read_bytes(uint64_t address, void *to, unsigned size)
{
    return address_space_read(&address_space_memory, address, to, size) == MEMTX_OK;
}

static uint32_t read_le32(uint64_t address)
{
    uint8_t bytes[4];

    return read_bytes(address, bytes, sizeof(bytes)) ? load_le32(bytes) : 0;
}

static bool is_table(uint64_t address, const char *signature, uint8_t header[HEADER_SIZE])
{
    return address && read_bytes(address, header, HEADER_SIZE) && !memcmp(header, signature, 4);
}

/* The guest may have changed all of it. */
static uint32_t find_rsdt(void)
{
    uint8_t rsdp[ACPI_RSDP_SIZE], sum = 0;

    if (!read_bytes(BOOT_RSDP, rsdp, sizeof(rsdp)) || memcmp(rsdp, "RSD PTR ", 8)) {
        return 0;
    }
    for (unsigned i = 0; i < sizeof(rsdp); i++) {
        sum += rsdp[i];
    }
    return sum ? 0 : load_le32(rsdp + RSDP_RSDT);
}

static uint32_t find_waking_vector(void)
{
    uint8_t header[HEADER_SIZE];
    uint32_t rsdt = find_rsdt();

    if (!is_table(rsdt, "RSDT", header)) {
        return 0;
    }
    unsigned length = load_le32(header + HEADER_LENGTH), count = length < HEADER_SIZE ? 0 : (length - HEADER_SIZE) / 4;
    for (unsigned i = 0; i < MIN(count, TABLES_MAX); i++) {
        uint32_t table = read_le32(rsdt + HEADER_SIZE + 4ull * i);

        if (is_table(table, "FACP", header)) {
            uint32_t facs = read_le32(table + (uint64_t)FADT_FACS);

            return is_table(facs, "FACS", header) ? read_le32(facs + (uint64_t)FACS_WAKING_VECTOR) : 0;
        }
    }
    return 0;
}

/* Without a place to wake at, firmware starts as after any reset. */
static void sleeps(void *opaque, SleepPhase phase, WakeupReason reason)
{
    X86CPUState *env = &x86_cpu_by_index(0)->env;
    uint32_t vector = phase == SLEEP_ENDS ? find_waking_vector() : 0;

    if (vector && vector < 0x100000) {
        boot_platform_resume();
        address_space_store(&address_space_io, 0x70, CMOS_SHUTDOWN_STATUS, 1);
        address_space_store(&address_space_io, 0x71, 0, 1);
        env->segs[R_CS].selector = vector >> 4;
        env->segs[R_CS].base = vector & ~15u;
        env->eip = vector & 15;
    }
}

void pc_boot_resume_arm(PCMachineState *pc)
{
    sleep_add_handler(sleeps, pc);
}
