/*
 * Putting ACPI tables together: in one file that firmware places where it likes, with a list of commands ("loader") that
 * say what must then be done to them: pointers between tables get the file's address added, checksums are made last.
 */
#ifndef HW_I386_ACPI_BUILD_H
#define HW_I386_ACPI_BUILD_H

#include <glib.h>
#include <stdint.h>

#include "hw/i386/pc.h"

#define ACPI_FILE_TABLES "etc/acpi/tables"
#define ACPI_FILE_LOADER "etc/table-loader"
#define ACPI_FILE_RSDP "etc/acpi/rsdp"
enum { ACPI_RSDP_SIZE = 20 };

/* A file of a fixed size; `length` bytes of it are in use. What would go beyond is dropped, and remembered. */
typedef struct AcpiFile {
    uint8_t *data;
    uint32_t length, size;
    bool overflow;
} AcpiFile;

typedef struct AcpiBuild {
    AcpiFile tables, loader, rsdp;
} AcpiBuild;

/* Makes all of them anew. False: there is no room. */
bool acpi_tables_build(PCMachineState *pc, AcpiBuild *build);

/*
 * Carries the loader's commands out on copies of the tables and the RSDP (ACPI_RSDP_SIZE bytes) that will be at these
 * addresses. False: the commands make no sense.
 */
bool acpi_tables_link(uint8_t *tables, uint32_t tables_length, uint32_t tables_address, uint8_t *rsdp,
                      uint32_t rsdp_address, const uint8_t *loader, uint32_t loader_length);

/* The commands. */
enum { ACPI_LOADER_ALLOCATE = 1, ACPI_LOADER_ADD_POINTER = 2, ACPI_LOADER_ADD_CHECKSUM = 3, ACPI_LOADER_ENTRY = 128 };

#endif
