/*
 * The option ROM BAR: a file's bytes in a read-only region of a power of two.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hw/pci/pci-internal.h"
#include "util/error.h"
#include "util/units.h"

#define ROM_SIZE_MAX (2 * GiB)

bool (*pci_rom_for_firmware)(PCIDevice *dev, const char *name, int fd, GError **error);

static const char *const rom_folders[] = { "/usr/share/qemu", "/usr/share/seabios", "/usr/lib/ipxe/qemu" };

/* The file of that path, or of that name where firmware is installed. */
static int open_rom(const char *name)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);

    for (size_t i = 0; fd < 0 && !strchr(name, '/') && i < G_N_ELEMENTS(rom_folders); i++) {
        g_autofree char *path = g_build_filename(rom_folders[i], name, NULL);

        fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    return fd;
}

static bool rom_size(PCIDevice *dev, const char *name, int fd, uint64_t *file_size, uint64_t *size, GError **error)
{
    struct stat st;

    if (fstat(fd, &st) < 0) {
        return error_setf(error, "failed to get size of romfile \"%s\"", name);
    }
    if (S_ISDIR(st.st_mode) || (uint64_t)st.st_size > ROM_SIZE_MAX) {
        return error_setf(error, "romfile \"%s\" too large (size cannot exceed 2 GiB)", name);
    }
    if (st.st_size == 0) {
        return error_setf(error, "romfile \"%s\" is empty", name);
    }
    *file_size = st.st_size;
    if (dev->romsize == UINT32_MAX) {
        *size = 1;
        while (*size < *file_size) {
            *size *= 2;
        }
        dev->romsize = *size;
    } else if (*file_size > dev->romsize) {
        return error_setf(error, "romfile \"%s\" (%u bytes) is too large for ROM size %u", name, (unsigned)*file_size,
                          dev->romsize);
    }
    *size = dev->romsize;
    return true;
}

static bool load_rom(MemoryRegion *rom, int fd, const char *name, uint64_t file_size, GError **error)
{
    uint8_t *host = memory_region_host(rom);

    for (uint64_t done = 0; done < file_size;) {
        ssize_t n = read(fd, host + done, file_size - done);

        if (n <= 0 && !(n < 0 && errno == EINTR)) {
            return error_setf(error, "failed to load romfile \"%s\"", name);
        }
        done += MAX(n, 0);
    }
    return true;
}

static bool rom_add_file(PCIDevice *dev, const char *name, int fd, GError **error)
{
    const struct VMStateDescription *vmsd = DEVICE_GET_CLASS(dev)->vmsd;
    g_autofree char *region_name = g_strdup_printf("%s.rom", vmsd ? vmsd->name : object_type((Object *)dev));
    uint64_t file_size = 0, size = 0;

    if (!rom_size(dev, name, fd, &file_size, &size, error)) {
        return false;
    }
    dev->rom = g_new0(MemoryRegion, 1);
    if (!memory_region_init_rom(dev->rom, (Object *)dev, region_name, MAX(size, 16), error)) {
        g_clear_pointer(&dev->rom, g_free);
        return false;
    }
    if (!load_rom(dev->rom, fd, name, file_size, error)) {
        pci_rom_del(dev);
        return false;
    }
    pci_register_bar(dev, PCI_ROM_SLOT, PCI_BASE_ADDRESS_SPACE_MEMORY, dev->rom);
    return true;
}

bool pci_rom_add(PCIDevice *dev, GError **error)
{
    const char *name = dev->romfile ? dev->romfile : PCI_DEVICE_GET_CLASS(dev)->romfile;
    bool ok;
    int fd;

    if (!name || !*name) {
        return true;
    }
    /* Without a BAR it is for firmware to load, which a hot-plugged device comes too late for. */
    if (!dev->rom_bar && dev->parent_obj.hotplugged) {
        return error_setf(error, "Hot-plugged device without ROM bar can't have an option ROM");
    }
    if (!dev->rom_bar && !pci_rom_for_firmware) {
        return true;
    }
    fd = open_rom(name);
    if (fd < 0) {
        return error_setf(error, "failed to find romfile \"%s\"", name);
    }
    ok = dev->rom_bar ? rom_add_file(dev, name, fd, error) : pci_rom_for_firmware(dev, name, fd, error);
    close(fd);
    return ok;
}

void pci_rom_del(PCIDevice *dev)
{
    if (dev->rom) {
        memory_region_destroy(dev->rom);
        g_clear_pointer(&dev->rom, g_free);
    }
}
