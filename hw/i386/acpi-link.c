/* What firmware does with the tables: places them, and carries out the loader's commands. */
#include <string.h>

#include "hw/i386/acpi-build.h"
#include "util/byteorder.h"

typedef struct Placed {
    const char *name;
    uint8_t *data;
    uint32_t length;
    uint32_t address;
} Placed;

static Placed *placed_find(Placed *files, const uint8_t *name)
{
    for (unsigned i = 0; i < 2; i++) {
        if (!strncmp(files[i].name, (const char *)name, 56)) {
            return &files[i];
        }
    }
    return NULL;
}

static bool add_pointer(Placed *files, const uint8_t *at)
{
    Placed *dest = placed_find(files, at + 4), *source = placed_find(files, at + 60);
    uint32_t offset = load_le32(at + 116), size = at[120];

    if (!dest || !source || (size != 4 && size != 8) || offset > dest->length || size > dest->length - offset) {
        return false;
    }
    store_le(dest->data + offset, size, load_le(dest->data + offset, size) + source->address);
    return true;
}

static bool add_checksum(Placed *files, const uint8_t *at)
{
    Placed *file = placed_find(files, at + 4);
    uint32_t offset = load_le32(at + 60), start = load_le32(at + 64), length = load_le32(at + 68);
    uint8_t sum = 0;

    if (!file || offset >= file->length || start > file->length || length > file->length - start) {
        return false;
    }
    for (uint32_t i = 0; i < length; i++) {
        sum += file->data[start + i];
    }
    file->data[offset] -= sum;
    return true;
}

bool acpi_tables_link(uint8_t *tables, uint32_t tables_length, uint32_t tables_address, uint8_t *rsdp,
                      uint32_t rsdp_address, const uint8_t *loader, uint32_t loader_length)
{
    Placed files[] = {
        { ACPI_FILE_TABLES, tables, tables_length, tables_address },
        { ACPI_FILE_RSDP, rsdp, ACPI_RSDP_SIZE, rsdp_address },
    };

    for (uint32_t at = 0; at + ACPI_LOADER_ENTRY <= loader_length; at += ACPI_LOADER_ENTRY) {
        uint32_t number = load_le32(loader + at);

        if ((number == ACPI_LOADER_ADD_POINTER && !add_pointer(files, loader + at)) ||
            (number == ACPI_LOADER_ADD_CHECKSUM && !add_checksum(files, loader + at))) {
            return false;
        }
    }
    return true;
}
