/*
 * SMBIOS: what the machine says of its make, as structures that firmware places in memory (DMTF DSP0134). Defaults are the
 * machine's; -smbios type=N,FIELD=VALUE… gives others, and -smbios file=FILE whole structures.
 */
#ifndef HW_SMBIOS_SMBIOS_H
#define HW_SMBIOS_SMBIOS_H

#include "hw/core/machine.h"

/* -smbios: `opts` is its argument read, `text` the argument itself (a key may come several times in it). */
bool smbios_add_option(const Json *opts, const char *text, GError **error);

typedef struct SmbiosRange {
    uint64_t address, length;
} SmbiosRange;

/* What the structures are made of. */
typedef struct SmbiosMachine {
    const char *product, *version;
    const MachineState *machine;
    uint32_t cpu_signature, cpu_features;   /* CPUID leaf 1: EAX, EDX */
    const SmbiosRange *ram;                 /* ascending */
    unsigned num_ram;
    bool entry_64;                          /* the entry point and structures of SMBIOS 3.0, else of 2.8 */
    /* As releases differ. */
    bool family_2;                          /* a processor's family is in the field for it */
    bool threads_per_socket;                /* and not of a core */
} SmbiosMachine;

/* Makes both, as fw_cfg shows them: checksums and the address are firmware's to fill in. Results are the caller's. */
bool smbios_build(const SmbiosMachine *m, GByteArray **tables, GByteArray **anchor, GError **error);
/* Fills them in: an entry point for tables at the address. */
void smbios_finish_anchor(GByteArray *anchor, uint64_t tables_address);

#endif
