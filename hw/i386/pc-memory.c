/* The memory of a PC: RAM around the hole below 4 GiB, firmware, and space for option ROMs. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hw/i386/pc.h"
#include "util/error.h"
#include "util/log.h"
#include "util/units.h"

#define DEFAULT_BIOS_SIZE (256 * KiB)
#define BIOS_ALIGN (64 * KiB)
#define ISA_BIOS_MAX (128 * KiB)
#define OPTION_ROM_BASE 0xc0000
#define OPTION_ROM_SIZE 0x20000

bool pc_memory_split(PCMachineState *pc, GError **error)
{
    uint64_t ram = pc->parent_obj.ram_size;
    uint64_t low = ram >= 0xb0000000ull ? 0x80000000ull : 0xb0000000ull; /* a whole GiB, once there is enough */

    if (low > pc->max_ram_below_4g) {
        low = pc->max_ram_below_4g;
        if (low && ram > low && ram - low > low && low & (GiB - 1)) {
            warn_report(
                "There is possibly poor performance as the ram size  (0x%" G_GINT64_MODIFIER "x) is more then twice"
                " the size of max-ram-below-4g (%" G_GUINT64_FORMAT ") and max-ram-below-4g is not a multiple of 1G.",
                ram, pc->max_ram_below_4g);
        }
    }
    pc->below_4g_size = MIN(ram, low);
    pc->above_4g_size = ram - pc->below_4g_size;
    return true;
}

/* The user's file is read: it may be written to while the guest runs. */
static bool read_bios(MemoryRegion *bios, int fd, uint64_t size, GError **error)
{
    uint8_t *host;

    if (!memory_region_init_ram(bios, NULL, "pc.bios", size, error)) {
        return false;
    }
    host = memory_region_host(bios);
    for (uint64_t done = 0; done < size;) {
        ssize_t n = pread(fd, host + done, size - done, done);

        if (n <= 0) {
            return error_setf(error, "it has less than its %" G_GUINT64_FORMAT " bytes", size);
        }
        done += n;
    }
    return true;
}

/* An installed package's is mapped, for as long as the program runs: nothing is read before somebody looks. */
static bool map_bios(MemoryRegion *bios, int fd, uint64_t size, GError **error)
{
    void *host = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

    if (host == MAP_FAILED) {
        return error_set_errno(error, errno, "mmap");
    }
    if (!memory_region_init_ram_ptr(bios, NULL, "pc.bios", size, host, -1, false, error)) {
        munmap(host, size);
        return false;
    }
    return true;
}

static bool bios_size(const PCMachineState *pc, int fd, uint64_t *size)
{
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size % BIOS_ALIGN ||
        (uint64_t)st.st_size > pc->max_fw_size) {
        return false;
    }
    *size = st.st_size;
    return true;
}

static bool load_bios(PCMachineState *pc, uint64_t *size, GError **error)
{
    const MachineState *m = &pc->parent_obj;
    bool given = m->firmware && *m->firmware;
    const char *name = given ? m->firmware : m->default_firmware;
    int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    bool ok;

    *size = DEFAULT_BIOS_SIZE;
    if (!name) {
        return memory_region_init_ram(&pc->bios, NULL, "pc.bios", *size, error);    /* a board without firmware */
    }
    ok = bios_size(pc, fd, size) && (given ? read_bios(&pc->bios, fd, *size, NULL) : map_bios(&pc->bios, fd, *size, NULL));
    if (fd >= 0) {
        close(fd);
    }
    return ok || error_setf(error, "could not load PC BIOS '%s'", name);
}

static bool init_bios(PCMachineState *pc, GError **error)
{
    uint64_t size, isa_size;

    if (!load_bios(pc, &size, error)) {
        return false;
    }
    memory_region_set_readonly(&pc->bios, true);
    isa_size = MIN(size, ISA_BIOS_MAX);
    memory_region_init_alias(&pc->isa_bios, NULL, "isa-bios", &pc->bios, size - isa_size, isa_size);
    memory_region_add_overlap(&pc->pci, MiB - isa_size, &pc->isa_bios, 1);
    memory_region_set_readonly(&pc->isa_bios, true);
    memory_region_add(&pc->pci, 4 * GiB - size, &pc->bios);
    return true;
}

bool pc_memory_init(PCMachineState *pc, GError **error)
{
    MemoryRegion *system = memory_system(), *ram = pc->parent_obj.ram;

    memory_region_init_alias(&pc->ram_below_4g, NULL, "ram-below-4g", ram, 0, pc->below_4g_size);
    memory_region_add(system, 0, &pc->ram_below_4g);
    if (pc->above_4g_size) {
        memory_region_init_alias(&pc->ram_above_4g, NULL, "ram-above-4g", ram, pc->below_4g_size, pc->above_4g_size);
        memory_region_add(system, 4 * GiB, &pc->ram_above_4g);
    }
    if (!init_bios(pc, error) ||
        !memory_region_init_ram(&pc->option_rom, NULL, "pc.rom", OPTION_ROM_SIZE, error)) {
        return false;
    }
    memory_region_set_readonly(&pc->option_rom, true);
    memory_region_add_overlap(&pc->pci, OPTION_ROM_BASE, &pc->option_rom, 1);
    return pc_fw_cfg_init(pc, error);
}
