/* What -smbios gave, for who builds the structures. */
#ifndef HW_SMBIOS_INTERNAL_H
#define HW_SMBIOS_INTERNAL_H

#include "hw/smbios/smbios.h"

typedef struct SmbiosGiven {
    Json *fields[18];           /* by type; NULL: none */
    GPtrArray *oem_strings;     /* type 11: char * */
    GPtrArray *devices;         /* type 41: Json * */
    GByteArray *files;          /* whole structures */
    unsigned num_files, largest_file;
    uint8_t in_file[32];        /* a bit a type: a structure of a file's takes its place */
} SmbiosGiven;
extern SmbiosGiven smbios_given;    /* all members NULL without any option */

static inline bool smbios_in_file(unsigned type)
{
    return smbios_given.in_file[type / 8] >> (type % 8) & 1;
}

/* "4.2" */
bool smbios_parse_release(const char *text, unsigned *major, unsigned *minor);
/* As SMBIOS has it: the first three fields little-endian. */
bool smbios_parse_uuid(const char *text, uint8_t out[16]);
/* Its number (DSP0134, 7.42.2); 0: no such kind. */
unsigned smbios_device_kind(const char *name);

#endif
